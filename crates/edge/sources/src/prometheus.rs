//! Prometheus and what speaks its API (Thanos, Mimir, `VictoriaMetrics`).

use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, DATE, HeaderMap, HeaderValue, LOCATION, USER_AGENT};
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use jiff::Timestamp;
use serin_kernel::chain;
use tokio::time::{Instant, sleep, timeout_at};
use url::Url;

use crate::Access;

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
    /// The certificates that shall be trusted are none.
    #[error("the certificates to trust cannot be read: {why}: a file of PEM certificates is needed")]
    Authority {
        /// What is wrong with them.
        why: String,
    },
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

/// What came back.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The body.
    pub body: Bytes,
    /// What the source's clock said, to the second, if it told.
    pub date: Option<Timestamp>,
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
    /// A Prometheus at `address`, an `http` or `https` URL, which may have a path and `user:password@`.
    ///
    /// # Errors
    /// [`SourceError::Address`], [`SourceError::Certificates`] and [`SourceError::Authority`].
    pub fn new(address: &str, access: &Access, limits: Limits) -> Result<Self, SourceError> {
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
        let decoded = |text: &str| {
            percent_decoded(text).ok_or_else(|| wrong(base.as_str(), "user and password must be UTF-8"))
        };
        let of_address = if user.is_empty() {
            None
        } else {
            Some((decoded(&user)?, decoded(&password.unwrap_or_default())?))
        };
        let authorization = access.header(of_address).map_err(|why| wrong(base.as_str(), why))?;
        let http = Client::builder(TokioExecutor::new()).build(access.connector(base.scheme() == "https")?);
        let port = base.port().map(|port| format!(":{port}")).unwrap_or_default();
        let host = format!("{}{port}", base.host_str().unwrap_or_default());
        Ok(Self { base, host, authorization, limits, http })
    }

    /// The body of the answer to a range query.
    ///
    /// # Errors
    /// [`SourceError`] when there is none.
    pub async fn query_range(&self, wanted: &Wanted<'_>) -> Result<Bytes, SourceError> {
        let mut url = self.url("query_range");
        url.query_pairs_mut()
            .append_pair("query", wanted.query)
            .append_pair("start", &wanted.start.to_string())
            .append_pair("end", &wanted.end.to_string())
            .append_pair("step", &wanted.step.to_string());
        Ok(self.answer(&url).await?.body)
    }

    /// The answer to a query at one moment. With a window, `metric{…}[1m]`, that is every sample of it as it was scraped.
    ///
    /// # Errors
    /// [`SourceError`] when there is none.
    pub async fn query(&self, query: &str, at: Timestamp) -> Result<Answer, SourceError> {
        let mut url = self.url("query");
        let seconds = self.limits.try_timeout.as_secs().max(1);
        url.query_pairs_mut()
            .append_pair("query", query)
            .append_pair("time", &at.to_string())
            // Nobody waits for it any longer.
            .append_pair("timeout", &format!("{seconds}s"));
        self.answer(&url).await
    }

    fn url(&self, endpoint: &str) -> Url {
        let mut url = self.base.clone();
        url.set_path(&format!("{}/api/v1/{endpoint}", self.base.path().trim_end_matches('/')));
        url
    }

    async fn answer(&self, url: &Url) -> Result<Answer, SourceError> {
        let end = Instant::now() + self.limits.timeout;
        let mut wait = self.limits.wait;
        let mut tries = 0;
        loop {
            tries += 1;
            let until = end.min(Instant::now() + self.limits.try_timeout);
            let why = match timeout_at(until, self.ask(url)).await {
                Ok(Ok(answer)) => return Ok(answer),
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

    async fn ask(&self, url: &Url) -> Result<Answer, Failure> {
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
        let date = date(answer.headers());
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
            return Ok(Answer { body, date });
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

fn date(headers: &HeaderMap) -> Option<Timestamp> {
    let text = headers.get(DATE)?.to_str().ok()?;
    jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()
}

fn percent_decoded(text: &str) -> Option<String> {
    percent_encoding::percent_decode_str(text).decode_utf8().ok().map(std::borrow::Cow::into_owned)
}
