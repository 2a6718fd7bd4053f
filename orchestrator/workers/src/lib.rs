//! Workers: connections, streams, credit, retries, a worker of our own; the only gRPC of the orchestrator.

pub mod dispatch;
pub mod selection;
