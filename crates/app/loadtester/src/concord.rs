//! Processes of a Concord server: started with a form, and asked after until they end.

use std::{collections::BTreeMap, fmt::Write as _, path::PathBuf, time::Duration};

use ::http::{Request, header::CONTENT_TYPE};
use bytes::Bytes;
use http_body_util::Full;
use serde_json::Value;
use tokio::time::{Instant, sleep};

use crate::{
    http::{Http, Question, SMALL},
    log::Log,
};

/// Where processes are, below the server's address.
const PATH: &str = "/api/v1/process";
/// Seconds between two questions when nothing is said.
const POLL_SECONDS: u64 = 5;
/// A day between two questions is none at all.
const SECONDS_MAX: i64 = 86_400;

/// A process to start.
#[derive(Clone, Debug)]
pub(crate) struct Concord {
    server: String,
    key_file: PathBuf,
    fields: Vec<(String, String)>,
    every: Duration,
    /// How long is asked, if that is said.
    at_most: Option<Duration>,
}

impl Concord {
    pub(crate) fn parse(metadata: &BTreeMap<String, String>) -> Result<Self, String> {
        let needed = |name: &str| {
            let found = metadata.get(name).filter(|text| !text.is_empty());
            found.cloned().ok_or_else(|| format!("`{name}` is required with type concord"))
        };
        let server = needed("server")?;
        let (org, project, repo) = (needed("org")?, needed("project")?, needed("repo")?);
        let entry_point = needed("entrypoint")?;
        let key_file = PathBuf::from(needed("apiKeyPath")?);
        if !key_file.exists() {
            return Err(format!("`apiKeyPath` file doesn't exist {}", key_file.display()));
        }
        let seconds = |name: &str| {
            let Some(text) = metadata.get(name) else { return Ok(None) };
            let number: i64 = text.parse().map_err(|_| format!("unable to convert `{name}` to int"))?;
            match number {
                1..=SECONDS_MAX => Ok(Some(Duration::from_secs(number.unsigned_abs()))),
                _ => Err(format!("`{name}` must be between 1 and {SECONDS_MAX} seconds")),
            }
        };
        let (every, at_most) = (seconds("pollInterval")?, seconds("pollTimeout")?);
        let mut fields = vec![
            ("org".to_owned(), org),
            ("project".to_owned(), project),
            ("repo".to_owned(), repo),
            ("entryPoint".to_owned(), entry_point),
        ];
        let endpoint = metadata.get("endpoint").cloned();
        fields.extend(endpoint.map(|endpoint| ("arguments.endpoint".to_owned(), endpoint)));
        let more = metadata
            .iter()
            .filter(|(name, _)| name.starts_with("arguments.") && *name != "arguments.endpoint");
        fields.extend(more.map(|(name, value)| (name.clone(), value.clone())));
        let every = every.unwrap_or(Duration::from_secs(POLL_SECONDS));
        Ok(Self { server, key_file, fields, every, at_most })
    }

    /// Where it is started.
    pub(crate) fn endpoint(&self) -> String {
        format!("{}{PATH}", self.server.trim_end_matches('/'))
    }

    /// Starts the process and waits for its end.
    pub(crate) async fn run(&self, http: &Http, log: &Log) -> Result<(), String> {
        let key = tokio::fs::read_to_string(&self.key_file).await;
        let key = key.map_err(|error| format!("`apiKeyPath` {}: {error}", self.key_file.display()))?;
        let boundary = format!("{:032x}{:028x}", rand::random::<u128>(), rand::random::<u128>() >> 16);
        let form = form(&boundary, &self.fields);
        let kind = format!("multipart/form-data; boundary={boundary}");
        let start = Request::post(self.endpoint()).header(CONTENT_TYPE, kind);
        let started = self.ask(http, log, &self.endpoint(), start, &key, form).await?;
        let id = started.get("instanceId").and_then(Value::as_str).unwrap_or_default().to_owned();
        let ok = started.get("ok").unwrap_or(&Value::Bool(false));
        log.info(Some(""), &format!("created process id [{id}] OK status is {ok}"));
        if id.is_empty() || id.contains(['/', '?', '#']) {
            return Err(format!("the answer of {} has no `instanceId`", self.endpoint()));
        }
        let address = format!("{}/{id}", self.endpoint());
        let end = self.at_most.map(|time| Instant::now() + time);
        loop {
            sleep(self.every).await;
            let state = self.ask(http, log, &address, Request::get(&address), &key, String::new()).await?;
            let state = state.get("status").and_then(Value::as_str).unwrap_or_default();
            log.info(Some(""), &format!("process id [{id}] current status is {state}"));
            match state {
                "FINISHED" => return Ok(()),
                "FAILED" | "CANCELLED" | "TIMED_OUT" => {
                    return Err(format!("concord instanceID: {id} failed"));
                }
                _ if end.is_some_and(|end| end <= Instant::now()) => {
                    let time = self.at_most.unwrap_or_default();
                    return Err(format!(
                        "concord instanceID: {id} is {state} after `pollTimeout` of {time:?}"
                    ));
                }
                _ => {}
            }
        }
    }

    async fn ask(
        &self,
        http: &Http,
        log: &Log,
        address: &str,
        question: ::http::request::Builder,
        key: &str,
        body: String,
    ) -> Result<Value, String> {
        log.info(Some(""), &format!("calling endpoint {address}"));
        let question: Question = question
            .header("Authorization", key.trim())
            .body(Full::new(Bytes::from(body)))
            .map_err(|error| format!("`server` or the key cannot be used: {error}"))?;
        let reply = http.exchange(question, SMALL).await.map_err(|why| format!("{address}: {why}"))?;
        if !reply.status.is_success() {
            return Err(format!("{address} answers {}", reply.status));
        }
        serde_json::from_slice(&reply.body).map_err(|error| format!("{address} answers no JSON: {error}"))
    }
}

fn form(boundary: &str, fields: &[(String, String)]) -> String {
    let mut text = String::new();
    for (name, value) in fields {
        let name = name.replace('\\', "\\\\").replace('"', "\\\"").replace('\r', "%0D").replace('\n', "%0A");
        let _ = write!(
            text,
            "--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
        );
    }
    text + &format!("--{boundary}--\r\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_that_cannot_be_waited_for_are_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let with = |name: &str, value: &str| {
            let base = ["server", "org", "project", "repo", "entrypoint"]
                .map(|name| (name.to_owned(), "x".to_owned()));
            let mut metadata = BTreeMap::from(base);
            metadata.insert("apiKeyPath".to_owned(), file.path().display().to_string());
            metadata.insert(name.to_owned(), value.to_owned());
            Concord::parse(&metadata)
        };
        for value in ["0", "-5", "9999999999"] {
            let error = with("pollInterval", value).unwrap_err();
            assert_eq!(error, "`pollInterval` must be between 1 and 86400 seconds", "{value}");
        }
        assert_eq!(with("pollTimeout", "1s").unwrap_err(), "unable to convert `pollTimeout` to int");
        assert_eq!(with("pollTimeout", "60").unwrap().at_most, Some(Duration::from_mins(1)));
        assert_eq!(with("a", "b").unwrap().every, Duration::from_secs(5));
    }

    #[test]
    fn names_of_fields_cannot_break_out_of_the_form() {
        let text = form("b", &[("a\"\r\nX: y".to_owned(), "v".to_owned())]);
        assert_eq!(
            text,
            "--b\r\nContent-Disposition: form-data; name=\"a\\\"%0D%0AX: y\"\r\n\r\nv\r\n--b--\r\n"
        );
    }
}
