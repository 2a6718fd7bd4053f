//! Whose certificates clients must show, where the worker's owner asks for any: those that an authority of
//! the owner's own has signed.
//!
//! A certificate says that a machine may knock; who it is, and that it may come in, is still said by its
//! token. It is looked at anew with every connection: it must be in force, and meant for clients if it says
//! what it is meant for. The end of the authority's own certificate is not looked at.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, pem, pem::PemObject as _},
    server::{VerifierBuilderError, WebPkiClientVerifier, danger::ClientCertVerifier},
};

use super::identity;

/// One or several authorities.
#[derive(Debug, Clone)]
pub struct Authority(Arc<dyn ClientCertVerifier>);

/// A file that names no authority.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// Not readable.
    #[error("`{}` cannot be read: {source}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// No PEM.
    #[error("`{}` is no PEM file: {source}", .path.display())]
    Pem {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: pem::Error,
    },
    /// PEM of something else.
    #[error("`{}` holds no certificate", .0.display())]
    Empty(PathBuf),
    /// Certificates that nothing can be compared with.
    #[error("a certificate in `{}` cannot be used: {source}", .path.display())]
    Use {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: rustls::Error,
    },
    /// The same of all of them together.
    #[error("the certificates in `{}` cannot be used: {source}", .path.display())]
    UseAll {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: VerifierBuilderError,
    },
}

impl Authority {
    /// Every certificate in a PEM file; whatever else is in it does not count.
    pub fn read(path: &Path) -> Result<Self, AuthorityError> {
        let at = || path.to_owned();
        let broken = |error| match error {
            pem::Error::Io(source) => AuthorityError::Read { path: at(), source },
            source => AuthorityError::Pem { path: at(), source },
        };
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_file_iter(path).map_err(broken)? {
            let certificate = certificate.map_err(broken)?;
            roots.add(certificate).map_err(|source| AuthorityError::Use { path: at(), source })?;
        }
        if roots.is_empty() {
            return Err(AuthorityError::Empty(at()));
        }
        let builder = WebPkiClientVerifier::builder_with_provider(roots.into(), identity::provider().into());
        builder.build().map(Self).map_err(|source| AuthorityError::UseAll { path: at(), source })
    }

    /// Demands a certificate of every client.
    pub(super) fn verifier(&self) -> Arc<dyn ClientCertVerifier> {
        Arc::clone(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_file_without_an_authority_says_what_is_wrong_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        let read = || Authority::read(&path).unwrap_err();
        assert!(matches!(read(), AuthorityError::Read { .. }));
        let key = rcgen::KeyPair::generate().unwrap().serialize_pem();
        for text in ["", "no PEM at all", &key] {
            fs::write(&path, text).unwrap();
            assert!(matches!(read(), AuthorityError::Empty(_)), "{text}");
        }
        fs::write(&path, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").unwrap();
        assert!(matches!(read(), AuthorityError::Use { .. }));
        fs::write(&path, "-----BEGIN CERTIFICATE-----\nA?\n-----END CERTIFICATE-----\n").unwrap();
        assert!(matches!(read(), AuthorityError::Pem { .. }));
    }
}
