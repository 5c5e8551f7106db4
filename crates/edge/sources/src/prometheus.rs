//! Prometheus and what speaks its API (Thanos, Mimir, `VictoriaMetrics`).

use std::time::Duration;

use base64::Engine as _;
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, HeaderValue, LOCATION, USER_AGENT};
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper_rustls::{ConfigBuilderExt as _, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use jiff::Timestamp;
use tokio::time::{Instant, sleep, timeout_at};
use url::Url;

/// How long and how often a question is asked.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Tries in all.
    pub tries: u32,
    /// The wait after the first failure; it doubles after each.
    pub wait: Duration,
    /// The time for one try.
    pub try_timeout: Duration,
    /// The time for all tries and the waits between them.
    pub timeout: Duration,
    /// The largest answer.
    pub bytes_max: usize,
}

impl Default for Limits {
    /// Prometheus itself gives up after two minutes and answers with 11,000 values of a series at most: 64 MiB are two
    /// hundred such series.
    fn default() -> Self {
        Self {
            tries: 6,
            wait: Duration::from_millis(500),
            try_timeout: Duration::from_secs(30),
            timeout: Duration::from_mins(2),
            bytes_max: 64 << 20,
        }
    }
}

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The query.
    pub query: &'a str,
    /// The first moment.
    pub start: Timestamp,
    /// The last moment, which counts too.
    pub end: Timestamp,
    /// Seconds from one value to the next.
    pub step: u32,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The address is none.
    #[error("{url:?} is no address of Prometheus: {why}")]
    Address {
        /// What was given, without a password.
        url: String,
        /// What is wrong with it.
        why: String,
    },
    /// No certificates to trust.
    #[error("the certificates of this machine cannot be read, and https needs them")]
    Certificates(#[source] std::io::Error),
    /// The source refuses the question.
    #[error("{host} answers {status}: {text}")]
    Refused {
        /// Who.
        host: String,
        /// How.
        status: StatusCode,
        /// What it says.
        text: String,
    },
    /// It could not be reached, or its answer not be read, in spite of all tries.
    #[error("no answer after {tries} tries: {why}")]
    Unreachable {
        /// How often it was asked.
        tries: u32,
        /// What happened at the last try.
        why: String,
    },
    /// The answer is larger than what is read.
    #[error(
        "the answer of {host} is larger than {bytes_max} bytes: ask for less time, a longer step or fewer labels"
    )]
    TooLarge {
        /// Who.
        host: String,
        /// The limit.
        bytes_max: usize,
    },
}

/// A Prometheus at one address.
#[derive(Clone, Debug)]
pub struct Prometheus {
    base: Url,
    host: String,
    authorization: Option<HeaderValue>,
    limits: Limits,
    http: Client<HttpsConnector<HttpConnector>, Empty<Bytes>>,
}

/// Bytes of a refusal that are read, and characters that are told.
const REFUSAL_BYTES_MAX: usize = 64 << 10;
const REFUSAL_CHARS_MAX: usize = 500;
/// The longest wait between two tries.
const WAIT_MAX: Duration = Duration::from_secs(10);

enum Failure {
    /// It may be better next time.
    Passing(String),
    Final(SourceError),
}

