//! Requests in, answers out.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use ::http::{HeaderValue, Request, Response, StatusCode, header::CONTENT_TYPE};
use bytes::Bytes;
use parking_lot::Mutex;
use serin_kernel::chain;
use serin_server::{Incoming, ServeError};
use tokio::{sync::Semaphore, time::timeout};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    door::Door,
    gates::{Gates, Purpose},
    http::Http,
    load::Ledger,
    log::Log,
    payload::{Payload, decode},
    report::Reports,
    run::{Reply, carry_out},
    task::Task,
};

/// The largest body of a request: a web hook sends some hundred bytes.
pub const BODY_BYTES_MAX: usize = 1 << 20;
/// How long a body may take to arrive: it is in one packet.
const BODY_TIME: Duration = Duration::from_secs(30);
/// How long requests that are being answered may hold up the end, as in Flagger.
const SHUTDOWN_GRACE: Duration = Duration::from_mins(1);
/// How long killed tasks may take to say so.
const TASKS_GRACE: Duration = Duration::from_secs(5);

/// How a load tester behaves.
pub struct Settings {
    /// The time of a task.
    pub timeout: Duration,
    /// Tasks at once.
    pub tasks_max: usize,
    /// Bytes that are kept of what a task writes.
    pub output_max: usize,
    /// Who may ask.
    pub door: Door,
    /// Where gates are kept.
    pub gates: Gates,
    /// `PATH` of the programs that are run, if it is not ours.
    pub path: Option<OsString>,
    /// Where lines go.
    pub log: Log,
}

/// What answers and tasks share.
pub(crate) struct Shared {
    pub(crate) settings: Settings,
    pub(crate) log: Log,
    pub(crate) http: Http,
    pub(crate) reports: Reports,
    /// What we have sent lately, by canary and target.
    pub(crate) ledgers: Mutex<BTreeMap<String, Arc<Mutex<Ledger>>>>,
    /// Ends tasks.
    pub(crate) stop: CancellationToken,
    running: Mutex<BTreeSet<String>>,
    slots: Arc<Semaphore>,
    tasks: TaskTracker,
}

/// A load tester. Cheap to clone.
#[derive(Clone)]
pub struct Tester(Arc<Shared>);

