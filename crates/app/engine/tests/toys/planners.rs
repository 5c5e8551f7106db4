//! Planners for toys and alarms.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use serde_json::json;
use serin_kernel::{
    Act, Answer, Answers, Ask, Change, Event, Freeze, Interest, Kind, Measure, Method, Moment, Object,
    Observed, Plan, Planner, Propagation, Question, Reading, Write,
};

pub(crate) const TOY: Kind = Kind::namespaced("toys.example", "v1", "Toy", "toys");
pub(crate) const PART: Kind = Kind::namespaced("toys.example", "v1", "Part", "parts");
pub(crate) const ALARM: Kind = Kind::namespaced("toys.example", "v1", "Alarm", "alarms");

/// Keeps `spec.size` parts, and writes how many there are. `spec.mood` makes it misbehave.
#[derive(Default)]
pub(crate) struct Toys {
    pub(crate) plans: Arc<AtomicU32>,
}

/// Says something once, and writes down what it is answered; a word to nobody is answered by nobody.
fn talk(observed: &Observed) -> Act {
    let (toy, size) = (&observed.object, &observed.object.value()["spec"]["size"]);
    let mut act = Act { keep: Some(json!("said")), ..Act::default() };
    if let Some(serin_kernel::Heard { topic, answer: Answer::Reply(reply) }) = observed.replies.first() {
        let status = json!({"status": {"heard": format!("{topic}: {}", reply.body)}});
        act.writes.push(Write::same(toy, Change::MergeStatus(status)));
    } else if observed.kept.is_none() {
        let call = |to: &str| serin_kernel::Call::new(Method::Post, format!("http://{to}/"));
        act.calls = vec![call("nobody").about("a question"), call("echo").about("a word")];
    }
    act.writes.push(Write::same(toy, Change::MergeStatus(json!({"status": {"parts": size}}))));
    act
}

/// Wants nothing for an hour, whether or not it talks.
fn settle(observed: &Observed, mood: &str, now: Moment) -> Act {
    let act = if mood == "settled" { Act::default() } else { talk(observed) };
    Act { wake: Some(now.plus(Duration::from_hours(1))), is_settled: true, ..act }
}

/// Counts one and shows one, and writes.
fn count(toy: &Object) -> Act {
    let measure = |name, reading| Measure { name, labels: Vec::new(), reading };
    Act {
        measures: vec![measure("toys_done", Reading::Count(1.0)), measure("toys_now", Reading::Gauge(1.0))],
        writes: vec![Write::same(toy, Change::MergeStatus(json!({"status": {"parts": 0}})))],
        ..Act::default()
    }
}

impl Planner for Toys {
    fn kind(&self) -> Kind {
        TOY
    }

    fn interests(&self, _: &Object) -> Vec<Interest> {
        vec![Interest::Owned(PART)]
    }

    /// The part that the toy names, and those that parts name.
    fn further_interests(&self, observed: &Observed) -> Vec<Interest> {
        let bodies = std::iter::once(observed.object.value()).chain(observed.all(PART).map(Object::value));
        bodies
            .filter_map(|body| Some(Interest::Named(PART.key("n", body["spec"]["next"].as_str()?))))
            .collect()
    }

    fn depth(&self, object: &Object) -> usize {
        object.value()["spec"]["depth"].as_u64().unwrap_or(1) as usize
    }

