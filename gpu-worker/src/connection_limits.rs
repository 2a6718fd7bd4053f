//! Slots for connections: so many of all addresses and so many of each, and who has to make room when they
//! are all taken.
//!
//! Nobody can tell whether somebody who has just connected means well. So whoever has not named itself yet
//! has its place only as long as nobody else needs one: a connection for which there is no place takes that
//! of the address that has the most such connections, of these the oldest. Where an address has all its own
//! places, one of its own that have not named themselves makes room, nobody can tell which: whoever connects
//! often displaces itself, and seldom the one that is about to name itself.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap},
    hash::{BuildHasher as _, RandomState},
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio_util::sync::CancellationToken;

/// How many times the places of one address a network of IPv6 may have: whoever has an address of it can take
/// others too.
const ADDRESSES: usize = 4;

/// The places of one listener.
#[derive(Debug, Clone)]
pub(crate) struct ConnectionLimits(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// Of all addresses.
    most: usize,
    /// Of each.
    most_each: usize,
    /// With it, everybody loses its place who has not named itself.
    closed: CancellationToken,
    /// Chooses, so that nobody can tell how.
    chance: RandomState,
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    next: u64,
    /// By a number that grows, so that the oldest comes first.
    taken: BTreeMap<u64, Taken>,
}

#[derive(Debug)]
struct Taken {
    by: IpAddr,
    named: CancellationToken,
    lost: CancellationToken,
}

/// A place, until this is dropped.
#[derive(Debug)]
pub(crate) struct ConnectionSlot {
    places: ConnectionLimits,
    number: u64,
    named: CancellationToken,
    lost: CancellationToken,
}

/// Why there is no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Full {
    /// Everybody who has one has named itself.
    All,
    /// The address has all that it may have, and has named itself on each.
    Each,
}

impl ConnectionLimits {
    /// So many of all addresses, so many of each, until `closed`.
    pub(crate) fn new(most: usize, most_each: usize, closed: CancellationToken) -> Self {
        let chance = RandomState::new();
        Self(Arc::new(Shared { most, most_each, closed, chance, table: Mutex::default() }))
    }

    /// A place for a connection of `peer`, and whether another one lost its own for that.
    pub(crate) fn take(&self, peer: IpAddr) -> Result<(ConnectionSlot, bool), Full> {
        let Shared { most, most_each, closed, chance, .. } = &*self.0;
        let by = peer.to_canonical();
        let mut table = self.table();
        let own = |other: IpAddr| other == by;
        let near = |other: IpAddr| neighbourhood(other) == neighbourhood(by);
        let loser = if table.count(own) >= *most_each {
            Some(table.one_of(own, chance).ok_or(Full::Each)?)
        } else if table.count(near) >= ADDRESSES * *most_each {
            Some(table.one_of(near, chance).ok_or(Full::Each)?)
        } else if table.taken.len() >= *most {
            Some(table.who_makes_room().ok_or(Full::All)?)
        } else {
            None
        };
        let loser = loser.and_then(|number| table.taken.remove(&number));
        let displaced = loser.inspect(|loser| loser.lost.cancel()).is_some();
        let (number, named, lost) = (table.next, CancellationToken::new(), closed.child_token());
        table.next += 1;
        table.taken.insert(number, Taken { by, named: named.clone(), lost: lost.clone() });
        Ok((ConnectionSlot { places: self.clone(), number, named, lost }, displaced))
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    /// Slots of whom `whose` says so.
    fn count(&self, whose: impl Fn(IpAddr) -> bool) -> usize {
        self.taken.values().filter(|taken| whose(taken.by)).count()
    }

    /// Any of these that has not named itself.
    fn one_of(&self, whose: impl Fn(IpAddr) -> bool, chance: &RandomState) -> Option<u64> {
        let nameless = self.taken.iter().filter(|(_, taken)| whose(taken.by) && !taken.named.is_cancelled());
        // Numbers are never given out twice.
        nameless.map(|(number, _)| *number).min_by_key(|number| chance.hash_one((self.next, number)))
    }

    /// Of those that have not named themselves, the oldest of the neighbourhood that has the most.
    fn who_makes_room(&self) -> Option<u64> {
        let mut nameless = HashMap::<IpAddr, (usize, Reverse<u64>)>::new();
        for (number, taken) in &self.taken {
            if !taken.named.is_cancelled() {
                nameless.entry(neighbourhood(taken.by)).or_insert((0, Reverse(*number))).0 += 1;
            }
        }
        nameless.into_values().max().map(|(_, Reverse(oldest))| oldest)
    }
}

impl ConnectionSlot {
    /// Cancelled when its owner has named itself: from then on, nobody takes it away.
    pub(crate) fn named(&self) -> &CancellationToken {
        &self.named
    }

