//! Tests of an nGrinder server: cloned from one that is there, started, and asked after until they end.

use std::{collections::BTreeMap, time::Duration};

use ::http::{Method, Request, header::AUTHORIZATION};
use base64::{DecodeError, Engine as _, engine::general_purpose::STANDARD};
use http_body_util::Full;
use serde_json::{Map, Value};
use serin_lang::duration::GoDuration;
use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::{
    http::{Http, Question, SMALL},
    log::Log,
    payload::{kind, syntax},
};

/// Between two questions when nothing, or nothing sensible, is said.
const EVERY: Duration = Duration::from_secs(1);

/// A test to start.
#[derive(Clone)]
pub(crate) struct NGrinder {
    server: Url,
    clone: i64,
    user: String,
    password: String,
    every: Duration,
}

/// Without the password.
impl std::fmt::Debug for NGrinder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NGrinder")
            .field("server", &self.server.as_str())
            .field("clone", &self.clone)
            .finish_non_exhaustive()
    }
}

impl NGrinder {
    pub(crate) fn parse(metadata: &BTreeMap<String, String>) -> Result<Self, String> {
        let needed = |name: &str| {
            let found = metadata.get(name).filter(|text| !text.is_empty());
            found.ok_or("server, clone, username and passwd are required metadata")
        };
        let (server, clone, user, password) =
            (needed("server")?, needed("clone")?, needed("username")?, needed("passwd")?);
        let address = Url::parse(server).ok().filter(|url| ["http", "https"].contains(&url.scheme()));
        let server = address
            .ok_or_else(|| format!("invalid url: {server}: it must begin with http:// or https://"))?;
        let clone = clone.parse().map_err(|_| {
            format!("metadata clone must be integer: strconv.Atoi: parsing {clone:?}: invalid syntax")
        })?;
        let password = STANDARD.decode(password.replace(['\r', '\n'], "")).map_err(|error| {
            let at = match error {
                DecodeError::InvalidByte(at, _) | DecodeError::InvalidLastSymbol { offset: at, .. } => at,
                DecodeError::InvalidLength(length) => length,
                DecodeError::InvalidPadding => password.len(),
            };
            format!("metadata password is invalid: illegal base64 data at input byte {at}")
        })?;
        let every = metadata.get("pollInterval").and_then(|text| GoDuration::parse(text).ok());
        let every = every.and_then(|every| u64::try_from(every.nanos()).ok()).map(Duration::from_nanos);
        Ok(Self {
            server,
            clone,
            user: user.clone(),
            password: String::from_utf8_lossy(&password).into_owned(),
            every: every.filter(|every| !every.is_zero()).unwrap_or(EVERY).max(Duration::from_millis(100)),
        })
    }

    pub(crate) fn clone_id(&self) -> i64 {
        self.clone
    }

    /// Where it is started.
    pub(crate) fn endpoint(&self) -> String {
        self.address(&format!("perftest/api/{}/clone_and_start", self.clone))
    }

    fn address(&self, path: &str) -> String {
        self.server.join(path).map_or_else(|_| path.to_owned(), String::from)
    }

    /// Starts the test and waits for its end, for `time` at most and until `stop`; then the test is stopped.
    pub(crate) async fn run(
        &self,
        http: &Http,
        log: &Log,
        canary: &str,
        time: Duration,
        stop: &CancellationToken,
    ) -> Result<(), String> {
        let end = Instant::now() + time;
        let endpoint = self.endpoint();
        let started = self.ask(http, log, Method::POST, &endpoint).await;
        let id = started.and_then(|started| {
            started.get("id").and_then(Value::as_i64).ok_or_else(|| "the answer has no `id`".to_owned())
        });
        let id = id.map_err(|error| {
            let text = format!("failed to clone and start ngrinder test {endpoint}: {error}");
            log.error(Some(canary), &text);
            text
        })?;
        let status = self.address(&format!("perftest/api/{id}/status"));
        let asked = timeout_at(end, async {
            loop {
                sleep(self.every).await;
                // What cannot be read now may be readable at the next question.
                let Ok(answer) = self.ask(http, log, Method::GET, &status).await else { continue };
                let Some(state) =
                    answer.get("status").and_then(|all| all.get(0)).and_then(|one| one.get("status_id"))
                else {
                    continue;
                };
                let state = state.as_str().unwrap_or_default();
                log.debug(None, &format!("status of ngrinder task {id} is {state}"));
                match state {
                    "FINISHED" => return Ok(()),
                    "STOP_BY_ERROR" | "CANCELED" | "UNKNOWN" => {
                        return Err(format!("ngrinder test {id} is {state}"));
                    }
                    _ => {}
                }
            }
        });
        let asked = tokio::select! {
            asked = asked => asked.ok(),
            () = stop.cancelled() => None,
        };
        if let Some(ended) = asked {
            return ended;
        }
        log.warn(None, &format!("context timedout, top ngrinder task {id} forcibly"));
        let stopped = self.address(&format!("perftest/api/{id}?action=stop"));
        let _ = self.ask(http, log, Method::PUT, &stopped).await;
        Err(format!("ngrinder test {id} was stopped when its time was over"))
    }

    async fn ask(
        &self,
        http: &Http,
        log: &Log,
        method: Method,
        address: &str,
    ) -> Result<Map<String, Value>, String> {
        log.debug(None, &format!("send {method} request to {address}"));
        let pair = STANDARD.encode(format!("{}:{}", self.user, self.password));
        let question: Question = Request::builder()
            .method(method)
            .uri(address)
            .header(AUTHORIZATION, format!("Basic {pair}"))
            .body(Full::default())
            .map_err(|error| error.to_string())?;
        let reply = http.exchange(question, SMALL).await.map_err(|why| {
            log.error(None, &format!("request failed: {why}"));
            format!("request failed: {why}")
        })?;
        let text = String::from_utf8_lossy(&reply.body);
        let answer = match serde_json::from_str(&text) {
            Ok(Value::Object(answer)) => answer,
            other => {
                let why = match other {
                    Ok(value) => {
                        let found = kind(&value);
                        format!(
                            "json: cannot unmarshal {found} into Go value of type map[string]interface {{}}"
                        )
                    }
                    Err(error) => syntax(&text, &error),
                };
                log.error(None, &format!("json unmarshalling failed: {why} \n {text}"));
                return Err(format!("json unmarshalling failed: {why} for {text}"));
            }
        };
        if answer.get("success") == Some(&Value::Bool(false)) {
            return Err(format!("request failed: {text}"));
        }
        Ok(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(interval: &str) -> NGrinder {
        let pairs = [
            ("server", "http://127.0.0.1:1"),
            ("clone", "7"),
            ("username", "u"),
            ("passwd", "cA=="),
            ("pollInterval", interval),
        ];
        let owned = pairs.map(|(key, value)| (key.to_owned(), value.to_owned()));
        NGrinder::parse(&BTreeMap::from(owned)).unwrap()
    }

    #[test]
    fn the_poll_interval_is_what_it_says() {
        for (text, expected) in
            [("5s", 5_000), ("1m", 60_000), ("x", 1_000), ("-1s", 1_000), ("0s", 1_000), ("1ns", 100)]
        {
            assert_eq!(parse(text).every, Duration::from_millis(expected), "{text}");
        }
        assert_eq!(parse("1s").endpoint(), "http://127.0.0.1:1/perftest/api/7/clone_and_start");
        assert!(!format!("{:?}", parse("1s")).contains("\"p\""), "the password is shown");
    }
}
