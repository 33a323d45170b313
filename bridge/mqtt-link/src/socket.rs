//! A socket on which PUBACKs travel together.
//!
//! The client flushes after each PUBACK: a system call a message, and the largest cost of taking messages in. Here a PUBACK waits
//! until something else is written or the client turns to reading, which it does whenever it has nothing more to send; so none
//! waits while the connection rests. Below TLS nothing can be told apart, and everything is written as it comes.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// With so many bytes waiting the next PUBACK is written with them.
const MOST_WAITING: usize = 8 * 1024;
/// First byte of a PUBACK (MQTT 5, 3.4.1).
const PUBACK: u8 = 0x40;

/// A socket, and the PUBACKs that wait for company.
#[derive(Debug)]
pub(crate) struct Together<S> {
    socket: S,
    waiting: Vec<u8>,
}

impl<S> Together<S> {
    pub(crate) fn new(socket: S) -> Self {
        Self { socket, waiting: Vec::new() }
    }
}

impl<S: AsyncWrite + Unpin> Together<S> {
    fn write_waiting(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.waiting.is_empty() {
            let written = ready!(Pin::new(&mut self.socket).poll_write(cx, &self.waiting))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.waiting.drain(..written);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Together<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        // One whole PUBACK and nothing else: its length fits one byte, and is that of the rest.
        let is_puback = matches!(bytes, [PUBACK, length, rest @ ..] if *length < 128 && usize::from(*length) == rest.len());
        if is_puback && self.waiting.len() < MOST_WAITING {
            self.waiting.extend_from_slice(bytes);
            return Poll::Ready(Ok(bytes.len()));
        }
        ready!(self.write_waiting(cx))?;
        Pin::new(&mut self.socket).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.write_waiting(cx))?;
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Together<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        // Pending is no reason not to read: the socket wakes this task when it takes more.
        if let Poll::Ready(Err(error)) = self.write_waiting(cx) {
            return Poll::Ready(Err(error));
        }
        Pin::new(&mut self.socket).poll_read(cx, buffer)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    const ONE: [u8; 4] = [PUBACK, 2, 0, 1];
    const OTHER: [u8; 5] = [PUBACK, 3, 0, 2, 0x10];

    /// What has arrived at the far end without waiting.
    fn arrived(far: &mut tokio::io::DuplexStream) -> Vec<u8> {
        let mut bytes = [0; 64];
        let mut buffer = ReadBuf::new(&mut bytes);
        let mut cx = Context::from_waker(std::task::Waker::noop());
        match Pin::new(far).poll_read(&mut cx, &mut buffer) {
            Poll::Ready(done) => done.unwrap(),
            Poll::Pending => {}
        }
        buffer.filled().to_vec()
    }

    #[tokio::test]
    async fn pubacks_wait_for_company_or_for_a_read_and_keep_their_order() {
        let (near, mut far) = tokio::io::duplex(64);
        let mut socket = Together::new(near);
        for ack in [&ONE[..], &OTHER[..]] {
            socket.write_all(ack).await.unwrap();
            socket.flush().await.unwrap();
        }
        assert_eq!(arrived(&mut far), b"");
        socket.write_all(&[0xc0, 0]).await.unwrap();
        assert_eq!(arrived(&mut far), [&ONE[..], &OTHER, &[0xc0, 0]].concat());
        socket.write_all(&ONE).await.unwrap();
        far.write_all(b"x").await.unwrap();
        assert_eq!(socket.read_u8().await.unwrap(), b'x');
        assert_eq!(arrived(&mut far), ONE);
    }

    #[tokio::test]
    async fn several_packets_in_one_write_and_the_last_words_of_a_connection_are_written() {
        let (near, mut far) = tokio::io::duplex(64);
        let mut socket = Together::new(near);
        socket.write_all(&[ONE, ONE].concat()).await.unwrap();
        assert_eq!(arrived(&mut far), [ONE, ONE].concat());
        socket.write_all(&ONE).await.unwrap();
        socket.shutdown().await.unwrap();
        assert_eq!(arrived(&mut far), ONE);
    }

    #[tokio::test]
    async fn a_far_end_that_reads_slowly_gets_everything() {
        let (near, mut far) = tokio::io::duplex(7);
        let mut socket = Together::new(near);
        let sent: Vec<u8> = (0..100).flat_map(|n| [PUBACK, 2, 0, n]).collect();
        let (mut all, mut nothing) = (Vec::new(), [0; 1]);
        for ack in sent.chunks(4) {
            socket.write_all(ack).await.unwrap();
        }
        while all.len() < sent.len() {
            tokio::select! {
                _ = socket.read(&mut nothing) => panic!("the far end says nothing"),
                byte = far.read_u8() => all.push(byte.unwrap()),
            }
        }
        assert_eq!(all, sent);
    }
}
