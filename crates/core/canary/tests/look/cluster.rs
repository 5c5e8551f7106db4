//! A cluster as values: one Canary that is planned for in virtual time, the API server's and the Deployment controller's
//! part, and servers that answer.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};
use serin_api::{flagger::ChatKind, kinds};
use serin_canary::{CanaryPlanner, Settings};
use serin_kernel::{
    Act, Answer, Answers, Change, Heard, Interest, Key, Moment, Object, Observed, Plan, Planner, Reading,
    Refused, Write,
};
use serin_notify::Recipient;

use serin_slack::Slack;

use crate::{servers::Servers, world::World};

/// How long a proxy may take to hear of a new way.
const LEAVE: Duration = Duration::from_secs(5);
/// Passes that may follow each other at one moment.
const PASSES_MAX: usize = 12;
/// The age at which an answer is none.
const REPLIES_AGE_MAX: Duration = Duration::from_mins(10);
/// Where events are told.
pub(crate) const LISTENER: &str = "http://127.0.0.1:19190/event";

/// Everything that came of the passes.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Seen {
    /// Events as `type phase message`.
    pub(crate) events: Vec<String>,
    /// Statuses as `phase weight iterations failed`.
    pub(crate) statuses: Vec<String>,
    /// What the condition says, each text once.
    pub(crate) conditions: Vec<String>,
    /// What the chat is sent.
    pub(crate) alerts: Vec<Value>,
    /// States of routing objects by kind and name, as [`weights`] shows them.
    pub(crate) routes: BTreeMap<(String, String), Vec<String>>,
    /// Keys of everything that was written.
    pub(crate) written: std::collections::BTreeSet<Key>,
    /// How many writes there were.
    pub(crate) writes: usize,
    /// How many looks were timed.
    pub(crate) timed: usize,
    /// How many ends of runs were counted.
    pub(crate) counts: usize,
    pub(crate) passes: usize,
}

pub(crate) struct Cluster {
    pub(crate) world: World,
    pub(crate) servers: Servers,
    /// What chats with threads are.
    pub(crate) slack: Slack,
    /// Bodies of messages to it.
    pub(crate) posted: Vec<Value>,
    /// Answers that the planner has not seen, with the time at which they came.
    replies: Vec<(Moment, Heard)>,
    pub(crate) now: Moment,
    pub(crate) seen: Seen,
    /// The write, counted from 0, that is refused.
    pub(crate) refuse: Option<usize>,
    /// The pass, counted from 0, before which the controller restarts.
    pub(crate) restart: Option<usize>,
    /// How long pods take.
    pub(crate) pods_take: Duration,
    /// Whether every state between two writes must be one that serves the users.
    pub(crate) is_guarded: bool,
    planner: CanaryPlanner,
    /// When users were last led to a Deployment.
    led: BTreeMap<String, Moment>,
    kept: Option<Value>,
    refused: Option<Refused>,
    wake: Option<Moment>,
    /// What was wanted of the Canary when all was settled, and until when that holds.
    settled: Option<(Value, Moment)>,
    due: BTreeMap<Key, Moment>,
    /// When pods that do not start will have had their time.
    late: BTreeMap<Key, Moment>,
}

impl Cluster {
    /// A cluster at rest, whose Deployments run.
    pub(crate) fn new(world: World) -> Self {
        let chat = Recipient::new(ChatKind::Slack, "http://127.0.0.1:19190/slack").unwrap();
        let chat = Some(chat.with_names("general", "flagger").unwrap());
        Self::with(world, Settings { event_webhook: LISTENER.to_owned(), chat, ..Settings::default() })
    }

    /// The same under a controller with other settings.
    pub(crate) fn with(world: World, settings: Settings) -> Self {
        let mut cluster = Self {
            world,
            servers: Servers::new(),
            slack: Slack::default(),
            posted: Vec::new(),
            replies: Vec::new(),
            now: Moment::from_secs(1_800_000_000),
            seen: Seen::default(),
            refuse: None,
            restart: None,
            pods_take: Duration::from_secs(3),
            is_guarded: true,
            planner: CanaryPlanner::new(settings),
            led: BTreeMap::new(),
            kept: None,
            refused: None,
            wake: None,
            settled: None,
            due: BTreeMap::new(),
            late: BTreeMap::new(),
        };
        let pods_take = std::mem::take(&mut cluster.pods_take);
        cluster.run_pods();
        cluster.pods_take = pods_take;
        cluster
    }

    pub(crate) fn status(&self) -> &Value {
        &self.world.canary["status"]
    }

    pub(crate) fn phase(&self) -> &str {
        self.status()["phase"].as_str().unwrap_or_default()
    }

