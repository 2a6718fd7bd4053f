//! Clients that have paired, by the digests of their tokens. Pure.

use facesets_core::{Sha256Digest, pairing::ClientName};
use serde::{Deserialize, Serialize};

use super::codes::position;

/// Clients, in the order in which they have paired.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Clients {
    clients: Vec<Client>,
}

/// A client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Client {
    /// What it calls itself.
    pub name: String,
    /// SHA-256 of its token in hexadecimal digits.
    pub token_sha256: String,
    /// When it has paired, in seconds since 1970.
    pub paired: u64,
}

impl Clients {
    /// All of them.
    pub fn all(&self) -> &[Client] {
        &self.clients
    }

    /// Knows another one, and no longer an earlier one of that name.
    pub fn add(&mut self, name: &ClientName, token: Sha256Digest, now: u64) {
        self.remove(name);
        self.clients.push(Client { name: name.to_string(), token_sha256: token.to_string(), paired: now });
    }

    /// Knows one no more; whether it did.
    pub fn remove(&mut self, name: &ClientName) -> bool {
        let before = self.clients.len();
        self.clients.retain(|client| client.name != name.as_str());
        self.clients.len() < before
    }

    /// Whose token has this digest, in a time that depends on the number of clients only.
    pub fn by_token(&self, token: &Sha256Digest) -> Option<&Client> {
        position(self.clients.iter().map(|client| client.token_sha256.as_str()), token)
            .map(|at| &self.clients[at])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_known_by_its_latest_token_only() {
        let name = |text: &str| text.parse::<ClientName>().unwrap();
        let digest = |text: &str| Sha256Digest::of(text.as_bytes());
        let mut clients = Clients::default();
        clients.add(&name("laptop"), digest("a"), 1);
        clients.add(&name("attic"), digest("b"), 2);
        clients.add(&name("laptop"), digest("c"), 3);
        let known =
            |clients: &Clients, token| clients.by_token(&digest(token)).map(|client| client.name.clone());
        assert_eq!(known(&clients, "a"), None);
        assert_eq!(known(&clients, "b").as_deref(), Some("attic"));
        assert_eq!(known(&clients, "c").as_deref(), Some("laptop"));
        assert!(clients.remove(&name("laptop")) && !clients.remove(&name("laptop")));
        assert_eq!((known(&clients, "c"), clients.all().len()), (None, 1));
    }
}
