//! What is told to Prometheus and to whoever asks for the worker's health: the recorder behind the facade,
//! and what is read off only when somebody asks.

mod device_memory;
mod door;
pub mod http;

use std::sync::Arc;

use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

use crate::{
    device::DeviceState,
    meter::{Meter, STAGES},
    packs::Packs,
    pool::Pool,
    resources,
    telemetry::{
        BATCH_INPUTS, BYTES, BYTES_IN_FLIGHT, CLIENTS, CONNECTIONS, DEVICE_ERRORS, DEVICE_MEMORY,
        DEVICE_MEMORY_USED, ITEMS, ITEMS_IN_FLIGHT, MEMORY, PACKS, QUEUE_PLACES, QUEUE_SECONDS, QUEUED,
        REBUILDS, REFUSED, SERVING, STAGE_CALLS, STAGE_INPUTS, STAGE_MICROSECONDS, STREAMS, WORK_SECONDS,
    },
};

/// Upper ends of the buckets of times, in seconds: from an item that finds a lane free to one that waits for
/// a pack to load.
const SECONDS: [f64; 12] = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 60.0, 120.0];

/// Upper ends of the buckets of batches: the sizes that devices see.
const INPUTS: [f64; 6] = [1.0, 4.0, 8.0, 16.0, 32.0, 64.0];

/// What is looked at when somebody asks.
#[derive(Debug, Clone)]
pub struct Sources {
    /// Where the time goes.
    pub meter: Arc<Meter>,
    /// The lanes.
    pub pool: Arc<Pool>,
    /// The packs.
    pub packs: Arc<Packs>,
}

/// Whether the worker would take an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Observed {
    /// It would.
    Serving,
    /// Its device went away; new sessions are being made.
    DeviceAway,
    /// It is shutting down.
    Draining,
    /// Its device went away and did not come back.
    DeviceLost,
}

impl Observed {
    /// As one word or two.
    pub fn words(self) -> &'static str {
        match self {
            Self::Serving => "serving",
            Self::DeviceAway => "not serving: the device went away, new sessions are being made",
            Self::Draining => "not serving: shutting down",
            Self::DeviceLost => "not serving: the device is lost",
        }
    }
}

/// Makes the recorder of this process, once; what was counted before is lost.
pub fn recorder() -> Result<PrometheusHandle, BuildError> {
    let builder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Full(QUEUE_SECONDS.to_owned()), &SECONDS)?
        .set_buckets_for_metric(Matcher::Full(WORK_SECONDS.to_owned()), &SECONDS)?
        .set_buckets_for_metric(Matcher::Full(BATCH_INPUTS.to_owned()), &INPUTS)?;
    let handle = builder.install_recorder()?;
    describe();
    Ok(handle)
}

fn describe() {
    describe_counter!(ITEMS, "Items answered, by outcome: ok, or the sort of failure");
    describe_counter!(BYTES, Unit::Bytes, "Encoded images received");
    describe_gauge!(CLIENTS, "Clients that have a stream or anything in flight");
    describe_gauge!(STREAMS, "Streams of clients that are open");
    describe_gauge!(CONNECTIONS, "Connections of clients, those in a handshake included");
    describe_gauge!(ITEMS_IN_FLIGHT, "Items that have their place among the bytes in flight");
    describe_gauge!(
        BYTES_IN_FLIGHT,
        Unit::Bytes,
        "Encoded images in flight, those that are still to come included"
    );
    describe_histogram!(QUEUE_SECONDS, Unit::Seconds, "From an item's arrival to work on it");
    describe_histogram!(WORK_SECONDS, Unit::Seconds, "Work on an item");
    describe_histogram!(BATCH_INPUTS, "Inputs of a run of a network");
    describe_counter!(DEVICE_ERRORS, "Runs of a network that failed, by provider, model and cause");
    describe_counter!(REBUILDS, "How often sessions were made anew because the device had gone away");
    describe_counter!(REFUSED, "Connections, calls and streams that were refused or ended, by reason");
    describe_gauge!(QUEUED, "Items that wait for a lane");
    describe_gauge!(QUEUE_PLACES, "Most items that may wait for a lane");
    describe_gauge!(SERVING, "1 if items are taken, else 0");
    describe_gauge!(PACKS, "Model packs in memory");
    describe_counter!(STAGE_MICROSECONDS, Unit::Microseconds, "Time in each stage, over all threads");
    describe_counter!(STAGE_CALLS, "Calls of each stage");
    describe_counter!(STAGE_INPUTS, "Photos or faces that went through each stage");
    describe_gauge!(DEVICE_MEMORY, Unit::Bytes, "Memory of a graphics adapter, where its driver says so");
    describe_gauge!(
        DEVICE_MEMORY_USED,
        Unit::Bytes,
        "What all processes use of it, where its driver says so"
    );
    describe_gauge!(MEMORY, Unit::Bytes, "Memory of the process, where the system says so");
}

impl Sources {
    /// What is true now.
    pub fn observed(&self) -> Observed {
        match self.pool.condition().now() {
            DeviceState::Lost => Observed::DeviceLost,
            _ if self.pool.is_shut_down() => Observed::Draining,
            DeviceState::Away => Observed::DeviceAway,
            DeviceState::Working => Observed::Serving,
        }
    }

    /// Brings up to date what is not counted as it happens.
    fn gather(&self, observed: Observed) {
        gauge!(SERVING).set(if observed == Observed::Serving { 1.0 } else { 0.0 });
        let (queued, places) = self.pool.queued();
        gauge!(QUEUED).set(queued as f64);
        gauge!(QUEUE_PLACES).set(places as f64);
        gauge!(PACKS).set(self.packs.loaded() as f64);
        if let Some(bytes) = resources::resident() {
            gauge!(MEMORY).set(bytes as f64);
        }
        for adapter in device_memory::adapters() {
            for (name, bytes) in [(DEVICE_MEMORY, adapter.total), (DEVICE_MEMORY_USED, adapter.used)] {
                if let Some(bytes) = bytes {
                    gauge!(name, "device" => adapter.address.clone()).set(bytes as f64);
                }
            }
        }
        for stage in STAGES {
            let tally = self.meter.tally(stage);
            let word = stage.word().replace(' ', "_");
            counter!(STAGE_MICROSECONDS, "stage" => word.clone()).absolute(tally.time.as_micros() as u64);
            counter!(STAGE_CALLS, "stage" => word.clone()).absolute(tally.calls);
            counter!(STAGE_INPUTS, "stage" => word).absolute(tally.inputs);
        }
    }
}
