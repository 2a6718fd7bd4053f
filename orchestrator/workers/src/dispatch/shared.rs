//! What the streams of all workers share, and the two ways out of them: an answer, or back into the queue.
//!
//! When a worker *dies* (not: when its link breaks) whatever it had is suspect. That is written down before
//! anything else happens; from then on a suspect is sent alone, so that the next death convicts it and no
//! other.

use std::sync::Arc;

use tokio::sync::{Semaphore, mpsc, oneshot};

use super::{
    Answer, Deaths, Event, Load, MAX_DEATHS, Measured, Patience, Queue, Refusal, Strike, Work,
    window::{InFlight, Sent},
};

/// What the streams of all workers share.
pub(super) struct Shared {
    pub(super) queue: Arc<Queue>,
    pub(super) load: Load,
    pub(super) events: mpsc::Sender<Event>,
    pub(super) patience: Patience,
    /// Photos that are being read; see [`LOADS`].
    pub(super) loading: Arc<Semaphore>,
}

/// Photos that are read at the same time, for all workers: enough for a distant file server, and for the
/// cores that transcode, each of which takes the memory of a decoded photo.
pub(super) const LOADS: usize = 8;

/// Whether a worker that died had anything else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Company {
    /// One item, which therefore is the cause.
    Alone,
    /// Several, of which one may be.
    Among,
}

impl Company {
    pub(super) fn of(in_flight: &InFlight) -> Self {
        let seen = in_flight.iter().filter(|(_, sent)| *sent == Sent::Begun).count();
        if seen == 1 { Self::Alone } else { Self::Among }
    }
}

impl Shared {
    /// Hands an answer on; only then the item is done.
    pub(super) async fn answer(&self, work: Work, outcome: Result<Measured, Refusal>) {
        let answer = Answer { sha256: work.sha256, outcome };
        if self.events.send(Event::Answer(answer)).await.is_ok() {
            self.queue.settle();
        } else {
            self.queue.give_back(work);
            self.queue.stop();
        }
    }

    /// Tells the user something.
    pub(super) async fn tell(&self, text: String) {
        // If nobody takes answers any more, this is no news either.
        let _ = self.events.send(Event::Note(text)).await;
    }

    /// Puts back what a worker had whose link broke.
    pub(super) fn give_back(&self, in_flight: InFlight) {
        // The oldest is put back last, so that it is the next one.
        for (work, _) in in_flight.into_iter().rev() {
            self.queue.give_back(work);
        }
    }

    /// Puts back what a worker had that died; whether something is set aside for good instead.
    pub(super) async fn accuse(&self, in_flight: InFlight, company: Company) -> bool {
        let mut strikes = Vec::new();
        let mut back = Vec::new();
        for (mut work, sent) in in_flight {
            if sent == Sent::Begun {
                let deaths = work.suspicion.unwrap_or(0) + u32::from(company == Company::Alone);
                work.suspicion = Some(deaths);
                strikes.push(Strike { sha256: work.sha256, deaths });
            }
            back.push((work, sent));
        }
        if !strikes.is_empty() && !self.write_down(strikes).await {
            // Whoever writes is gone, so nothing more may be sent.
            self.queue.stop();
        }
        let convicted = |(work, _): &(Work, Sent)| work.suspicion.is_some_and(|deaths| deaths >= MAX_DEATHS);
        let (set_aside, innocent): (InFlight, InFlight) = back.into_iter().partition(convicted);
        self.give_back(innocent);
        let any = !set_aside.is_empty();
        for (work, _) in set_aside {
            self.answer(work, Err(Refusal::KillsWorker)).await;
        }
        any
    }

    async fn write_down(&self, strikes: Vec<Strike>) -> bool {
        let (stored, answer) = oneshot::channel();
        let sent = self.events.send(Event::Deaths(Deaths { strikes, stored })).await;
        sent.is_ok() && answer.await.is_ok()
    }
}
