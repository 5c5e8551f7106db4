//! Which events are new, which repeat, and which are one of too many of a kind. Pure.
//!
//! Property: what tells a new thing is sent; what repeats only counts up. There is no budget per object that silently
//! swallows the twenty-sixth event, as client-go's spam filter does.
//!
//! Mechanics, as client-go's correlator: the same event again patches `count` and `lastTimestamp` of the first; the
//! tenth different message of one object, type and reason within ten minutes, and those after it, share one event
//! whose message begins with `(combined from similar events): `.

use std::{
    collections::{BTreeSet, HashMap},
    hash::{DefaultHasher, Hash, Hasher},
    time::Duration,
};

use serde_json::{Value, json};
use serin_kernel::{Event, EventType, Moment};

/// Different messages of one object, type and reason that are told apart (client-go's value).
const SIMILAR_MAX: usize = 10;
/// After so long a silence, similar events are told apart again (client-go's value).
const SIMILAR_WITHIN: Duration = Duration::from_mins(10);
/// Events remembered; more only means that a repetition is told as news (client-go's value).
const REMEMBERED_MAX: usize = 4096;
/// Longest message that the API takes.
const MESSAGE_BYTES_MAX: usize = 1024;

/// Remembers what was told. One per sender.
#[derive(Debug, Default)]
pub(crate) struct Correlator {
    similar: HashMap<u64, Similar>,
    told: HashMap<u64, Told>,
    last_stamp: i128,
    uses: u64,
}

#[derive(Debug)]
struct Similar {
    messages: BTreeSet<u64>,
    last: Moment,
    used: u64,
}

#[derive(Clone, Debug)]
struct Told {
    name: String,
    first: Moment,
    count: u64,
    used: u64,
}

/// What to send.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Send {
    /// A new event of this name and body.
    Create(String, Value),
    /// A merge patch of the event of this name; the body to create should that one be gone.
    Repeat(String, Value, Value),
}

impl Correlator {
    /// What to send for `event`, told at `now` by `component`.
    pub(crate) fn correlate(&mut self, event: &Event, component: &str, now: Moment) -> Send {
        self.uses += 1;
        let kind = digest(&(&event.regarding, event.kind, &event.reason));
        let (id, message) = self.combine(kind, &event.message, now);
        self.bound();
        let stamp = now.timestamp().as_nanosecond().max(self.last_stamp + 1);
        self.last_stamp = stamp;
        let fresh = Told {
            name: format!("{}.{stamp:x}", event.regarding.key.name),
            first: now,
            count: 0,
            used: self.uses,
        };
        let told = self.told.entry(id).or_insert(fresh);
        told.count += 1;
        told.used = self.uses;
        let body = body(event, component, told, &message, now);
        if told.count == 1 {
            return Send::Create(told.name.clone(), body);
        }
        let patch = json!({"count": told.count, "lastTimestamp": now, "message": message});
        Send::Repeat(told.name.clone(), patch, body)
    }

    fn combine(&mut self, kind: u64, message: &str, now: Moment) -> (u64, String) {
        let fresh = || Similar { messages: BTreeSet::new(), last: now, used: 0 };
        let similar = self.similar.entry(kind).or_insert_with(fresh);
        if SIMILAR_WITHIN < now.saturating_since(similar.last) {
            *similar = fresh();
        }
        (similar.last, similar.used) = (now, self.uses);
        similar.messages.insert(digest(&message));
        if similar.messages.len() < SIMILAR_MAX {
            return (digest(&(kind, message)), cut(message, MESSAGE_BYTES_MAX).to_owned());
        }
        while SIMILAR_MAX <= similar.messages.len() {
            similar.messages.pop_first();
        }
        let combined = format!("(combined from similar events): {message}");
        (kind, cut(&combined, MESSAGE_BYTES_MAX).to_owned())
    }

    fn bound(&mut self) {
        // The older half goes at once, so that the search for it is paid once in two thousand events.
        let oldest = self.uses.saturating_sub(REMEMBERED_MAX as u64 / 2);
        if REMEMBERED_MAX < self.similar.len() {
            self.similar.retain(|_, similar| oldest < similar.used);
        }
        if REMEMBERED_MAX < self.told.len() {
            self.told.retain(|_, told| oldest < told.used);
        }
    }
}