    /// Another controller has worked up to here: nothing is remembered, and its hashes cannot be computed.
    pub(crate) fn take_over(&mut self) {
        (self.kept, self.refused, self.wake, self.settled) = (None, None, None, None);
        let status = &mut self.world.canary["status"];
        let is_promoted = status["lastAppliedSpec"] == status["lastPromotedSpec"];
        status["lastAppliedSpec"] = json!("7c9d6b8f54");
        status["lastPromotedSpec"] = json!(if is_promoted { "7c9d6b8f54" } else { "58f6d9b7c" });
    }

    /// The controller restarts: nothing is remembered, and no answer is heard.
    pub(crate) fn forget(&mut self) {
        (self.kept, self.refused, self.wake, self.settled) = (None, None, None, None);
        self.replies.clear();
    }

    /// What the engine would show its planner.
    fn observed(&self) -> Observed {
        let all = self.world.observed();
        let pick = |interests: &[Interest]| {
            let wants = |interest: &Interest, (key, value): (&Key, &Value)| match interest {
                Interest::Named(named) => named == key,
                Interest::Owned(kind) => {
                    *kind == key.kind && {
                        let uid = all.object.meta().uid.clone();
                        all.get(key).is_some_and(|object| object.meta().is_controlled_by(&uid))
                    }
                }
                Interest::Selected { kind, namespace, selector } => {
                    let labels =
                        serde_json::from_value(value["metadata"]["labels"].clone()).unwrap_or_default();
                    *kind == key.kind && *namespace == key.namespace && selector.matches(&labels)
                }
                Interest::Naming { kind, namespace, field, value: named } => {
                    let text = field.iter().fold(value, |at, part| &at[*part]);
                    *kind == key.kind && *namespace == key.namespace && text == named
                }
            };
            let mut found = Vec::new();
            for pair in &self.world.objects {
                if interests.iter().any(|interest| wants(interest, pair)) {
                    found.push(Object::new(pair.0.kind, pair.1).unwrap());
                }
            }
            Observed::new(all.object.clone(), found)
        };
        let interests = self.planner.interests(&all.object);
        let mut observed = pick(&interests);
        for _ in 0..self.planner.depth(&all.object) {
            let further = self.planner.further_interests(&observed);
            observed = pick(&interests.iter().cloned().chain(further).collect::<Vec<_>>());
        }
        observed.kept.clone_from(&self.kept);
        observed.refused.clone_from(&self.refused);
        observed
    }

    /// What is wanted of the Canary, and what else wakes it when all is settled.
    fn wish(&self) -> Value {
        let (canary, of) = (&self.world.canary, &self.world.canary["metadata"]);
        json!([canary["spec"], of["labels"], of["annotations"], of["deletionTimestamp"]])
    }

    /// One pass; whether it wrote.
    pub(crate) fn pass(&mut self) -> bool {
        if self.restart == Some(self.seen.passes) {
            (self.kept, self.refused, self.settled) = (None, None, None);
        }
        let wish = self.wish();
        let holds = |(wanted, until): &(Value, Moment)| *wanted == wish && self.now < *until;
        if self.replies.is_empty() && self.settled.as_ref().is_some_and(holds) {
            return false;
        }
        self.settled = None;
        self.seen.passes += 1;
        let mut observed = self.observed();
        let now = self.now;
        let given: Vec<_> =
            self.replies.drain(..).filter(|(at, _)| now.saturating_since(*at) < REPLIES_AGE_MAX).collect();
        observed.replies = given.iter().map(|(_, heard)| heard.clone()).collect();
        let mut answers = Answers::new();
        let mut rounds = 0..serin_kernel::ROUNDS_MAX;
        let act = loop {
            assert!(rounds.next().is_some(), "questions without end");
            match self.planner.plan(&observed, &answers, self.now) {
                Plan::Act(act) => break act,
                Plan::Ask(asks) => {
                    assert!(!asks.is_empty());
                    for ask in asks {
                        let answer = self.servers.answer(&ask.question);
                        assert_eq!(answers.insert(ask.id, answer), None, "asked twice");
                    }
                }
            }
        };
        self.refused = None;
        let settled = act.wake.filter(|_| act.is_settled).map(|until| (wish, until));
        let has_writes = self.carry_out(act);
        if self.refused.is_some() {
            self.replies = given;
        }
        self.settled = settled.filter(|_| self.refused.is_none());
        has_writes
    }

