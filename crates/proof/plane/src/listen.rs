//! The API on a socket: TLS with a certificate of its own, and one bearer token, so that kubectl and
//! other processes on this machine can use it and nobody else.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{Request, Response, header};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use rand::RngExt as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::Service as _;

use crate::Error;
use crate::plane::{Body, Plane, PlaneService, refused};
use crate::status::Refusal;

/// More connections than this wait: each costs a task and TLS buffers, about 60 KB.
const CONNECTIONS_MAX: usize = 512;
/// A client that does not finish its TLS greeting in this time is dropped.
const HANDSHAKE_MAX: Duration = Duration::from_secs(10);
/// How long a failed `accept` (no file descriptors left) keeps from trying again.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A listening plane. Dropping it closes the socket and all connections.
pub struct Listener {
    addr: SocketAddr,
    certificate_pem: String,
    token: String,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Plane {
    /// Serves the API on `addr` (port 0 lets the system choose) until the listener is shut down or
    /// dropped.
    ///
    /// # Errors
    /// When the address cannot be bound or no certificate can be made.
    pub async fn listen(&self, addr: SocketAddr) -> Result<Listener, Error> {
        let socket = TcpListener::bind(addr).await.map_err(|source| Error::Bind { addr, source })?;
        let addr = socket.local_addr().map_err(|source| Error::Bind { addr, source })?;
        let (acceptor, certificate_pem) = tls(addr)?;
        self.inner.trust(&certificate_pem);
        let token = format!("{:032x}", rand::rng().random::<u128>());
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let guard = Guard { service: self.service(), token: format!("Bearer {token}").into() };
        tasks.spawn(accept(socket, acceptor, guard, stop.clone(), tasks.clone()));
        Ok(Listener { addr, certificate_pem, token, stop, tasks })
    }
}

impl Listener {
    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// A kubeconfig for this plane, in YAML.
    #[must_use]
    pub fn kubeconfig(&self) -> String {
        let authority = STANDARD.encode(&self.certificate_pem);
        let Listener { addr, token, .. } = self;
        format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: serin\nclusters:\n- name: serin\n  \
             cluster:\n    server: https://{addr}\n    certificate-authority-data: {authority}\n\
             users:\n- name: serin\n  user:\n    token: {token}\ncontexts:\n- name: serin\n  \
             context:\n    cluster: serin\n    user: serin\n    namespace: default\n"
        )
    }

    /// Closes the socket and all connections, and waits until that is done.
    pub async fn shutdown(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn tls(addr: SocketAddr) -> Result<(TlsAcceptor, String), Error> {
    let names = vec!["localhost".to_owned(), "kubernetes".to_owned(), addr.ip().to_string()];
    let made = rcgen::generate_simple_self_signed(names).map_err(Error::Certificate)?;
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let chain = vec![CertificateDer::from(made.cert.der().to_vec())];
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
        .map_err(Error::Tls)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok((TlsAcceptor::from(Arc::new(config)), made.cert.pem()))
}

async fn accept(
    socket: TcpListener,
    acceptor: TlsAcceptor,
    guard: Guard,
    stop: CancellationToken,
    tasks: TaskTracker,
) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = next(&socket, &places) => accepted,
        };
        let (stream, place) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let (acceptor, guard, stop) = (acceptor.clone(), guard.clone(), stop.clone());
        tasks.spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = serve(stream, acceptor, guard) => {}
            }
            drop(place);
        });
    }
}

async fn next(
    socket: &TcpListener,
    places: &Arc<Semaphore>,
) -> std::io::Result<(TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    let place = places.clone().acquire_owned().await.map_err(std::io::Error::other)?;
    let (stream, _) = socket.accept().await?;
    stream.set_nodelay(true)?;
    Ok((stream, place))
}

async fn serve(stream: TcpStream, acceptor: TlsAcceptor, guard: Guard) {
    let greeted = tokio::time::timeout(HANDSHAKE_MAX, acceptor.accept(stream)).await;
    let Ok(Ok(stream)) = greeted else {
        tracing::debug!("a connection ended before its TLS greeting did");
        return;
    };
    let service = hyper::service::service_fn(move |request| guard.clone().answer(request));
    let builder = auto::Builder::new(TokioExecutor::new());
    if let Err(error) = builder.serve_connection(TokioIo::new(stream), service).await {
        tracing::debug!(%error, "a connection ended");
    }
}

/// The service behind its token.
#[derive(Clone)]
struct Guard {
    service: PlaneService,
    token: Arc<str>,
}

impl Guard {
    async fn answer(mut self, request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
        let open = matches!(request.uri().path(), "/healthz" | "/readyz" | "/livez");
        let given = request.headers().get(header::AUTHORIZATION).map_or(&[] as &[u8], |v| v.as_bytes());
        if open || same(given, self.token.as_bytes()) {
            self.service.call(request).await
        } else {
            Ok(refused(&Refusal::unauthorized()))
        }
    }
}

/// Equality in a time that does not tell where the difference is.
fn same(left: &[u8], right: &[u8]) -> bool {
    left.len() == right.len() && left.iter().zip(right).fold(0, |bits, (l, r)| bits | (l ^ r)) == 0
}
