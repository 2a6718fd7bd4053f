//! The worker of facesets: image bytes in, faces out, over gRPC. It keeps no state.
//!
//! From the outside in: [`service`] speaks the protocol, [`pool`] runs items on lanes (one thread each), [`analyzer`] does what an
//! item asks for, [`vision`] is the arithmetic, [`engine`] runs networks, [`model_pack`] provides them. [`startup`] puts
//! the parts together, [`command`] does so for the command line, [`managed`] is what a parent process says and hears.

pub mod analyzer;
pub mod cli;
pub mod command;
pub mod engine;
pub mod managed;
pub mod model_pack;
pub mod pool;
pub mod service;
pub mod startup;
#[cfg(test)]
mod testing;
mod ui;
pub mod vision;
