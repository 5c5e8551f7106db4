//! The fault layer: what stands between a controller and the API.
//!
//! Property: a request is refused, late, lost on its way, or carried out with its answer lost; a watch is refused, late
//! or cut; and a controller that has crashed says nothing more. Everything is drawn from one place of the tree of
//! seeds. Every write that the API accepts is judged.

use std::{
    convert::Infallible,
    future::pending,
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use futures::stream;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full, StreamBody, combinators::UnsyncBoxBody};
use parking_lot::Mutex;
use serde_json::json;
use serin_plane::PlaneService;
use tokio::{
    sync::Notify,
    time::{Instant, sleep},
};
use tower::Service;

use crate::{judge::Judge, seed::Dice};

/// The body of an answer.
pub type Body = UnsyncBoxBody<Bytes, io::Error>;

/// Lines of what happened that are kept for a report.
const TRACE_MAX: usize = 4000;

/// Characters of one line of it: enough for what a patch is about.
const LINE_MAX: usize = 400;

/// How often each fault happens, in a thousand requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rates {
    /// A request is answered with 409, 410, 429 or 500.
    pub refused: u64,
    /// A request is never answered, and not carried out.
    pub hung: u64,
    /// A write is carried out, and its answer lost.
    pub lost: u64,
    /// A request is late.
    pub late: u64,
    /// The controller crashes before or after a write.
    pub crash: u64,
    /// A watch is cut.
    pub cut: u64,
    /// A watch is behind.
    pub behind: u64,
}

impl Rates {
    /// Draws how bad a world is: some faults are absent, some rare, some frequent.
    pub fn draw(dice: &mut Dice) -> Self {
        let mut rate = || dice.pick(&[0, 0, 10, 30, 80]);
        Self {
            refused: rate(),
            hung: rate() / 4,
            lost: rate(),
            late: rate(),
            crash: rate() / 3,
            cut: rate() * 4,
            behind: rate() * 4,
        }
    }
}

/// Which side of a write a crash is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The write was not sent.
    Before,
    /// The write was carried out, and nobody heard of it.
    After,
}

/// What the layers of one world share.
pub struct Weather {
    /// Draws.
    pub dice: Mutex<Dice>,
    /// How often what happens.
    pub rates: Mutex<Rates>,
    /// The one write around which to crash, counted from 0.
    pub crash_at: Mutex<Option<(u64, Side)>>,
    /// Accepted writes so far, events and leases left out.
    pub writes: Mutex<u64>,
    /// Requests so far that are neither watches nor about events and leases.
    pub requests: Mutex<u64>,
    /// Judges every accepted write.
    pub judge: Mutex<Judge>,
    /// What happened, for a report.
    pub trace: Mutex<Vec<String>>,
    /// When the world began.
    pub began: Instant,
}

impl Weather {
    /// Notes what happened.
    pub fn note(&self, text: &str) {
        let mut trace = self.trace.lock();
        if trace.len() < TRACE_MAX {
            let text: String = text.chars().take(LINE_MAX).collect();
            trace.push(format!("{:9.3} {text}", self.began.elapsed().as_secs_f64()));
        }
    }

    fn chance(&self, rate: impl Fn(&Rates) -> u64) -> bool {
        let rate = rate(&self.rates.lock());
        rate > 0 && self.dice.lock().chance(rate)
    }
}

/// One controller's life.
#[derive(Default)]
pub struct Life {
    dead: AtomicBool,
    /// Told when it ends by a crash.
    pub crashed: Notify,
}

impl Life {
    /// Ends it: nothing that it sends arrives any more.
    pub fn end(&self) {
        self.dead.store(true, Ordering::Release);
    }

    fn is_dead(&self) -> bool {
        self.dead.load(Ordering::Acquire)
    }

    /// Ends it, so that another one is started.
    pub fn crash(&self) {
        self.end();
        self.crashed.notify_one();
    }
}

/// The way to the API for one controller.
#[derive(Clone)]
pub struct FaultLayer {
    /// The API.
    pub plane: PlaneService,
    /// Whether the controller still lives.
    pub life: Arc<Life>,
    /// What happens on the way.
    pub weather: Arc<Weather>,
    /// The controller's name in the trace.
    pub name: String,
}

impl Service<Request<kube::client::Body>> for FaultLayer {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<kube::client::Body>) -> Self::Future {
        let layer = self.clone();
        Box::pin(async move { Ok(layer.pass(request).await) })
    }
}

impl FaultLayer {
    async fn pass(self, request: Request<kube::client::Body>) -> Response<Body> {
        let weather = self.weather.clone();
        let is_watch = request.uri().query().is_some_and(|query| query.contains("watch=true"));
        let is_aside = ["/events", "/leases"].iter().any(|part| request.uri().path().contains(part));
        let is_write = request.method() != Method::GET;
        if weather.chance(|rates| rates.late) {
            let wait = weather.dice.lock().millis(1, 5_000);
            sleep(wait).await;
        }
        if self.life.is_dead() {
            return pending().await;
        }
        if !is_watch && !is_aside {
            *weather.requests.lock() += 1;
        }
        if weather.chance(|rates| rates.hung) {
            weather.note(&format!("{} {} {} is lost", self.name, request.method(), request.uri().path()));
            return pending().await;
        }
        if weather.chance(|rates| rates.refused) {
            weather.note(&format!("{} {} {} is refused", self.name, request.method(), request.uri().path()));
            return self.refusal(request.method(), is_watch);
        }
        if is_watch {
            return self.watch(request).await;
        }
        if is_write && !is_aside {
            return self.write(request).await;
        }
        self.send(request).await
    }

