//! The words and the wire of facesets: what both programs must mean alike, and nothing else.
//!
//! Domain types come first ([`digest`], [`geometry`], [`embedding`], [`face`], [`pixels`], [`contract`],
//! [`limits`], [`pairing`]): plain values that are valid by construction, with no serialisation, no I/O and
//! no gRPC in them. [`wire`] alone knows the protocol's messages and turns them into domain types and back.

pub mod clip;
pub mod contract;
pub mod digest;
pub mod embedding;
pub mod face;
pub mod geometry;
pub mod limits;
pub mod litter;
pub mod pairing;
pub mod pixels;
pub mod shown;
pub mod told;
pub mod wire;

pub use clip::{ClipAnalysis, ClipEmbedding};
pub use contract::{
    ClipContract, CountContract, FaceContract, GenderAgeContract, LandmarksContract, PREPROCESSING_VERSION,
};
pub use digest::Sha256Digest;
pub use embedding::{EMBEDDING_LEN, Embedding, FaceEmbedding};
pub use face::{DetectedFace, Detections, Face, FaceAnalysis, FaceCount, Gender, GenderAge, GenderAges};
pub use geometry::{BBox, Pose, UPRIGHT_DEGREES, believed_pose, roll_of};
pub use limits::ImageLimits;
pub use litter::is_litter;
pub use pixels::{PIXEL_DIGEST_VERSION, ParsePixelDigestError, PixelDigest};
pub use shown::{OneLine, shown};
