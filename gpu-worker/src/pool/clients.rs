//! What each client may have at once, and all of them together: streams, and bytes in flight.
//!
//! Bytes are taken in the order stream, client, everybody, and an item waits only for what it does not have
//! yet. So whoever waits for everybody's bytes is within its own share, and no client can keep another from
//! what is left. Who keeps asking for more streams than one may have pays more for its turns.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::{Duration, Instant},
};

use facesets_core::Sha256Digest;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::telemetry;

/// Bytes are counted in units of this, since a semaphore counts to 2³².
const BYTES_PER_UNIT: u64 = 1024;

/// How many times the price a client pays for its turns that has asked for more streams than one may have:
/// the others keep nineteen twentieths of the lanes, where a client that stays within its share, however
/// busy, leaves them half. An orchestrator has two streams at most.
const GREEDY_PRICE: u32 = 19;

/// For so long after it has asked.
const GREEDY_TIME: Duration = Duration::from_secs(10);

/// Who a client is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ClientId {
    /// The digest of the token that it got by pairing.
    Paired(Sha256Digest),
    /// Whoever is at this address.
    Address(IpAddr),
    /// This program itself.
    Local,
}

/// What there is to share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shares {
    /// Bytes in flight, of all clients.
    pub bytes: u64,
    /// Of one client.
    pub bytes_each: u64,
    /// Streams, of all clients.
    pub streams: usize,
    /// Of one client.
    pub streams_each: usize,
}

/// No stream is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TooMany {
    /// Of this client's.
    #[error("the client has {0} streams already, as many as one may have")]
    OfOne(usize),
    /// Of all.
    #[error("there are {0} streams already, as many as the worker takes")]
    OfAll(usize),
}

/// The clients that are there.
#[derive(Debug)]
pub struct Clients {
    shares: Shares,
    bytes: Purse,
    streams: Arc<Semaphore>,
    known: Mutex<HashMap<ClientId, Weak<Client>>>,
}

/// One of them, for as long as it has a stream or anything in flight.
#[derive(Debug)]
pub struct Client {
    pub(super) id: ClientId,
    bytes: Purse,
    of_all: Purse,
    streams: Arc<Semaphore>,
    /// When it last asked for more streams than it may have.
    greedy: Mutex<Option<Instant>>,
    _counted: telemetry::Held,
}

/// A stream that a client may have.
#[derive(Debug)]
pub struct StreamPlace {
    client: Arc<Client>,
    _places: [OwnedSemaphorePermit; 2],
}

/// A client's bytes in flight.
#[derive(Debug)]
pub(super) struct Held {
    _client: Arc<Client>,
    _bytes: [OwnedSemaphorePermit; 2],
    _counted: [telemetry::Held; 2],
}

impl Clients {
    /// Nobody yet.
    pub fn new(shares: Shares) -> Self {
        Self {
            shares,
            bytes: Purse::new(shares.bytes),
            streams: Arc::new(Semaphore::new(shares.streams)),
            known: Mutex::default(),
        }
    }

    /// One more stream of a client, if it may have it.
    pub fn enter(&self, id: ClientId) -> Result<StreamPlace, TooMany> {
        let client = self.client(id);
        let place = |streams: &Arc<Semaphore>| Arc::clone(streams).try_acquire_owned();
        let Ok(one) = place(&client.streams) else {
            *client.greedy() = Some(Instant::now());
            return Err(TooMany::OfOne(self.shares.streams_each));
        };
        let all = place(&self.streams).map_err(|_| TooMany::OfAll(self.shares.streams))?;
        Ok(StreamPlace { client, _places: [one, all] })
    }

    fn client(&self, id: ClientId) -> Arc<Client> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = known.get(&id).and_then(Weak::upgrade) {
            return client;
        }
        known.retain(|_, client| client.strong_count() > 0);
        let client = Arc::new(Client {
            id,
            bytes: Purse::new(self.shares.bytes_each),
            of_all: self.bytes.clone(),
            streams: Arc::new(Semaphore::new(self.shares.streams_each)),
            greedy: Mutex::default(),
            _counted: telemetry::Held::client(),
        });
        known.insert(id, Arc::downgrade(&client));
        client
    }
}

impl StreamPlace {
    /// Whose it is.
    pub fn client(&self) -> &Arc<Client> {
        &self.client
    }
}

impl Client {
    /// This program itself, with nobody beside it.
    pub(super) fn local() -> Arc<Self> {
        let bytes = Purse::new(u64::MAX);
        let streams = Arc::new(Semaphore::new(Semaphore::MAX_PERMITS));
        Arc::new(Self {
            id: ClientId::Local,
            of_all: bytes.clone(),
            bytes,
            streams,
            greedy: Mutex::default(),
            _counted: telemetry::Held::client(),
        })
    }

    /// How many times what it takes a turn costs at this time.
    pub(super) fn price(&self, now: Instant) -> u32 {
        let greedy = self.greedy().is_some_and(|asked| now.saturating_duration_since(asked) < GREEDY_TIME);
        if greedy { GREEDY_PRICE } else { 1 }
    }

