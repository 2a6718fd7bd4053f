//! Where a worker comes from, and how it is got back when its connection breaks.

use std::{
    hash::{BuildHasher as _, Hasher as _, RandomState},
    sync::Arc,
    time::Duration,
};

use facesets_core::wire::{Instance, Task};
use tokio::net::TcpStream;

use super::{Connection, DispatchError, WorkerEndpoint, breakage::Breakage, connect, managed::Supervisor};

/// How long a host may take to say who listens there now, if anybody. What a lost worker had waits meanwhile.
const PROBE_TIMEOUT: Duration = Duration::from_secs(1);

/// How much is put up with before a worker is given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// Tries to reach a worker again, one after the other.
    pub reconnects: u32,
    /// Before the first try; each further one waits twice as long, all of them more or less by half so that
    /// many clients do not come at once.
    pub first_delay: Duration,
    /// Between two tries at most.
    pub longest_delay: Duration,
    /// Streams without a single answer, one after the other.
    pub fruitless_streams: u32,
    /// Silence of a worker that has something to do. A worker that answers pings and nothing else hangs.
    pub silence: Duration,
}

impl Patience {
    /// The same after so many streams without an answer: each makes the first delay twice as long. A worker
    /// whose device is lost can be reached at once, and is of no use before somebody has started it again.
    pub(super) fn after(self, fruitless: u32) -> Self {
        let first_delay = self.first_delay.saturating_mul(2u32.saturating_pow(fruitless));
        Self { first_delay: first_delay.min(self.longest_delay), ..self }
    }
}

impl Default for Patience {
    /// A link that is away for half a minute, and images that take minutes each.
    fn default() -> Self {
        Self {
            reconnects: 8,
            first_delay: Duration::from_millis(250),
            longest_delay: Duration::from_secs(10),
            fruitless_streams: 6,
            silence: Duration::from_mins(5),
        }
    }
}

/// Where a worker comes from.
#[derive(Debug, Clone)]
pub enum WorkerSource {
    /// Somebody else runs it.
    Remote(WorkerEndpoint),
    /// We do.
    Managed(Arc<Supervisor>),
}

impl WorkerSource {
    /// Finds out what became of it, of which `instance` was there. A managed one is gone afterwards in any
    /// case.
    pub(super) async fn fate(&self, instance: Option<Instance>) -> Breakage {
        match self {
            Self::Remote(endpoint) => Breakage { died: has_died(endpoint, instance).await, words: None },
            Self::Managed(supervisor) => {
                let supervisor = Arc::clone(supervisor);
                let buried = tokio::task::spawn_blocking(move || supervisor.bury()).await;
                buried.unwrap_or(Breakage { died: false, words: None })
            }
        }
    }

    /// Whom it was that workers died of is known, and will not be sent again.
    pub(super) fn culprit_found(&self) {
        if let Self::Managed(supervisor) = self {
            supervisor.forgive();
        }
    }

    /// Gets it back, with the same contracts. The error is for people, and final.
    pub(super) async fn again(&self, tasks: &[Task], patience: Patience) -> Result<Connection, String> {
        let connection = match self {
            Self::Remote(endpoint) => reconnect(endpoint, &patience).await?,
            Self::Managed(supervisor) => {
                let supervisor = Arc::clone(supervisor);
                let restarted = tokio::task::spawn_blocking(move || supervisor.restart());
                let endpoint = restarted.await.map_err(|error| error.to_string())?;
                connect(&endpoint.map_err(|error| error.to_string())?)
                    .await
                    .map_err(|error| error.to_string())?
            }
        };
        let packs = &connection.description().packs;
        let Some(unmet) = tasks.iter().find(|task| !packs.iter().any(|pack| task.is_met_by(pack))) else {
            return Ok(connection);
        };
        let names: Vec<_> = packs.iter().map(|pack| pack.name.as_str()).collect();
        Err(format!(
            "it came back with other models: pack `{}` is not what it was ({})",
            unmet.pack(),
            names.join(", ")
        ))
    }
}

async fn reconnect(endpoint: &WorkerEndpoint, patience: &Patience) -> Result<Connection, String> {
    let mut delay = patience.first_delay;
    let mut reason = "no try was allowed".to_owned();
    for number in 1..=patience.reconnects {
        tokio::time::sleep(delay.mul_f64(0.5 + random_fraction())).await;
        delay = (delay * 2).min(patience.longest_delay);
        match connect(endpoint).await {
            Ok(connection) => return Ok(connection),
            Err(error @ (DispatchError::Unreachable { .. } | DispatchError::NotAWorker { .. })) => {
                tracing::warn!(worker = endpoint.label(), number, %error, "not back yet");
                reason = error.to_string();
            }
            // Waiting does not help.
            Err(error) => return Err(error.to_string()),
        }
    }
    Err(format!("{reason} ({} tries)", patience.reconnects))
}

/// Whether the worker's process is gone: nobody listens any more, or it is another one that does. A link that
/// is down says nothing, and one that was only cut leads to the same instance again.
async fn has_died(endpoint: &WorkerEndpoint, instance: Option<Instance>) -> bool {
    let Some((host, port)) = endpoint.socket() else { return false };
    let ask = async {
        match TcpStream::connect((host.as_str(), port)).await {
            Ok(_) => connect(endpoint).await.is_ok_and(|connection| connection.is_another_than(instance)),
            Err(error) => error.kind() == std::io::ErrorKind::ConnectionRefused,
        }
    };
    tokio::time::timeout(PROBE_TIMEOUT, ask).await.unwrap_or(false)
}

/// In [0, 1); good enough to keep clients apart.
fn random_fraction() -> f64 {
    let bits = RandomState::new().build_hasher().finish() >> 11;
    bits as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_fractions_are_fractions_and_differ() {
        let some: Vec<f64> = (0..20).map(|_| random_fraction()).collect();
        assert!(some.iter().all(|fraction| (0.0..1.0).contains(fraction)), "{some:?}");
        assert!(some.windows(2).any(|pair| pair[0].to_bits() != pair[1].to_bits()), "{some:?}");
    }

    #[tokio::test]
    async fn a_closed_port_is_a_dead_worker_and_an_open_one_is_not() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let dead = async |address: &str| has_died(&WorkerEndpoint::to(address), None).await;
        assert!(!dead(&address).await);
        drop(listener);
        assert!(dead(&address).await && dead(&format!("http://{address}")).await);
        assert!(!dead("not an address").await);
    }
}
