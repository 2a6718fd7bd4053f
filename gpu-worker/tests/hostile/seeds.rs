//! Sound manifests and models, from which the damaged ones are made.

use facesets_core::Sha256Digest;
use facesets_mutator::Seed;
use facesets_worker::model_pack::SCHEMA;
use serde_json::json;

/// What the pack of every manifest is called.
pub(crate) const PACK: &str = "open";

/// The roles of a pack for faces.
const FACES: [&str; 4] = ["detection", "recognition", "landmarks_106", "landmarks_68"];

/// Of packs for faces, for CLIP, and for both with a role that nobody knows.
pub(crate) fn manifests() -> Vec<Seed> {
    let manifest = |name: &str, roles: &[&str]| {
        let sha256 = Sha256Digest::of(name.as_bytes()).to_string();
        let model = |role: &&str| {
            let file = json!({"file": format!("{role}.onnx"), "bytes": 16_000_000, "sha256": sha256});
            ((*role).to_owned(), file)
        };
        let models: serde_json::Map<_, _> = roles.iter().map(model).collect();
        let text =
            json!({"schema": SCHEMA, "name": PACK, "licence": "MIT", "source": "here", "models": models});
        Seed::new(name, text.to_string())
    };
    let both = [&FACES[..], &["clip_visual", "future"]].concat();
    vec![manifest("faces", &FACES), manifest("clip", &["clip_visual"]), manifest("both", &both)]
}

/// An ONNX model with names of nodes that decide a normalisation, among fields that are skipped.
pub(crate) fn models() -> Vec<Seed> {
    let field = |number: u8, bytes: &[u8]| [&[number << 3 | 2, bytes.len() as u8], bytes].concat();
    let node =
        |name: &str| field(1, &[field(1, b"input"), field(3, name.as_bytes()), field(4, b"Op")].concat());
    let model = |nodes: &[&str]| {
        let nodes: Vec<u8> = nodes.iter().flat_map(|name| node(name)).collect();
        [b"\x08\x08".to_vec(), field(2, b"producer"), field(7, &nodes)].concat()
    };
    vec![
        Seed::new("normalises-itself", model(&["Sub_0", "x", "Mul_1"])),
        Seed::new("bn-data", model(&["a", "b", "bn_data"])),
        Seed::new("no-node", model(&[])),
    ]
}
