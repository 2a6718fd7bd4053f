//! `facesets worker test`: connects, authenticates, and says what is there.

use std::{
    fmt,
    path::Path,
    time::{Duration, Instant},
};

use facesets_base::exit::{Exit, Failure, Hint as _};
use facesets_core::wire::{PackState, WorkerDescription};
use facesets_workers::dispatch::{DispatchError, WorkerEndpoint, connect};
use serde::Serialize;

use super::{Context, called, known, network};

/// How often it is asked; the median counts.
const QUESTIONS: usize = 5;

/// Flags of `worker test`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Names or addresses of workers [default: all]
    names: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Summary {
    workers: Vec<Tested>,
}

#[derive(Debug, Serialize)]
struct Tested {
    worker: String,
    #[serde(flatten)]
    result: Outcome,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Outcome {
    There(There),
    Not { error: String, hint: Option<String> },
}

#[derive(Debug, Serialize)]
struct There {
    version: String,
    protocol_version: u32,
    device: String,
    provider: String,
    runtime_version: String,
    packs: Vec<Pack>,
    /// Connection, handshake and first answer.
    connect_ms: f64,
    /// Question and answer on a connection that is there; median.
    round_trip_ms: f64,
}

#[derive(Debug, Serialize)]
struct Pack {
    name: String,
    state: &'static str,
}

/// Runs the command.
pub(super) fn run(args: &Args, file: &Path, context: &Context) -> Result<Exit, Failure> {
    let endpoints = if args.names.is_empty() {
        known(file, context)?
    } else {
        args.names.iter().map(|name| called(name, file, context)).collect::<Result<_, _>>()?
    };
    let runtime = network()?;
    let mut workers = Vec::new();
    for endpoint in &endpoints {
        let result = match runtime.block_on(test(endpoint)) {
            Ok(there) => Outcome::There(there),
            Err(error) => Outcome::Not { hint: error.hint(), error: error.to_string() },
        };
        workers.push(Tested { worker: endpoint.label(), result });
    }
    let all = workers.iter().all(|tested| matches!(tested.result, Outcome::There(_)));
    context.ui.summary(&Summary { workers })?;
    Ok(if all { Exit::Done } else { Exit::SomeFailed })
}

async fn test(endpoint: &WorkerEndpoint) -> Result<There, DispatchError> {
    let began = Instant::now();
    let connection = connect(endpoint).await?;
    let connected = began.elapsed();
    let mut times = Vec::new();
    for _ in 0..QUESTIONS {
        let asked = Instant::now();
        connection.ask_again().await?;
        times.push(asked.elapsed());
    }
    times.sort_unstable();
    let WorkerDescription {
        protocol_version, worker_version, device, provider, runtime_version, packs, ..
    } = &**connection.description();
    let state = |state: PackState| match state {
        PackState::Default => "default",
        PackState::Loaded => "loaded",
        PackState::Available => "available",
    };
    Ok(There {
        version: worker_version.clone(),
        protocol_version: *protocol_version,
        device: device.clone(),
        provider: provider.clone(),
        runtime_version: runtime_version.clone(),
        packs: packs.iter().map(|pack| Pack { name: pack.name.clone(), state: state(pack.state) }).collect(),
        connect_ms: milliseconds(connected),
        round_trip_ms: milliseconds(times[QUESTIONS / 2]),
    })
}

/// To a hundredth.
fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e5).round() / 100.0
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.workers.is_empty() {
            return writeln!(f, "no worker is known: `facesets worker add CODE` adds one");
        }
        for Tested { worker, result } in &self.workers {
            match result {
                Outcome::There(there) => {
                    let packs: Vec<String> =
                        there.packs.iter().map(|pack| format!("{} ({})", pack.name, pack.state)).collect();
                    writeln!(f, "{worker}: ok")?;
                    writeln!(f, "  version    {} (protocol {})", there.version, there.protocol_version)?;
                    writeln!(f, "  device     {} (provider {})", there.device, there.provider)?;
                    writeln!(f, "  runtime    {}", there.runtime_version)?;
                    writeln!(f, "  packs      {}", packs.join(", "))?;
                    writeln!(
                        f,
                        "  answers    in {} ms, {} ms with connecting",
                        there.round_trip_ms, there.connect_ms
                    )?;
                }
                Outcome::Not { error, hint } => {
                    writeln!(f, "{worker}: {error}")?;
                    if let Some(hint) = hint {
                        writeln!(f, "  hint: {hint}")?;
                    }
                }
            }
        }
        Ok(())
    }
}
