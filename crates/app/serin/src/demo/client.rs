//! The steady client: real requests through a proxy, counted by the version that answered.

use std::{collections::VecDeque, net::SocketAddr, sync::Arc, time::Duration};

use http_body_util::{BodyExt, Empty};
use hyper::{Request, body::Bytes};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use parking_lot::Mutex;
use serin_report::live::Requests;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// How many of the latest requests the shares are counted over: some seconds' worth.
const RECENT: usize = 200;
/// A request without an answer by then has failed.
const PATIENCE: Duration = Duration::from_secs(5);
/// Between two tries of one who waits for a first answer.
const LOOK: Duration = Duration::from_millis(50);
/// The header in which a pod says its version.
const VERSION: &str = "x-version";

#[derive(Default)]
struct Tally {
    requests: Requests,
    recent: VecDeque<Option<String>>,
    first_failure: Option<String>,
}

impl Tally {
    fn add(&mut self, outcome: Result<String, String>) {
        match &outcome {
            Ok(version) => *self.requests.total.entry(version.clone()).or_default() += 1,
            Err(why) => {
                self.requests.failed += 1;
                self.first_failure.get_or_insert_with(|| why.clone());
            }
        }
        self.recent.push_back(outcome.ok());
        while RECENT < self.recent.len() {
            self.recent.pop_front();
        }
    }
}

/// A client that sends requests until it is stopped.
pub(super) struct SteadyClient {
    tally: Arc<Mutex<Tally>>,
    stop: CancellationToken,
    requests: TaskTracker,
}

impl SteadyClient {
    /// Starts sending so many requests a second for `host` to the proxy at `address`.
    pub(super) fn start(address: SocketAddr, host: &'static str, rate: u32) -> Self {
        let client =
            Self { tally: Arc::default(), stop: CancellationToken::new(), requests: TaskTracker::new() };
        let (tally, stop, requests) = (client.tally.clone(), client.stop.clone(), client.requests.clone());
        client.requests.spawn(async move {
            let http = Client::builder(TokioExecutor::new()).build_http::<Empty<Bytes>>();
            let mut tick = interval(Duration::from_secs(1) / rate);
            tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
            while stop.run_until_cancelled(tick.tick()).await.is_some() {
                let (http, tally) = (http.clone(), tally.clone());
                requests.spawn(async move {
                    let outcome = timeout(PATIENCE, send(&http, address, host)).await;
                    tally
                        .lock()
                        .add(outcome.unwrap_or_else(|_| Err(format!("no answer within {PATIENCE:?}"))));
                });
            }
        });
        client
    }

    /// The counts so far.
    pub(super) fn requests(&self) -> Requests {
        let tally = self.tally.lock();
        let mut requests = tally.requests.clone();
        for version in tally.recent.iter().flatten() {
            *requests.recent.entry(version.clone()).or_default() += 1;
        }
        requests
    }

    /// Why the first failed request failed.
    pub(super) fn first_failure(&self) -> Option<String> {
        self.tally.lock().first_failure.clone()
    }

    /// Sends no more, and waits for the answers still under way.
    pub(super) async fn finish(&self) -> Requests {
        self.stop.cancel();
        self.requests.close();
        self.requests.wait().await;
        self.requests()
    }
}

/// Waits until the proxy at `address` has a version behind `host`.
pub(super) async fn reached(address: SocketAddr, host: &str) {
    let http = Client::builder(TokioExecutor::new()).build_http();
    let mut tick = interval(LOOK);
    while send(&http, address, host).await.is_err() {
        tick.tick().await;
    }
}

type Http = Client<hyper_util::client::legacy::connect::HttpConnector, Empty<Bytes>>;

/// The version that answered, or why nothing good did.
async fn send(http: &Http, address: SocketAddr, host: &str) -> Result<String, String> {
    let request = Request::get(format!("http://{address}/"))
        .header(hyper::header::HOST, host)
        .body(Empty::new())
        .map_err(|error| error.to_string())?;
    let answer = http.request(request).await.map_err(|error| error.to_string())?;
    let status = answer.status();
    let version = answer.headers().get(VERSION).and_then(|value| value.to_str().ok()).map(str::to_owned);
    answer.into_body().collect().await.map_err(|error| error.to_string())?;
    match version {
        Some(version) if status.is_success() => Ok(version),
        _ => Err(format!("status {status}")),
    }
}
