//! The whole system under test. One binary, so that it links once.

mod bad_input;
mod kills;
mod main_job;
mod refusals;
mod tidy;
