//! A worker from its first stream to its last: finding out why it was lost, and getting it back.

use std::{collections::HashSet, sync::Arc};

use facesets_core::{Sha256Digest, wire::Instance};

use super::{
    Connection, Worker, WorkerNumber, WorkerSource,
    breakage::Breakage,
    member::Member,
    probe,
    shared::{Company, Shared},
    stream::{Broken, End, Past, drive},
    window::{InFlight, Sent},
};

/// Keeps a worker at work until the queue has come to its end. The error says why it was given up.
pub(super) async fn keep(worker: Worker, number: WorkerNumber, shared: Arc<Shared>) -> Result<(), String> {
    let Worker { connection, tasks, origin } = worker;
    Keeper { member: Arc::new(Member::new(number, tasks)), origin, shared, fruitless: 0 }
        .run(connection)
        .await
}

struct Keeper {
    member: Arc<Member>,
    origin: WorkerSource,
    shared: Arc<Shared>,
    /// Streams without an answer, one after the other.
    fruitless: u32,
}

impl Keeper {
    async fn run(mut self, mut connection: Connection) -> Result<(), String> {
        let mut past = Past::None;
        loop {
            let (label, instance) = (connection.label().to_owned(), connection.description().instance);
            let Err(broken) =
                drive(connection, past, Arc::clone(&self.member), Arc::clone(&self.shared)).await
            else {
                return Ok(());
            };
            self.fruitless = if broken.answered > 0 { 0 } else { self.fruitless + 1 };
            let back = match broken.end {
                End::Discredited => {
                    let reason = format!("`{label}`: {}", broken.lost);
                    self.shared.give_back(broken.in_flight);
                    return Err(reason);
                }
                End::Hung => self.after_silence(broken, &label, instance).await?,
                End::Draining => {
                    if self.member.begins_to_drain() {
                        let told =
                            format!("the worker {label} is shutting down: it is tried again for a while");
                        self.shared.tell(told).await;
                    }
                    self.after_break(broken, &label, instance).await?
                }
                End::Broken => self.after_break(broken, &label, instance).await?,
            };
            let Some(again) = back else { return Ok(()) };
            let restarted = again.is_another_than(instance);
            past = if restarted { Past::None } else { Past::Known };
            tracing::info!(worker = label, restarted, "worker is back");
            connection = again;
        }
    }

    /// Gets a worker back whose stream broke; `None` where the queue has come to its end meanwhile.
    async fn after_break(
        &mut self,
        broken: Broken,
        label: &str,
        instance: Option<Instance>,
    ) -> Result<Option<Connection>, String> {
        let (died, reason) = self.post_mortem(&broken, label, instance).await;
        let company = Company::of(&broken.in_flight);
        let had = if died { HashSet::new() } else { seen(&broken.in_flight) };
        if died {
            self.accuse(broken.in_flight, company).await;
        } else {
            self.shared.give_back(broken.in_flight);
        }
        if self.fruitless >= self.shared.patience.fruitless_streams {
            return Err(format!("{reason} ({} times without an answer)", self.fruitless));
        }
        let again = self.again(&reason).await?;
        // What looked like a link that broke was a death after all. What it had is with the others meanwhile,
        // or still waits.
        if again.as_ref().is_some_and(|again| again.is_another_than(instance)) && !had.is_empty() {
            let waiting =
                self.shared.queue.take_back(&had).into_iter().map(|work| (work, Sent::Begun)).collect();
            self.accuse(waiting, company).await;
        }
        Ok(again)
    }

    /// Gets a worker back that did nothing. Whether a photo has hung it, or it does nothing for anybody, a
    /// picture of ours tells: photos are accused in the first case only.
    async fn after_silence(
        &mut self,
        broken: Broken,
        label: &str,
        instance: Option<Instance>,
    ) -> Result<Option<Connection>, String> {
        let (_, reason) = self.post_mortem(&broken, label, instance).await;
        let in_flight = broken.in_flight;
        let again = match self.again(&reason).await {
            Ok(None) => {
                self.shared.give_back(in_flight);
                return Ok(None);
            }
            Ok(Some(again)) => {
                let silence = self.shared.patience.silence;
                let answers = probe::answers(again.clone(), &self.member.tasks, silence).await;
                let nor = || format!("{reason}, nor about a picture that does nobody any harm");
                answers.then_some(again).ok_or_else(nor)
            }
            Err(reason) => Err(reason),
        };
        let company = Company::of(&in_flight);
        match again {
            Ok(again) => {
                self.member.has_answered();
                self.accuse(in_flight, company).await;
                Ok(Some(again))
            }
            Err(reason) => {
                // Of one that has worked before, the photos may still be the cause; it cannot be found out
                // now.
                if self.member.is_known_to_work() {
                    self.accuse(in_flight, company).await;
                } else {
                    self.shared.give_back(in_flight);
                }
                Err(reason)
            }
        }
    }

    /// Whether the worker is gone, and what is to be said of it.
    async fn post_mortem(&self, broken: &Broken, label: &str, instance: Option<Instance>) -> (bool, String) {
        let Breakage { died, words } = self.origin.fate(instance).await;
        tracing::warn!(
            worker = label, reason = %broken.lost, died, end = ?broken.end,
            answered = broken.answered, in_flight = broken.in_flight.len(), "worker lost"
        );
        let reason = match words {
            Some(words) => format!("`{label}`: {}; {words}", broken.lost),
            None => format!("`{label}`: {}", broken.lost),
        };
        (died, reason)
    }

    /// Suspects photos; if one of them is set aside for good, the worker is not to blame.
    async fn accuse(&mut self, in_flight: InFlight, company: Company) {
        if self.shared.accuse(in_flight, company).await {
            self.origin.culprit_found();
            self.fruitless = 0;
        }
    }

    /// Reaches the worker again; `None` where the queue comes to its end meanwhile.
    async fn again(&self, reason: &str) -> Result<Option<Connection>, String> {
        let patience = self.shared.patience.after(self.fruitless);
        tokio::select! {
            biased;
            () = self.shared.queue.ended() => Ok(None),
            again = self.origin.again(&self.member.tasks, patience) => {
                again.map(Some).map_err(|error| format!("{reason}; not back: {error}"))
            }
        }
    }
}

/// What a worker can have seen of what it had.
fn seen(in_flight: &InFlight) -> HashSet<Sha256Digest> {
    in_flight.iter().filter(|(_, sent)| *sent == Sent::Begun).map(|(work, _)| work.sha256).collect()
}
