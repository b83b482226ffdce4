//! A connection that is a piece of memory: what it will bring is known, what is written to it is counted.

use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::rt::{Read, ReadBufCursor, Write};

/// When the bytes are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ready {
    /// Only once something was written, as an answer is.
    AfterWrite,
    AtOnce,
}

/// The connection.
#[derive(Debug)]
pub(crate) struct Memory {
    bytes: Vec<u8>,
    at: usize,
    ready: Ready,
}

impl Memory {
    pub(crate) fn new(bytes: &[u8], ready: Ready) -> Self {
        Self { bytes: bytes.to_vec(), at: 0, ready }
    }
}

impl Read for Memory {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<std::io::Result<()>> {
        if self.ready == Ready::AfterWrite {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let taken = rest.len().min(buffer.remaining());
        buffer.put_slice(rest.get(..taken).unwrap_or_default());
        self.at += taken;
        Poll::Ready(Ok(()))
    }
}

impl Write for Memory {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        self.ready = Ready::AtOnce;
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
