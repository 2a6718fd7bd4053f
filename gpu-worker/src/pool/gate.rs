//! The queue's places, given to clients in turns.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::sync::oneshot;

use super::{clients::ClientId, turns::Turns};

/// What an item costs at least, whatever becomes of it: reading and answering it takes the worker's time as well, and what is no image takes
/// a lane none.
const LEAST: Duration = Duration::from_millis(1);

/// What it costs at least for each MiB: the time in which a network of a gigabit brings it.
const LEAST_PER_MIB: Duration = Duration::from_millis(9);

/// Gives out places.
#[derive(Debug)]
pub(super) struct Gate(Mutex<State>);

#[derive(Debug)]
struct State {
    free: usize,
    turns: Turns<ClientId, Waiting>,
}

/// Somebody with an item that costs so much at least.
#[derive(Debug)]
struct Waiting {
    least: Duration,
    sender: oneshot::Sender<Place>,
}

/// A place in the queue, and then on a lane; it costs its client the time from [`Place::begin`] until it is dropped, or what an item of its size
/// costs at least.
#[derive(Debug)]
pub(super) struct Place {
    gate: Arc<Gate>,
    client: ClientId,
    charged: Duration,
    least: Duration,
    /// When a lane took the item; until then it has a place in the queue.
    began: Option<Instant>,
}

impl Gate {
    pub(super) fn new(places: usize) -> Self {
        Self(Mutex::new(State { free: places, turns: Turns::new() }))
    }

    /// Places that nobody has.
    pub(super) fn free(&self) -> usize {
        self.state().free
    }

    /// Waits for a place for an item of so many bytes.
    pub(super) async fn enter(self: &Arc<Self>, client: ClientId, bytes: usize) -> Place {
        let (sender, receiver) = oneshot::channel();
        let least = LEAST + LEAST_PER_MIB.mul_f64(bytes as f64 / f64::from(1 << 20));
        self.state().turns.wait(client, Waiting { least, sender });
        self.give_out();
        receiver.await.expect("whoever waits is kept until it has a place")
    }

    /// Gives free places to whoever's turn it is.
    fn give_out(self: &Arc<Self>) {
        loop {
            let (sender, place) = {
                let mut state = self.state();
                if state.free == 0 {
                    return;
                }
                let Some(turn) = state.turns.next(|waiting| waiting.sender.is_closed()) else { return };
                state.free -= 1;
                let (client, charged, Waiting { least, sender }) = (turn.client, turn.charged, turn.waiter);
                (sender, Place { gate: Arc::clone(self), client, charged, least, began: None })
            };
            // Without the lock: if nobody waits any more, the place is dropped here, and so given back.
            drop(sender.send(place));
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // The lock guards nothing that a panic could leave half-changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// A lane has taken the item: the queue's place is free, and time counts.
    pub(super) fn begin(&mut self) {
        if self.began.replace(Instant::now()).is_none() {
            self.gate.state().free += 1;
            self.gate.give_out();
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let took = self.began.map(|began| began.elapsed().max(self.least));
        {
            let mut state = self.gate.state();
            state.free += usize::from(took.is_none());
            state.turns.settle(&self.client, self.charged, took);
        }
        self.gate.give_out();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANNA: ClientId = ClientId::Local;
    const BERT: ClientId = ClientId::Address(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST));

    #[tokio::test]
    async fn a_place_is_free_again_when_its_item_is_begun_or_given_up() {
        let gate = Arc::new(Gate::new(1));
        let mut place = gate.enter(ANNA, 0).await;
        assert_eq!(gate.free(), 0);
        place.begin();
        assert_eq!(gate.free(), 1);
        drop(place);
        assert_eq!(gate.free(), 1);
        drop(gate.enter(ANNA, 0).await);
        assert_eq!(gate.free(), 1);
    }

    #[tokio::test]
    async fn whoever_gives_up_waiting_holds_nobody_up() {
        let gate = Arc::new(Gate::new(1));
        let place = gate.enter(ANNA, 0).await;
        let waiting = |client| {
            let gate = Arc::clone(&gate);
            tokio::spawn(async move { gate.enter(client, 0).await })
        };
        let (leaving, staying) = (waiting(ANNA), waiting(BERT));
        tokio::task::yield_now().await;
        leaving.abort();
        assert!(leaving.await.unwrap_err().is_cancelled());
        drop(place);
        drop(staying.await.unwrap());
        assert_eq!(gate.free(), 1);
    }

    #[tokio::test]
    async fn rubbish_that_takes_no_time_costs_its_client_what_bringing_it_does() {
        let gate = Arc::new(Gate::new(1));
        let mut occupied = gate.enter(BERT, 0).await;
        let order = Arc::<Mutex<Vec<ClientId>>>::default();
        let waiting = |client, bytes| {
            let (gate, order) = (Arc::clone(&gate), Arc::clone(&order));
            tokio::spawn(async move {
                gate.enter(client, bytes).await.begin();
                order.lock().unwrap().push(client);
            })
        };
        // A hundred megabytes of Anna's, and thirty small items of Bert's behind them.
        let items: Vec<_> =
            (0..100).map(|_| waiting(ANNA, 1 << 20)).chain((0..30).map(|_| waiting(BERT, 0))).collect();
        tokio::task::yield_now().await;
        occupied.begin();
        drop(occupied);
        for item in items {
            item.await.unwrap();
        }
        let last = order.lock().unwrap().iter().rposition(|client| *client == BERT).unwrap();
        assert!(last < 40, "{last} items were before the last one");
    }
}
