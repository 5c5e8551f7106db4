//! Requests to others: every one has a time limit, and every answer a largest size.

use std::{
    error::Error,
    io::{self, ErrorKind},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode, header::LOCATION};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{ConfigBuilderExt as _, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use serin_kernel::chain;
use tokio::time::timeout;
use url::Url;

/// How we call ourselves.
pub(crate) const AGENT: &str = concat!("serin-loadtester/", env!("CARGO_PKG_VERSION"));
/// As many as a browser would not follow.
const REDIRECTS_MAX: usize = 5;

/// What is sent.
pub(crate) type Question = Request<Full<Bytes>>;

/// What came back.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// How long an exchange may take, and how large an answer may be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) time: Duration,
    pub(crate) bytes_max: usize,
}

/// For answers of a few fields.
pub(crate) const SMALL: Bounds = Bounds { time: Duration::from_secs(30), bytes_max: 1 << 20 };

/// A client with connections of its own. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Http(Client<HttpsConnector<HttpConnector>, Full<Bytes>>);

impl Http {
    /// A client that keeps `idle_max` connections to each host for the next request.
    pub(crate) fn new(idle_max: usize) -> Self {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let none = || rustls::RootCertStore::empty();
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12]);
        // Both are always built in; without certificates of the machine, https is refused when it is used.
        let config = config.map(|config| match config.clone().with_native_roots() {
            Ok(trusting) => trusting,
            Err(_) => config.with_root_certificates(none()),
        });
        let config = match config {
            Ok(config) => config.with_no_client_auth(),
            Err(_) => rustls::ClientConfig::builder().with_root_certificates(none()).with_no_client_auth(),
        };
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(config)
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_max_idle_per_host(idle_max)
            .http1_title_case_headers(true)
            .build(connector);
        Self(client)
    }

    /// One exchange.
    pub(crate) async fn exchange(&self, question: Question, bounds: Bounds) -> Result<Reply, String> {
        let exchange = async {
            let answer = self.0.request(question).await.map_err(|error| chain(&error))?;
            let (head, body) = answer.into_parts();
            let body = Limited::new(body, bounds.bytes_max).collect().await;
            let body = body.map_err(|error| match error.downcast::<http_body_util::LengthLimitError>() {
                Ok(_) => format!("the answer is larger than {} bytes", bounds.bytes_max),
                Err(error) => chain(&*error),
            })?;
            Ok(Reply { status: head.status, headers: head.headers, body: body.to_bytes() })
        };
        timeout(bounds.time, exchange)
            .await
            .unwrap_or_else(|_| Err(format!("no answer within {:?}", bounds.time)))
    }

    /// One exchange of which only the status matters; the answer is read to its end, whatever its size.
    pub(crate) async fn status(&self, question: Question, time: Duration) -> Result<StatusCode, Trouble> {
        let exchange = async {
            let mut answer = self.0.request(question).await.map_err(|error| {
                if error.is_connect() { Trouble::no_connection(&error) } else { Trouble::Broken }
            })?;
            while let Some(frame) = answer.frame().await {
                frame.map_err(|_| Trouble::Broken)?;
            }
            Ok(answer.status())
        };
        timeout(time, exchange).await.unwrap_or(Err(Trouble::Timeout))
    }

    /// The bytes at an address; redirects are followed, for addresses of files in repositories redirect.
    pub(crate) async fn fetch(&self, address: &Url, bounds: Bounds) -> Result<Bytes, String> {
        let fetched = async {
            let mut at = address.clone();
            for _ in 0..=REDIRECTS_MAX {
                let question = Request::get(at.as_str()).header("User-Agent", AGENT).body(Full::default());
                let reply = self.exchange(question.map_err(|error| error.to_string())?, bounds).await?;
                if reply.status.is_success() {
                    return Ok(reply.body);
                }
                let to = reply.headers.get(LOCATION).filter(|_| reply.status.is_redirection());
                let Some(to) = to.and_then(|to| to.to_str().ok()) else {
                    return Err(format!("the answer is {}", reply.status));
                };
                let next = at.join(to).map_err(|error| format!("it redirects to {to:?}: {error}"))?;
                if !["http", "https"].contains(&next.scheme())
                    || (at.scheme() == "https" && next.scheme() == "http")
                {
                    return Err(format!("it redirects to {to:?}, which is not followed"));
                }
                at = next;
            }
            Err(format!("it redirects more than {REDIRECTS_MAX} times"))
        };
        timeout(bounds.time, fetched)
            .await
            .unwrap_or_else(|_| Err(format!("no answer within {:?}", bounds.time)))
    }
}

/// Why an exchange has no status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Trouble {
    /// No connection, and what the system says to that, if it does.
    Connect(Option<ErrorKind>),
    /// No connection, because nobody has the name.
    Name,
    Broken,
    Timeout,
}

impl Trouble {
    /// What has kept a connection from being made.
    fn no_connection(error: &(dyn Error + 'static)) -> Self {
        let mut causes = std::iter::successors(Some(error), |error| (*error).source());
        let known = causes.find_map(|cause| {
            // The client has no other way to tell this one.
            if cause.to_string() == "dns error" {
                return Some(Self::Name);
            }
            let of_system = cause.downcast_ref::<io::Error>().filter(|it| it.raw_os_error().is_some());
            of_system.map(|it| Self::Connect(Some(it.kind())))
        });
        known.unwrap_or(Self::Connect(None))
    }

    pub(crate) fn name(self) -> String {
        match self {
            Self::Connect(None) => "no connection".to_owned(),
            Self::Connect(Some(kind)) => format!("no connection: {kind}"),
            Self::Name => "no connection: the host's name is not known".to_owned(),
            Self::Broken => "connection broken".to_owned(),
            Self::Timeout => "timeout".to_owned(),
        }
    }
}
