//! Hearing what the API says no to.
//!
//! Held: a person at a terminal learns of a refusal when it happens. The engine tries again in silence, which is right
//! for a controller with a log, and wrong for a command that somebody waits for.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use futures::{FutureExt, future::BoxFuture, stream::BoxStream};
use parking_lot::Mutex;
use serde_json::Value;
use serin_cluster::{Api, Call, Failure, KubeApi, Listed, Scope, Seen};
use serin_kernel::Key;
use tokio::sync::Notify;

/// The one kind of object whose refusal stops nothing: what it would have told is printed as well.
const EVENTS: &str = "events";

/// The API, with a note of what it has refused.
pub(super) struct Heard {
    api: KubeApi,
    notes: Mutex<Notes>,
    news: Arc<Notify>,
}

#[derive(Default)]
struct Notes {
    refusal: Option<String>,
    told: BTreeSet<String>,
}

impl Heard {
    /// `news` is woken by a refusal.
    pub(super) fn new(api: KubeApi, news: Arc<Notify>) -> Self {
        Self { api, notes: Mutex::default(), news }
    }

    /// The first thing that the API has refused, if it has refused something that the shift needs.
    pub(super) fn refusal(&self) -> Option<String> {
        self.notes.lock().refusal.clone()
    }

    fn note<T>(&self, verb: &str, plural: &str, result: Result<T, Failure>) -> Result<T, Failure> {
        match &result {
            Err(failure @ Failure::Refused { .. }) if plural != EVENTS => {
                let what = format!("the API does not let this user {verb} {plural}: {failure}");
                self.notes.lock().refusal.get_or_insert(what);
                self.news.notify_one();
            }
            Err(failure @ Failure::NotFound { .. }) if verb == "list" => {
                let what = format!("the API serves no {plural}: {failure}");
                self.notes.lock().refusal.get_or_insert(what);
                self.news.notify_one();
            }
            Err(failure @ (Failure::Refused { .. } | Failure::Unreachable { .. })) => {
                let what = format!("Warning: cannot {verb} {plural} now, trying again: {failure}");
                if self.notes.lock().told.insert(format!("{verb} {plural} {}", failure.code())) {
                    eprintln!("{what}");
                }
            }
            _ => {}
        }
        result
    }
}

impl Api for Heard {
    fn list<'a>(&'a self, scope: &'a Scope, next: Option<&'a str>) -> BoxFuture<'a, Result<Listed, Failure>> {
        let answer = self.api.list(scope, next);
        answer.map(|result| self.note("list", scope.kind.plural, result)).boxed()
    }

    fn watch<'a>(
        &'a self,
        scope: &'a Scope,
        since: &'a str,
        patience: Duration,
    ) -> BoxFuture<'a, Result<BoxStream<'static, Result<Seen, Failure>>, Failure>> {
        let answer = self.api.watch(scope, since, patience);
        answer.map(|result| self.note("watch", scope.kind.plural, result)).boxed()
    }

    fn read<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Value, Failure>> {
        let answer = self.api.read(key);
        answer.map(|result| self.note("get", key.kind.plural, result)).boxed()
    }

    fn call<'a>(&'a self, call: &'a Call) -> BoxFuture<'a, Result<Value, Failure>> {
        let answer = self.api.call(call);
        answer.map(|result| self.note(call.verb.name(), call.target.kind.plural, result)).boxed()
    }
}
