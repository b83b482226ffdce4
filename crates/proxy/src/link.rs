//! One TCP connection, of a client or of an upstream: reading into its buffer, writing out of one.
//!
//! Reads go through `poll_read` alone: it asks the kernel only after the kernel said that something is there, and a
//! short read tells that nothing is left, so waiting costs no system call and a pooled connection can be judged
//! without one.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::buffers::{Buffers, Inbound, Outbound, Size};

/// What a read brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fill {
    Bytes,
    /// The peer will send nothing more.
    End,
    /// There is no room.
    Full,
}

/// A connection and what arrived on it.
#[derive(Debug)]
pub(crate) struct Link {
    stream: TcpStream,
    pub(crate) inbound: Inbound,
    ending: Ending,
}

/// Whether the peer has ended its side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Open,
    Ended,
}

impl Link {
    pub(crate) fn new(stream: TcpStream) -> Self {
        // Small messages must not wait for acknowledgements; where this fails they do, and nothing else happens.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "cannot switch off delays of small writes");
        }
        Self { stream, inbound: Inbound::new(), ending: Ending::Open }
    }

    /// Reads once. Where nothing arrived and nothing is held, the memory goes back.
    pub(crate) fn poll_fill(
        &mut self,
        context: &mut Context<'_>,
        buffers: &Buffers,
        size: Size,
    ) -> Poll<io::Result<Fill>> {
        if self.ending == Ending::Ended {
            return Poll::Ready(Ok(Fill::End));
        }
        let room = self.inbound.room(buffers, size);
        if room.is_empty() {
            return Poll::Ready(Ok(Fill::Full));
        }
        let mut read = ReadBuf::new(room);
        let outcome = Pin::new(&mut self.stream).poll_read(context, &mut read);
        let count = read.filled().len();
        match outcome {
            Poll::Ready(Ok(())) if count == 0 => {
                self.ending = Ending::Ended;
                self.inbound.release(buffers);
                Poll::Ready(Ok(Fill::End))
            }
            Poll::Ready(Ok(())) => {
                self.inbound.filled(count);
                Poll::Ready(Ok(Fill::Bytes))
            }
            Poll::Ready(Err(error)) => {
                self.inbound.release(buffers);
                Poll::Ready(Err(error))
            }
            Poll::Pending => {
                self.inbound.release(buffers);
                Poll::Pending
            }
        }
    }

    /// Looks whether the peer went away while it is not its turn; what it sends meanwhile is kept, up to a limit.
    ///
    /// The end of its side alone says nothing: a client may end its side and wait for the answer.
    ///
    /// # Errors
    ///
    /// The connection was reset.
    pub(crate) fn watch(&mut self, context: &mut Context<'_>, buffers: &Buffers) -> io::Result<()> {
        while self.ending == Ending::Open && !self.inbound.is_full() {
            let Poll::Ready(readiness) = self.stream.poll_read_ready(context) else { return Ok(()) };
            readiness?;
            match self.poll_fill(context, buffers, Size::Small) {
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(error)) => return Err(error),
                Poll::Pending => return Ok(()),
            }
        }
        Ok(())
    }

    /// Writes until everything is written.
    pub(crate) fn poll_flush(
        &mut self,
        context: &mut Context<'_>,
        outbound: &mut Outbound,
    ) -> Poll<io::Result<()>> {
        while !outbound.is_sent() {
            let count = ready!(Pin::new(&mut self.stream).poll_write(context, outbound.rest()))?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            outbound.sent(count);
        }
        Poll::Ready(Ok(()))
    }

    /// Ends our side; the peer can still send.
    pub(crate) fn poll_end(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    /// Whether an idle connection can be used again: the peer neither ended it nor sent anything unasked.
    /// Asks the kernel only where it has announced something.
    pub(crate) fn is_quiet(&mut self) -> bool {
        if self.ending == Ending::Ended || !self.inbound.is_empty() {
            return false;
        }
        let mut context = Context::from_waker(Waker::noop());
        match self.stream.poll_read_ready(&mut context) {
            Poll::Pending => true,
            Poll::Ready(Err(_)) => false,
            // A read that filled its buffer leaves the mark behind without there being more.
            Poll::Ready(Ok(())) => {
                let mut byte = [0_u8; 1];
                let mut read = ReadBuf::new(&mut byte);
                Pin::new(&mut self.stream).poll_read(&mut context, &mut read).is_pending()
            }
        }
    }

    /// Lets the connection break instead of end, so that the peer cannot take what it got for the whole.
    pub(crate) fn abort(self) {
        if let Err(error) = self.stream.set_zero_linger() {
            tracing::debug!(%error, "cannot reset a connection; it is closed instead");
        }
    }
}
