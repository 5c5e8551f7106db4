//! A request on its way to a pod and back, whatever has routed it. Bodies stream both ways; nothing is buffered.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, Version, header};
use http_body_util::{Either, Empty, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::{self, connect::HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use std::net::SocketAddr;
use std::time::Duration;

/// Waiting for a pod's connection: pods are near, so whoever takes longer is gone.
const CONNECT_MAX: Duration = Duration::from_secs(2);

/// Waiting for a pod's answer to begin: nginx's own `proxy_read_timeout`.
pub(crate) const ANSWER_MAX: Duration = Duration::from_mins(1);

/// Idle connections kept to each pod, and for how long.
const IDLE_PER_POD: usize = 32;
const IDLE_MAX: Duration = Duration::from_secs(20);

/// What goes to a pod: the client's body, or none.
pub(crate) type Outward = Either<Incoming, Empty<Bytes>>;

/// What goes back: the pod's body, or the proxy's own words.
pub(crate) type Inward = Either<Incoming, Full<Bytes>>;

pub(crate) type Client = legacy::Client<HttpConnector, Outward>;

pub(crate) fn client() -> Client {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    connector.set_connect_timeout(Some(CONNECT_MAX));
    legacy::Client::builder(TokioExecutor::new())
        .pool_max_idle_per_host(IDLE_PER_POD)
        .pool_idle_timeout(IDLE_MAX)
        .pool_timer(TokioTimer::new())
        .build(connector)
}

/// Sends a request to an endpoint; what to tell the client when there is no answer.
pub(crate) async fn send(
    client: &Client,
    mut parts: http::request::Parts,
    body: Outward,
    endpoint: SocketAddr,
    patience: Duration,
) -> Result<Response<Incoming>, StatusCode> {
    let path = parts.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    let uri = Uri::builder().scheme("http").authority(endpoint.to_string()).path_and_query(path).build();
    parts.uri = uri.map_err(|_| StatusCode::BAD_REQUEST)?;
    parts.version = Version::HTTP_11;
    match tokio::time::timeout(patience, client.request(Request::from_parts(parts, body))).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => {
            tracing::debug!(%endpoint, %error, "a pod did not answer");
            Err(StatusCode::BAD_GATEWAY)
        }
        Err(_) => Err(StatusCode::GATEWAY_TIMEOUT),
    }
}

pub(crate) fn own_words(status: StatusCode, text: &'static str) -> Response<Inward> {
    let mut answer = Response::new(Either::Right(Full::new(Bytes::from_static(text.as_bytes()))));
    *answer.status_mut() = status;
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    answer
}

/// The host that the request is for, without its port.
pub(crate) fn host(headers: &HeaderMap, uri: &Uri) -> String {
    let named = headers
        .get(header::HOST)
        .and_then(|value| value.to_str().ok())
        .or_else(|| uri.host())
        .unwrap_or_default();
    match named.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host.to_owned(),
        _ => named.to_owned(),
    }
}

pub(crate) fn prepare(headers: &mut HeaderMap, host: &str, from: SocketAddr) {
    drop_hop_by_hop(headers);
    let client = from.ip().to_string();
    let chain = headers.get("x-forwarded-for").and_then(|value| value.to_str().ok());
    let chain = chain.map_or_else(|| client.clone(), |earlier| format!("{earlier}, {client}"));
    for (name, value) in [
        ("x-forwarded-for", chain.as_str()),
        ("x-real-ip", &client),
        ("x-forwarded-host", host),
        ("x-forwarded-proto", "http"),
    ] {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    }
}

/// Headers that speak of one connection alone, and those that `Connection` names.
pub(crate) fn drop_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<String> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|name| name.trim().to_lowercase())
        .collect();
    for name in named.iter().map(String::as_str).chain(HOP_BY_HOP) {
        headers.remove(name);
    }
}

const HOP_BY_HOP: [&str; 8] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

pub(crate) fn is_idempotent(method: &Method) -> bool {
    [Method::GET, Method::HEAD, Method::OPTIONS, Method::TRACE, Method::PUT, Method::DELETE].contains(method)
}

/// A cookie's value.
pub(crate) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    all.flat_map(|line| line.split(';')).find_map(|pair| {
        let (key, value) = pair.split_once('=')?;
        (key.trim() == name).then(|| value.trim())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn headers_of_one_connection_stay_there() {
        let mut all = headers(&[
            ("connection", "close, X-Mine"),
            ("x-mine", "1"),
            ("te", "x"),
            ("accept", "*/*"),
            ("x-forwarded-for", "1.2.3.4"),
        ]);
        prepare(&mut all, "h", "127.0.0.1:9".parse().unwrap());
        let names: Vec<_> = all.keys().map(header::HeaderName::as_str).collect();
        assert!(!names.iter().any(|name| ["connection", "x-mine", "te"].contains(name)), "{names:?}");
        assert_eq!(
            (&all["accept"], &all["x-forwarded-for"]),
            (&"*/*".parse().unwrap(), &"1.2.3.4, 127.0.0.1".parse().unwrap())
        );
    }

    #[test]
    fn hosts_lose_their_port_and_cookies_are_found_by_name() {
        for (value, expected) in [("a.b:8080", "a.b"), ("a.b", "a.b"), ("[::1]:80", "[::1]"), ("", "")] {
            assert_eq!(host(&headers(&[("host", value)]), &Uri::default()), expected);
        }
        let jar = headers(&[("cookie", "a=1; canary=always"), ("cookie", "z=2")]);
        assert_eq!(
            (cookie(&jar, "canary"), cookie(&jar, "z"), cookie(&jar, "c")),
            (Some("always"), Some("2"), None)
        );
    }
}
