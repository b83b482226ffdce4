//! One connection, of a client or of an upstream, in the clear or through TLS: reading into its buffer, writing out of
//! one.
//!
//! Reads go through `poll_read` alone: it asks the kernel only after the kernel said that something is there, and a
//! short read tells that nothing is left, so waiting costs no system call and a pooled connection can be judged
//! without one. TLS keeps encrypted bytes of its own: what was written is out only when those are
//! ([`Outbound::hold`]), and an end without the peer's `close_notify` is an error, because anybody on the way can forge
//! the end of a TCP connection.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsStream;

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
    stream: Stream,
    pub(crate) inbound: Inbound,
    ending: Ending,
}

/// What carries the bytes.
#[derive(Debug)]
enum Stream {
    Plain(TcpStream),
    /// Boxed, because it is large and most connections are in memory for long.
    Tls(Box<TlsStream<TcpStream>>),
}

/// Whether the peer has ended its side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Open,
    Ended,
}

impl Link {
    pub(crate) fn new(stream: TcpStream) -> Self {
        without_delay(&stream);
        Self { stream: Stream::Plain(stream), inbound: Inbound::new(), ending: Ending::Open }
    }

    /// After a handshake; [`without_delay`] was said before it.
    pub(crate) fn secured(stream: TlsStream<TcpStream>) -> Self {
        Self { stream: Stream::Tls(Box::new(stream)), inbound: Inbound::new(), ending: Ending::Open }
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
        let outcome = match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_read(context, &mut read),
            Stream::Tls(stream) => Pin::new(&mut **stream).poll_read(context, &mut read),
        };
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
            // Through TLS only reading tells: bytes may have been decrypted already, and others are none of a message.
            if let Stream::Plain(stream) = &mut self.stream {
                let Poll::Ready(readiness) = stream.poll_read_ready(context) else { return Ok(()) };
                readiness?;
            }
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
        match &mut self.stream {
            Stream::Plain(stream) => {
                while !outbound.is_sent() {
                    let count = ready!(Pin::new(&mut *stream).poll_write(context, outbound.rest()))?;
                    if count == 0 {
                        return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
                    }
                    outbound.sent(count);
                }
                Poll::Ready(Ok(()))
            }
            Stream::Tls(stream) => poll_flush_tls(stream, context, outbound),
        }
    }

    /// Ends our side; the peer can still send. Through TLS, `close_notify` goes first.
    pub(crate) fn poll_end(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Stream::Tls(stream) => Pin::new(&mut **stream).poll_shutdown(context),
        }
    }

    /// Whether the connection has an end of its own to be said before it is closed.
    pub(crate) const fn says_goodbye(&self) -> bool {
        match self.stream {
            Stream::Plain(_) => false,
            Stream::Tls(_) => true,
        }
    }

    /// Whether an idle connection can be used again: the peer neither ended it nor sent anything unasked.
    /// Asks the kernel only where it has announced something.
    pub(crate) fn is_quiet(&mut self) -> bool {
        if self.ending == Ending::Ended || !self.inbound.is_empty() {
            return false;
        }
        let mut context = Context::from_waker(Waker::noop());
        let mut byte = [0_u8; 1];
        let mut read = ReadBuf::new(&mut byte);
        match &mut self.stream {
            Stream::Plain(stream) => match stream.poll_read_ready(&mut context) {
                Poll::Pending => true,
                Poll::Ready(Err(_)) => false,
                // A read that filled its buffer leaves the mark behind without there being more.
                Poll::Ready(Ok(())) => Pin::new(stream).poll_read(&mut context, &mut read).is_pending(),
            },
            // Takes in what belongs to TLS itself, such as tickets, which is nothing that was sent unasked.
            Stream::Tls(stream) => Pin::new(&mut **stream).poll_read(&mut context, &mut read).is_pending(),
        }
    }

    /// Lets the connection break instead of end, so that the peer cannot take what it got for the whole.
    pub(crate) fn abort(self) {
        let stream = match &self.stream {
            Stream::Plain(stream) => stream,
            Stream::Tls(stream) => stream.get_ref().0,
        };
        if let Err(error) = stream.set_zero_linger() {
            tracing::debug!(%error, "cannot reset a connection; it is closed instead");
        }
    }
}

/// Small messages must not wait for acknowledgements; where this fails they do, and nothing else happens.
pub(crate) fn without_delay(stream: &TcpStream) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "cannot switch off delays of small writes");
    }
}

/// Encrypts until everything is encrypted, and writes that out.
fn poll_flush_tls(
    stream: &mut TlsStream<TcpStream>,
    context: &mut Context<'_>,
    outbound: &mut Outbound,
) -> Poll<io::Result<()>> {
    while !outbound.rest().is_empty() {
        let count = ready!(Pin::new(&mut *stream).poll_write(context, outbound.rest()))?;
        if count == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        outbound.sent(count);
        outbound.hold();
    }
    ready!(Pin::new(stream).poll_flush(context))?;
    outbound.let_go();
    Poll::Ready(Ok(()))
}
