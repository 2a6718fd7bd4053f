//! The protocol `facesets.worker.v1`: generated messages, their limits, and every conversion to and from
//! domain types.
//!
//! Nothing else in the two programs interprets a message; they speak in the types of this crate. Conversions
//! *to* the wire cannot fail, conversions *from* it check everything and answer with a [`WireError`].

mod clip;
pub mod codec;
mod faces;
mod gender_age;
mod info;
mod item;
mod limits;
mod outcome;
mod pairing;
mod task;

pub use info::{Credit, Instance, ModelInfo, ModelRole, PackInfo, PackState, WorkerDescription};
pub use item::{Assembled, Assembler, Encoded, Item, Origin, ProtocolViolation, requests, requests_of};
pub use limits::{
    CONNECTION_WINDOW, MAX_CHUNK_BYTES, MAX_FRAME_BYTES, MAX_MESSAGE_BYTES, MAX_PACK_NAME, MAX_REQUEST_BYTES,
    PROTOCOL_VERSION, STREAM_WINDOW,
};
pub use outcome::{ItemFailure, ItemFailureKind, ItemOutcome, ItemReply, Timings};
pub use pairing::PairingRequest;
pub use task::{AnalyzeFaces, CountFaces, EmbedClip, MAX_TASKS, Task, TaskResult};

/// The generated messages, client and server.
#[expect(
    missing_docs,
    clippy::pedantic,
    reason = "generated from proto/, whose comments are the documentation"
)]
pub mod proto {
    tonic::include_proto!("facesets.worker.v1");
}

/// Encoded descriptors of the protocol, for gRPC reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

/// A message that does not mean anything.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum WireError {
    /// A part that must be there is not.
    #[error("the message lacks `{0}`")]
    Missing(&'static str),
    /// A list of the wrong length.
    #[error("`{field}` has {found} values, not {expected}")]
    Length {
        /// Field name.
        field: &'static str,
        /// What the protocol asks for.
        expected: usize,
        /// What came.
        found: usize,
    },
    /// A list of nothing, or of too much.
    #[error("`{field}` has {found} values, not 1 to {most}")]
    Count {
        /// Field name.
        field: &'static str,
        /// Most that the protocol allows.
        most: usize,
        /// What came.
        found: usize,
    },
    /// A text that is too long.
    #[error("`{field}` has {found} bytes, more than {most}")]
    TooLong {
        /// Field name.
        field: &'static str,
        /// Most that the protocol allows.
        most: usize,
        /// What came.
        found: usize,
    },
    /// A number outside its range.
    #[error("`{field}` is {value}, which is out of range")]
    Range {
        /// Field name.
        field: &'static str,
        /// What came.
        value: f64,
    },
    /// Not a digest.
    #[error("`{0}` is not a sha256 of 32 bytes")]
    Digest(&'static str),
    /// Not a box.
    #[error(transparent)]
    Box(#[from] crate::geometry::InvalidBox),
    /// Not a client's name.
    #[error(transparent)]
    ClientName(#[from] crate::pairing::InvalidClientName),
    /// Not an embedding.
    #[error(transparent)]
    Embedding(#[from] crate::embedding::InvalidEmbedding),
}

fn required<T>(part: Option<T>, name: &'static str) -> Result<T, WireError> {
    part.ok_or(WireError::Missing(name))
}

fn digest(bytes: &[u8], field: &'static str) -> Result<crate::Sha256Digest, WireError> {
    crate::Sha256Digest::try_from(bytes).map_err(|_| WireError::Digest(field))
}

fn digest_bytes(digest: &crate::Sha256Digest) -> prost::bytes::Bytes {
    prost::bytes::Bytes::copy_from_slice(digest.as_bytes())
}

/// The name of a pack, which is that of a folder.
fn pack_name(name: &str) -> Result<String, WireError> {
    if name.len() > MAX_PACK_NAME {
        return Err(WireError::TooLong { field: "pack", most: MAX_PACK_NAME, found: name.len() });
    }
    Ok(name.to_owned())
}

/// `value` if it is in (0, 1].
fn fraction(value: f32, field: &'static str) -> Result<f32, WireError> {
    if value > 0.0 && value <= 1.0 { Ok(value) } else { Err(WireError::Range { field, value: value.into() }) }
}
