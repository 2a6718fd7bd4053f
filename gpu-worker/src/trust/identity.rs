//! What the worker is recognised by: a certificate of its own making, and its key.
//!
//! Clients pin the SHA-256 of the certificate and look at nothing else in it: neither at names, as a worker's
//! address may change, nor at dates, as a clock that is wrong must lock nobody out. It therefore has no end
//! (RFC 5280's 9999-12-31). Whoever wants another one deletes `identity.pem` and pairs again.

use std::sync::Arc;

use facesets_core::Sha256Digest;
use rcgen::{CertificateParams, DnType, KeyPair};
use rustls::{
    ServerConfig,
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    server::NoServerSessionStorage,
    version::TLS13,
};

use super::Authority;

/// HTTP/2, which is all that gRPC speaks.
const ALPN: &[u8] = b"h2";

/// A certificate and its key.
#[derive(Debug)]
pub struct Identity {
    certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
}

/// A certificate that cannot be made or used.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// It cannot be made.
    #[error("a certificate cannot be made: {0}")]
    Make(#[from] rcgen::Error),
    /// The file is not what was written.
    #[error("`identity.pem` does not hold a certificate and its key: {0}")]
    Pem(#[from] rustls::pki_types::pem::Error),
    /// TLS cannot work with it.
    #[error("the certificate cannot be used: {0}")]
    Use(#[from] rustls::Error),
}

impl Identity {
    /// A new one, and its PEM: an ECDSA key on P-256.
    pub(super) fn make() -> Result<(Self, String), IdentityError> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(vec!["facesets-worker".to_owned()])?;
        params.distinguished_name.push(DnType::CommonName, "facesets-worker");
        params.not_before = rcgen::date_time_ymd(2000, 1, 1);
        params.not_after = rcgen::date_time_ymd(9999, 12, 31);
        let pem = format!("{}{}", params.self_signed(&key)?.pem(), key.serialize_pem());
        Ok((Self::from_pem(&pem)?, pem))
    }

    /// One out of a file with both.
    pub(super) fn from_pem(pem: &str) -> Result<Self, IdentityError> {
        Ok(Self {
            certificate: CertificateDer::from_pem_slice(pem.as_bytes())?,
            key: PrivateKeyDer::from_pem_slice(pem.as_bytes())?,
        })
    }

    /// SHA-256 of the certificate in DER: what clients pin.
    pub fn fingerprint(&self) -> Sha256Digest {
        Sha256Digest::of(&self.certificate)
    }

    /// TLS 1.3 with this certificate, HTTP/2 inside, with whoever shows a certificate of the authority, if
    /// there is one.
    pub fn server_config(&self, clients: Option<&Authority>) -> Result<Arc<ServerConfig>, IdentityError> {
        let builder =
            ServerConfig::builder_with_provider(provider().into()).with_protocol_versions(&[&TLS13])?;
        let builder = match clients {
            None => builder.with_no_client_auth(),
            Some(authority) => builder.with_client_cert_verifier(authority.verifier()),
        };
        let mut config = builder.with_single_cert(vec![self.certificate.clone()], self.key.clone_key())?;
        config.alpn_protocols = vec![ALPN.to_vec()];
        // Nothing is resumed: a client's certificate is looked at with every connection.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(Arc::new(config))
    }
}

/// ring, with the cipher suites of TLS 1.3 only: each of them authenticates what it encrypts.
pub(super) fn provider() -> CryptoProvider {
    let mut provider = ring::default_provider();
    provider.cipher_suites.retain(|suite| suite.tls13().is_some());
    provider
}
