//! Small HTTP servers: metrics for Prometheus, health for the kubelet, and any other that answers whole requests.

use std::{
    io::{self, ErrorKind},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes, HttpBody as _},
    http::{Request, Response, StatusCode, header},
    response::IntoResponse as _,
    routing::get,
};
use tokio::{net::TcpListener, task::JoinHandle, time::timeout};
use tokio_util::sync::CancellationToken;

/// Every address of the machine, of either kind: clusters have pods without IPv4, and machines without IPv6.
pub const EVERYWHERE: IpAddr = IpAddr::V6(Ipv6Addr::UNSPECIFIED);

/// A port cannot be served.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}")]
pub struct ServeError {
    /// Where we wanted to listen.
    pub address: SocketAddr,
    #[source]
    source: io::Error,
}

/// `/metrics`, answered by `text` at each scrape.
pub fn metrics(text: Arc<dyn Fn() -> String + Send + Sync>) -> Router {
    let answer =
        move || async move { ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text()) };
    Router::new().route("/metrics", get(answer))
}

/// `/healthz`, which says `ok` as long as anything answers.
pub fn health() -> Router {
    Router::new().route("/healthz", get(|| async { "ok" }))
}

/// What a request may bring, and how long that may take.
#[derive(Clone, Copy, Debug)]
pub struct Incoming {
    /// The largest body.
    pub body_bytes_max: usize,
    /// The time for all of it.
    pub body_time: Duration,
}

/// How much more than is wanted is read of a body that is too large: a client that is not read from never hears why.
const OVERLONG_FACTOR: usize = 64;

/// Gives every request, whatever its method and path, to `answer` with its whole body. A body that is too large is answered
/// with 413, one that does not arrive in time with 408.
pub fn whole<F, A>(incoming: Incoming, answer: F) -> Router
where
    F: Fn(Request<Bytes>) -> A + Clone + Send + Sync + 'static,
    A: Future<Output = Response<Bytes>> + Send,
{
    Router::new().fallback(async move |request: Request<Body>| {
        let (head, body) = request.into_parts();
        let text = match timeout(incoming.body_time, collect(body, incoming.body_bytes_max)).await {
            Ok(Ok(Some(body))) => return answer(Request::from_parts(head, body)).await.map(Body::from),
            Ok(Ok(None)) => (
                StatusCode::PAYLOAD_TOO_LARGE,
                format!("the body is larger than {} bytes", incoming.body_bytes_max),
            ),
            Ok(Err(error)) => (StatusCode::BAD_REQUEST, format!("the body cannot be read: {error}")),
            Err(_) => (StatusCode::REQUEST_TIMEOUT, format!("no whole body within {:?}", incoming.body_time)),
        };
        text.into_response()
    })
}

/// The body; none when it is too large.
async fn collect(body: Body, bytes_max: usize) -> Result<Option<Bytes>, axum::Error> {
    let mut body = std::pin::pin!(body);
    let (mut all, mut seen) = (Vec::new(), 0_usize);
    while let Some(frame) = std::future::poll_fn(|context| body.as_mut().poll_frame(context)).await {
        let Ok(data) = frame?.into_data() else { continue };
        seen += data.len();
        if seen <= bytes_max {
            all.extend_from_slice(&data);
        } else if bytes_max.saturating_mul(OVERLONG_FACTOR) < seen {
            break;
        }
    }
    Ok((seen <= bytes_max).then(|| Bytes::from(all)))
}

/// Serves `router` on `address`, which may be [`EVERYWHERE`], in the background until `stop`; returns the address that is really served.
///
/// # Errors
/// When the port is taken or not allowed.
pub async fn serve(
    address: SocketAddr,
    router: Router,
    stop: CancellationToken,
) -> Result<SocketAddr, ServeError> {
    Ok(listen(address, router, stop).await?.0)
}

/// As [`serve`], with a handle that ends when the last request has been answered after `stop`.
///
/// # Errors
/// When the port is taken or not allowed.
pub async fn listen(
    address: SocketAddr,
    router: Router,
    stop: CancellationToken,
) -> Result<(SocketAddr, JoinHandle<()>), ServeError> {
    let failed = |source| ServeError { address, source };
    let listener = bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    let serving = tokio::spawn(async move {
        let served = axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned());
        if let Err(error) = served.await {
            tracing::error!(%bound, "HTTP ended: {error}");
        }
    });
    Ok((bound, serving))
}

async fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    match TcpListener::bind(address).await {
        Err(error) => match without_ipv6(address, error.kind()) {
            Some(address) => TcpListener::bind(address).await,
            None => Err(error),
        },
        // Linux serves IPv4 on it as well, as long as nobody has told it otherwise (net.ipv6.bindv6only).
        bound => bound,
    }
}

