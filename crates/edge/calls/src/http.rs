//! Calls over HTTP.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::future::BoxFuture;
use http::{
    HeaderMap, HeaderName, HeaderValue, Request, Response,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, LOCATION, PROXY_AUTHORIZATION, RETRY_AFTER, USER_AGENT},
};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use jiff::Timestamp;
use serin_kernel::{Call, Method, Reply};
use tokio::time::{Instant, sleep, timeout_at};
use url::Url;

use crate::{
    Caller, address,
    connect::{Clients, Proxy, Way},
    failure::Failure,
    hosts::Hosts,
};

/// How much is done for one call, and for all.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Calls under way at once.
    pub at_once: usize,
    /// Calls under way at once to one host.
    pub at_once_to_host: usize,
    /// The time for all attempts of one call and the waits between them.
    pub whole: Duration,
    /// The wait before the second attempt; it doubles before each further one.
    pub wait_min: Duration,
    /// The longest wait, also when a server asks for more.
    pub wait_max: Duration,
    /// Bytes of an answer that are read; the rest is cut off.
    pub answer_bytes_max: usize,
}

impl Default for Limits {
    /// Waits as Flagger's web hooks have them. The longest tasks of its load tester end after an hour. An answer is a
    /// sentence or a few numbers.
    fn default() -> Self {
        Self {
            at_once: 512,
            at_once_to_host: 64,
            whole: Duration::from_hours(1),
            wait_min: Duration::from_secs(1),
            wait_max: Duration::from_secs(30),
            answer_bytes_max: 1 << 20,
        }
    }
}

/// Redirects that are followed, as by Go's client.
const REDIRECTS_MAX: usize = 10;
const AGENT: &str = concat!("serin/", env!("CARGO_PKG_VERSION"));

/// Makes calls over HTTP and HTTPS, over connections that are kept for the next.
#[derive(Debug)]
pub struct Http {
    limits: Limits,
    clients: Clients,
    hosts: Hosts,
}

impl Default for Http {
    fn default() -> Self {
        Self::new(Limits::default())
    }
}

impl Caller for Http {
    /// Why there is no reply is told as `giving up after 2 attempt(s): Post "https://HOST": WHY`.
    fn call(&self, call: Call) -> BoxFuture<'_, Result<Reply, String>> {
        Box::pin(async move { self.attempts(&call).await })
    }
}

/// One answer.
struct Answer {
    status: u16,
    body: String,
    /// How long the server wants to be left alone.
    retry_after: Option<Duration>,
}

impl Http {
    /// One that keeps to `limits`.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        let hosts = Hosts::new(limits.at_once, limits.at_once_to_host);
        Self { limits, clients: Clients::default(), hosts }
    }

    async fn attempts(&self, call: &Call) -> Result<Reply, String> {
        let end = Instant::now() + self.limits.whole;
        let mut attempts = 0;
        loop {
            attempts += 1;
            let outcome = self.attempt(call, end).await;
            let (passes, retry_after) = match &outcome {
                Ok(answer) => (Reply::is_retryable(answer.status), answer.retry_after),
                Err(failure) => (failure.passes, None),
            };
            let wait = pause(&self.limits, attempts, retry_after);
            if passes && attempts <= call.retries && Instant::now() + wait < end {
                tracing::debug!(to = address::shown(&call.url), attempts, ?wait, "tried again");
                sleep(wait).await;
                continue;
            }
            return match outcome {
                Ok(Answer { status, body, retry_after }) => Ok(Reply { status, body, attempts, retry_after }),
                Err(Failure { why, .. }) => {
                    let (verb, to) = (verb(call.method), address::shown(&call.url));
                    Err(format!("giving up after {attempts} attempt(s): {verb} \"{to}\": {why}"))
                }
            };
        }
    }

    /// One attempt, with the redirects it meets.
    async fn attempt(&self, call: &Call, end: Instant) -> Result<Answer, Failure> {
        let mut hop = Hop::first(call)?;
        let _place = self.hosts.enter(&address::host(&hop.url), call.timeout).await.ok_or_else(|| {
            Failure::passing("too many calls are under way: this host, or others, are slow to answer")
        })?;
        let until = end.min(Instant::now() + call.timeout);
        let all = async {
            for _ in 0..=REDIRECTS_MAX {
                let answer = self.exchange(call, &hop).await?;
                match hop.next(answer.status().as_u16(), answer.headers())? {
                    Some(next) => hop = next,
                    None => return self.read(answer, &address::host(&hop.url)).await,
                }
            }
            Err(Failure::lasting(format!("stopped after {REDIRECTS_MAX} redirects")))
        };
        timeout_at(until, all).await.unwrap_or_else(|_| Err(Failure::timeout()))
    }

    async fn exchange(&self, call: &Call, hop: &Hop) -> Result<Response<Incoming>, Failure> {
        let proxy = call.proxy.as_deref().filter(|proxy| !proxy.is_empty()).map(Proxy::new);
        let proxy = proxy.transpose().map_err(Failure::lasting)?;
        let is_secure = hop.url.scheme() == "https";
        let authority = if is_secure { call.authority.clone() } else { String::new() };
        let way = Way { is_secure, insecure: call.insecure, authority, proxy };
        let client = self.clients.get(&way).map_err(Failure::lasting)?;
        let method = match hop.method {
            Method::Get => http::Method::GET,
            Method::Post => http::Method::POST,
            Method::Put => http::Method::PUT,
            Method::Delete => http::Method::DELETE,
        };
        let mut request = Request::new(Full::new(hop.body.clone()));
        *request.method_mut() = method;
        *request.uri_mut() =
            hop.url.as_str().parse().map_err(|_| Failure::lasting("that is no address of HTTP"))?;
        *request.headers_mut() = hop.headers.clone();
        if let Some(Proxy { authorization: Some(value), .. }) = way.proxy
            && !way.is_secure
        {
            request.headers_mut().insert(PROXY_AUTHORIZATION, value);
        }
        let host = address::host(&hop.url);
        client.request(request).await.map_err(|error| Failure::of(&error, &host))
    }

    async fn read(&self, answer: Response<Incoming>, host: &str) -> Result<Answer, Failure> {
        let status = answer.status().as_u16();
        let retry_after = retry_after(answer.headers(), Timestamp::now());
        let (mut body, mut bytes) = (answer.into_body(), BytesMut::new());
        while bytes.len() < self.limits.answer_bytes_max {
            let Some(frame) = body.frame().await else { break };
            if let Ok(data) = frame.map_err(|error| Failure::of(&error, host))?.into_data() {
                bytes.extend_from_slice(&data);
            }
        }
        bytes.truncate(self.limits.answer_bytes_max);
        Ok(Answer { status, body: String::from_utf8_lossy(&bytes).into_owned(), retry_after })
    }
}