    /// Cancelled when it is somebody else's, or there are no places any more. Means nothing to who has named
    /// itself.
    pub(crate) fn lost(&self) -> &CancellationToken {
        &self.lost
    }
}

impl Drop for ConnectionSlot {
    fn drop(&mut self) {
        self.places.table().taken.remove(&self.number);
    }
}

/// Whom an address stands for: whoever has one of IPv6 has the other 2^64 of its network too.
pub(crate) fn neighbourhood(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(most: usize, most_each: usize) -> ConnectionLimits {
        ConnectionLimits::new(most, most_each, CancellationToken::new())
    }

    fn from(last: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, last])
    }

    #[test]
    fn an_address_has_only_so_many_places_and_each_that_is_left_can_be_had_again() {
        let places = places(9, 2);
        let named = || {
            let place = places.take(from(1)).unwrap().0;
            place.named().cancel();
            place
        };
        let (first, _second) = (named(), named());
        assert_eq!(places.take(from(1)).unwrap_err(), Full::Each);
        let _other = places.take(from(2)).unwrap();
        drop(first);
        assert!(!places.take(from(1)).unwrap().1);
        assert_eq!(places.table().taken.len(), 2);
    }

    #[test]
    fn whoever_connects_often_makes_room_for_its_own_address_and_any_of_its_connections_may_go() {
        let places = places(64, 8);
        let mut lost_at = [0; 8];
        for _ in 0..400 {
            let own: Vec<_> = (0..8).map(|_| places.take(from(1)).unwrap().0).collect();
            own[0].named().cancel();
            let (newcomer, displaced) = places.take(from(1)).unwrap();
            assert!(displaced && !newcomer.lost().is_cancelled());
            for (lost, place) in lost_at.iter_mut().zip(&own) {
                *lost += usize::from(place.lost().is_cancelled());
            }
        }
        assert_eq!((lost_at[0], lost_at.iter().sum::<usize>()), (0, 400));
        assert!(lost_at[1..].iter().all(|lost| *lost > 20), "{lost_at:?}");
    }

    #[test]
    fn one_address_of_a_network_of_ipv6_leaves_the_others_their_places() {
        let places = places(64, 2);
        let at = |last: u16| IpAddr::from([0x2001, 0xdb8, 0, 1, 0, 0, 0, last]);
        let mut kept = Vec::new();
        for address in [1, 1, 2, 2, 3, 3, 4] {
            kept.push(places.take(at(address)).unwrap());
        }
        kept.push(places.take(at(1)).unwrap());
        assert!(kept[7].1, "an address displaces itself");
        kept.push(places.take(at(4)).unwrap());
        assert!(kept[2..].iter().all(|(place, _)| !place.lost().is_cancelled()));
        // The network has all that it may have, however many addresses it has.
        assert!(places.take(at(5)).unwrap().1);
        assert!(!places.take(from(1)).unwrap().1);
    }

    #[test]
    fn who_has_named_itself_keeps_its_place_and_who_has_not_makes_room() {
        let places = places(2, 2);
        let (named, _) = places.take(from(1)).unwrap();
        named.named().cancel();
        let (nameless, _) = places.take(from(1)).unwrap();
        let (newcomer, displaced) = places.take(from(2)).unwrap();
        assert!(displaced && nameless.lost().is_cancelled());
        assert!(!named.lost().is_cancelled() && !newcomer.lost().is_cancelled());
        newcomer.named().cancel();
        assert_eq!(places.take(from(3)).unwrap_err(), Full::All);
        // Who has lost its place gives nobody else's back.
        drop(nameless);
        assert_eq!(places.take(from(3)).unwrap_err(), Full::All);
    }

    #[test]
    fn whoever_has_the_most_makes_room_however_old_the_others_are() {
        let places = places(6, 4);
        let lone = places.take(from(1)).unwrap().0;
        let greedy: Vec<_> = (0..4).map(|_| places.take(from(2)).unwrap().0).collect();
        let pair = [places.take(from(3)).unwrap().0];
        let mut later = Vec::new();
        for address in 4..7 {
            later.push(places.take(from(address)).unwrap().0);
        }
        let lost = |places: &[ConnectionSlot]| {
            places.iter().map(|place| place.lost().is_cancelled()).collect::<Vec<_>>()
        };
        assert_eq!(lost(&greedy), [true, true, true, false], "the oldest first");
        assert_eq!((lost(&[lone]), lost(&pair), lost(&later)), (vec![false], vec![false], vec![false; 3]));
    }

    #[test]
    fn when_places_are_closed_they_are_lost() {
        let closed = CancellationToken::new();
        let places = ConnectionLimits::new(1, 1, closed.clone());
        let place = places.take(from(1)).unwrap().0;
        closed.cancel();
        assert!(place.lost().is_cancelled());
    }

    #[test]
    fn a_network_of_ipv6_is_one_neighbourhood_and_mapped_addresses_are_those_of_ipv4() {
        let of = |address: &str| neighbourhood(address.parse().unwrap());
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::1"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:192.168.1.9"), of("192.168.1.9"));
    }
}