impl Prometheus {
    /// A Prometheus at `address`, an `http` or `https` URL, which may have a path and `user:password@`; `token` goes with
    /// each question and comes before a password.
    ///
    /// # Errors
    /// [`SourceError::Address`] and [`SourceError::Certificates`].
    pub fn new(address: &str, token: Option<&str>, limits: Limits) -> Result<Self, SourceError> {
        let wrong = |url: &str, why: &str| SourceError::Address { url: url.to_owned(), why: why.to_owned() };
        // What cannot be parsed may still hold a password: it is not shown.
        let mut base = Url::parse(address).map_err(|error| wrong("…", &error.to_string()))?;
        let password = base.password().map(str::to_owned);
        let user = base.username().to_owned();
        let is_clean = base.set_username("").is_ok() && base.set_password(None).is_ok();
        if !["http", "https"].contains(&base.scheme()) || !is_clean {
            return Err(wrong(base.scheme(), "it must begin with http:// or https://"));
        }
        if base.query().is_some() || base.fragment().is_some() {
            return Err(wrong(base.as_str(), "it must end with the path"));
        }
        let value = match (token, user.is_empty()) {
            (Some(token), _) => Some(format!("Bearer {}", token.trim())),
            (None, true) => None,
            (None, false) => {
                let decoded = |text: &str| {
                    percent_decoded(text)
                        .ok_or_else(|| wrong(base.as_str(), "user and password must be UTF-8"))
                };
                let pair = format!("{}:{}", decoded(&user)?, decoded(&password.unwrap_or_default())?);
                Some(format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair)))
            }
        };
        let header = |value: String| {
            let mut value = HeaderValue::from_str(&value)
                .map_err(|_| wrong(base.as_str(), "the token is not one line"))?;
            value.set_sensitive(true);
            Ok(value)
        };
        let authorization = value.map(header).transpose()?;
        let http = Client::builder(TokioExecutor::new()).build(connector(base.scheme() == "https")?);
        let port = base.port().map(|port| format!(":{port}")).unwrap_or_default();
        let host = format!("{}{port}", base.host_str().unwrap_or_default());
        Ok(Self { base, host, authorization, limits, http })
    }

    /// The body of the answer to a range query.
    ///
    /// # Errors
    /// [`SourceError`] when there is none.
    pub async fn query_range(&self, wanted: &Wanted<'_>) -> Result<Bytes, SourceError> {
        let mut url = self.base.clone();
        url.set_path(&format!("{}/api/v1/query_range", self.base.path().trim_end_matches('/')));
        url.query_pairs_mut()
            .append_pair("query", wanted.query)
            .append_pair("start", &wanted.start.to_string())
            .append_pair("end", &wanted.end.to_string())
            .append_pair("step", &wanted.step.to_string());
        let end = Instant::now() + self.limits.timeout;
        let mut wait = self.limits.wait;
        let mut tries = 0;
        loop {
            tries += 1;
            let until = end.min(Instant::now() + self.limits.try_timeout);
            let why = match timeout_at(until, self.ask(&url)).await {
                Ok(Ok(body)) => return Ok(body),
                Ok(Err(Failure::Final(error))) => return Err(error),
                Ok(Err(Failure::Passing(why))) => why,
                Err(_) => format!(
                    "{} is silent for {:?}",
                    self.host,
                    self.limits.try_timeout.min(self.limits.timeout)
                ),
            };
            if self.limits.tries <= tries || end <= Instant::now() + wait {
                return Err(SourceError::Unreachable { tries, why });
            }
            sleep(wait).await;
            wait = wait.saturating_mul(2).min(WAIT_MAX);
        }
    }

    async fn ask(&self, url: &Url) -> Result<Bytes, Failure> {
        let refused = |status, text: &str| {
            let text = text.chars().take(REFUSAL_CHARS_MAX).collect();
            SourceError::Refused { host: self.host.clone(), status, text }
        };
        let mut request = Request::get(url.as_str())
            .header(ACCEPT, "application/json")
            .header(USER_AGENT, concat!("serin/", env!("CARGO_PKG_VERSION")));
        if let Some(value) = &self.authorization {
            request = request.header(AUTHORIZATION, value);
        }
        let request = request.body(Empty::new()).map_err(|error| {
            Failure::Final(SourceError::Address { url: self.base.to_string(), why: error.to_string() })
        })?;
        let answer = self
            .http
            .request(request)
            .await
            .map_err(|error| Failure::Passing(format!("{}: {}", self.host, chain(&error))))?;
        let status = answer.status();
        if status.is_redirection() {
            let to = answer.headers().get(LOCATION).and_then(|to| to.to_str().ok()).unwrap_or("nowhere");
            return Err(Failure::Final(refused(status, &format!("it redirects to {to}: give that address"))));
        }
        let limit = if status.is_success() { self.limits.bytes_max } else { REFUSAL_BYTES_MAX };
        let body = match Limited::new(answer.into_body(), limit).collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) if error.is::<http_body_util::LengthLimitError>() => {
                let too_large = SourceError::TooLarge { host: self.host.clone(), bytes_max: limit };
                return Err(if status.is_success() {
                    Failure::Final(too_large)
                } else {
                    sort(status, "a long text", refused)
                });
            }
            Err(error) => return Err(Failure::Passing(format!("{}: {}", self.host, chain(&*error)))),
        };
        if status.is_success() {
            return Ok(body);
        }
        Err(sort(status, String::from_utf8_lossy(&body).trim(), refused))
    }
}

/// Whether a refusal may pass.
fn sort(status: StatusCode, text: &str, refused: impl Fn(StatusCode, &str) -> SourceError) -> Failure {
    let passes = status.is_server_error()
        || status == StatusCode::REQUEST_TIMEOUT
        || status == StatusCode::TOO_MANY_REQUESTS;
    let error = refused(status, text);
    if passes { Failure::Passing(error.to_string()) } else { Failure::Final(error) }
}

fn connector(is_secure: bool) -> Result<HttpsConnector<HttpConnector>, SourceError> {
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| SourceError::Certificates(std::io::Error::other(error)))?;
    // The certificates of the machine are read only where they are needed: a small container has none.
    let config = if is_secure {
        builder.with_native_roots().map_err(SourceError::Certificates)?.with_no_client_auth()
    } else {
        builder.with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth()
    };
    Ok(HttpsConnectorBuilder::new().with_tls_config(config).https_or_http().enable_http1().build())
}

/// An error with its causes in one line.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

fn percent_decoded(text: &str) -> Option<String> {
    percent_encoding::percent_decode_str(text).decode_utf8().ok().map(std::borrow::Cow::into_owned)
}
