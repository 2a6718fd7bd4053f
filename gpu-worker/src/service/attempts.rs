//! How often somebody may try a pairing code. Pure: the time is an argument.
//!
//! A secret of 128 bits is not guessed either way; this keeps a neighbour from filling the log and the disk's
//! queue.

use std::{
    collections::HashMap,
    net::IpAddr,
    time::{Duration, Instant},
};

use crate::connection_limits::neighbourhood;

/// Attempts of one address within [`WINDOW`]. A person who types a code needs one or two.
const MOST: u32 = 10;

const WINDOW: Duration = Duration::from_mins(1);

/// Addresses that are remembered at once; while there are so many, others have to wait.
const MAX_ADDRESSES: usize = 1024;

/// Attempts of late.
#[derive(Debug, Default)]
pub(super) struct Attempts {
    recent: HashMap<IpAddr, Recent>,
}

#[derive(Debug)]
struct Recent {
    began: Instant,
    count: u32,
}

impl Attempts {
    /// Counts another attempt; whether it may be made.
    pub(super) fn allow(&mut self, from: IpAddr, now: Instant) -> bool {
        let from = neighbourhood(from);
        if !self.recent.contains_key(&from) && self.recent.len() >= MAX_ADDRESSES {
            self.recent.retain(|_, recent| now.duration_since(recent.began) < WINDOW);
            if self.recent.len() >= MAX_ADDRESSES {
                return false;
            }
        }
        let recent = self.recent.entry(from).or_insert(Recent { began: now, count: 0 });
        if now.duration_since(recent.began) >= WINDOW {
            *recent = Recent { began: now, count: 0 };
        }
        recent.count = recent.count.saturating_add(1);
        recent.count <= MOST
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;

    use super::*;

    #[test]
    fn an_address_may_try_some_times_a_minute_and_others_do_not_suffer() {
        let start = Instant::now();
        let mut attempts = Attempts::default();
        let (neighbour, guest) = ("192.168.1.9".parse().unwrap(), "192.168.1.10".parse().unwrap());
        for _ in 0..MOST {
            assert!(attempts.allow(neighbour, start));
        }
        assert!(
            !attempts.allow(neighbour, start)
                && !attempts.allow("::ffff:192.168.1.9".parse().unwrap(), start)
        );
        assert!(attempts.allow(guest, start));
        assert!(attempts.allow(neighbour, start + WINDOW));
    }

    #[test]
    fn a_network_of_ipv6_counts_as_one_and_memory_is_bounded() {
        let start = Instant::now();
        let mut attempts = Attempts::default();
        for host in 0..u16::try_from(MOST).unwrap() {
            assert!(attempts.allow(Ipv6Addr::new(0x2001, 0xdb8, 1, 2, 0, 0, 0, host).into(), start));
        }
        assert!(!attempts.allow("2001:db8:1:2:ffff::1".parse().unwrap(), start));
        let others = (0..2 * MAX_ADDRESSES as u16)
            .filter(|n| attempts.allow(Ipv6Addr::new(0x2001, 0xdb8, 2, *n, 0, 0, 0, 1).into(), start));
        assert_eq!(others.count(), MAX_ADDRESSES - 1);
        assert!(attempts.allow("2001:db8:9::1".parse().unwrap(), start + WINDOW));
        assert_eq!(attempts.recent.len(), 1);
    }
}
