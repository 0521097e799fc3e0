//! Patience with slow clients, which ends: a connection that is kept open with a byte now and then takes the place of another.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::Sleep,
};

/// How long is waited for clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// For the head of a request, an idle connection's next one included.
    pub head: Duration,
    /// For a body, beyond the time that it takes at the slowest pace.
    pub body: Duration,
    /// The slowest pace of a body, in bytes per second.
    pub pace: u32,
    /// For a client that reads nothing of its answer.
    pub unread: Duration,
}

impl Default for Patience {
    /// Enough for a telephone in a tunnel.
    fn default() -> Self {
        Self {
            head: Duration::from_secs(75),
            body: Duration::from_secs(30),
            pace: 10_000,
            unread: Duration::from_mins(1),
        }
    }
}

/// Why a body was not read to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unread {
    /// It is larger than may be.
    #[error("the body is too large")]
    TooLarge,
    /// It took too long.
    #[error("the body took too long to arrive")]
    TooSlow,
    /// The connection broke.
    #[error("the body could not be read to its end")]
    Broken,
}

/// A body that must keep up the pace.
pub(crate) struct Patient {
    body: Incoming,
    patience: Patience,
    /// Made where something is waited for: most bodies are there with their head.
    until: Option<Pin<Box<Sleep>>>,
}

impl Patient {
    pub(crate) const fn new(body: Incoming, patience: Patience) -> Self {
        Self {
            body,
            patience,
            until: None,
        }
    }

    /// What has come earns time.
    fn earn(&mut self, bytes: usize) {
        if let Some(until) = &mut self.until {
            let earned = Duration::from_secs(u64::try_from(bytes).unwrap_or(0)) / self.patience.pace.max(1);
            let later = until.deadline() + earned;
            until.as_mut().reset(later);
        }
    }
}

impl Body for Patient {
    type Data = Bytes;
    type Error = Unread;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Unread>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) {
            if let Some(bytes) = frame
                .as_ref()
                .and_then(|frame| frame.as_ref().ok())
                .and_then(Frame::data_ref)
            {
                self.earn(bytes.len());
            }
            return Poll::Ready(frame.map(|frame| frame.map_err(|_| Unread::Broken)));
        }
        let most = self.patience.body;
        let until = self.until.get_or_insert_with(|| Box::pin(tokio::time::sleep(most)));
        until.as_mut().poll(context).map(|()| Some(Err(Unread::TooSlow)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A connection whose client must read what it is sent: otherwise its answer, and the provider's behind it, would wait for ever.
pub(crate) struct PatientStream {
    stream: TcpStream,
    most: Duration,
    /// Made where a write waits.
    until: Option<Pin<Box<Sleep>>>,
}

impl PatientStream {
    pub(crate) const fn new(stream: TcpStream, patience: Patience) -> Self {
        Self {
            stream,
            most: patience.unread,
            until: None,
        }
    }

    /// What a write came to: one that waits may wait for so long, and each byte that is read earns all of the time again.
    fn wait<T>(&mut self, written: Poll<io::Result<T>>, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.until = None;
            return written;
        }
        let most = self.most;
        let until = self.until.get_or_insert_with(|| Box::pin(tokio::time::sleep(most)));
        until
            .as_mut()
            .poll(context)
            .map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for PatientStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for PatientStream {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.wait(written, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.wait(written, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
