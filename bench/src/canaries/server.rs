//! A metric server that always has good news, and remembers who asked when.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::Result;
use bytes::Bytes;
use http::{Request, Response};
use serin_server::Incoming;
use tokio_util::sync::CancellationToken;

/// Queries have no body.
const INCOMING: Incoming = Incoming { body_bytes_max: 1 << 16, body_time: Duration::from_secs(10) };
/// A share of successes in percent, and a duration in whatever unit: both within every limit of ours.
const GOOD: &str =
    r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"100"]}]}}"#;

/// The server, until it is dropped.
#[derive(Debug)]
pub(super) struct MetricServer {
    address: SocketAddr,
    asked: Arc<Mutex<Asked>>,
    stop: CancellationToken,
}

/// When each Canary's first metric was asked for, and how many questions there were.
#[derive(Debug, Default)]
struct Asked {
    checks: BTreeMap<String, Vec<Instant>>,
    questions: u64,
}

impl Drop for MetricServer {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl MetricServer {
    /// Starts it.
    pub(super) async fn start() -> Result<Self> {
        let (asked, stop) = (Arc::new(Mutex::new(Asked::default())), CancellationToken::new());
        let into = asked.clone();
        let answer = move |request: Request<Bytes>| {
            if let Ok(mut asked) = into.lock() {
                asked.note(request.uri().path(), request.uri().query().unwrap_or_default(), Instant::now());
            }
            std::future::ready(Response::new(Bytes::from_static(GOOD.as_bytes())))
        };
        let router = serin_server::whole(INCOMING, answer);
        let address =
            serin_server::serve(SocketAddr::from(([127, 0, 0, 1], 0)), router, stop.clone()).await?;
        Ok(Self { address, asked, stop })
    }

    /// The address that is the Canary's own.
    pub(super) fn address(&self, canary: &str) -> String {
        format!("http://{}/{canary}", self.address)
    }

    /// Seconds between each two checks of a Canary that follow one another, sorted.
    pub(super) fn gaps(&self) -> Vec<f64> {
        self.asked.lock().map(|asked| asked.gaps()).unwrap_or_default()
    }

    /// How many questions there were.
    pub(super) fn questions(&self) -> u64 {
        self.asked.lock().map(|asked| asked.questions).unwrap_or_default()
    }
}

impl Asked {
    /// A check begins with the share of successes; whether there is a server at all is asked in other words.
    fn note(&mut self, path: &str, query: &str, now: Instant) {
        self.questions += 1;
        if query.contains("rate") && !query.contains("histogram_quantile") {
            let canary = path.trim_start_matches('/').split('/').next().unwrap_or_default();
            self.checks.entry(canary.to_owned()).or_default().push(now);
        }
    }

    fn gaps(&self) -> Vec<f64> {
        let gaps = self.checks.values().flat_map(|at| at.windows(2).map(|pair| pair[1] - pair[0]));
        let mut gaps: Vec<f64> = gaps.map(|gap| gap.as_secs_f64()).collect();
        gaps.sort_by(f64::total_cmp);
        gaps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_is_between_two_checks_of_one_canary() {
        let (mut asked, begin) = (Asked::default(), Instant::now());
        for (second, path, query) in [
            (0, "/a/api/v1/query", "query=vector(1)"),
            (1, "/a/api/v1/query", "query=sum(rate(istio_requests_total"),
            (2, "/a/api/v1/query", "query=histogram_quantile(0.99,sum(rate("),
            (3, "/b/api/v1/query", "query=sum(rate("),
            (11, "/a/api/v1/query", "query=sum(rate("),
            (31, "/a/api/v1/query", "query=sum(rate("),
        ] {
            asked.note(path, query, begin + Duration::from_secs(second));
        }
        assert_eq!(asked.gaps(), [10.0, 20.0]);
        assert_eq!(asked.questions, 6);
    }
}
