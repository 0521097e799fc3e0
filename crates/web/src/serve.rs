//! The accept loop: HTTP/1.1 with kept-alive connections and no delay of small packets, a cap on connections, patience with slow
//! clients that ends, and a drain when the server stops. Model calls are handed on at once; everything else goes to the router.

use std::{
    convert::Infallible,
    future::Future,
    io,
    net::{IpAddr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    http::{Method, Request, Response},
};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use tokio::{
    net::{TcpListener, TcpStream},
    runtime::Handle,
    sync::{Semaphore, watch},
    task::JoinSet,
};
use tower::ServiceExt;

use crate::{
    App, Patience, openai,
    patience::{Patient, PatientStream},
};

/// Most connections at a time: beyond it, new ones wait to be accepted.
const MOST_CONNECTIONS: usize = 20_000;
/// How long what is under way may take to end once the server stops.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(30);
/// How long the listener rests where the machine has no more sockets to give.
const AFTER_FAILURE: Duration = Duration::from_millis(50);

/// Where a request came from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// What is served.
#[derive(Clone)]
pub struct Site {
    door: Option<App>,
    router: Router,
    patience: Patience,
}

impl Site {
    /// Model calls through the door, and everything else from the router.
    pub fn new(app: App, router: Router) -> Self {
        Self {
            door: Some(app),
            router,
            patience: Patience::default(),
        }
    }

    /// With another patience.
    #[must_use]
    pub fn with_patience(self, patience: Patience) -> Self {
        Self { patience, ..self }
    }
}

impl From<Router> for Site {
    fn from(router: Router) -> Self {
        Self {
            door: None,
            router,
            patience: Patience::default(),
        }
    }
}

/// Serves a site on a listener until told to stop; then lets what is under way end. Connections are shared out among threads with
/// a runtime of their own each: a request then stays on one thread from its first byte to its last.
///
/// # Errors
/// Where no thread can be started; a connection that fails takes nothing with it.
pub async fn serve(
    listener: TcpListener,
    site: impl Into<Site>,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let site = Arc::new(site.into());
    if let Some(app) = &site.door {
        app.gateway.tasks().run_on(Handle::current());
    }
    let workers = Workers::start()?;
    let mut connections = JoinSet::new();
    let graceful = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    let mut stop = std::pin::pin!(stop);
    loop {
        let place = Arc::clone(&places).acquire_owned();
        let accepted = tokio::select! {
            accepted = async { (place.await, listener.accept().await) } => accepted,
            () = &mut stop => break,
        };
        let (Ok(place), Ok((stream, peer))) = accepted else {
            tokio::time::sleep(AFTER_FAILURE).await;
            continue;
        };
        let (site, watcher) = (Arc::clone(&site), graceful.watcher());
        let connection = async move {
            // A socket that cannot be moved, or a client that breaks its connection off, is no failure of the server.
            if let Ok(stream) = stream.into_std().and_then(TcpStream::from_std) {
                let _ = watcher.watch(connect(stream, peer, site)).await;
            }
            drop(place);
        };
        while connections.try_join_next().is_some() {}
        connections.spawn_on(connection, workers.next());
    }
    drop(listener);
    let drained = async {
        graceful.shutdown().await;
        while connections.join_next().await.is_some() {}
    };
    let _ = tokio::time::timeout(DRAIN_TIMEOUT, drained).await;
    connections.shutdown().await;
    Ok(())
}

/// Threads with a runtime each, which end when this is dropped.
struct Workers {
    first: Handle,
    others: Vec<Handle>,
    turn: AtomicUsize,
    _stop: watch::Sender<()>,
}

impl Workers {
    fn start() -> io::Result<Self> {
        let count = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let (stop, stopped) = watch::channel(());
        let start = |number: usize| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let handle = runtime.handle().clone();
            let mut stopped = stopped.clone();
            std::thread::Builder::new()
                .name(format!("cultivar-door-{number}"))
                .spawn(move || {
                    // Ends with an error once the sender is gone: that is the sign.
                    let _ = runtime.block_on(stopped.changed());
                    runtime.shutdown_background();
                })?;
            Ok(handle)
        };
        Ok(Self {
            first: start(0)?,
            others: (1..count).map(start).collect::<io::Result<_>>()?,
            turn: AtomicUsize::new(0),
            _stop: stop,
        })
    }

    /// Whose turn it is to take a connection.
    fn next(&self) -> &Handle {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed) % (self.others.len() + 1);
        self.others.get(turn).unwrap_or(&self.first)
    }
}

fn connect(
    stream: TcpStream,
    peer: SocketAddr,
    site: Arc<Site>,
) -> impl hyper_util::server::graceful::GracefulConnection<Error = hyper::Error> {
    // Without this, the last small packet of a stream waits 40 ms for an acknowledgement.
    let _ = stream.set_nodelay(true);
    let patience = site.patience;
    let service = service_fn(move |request| answer(Arc::clone(&site), Peer(peer.ip()), request));
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(patience.head)
        .serve_connection(TokioIo::new(PatientStream::new(stream, patience)), service)
}

async fn answer(site: Arc<Site>, peer: Peer, request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    let mut request = request.map(|body| Patient::new(body, site.patience));
    if let Some(app) = &site.door
        && request.method() == Method::POST
        && let Some(endpoint) = openai::door::endpoint(request.uri().path())
    {
        return Ok(openai::door::forward(app, endpoint, peer, request).await);
    }
    request.extensions_mut().insert(peer);
    let router = site.router.clone();
    router.oneshot(request.map(Body::new)).await
}
