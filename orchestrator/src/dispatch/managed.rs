//! A worker of our own.
