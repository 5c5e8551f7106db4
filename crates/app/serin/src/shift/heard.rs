//! Hearing what the API says no to.
//!
//! Held: a person at a terminal learns of a refusal when it happens, and an API that only fails does not keep the command
//! for ever. The engine tries again in silence, which is right for a controller with a log, and wrong for a command that
//! somebody waits for.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use futures::{FutureExt, future::BoxFuture, stream::BoxStream};
use parking_lot::Mutex;
use serde_json::Value;
use serin_cluster::{Api, Call, Failure, KubeApi, Listed, Scope, Seen};
use serin_kernel::Key;
use tokio::{sync::Notify, time::Instant};

use crate::out;

/// The one kind of object whose refusal stops nothing: what it would have told is printed as well.
const EVENTS: &str = "events";
/// How long what was never answered may fail: the restart of an API server is over by then, a broken one is not.
const FIRST_ANSWER_MAX: Duration = Duration::from_secs(30);

/// The API, with a note of what it has refused.
pub(super) struct Heard {
    api: KubeApi,
    notes: Mutex<Notes>,
    news: Arc<Notify>,
    patience: Duration,
}

#[derive(Default)]
struct Notes {
    refusal: Option<String>,
    told: BTreeSet<String>,
    answers: BTreeMap<(String, &'static str), Answers>,
}

/// What became of one thing that is asked again and again.
#[derive(Default)]
struct Answers {
    ever: bool,
    failing_since: Option<Instant>,
}

impl Answers {
    fn good(&mut self) {
        *self = Self { ever: true, failing_since: None };
    }

    /// For how long it has only failed, when that is longer than it may. What was answered before has the whole patience,
    /// because a shift under way should outlast an upgrade of the API server.
    fn bad(&mut self, now: Instant, patience: Duration) -> Option<Duration> {
        let failing = now - *self.failing_since.get_or_insert(now);
        let most = if self.ever { patience } else { patience.min(FIRST_ANSWER_MAX) };
        (most <= failing).then_some(failing)
    }
}

impl Heard {
    /// `news` is woken by a refusal. What only fails for `patience` counts as refused.
    pub(super) fn new(api: KubeApi, news: Arc<Notify>, patience: Duration) -> Self {
        Self { api, notes: Mutex::default(), news, patience }
    }

    /// The first thing that the API has refused or has only failed to do, if the shift needs it.
    pub(super) fn refusal(&self) -> Option<String> {
        self.notes.lock().refusal.clone()
    }

    fn note<T>(&self, verb: &str, plural: &'static str, result: Result<T, Failure>) -> Result<T, Failure> {
        let mut notes = self.notes.lock();
        let answers = notes.answers.entry((verb.to_owned(), plural)).or_default();
        let given_up = match &result {
            Err(Failure::Unreachable { .. }) if plural != EVENTS => {
                answers.bad(Instant::now(), self.patience)
            }
            _ => {
                answers.good();
                None
            }
        };
        let refusal = match &result {
            Err(failure @ Failure::Refused { .. }) if plural != EVENTS => {
                Some(format!("the API does not let this user {verb} {plural}: {failure}"))
            }
            Err(failure @ Failure::NotFound { .. }) if verb == "list" => {
                Some(format!("the API serves no {plural}: {failure}"))
            }
            Err(failure @ (Failure::Refused { .. } | Failure::Unreachable { .. })) => {
                let what = format!("Warning: cannot {verb} {plural} now, trying again: {failure}");
                if notes.told.insert(format!("{verb} {plural} {}", failure.code())) {
                    out::complain(what);
                }
                given_up.map(|time| {
                    let seconds = time.as_secs();
                    format!(
                        "for {seconds} s the API could not {verb} {plural}, the last time with: {failure}"
                    )
                })
            }
            _ => None,
        };
        if let Some(refusal) = refusal {
            notes.refusal.get_or_insert(refusal);
            self.news.notify_one();
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_fails_is_given_up_after_its_patience_and_a_good_answer_begins_anew() {
        let (patience, start) = (Duration::from_mins(10), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut answers = Answers::default();
        assert_eq!(answers.bad(at(0), patience), None);
        assert_eq!(answers.bad(at(29), patience), None);
        assert_eq!(answers.bad(at(31), patience), Some(Duration::from_secs(31)), "never answered");
        answers.good();
        assert_eq!(answers.bad(at(100), patience), None);
        assert_eq!(answers.bad(at(699), patience), None, "answered once: the whole patience");
        assert_eq!(answers.bad(at(700), patience), Some(patience));
        answers.good();
        assert_eq!(answers.bad(at(800), patience), None);
        let mut impatient = Answers::default();
        assert_eq!(impatient.bad(at(0), Duration::from_secs(2)), None);
        assert_eq!(impatient.bad(at(2), Duration::from_secs(2)), Some(Duration::from_secs(2)));
    }
}
