//! A worker from its first stream to its last: what it had when it was lost, and getting it back.
//!
//! When a worker *dies* (not: when its link breaks) whatever it had is suspect. That is written down before anything else
//! happens; from then on a suspect is sent alone, so that the next death convicts it and no other.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::{
    Deaths, Event, MAX_DEATHS, Refusal, Strike, Work, Worker, WorkerNumber, run::Shared, stream::drive,
};

/// What was in flight, and whether any of it had been sent.
pub(super) type InFlight = Vec<(Work, Sent)>;

/// Whether a worker can have seen an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sent {
    /// At least a part of it is on its way.
    Begun,
    /// It is being read.
    NotYet,
}

/// Keeps a worker at work until the queue has come to its end. The error says why it was given up.
pub(super) async fn keep(worker: Worker, number: WorkerNumber, shared: Arc<Shared>) -> Result<(), String> {
    let Worker { mut connection, task, origin } = worker;
    let mut fruitless = 0;
    loop {
        let address = connection.address().to_owned();
        let Err(broken) = drive(connection, task.clone(), number, Arc::clone(&shared)).await else {
            return Ok(());
        };
        let fate = origin.fate().await;
        tracing::warn!(
            address, reason = %broken.lost, died = fate.died, hung = broken.hung, answered = broken.answered,
            in_flight = broken.in_flight.len(), "worker lost"
        );
        fruitless = if broken.answered > 0 { 0 } else { fruitless + 1 };
        if shared.bring_back(broken.in_flight, fate.died || broken.hung).await {
            origin.culprit_found();
            fruitless = 0;
        }
        let reason = match fate.words {
            Some(words) => format!("`{address}`: {}; {words}", broken.lost),
            None => format!("`{address}`: {}", broken.lost),
        };
        if fruitless >= shared.patience.fruitless_streams {
            return Err(format!("{reason} ({fruitless} times without an answer)"));
        }
        connection = tokio::select! {
            biased;
            () = shared.queue.ended() => return Ok(()),
            again = origin.again(&task, &shared.patience) => {
                again.map_err(|error| format!("{reason}; not back: {error}"))?
            }
        };
        tracing::info!(address = connection.address(), "worker is back");
    }
}

impl Shared {
    /// Puts back what a lost worker had; whether something is set aside for good instead.
    async fn bring_back(&self, in_flight: InFlight, died: bool) -> bool {
        let seen = in_flight.iter().filter(|(_, sent)| *sent == Sent::Begun).count();
        let mut strikes = Vec::new();
        let mut back = Vec::new();
        for (mut work, sent) in in_flight {
            if died && sent == Sent::Begun {
                let deaths = work.suspicion.unwrap_or(0) + u32::from(seen == 1);
                work.suspicion = Some(deaths);
                strikes.push(Strike { sha256: work.sha256, deaths });
            }
            back.push(work);
        }
        if !strikes.is_empty() && !self.write_down(strikes).await {
            // Whoever writes is gone, so nothing more may be sent.
            self.queue.stop();
        }
        let mut set_aside = false;
        // The oldest is put back last, so that it is the next one.
        for work in back.into_iter().rev() {
            if work.suspicion.is_some_and(|deaths| deaths >= MAX_DEATHS) {
                set_aside = true;
                self.answer(work, Err(Refusal::KillsWorker)).await;
            } else {
                self.queue.give_back(work);
            }
        }
        set_aside
    }

    async fn write_down(&self, strikes: Vec<Strike>) -> bool {
        let (stored, answer) = oneshot::channel();
        let sent = self.events.send(Event::Deaths(Deaths { strikes, stored })).await;
        sent.is_ok() && answer.await.is_ok()
    }
}
