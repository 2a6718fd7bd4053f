//! What a server is protected by.

use std::sync::Arc;

use rustls::ServerConfig;

use super::{Limits, Token};
use crate::trust::{Authority, Trust, TrustError};

/// What a server is protected by. By default nothing but limits, which is for loopback.
#[derive(Debug, Clone)]
pub struct Protection {
    /// The token that any client may name.
    pub token: Option<Token>,
    /// With TLS, paired clients may name tokens of their own, and a token is asked for in any case.
    pub tls: Option<Tls>,
    /// Whether callers with a token may ask for the protocol's description.
    pub reflection: bool,
    /// What clients may take.
    pub limits: Limits,
}

/// TLS, and who has paired.
#[derive(Debug, Clone)]
pub struct Tls {
    pub(super) config: Arc<ServerConfig>,
    pub(super) trust: Trust,
}

impl Default for Protection {
    fn default() -> Self {
        Self { token: None, tls: None, reflection: true, limits: Limits::default() }
    }
}

impl Tls {
    /// With the certificate and the clients of `trust`, who must also show certificates of the authority, if
    /// there is one.
    pub fn new(trust: Trust, clients: Option<&Authority>) -> Result<Self, TrustError> {
        let config = trust.identity()?.server_config(clients)?;
        Ok(Self { config, trust })
    }
}
