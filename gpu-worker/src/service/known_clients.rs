//! The clients that a running worker knows. What other processes change of them counts within a second.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use facesets_core::{Sha256Digest, wire::PairingRequest};
use tokio::{
    sync::{Mutex, watch},
    task::spawn_blocking,
};

use crate::trust::{Clients, PairError, Trust, TrustError};

/// How often the file is read again: a few hundred bytes that the system has in memory. Its time of change
/// would not tell two changes within a tick of the clock apart.
const REREAD: Duration = Duration::from_secs(1);

/// How often in a row it may fail before nobody is known any more: an error of a moment (no file descriptor
/// is left, another program has the file open) must not end everybody's work.
const TOLERATED: u32 = 5;

/// Whom it knows, now and from now on.
#[derive(Debug, Clone)]
pub(super) struct KnownClients(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    trust: Trust,
    known: watch::Sender<Clients>,
    /// How often in a row it could not be read. Held from reading the file to saying what it says, so that
    /// nothing older is said after something newer.
    failed: Mutex<u32>,
}

impl KnownClients {
    /// Reads whom it knows, and goes on doing so for as long as it is used.
    pub(super) async fn of(trust: Trust) -> Result<Self, TrustError> {
        let shared = Arc::new(Shared { trust, known: watch::Sender::default(), failed: Mutex::new(0) });
        shared.read().await?;
        tokio::spawn(keep_reading(Arc::downgrade(&shared)));
        Ok(Self(shared))
    }

    /// The name of the client whose token has this digest.
    pub(super) fn name(&self, token: &Sha256Digest) -> Option<String> {
        self.0.known.borrow().by_token(token).map(|client| client.name.clone())
    }

    /// Returns when the client of this token is known no more.
    pub(super) async fn revoked(&self, token: Sha256Digest) {
        let mut known = self.0.known.subscribe();
        // The sender is there for as long as this is: the only error there is cannot be.
        let _ = known.wait_for(|clients| clients.by_token(&token).is_none()).await;
    }

    /// Lets a client in.
    pub(super) async fn pair(&self, request: PairingRequest) -> Result<String, PairError> {
        let trust = self.0.trust.clone();
        let token = blocking(move || trust.redeem(&request.secret, &request.client)).await?;
        // It may come back before the file is next read.
        self.0.read().await?;
        Ok(token)
    }
}

impl Shared {
    async fn read(&self) -> Result<(), TrustError> {
        let mut failed = self.failed.lock().await;
        let trust = self.trust.clone();
        let read = blocking(move || trust.clients()).await;
        *failed = if read.is_ok() { 0 } else { *failed + 1 };
        let now = match &read {
            Ok(now) => now.clone(),
            Err(_) if *failed <= TOLERATED => return read.map(drop),
            // Nobody can be told from a client that was revoked.
            Err(_) => Clients::default(),
        };
        self.known.send_if_modified(|before| {
            let changed = *before != now;
            *before = now;
            changed
        });
        read.map(drop)
    }
}

async fn keep_reading(shared: Weak<Shared>) {
    let mut readable = true;
    loop {
        tokio::time::sleep(REREAD).await;
        let Some(shared) = shared.upgrade() else { return };
        let read = shared.read().await;
        if let (true, Err(error)) = (readable, &read) {
            tracing::error!(%error, hint = error.hint(), "if this is not mended in some seconds, no paired client is let in");
        }
        readable = read.is_ok();
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    spawn_blocking(work).await.expect("reading and writing files does not panic")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[tokio::test]
    async fn a_file_that_cannot_be_read_for_a_moment_revokes_nobody_and_one_that_stays_so_everybody() {
        let folder = tempfile::tempdir().unwrap();
        let trust = Trust::new(folder.path());
        let code = trust.issue("127.0.0.1:1".parse().unwrap(), Duration::from_mins(1)).unwrap();
        let token = trust.redeem(&code.secret, &"laptop".parse().unwrap()).unwrap();
        let token = Sha256Digest::of(token.as_bytes());
        let known = watch::Sender::default();
        let shared = Arc::new(Shared { trust, known, failed: Mutex::new(0) });
        shared.read().await.unwrap();
        let known_clients = KnownClients(Arc::clone(&shared));
        let file = folder.path().join("clients.json");
        let good = fs::read(&file).unwrap();
        for _ in 0..2 {
            fs::write(&file, "{").unwrap();
            for _ in 0..TOLERATED {
                shared.read().await.unwrap_err();
                assert!(known_clients.name(&token).is_some());
            }
            fs::write(&file, &good).unwrap();
            shared.read().await.unwrap();
        }
        fs::write(&file, "{").unwrap();
        for _ in 0..=TOLERATED {
            shared.read().await.unwrap_err();
        }
        assert_eq!(known_clients.name(&token), None);
        known_clients.revoked(token).await;
    }
}