fn body(event: &Event, component: &str, told: &Told, message: &str, now: Moment) -> Value {
    let regarding = &event.regarding;
    let key = &regarding.key;
    let namespace = if key.namespace.is_empty() { "default" } else { &key.namespace };
    let kind = match event.kind {
        EventType::Normal => "Normal",
        EventType::Warning => "Warning",
    };
    json!({
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": told.name, "namespace": namespace},
        "involvedObject": {
            "apiVersion": key.kind.api_version(),
            "kind": key.kind.kind,
            "namespace": key.namespace,
            "name": key.name,
            "uid": regarding.uid,
        },
        "reason": event.reason,
        "message": message,
        "type": kind,
        "source": {"component": component},
        "reportingComponent": component,
        "firstTimestamp": told.first,
        "lastTimestamp": now,
        "count": told.count,
    })
}

fn digest(of: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    hasher.finish()
}

fn cut(text: &str, bytes_max: usize) -> &str {
    if text.len() <= bytes_max {
        return text;
    }
    let end = (0..=bytes_max).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0);
    &text[..end]
}

#[cfg(test)]
mod tests {
    use serin_kernel::{Kind, Reference};

    use super::*;

    const ROLLOUT: Kind = Kind::namespaced("argoproj.io", "v1alpha1", "Rollout", "rollouts");

    fn event(reason: &'static str, message: &str) -> Event {
        let regarding = Reference { key: ROLLOUT.key("n", "demo"), uid: "u".to_owned() };
        Event::normal(regarding, reason, message)
    }

    fn at(seconds: i64) -> Moment {
        Moment::from_secs(1_000_000 + seconds)
    }

    #[test]
    fn the_same_event_again_counts_up() {
        let mut correlator = Correlator::default();
        let Send::Create(name, body) = correlator.correlate(&event("A", "m"), "c", at(0)) else { panic!() };
        assert_eq!(name, "demo.38d7ea4c68000");
        assert_eq!((&body["count"], &body["involvedObject"]["kind"]), (&json!(1), &json!("Rollout")));
        let Send::Repeat(again, patch, _) = correlator.correlate(&event("A", "m"), "c", at(9)) else {
            panic!()
        };
        assert_eq!(again, name);
        assert_eq!(patch, json!({"count": 2, "lastTimestamp": at(9), "message": "m"}));
    }

    #[test]
    fn many_events_are_all_told_when_they_are_news() {
        let mut correlator = Correlator::default();
        let names: BTreeSet<String> = (0..200)
            .map(|index| {
                let reason = format!("Reason{}", index % 40);
                let event = Event { reason: reason.into(), ..event("", &format!("message {}", index / 40)) };
                match correlator.correlate(&event, "c", at(0)) {
                    Send::Create(name, _) => name,
                    other @ Send::Repeat(..) => panic!("{index}: {other:?}"),
                }
            })
            .collect();
        assert_eq!(names.len(), 200, "names are unique even within one nanosecond");
    }

    #[test]
    fn the_tenth_similar_event_and_later_ones_are_combined() {
        let mut correlator = Correlator::default();
        let mut messages = Vec::new();
        for index in 0..12 {
            let body = match correlator.correlate(&event("A", &format!("m{index}")), "c", at(index)) {
                Send::Create(_, body) | Send::Repeat(_, _, body) => body,
            };
            messages.push((body["message"].as_str().unwrap().to_owned(), body["count"].clone()));
        }
        assert_eq!(messages[8], ("m8".to_owned(), json!(1)));
        assert_eq!(messages[9], ("(combined from similar events): m9".to_owned(), json!(1)));
        assert_eq!(messages[11], ("(combined from similar events): m11".to_owned(), json!(3)));
        let later = correlator.correlate(&event("A", "m99"), "c", at(12 + 601));
        assert!(matches!(later, Send::Create(_, body) if body["message"] == "m99"), "a quiet time forgets");
    }

    #[test]
    fn memory_is_bounded_and_long_messages_are_cut() {
        let mut correlator = Correlator::default();
        for index in 0..10_000 {
            let event = Event { reason: format!("R{index}").into(), ..event("", &"ä".repeat(2000)) };
            let Send::Create(_, body) = correlator.correlate(&event, "c", at(0)) else { panic!() };
            assert!(body["message"].as_str().unwrap().len() <= MESSAGE_BYTES_MAX);
        }
        assert!(
            correlator.told.len() <= REMEMBERED_MAX + 1 && correlator.similar.len() <= REMEMBERED_MAX + 1
        );
    }
}
