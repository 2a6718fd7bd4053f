//! Whose item is next: the client's whose items have had the lanes for the shortest time. Pure; time is an
//! argument.
//!
//! Clients take turns, not streams, and a turn costs what it takes: with two busy clients each gets half of
//! the lanes' time, however many streams the other one has and however large its photos are. A turn is
//! charged with what the client's last one took, until it is known what it takes itself.

use std::{
    collections::{HashMap, VecDeque},
    hash::Hash,
    time::Duration,
};

/// How far ahead of the others a client may be that comes (back): so much time of the lanes it may then have
/// at once, and no more, however long it was away.
const HEAD_START: Duration = Duration::from_secs(1);

/// Clients that are remembered, beyond those that wait, for what they have had.
const REMEMBERED: usize = 256;

/// What a client's first turn is charged with.
const FIRST_GUESS: Duration = Duration::from_millis(10);

/// Who waits, and what everybody has had.
#[derive(Debug)]
pub(super) struct FairQueue<C, W> {
    accounts: HashMap<C, Account<W>>,
    /// What the client had had whose turn came last.
    level: Duration,
    arrivals: u64,
}

#[derive(Debug)]
struct Account<W> {
    had: Duration,
    /// What a turn of this client took last.
    usual: Duration,
    /// In the order of arrival, which is counted.
    waiting: VecDeque<(u64, W)>,
}

/// A turn that has come.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Turn<C, W> {
    pub(super) client: C,
    pub(super) waiter: W,
    /// What it was charged with, for [`FairQueue::settle`].
    pub(super) charged: Duration,
}

impl<C: Copy + Eq + Hash, W> FairQueue<C, W> {
    pub(super) fn new() -> Self {
        Self { accounts: HashMap::new(), level: Duration::ZERO, arrivals: 0 }
    }

    /// Somebody waits for a turn of `client`.
    pub(super) fn wait(&mut self, client: C, waiter: W) {
        let least = self.level.saturating_sub(HEAD_START);
        if self.accounts.len() >= REMEMBERED {
            self.accounts.retain(|_, account| !account.waiting.is_empty() || account.had > least);
        }
        if self.accounts.len() >= REMEMBERED {
            self.accounts.retain(|_, account| !account.waiting.is_empty());
        }
        self.arrivals += 1;
        let account = self.accounts.entry(client).or_insert_with(|| Account {
            had: self.level,
            usual: FIRST_GUESS,
            waiting: VecDeque::new(),
        });
        if account.waiting.is_empty() {
            account.had = account.had.max(least);
        }
        account.waiting.push_back((self.arrivals, waiter));
    }

    /// The next turn, of those who wait and are not `gone`; of two clients that have had the same, of the one
    /// that came first.
    pub(super) fn next(&mut self, gone: impl Fn(&W) -> bool) -> Option<Turn<C, W>> {
        for account in self.accounts.values_mut() {
            while account.waiting.front().is_some_and(|(_, waiter)| gone(waiter)) {
                account.waiting.pop_front();
            }
        }
        let waiting = self.accounts.iter_mut().filter_map(|(client, account)| {
            Some(((account.had, account.waiting.front()?.0), client, account))
        });
        let (_, client, account) = waiting.min_by_key(|(order, ..)| *order)?;
        let (_, waiter) = account.waiting.pop_front()?;
        self.level = self.level.max(account.had);
        let charged = account.usual;
        account.had += charged;
        Some(Turn { client: *client, waiter, charged })
    }

    /// A turn is over that was charged with `charged` and took `took`; `None` if it was not used.
    pub(super) fn settle(&mut self, client: &C, charged: Duration, took: Option<Duration>) {
        if let Some(account) = self.accounts.get_mut(client) {
            account.had = account.had.saturating_sub(charged) + took.unwrap_or_default();
            account.usual = took.unwrap_or(account.usual);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// How often each of the clients 0 and 1 gets a turn of a lane within 10 s, if they always have `streams`
    /// waiting and an item takes `times`.
    fn compete(streams: [usize; 2], times: [Duration; 2]) -> [u32; 2] {
        let mut turns = FairQueue::new();
        for (client, count) in streams.into_iter().enumerate() {
            (0..count).for_each(|_| turns.wait(client, ()));
        }
        let (mut now, mut got) = (Duration::ZERO, [0; 2]);
        while now < Duration::from_secs(10) {
            let turn = turns.next(|()| false).unwrap();
            now += times[turn.client];
            got[turn.client] += 1;
            turns.settle(&turn.client, turn.charged, Some(times[turn.client]));
            turns.wait(turn.client, ());
        }
        got
    }

    #[test]
    fn a_hundred_streams_get_no_more_than_one() {
        let [many, one] = compete([100, 1], [20 * MS, 20 * MS]);
        assert!(many.abs_diff(one) <= 1, "{many} and {one}");
    }

    #[test]
    fn whoever_sends_what_takes_long_has_fewer_turns_and_as_much_time() {
        let [long, short] = compete([8, 1], [1000 * MS, 10 * MS]);
        assert!(long.abs_diff(5) <= 1 && short >= 400, "{long} and {short}");
    }

    #[test]
    fn a_client_alone_has_every_turn_and_its_items_keep_their_order() {
        let mut turns = FairQueue::new();
        (0..5).for_each(|waiter| turns.wait("alone", waiter));
        let order: Vec<u32> = std::iter::from_fn(|| turns.next(|_| false).map(|turn| turn.waiter)).collect();
        assert_eq!(order, [0, 1, 2, 3, 4]);
    }

    #[test]
    fn whoever_was_away_gets_a_head_start_and_not_all_that_it_has_missed() {
        let mut turns = FairQueue::new();
        let turn_of = |turns: &mut FairQueue<_, _>, client| {
            turns.wait(client, ());
            let turn = turns.next(|()| false).unwrap();
            turns.settle(&turn.client, turn.charged, Some(100 * MS));
            turn.client
        };
        turn_of(&mut turns, "guest");
        for _ in 0..1000 {
            turn_of(&mut turns, "host");
        }
        for client in ["guest"; 100].into_iter().chain(["host"; 100]) {
            turns.wait(client, ());
        }
        let mut first = 0;
        while let Some(Turn { client: "guest", charged, .. }) = turns.next(|()| false) {
            turns.settle(&"guest", charged, Some(100 * MS));
            first += 1;
        }
        assert!((9..=12).contains(&first), "{first}");
    }

    #[test]
    fn who_is_gone_has_no_turn_and_one_that_was_not_used_costs_nothing() {
        let mut turns = FairQueue::new();
        turns.wait("a", 1);
        turns.wait("a", 2);
        turns.wait("b", 3);
        let turn = turns.next(|waiter| *waiter == 1).unwrap();
        assert_eq!((turn.client, turn.waiter), ("a", 2));
        turns.settle(&"a", turn.charged, None);
        turns.wait("a", 4);
        assert_eq!(turns.next(|_| false).unwrap().waiter, 3, "it came first");
    }

    proptest! {
        #[test]
        fn memory_is_bounded_and_everybody_who_waits_gets_a_turn(clients in prop::collection::vec(0u16..2000, 1..3000)) {
            let mut turns = FairQueue::new();
            for client in &clients {
                turns.wait(*client, ());
                let turn = turns.next(|()| false).unwrap();
                prop_assert_eq!(turn.client, *client);
                turns.settle(client, turn.charged, Some(100 * MS));
            }
            prop_assert!(turns.next(|()| false).is_none());
            prop_assert!(turns.accounts.len() <= REMEMBERED);
        }
    }
}
