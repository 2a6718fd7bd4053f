//! The worker of facesets: image bytes in, faces out, over gRPC. It keeps nothing of either.
//!
//! From the outside in: [`service`] speaks the protocol, [`pool`] gives items to lanes (one thread each),
//! [`analyzer`] does what an item asks for, [`vision`] is the arithmetic, [`device`] gathers the inputs of
//! networks, [`engine`] runs them, [`model_pack`] provides them, [`onnx`] reads their files, [`meter`] says
//! where the time goes, [`exposition`] tells it to Prometheus, [`mod@bench`] measures. [`trust`] knows whom
//! to let in. [`assembly`] and [`startup`] put the parts together, [`command`] does so for the command line,
//! [`managed`] is what a parent process says and hears.

pub mod analyzer;
pub mod assembly;
pub mod bench;
pub mod cli;
pub mod command;
mod connection_limits;
pub mod device;
pub mod engine;
pub mod exposition;
mod guarded;
pub mod logging;
pub mod managed;
pub mod meter;
pub mod model_pack;
pub mod onnx;
pub mod packs;
pub mod pool;
mod resources;
pub mod service;
pub mod settings;
pub mod start_error;
pub mod startup;
mod telemetry;
#[cfg(test)]
mod testing;
pub mod trust;
mod ui;
pub mod vision;
