//! Sound messages and codes, from which the damaged ones are made.

use std::time::Duration;

use facesets_core::{
    BBox, ClipAnalysis, ClipContract, ClipEmbedding, CountContract, DetectedFace, Detections, EMBEDDING_LEN,
    Face, FaceAnalysis, FaceContract, FaceCount, FaceEmbedding, GenderAge, GenderAgeContract, GenderAges,
    ImageLimits, LandmarksContract, PIXEL_DIGEST_VERSION, PixelDigest, Sha256Digest,
    clip::CLIP_EMBEDDING_LEN,
    face::{LANDMARKS_68, LANDMARKS_106},
    pairing::{PairingCode, SECRET_LEN},
    wire::{
        AnalyzeFaces, CountFaces, Credit, EmbedClip, Item, ItemFailure, ItemFailureKind, ItemReply,
        ModelInfo, ModelRole, PROTOCOL_VERSION, PackInfo, PackState, PairingRequest, Task, TaskResult,
        Timings, WorkerDescription, proto, requests,
    },
};
use facesets_mutator::Seed;
use prost::Message;

const SIZE: u32 = 640;

fn digest() -> Sha256Digest {
    Sha256Digest::of(b"a model")
}

fn face_contract() -> FaceContract {
    FaceContract { detector: digest(), recogniser: digest(), det_size: SIZE, preprocessing: 1 }
}

fn gender_age_contract() -> GenderAgeContract {
    GenderAgeContract { detector: digest(), gender_age: digest(), det_size: SIZE, preprocessing: 1 }
}

fn count_contract() -> CountContract {
    CountContract { detector: digest(), det_size: SIZE, preprocessing: 1 }
}

fn clip_contract() -> ClipContract {
    ClipContract { visual: digest(), preprocessing: 1 }
}

fn bbox() -> BBox {
    BBox::new([10.0, 20.0, 110.0, 140.0]).expect("it spans a box")
}

/// Streams of one item, of several, in chunks, too large, cut off.
pub(crate) fn streams() -> Vec<Seed> {
    let gender_age = Some(gender_age_contract());
    let faces = Task::from(AnalyzeFaces { gender_age, ..AnalyzeFaces::new("open", face_contract()) });
    let count = Task::from(CountFaces::new("open", vec![count_contract(); 2]));
    let clip = Task::from(EmbedClip { pack: "clip".to_owned(), contract: clip_contract() });
    let item = |id: u64, tasks: &[Task], bytes: usize| {
        let item = Item { id, tasks: tasks.to_vec(), data: vec![7; bytes].into() };
        requests(&item).collect::<Vec<_>>()
    };
    // An item in three messages; the chunks that `requests` cuts have megabytes.
    let mut chunked = item(9, std::slice::from_ref(&faces), 30);
    if let Some(proto::process_request::Kind::Item(begin)) = &mut chunked[0].kind {
        begin.data.truncate(10);
    }
    let chunk = proto::ItemChunk { data: vec![7; 10].into() };
    let chunk = proto::ProcessRequest { kind: Some(proto::process_request::Kind::Chunk(chunk)) };
    chunked.extend([chunk.clone(), chunk]);
    let whole = item(1, std::slice::from_ref(&faces), 50);
    let several = [item(2, &[faces, count, clip], 0), whole.clone(), chunked.clone(), whole.clone()].concat();
    let too_large = [item(3, &[], 5000), whole.clone()].concat();
    let cut_off = [&whole[..], &chunked[..2]].concat();
    let streams = [
        ("one", whole),
        ("several", several),
        ("chunked", chunked),
        ("too-large", too_large),
        ("cut-off", cut_off),
    ];
    let bytes = |messages: Vec<proto::ProcessRequest>| -> Vec<u8> {
        messages.iter().flat_map(Message::encode_length_delimited_to_vec).collect()
    };
    streams.into_iter().map(|(name, messages)| Seed::new(name, bytes(messages))).collect()
}