    fn carry_out(&mut self, act: Act) -> bool {
        (self.kept, self.wake) = (act.keep_stopped, act.wake);
        let has_writes = !act.writes.is_empty();
        self.seen.timed += act.measures.iter().filter(|it| it.reading == Reading::Elapsed).count();
        for write in act.writes {
            let number = self.seen.writes;
            self.seen.writes += 1;
            if self.refuse == Some(number) {
                let message = "no".to_owned();
                self.refused =
                    Some(Refused { target: write.target, code: 403, reason: "Forbidden".into(), message });
                return has_writes;
            }
            self.write(write);
        }
        self.kept = act.keep;
        self.seen.counts += act.measures.iter().filter(|it| matches!(it.reading, Reading::Count(_))).count();
        for call in act.calls {
            if call.url.contains("slack.com/") || call.url.contains("files.slack") {
                self.posted.extend(serde_json::from_slice::<Value>(call.body.as_bytes()).ok());
                let answer = Answer::Reply(self.slack.call(&call));
                self.replies.extend(call.topic.map(|topic| (self.now, Heard { topic, answer })));
                continue;
            }
            let Ok(body) = serde_json::from_slice::<Value>(call.body.as_bytes()) else { continue };
            self.seen.events.extend(event(&body));
            self.seen.alerts.extend(body["attachments"].as_array().into_iter().flatten().cloned());
        }
        has_writes
    }

    fn write(&mut self, write: Write) {
        let (key, is_status) = (write.target.clone(), matches!(write.change, Change::MergeStatus(_)));
        let told = format!("{write:?}");
        let users = crate::guard::led(&self.world).into_iter().map(|(_, name)| (name, self.now));
        self.led.extend(users);
        let had_pods = self.has_pods(&key);
        let is_another = matches!(&write.change, Change::Merge(patch) if patch.get("spec").is_some());
        self.world.apply(write);
        if is_another && let Some(object) = self.world.objects.get_mut(&key) {
            let generation = object["metadata"]["generation"].as_i64().unwrap_or(1);
            object["metadata"]["generation"] = json!(generation + 1);
        }
        self.seen.written.insert(key.clone());
        if is_status {
            self.seen.statuses.push(brief(self.status()));
            let text = self.status()["conditions"][0]["message"].as_str().unwrap_or_default().to_owned();
            self.seen.conditions.push(text);
            self.seen.conditions.dedup();
        }
        if let Some(object) = self.world.objects.get(&key).filter(|_| is_route(key.kind.kind)) {
            let states = self.seen.routes.entry((key.kind.kind.to_owned(), key.name.clone())).or_default();
            states.push(weights(object));
        }
        let is_left = |at: &Moment| at.plus(LEAVE) <= self.now;
        let is_taken = self.is_guarded && had_pods && !self.has_pods(&key);
        assert!(
            !is_taken || self.led.get(&key.name).is_none_or(is_left),
            "users may still come to the pods that are taken away by {told}\nin {}",
            self.status()
        );
        if self.is_guarded
            && let Some(why) = crate::guard::unserved(&self.world)
        {
            panic!(
                "{why}\nafter {told}\nin {}, events {:#?}",
                self.status(),
                self.seen.events.iter().rev().take(25).collect::<Vec<_>>()
            );
        }
    }

    fn has_pods(&self, key: &Key) -> bool {
        let wanted = self.world.objects.get(key).and_then(|it| it.pointer("/spec/replicas")?.as_i64());
        key.kind == kinds::DEPLOYMENT && 0 < wanted.unwrap_or(0)
    }

    /// Passes until nothing more is to be written at this moment, as an engine does that sees its own writes.
    pub(crate) fn settle(&mut self) {
        for _ in 0..PASSES_MAX {
            self.run_pods();
            if !self.pass() && self.replies.is_empty() {
                return;
            }
        }
        panic!("a storm of writes at {}: {:#?}", self.status(), self.seen);
    }

    /// Goes to the next moment at which something is to be done, but not past `end`.
    fn go_on(&mut self, end: Moment) {
        let soonest = self
            .due
            .values()
            .chain(self.late.values())
            .copied()
            .chain(self.wake)
            .filter(|it| self.now < *it)
            .min();
        self.now = soonest.unwrap_or(end).min(end);
    }

    /// Lives until `is_there` holds; false when it does not within `within`.
    pub(crate) fn until(&mut self, within: Duration, is_there: impl Fn(&Self) -> bool) -> bool {
        let end = self.now.plus(within);
        loop {
            self.settle();
            if is_there(self) {
                return true;
            }
            if end <= self.now {
                return false;
            }
            self.go_on(end);
        }
    }

    /// Lives for `span`.
    pub(crate) fn live(&mut self, span: Duration) {
        assert!(!self.until(span, |_| false));
    }