/// Where to listen when every address was wanted and the machine has no IPv6: it then refuses in more than one way, but
/// never because of who has the port or may have it.
fn without_ipv6(address: SocketAddr, refused: ErrorKind) -> Option<SocketAddr> {
    let is_port = matches!(refused, ErrorKind::AddrInUse | ErrorKind::PermissionDenied);
    (address.ip() == EVERYWHERE && !is_port)
        .then(|| SocketAddr::from((Ipv4Addr::UNSPECIFIED, address.port())))
}

#[cfg(test)]
mod tests {
    use axum::{body::Body, http::Request};
    use http_body_util::BodyExt;
    use tower::ServiceExt;

    use super::*;

    async fn ask(router: Router, path: &str) -> (u16, String) {
        let answer = router.oneshot(Request::get(path).body(Body::empty()).unwrap()).await.unwrap();
        let code = answer.status().as_u16();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        (code, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn metrics_and_health_answer_and_nothing_else_does() {
        let text: Arc<dyn Fn() -> String + Send + Sync> = Arc::new(|| "x 1\n".to_owned());
        assert_eq!(ask(metrics(text.clone()), "/metrics").await, (200, "x 1\n".to_owned()));
        assert_eq!(ask(health(), "/healthz").await, (200, "ok".to_owned()));
        assert_eq!(ask(metrics(text), "/").await.0, 404);
    }

    #[tokio::test]
    async fn whole_requests_of_any_method_and_path_are_answered_and_large_ones_refused() {
        let incoming = Incoming { body_bytes_max: 4, body_time: Duration::from_secs(30) };
        let router = whole(incoming, async |request| {
            let told = format!("{} {} {:?}", request.method(), request.uri(), request.body());
            Response::new(Bytes::from(told))
        });
        for (method, path, body, expected) in [
            ("GET", "/", "", (200, "GET / b\"\"")),
            ("GET", "/a/b?c", "abcd", (200, "GET /a/b?c b\"abcd\"")),
            ("BREW", "/", "x", (200, "BREW / b\"x\"")),
            ("POST", "/", "abcde", (413, "the body is larger than 4 bytes")),
            ("POST", "/", &"x".repeat(1000), (413, "the body is larger than 4 bytes")),
        ] {
            let request =
                Request::builder().method(method).uri(path).body(Body::from(body.to_owned())).unwrap();
            let answer = router.clone().oneshot(request).await.unwrap();
            let code = answer.status().as_u16();
            let text = answer.into_body().collect().await.unwrap().to_bytes();
            assert_eq!((code, &*String::from_utf8_lossy(&text)), expected, "{method} {path}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_never_ends_is_given_up() {
        let incoming = Incoming { body_bytes_max: 4, body_time: Duration::from_secs(30) };
        let router = whole(incoming, async |_| Response::new(Bytes::new()));
        let never = http_body_util::Full::new(Bytes::new()).with_trailers(std::future::pending());
        let answer = router.oneshot(Request::post("/").body(Body::new(never)).unwrap()).await.unwrap();
        assert_eq!(answer.status(), 408);
    }

    #[tokio::test]
    async fn only_the_address_that_is_named_is_served() {
        let stop = CancellationToken::new();
        let bound = serve("127.0.0.1:0".parse().unwrap(), health(), stop.clone()).await.unwrap();
        assert!(tokio::net::TcpStream::connect(bound).await.is_ok());
        let other = SocketAddr::from(([127, 0, 0, 2], bound.port()));
        assert!(tokio::net::TcpStream::connect(other).await.is_err(), "{other} answers too");
        // A machine without IPv6 has no such address.
        if let Ok(bound) = serve("[::1]:0".parse().unwrap(), health(), stop.clone()).await {
            assert!(bound.is_ipv6() && tokio::net::TcpStream::connect(bound).await.is_ok());
        }
        stop.cancel();
    }

    #[tokio::test]
    async fn everywhere_is_both_kinds_of_addresses_or_those_that_there_are() {
        let stop = CancellationToken::new();
        let bound = serve(SocketAddr::from((EVERYWHERE, 0)), health(), stop.clone()).await.unwrap();
        let mut kinds = vec![IpAddr::V4(Ipv4Addr::LOCALHOST)];
        if TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).await.is_ok() {
            kinds.push(IpAddr::V6(Ipv6Addr::LOCALHOST));
        }
        for kind in kinds {
            assert!(tokio::net::TcpStream::connect((kind, bound.port())).await.is_ok(), "not on {kind}");
        }
        stop.cancel();
        for (address, refused, expected) in [
            ("[::]:80", ErrorKind::Unsupported, Some("0.0.0.0:80")),
            ("[::]:80", ErrorKind::AddrNotAvailable, Some("0.0.0.0:80")),
            ("[::]:80", ErrorKind::AddrInUse, None),
            ("[::]:80", ErrorKind::PermissionDenied, None),
            ("[::1]:80", ErrorKind::AddrNotAvailable, None),
            ("127.0.0.1:80", ErrorKind::AddrNotAvailable, None),
        ] {
            let expected = expected.map(|text| text.parse().unwrap());
            assert_eq!(without_ipv6(address.parse().unwrap(), refused), expected, "{address} {refused:?}");
        }
    }
}
