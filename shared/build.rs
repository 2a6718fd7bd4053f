//! Compiles the protocol with protox, so that nobody needs a `protoc`.

use std::{env, path::PathBuf};

use prost::Message as _;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("../proto");
    println!("cargo:rerun-if-changed={}", root.display());

    let descriptors =
        protox::compile(["facesets/worker/v1/worker.proto", "facesets/worker/v1/pairing.proto"], [&root])?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    std::fs::write(out.join("descriptors.bin"), descriptors.encode_to_vec())?;

    tonic_prost_build::configure()
        .bytes(".")
        .codec_path("crate::wire::codec::LeanCodec")
        // Hardly ever there, and large beside the rest of a result.
        .boxed(".facesets.worker.v1.FaceAnalysis.gender_age")
        .compile_fds(descriptors)?;
    Ok(())
}