    /// What the Deployment controller and gateways do by now. Pods of a template with a node selector never start.
    fn run_pods(&mut self) {
        for (key, object) in &mut self.world.objects {
            let generation = object["metadata"]["generation"].as_i64().unwrap_or(1);
            object["metadata"]["generation"] = json!(generation);
            if key.kind == kinds::HTTP_ROUTE {
                accept(object, generation);
            }
            if key.kind != kinds::DEPLOYMENT {
                continue;
            }
            if object["status"]["observedGeneration"] == json!(generation) {
                if self.late.get(key).is_some_and(|late| *late <= self.now) {
                    self.late.remove(key);
                    let late = json!({"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"});
                    object["status"]["conditions"].as_array_mut().unwrap().push(late);
                }
                continue;
            }
            self.late.remove(key);
            // Pods end at once: nobody may count on those that are on their way out.
            let is_end = object["spec"]["replicas"] == json!(0);
            let takes = if is_end { Duration::ZERO } else { self.pods_take };
            let due = *self.due.entry(key.clone()).or_insert(self.now.plus(takes));
            let due = if is_end { self.now } else { due };
            if due <= self.now {
                self.due.remove(key);
                let status = pods(object, generation, self.now);
                object["status"] = status;
                if is_stuck(object) {
                    let deadline = object["spec"]["progressDeadlineSeconds"].as_u64().unwrap_or(600);
                    self.late.insert(key.clone(), self.now.plus(Duration::from_secs(deadline)));
                }
            }
        }
    }
}

fn is_stuck(deployment: &Value) -> bool {
    !deployment["spec"]["template"]["spec"]["nodeSelector"].is_null()
        && deployment["spec"]["replicas"] != json!(0)
}

fn pods(deployment: &Value, generation: i64, now: Moment) -> Value {
    let wanted = deployment["spec"]["replicas"].as_i64().unwrap_or(1);
    let before = deployment["status"]["availableReplicas"].as_i64().unwrap_or(0).min(wanted);
    let is_stuck = is_stuck(deployment);
    let available = if is_stuck { before } else { wanted };
    let updated = if is_stuck && 0 < before { 1 } else { wanted };
    let (is, reason) = if wanted <= available {
        ("True", "MinimumReplicasAvailable")
    } else {
        ("False", "MinimumReplicasUnavailable")
    };
    json!({
        "observedGeneration": generation, "replicas": wanted, "updatedReplicas": updated,
        "readyReplicas": available, "availableReplicas": available,
        "conditions": [{"type": "Available", "status": is, "reason": reason, "lastUpdateTime": now.truncated().timestamp().to_string()}],
    })
}

fn accept(route: &mut Value, generation: i64) {
    let parents = route["spec"]["parentRefs"].as_array().cloned().unwrap_or_default();
    let condition = json!({"type": "Accepted", "status": "True", "observedGeneration": generation});
    let accepted = |parent| json!({"parentRef": parent, "conditions": [condition]});
    route["status"] = json!({"parents": parents.iter().map(accepted).collect::<Vec<_>>()});
}

/// An event's line, if `body` tells one.
pub(crate) fn event(body: &Value) -> Option<String> {
    let told = &body["metadata"];
    let message = told["eventMessage"].as_str()?;
    let (kind, phase) = (told["eventType"].as_str().unwrap(), body["phase"].as_str().unwrap_or_default());
    Some(format!("{kind} {phase} {message}"))
}

/// What clients look at in a status.
pub(crate) fn brief(status: &Value) -> String {
    let number = |field: &str| status[field].as_i64().unwrap_or(0);
    let phase = status["phase"].as_str().unwrap_or("-");
    format!("{phase} {} i{} f{}", number("canaryWeight"), number("iterations"), number("failedChecks"))
}

pub(crate) fn is_route(kind: &str) -> bool {
    ["VirtualService", "HTTPRoute", "Ingress"].contains(&kind)
}

/// How a routing object splits the traffic.
pub(crate) fn weights(object: &Value) -> String {
    let mut found = Vec::new();
    let annotations = object["metadata"]["annotations"].as_object().into_iter().flatten();
    for (key, value) in annotations.filter(|(key, _)| key.contains("/canary")) {
        found.push(format!("{}={}", key.rsplit('/').next().unwrap(), value.as_str().unwrap_or_default()));
    }
    found.sort();
    collect(&object["spec"], &mut found);
    found.join(" ")
}

fn collect(value: &Value, found: &mut Vec<String>) {
    for item in value.as_array().into_iter().flatten() {
        collect(item, found);
    }
    let Some(map) = value.as_object() else { return };
    if let Some(weight) = map.get("weight") {
        let name = map.get("destination").map_or(&value["name"], |it| &it["host"]);
        found.push(format!("{}:{weight}", name.as_str().unwrap_or("?")));
    }
    if let Some(mirror) = map.get("mirror").filter(|it| it.is_object()) {
        found.push(format!("mirror->{}", mirror["host"].as_str().unwrap_or("?")));
    }
    if map.get("type").is_some_and(|kind| kind == "RequestMirror") {
        found.push(format!(
            "mirror->{}",
            value["requestMirror"]["backendRef"]["name"].as_str().unwrap_or("?")
        ));
    }
    map.values().for_each(|value| collect(value, found));
}
