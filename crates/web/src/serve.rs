//! Accepts connections until told to stop, then lets those under way finish.

use std::{future::Future, io};

use axum::{Router, serve::ListenerExt};
use tokio::net::TcpListener;

/// Serves a router on a listener.
///
/// # Errors
/// What the listener says.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    // Without this, the last small packet of a stream waits 40 ms for an acknowledgement.
    let listener = listener.tap_io(|connection| {
        let _ = connection.set_nodelay(true);
    });
    axum::serve(listener, router).with_graceful_shutdown(stop).await
}