/// One request on the way to an answer.
#[derive(Clone, Debug)]
struct Hop {
    method: Method,
    url: Url,
    headers: HeaderMap,
    body: Bytes,
}

impl Hop {
    fn first(call: &Call) -> Result<Self, Failure> {
        let mut url = Url::parse(&call.url)
            .map_err(|error| Failure::lasting(format!("the address cannot be read: {error}")))?;
        check_scheme(&url)?;
        url.set_fragment(None);
        let mut headers = HeaderMap::new();
        headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
        if let Some(authorization) = address::take_credentials(&mut url) {
            headers.insert(AUTHORIZATION, authorization);
        }
        let mut given = HeaderMap::new();
        for (name, value) in &call.headers {
            let wrong = |what| Failure::lasting(format!("header {name:?}: {what}"));
            let parsed = HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong("that is no name"))?;
            let mut value = HeaderValue::from_str(value).map_err(|_| wrong("its value is not one line"))?;
            value.set_sensitive(true);
            given.append(parsed, value);
        }
        // What the call says of a header replaces ours, in all its lines.
        for name in given.keys() {
            headers.remove(name);
        }
        headers.extend(given);
        Ok(Self { method: call.method, url, headers, body: Bytes::copy_from_slice(call.body.as_bytes()) })
    }

    /// Where an answer sends us, as Go's client goes; none when it is the answer.
    fn next(&self, status: u16, answer: &HeaderMap) -> Result<Option<Self>, Failure> {
        let keeps = match status {
            301..=303 => self.method == Method::Get,
            307 | 308 => true,
            _ => return Ok(None),
        };
        let Some(to) = answer.get(LOCATION) else { return Ok(None) };
        let to = to.to_str().ok().and_then(|to| self.url.join(to).ok());
        let mut url = to.ok_or_else(|| Failure::lasting("failed to parse Location header"))?;
        check_scheme(&url)?;
        url.set_fragment(None);
        let mut next = Self { url, ..self.clone() };
        if !keeps {
            next.method = Method::Get;
            next.body = Bytes::new();
            next.headers.remove(CONTENT_TYPE);
        }
        if !self.trusts(&next.url) {
            // Any header may hold a key, not only the one that is made for it.
            let kept = [ACCEPT, CONTENT_TYPE, USER_AGENT];
            next.headers = kept
                .into_iter()
                .filter_map(|name| Some((name.clone(), next.headers.get(&name)?.clone())))
                .collect();
        }
        if let Some(authorization) = address::take_credentials(&mut next.url) {
            next.headers.entry(AUTHORIZATION).or_insert(authorization);
        }
        Ok(Some(next))
    }

    /// Whether what this host may know, `url` may know: the same host or one below it, and not in clear after TLS.
    fn trusts(&self, url: &Url) -> bool {
        let (Some(from), Some(to)) = (self.url.host_str(), url.host_str()) else { return false };
        let is_below = url.domain().is_some() && to.ends_with(&format!(".{from}"));
        let is_downgrade = self.url.scheme() == "https" && url.scheme() == "http";
        (to == from || is_below) && !is_downgrade
    }
}

