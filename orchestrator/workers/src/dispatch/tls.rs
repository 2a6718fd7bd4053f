//! TLS to a worker that is known by its certificate.
//!
//! What counts is the SHA-256 of the certificate that the worker shows, and that it has the key: its
//! signature of the handshake is verified as always. Names, dates and issuers mean nothing here, and no
//! authority is trusted.

use std::{io, sync::Arc};

use facesets_core::Sha256Digest;
use hyper_util::rt::TokioIo;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, PeerIncompatible, SignatureScheme,
    client::{
        Resumption,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, ring, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
    version::TLS13,
};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};
use tonic::transport::Uri;

use super::{
    OwnCertificate, OwnCertificateError,
    alerts::{Heard, LastWord},
};

/// The name that every worker's certificate has; nobody looks at it.
const SERVER_NAME: &str = "facesets-worker";

/// HTTP/2, which is all that gRPC speaks.
const ALPN: &[u8] = b"h2";

/// Why there is no TLS to a worker.
#[derive(Debug, thiserror::Error)]
pub(super) enum TlsError {
    /// The network.
    #[error(transparent)]
    Network(io::Error),
    /// What answers is not the worker.
    #[error("it shows another certificate than the worker's")]
    OtherCertificate,
    /// What answers speaks no TLS that we do.
    #[error("TLS came to nothing: {0}")]
    Handshake(io::Error),
}

/// Connects to the worker that a configuration knows, and keeps its last word.
pub(super) async fn connect(
    uri: Uri,
    config: Arc<ClientConfig>,
    word: LastWord,
) -> Result<TokioIo<Heard<TlsStream<TcpStream>>>, TlsError> {
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    let address = (host, uri.port_u16().unwrap_or(443));
    let stream = TcpStream::connect(address).await.map_err(TlsError::Network)?;
    stream.set_nodelay(true).map_err(TlsError::Network)?;
    let name = ServerName::try_from(SERVER_NAME).expect("it is a name");
    let stream = TlsConnector::from(config).connect(name, stream).await.map_err(|error| {
        match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
            Some(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure)) => {
                TlsError::OtherCertificate
            }
            _ => TlsError::Handshake(error),
        }
    })?;
    Ok(TokioIo::new(word.of(stream)))
}

/// TLS 1.3 with whoever has the certificate of the digest `pinned`, and its key; to whom we show our own, if
/// we have one.
pub(super) fn config(
    pinned: Sha256Digest,
    own: Option<&OwnCertificate>,
) -> Result<Arc<ClientConfig>, OwnCertificateError> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[&TLS13])
        .expect("ring has TLS 1.3")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Pinned { sha256: pinned, provider }));
    let mut config = match own {
        None => builder.with_no_client_auth(),
        Some(own) => {
            let (chain, key) = own.read()?;
            let OwnCertificate { certificate, key: path } = own.clone();
            builder.with_client_auth_cert(chain, key).map_err(|source| OwnCertificateError::Unfit {
                certificate,
                key: path,
                source,
            })?
        }
    };
    config.alpn_protocols = vec![ALPN.to_vec()];
    // Every connection looks at the certificate again.
    config.resumption = Resumption::disabled();
    Ok(Arc::new(config))
}

/// Trusts one certificate.
#[derive(Debug)]
struct Pinned {
    sha256: Sha256Digest,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if Sha256Digest::of(end_entity) == self.sha256 {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(CertificateError::ApplicationVerificationFailure.into())
        }
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(PeerIncompatible::Tls12NotOfferedOrEnabled.into())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
