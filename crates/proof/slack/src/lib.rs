//! Slack's interface in memory: messages, threads, changes of messages, and files.
//!
//! Property: it answers as the reference of Slack's methods documents, also in its failures, so that what works here works
//! there; the same answers come over HTTP ([`Slack::listen`]) and as values ([`Slack::call`]).
//!
//! What this crate does not do: anything that Serin does not ask Slack for.

mod files;
mod messages;
mod serve;

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use parking_lot::Mutex;
use serde_json::{Value, json};
use serin_kernel::{Call, Reply};

/// The token that is valid.
pub const TOKEN: &str = "xoxb-valid";
/// The address that uploads go to when nothing listens.
const HOST: &str = "https://files.slack.test";

/// One workspace with the channels `general` and `releases`. Cloning is cheap; clones are the same workspace.
#[derive(Clone, Debug, Default)]
pub struct Slack {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    messages: Vec<Message>,
    files: Vec<File>,
    /// What the next questions to a method are answered instead.
    faults: BTreeMap<String, VecDeque<Fault>>,
    /// How often each method was asked.
    asked: BTreeMap<String, usize>,
    host: Option<String>,
}

/// A message.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// The channel, by Slack's own name.
    pub channel: String,
    /// Its name.
    pub ts: String,
    /// The message that it stands below.
    pub thread: Option<String>,
    /// What was sent.
    pub body: Value,
    /// How often it was changed.
    pub changes: usize,
}

/// A file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its name in Slack.
    pub id: String,
    /// The name that it was given.
    pub name: String,
    /// How long it is to be.
    pub length: usize,
    /// What was uploaded.
    pub bytes: Vec<u8>,
    /// The channel and the message that it stands below, once it is complete.
    pub shared: Option<(String, String)>,
    /// Its title.
    pub title: String,
}

/// Something that goes wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// This failure, in an answer with the status 200.
    Named(&'static str),
    /// A right that the token does not have.
    Scope(&'static str),
    /// Too many questions: come again after so many seconds.
    Limited(u64),
    /// A status, and nothing that can be read.
    Status(u16),
}

/// A request.
#[derive(Clone, Debug)]
struct Request {
    /// The part of the path behind the last slash, or `upload/ID`.
    method: String,
    token: Option<String>,
    is_form: bool,
    body: Vec<u8>,
}

/// An answer.
#[derive(Clone, Debug)]
struct Answer {
    status: u16,
    retry_after: Option<u64>,
    body: String,
}

impl Slack {
    /// The reply to `call`, without a network.
    #[must_use]
    pub fn call(&self, call: &Call) -> Reply {
        let header = |name: &str| {
            let found = call.headers.iter().find(|(given, _)| given.eq_ignore_ascii_case(name));
            found.map(|(_, value)| value.clone())
        };
        let path = url::Url::parse(&call.url).map(|url| url.path().to_owned()).unwrap_or_default();
        let request = Request::new(
            &path,
            header("authorization").as_deref(),
            header("content-type").as_deref(),
            call.body.as_bytes().to_vec(),
        );
        let Answer { status, retry_after, body } = self.answer(&request);
        Reply { retry_after: retry_after.map(Duration::from_secs), ..Reply::new(status, body) }
    }

    /// The next questions to `method` go wrong so, one after the other.
    pub fn fail(&self, method: &str, faults: impl IntoIterator<Item = Fault>) {
        self.state.lock().faults.entry(method.to_owned()).or_default().extend(faults);
    }

    /// All messages, in the order in which they came.
    #[must_use]
    pub fn messages(&self) -> Vec<Message> {
        self.state.lock().messages.clone()
    }

    /// Takes all messages away, as somebody who tidies up.
    pub fn clear(&self) {
        self.state.lock().messages.clear();
    }

    /// All files.
    #[must_use]
    pub fn files(&self) -> Vec<File> {
        self.state.lock().files.clone()
    }

    /// How often `method` was asked.
    #[must_use]
    pub fn asked(&self, method: &str) -> usize {
        self.state.lock().asked.get(method).copied().unwrap_or_default()
    }

    fn answer(&self, request: &Request) -> Answer {
        let state = &mut *self.state.lock();
        let method = request.method.as_str();
        let name = method.split('/').next().unwrap_or_default();
        *state.asked.entry(name.to_owned()).or_default() += 1;
        if let Some(fault) = state.faults.get_mut(name).and_then(VecDeque::pop_front) {
            return fault.answer();
        }
        if let Some(id) = method.strip_prefix("upload/") {
            return files::upload(state, id, request);
        }
        let Some(token) = request.token.as_deref() else { return Answer::failed("not_authed") };
        if token != TOKEN {
            return Answer::failed("invalid_auth");
        }
        let Some(args) = request.args() else { return Answer::failed("invalid_json") };
        match method {
            "chat.postMessage" => messages::post(state, args),
            "chat.update" => messages::update(state, &args),
            "files.getUploadURLExternal" => files::address(state, &args),
            "files.completeUploadExternal" => files::complete(state, &args),
            _ => Answer::failed("unknown_method"),
        }
    }
}

impl Request {
    fn new(path: &str, authorization: Option<&str>, kind: Option<&str>, body: Vec<u8>) -> Self {
        let last = path.rsplit('/').next().unwrap_or_default();
        let method = if path.contains("/upload/") { format!("upload/{last}") } else { last.to_owned() };
        let token = authorization.and_then(|value| value.strip_prefix("Bearer ")).map(str::to_owned);
        let is_form = kind.is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
        Self { method, token, is_form, body }
    }

    /// The arguments of a method, from a form or from JSON.
    fn args(&self) -> Option<Value> {
        if self.is_form {
            let pairs = url::form_urlencoded::parse(&self.body);
            return Some(
                pairs.map(|(name, value)| (name.into_owned(), Value::from(value.into_owned()))).collect(),
            );
        }
        serde_json::from_slice(&self.body).ok()
    }
}

impl Answer {
    fn failed(error: &str) -> Self {
        Self::said(&json!({"ok": false, "error": error}))
    }

    fn said(body: &Value) -> Self {
        Self { status: 200, retry_after: None, body: body.to_string() }
    }
}

impl Fault {
    fn answer(&self) -> Answer {
        match self {
            Self::Named(error) => Answer::failed(error),
            Self::Scope(needed) => Answer::said(
                &json!({"ok": false, "error": "missing_scope", "needed": needed, "provided": "chat:write"}),
            ),
            Self::Limited(seconds) => {
                Answer { status: 429, retry_after: Some(*seconds), ..Answer::failed("ratelimited") }
            }
            Self::Status(status) => Answer { status: *status, retry_after: None, body: "<html>".to_owned() },
        }
    }
}
