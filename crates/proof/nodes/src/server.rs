//! Real connections to the pods' programs.
//!
//! Held: a request that has begun is answered before its connection closes, also while the pod goes away.

use crate::app::App;
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use parking_lot::RwLock;
use std::collections::HashMap;
use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// Open connections of one listener. A proxy keeps a handful per pod; past this, new ones wait in the backlog.
const CONNECTIONS_MAX: usize = 1024;

/// After a failed accept (out of file descriptors, say): long enough not to spin, short enough not to be noticed.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);

/// A program and the token that ends its connections.
#[derive(Clone, Debug)]
pub(crate) struct Served {
    pub(crate) app: Arc<App>,
    pub(crate) stop: CancellationToken,
}

/// Which program answers at which address, for the one server that plays all pods.
pub(crate) type Directory = Arc<RwLock<HashMap<Ipv4Addr, Served>>>;

/// Opens a listener without waiting.
pub(crate) fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let listener = std::net::TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener)
}

/// Serves one pod until its token is cancelled.
pub(crate) async fn serve_one(listener: TcpListener, served: Served) {
    let stop = served.stop.clone();
    accept(listener, stop, move |_| Some(served.clone())).await;
}

/// Serves every pod in `directory` until `stop`.
pub(crate) async fn serve_all(listener: TcpListener, directory: Directory, stop: CancellationToken) {
    accept(listener, stop, move |stream| match stream.local_addr().ok()?.ip() {
        IpAddr::V4(address) => directory.read().get(&address).cloned(),
        IpAddr::V6(_) => None,
    })
    .await;
}

async fn accept(listener: TcpListener, stop: CancellationToken, who: impl Fn(&TcpStream) -> Option<Served>) {
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = async { (Arc::clone(&room).acquire_owned().await, listener.accept().await) } => accepted,
        };
        let (Ok(permit), Ok((stream, _))) = accepted else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        // A connection to an address without a pod is dropped, as a host without a listener would refuse it.
        let Some(served) = who(&stream) else { continue };
        drop(stream.set_nodelay(true));
        tokio::spawn(async move {
            converse(stream, served).await;
            drop(permit);
        });
    }
}

async fn converse(stream: TcpStream, served: Served) {
    let app = served.app;
    let answer = service_fn(move |request: Request<Incoming>| {
        let app = Arc::clone(&app);
        async move { Ok::<_, Infallible>(app.answer(request).await) }
    });
    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), answer);
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        result = connection.as_mut() => return quiet(result),
        () = served.stop.cancelled() => connection.as_mut().graceful_shutdown(),
    }
    quiet(connection.await);
}

/// Clients that hang up are everyday life.
fn quiet(result: Result<(), hyper::Error>) {
    if let Err(error) = result {
        tracing::trace!(%error, "a connection broke");
    }
}
