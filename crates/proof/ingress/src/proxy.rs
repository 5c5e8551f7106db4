//! One request on its way: route, side, endpoint, there and back.
//!
//! Held: a request whose pod did not answer is tried on another one exactly when that cannot do harm (a method that may
//! be repeated, and no body), and never more than once. Bodies stream both ways; nothing is buffered.

use crate::World;
use crate::canary::Side;
use crate::route::Backend;
use crate::stats::Source;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, Version, header};
use http_body_util::{Either, Empty, Full};
use hyper::body::{Body, Incoming};
use hyper_util::client::legacy::{self, connect::HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use std::net::SocketAddr;
use std::time::Duration;

/// Waiting for a pod's connection: pods are near, so whoever takes longer is gone.
const CONNECT_MAX: Duration = Duration::from_secs(2);

/// Waiting for a pod's answer to begin: nginx's own `proxy_read_timeout`.
const ANSWER_MAX: Duration = Duration::from_mins(1);

/// Idle connections kept to each pod, and for how long.
const IDLE_PER_POD: usize = 32;
const IDLE_MAX: Duration = Duration::from_secs(20);

/// What goes to a pod: the client's body, or none.
type Outward = Either<Incoming, Empty<Bytes>>;

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

/// Answers one request.
pub(crate) async fn forward(
    world: &World,
    client: &Client,
    request: Request<Incoming>,
    from: SocketAddr,
) -> Response<Inward> {
    let (mut parts, body) = request.into_parts();
    let host = host(&parts.headers, &parts.uri);
    let Some((backend, endpoint)) = world.choose(&host, parts.uri.path(), &parts.headers) else {
        world.counters.change(|stats| stats.no_route += 1);
        return own_words(StatusCode::NOT_FOUND, "no Ingress has a route for this host and path\n");
    };
    let Some(endpoint) = endpoint else {
        world.counters.change(|stats| stats.no_endpoint += 1);
        return own_words(StatusCode::SERVICE_UNAVAILABLE, "the Service has no ready endpoint\n");
    };
    let repeatable = body.is_end_stream() && is_idempotent(&parts.method);
    prepare(&mut parts.headers, &host, from);
    let spare = repeatable.then(|| parts.clone());
    let mut answer = send(client, parts, Either::Left(body), endpoint).await;
    if let (Err(_), Some(parts)) = (&answer, spare)
        && let Some(other) = world.another(&backend, endpoint)
    {
        world.counters.change(|stats| stats.retried += 1);
        answer = send(client, parts, Either::Right(Empty::new()), other).await;
    }
    match answer {
        Ok(answer) => returned(world, backend, answer),
        Err(status) => {
            world.counters.change(|stats| stats.broken += 1);
            own_words(status, "the pod did not answer\n")
        }
    }
}

async fn send(
    client: &Client,
    mut parts: http::request::Parts,
    body: Outward,
    endpoint: SocketAddr,
) -> Result<Response<Incoming>, StatusCode> {
    let path = parts.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    let uri = Uri::builder().scheme("http").authority(endpoint.to_string()).path_and_query(path).build();
    parts.uri = uri.map_err(|_| StatusCode::BAD_REQUEST)?;
    parts.version = Version::HTTP_11;
    match tokio::time::timeout(ANSWER_MAX, client.request(Request::from_parts(parts, body))).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => {
            tracing::debug!(%endpoint, %error, "a pod did not answer");
            Err(StatusCode::BAD_GATEWAY)
        }
        Err(_) => Err(StatusCode::GATEWAY_TIMEOUT),
    }
}

fn returned(world: &World, backend: Backend, mut answer: Response<Incoming>) -> Response<Inward> {
    let version = answer.headers().get("x-version").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let source =
        Source { namespace: backend.namespace, service: backend.service, version: version.to_owned() };
    world.counters.served(source, answer.status().is_server_error());
    drop_hop_by_hop(answer.headers_mut());
    answer.map(Either::Left)
}

pub(crate) fn own_words(status: StatusCode, text: &'static str) -> Response<Inward> {
    let mut answer = Response::new(Either::Right(Full::new(Bytes::from_static(text.as_bytes()))));
    *answer.status_mut() = status;
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    answer
}

/// The host that the request is for, without its port.
fn host(headers: &HeaderMap, uri: &Uri) -> String {
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

fn prepare(headers: &mut HeaderMap, host: &str, from: SocketAddr) {
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
fn drop_hop_by_hop(headers: &mut HeaderMap) {
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

fn is_idempotent(method: &Method) -> bool {
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

impl World {
    /// The backend of a request and one of its endpoints; none without a route. A canary without endpoints leaves its
    /// requests to the main Service, as ingress-nginx does.
    fn choose(&self, host: &str, path: &str, headers: &HeaderMap) -> Option<(Backend, Option<SocketAddr>)> {
        let tables = self.tables.read();
        let route = tables.routes.find(host, path)?;
        if let Some((policy, canary)) = &route.canary
            && let Some(pool) = tables.pools.find(canary)
        {
            let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
            if policy.decide(header, |name| cookie(headers, name), &route.share) == Side::Canary {
                return Some((canary.clone(), pool.next(None)));
            }
        }
        let endpoint = tables.pools.find(&route.backend).and_then(|pool| pool.next(None));
        Some((route.backend.clone(), endpoint))
    }

    fn another(&self, backend: &Backend, avoid: SocketAddr) -> Option<SocketAddr> {
        self.tables.read().pools.find(backend)?.next(Some(avoid))
    }
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
