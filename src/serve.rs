//! Listeners: binds addresses, serves one router on each, plain or by TLS, and drains them. What is served is the programs' affair.

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use axum::Router;
use axum_server::Handle;
use axum_server::tls_rustls::RustlsConfig;
use hyper_util::rt::TokioTimer;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::Advice;

/// Requests in progress may take this long after the shutdown; then their connections are closed.
const DRAIN: Duration = Duration::from_secs(2);
/// A client must send the head of its request within this time.
const HEAD_WITHIN: Duration = Duration::from_secs(10);
/// A TLS handshake must be done within this time.
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(10);

/// Listens at `address`, which was chosen by `option`.
///
/// # Errors
/// The port is taken or not allowed; the sentence says what to do.
pub fn listen(address: SocketAddr, option: &str) -> Result<TcpListener, Advice> {
    use std::io::ErrorKind::{AddrInUse, AddrNotAvailable, PermissionDenied};
    let open = || -> std::io::Result<TcpListener> {
        let socket = socket2::Socket::new(socket2::Domain::for_address(address), socket2::Type::STREAM, None)?;
        if address.is_ipv6() {
            // All of IPv6 means all of both here, whatever the system's own habit.
            socket.set_only_v6(false)?;
        }
        // A restart must not wait for connections of the last run to time out.
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        socket.listen(1024)?;
        Ok(socket.into())
    };
    open().map_err(|error| {
        Advice::new(match error.kind() {
            AddrInUse => format!(
                "Port {} is taken by another program: stop it, or choose another address with {option}.",
                address.port()
            ),
            PermissionDenied => {
                format!("This user may not listen at port {}: choose a port above 1023 with {option}.", address.port())
            }
            AddrNotAvailable => {
                format!("The address {} does not belong to this machine: choose another with {option}.", address.ip())
            }
            _ => format!("Cannot listen at {address} ({error}): choose another address with {option}."),
        })
    })
}

/// Serves `router` at `listener` until `shutdown`, then drains.
///
/// # Errors
/// The operating system refuses the listener.
pub fn serve(
    listener: TcpListener,
    tls: Option<RustlsConfig>,
    router: Router,
    tracker: &TaskTracker,
    shutdown: CancellationToken,
) -> std::io::Result<()> {
    let handle = Handle::new();
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    let mut server = axum_server::from_tcp(listener)?.handle(handle.clone());
    server.http_builder().http1().timer(TokioTimer::new()).header_read_timeout(HEAD_WITHIN);
    server
        .http_builder()
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(Duration::from_secs(20))
        .keep_alive_timeout(Duration::from_secs(20));
    tracker.spawn(async move {
        let done = match tls {
            Some(config) => {
                let acceptor = axum_server::tls_rustls::RustlsAcceptor::new(config).handshake_timeout(HANDSHAKE_WITHIN);
                server.acceptor(acceptor).serve(service).await
            }
            None => server.serve(service).await,
        };
        if let Err(error) = done {
            tracing::error!(%error, "a listener stopped; start Windowseat again");
        }
    });
    tracker.spawn(async move {
        shutdown.cancelled().await;
        handle.graceful_shutdown(Some(DRAIN));
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_told_in_one_sentence_with_the_option_to_change() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let advice = listen(taken.local_addr().unwrap(), "--http").unwrap_err().to_string();
        assert!(advice.contains("is taken") && advice.contains("--http") && advice.lines().count() == 1, "{advice}");
    }
}
