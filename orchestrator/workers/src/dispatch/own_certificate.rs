//! The certificate that a worker may ask of us, and its key: two PEM files.

use std::{
    fs, io,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use facesets_base::exit::Hint;
use rustls::pki_types::{
    CertificateDer, PrivateKeyDer,
    pem::{self, PemObject as _},
};

/// Where it is. It is read anew for every connection, so that one that was renewed counts from then on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnCertificate {
    /// The certificate, and those between it and the authority that signed it, if any.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// Files that are no certificate and its key.
#[derive(Debug, thiserror::Error)]
pub enum OwnCertificateError {
    /// Not readable.
    #[error("cannot read `{}`: {source}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Not PEM.
    #[error("`{}` is no PEM file: {source}", .path.display())]
    Pem {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: pem::Error,
    },
    /// No certificate.
    #[error("`{}` holds no certificate", .0.display())]
    NoCertificate(PathBuf),
    /// No key, or one that needs a password.
    #[error("`{}` holds no private key that can be read without a password", .0.display())]
    NoKey(PathBuf),
    /// A key that others may know.
    #[error("others than its owner may read the private key in `{}`", .0.display())]
    Exposed(PathBuf),
    /// They are not each other's, or of no use to TLS.
    #[error("the certificate in `{}` and the key in `{}` cannot be used: {source}", .certificate.display(), .key.display())]
    Unfit {
        /// The certificate.
        certificate: PathBuf,
        /// The key.
        key: PathBuf,
        /// What is wrong.
        source: rustls::Error,
    },
}

impl Hint for OwnCertificateError {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Exposed(path) => format!(
                "close it with `chmod 600 {}`; if anybody else can have read it, ask for another certificate",
                path.display()
            ),
            Self::Read { .. } | Self::Pem { .. } | Self::NoCertificate(_) | Self::NoKey(_) | Self::Unfit { .. } => {
                "give the certificate that the worker's owner has signed for this machine and its key, both in PEM: `facesets worker add \
                 CODE --client-cert FILE --client-key FILE` (in a workers file: `client_cert`, `client_key`)"
                    .to_owned()
            }
        })
    }
}

impl OwnCertificate {
    /// Reads both, the key only where nobody else may.
    pub(super) fn read(
        &self,
    ) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), OwnCertificateError> {
        let Self { certificate, key } = self;
        let chain = CertificateDer::pem_file_iter(certificate)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|error| broken(certificate, error))?;
        if chain.is_empty() {
            return Err(OwnCertificateError::NoCertificate(certificate.clone()));
        }
        let metadata =
            fs::metadata(key).map_err(|source| OwnCertificateError::Read { path: key.clone(), source })?;
        if metadata.permissions().mode() & 0o077 != 0 {
            return Err(OwnCertificateError::Exposed(key.clone()));
        }
        let key = PrivateKeyDer::from_pem_file(key).map_err(|error| broken(key, error))?;
        Ok((chain, key))
    }
}

fn broken(path: &Path, error: pem::Error) -> OwnCertificateError {
    let path = path.to_owned();
    match error {
        pem::Error::Io(source) => OwnCertificateError::Read { path, source },
        pem::Error::NoItemsFound => OwnCertificateError::NoKey(path),
        source => OwnCertificateError::Pem { path, source },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    const KEY: &str = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";

    #[test]
    fn what_is_wrong_with_the_files_is_told_with_a_hint() {
        let folder = tempfile::tempdir().unwrap();
        let own = OwnCertificate {
            certificate: folder.path().join("client.pem"),
            key: folder.path().join("client.key"),
        };
        let said = |certificate: Option<&str>, key: Option<&str>, mode: u32| {
            for (path, text) in [(&own.certificate, certificate), (&own.key, key)] {
                match text {
                    Some(text) => {
                        fs::write(path, text).unwrap();
                        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
                    }
                    None => drop(fs::remove_file(path)),
                }
            }
            let error = own.read().unwrap_err();
            format!("{error} ({})", error.hint().unwrap())
        };
        for (certificate, key, mode, part) in [
            (None, None, 0o600, "client.pem`: No such file"),
            (Some(KEY), Some(KEY), 0o600, "client.pem` holds no certificate"),
            (Some("-----BEGIN CERTIFICATE-----\nA?\n"), Some(KEY), 0o600, "client.pem` is no PEM file"),
            (Some(CERTIFICATE), None, 0o600, "client.key`: No such file"),
            (Some(CERTIFICATE), Some(KEY), 0o640, "chmod 600"),
            (Some(CERTIFICATE), Some(KEY), 0o604, "others than its owner"),
            (Some(CERTIFICATE), Some(CERTIFICATE), 0o600, "client.key` holds no private key"),
        ] {
            let said = said(certificate, key, mode);
            assert!(said.contains(part), "{part}: {said}");
        }
        fs::write(&own.key, KEY).unwrap();
        assert_eq!(own.read().unwrap().0.len(), 1);
    }
}
