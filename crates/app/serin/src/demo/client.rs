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

/// What became of a request.
struct Outcome {
    /// Which version has answered, if one has.
    version: Option<String>,
    /// Why it failed, if it did.
    failure: Option<String>,
}

impl Outcome {
    fn failed(why: String) -> Self {
        Self { version: None, failure: Some(why) }
    }
}

impl Tally {
    fn add(&mut self, Outcome { version, failure }: Outcome) {
        let requests = &mut self.requests;
        let counts = if failure.is_some() { &mut requests.refused } else { &mut requests.total };
        if let Some(version) = &version {
            *counts.entry(version.clone()).or_default() += 1;
        }
        if let Some(why) = failure {
            requests.failed += 1;
            self.first_failure.get_or_insert(why);
        }
        self.recent.push_back(version);
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
                    let late = |_| Outcome::failed(format!("no answer within {PATIENCE:?}"));
                    tally.lock().add(outcome.unwrap_or_else(late));
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
    while send(&http, address, host).await.failure.is_some() {
        tick.tick().await;
    }
}

type Http = Client<hyper_util::client::legacy::connect::HttpConnector, Empty<Bytes>>;

async fn send(http: &Http, address: SocketAddr, host: &str) -> Outcome {
    let request = Request::get(format!("http://{address}/")).header(hyper::header::HOST, host);
    let answer = match request.body(Empty::new()) {
        Ok(request) => http.request(request).await.map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    let answer = match answer {
        Ok(answer) => answer,
        Err(why) => return Outcome::failed(why),
    };
    let status = answer.status();
    let version = answer.headers().get(VERSION).and_then(|value| value.to_str().ok()).map(str::to_owned);
    if let Err(error) = answer.into_body().collect().await {
        return Outcome { version, failure: Some(error.to_string()) };
    }
    let is_good = status.is_success() && version.is_some();
    Outcome { version, failure: (!is_good).then(|| format!("status {status}")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_counted_for_the_version_that_it_came_from() {
        let mut tally = Tally::default();
        let version = Some("2.0".to_owned());
        tally.add(Outcome { version: version.clone(), failure: None });
        tally.add(Outcome { version: version.clone(), failure: Some("status 500".to_owned()) });
        tally.add(Outcome::failed("no answer".to_owned()));
        assert_eq!((tally.requests.count(), tally.requests.failed), (3, 2));
        assert_eq!((tally.requests.total["2.0"], tally.requests.refused["2.0"]), (1, 1));
        assert_eq!(tally.requests.reached("2.0"), 2);
        assert_eq!(tally.recent, [version.clone(), version, None]);
        assert_eq!(tally.first_failure.as_deref(), Some("status 500"));
    }
}
