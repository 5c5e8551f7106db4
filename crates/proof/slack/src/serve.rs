//! The same answers over HTTP, on loopback.

use std::io;

use axum::{Router, body::Body, extract::State, response::Response};
use bytes::Bytes;
use http::{HeaderMap, Uri, header};
use tokio::net::TcpListener;

use crate::{Answer, Request, Slack};

impl Slack {
    /// Listens on a port of loopback, until the runtime ends: the address in front of `/api/METHOD`.
    ///
    /// # Errors
    /// When there is no port.
    pub async fn listen(&self) -> io::Result<String> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let host = format!("http://{}", listener.local_addr()?);
        self.state.lock().host = Some(host.clone());
        let router = Router::new().fallback(answer).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(host)
    }
}

async fn answer(State(slack): State<Slack>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let text = |name| headers.get(name).and_then(|value: &http::HeaderValue| value.to_str().ok());
    let request =
        Request::new(uri.path(), text(header::AUTHORIZATION), text(header::CONTENT_TYPE), body.to_vec());
    let Answer { status, retry_after, body } = slack.answer(&request);
    let mut builder = Response::builder().status(status);
    if let Some(seconds) = retry_after {
        builder = builder.header(header::RETRY_AFTER, seconds);
    }
    builder.body(Body::from(body)).unwrap_or_default()
}
