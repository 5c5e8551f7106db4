//! The servers that a Canary calls, on one port of loopback: a Prometheus, web hooks, chats, and who is told of events.
//! They answer as the scenario says, and remember what they heard in its order.

use std::collections::{BTreeMap, VecDeque};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use parking_lot::Mutex;
use serde_json::{Value, json};
use serin_server::Incoming;
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};

/// What one request may bring.
const INCOMING: Incoming = Incoming { body_bytes_max: 1 << 20, body_time: Duration::from_secs(10) };

/// What a query asks for, told from its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Asked {
    /// Whether anybody is there.
    Online,
    /// The share of good answers.
    Rate,
    /// How long answers take.
    Duration,
    /// Anything else.
    Other,
}

/// What the metric server says.
#[derive(Clone, Copy, Debug)]
pub enum Said {
    /// One series with one value.
    Value(f64),
    /// No series.
    Nothing,
    /// Many values of one series.
    Matrix,
}

/// One request that was heard.
#[derive(Clone, Debug)]
pub struct Heard {
    /// Its path without the first slash: `hook/NAME`, `chat/NAME`, `event`, `p/…`.
    pub path: String,
    /// Its body, as JSON.
    pub body: Value,
    /// Its query, where it came to the metric server.
    pub query: String,
    /// What was answered.
    pub status: u16,
}

/// The servers. Dropping them ends them.
#[derive(Debug)]
pub struct Servers {
    base: String,
    state: Arc<Mutex<State>>,
    changed: watch::Receiver<usize>,
    _stop: DropGuard,
}

#[derive(Debug, Default)]
struct State {
    hooks: BTreeMap<String, VecDeque<u16>>,
    said: BTreeMap<Asked, Said>,
    heard: Vec<Heard>,
}

impl Servers {
    /// Begins to listen.
    pub async fn start() -> Result<Self> {
        let (sender, changed) = watch::channel(0);
        let (state, stop) = (Arc::new(Mutex::new(State::default())), CancellationToken::new());
        let (sender, shared) = (Arc::new(sender), state.clone());
        let router = serin_server::whole(INCOMING, move |request| {
            let (sender, state) = (sender.clone(), shared.clone());
            async move {
                let (status, body, count) = {
                    let mut state = state.lock();
                    let (status, body) = state.answer(request.uri(), request.body());
                    (status, body, state.heard.len())
                };
                sender.send_replace(count);
                let mut response = http::Response::new(body.into());
                *response.status_mut() = http::StatusCode::from_u16(status).unwrap_or_default();
                response
            }
        });
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let address = serin_server::serve(address, router, stop.clone()).await?;
        Ok(Self { base: format!("http://{address}"), state, changed, _stop: stop.drop_guard() })
    }

    /// `http://ADDRESS`.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.base
    }

    /// From now on a hook answers with these statuses, each once, the last one for good. Others answer with 200.
    pub fn hook(&self, name: &str, statuses: &[u16]) {
        self.state.lock().hooks.insert(name.to_owned(), statuses.iter().copied().collect());
    }

    /// From now on the metric server says this.
    pub fn says(&self, asked: Asked, said: Said) {
        self.state.lock().said.insert(asked, said);
    }

    /// All that was heard, in order.
    #[must_use]
    pub fn heard(&self) -> Vec<Heard> {
        self.state.lock().heard.clone()
    }

    /// A receiver that wakes at each request.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<usize> {
        self.changed.clone()
    }
}

impl State {
    fn answer(&mut self, uri: &http::Uri, body: &[u8]) -> (u16, String) {
        let path = uri.path().trim_start_matches('/').to_owned();
        let query =
            uri.query().and_then(|query| query.split('&').find_map(|part| part.strip_prefix("query=")));
        let query = query.map(decoded).unwrap_or_default();
        let (status, answer) = if let Some(name) = path.strip_prefix("hook/") {
            (self.status(name), String::new())
        } else if path.starts_with("p/") {
            (200, self.measured(&query).to_string())
        } else {
            (200, "ok".to_owned())
        };
        let body = serde_json::from_slice(body).unwrap_or_default();
        self.heard.push(Heard { path, body, query, status });
        (status, answer)
    }

    fn status(&mut self, hook: &str) -> u16 {
        let Some(left) = self.hooks.get_mut(hook) else { return 200 };
        let next = if left.len() < 2 { left.front().copied() } else { left.pop_front() };
        next.unwrap_or(200)
    }

    fn measured(&self, query: &str) -> Value {
        let asked = if query.trim() == "vector(1)" {
            Asked::Online
        } else if query.contains("!~\"5") || query.contains("failure") {
            Asked::Rate
        } else if ["histogram_quantile", "duration", "latency"].iter().any(|word| query.contains(word)) {
            Asked::Duration
        } else {
            Asked::Other
        };
        let usual = match asked {
            Asked::Rate => 100.0,
            Asked::Duration => 0.1,
            Asked::Online | Asked::Other => 1.0,
        };
        let (kind, result) = match self.said.get(&asked).copied().unwrap_or(Said::Value(usual)) {
            Said::Value(value) => {
                ("vector", json!([{"metric": {}, "value": [1_545_905_245.458, value.to_string()]}]))
            }
            Said::Nothing => ("vector", json!([])),
            Said::Matrix => ("matrix", json!([{"metric": {}, "values": [[1.0, "1"], [2.0, "2"]]}])),
        };
        json!({"status": "success", "data": {"resultType": kind, "result": result}})
    }
}

/// Text as it was before it became a part of an address.
fn decoded(text: &str) -> String {
    let (mut bytes, mut rest) = (Vec::new(), text.bytes());
    while let Some(byte) = rest.next() {
        let code = if byte == b'%' {
            let digits = [rest.next().unwrap_or_default(), rest.next().unwrap_or_default()];
            std::str::from_utf8(&digits).ok().and_then(|digits| u8::from_str_radix(digits, 16).ok())
        } else {
            None
        };
        bytes.push(code.unwrap_or(if byte == b'+' { b' ' } else { byte }));
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
