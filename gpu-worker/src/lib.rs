//! The worker of facesets: image bytes in, faces out, over gRPC. It keeps no state.
//!
//! From the outside in: [`service`] speaks the protocol, [`pool`] runs items on lanes (one thread each), [`analyzer`] does what an
//! item asks for, [`vision`] is the arithmetic, [`engine`] runs networks, [`model_pack`] provides them. [`command`] puts the
//! parts together for the command line, [`managed`] is the parent process's side of it.

pub mod analyzer;
pub mod engine;
pub mod model_pack;
pub mod pool;
#[cfg(test)]
mod testing;
pub mod vision;
