//! What the integration tests share: where things are, how programs are started, what a library holds
//! afterwards.
//!
//! The tests use real models on real photos. `scripts/setup` puts both under `.setup`; `scripts/test` does
//! that first and builds the two programs.

#![expect(clippy::missing_panics_doc, reason = "a helper of tests panics where the test has failed")]

pub mod armoured;
pub mod frail;
pub mod hostile;
pub mod people;
pub mod portraits;
pub mod program;
pub mod python;
pub mod random;
pub mod setup;
