//! Data planes of the demo and the tests: routing objects in, real requests forwarded.
//!
//! Held: every routing decision is a pure function of the tables and the request ([`canary`], [`route`], [`pool`],
//! [`mesh`]), with counters where real ones roll dice, so a weight of 25 is exactly one request in four.
//!
//! [`IngressProxy`] reads Ingresses of one class (by `spec.ingressClassName` or the old annotation) with ingress-nginx's
//! canary annotations; [`mesh::MeshDouble`] reads Istio's `VirtualService`s and counts what it forwards. Both read Services
//! and `EndpointSlice`s and forward HTTP/1.1. They do not speak TLS, HTTP/2 or WebSocket, and write nothing to the API.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod canary;
mod forward;
mod keeper;
pub mod mesh;
mod pool;
mod proxy;
mod route;
mod stats;
mod watch;

pub use stats::{Count, Source, Stats};

use forward::Inward;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use keeper::Tables;
use parking_lot::RwLock;
use pool::Pools;
use route::Table;
use stats::Counters;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch as level};
use tokio_util::sync::CancellationToken;

/// The class whose Ingresses are served.
const CLASS: &str = "nginx";

/// Open client connections; past it new ones wait in the backlog. Far above a demo's load, far below a process's files.
const CONNECTIONS_MAX: usize = 4096;

/// After a failed accept (out of file descriptors, say): long enough not to spin, short enough not to be noticed.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);

/// Why the proxy could not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address cannot be had.
    #[error("cannot listen on {address}: choose another address, or port 0 for any free one")]
    Listen {
        /// The wanted address.
        address: SocketAddr,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
}

/// What the requests are routed by, and what became of them.
#[derive(Debug)]
pub(crate) struct World {
    class: String,
    tables: RwLock<Routing>,
    counters: Counters,
}

#[derive(Debug, Default)]
struct Routing {
    routes: Table,
    pools: Pools,
}

/// The proxy's entry.
#[derive(Debug)]
pub struct IngressProxy;

/// A running proxy.
#[derive(Clone, Debug)]
pub struct Handle {
    /// Where it listens.
    pub addr: SocketAddr,
    world: Arc<World>,
    synced: level::Receiver<bool>,
}

impl IngressProxy {
    /// Listens on `addr` and follows the API until `stop` is cancelled; requests under way are answered first.
    ///
    /// # Errors
    /// [`Error::Listen`] when the address cannot be had.
    pub async fn start(
        client: kube::Client,
        addr: SocketAddr,
        stop: CancellationToken,
    ) -> Result<Handle, Error> {
        let (listener, addr) = listen(addr).await?;
        let world = Arc::new(World {
            class: CLASS.to_owned(),
            tables: RwLock::default(),
            counters: Counters::default(),
        });
        let (sender, synced) = level::channel(false);
        let keeper = Tables::of(Arc::clone(&world));
        tokio::spawn(watch::run(client, &keeper::KINDS, keeper, sender, stop.clone()));
        let (served, to_pods) = (Arc::clone(&world), forward::client());
        tokio::spawn(serve(listener, stop, move |request, from| {
            let (world, client) = (Arc::clone(&served), to_pods.clone());
            async move { proxy::forward(&world, &client, request, from).await }
        }));
        Ok(Handle { addr, world, synced })
    }
}

impl Handle {
    /// What has been answered since the start.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.world.counters.snapshot()
    }

    /// Waits until Ingresses, Services and EndpointSlices have been listed once. False when the proxy stopped first.
    pub async fn synced(&self) -> bool {
        self.synced.clone().wait_for(|synced| *synced).await.is_ok()
    }
}

/// A listener, and the address that it really has.
pub(crate) async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), Error> {
    let refused = |source| Error::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(refused)?;
    let bound = listener.local_addr().map_err(refused)?;
    Ok((listener, bound))
}

/// Answers every connection's requests by `answer` until `stop`; those under way are answered first.
pub(crate) async fn serve<F, A>(listener: TcpListener, stop: CancellationToken, answer: F)
where
    F: Fn(Request<Incoming>, SocketAddr) -> A + Clone + Send + Sync + 'static,
    A: Future<Output = Response<Inward>> + Send + 'static,
{
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = async { (Arc::clone(&room).acquire_owned().await, listener.accept().await) } => accepted,
        };
        let (Ok(permit), Ok((stream, from))) = accepted else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let (answer, stop) = (answer.clone(), stop.clone());
        tokio::spawn(async move {
            converse(stream, from, answer, stop).await;
            drop(permit);
        });
    }
}

async fn converse<F, A>(stream: TcpStream, from: SocketAddr, answer: F, stop: CancellationToken)
where
    F: Fn(Request<Incoming>, SocketAddr) -> A,
    A: Future<Output = Response<Inward>>,
{
    drop(stream.set_nodelay(true));
    let answer = service_fn(|request| {
        let answered = answer(request, from);
        async move { Ok::<_, Infallible>(answered.await) }
    });
    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), answer);
    let mut connection = std::pin::pin!(connection);
    let result = tokio::select! {
        result = connection.as_mut() => result,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = result {
        tracing::trace!(%error, "a client's connection broke");
    }
}
