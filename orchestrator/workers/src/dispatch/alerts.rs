//! What a worker says of our certificate. In TLS 1.3 it says so after we have taken the handshake for done,
//! so it comes where an answer is read.

use std::{
    io,
    pin::Pin,
    sync::{Arc, OnceLock},
    task::{Context, Poll},
};

use rustls::{AlertDescription, Error};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::DispatchError;

/// The last word of a worker that ends a connection, if it has said one.
#[derive(Debug, Clone, Default)]
pub(super) struct LastWord(Arc<OnceLock<AlertDescription>>);

/// A connection whose last word is kept.
#[derive(Debug)]
pub(super) struct Heard<S> {
    stream: S,
    word: LastWord,
}

impl LastWord {
    pub(super) fn of<S>(&self, stream: S) -> Heard<S> {
        Heard { stream, word: self.clone() }
    }

    /// The same error, or a better one where the worker has said why it ended the connection.
    pub(super) fn explain(&self, address: &str, error: DispatchError) -> DispatchError {
        let address = address.to_owned();
        match self.0.get().copied() {
            Some(AlertDescription::CertificateRequired) => DispatchError::CertificateWanted(address),
            Some(alert) => match reason(alert) {
                Some(reason) => DispatchError::CertificateRefused { address, reason },
                None => error,
            },
            None => error,
        }
    }

    fn hear(&self, error: &io::Error) {
        if let Some(Error::AlertReceived(alert)) = error.get_ref().and_then(|inner| inner.downcast_ref()) {
            // The first counts: there is one a connection.
            let _ = self.0.set(*alert);
        }
    }
}

/// What an alert says of a certificate.
fn reason(alert: AlertDescription) -> Option<&'static str> {
    Some(match alert {
        AlertDescription::UnknownCA => "no authority that it trusts has signed it",
        AlertDescription::CertificateExpired => "it is not in force today",
        AlertDescription::CertificateRevoked => "it was revoked",
        AlertDescription::UnsupportedCertificate => "it is not meant for clients",
        AlertDescription::BadCertificate
        | AlertDescription::CertificateUnknown
        | AlertDescription::AccessDenied
        | AlertDescription::DecryptError => "it is not valid",
        _ => return None,
    })
}

impl<S: AsyncRead + Unpin> AsyncRead for Heard<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        if let Poll::Ready(Err(error)) = &read {
            self.word.hear(error);
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Heard<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