impl Tester {
    /// A load tester without a socket.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        // Connections to Concord and nGrinder: few, and seldom used.
        let http = Http::new(2);
        let slots = Arc::new(Semaphore::new(settings.tasks_max.min(Semaphore::MAX_PERMITS)));
        Self(Arc::new(Shared {
            log: settings.log.clone(),
            settings,
            http,
            reports: Reports::default(),
            ledgers: Mutex::default(),
            stop: CancellationToken::new(),
            running: Mutex::default(),
            slots,
            tasks: TaskTracker::new(),
        }))
    }

    /// The answer to a request. Any method will do, as in Flagger.
    pub async fn answer(&self, request: Request<Bytes>) -> Response<Bytes> {
        let (head, body) = request.into_parts();
        let path = head.uri.path();
        match path {
            "/healthz" => return text(200, "OK"),
            "/metrics" => return self.metrics(),
            _ => {}
        }
        if !self.0.settings.door.knows(&head.headers) {
            let mut answer = text(401, "Unauthorized");
            answer.headers_mut().insert("WWW-Authenticate", HeaderValue::from_static("Bearer"));
            return answer;
        }
        match path {
            "/gate/approve" => return text(200, "OK"),
            "/gate/halt" => return text(403, "Forbidden"),
            "/results" if body.is_empty() => return self.results(),
            _ => {}
        }
        let payload = match decode(&body) {
            Ok(payload) => payload,
            Err(why) => {
                self.0.log.error(None, &format!("decoding the request body failed{{error 26 0  {why}}}"));
                return text(400, "");
            }
        };
        if !self.0.settings.door.lets_in(&payload.namespace) {
            return text(403, "Forbidden");
        }
        match path {
            "/gate/check" => self.check(Purpose::Advance, &payload).await,
            "/gate/open" => self.set(Purpose::Advance, &payload, true).await,
            "/gate/close" => self.set(Purpose::Advance, &payload, false).await,
            "/rollback/check" => self.check(Purpose::Rollback, &payload).await,
            "/rollback/open" => self.set(Purpose::Rollback, &payload, true).await,
            "/rollback/close" => self.set(Purpose::Rollback, &payload, false).await,
            _ => self.start(payload).await,
        }
    }

    /// Ends all tasks and waits, bounded, until they have ended.
    pub async fn stop(&self) {
        self.0.stop.cancel();
        self.0.tasks.close();
        let _ = timeout(TASKS_GRACE, self.0.tasks.wait()).await;
    }

    async fn check(&self, purpose: Purpose, payload: &Payload) -> Response<Bytes> {
        let (gate, word) = words(purpose, payload);
        match self.0.settings.gates.is_open(purpose, payload).await {
            Ok(open) => {
                self.0.log.info(None, &format!("{gate} {word} check: approved {open}"));
                if open { text(200, "Approved") } else { text(403, "Forbidden") }
            }
            Err(error) => self.gate_failed(&gate, &error),
        }
    }

    async fn set(&self, purpose: Purpose, payload: &Payload, open: bool) -> Response<Bytes> {
        let (gate, word) = words(purpose, payload);
        match self.0.settings.gates.set(purpose, payload, open).await {
            Ok(()) => {
                self.0.log.info(None, &format!("{gate} {word} {}", if open { "opened" } else { "closed" }));
                text(202, "")
            }
            Err(error) => self.gate_failed(&gate, &error),
        }
    }

    /// Neither open nor closed is true, and whoever asks goes on only with a yes.
    fn gate_failed(&self, gate: &str, error: &(dyn std::error::Error + 'static)) -> Response<Bytes> {
        let why = chain(error);
        self.0.log.error(None, &format!("{gate} gate failed: {why}"));
        text(503, &why)
    }

    async fn start(&self, payload: Payload) -> Response<Bytes> {
        let canary = payload.canary();
        let task = match Task::parse(&payload.metadata, self.0.settings.timeout) {
            Ok(task) => task,
            Err(refusal) => {
                if let Some(line) = &refusal.log {
                    self.0.log.error(Some(&payload.name), line);
                }
                return text(refusal.status, &refusal.text);
            }
        };
        let alone = task.alone(&canary);
        if let Some(key) = &alone
            && !self.0.running.lock().insert(key.clone())
        {
            let line = format!("command skipped {} is already running", task.what(&canary));
            self.0.log.info(Some(&canary), &line);
            self.0.reports.passed_over(task.kind(), "skipped");
            // Whoever waits for a result would take 202 for one.
            let why = "the same task is running for this canary, and only who started it is told its result";
            return if task.is_awaited() { text(409, why) } else { text(202, "") };
        }
        let alone = Alone { shared: self.0.clone(), key: alone };
        let Ok(slot) = self.0.slots.clone().try_acquire_owned() else {
            self.0.reports.passed_over(task.kind(), "refused");
            let max = self.0.settings.tasks_max;
            return text(503, &format!("{max} tasks are running, which is the limit (-max-tasks)"));
        };
        if alone.key.is_some() {
            self.0.log.info(Some(&canary), &format!("task starting {}", task.what(&canary)));
        }
        let (shared, awaited) = (self.0.clone(), task.is_awaited());
        // A task of its own, so that a caller who goes away does not end it.
        let doing = self.0.tasks.spawn(async move {
            let reply = carry_out(&shared, &payload, &task).await;
            drop((slot, alone));
            reply
        });
        if !awaited {
            return text(202, "");
        }
        match doing.await {
            Ok(Reply { status, body }) => answer(status, body),
            Err(_) => text(500, "the task was ended by a defect of the load tester; its log says more"),
        }
    }

    fn results(&self) -> Response<Bytes> {
        let results = self.0.reports.json(|namespace| self.0.settings.door.lets_in(namespace));
        let mut answer = answer(200, Bytes::from(results));
        answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        answer
    }

    fn metrics(&self) -> Response<Bytes> {
        let running = self.0.settings.tasks_max.saturating_sub(self.0.slots.available_permits());
        let mut answer = text(200, &(self.0.reports.metrics(running) + &serin_server::process()));
        let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
        answer.headers_mut().insert(CONTENT_TYPE, kind);
        answer
    }
}

/// The right to be the only task of its key, given back in any case.
struct Alone {
    shared: Arc<Shared>,
    key: Option<String>,
}

impl Drop for Alone {
    fn drop(&mut self) {
        if let Some(key) = &self.key {
            self.shared.running.lock().remove(key);
        }
    }
}

/// How log lines name a gate, and what it is for.
fn words(purpose: Purpose, payload: &Payload) -> (String, &'static str) {
    match purpose {
        Purpose::Advance => (payload.canary(), "gate"),
        Purpose::Rollback => (format!("rollback.{}", payload.canary()), "rollback"),
    }
}

fn text(status: u16, text: &str) -> Response<Bytes> {
    answer(status, Bytes::copy_from_slice(text.as_bytes()))
}

/// An answer; what has a body says that it is plain text, whatever a program wrote.
fn answer(status: u16, body: Bytes) -> Response<Bytes> {
    let is_empty = body.is_empty();
    let mut answer = Response::new(body);
    *answer.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if !is_empty {
        answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    }
    answer
}

/// Serves on `address` until `stop`; `ready` is told the address that is really served. Requests that are being answered
/// then have a minute; after that every task is ended.
///
/// # Errors
/// When the port is taken or not allowed.
pub async fn serve(
    tester: &Tester,
    address: SocketAddr,
    stop: CancellationToken,
    ready: impl FnOnce(SocketAddr),
) -> Result<(), ServeError> {
    let answering = tester.clone();
    let incoming = Incoming { body_bytes_max: BODY_BYTES_MAX, body_time: BODY_TIME };
    let router = serin_server::whole(incoming, move |request| {
        let tester = answering.clone();
        async move { tester.answer(request).await }
    });
    let (bound, serving) = serin_server::listen(address, router, stop.clone()).await?;
    ready(bound);
    stop.cancelled().await;
    let _ = timeout(SHUTDOWN_GRACE, serving).await;
    tester.stop().await;
    Ok(())
}
