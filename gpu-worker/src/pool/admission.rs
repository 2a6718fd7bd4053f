//! The queue's places, given to clients in turns.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::sync::oneshot;

use super::{
    clients::{Client, ClientId},
    fair_queue::FairQueue,
};

/// What an item costs at least, whatever becomes of it: reading and answering it takes the worker's time as
/// well, and what is no image takes a lane none.
const LEAST: Duration = Duration::from_millis(1);

/// What it costs at least for each MiB: the time in which a network of a gigabit brings it.
const LEAST_PER_MIB: Duration = Duration::from_millis(9);

/// Gives out places.
#[derive(Debug)]
pub(super) struct Admission(Mutex<State>);

#[derive(Debug)]
struct State {
    free: usize,
    turns: FairQueue<ClientId, Waiting>,
}

/// Somebody with an item that takes so much at least.
#[derive(Debug)]
struct Waiting {
    client: Arc<Client>,
    least: Duration,
    sender: oneshot::Sender<QueueSlot>,
}

/// A place in the queue, and then on a lane; it costs its client the time from [`QueueSlot::begin`] until it
/// is dropped, or what an item of its size costs at least, at the client's price.
#[derive(Debug)]
pub(super) struct QueueSlot {
    gate: Arc<Admission>,
    client: Arc<Client>,
    charged: Duration,
    least: Duration,
    /// When a lane took the item; until then it has a place in the queue.
    began: Option<Instant>,
}

impl Admission {
    pub(super) fn new(places: usize) -> Self {
        Self(Mutex::new(State { free: places, turns: FairQueue::new() }))
    }

    /// Places that nobody has.
    pub(super) fn free(&self) -> usize {
        self.state().free
    }

    /// Waits for a place for an item of so many bytes.
    pub(super) async fn enter(self: &Arc<Self>, client: &Arc<Client>, bytes: usize) -> QueueSlot {
        let (sender, receiver) = oneshot::channel();
        let least = LEAST + LEAST_PER_MIB.mul_f64(bytes as f64 / f64::from(1 << 20));
        let waiting = Waiting { client: Arc::clone(client), least, sender };
        self.state().turns.wait(client.id, waiting);
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
                let Waiting { client, least, sender } = turn.waiter;
                (
                    sender,
                    QueueSlot { gate: Arc::clone(self), client, charged: turn.charged, least, began: None },
                )
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

impl QueueSlot {
    /// A lane has taken the item: the queue's place is free, and time counts.
    pub(super) fn begin(&mut self) {
        if self.began.replace(Instant::now()).is_none() {
            self.gate.state().free += 1;
            self.gate.give_out();
        }
    }
}

impl Drop for QueueSlot {
    fn drop(&mut self) {
        let now = Instant::now();
        let cost = |began| now.saturating_duration_since(began).max(self.least) * self.client.price(now);
        let cost = self.began.map(cost);
        {
            let mut state = self.gate.state();
            state.free += usize::from(cost.is_none());
            state.turns.settle(&self.client.id, self.charged, cost);
        }
        self.gate.give_out();
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::pool::{Clients, Shares, StreamPlace};

    /// Bytes for which a turn costs a second or so, beside which what it really takes is nothing.
    const SECOND: usize = 100 << 20;

    /// A stream each of Anna and Bert, of whom nobody may have another.
    fn anna_and_bert() -> (Clients, [StreamPlace; 2]) {
        let clients = Clients::new(Shares { bytes: 1, bytes_each: 1, streams: 2, streams_each: 1 });
        let streams = [1, 2].map(|last| clients.enter(at(last)).unwrap());
        (clients, streams)
    }

    fn at(last: u8) -> ClientId {
        ClientId::Address(Ipv4Addr::new(127, 0, 0, last).into())
    }

    /// How many of a hundred items of Anna's get a turn before the last of thirty of Bert's that come behind
    /// them, if her items are so many times as large.
    async fn before_bert_is_done(anna: &Arc<Client>, times: usize, bert: &Arc<Client>) -> usize {
        let gate = Arc::new(Admission::new(1));
        let mut occupied = gate.enter(bert, SECOND).await;
        let order = Arc::<Mutex<Vec<ClientId>>>::default();
        let waiting = |client: &Arc<Client>, bytes| {
            let (gate, order, client) = (Arc::clone(&gate), Arc::clone(&order), Arc::clone(client));
            tokio::spawn(async move {
                gate.enter(&client, bytes).await.begin();
                order.lock().unwrap().push(client.id);
            })
        };
        let annas: Vec<_> = (0..100).map(|_| waiting(anna, times * SECOND)).collect();
        let berts: Vec<_> = (0..30).map(|_| waiting(bert, SECOND)).collect();
        tokio::task::yield_now().await;
        occupied.begin();
        drop(occupied);
        for item in annas.into_iter().chain(berts) {
            item.await.unwrap();
        }
        let order = order.lock().unwrap();
        order.iter().rposition(|client| *client == bert.id).unwrap() + 1 - 30
    }

    #[tokio::test]
    async fn a_place_is_free_again_when_its_item_is_begun_or_given_up() {
        let (gate, anna) = (Arc::new(Admission::new(1)), Client::local());
        let mut place = gate.enter(&anna, 0).await;
        assert_eq!(gate.free(), 0);
        place.begin();
        assert_eq!(gate.free(), 1);
        drop(place);
        assert_eq!(gate.free(), 1);
        drop(gate.enter(&anna, 0).await);
        assert_eq!(gate.free(), 1);
    }

    #[tokio::test]
    async fn whoever_gives_up_waiting_holds_nobody_up() {
        let (_clients, [anna, bert]) = anna_and_bert();
        let gate = Arc::new(Admission::new(1));
        let place = gate.enter(anna.client(), 0).await;
        let waiting = |stream: &StreamPlace| {
            let (gate, client) = (Arc::clone(&gate), Arc::clone(stream.client()));
            tokio::spawn(async move { gate.enter(&client, 0).await })
        };
        let (leaving, staying) = (waiting(&anna), waiting(&bert));
        tokio::task::yield_now().await;
        leaving.abort();
        assert!(leaving.await.unwrap_err().is_cancelled());
        drop(place);
        drop(staying.await.unwrap());
        assert_eq!(gate.free(), 1);
    }

    #[tokio::test]
    async fn rubbish_that_takes_no_time_costs_its_client_what_bringing_it_does() {
        let (_clients, [anna, bert]) = anna_and_bert();
        let before = before_bert_is_done(anna.client(), 10, bert.client()).await;
        assert!(
            (1..=5).contains(&before),
            "{before} large items of Anna's were before the last one of Bert's"
        );
    }

    #[tokio::test]
    async fn whoever_asks_for_too_many_streams_has_fewer_turns_than_one_that_does_not() {
        let (clients, [anna, bert]) = anna_and_bert();
        let fair = before_bert_is_done(anna.client(), 1, bert.client()).await;
        clients.enter(at(1)).unwrap_err();
        let greedy = before_bert_is_done(anna.client(), 1, bert.client()).await;
        assert!(
            fair >= 29 && (1..=3).contains(&greedy),
            "{fair} of Anna's items, and {greedy} when she was greedy"
        );
    }
}
