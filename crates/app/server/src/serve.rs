//! Two small HTTP servers: metrics for Prometheus, health for the kubelet.

use std::{net::SocketAddr, sync::Arc};

use axum::{Router, http::header, routing::get};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// A port cannot be served.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}")]
pub struct ServeError {
    /// Where we wanted to listen.
    pub address: SocketAddr,
    #[source]
    source: std::io::Error,
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

/// Serves `router` on `address` in the background until `stop`; returns the address that is really served.
///
/// # Errors
/// When the port is taken or not allowed.
pub async fn serve(
    address: SocketAddr,
    router: Router,
    stop: CancellationToken,
) -> Result<SocketAddr, ServeError> {
    let failed = |source| ServeError { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    tokio::spawn(async move {
        let served = axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned());
        if let Err(error) = served.await {
            tracing::error!(%bound, "HTTP ended: {error}");
        }
    });
    Ok(bound)
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
}
