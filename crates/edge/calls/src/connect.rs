//! Connections: straight or through a proxy, in clear or with TLS.

use std::{
    collections::HashMap,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderValue, Uri, uri::Scheme};
use http_body_util::Full;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_rustls::{ConfigBuilderExt as _, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{
        Client as Pool,
        connect::{Connected, Connection, HttpConnector, proxy::Tunnel},
    },
    rt::{TokioExecutor, TokioIo, TokioTimer},
};
use parking_lot::Mutex;
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject as _},
};
use tokio::net::TcpStream;
use tower::{BoxError, Service as _, util::BoxCloneSyncService};
use url::Url;

use crate::{address, trust::AnyCertificate};

/// A pool of connections.
pub(crate) type Client = Pool<HttpsConnector<BoxCloneSyncService<Uri, Line, BoxError>>, Full<Bytes>>;

/// Pools that are kept. Each proxy that users name has its own: past this many, all are made afresh, which costs a
/// handshake and nothing else.
const CLIENTS_MAX: usize = 64;
/// Idle connections that are kept to one host: as many as calls are under way to it at once. With fewer, Canaries that check
/// at the same moment would each open a connection and close it again.
const IDLE_MAX: usize = 64;

/// How a server is reached.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Way {
    /// With TLS. Certificates of the machine are read only for that: a small container has none.
    pub(crate) is_secure: bool,
    /// Any certificate will do.
    pub(crate) insecure: bool,
    /// Certificates in PEM that are trusted instead of the machine's; empty for those.
    pub(crate) authority: String,
    /// Through whom.
    pub(crate) proxy: Option<Proxy>,
}

/// An HTTP proxy.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Proxy {
    uri: Uri,
    /// Its password, which goes with each request in clear and with each tunnel.
    pub(crate) authorization: Option<HeaderValue>,
}

impl Proxy {
    pub(crate) fn new(text: &str) -> Result<Self, String> {
        let wrong = |why: &str| format!("proxy: {why}: give it as http://HOST:PORT");
        let mut url = Url::parse(text).map_err(|error| wrong(&error.to_string()))?;
        if url.scheme() != "http" {
            return Err(wrong("it must begin with http://"));
        }
        let authorization = address::take_credentials(&mut url);
        let host = address::host(&url);
        let uri = format!("http://{host}/").parse().map_err(|_| wrong("that is no address"))?;
        Ok(Self { uri, authorization })
    }
}

/// Pools by [`Way`].
#[derive(Debug, Default)]
pub(crate) struct Clients(Mutex<HashMap<Way, Client>>);

impl Clients {
    /// The pool for `way`, made when there is none.
    pub(crate) fn get(&self, way: &Way) -> Result<Client, String> {
        let mut clients = self.0.lock();
        if let Some(client) = clients.get(way) {
            return Ok(client.clone());
        }
        let client = client(way)?;
        if CLIENTS_MAX <= clients.len() {
            clients.clear();
        }
        clients.insert(way.clone(), client.clone());
        Ok(client)
    }
}

fn client(way: &Way) -> Result<Client, String> {
    let connector = HttpsConnectorBuilder::new()
        .with_tls_config(tls(way)?)
        .https_or_http()
        .enable_http1()
        .wrap_connector(dialer(way.proxy.clone()));
    let mut pool = Pool::builder(TokioExecutor::new());
    pool.pool_timer(TokioTimer::new()).pool_max_idle_per_host(IDLE_MAX);
    Ok(pool.build(connector))
}

fn tls(way: &Way) -> Result<ClientConfig, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let config = if way.insecure {
        builder.dangerous().with_custom_certificate_verifier(Arc::new(AnyCertificate(provider)))
    } else if !way.authority.is_empty() {
        builder.with_root_certificates(authority(&way.authority)?)
    } else if way.is_secure {
        builder.with_native_roots().map_err(|error| {
            format!("the certificates of this machine cannot be read, and https needs them: {error}")
        })?
    } else {
        builder.with_root_certificates(RootCertStore::empty())
    };
    Ok(config.with_no_client_auth())
}

fn authority(pem: &str) -> Result<RootCertStore, String> {
    let mut store = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        let certificate = certificate.map_err(|error| format!("the authority's certificates: {error}"))?;
        store.add(certificate).map_err(|error| format!("the authority's certificates: {error}"))?;
    }
    if store.is_empty() { Err("the authority has no certificate in PEM".to_owned()) } else { Ok(store) }
}

/// Opens connections; TLS is laid over them by others.
fn dialer(proxy: Option<Proxy>) -> BoxCloneSyncService<Uri, Line, BoxError> {
    let mut http = HttpConnector::new();
    http.enforce_http(false);
    http.set_nodelay(true);
    BoxCloneSyncService::new(tower::service_fn(move |to: Uri| {
        let (mut http, proxy) = (http.clone(), proxy.clone());
        async move {
            let (io, is_proxied) = match proxy {
                None => (http.call(to).await?, false),
                Some(proxy) if to.scheme() == Some(&Scheme::HTTP) => (http.call(proxy.uri).await?, true),
                Some(Proxy { uri, authorization }) => {
                    let tunnel = Tunnel::new(uri, http);
                    let mut tunnel = match authorization {
                        Some(authorization) => tunnel.with_auth(authorization),
                        None => tunnel,
                    };
                    (tunnel.call(to).await?, false)
                }
            };
            Ok::<_, BoxError>(Line { io, is_proxied })
        }
    }))
}

/// A connection. One to a proxy in clear is told the whole address with each request.
#[derive(Debug)]
pub(crate) struct Line {
    io: TokioIo<TcpStream>,
    is_proxied: bool,
}

impl Connection for Line {
    fn connected(&self) -> Connected {
        self.io.connected().proxy(self.is_proxied)
    }
}

impl Read for Line {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: ReadBufCursor<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.io).poll_read(context, into)
    }
}

impl Write for Line {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }
}
