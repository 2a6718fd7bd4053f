//! What clients may take of the worker, one and all, and for how long.

use std::{num::NonZeroUsize, time::Duration};

use facesets_core::{ImageLimits, wire::Credit};

use crate::pool::Shares;

/// `Process` streams at once, of one client. It needs one, and two for a moment when it comes back; whoever
/// asks for more pays for it.
const STREAMS_EACH: usize = 8;

/// Of all clients.
const STREAMS: usize = 64;

/// What clients may take.
///
/// With [`Limits::default`] they make the worker's memory grow by at most 1 GiB of images in flight, 32 MiB a
/// connection (what HTTP/2 has received and nobody has read yet) and 5 MiB a stream (a message that is not
/// complete). Decoding takes 512 MiB beside that, or what one larger photo takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Connections at once, those in a handshake included.
    pub connections: usize,
    /// Of one address; of a network of IPv6 four times as many.
    pub connections_each: usize,
    /// Bytes of images in flight, from what the first chunk announces until the answer is taken.
    pub bytes: u64,
    /// Of one client.
    pub bytes_each: u64,
    /// How long an item may take from its first chunk to its last one, unless it comes at 16 KiB a second or
    /// faster.
    pub stall: Duration,
    /// How long a connection may be without a call, its client having named itself.
    pub idle: Duration,
    /// How long a client may take from its connection to a call with a token that counts. Health is no such
    /// call.
    pub nameless: Duration,
}

impl Limits {
    /// What follows from the settings; a client may have a quarter of `bytes`, and in any case one image of
    /// `largest_image` bytes.
    pub fn new(
        connections: NonZeroUsize,
        connections_each: NonZeroUsize,
        bytes: u64,
        largest_image: u64,
    ) -> Self {
        Self {
            connections: connections.get(),
            connections_each: connections_each.get(),
            bytes,
            bytes_each: (bytes / 4).max(largest_image),
            ..Self::default()
        }
    }

    /// What one stream may have of `credit`.
    pub fn credit(&self, credit: Credit) -> Credit {
        Credit { max_bytes: credit.max_bytes.min(self.bytes_each), ..credit }
    }

    /// Bytes of an image that a client has encoded anew: what its pixels may take, but no more than leaves as
    /// much to others.
    pub fn max_transcoded(&self, limits: &ImageLimits) -> u64 {
        limits.max_transcoded_bytes().min(self.bytes / 2)
    }

    pub(super) fn shares(&self) -> Shares {
        let Self { bytes, bytes_each, .. } = *self;
        Shares { bytes, bytes_each, streams: STREAMS, streams_each: STREAMS_EACH }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 64,
            connections_each: 8,
            bytes: 1 << 30,
            bytes_each: 256 << 20,
            stall: Duration::from_mins(2),
            idle: Duration::from_mins(10),
            nameless: Duration::from_secs(15),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn a_client_may_have_a_quarter_and_at_least_one_image() {
        let each = |bytes, image| {
            Limits::new(NonZeroUsize::MIN, NonZeroUsize::MIN, bytes * MIB, image * MIB).bytes_each / MIB
        };
        assert_eq!([each(1024, 256), each(1024, 10), each(1024, 512)], [256, 256, 512]);
        let limits = Limits { bytes_each: 10 * MIB, ..Limits::default() };
        let credit = limits.credit(Credit { max_items: 4, max_bytes: 256 * MIB });
        assert_eq!(credit, Credit { max_items: 4, max_bytes: 10 * MIB });
    }

    #[test]
    fn what_is_encoded_anew_is_bounded_by_pixels_and_by_what_may_be_in_flight() {
        let limits = Limits { bytes: 1024 * MIB, ..Limits::default() };
        let most = |max_bytes, max_pixels| limits.max_transcoded(&ImageLimits { max_bytes, max_pixels });
        assert_eq!(most(100_000, 10 * MIB), 40 * MIB);
        assert_eq!(most(256 * MIB, 10 * MIB), 256 * MIB);
        assert_eq!(most(100_000, 200_000_000), 512 * MIB);
    }
}
