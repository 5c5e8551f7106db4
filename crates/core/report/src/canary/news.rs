//! What the events of a Canary tell: Flagger's sentences, read back. Serin writes the same.

use serde_json::Value;
use serin_api::flagger::HookKind;

use crate::lens::{number, seconds, text};

/// What Kubernetes' clients put before the message of an event that stands for too many.
const COMBINED: &str = "(combined from similar events): ";

/// An event of a Canary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    /// When it was told last, in seconds since 1970.
    pub(crate) at: i64,
    /// When it was told first.
    pub(crate) first: i64,
    /// How often it was told, in all runs: Kubernetes counts equal ones together for as long as it keeps them.
    pub(crate) count: i64,
    pub(crate) is_warning: bool,
    pub(crate) message: String,
}

/// What an event says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum News<'a> {
    /// A run begins, or begins anew.
    Begun,
    /// A gate is closed.
    Closed(HookKind, &'a str),
    /// A gate is open.
    Open(HookKind),
    /// A check has failed: what it was.
    Failed(&'a str),
    /// Why a metric has no values.
    NoValues(&'a str, &'a str),
    /// An object is not there: `deployments.apps "podinfo"`.
    Missing(&'a str),
    /// Pods are waited for.
    NotReady(&'a str),
    /// The run goes a step on.
    Advanced,
    /// The run is taken back: why.
    TakenBack(&'a str),
    /// Anything else.
    Other,
}

/// The gates by the words of their sentences.
const CLOSED: [(&str, HookKind); 3] = [
    ("waiting for promotion approval ", HookKind::ConfirmPromotion),
    ("waiting for traffic increase approval ", HookKind::ConfirmTrafficIncrease),
    ("waiting for approval ", HookKind::ConfirmRollout),
];
const OPEN: [(&str, HookKind); 3] = [
    ("Confirm-promotion check ", HookKind::ConfirmPromotion),
    ("Confirm-traffic-increase check ", HookKind::ConfirmTrafficIncrease),
    ("Confirm-rollout check ", HookKind::ConfirmRollout),
];

/// What a message says.
pub(crate) fn read(message: &str) -> News<'_> {
    if message.starts_with("New revision detected!") {
        return News::Begun;
    }
    for (words, kind) in CLOSED {
        if let Some((_, hook)) = message.strip_prefix("Halt ").and_then(|rest| rest.split_once(words)) {
            return News::Closed(kind, hook);
        }
    }
    if let Some((_, kind)) = OPEN.iter().find(|(words, _)| message.starts_with(words)) {
        return News::Open(*kind);
    }
    if let Some((metric, why)) =
        message.strip_prefix("No values for metric ").and_then(|rest| rest.split_once(": "))
    {
        return News::NoValues(metric, why);
    }
    if let Some(rest) = message.strip_prefix("Halt advancement ") {
        return News::Failed(rest);
    }
    if let Some((_, what)) = message.strip_prefix("Halt ").and_then(|rest| rest.split_once(" advancement ")) {
        return News::Failed(what);
    }
    if message.contains(" query failed") || message.starts_with("Metric template ") {
        return News::Failed(message);
    }
    if let Some((_, why)) = message.strip_prefix("Rolling back ").and_then(|rest| rest.split_once(' ')) {
        return News::TakenBack(why);
    }
    if let Some((_, why)) = message.split_once(" failed, primary not ready: ") {
        return News::TakenBack(why);
    }
    if let Some((_, what)) = message.rsplit_once(" get query error: ")
        && let Some(what) = what.strip_suffix(" not found")
    {
        return News::Missing(what);
    }
    if message.contains(" not ready: ") {
        return News::NotReady(message);
    }
    let steps = ["Advance ", "Starting canary analysis", "Copying ", "Routing all traffic", "Promoting "];
    if steps.iter().any(|words| message.starts_with(words)) { News::Advanced } else { News::Other }
}

/// The events of `canary` among `all`, the oldest first.
pub(crate) fn events(canary: &Value, all: &[Value]) -> Vec<Event> {
    let uid = text(canary, "/metadata/uid");
    let is_own = |event: &&Value| {
        let told = text(event, "/involvedObject/uid");
        text(event, "/involvedObject/kind") == "Canary"
            && text(event, "/involvedObject/name") == text(canary, "/metadata/name")
            && text(event, "/involvedObject/namespace") == text(canary, "/metadata/namespace")
            && (told.is_empty() || uid.is_empty() || told == uid)
    };
    // Of one second the one that was written last comes last.
    let version = |event: &Value| text(event, "/metadata/resourceVersion").parse::<u64>().unwrap_or(0);
    let mut found: Vec<(i64, u64, Event)> = Vec::new();
    for event in all.iter().filter(is_own) {
        let times = ["/lastTimestamp", "/eventTime", "/firstTimestamp", "/metadata/creationTimestamp"];
        let at = times.iter().find_map(|path| seconds(event, path)).unwrap_or_default();
        let message = text(event, "/message");
        let told = Event {
            at,
            first: seconds(event, "/firstTimestamp").unwrap_or(at),
            count: number(event, "/count").unwrap_or(1).max(1),
            is_warning: text(event, "/type") == "Warning",
            message: message.strip_prefix(COMBINED).unwrap_or(message).to_owned(),
        };
        found.push((at, version(event), told));
    }
    found.sort_by_key(|(at, version, _)| (*at, *version));
    found.into_iter().map(|(.., event)| event).collect()
}

/// The events of the present run, or of the last one.
pub(crate) fn of_run(events: &[Event]) -> &[Event] {
    let begun = events.iter().rposition(|event| read(&event.message) == News::Begun);
    &events[begun.unwrap_or(0)..]
}

/// What is told at each look and decides nothing.
pub(crate) fn is_noise(event: &Event) -> bool {
    let noise = [
        "Rollback hook ",
        "all the metrics providers",
        "Progressive traffic is not",
        "Setting canaryAnalysis",
    ];
    noise.iter().any(|words| event.message.starts_with(words))
        || event.message.starts_with("A/B testing is not supported")
        || matches!(read(&event.message), News::NoValues(..))
}

/// Doubts of what is written; and while there is no run (`is_at_rest`) what stands in the way of the next one: templates and
/// servers that did not answer. The last first.
pub(crate) fn doubts(events: &[Event], is_at_rest: bool) -> Vec<&Event> {
    let is_doubt = |event: &&Event| {
        let message = &event.message;
        let is_probe = message.contains(" not avaiable: ")
            || ["Metric template ", "MetricTemplate "].iter().any(|words| message.starts_with(words));
        let is_own = message.starts_with("The Canary \"") && message.contains("\" is run, but ");
        event.is_warning && (is_own || (is_at_rest && is_probe))
    };
    events.iter().rev().filter(is_doubt).collect()
}

/// The object that is waited for, if the last that was told, not before `since`, is that it is not there: that is told at each
/// look.
pub(crate) fn missing(events: &[Event], since: i64) -> Option<String> {
    let last = of_run(events).iter().rev().find(|event| !is_noise(event) && since <= event.at)?;
    match read(&last.message) {
        News::Missing(what) => Some(what.to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn flaggers_sentences_are_read_back() {
        use HookKind::{ConfirmPromotion, ConfirmRollout, ConfirmTrafficIncrease};
        for (message, news) in [
            ("New revision detected! Scaling up podinfo.test", News::Begun),
            ("New revision detected! Restarting analysis for podinfo.test", News::Begun),
            (
                "Halt podinfo.test advancement waiting for approval a gate",
                News::Closed(ConfirmRollout, "a gate"),
            ),
            (
                "Halt podinfo.test advancement waiting for promotion approval gate",
                News::Closed(ConfirmPromotion, "gate"),
            ),
            (
                "Halt podinfo.test advancement waiting for traffic increase approval gate",
                News::Closed(ConfirmTrafficIncrease, "gate"),
            ),
            ("Confirm-promotion check gate passed", News::Open(ConfirmPromotion)),
            ("Confirm-rollout check gate approved by jane", News::Open(ConfirmRollout)),
            (
                "Halt podinfo.test advancement success rate 95.50% < 99%",
                News::Failed("success rate 95.50% < 99%"),
            ),
            (
                "Halt podinfo.test advancement pre-rollout check acceptance failed boom",
                News::Failed("pre-rollout check acceptance failed boom"),
            ),
            (
                "Halt advancement no values found for istio metric a probably b.test is not receiving traffic: c",
                News::Failed(
                    "no values found for istio metric a probably b.test is not receiving traffic: c",
                ),
            ),
            (
                "Metric template a.test error: metrictemplates.flagger.app \"a\" not found",
                News::Failed("Metric template a.test error: metrictemplates.flagger.app \"a\" not found"),
            ),
            ("No values for metric a: label app is \"b\"", News::NoValues("a", "label app is \"b\"")),
            (
                "Rolling back podinfo.test failed checks threshold reached 2",
                News::TakenBack("failed checks threshold reached 2"),
            ),
            ("Rolling back podinfo.test aborted by jane", News::TakenBack("aborted by jane")),
            (
                "canary deployment podinfo.test not ready: waiting for rollout to finish: 0 of 2",
                News::NotReady(
                    "canary deployment podinfo.test not ready: waiting for rollout to finish: 0 of 2",
                ),
            ),
            (
                "deployment a.test get query error: deployments.apps \"a\" not found",
                News::Missing("deployments.apps \"a\""),
            ),
            ("Advance podinfo.test canary weight 20", News::Advanced),
            ("Promotion completed! Scaling down podinfo.test", News::Other),
        ] {
            assert_eq!(read(message), news, "{message}");
        }
    }

    #[test]
    fn events_of_others_are_left_out_and_the_newest_comes_last() {
        let canary = json!({"metadata": {"name": "a", "namespace": "n", "uid": "u"}});
        let event = |name: &str, uid: &str, at: &str, message: &str| {
            json!({
                "metadata": {"resourceVersion": "1"}, "type": "Warning", "count": 3, "message": message,
                "involvedObject": {"kind": "Canary", "name": name, "namespace": "n", "uid": uid},
                "lastTimestamp": at,
            })
        };
        let all = [
            event("a", "u", "2026-01-01T00:00:09Z", "(combined from similar events): later"),
            event("a", "u", "2026-01-01T00:00:01Z", "New revision detected! Scaling up a.n"),
            event("a", "u", "2026-01-01T00:00:00Z", "before"),
            event("b", "u", "2026-01-01T00:00:02Z", "another's"),
            event("a", "old", "2026-01-01T00:00:03Z", "one that is gone"),
        ];
        let found = events(&canary, &all);
        let told = |events: &[Event]| events.iter().map(|it| it.message.clone()).collect::<Vec<_>>();
        assert_eq!(told(&found), ["before", "New revision detected! Scaling up a.n", "later"]);
        assert_eq!((found[2].count, found[2].is_warning), (3, true));
        assert_eq!(told(of_run(&found)).len(), 2);
    }
}