fn check_scheme(url: &Url) -> Result<(), Failure> {
    match url.scheme() {
        "http" | "https" => Ok(()),
        other => Err(Failure::lasting(format!("unsupported protocol scheme {other:?}"))),
    }
}

/// How long to wait after so many attempts.
fn pause(limits: &Limits, attempts: u32, retry_after: Option<Duration>) -> Duration {
    let doubled = limits.wait_min.saturating_mul(2_u32.saturating_pow(attempts.saturating_sub(1)));
    retry_after.unwrap_or(doubled).min(limits.wait_max)
}

/// How long the server wants to be left alone: seconds or a date.
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
    Some(Duration::try_from(date.duration_since(now)).unwrap_or_default())
}

fn verb(method: Method) -> &'static str {
    match method {
        Method::Get => "Get",
        Method::Post => "Post",
        Method::Put => "Put",
        Method::Delete => "Delete",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_bound_and_servers_are_heard_within_it() {
        let limits = Limits::default();
        let waits: Vec<u64> = (1..=7).map(|attempts| pause(&limits, attempts, None).as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 30, 30]);
        assert_eq!(pause(&limits, u32::MAX, None).as_secs(), 30);
        assert_eq!(pause(&limits, 1, Some(Duration::from_secs(7))).as_secs(), 7);
        assert_eq!(pause(&limits, 1, Some(Duration::from_hours(9))).as_secs(), 30);
    }

    #[test]
    fn a_server_says_seconds_or_a_date() {
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        for (text, expected) in [
            ("7", Some(7)),
            ("Thu, 01 Jan 2026 00:00:09 GMT", Some(9)),
            ("Wed, 31 Dec 2025 00:00:00 GMT", Some(0)),
            ("soon", None),
            ("-1", None),
        ] {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_str(text).unwrap())]);
            assert_eq!(retry_after(&headers, now).map(|wait| wait.as_secs()), expected, "{text}");
        }
    }

    fn redirected(method: Method, from: &str, status: u16, to: &str) -> Result<Option<Hop>, Failure> {
        let call = Call {
            headers: vec![
                ("Authorization".to_owned(), "Bearer t".to_owned()),
                ("X-Key".to_owned(), "k".to_owned()),
                ("Content-Type".to_owned(), "application/json".to_owned()),
            ],
            body: "{}".to_owned().into(),
            ..Call::new(method, from)
        };
        let headers = HeaderMap::from_iter([(LOCATION, HeaderValue::from_str(to).unwrap())]);
        Hop::first(&call)?.next(status, &headers)
    }

    #[test]
    fn a_redirect_keeps_the_method_or_becomes_a_get() {
        for (method, status, expected) in [
            (Method::Post, 301, Some((Method::Get, ""))),
            (Method::Post, 302, Some((Method::Get, ""))),
            (Method::Post, 303, Some((Method::Get, ""))),
            (Method::Post, 307, Some((Method::Post, "{}"))),
            (Method::Post, 308, Some((Method::Post, "{}"))),
            (Method::Delete, 302, Some((Method::Get, ""))),
            (Method::Post, 300, None),
            (Method::Post, 304, None),
            (Method::Post, 200, None),
        ] {
            let hop = redirected(method, "http://h/a", status, "/b").unwrap();
            let found = hop.map(|hop| (hop.method, String::from_utf8(hop.body.to_vec()).unwrap()));
            assert_eq!(found, expected.map(|(method, body)| (method, body.to_owned())), "{status}");
        }
        let wrong = redirected(Method::Get, "http://h", 302, "ftp://h/").unwrap_err();
        assert_eq!(wrong, Failure::lasting("unsupported protocol scheme \"ftp\""));
    }

    #[test]
    fn keys_stay_with_the_host_that_they_are_for() {
        for (from, to, kept) in [
            ("http://h/a", "http://h/b", true),
            ("http://h/a", "https://h/b", true),
            ("http://h.com/a", "http://x.h.com/b", true),
            ("https://h/a", "http://h/b", false),
            ("http://h/a", "http://other/b", false),
            ("http://h.com/a", "http://evilh.com/b", false),
            ("http://10.0.0.1/a", "http://10.0.0.2/b", false),
        ] {
            let hop = redirected(Method::Post, from, 307, to).unwrap().unwrap();
            let keys = [AUTHORIZATION, HeaderName::from_static("x-key")];
            let found: Vec<bool> = keys.iter().map(|key| hop.headers.contains_key(key)).collect();
            assert_eq!(found, [kept; 2], "{from} {to}");
            assert_eq!(hop.headers[CONTENT_TYPE], "application/json");
        }
    }
}
