//! The handle that everything else uses, and the service behind it.

use std::collections::HashMap;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::StreamExt as _;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited, StreamBody};
use parking_lot::Mutex;
use tokio::sync::{Notify, Semaphore};

use crate::Options;
use crate::api::{self, Answer, Call};
use crate::cluster::Cluster;
use crate::content::{self, Accepted, Shape};
use crate::documents;
use crate::request::{Query, Target};
use crate::status::Refusal;
use crate::store::Resource;
use crate::watch::Watch;

/// The body of every answer.
pub type Body = UnsyncBoxBody<Bytes, Infallible>;

/// What all handles share.
pub(crate) struct Inner {
    pub(crate) cluster: Mutex<Cluster>,
    pub(crate) clock: Arc<dyn Fn() -> jiff::Timestamp + Send + Sync>,
    pub(crate) watches: Arc<Semaphore>,
    body_bytes_max: usize,
    /// Wakes in the order in which it was waited, which is what makes a run with a paused clock the same every time.
    wakes: Mutex<HashMap<Resource, Arc<Notify>>>,
}

impl Inner {
    /// Is told of every later change of a resource.
    pub(crate) fn wake_of(&self, resource: &Resource) -> Arc<Notify> {
        self.wakes.lock().entry(resource.clone()).or_default().clone()
    }

    /// Tells every namespace the certificate of the API's socket.
    pub(crate) fn trust(&self, certificate_pem: &str) {
        let touched = {
            let mut cluster = self.cluster.lock();
            cluster.trust(certificate_pem);
            cluster.store.take_touched()
        };
        self.wake(touched);
    }

    fn wake(&self, touched: impl IntoIterator<Item = Resource>) {
        let wakes = self.wakes.lock();
        for resource in touched {
            if let Some(wake) = wakes.get(&resource) {
                wake.notify_waiters();
            }
        }
    }
}

/// An embedded Kubernetes API. A cheap handle: clones are the same cluster.
#[derive(Clone)]
pub struct Plane {
    pub(crate) inner: Arc<Inner>,
}

impl Plane {
    /// An empty cluster with its default namespaces.
    #[must_use]
    pub fn new(options: Options) -> Plane {
        let inner = Inner {
            clock: options.clock.clone(),
            watches: Arc::new(Semaphore::new(options.watches_max)),
            body_bytes_max: options.body_bytes_max,
            wakes: Mutex::new(HashMap::new()),
            cluster: Mutex::new(Cluster::new(options)),
        };
        Plane { inner: Arc::new(inner) }
    }

    /// A client in this process, without a socket. Must be called within a tokio runtime.
    #[must_use]
    pub fn client(&self) -> kube::Client {
        kube::Client::new(self.service(), "default")
    }

    /// The API as a tower service.
    #[must_use]
    pub fn service(&self) -> PlaneService {
        PlaneService { inner: self.inner.clone() }
    }
}

/// The API as a tower service over any body.
#[derive(Clone)]
pub struct PlaneService {
    inner: Arc<Inner>,
}

impl<B> tower::Service<Request<B>> for PlaneService
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let inner = self.inner.clone();
        Box::pin(async move { Ok(answer(&inner, request).await) })
    }
}

async fn answer<B>(inner: &Arc<Inner>, request: Request<B>) -> Response<Body>
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let (parts, body) = request.into_parts();
    let limit = inner.body_bytes_max;
    let body = match Limited::new(body, limit).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => return refused(&Refusal::too_large(limit)),
        Err(error) => {
            return refused(&Refusal::bad_request(format!("the body cannot be read: {error}")));
        }
    };
    let call = Call { method: &parts.method, uri: &parts.uri, headers: &parts.headers, body: &body };
    respond(inner, &call).unwrap_or_else(|refusal| refused(&refusal))
}

fn respond(inner: &Arc<Inner>, call: &Call<'_>) -> Result<Response<Body>, Refusal> {
    let path = call.uri.path();
    let Some(target) = Target::parse(path) else {
        return documents::answer(inner, call);
    };
    let accepted = content::negotiate(call.headers)?;
    let (answer, warnings, touched) = {
        let mut cluster = inner.cluster.lock();
        let answer = api::resource(&mut cluster, call, &target);
        let warnings = std::mem::take(&mut cluster.warnings);
        (answer, warnings, cluster.store.take_touched())
    };
    inner.wake(touched);
    let mut response = written(inner, call, answer?, accepted)?;
    for warning in warnings.iter().take(WARNINGS_MAX) {
        let text = format!("299 - {warning:?}");
        if let Ok(value) = HeaderValue::from_str(&text) {
            response.headers_mut().append(header::WARNING, value);
        }
    }
    Ok(response)
}

/// More warnings than this tell nothing new and would overrun the limits on headers.
const WARNINGS_MAX: usize = 20;

fn written(
    inner: &Arc<Inner>,
    call: &Call<'_>,
    answer: Answer,
    accepted: Accepted,
) -> Result<Response<Body>, Refusal> {
    match answer {
        Answer::Watch { place, query } => {
            let watch = Watch::open(inner, place, *query, accepted.shape)?;
            Ok(stream(watch))
        }
        answer => {
            let include = Query::parse(call.uri.query().unwrap_or_default())?.include_object;
            let now = (inner.clock)();
            let (code, bytes) = api::write(answer, accepted, now, include);
            Ok(whole(code, bytes, media_type(accepted)))
        }
    }
}

fn media_type(accepted: Accepted) -> &'static str {
    match accepted {
        Accepted { yaml: true, .. } => "application/yaml",
        Accepted { shape: Shape::Discovery, .. } => {
            "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
        }
        Accepted { .. } => "application/json",
    }
}

fn stream(watch: Watch) -> Response<Body> {
    let pieces = futures::stream::unfold(watch, Watch::next);
    let frames = pieces.map(|piece| Ok(http_body::Frame::data(piece)));
    let mut response = Response::new(StreamBody::new(frames).boxed_unsync());
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

/// An answer of one piece.
pub(crate) fn whole(code: u16, bytes: Bytes, media_type: &'static str) -> Response<Body> {
    let mut response = Response::new(Full::new(bytes).boxed_unsync());
    *response.status_mut() = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let media_type = HeaderValue::from_static(media_type);
    response.headers_mut().insert(header::CONTENT_TYPE, media_type);
    response
}

/// A refusal as an answer.
pub(crate) fn refused(refusal: &Refusal) -> Response<Body> {
    let bytes = content::encode(&refusal.body(), false);
    let mut response = whole(refusal.code, bytes, "application/json");
    if let Some(seconds) = refusal.retry_after_seconds() {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}
