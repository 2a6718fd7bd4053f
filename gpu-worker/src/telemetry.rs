//! What the worker counts, under the names that Prometheus sees. No path, picture, embedding, address or
//! secret is ever among it.
//!
//! Counting goes through the `metrics` facade, so it costs next to nothing where nobody listens;
//! [`crate::exposition`] answers those who do.

use std::{sync::OnceLock, time::Duration};

use facesets_core::wire::{ItemOutcome, ModelRole};
use metrics::{counter, gauge, histogram};

use crate::engine::{RoleWord as _, RunFailure};

pub(crate) const ITEMS: &str = "facesets_worker_items_total";
pub(crate) const BYTES: &str = "facesets_worker_received_bytes_total";
pub(crate) const STREAMS: &str = "facesets_worker_streams";
pub(crate) const CLIENTS: &str = "facesets_worker_clients";
pub(crate) const CONNECTIONS: &str = "facesets_worker_connections";
pub(crate) const ITEMS_IN_FLIGHT: &str = "facesets_worker_items_in_flight";
pub(crate) const BYTES_IN_FLIGHT: &str = "facesets_worker_bytes_in_flight";
pub(crate) const QUEUE_SECONDS: &str = "facesets_worker_queue_seconds";
pub(crate) const WORK_SECONDS: &str = "facesets_worker_work_seconds";
pub(crate) const BATCH_INPUTS: &str = "facesets_worker_batch_inputs";
pub(crate) const DEVICE_ERRORS: &str = "facesets_worker_device_errors_total";
pub(crate) const REBUILDS: &str = "facesets_worker_device_rebuilds_total";
pub(crate) const REFUSED: &str = "facesets_worker_refused_total";
pub(crate) const QUEUED: &str = "facesets_worker_queued_items";
pub(crate) const QUEUE_PLACES: &str = "facesets_worker_queue_places";
pub(crate) const SERVING: &str = "facesets_worker_serving";
pub(crate) const PACKS: &str = "facesets_worker_loaded_packs";
/// The facade counts whole numbers.
pub(crate) const STAGE_MICROSECONDS: &str = "facesets_worker_stage_microseconds_total";
pub(crate) const STAGE_CALLS: &str = "facesets_worker_stage_calls_total";
pub(crate) const STAGE_INPUTS: &str = "facesets_worker_stage_inputs_total";
pub(crate) const MEMORY: &str = "facesets_worker_resident_memory_bytes";
pub(crate) const DEVICE_MEMORY: &str = "facesets_worker_device_memory_bytes";
pub(crate) const DEVICE_MEMORY_USED: &str = "facesets_worker_device_memory_used_bytes";

/// An item was answered: how long it waited for a lane and, on devices, for its turn there; and how long it
/// was in work.
pub(crate) fn item_answered(outcome: &ItemOutcome, queue: Duration, work: Duration) {
    let word = match outcome {
        Ok(_) => "ok",
        Err(failure) => failure.kind.word(),
    };
    counter!(ITEMS, "outcome" => word).increment(1);
    histogram!(QUEUE_SECONDS).record(queue);
    histogram!(WORK_SECONDS).record(work);
}

/// A whole item has arrived.
pub(crate) fn item_received(bytes: usize) {
    counter!(BYTES).increment(bytes as u64);
}

/// A batch was run.
pub(crate) fn batch(role: ModelRole, inputs: usize) {
    histogram!(BATCH_INPUTS, "model" => role.word()).record(inputs as f64);
}

/// The provider on whose account device errors are put, once it is known; a process has one.
static PROVIDER: OnceLock<String> = OnceLock::new();

/// Says which provider runs the networks.
pub(crate) fn runs_on(provider: &str) {
    // A second worker in one process, which only tests have, is counted with the first.
    let _ = PROVIDER.set(provider.to_owned());
}

/// A network could not be run.
pub(crate) fn device_error(role: ModelRole, cause: RunFailure) {
    let cause = match cause {
        RunFailure::OutOfMemory => "out_of_memory",
        RunFailure::DeviceLost => "device_lost",
        RunFailure::Other => "other",
    };
    let provider = PROVIDER.get().map_or("unknown", String::as_str);
    counter!(DEVICE_ERRORS, "provider" => provider, "model" => role.word(), "cause" => cause).increment(1);
}

/// Sessions were given up after the device went away; new ones are made.
pub(crate) fn device_rebuilt() {
    counter!(REBUILDS).increment(1);
}

/// What is refused or ended because a client takes too much, or does not do its part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// A connection: there are enough of all clients.
    Connections,
    /// A connection: the address has enough.
    ClientConnections,
    /// A connection that says nothing, or does not come to the end of its handshake.
    Silent,
    /// A connection without a call.
    Idle,
    /// A connection over which nobody names a token that counts.
    Nameless,
    /// Such a connection, whose place somebody else needs.
    Displaced,
    /// A handshake without a client certificate that counts, where one is asked for.
    Certificate,
    /// A call with no token or a wrong one.
    Token,
    /// A stream: there are enough of all clients.
    Streams,
    /// A stream: the client has enough.
    ClientStreams,
    /// A stream whose item does not go on.
    Stalled,
    /// A stream that does not keep to the protocol, or lies about sizes.
    Protocol,
}

/// Something was refused or ended.
pub(crate) fn refused(what: Refusal) {
    let reason = match what {
        Refusal::Connections => "connections",
        Refusal::ClientConnections => "client_connections",
        Refusal::Silent => "silent",
        Refusal::Idle => "idle",
        Refusal::Nameless => "nameless",
        Refusal::Displaced => "displaced",
        Refusal::Certificate => "certificate",
        Refusal::Token => "token",
        Refusal::Streams => "streams",
        Refusal::ClientStreams => "client_streams",
        Refusal::Stalled => "stalled",
        Refusal::Protocol => "protocol",
    };
    counter!(REFUSED, "reason" => reason).increment(1);
}

/// So much of a gauge, for as long as this lives.
#[derive(Debug)]
pub(crate) struct Held(&'static str, f64);

impl Held {
    fn new(gauge: &'static str, much: f64) -> Self {
        gauge!(gauge).increment(much);
        Self(gauge, much)
    }

    /// An open stream.
    pub(crate) fn stream() -> Self {
        Self::new(STREAMS, 1.0)
    }

    /// A client with a stream or something in flight.
    pub(crate) fn client() -> Self {
        Self::new(CLIENTS, 1.0)
    }

    /// A connection.
    pub(crate) fn connection() -> Self {
        Self::new(CONNECTIONS, 1.0)
    }

    /// An item of so many bytes: from when they have their place until its answer is taken.
    pub(crate) fn item(bytes: u64) -> [Self; 2] {
        [Self::new(ITEMS_IN_FLIGHT, 1.0), Self::new(BYTES_IN_FLIGHT, bytes as f64)]
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        gauge!(self.0).decrement(self.1);
    }
}
