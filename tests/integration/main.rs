//! The whole system under test. One binary, so that it links once.

#![expect(clippy::unwrap_used, reason = "helpers of tests panic where the test has failed")]

mod adopt;
mod armour;
mod bad_input;
mod certificate;
mod changes;
mod consent;
mod copies;
mod dispatch;
mod edges;
mod eras;
mod exports;
mod first_hour;
mod gender_age;
mod gone;
mod identities;
mod import;
mod interop;
mod kills;
mod knowing;
mod link;
mod lying;
mod main_job;
mod names;
mod numbers;
mod old_cache;
mod outputs;
mod reflection;
mod refusals;
mod repair;
mod scan;
mod staging;
mod tidy;
mod untouched;
mod words;