    async fn send(mut self, request: Request<kube::client::Body>) -> Response<Body> {
        let Ok(answer) = self.plane.call(request).await;
        answer.map(|body| body.map_err(|never| match never {}).boxed_unsync())
    }

    async fn write(self, request: Request<kube::client::Body>) -> Response<Body> {
        let weather = self.weather.clone();
        let (parts, body) = request.into_parts();
        let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
        let text = String::from_utf8_lossy(&body);
        let what = format!("{} {} {} {}", self.name, parts.method, parts.uri.path(), text);
        let number = *weather.writes.lock();
        let fixed = weather.crash_at.lock().take_if(|(at, _)| *at == number).map(|(_, side)| side);
        let drawn = || {
            weather
                .chance(|rates| rates.crash)
                .then(|| weather.dice.lock().pick(&[Side::Before, Side::After]))
        };
        let crash = fixed.or_else(drawn);
        if crash == Some(Side::Before) {
            weather.note(&format!("crash before {what}"));
            self.life.crash();
            return pending().await;
        }
        let is_lost = weather.chance(|rates| rates.lost);
        let life = self.life.clone();
        let before = weather.judge.lock().look();
        let answer = self.send(Request::from_parts(parts, body.into())).await;
        weather.note(&format!("{} {what}", answer.status().as_u16()));
        if answer.status().is_success() {
            *weather.writes.lock() += 1;
            weather.judge.lock().after(&what, &before);
        }
        if crash == Some(Side::After) {
            weather.note("crash after it");
            life.crash();
            return pending().await;
        }
        if is_lost {
            weather.note("its answer is lost");
            let hangs = weather.dice.lock().chance(500);
            return if hangs { pending().await } else { status(504, "Timeout", None) };
        }
        answer
    }

    fn refusal(&self, method: &Method, is_watch: bool) -> Response<Body> {
        let mut dice = self.weather.dice.lock();
        let code = match *method {
            Method::GET if is_watch => dice.pick(&[410, 429, 500]),
            Method::GET => dice.pick(&[429, 500]),
            Method::POST => dice.pick(&[429, 500, 503]),
            _ => dice.pick(&[409, 409, 429, 500]),
        };
        match code {
            409 => status(409, "Conflict", None),
            410 => status(410, "Expired", None),
            429 => status(429, "TooManyRequests", Some(dice.between(1, 10))),
            503 => status(503, "ServiceUnavailable", None),
            _ => status(500, "InternalError", None),
        }
    }

    async fn watch(self, request: Request<kube::client::Body>) -> Response<Body> {
        let weather = self.weather.clone();
        let pieces_left = weather.chance(|rates| rates.cut).then(|| weather.dice.lock().between(0, 6));
        let delay = if weather.chance(|rates| rates.behind) {
            weather.dice.lock().millis(100, 15_000)
        } else {
            Duration::ZERO
        };
        let life = self.life.clone();
        let answer = self.send(request).await;
        let flow = Flow { life, weather, delay, pieces_left };
        answer.map(|body| {
            let pieces = stream::unfold(Some((body, flow)), |state| async {
                let (body, flow) = state?;
                flow.next(body).await
            });
            StreamBody::new(pieces).boxed_unsync()
        })
    }
}

/// A watch on its way.
struct Flow {
    life: Arc<Life>,
    weather: Arc<Weather>,
    delay: Duration,
    pieces_left: Option<u64>,
}

type Piece = Result<http_body::Frame<Bytes>, io::Error>;

impl Flow {
    async fn next(mut self, mut body: Body) -> Option<(Piece, Option<(Body, Self)>)> {
        let piece = body.frame().await?;
        if !self.delay.is_zero() && *self.weather.rates.lock() != Rates::default() {
            sleep(self.delay).await;
        }
        if self.life.is_dead() {
            return pending().await;
        }
        match &mut self.pieces_left {
            Some(0) => {
                let half = piece.ok()?.into_data().ok()?;
                let half = half.slice(..half.len() / 2);
                let ends_badly = self.weather.dice.lock().chance(500);
                let cut =
                    if ends_badly { Err(io::Error::other("cut")) } else { Ok(http_body::Frame::data(half)) };
                return Some((cut, None));
            }
            Some(left) => *left -= 1,
            None => {}
        }
        Some((piece, Some((body, self))))
    }
}

fn status(code: u16, reason: &str, retry_after: Option<u64>) -> Response<Body> {
    let body = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": format!("a fault: {reason}"), "reason": reason, "code": code,
    });
    let body = Full::new(Bytes::from(body.to_string())).map_err(|never| match never {}).boxed_unsync();
    let mut answer = Response::new(body);
    *answer.status_mut() = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let json = header::HeaderValue::from_static("application/json");
    answer.headers_mut().insert(header::CONTENT_TYPE, json);
    if let Some(seconds) = retry_after {
        answer.headers_mut().insert(header::RETRY_AFTER, header::HeaderValue::from(seconds));
    }
    answer
}
