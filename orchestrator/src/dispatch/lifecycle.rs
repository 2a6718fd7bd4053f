//! A worker from its first stream to its last: finding out why it was lost, and getting it back.

use std::{collections::HashSet, sync::Arc};

use facesets_core::Sha256Digest;

use super::{
    Worker, WorkerNumber,
    shared::{Company, Shared},
    stream::{Past, drive},
    window::{InFlight, Sent},
};

/// Keeps a worker at work until the queue has come to its end. The error says why it was given up.
pub(super) async fn keep(worker: Worker, number: WorkerNumber, shared: Arc<Shared>) -> Result<(), String> {
    let Worker { mut connection, tasks, origin } = worker;
    let (mut fruitless, mut past) = (0, Past::None);
    loop {
        let (label, instance) = (connection.label().to_owned(), connection.description().instance);
        let Err(broken) = drive(connection, past, tasks.clone(), number, Arc::clone(&shared)).await else {
            return Ok(());
        };
        let fate = origin.fate(instance).await;
        tracing::warn!(
            worker = label, reason = %broken.lost, died = fate.died, hung = broken.hung,
            answered = broken.answered, in_flight = broken.in_flight.len(), "worker lost"
        );
        fruitless = if broken.answered > 0 { 0 } else { fruitless + 1 };
        let died = fate.died || broken.hung;
        let company = Company::of(&broken.in_flight);
        let had = if died { HashSet::new() } else { seen(&broken.in_flight) };
        if !died {
            shared.give_back(broken.in_flight);
        } else if shared.accuse(broken.in_flight, company).await {
            origin.culprit_found();
            fruitless = 0;
        }
        let reason = match fate.words {
            Some(words) => format!("`{label}`: {}; {words}", broken.lost),
            None => format!("`{label}`: {}", broken.lost),
        };
        if fruitless >= shared.patience.fruitless_streams {
            return Err(format!("{reason} ({fruitless} times without an answer)"));
        }
        connection = tokio::select! {
            biased;
            () = shared.queue.ended() => return Ok(()),
            again = origin.again(&tasks, shared.patience.after(fruitless)) => {
                again.map_err(|error| format!("{reason}; not back: {error}"))?
            }
        };
        let restarted = connection.is_another_than(instance);
        past = if restarted { Past::None } else { Past::Known };
        tracing::info!(worker = label, restarted, "worker is back");
        // What looked like a link that broke was a death after all. What it had is with the others meanwhile, or still waits.
        if restarted && !had.is_empty() {
            let waiting = shared.queue.take_back(&had).into_iter().map(|work| (work, Sent::Begun)).collect();
            if shared.accuse(waiting, company).await {
                fruitless = 0;
            }
        }
    }
}

/// What a worker can have seen of what it had.
fn seen(in_flight: &InFlight) -> HashSet<Sha256Digest> {
    in_flight.iter().filter(|(_, sent)| *sent == Sent::Begun).map(|(work, _)| work.sha256).collect()
}