    fn plan(&self, observed: &Observed, answers: &Answers, now: Moment) -> Plan {
        self.plans.fetch_add(1, Ordering::AcqRel);
        let (toy, body) = (&observed.object, observed.object.value());
        let mut act = Act::default();
        match body["spec"]["mood"].as_str() {
            Some("chain") => {
                let status = json!({"status": {"seen": observed.all(PART).count()}});
                act.writes.push(Write::same(toy, Change::MergeStatus(status)));
                return Plan::Act(act);
            }
            Some("panic") => panic!("a toy breaks"),
            Some(mood @ ("settled" | "settled-talk")) => return Plan::Act(settle(observed, mood, now)),
            Some("count") => return Plan::Act(count(toy)),
            Some("storm") => {
                let flip = !body["status"]["flip"].as_bool().unwrap_or(false);
                act.writes.push(Write::same(toy, Change::MergeStatus(json!({"status": {"flip": flip}}))));
                return Plan::Act(act);
            }
            Some("ask") => {
                let ask = Ask { id: answers.len().to_string(), question: Question::Read(PART.key("n", "x")) };
                return Plan::Ask(vec![ask]);
            }
            Some(mood @ ("ask-others" | "ask-echo")) if answers.is_empty() => {
                let host = mood.trim_start_matches("ask-");
                let call = serin_kernel::Call::new(Method::Get, format!("http://{host}/"));
                return Plan::Ask(vec![Ask { id: "x".to_owned(), question: Question::Call(call) }]);
            }
            Some("talk") => return Plan::Act(talk(observed)),
            Some("ask-file") if answers.is_empty() => {
                let path = body["spec"]["path"].as_str().unwrap_or_default().to_owned();
                return Plan::Ask(vec![Ask { id: "file".to_owned(), question: Question::File(path) }]);
            }
            Some("ask-once") if answers.is_empty() => {
                let question = Question::Read(PART.key("n", "x"));
                return Plan::Ask(vec![Ask { id: "x".to_owned(), question }]);
            }
            _ => {}
        }
        if let Some(Answer::Object(part)) = answers.get("x") {
            let status = json!({"status": {"seen": part.is_some()}});
            act.writes.push(Write::same(toy, Change::MergeStatus(status)));
            return Plan::Act(act);
        }
        if let Some(answer) = answers.get("file") {
            let status = json!({"status": {"answer": format!("{answer:?}")}});
            act.writes.push(Write::same(toy, Change::MergeStatus(status)));
            return Plan::Act(act);
        }
        let size = body["spec"]["size"].as_u64().unwrap_or(0);
        let parts: Vec<&Object> = observed.owned(PART).collect();
        for index in parts.len() as u64..size {
            let key = PART.key(&toy.meta().namespace, format!("{}-{index}", toy.meta().name));
            let owner = json!([{"apiVersion": TOY.api_version(), "kind": "Toy", "name": toy.meta().name, "uid": toy.meta().uid, "controller": true}]);
            let part = json!({"metadata": {"name": key.name, "ownerReferences": owner}});
            let event = Event::normal(toy.reference(), "PartCreated", format!("Created part {}", key.name));
            act.writes.push(Write::new(key, Change::Create(part)).telling(event));
        }
        for part in parts.iter().skip(size as usize) {
            act.writes.push(Write::same(part, Change::Delete(Propagation::Background)));
        }
        if let Some(refused) = &observed.refused {
            let status = json!({"status": {"problem": refused.message}});
            act.writes.insert(0, Write::same(toy, Change::MergeStatus(status)));
        }
        let labels = json!({"metadata": {"labels": {"size": size.to_string()}}});
        act.writes.push(Write::unchanged(toy, Change::Merge(labels)));
        act.writes.push(Write::unchanged(toy, Change::MergeStatus(json!({"status": {"parts": size}}))));
        Plan::Act(act)
    }

    fn freeze(&self, object: &Object, cause: &Freeze, _: Moment) -> Act {
        let status = json!({"status": {"frozen": format!("{cause:?}")}});
        Act { writes: vec![Write::same(object, Change::MergeStatus(status))], ..Act::default() }
    }
}

/// Writes when it rang, at `spec.at` seconds.
pub(crate) struct Alarms;

impl Planner for Alarms {
    fn kind(&self) -> Kind {
        ALARM
    }

    fn concerns(&self, object: &Object) -> bool {
        !object.meta().labels.contains_key("others")
    }

    fn interests(&self, _: &Object) -> Vec<Interest> {
        Vec::new()
    }

    fn plan(&self, observed: &Observed, _: &Answers, now: Moment) -> Plan {
        let body = observed.object.value();
        let at = Moment::from_secs(body["spec"]["at"].as_i64().unwrap());
        if body["status"]["rang"].is_i64() {
            return Plan::Act(Act::default());
        }
        if now < at {
            return Plan::Act(Act { wake: Some(at), ..Act::default() });
        }
        let rang = json!({"status": {"rang": now.as_secs()}});
        Plan::Act(Act {
            writes: vec![Write::unchanged(&observed.object, Change::MergeStatus(rang))],
            ..Act::default()
        })
    }

    fn freeze(&self, _: &Object, _: &Freeze, _: Moment) -> Act {
        Act::default()
    }
}