    fn greedy(&self) -> MutexGuard<'_, Option<Instant>> {
        self.greedy.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until so many more bytes may be in flight.
    pub(super) async fn hold(self: &Arc<Self>, bytes: u64) -> Held {
        let own = self.bytes.take(bytes).await;
        let of_all = self.of_all.take(bytes).await;
        Held { _client: Arc::clone(self), _bytes: [own, of_all], _counted: telemetry::Held::item(bytes) }
    }
}

/// Bytes that can be taken and come back when what was taken is dropped.
#[derive(Debug, Clone)]
pub(super) struct Purse {
    units: Arc<Semaphore>,
    most: u32,
}

impl Purse {
    pub(super) fn new(bytes: u64) -> Self {
        let most = u32::try_from(bytes / BYTES_PER_UNIT).unwrap_or(u32::MAX).max(1);
        let most = most.min(u32::try_from(Semaphore::MAX_PERMITS).unwrap_or(u32::MAX));
        Self { units: Arc::new(Semaphore::new(most as usize)), most }
    }

    /// Waits for so many; what is more than all gets all.
    pub(super) async fn take(&self, bytes: u64) -> OwnedSemaphorePermit {
        let units = u32::try_from(bytes.div_ceil(BYTES_PER_UNIT)).unwrap_or(u32::MAX).clamp(1, self.most);
        let taken = Arc::clone(&self.units).acquire_many_owned(units).await;
        taken.expect("these semaphores are never closed")
    }
}

#[cfg(test)]
mod tests {
    use std::{net::Ipv4Addr, time::Duration};

    use tokio::time::timeout;

    use super::*;

    const SOON: Duration = Duration::from_millis(100);
    const MIB: u64 = 1 << 20;

    fn at(last: u8) -> ClientId {
        ClientId::Address(Ipv4Addr::new(127, 0, 0, last).into())
    }

    #[test]
    fn each_client_has_so_many_streams_and_all_of_them_no_more_than_there_are() {
        let clients = Clients::new(Shares { bytes: MIB, bytes_each: MIB, streams: 3, streams_each: 2 });
        let first = [clients.enter(at(1)).unwrap(), clients.enter(at(1)).unwrap()];
        assert_eq!(clients.enter(at(1)).unwrap_err(), TooMany::OfOne(2));
        let _second = clients.enter(at(2)).unwrap();
        assert_eq!(clients.enter(at(3)).unwrap_err(), TooMany::OfAll(3));
        drop(first);
        let _third = clients.enter(at(3)).unwrap();
        assert_eq!(clients.known.lock().unwrap().len(), 2, "who has left is forgotten");
    }

    #[test]
    fn whoever_asks_for_more_streams_than_one_may_have_pays_more_for_a_while() {
        let clients = Clients::new(Shares { bytes: MIB, bytes_each: MIB, streams: 9, streams_each: 2 });
        let places = [1, 1, 2].map(|last| clients.enter(at(last)).unwrap());
        let prices = |later| places.each_ref().map(|place| place.client.price(Instant::now() + later));
        assert_eq!(prices(Duration::ZERO), [1, 1, 1]);
        clients.enter(at(1)).unwrap_err();
        assert_eq!(prices(Duration::ZERO), [GREEDY_PRICE, GREEDY_PRICE, 1]);
        assert_eq!(prices(GREEDY_TIME), [1, 1, 1]);
    }

    #[tokio::test]
    async fn what_a_client_holds_is_out_of_its_own_share_and_the_rest_is_there_for_others() {
        let shares = Shares { bytes: 3 * MIB, bytes_each: MIB, streams: 9, streams_each: 9 };
        let clients = Clients::new(shares);
        let [greedy, again, modest] = [at(1), at(1), at(2)].map(|id| clients.enter(id).unwrap());
        let held = greedy.client().hold(MIB).await;
        // Not on another stream either, nor after all of them have ended.
        assert!(timeout(SOON, again.client().hold(1)).await.is_err());
        drop((greedy, again));
        let back = clients.enter(at(1)).unwrap();
        assert!(timeout(SOON, back.client().hold(1)).await.is_err());
        let all_of_it = timeout(SOON, modest.client().hold(MIB)).await.unwrap();
        drop(held);
        timeout(SOON, back.client().hold(MIB)).await.unwrap();
        drop(all_of_it);
    }

    #[tokio::test]
    async fn all_clients_together_hold_no_more_than_there_is() {
        let shares = Shares { bytes: 2 * MIB, bytes_each: MIB, streams: 9, streams_each: 9 };
        let clients = Clients::new(shares);
        let [a, b, c] = [1, 2, 3].map(|last| clients.enter(at(last)).unwrap());
        let (first, _second) = (a.client().hold(MIB).await, b.client().hold(MIB).await);
        assert!(timeout(SOON, c.client().hold(1)).await.is_err());
        drop(first);
        timeout(SOON, c.client().hold(MIB)).await.unwrap();
    }
}
