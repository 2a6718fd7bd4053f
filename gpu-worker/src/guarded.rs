//! A connection that is looked at whenever it is read from or written to, and that ends when somebody says
//! so.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Says how long a connection goes on, and what is read of it.
pub(crate) trait Guard: Unpin {
    /// Ready when the connection is over, with what its user is told; wakes the task then.
    fn poll_over(&mut self, context: &mut Context<'_>) -> Poll<io::Error>;

    /// Ready when it may be read from; wakes the task then.
    fn poll_hear(&mut self, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// So many more bytes were read.
    fn heard(&mut self, _bytes: usize) {}
}

/// A stream and its guard.
#[derive(Debug)]
pub(crate) struct Guarded<S, G> {
    stream: S,
    guard: G,
}

impl<S, G: Guard> Guarded<S, G> {
    pub(crate) fn new(stream: S, guard: G) -> Self {
        Self { stream, guard }
    }

    pub(crate) fn guard(&self) -> &G {
        &self.guard
    }

    fn check(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        match self.guard.poll_over(context) {
            Poll::Ready(error) => Err(error),
            Poll::Pending => Ok(()),
        }
    }
}

// Looked at in any case: whoever sends nothing but pings, or does not read, is to be found out as well.
impl<S: AsyncRead + Unpin, G: Guard> AsyncRead for Guarded<S, G> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check(context)?;
        ready!(self.guard.poll_hear(context))?;
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        self.guard.heard(buffer.filled().len() - before);
        read
    }
}

impl<S: AsyncWrite + Unpin, G: Guard> AsyncWrite for Guarded<S, G> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check(context)?;
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check(context)?;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check(context)?;
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.check(context)?;
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