/// Messages behind the byte that [`crate::checks::message`] tells them by.
pub(crate) fn messages() -> Vec<Seed> {
    let seed = |name: &str, kind: u8, message: Vec<u8>| Seed::new(name, [vec![kind], message].concat());
    let reply = |outcome| proto::ProcessResponse::from(&ItemReply { id: 5, outcome }).encode_to_vec();
    let timings = Timings { decode: Duration::from_micros(900), ..Timings::default() };
    let result = |results| reply(Ok((results, timings)));
    let failure = ItemFailure { kind: ItemFailureKind::Decode, message: "no photo".to_owned() };
    let request = PairingRequest {
        secret: [3; SECRET_LEN].into(),
        client: "laptop".parse().expect("it is a client's name"),
    };
    vec![
        seed("worker", 0, proto::WorkerInfo::from(&worker()).encode_to_vec()),
        seed("faces", 1, result(vec![TaskResult::Faces(analysis())])),
        seed("count-and-clip", 1, result(vec![TaskResult::Count(counted()), TaskResult::Clip(clip())])),
        seed("failure", 1, reply(Err(failure))),
        seed("pairing", 2, proto::PairRequest::from(&request).encode_to_vec()),
    ]
}

fn worker() -> WorkerDescription {
    let models = ModelRole::ALL.map(|role| ModelInfo { role, file: "m.onnx".to_owned(), sha256: digest() });
    WorkerDescription {
        protocol_version: PROTOCOL_VERSION,
        worker_version: "0.1.0".to_owned(),
        device: "a processor".to_owned(),
        provider: "CPU".to_owned(),
        runtime_version: "1.24".to_owned(),
        packs: vec![PackInfo {
            name: "open".to_owned(),
            models: models.to_vec(),
            licence: "MIT".to_owned(),
            state: PackState::Default,
        }],
        credit: Credit { max_items: 8, max_bytes: 1 << 26 },
        limits: ImageLimits::default(),
        instance: None,
    }
}

fn analysis() -> FaceAnalysis {
    FaceAnalysis {
        pack: "open".to_owned(),
        contract: face_contract(),
        landmarks_contract: LandmarksContract {
            detector: digest(),
            landmarks_106: digest(),
            landmarks_68: digest(),
            det_size: SIZE,
            preprocessing: 1,
        },
        width: 800,
        height: 600,
        faces: vec![Face {
            bbox: bbox(),
            det_score: 0.9,
            keypoints: [[1.0, 2.0]; 5],
            embedding: FaceEmbedding::from_raw(&[0.5; EMBEDDING_LEN]).expect("it has a direction"),
            landmarks_106: vec![[1.0, 2.0]; LANDMARKS_106],
            landmarks_68: vec![[1.0, 2.0, 3.0]; LANDMARKS_68],
            blur: 12.0,
        }],
        gender_age: Some(Box::new(GenderAges {
            contract: gender_age_contract(),
            faces: vec![GenderAge { female: -0.5, male: 0.5, age: 0.34 }],
        })),
        pixels: Some(PixelDigest { version: PIXEL_DIGEST_VERSION, digest: [5; 16] }),
    }
}

fn counted() -> FaceCount {
    let faces = vec![DetectedFace { bbox: bbox(), det_score: 0.9 }; 3];
    let sizes = vec![Detections { contract: count_contract(), faces }];
    FaceCount { pack: "open".to_owned(), width: 800, height: 600, sizes }
}

fn clip() -> ClipAnalysis {
    let embedding = ClipEmbedding::from_raw(&[0.5; CLIP_EMBEDDING_LEN]).expect("it has a direction");
    ClipAnalysis { pack: "clip".to_owned(), contract: clip_contract(), embedding }
}

/// Codes of every kind of address, an address and a name.
pub(crate) fn typed() -> Vec<Seed> {
    let code = |address: &str| {
        let address = address.parse().expect("it is an address");
        PairingCode { address, certificate: digest(), secret: [7; SECRET_LEN].into() }.to_string()
    };
    vec![
        Seed::new("v4", code("192.168.1.20:50551")),
        Seed::new("v6", code("[2001:db8::1]:50551")),
        Seed::new("host", code("gpu.local:50551")),
        Seed::new("address", "gpu.local:50551"),
        Seed::new("name", "laptop"),
    ]
}

/// The parts of codes before their checksum: version, kind, address, port, digest, secret.
pub(crate) fn code_parts() -> Vec<Seed> {
    let parts = |name: &str, head: &[u8]| Seed::new(name, [head, &[7; 32 + SECRET_LEN]].concat());
    vec![
        parts("v4-parts", b"\x01\x04\xC0\xA8\x01\x14\xC5\x77"),
        parts("v6-parts", b"\x01\x06\x20\x01\x0D\xB8\0\0\0\0\0\0\0\0\0\0\0\x01\xC5\x77"),
        parts("host-parts", b"\x01\x89gpu.local\xC5\x77"),
    ]
}
