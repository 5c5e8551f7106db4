//! A cluster in a map: it applies a planner's writes, plays the ReplicaSet controller and the nodes, and has a clock
//! that moves only when told.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::type_complexity
)]

pub mod yaml;

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};
use serin_api::kinds;
use serin_kernel::{
    Act, Answer, Answers, Change, Event, Interest, Key, Kind, Moment, Object, Observed, Plan, Planner,
    Question, Refused, Tolerance, Write,
};
use serin_rollout::{Settings, planners};

/// Passes after which something that should come to rest has not.
const PASSES_MAX: usize = 200;

/// An event as people see it.
pub type Heard = (&'static str, String, String);

pub struct World {
    pub objects: BTreeMap<Key, Value>,
    pub now: Moment,
    pub heard: Vec<Heard>,
    /// Seconds from a pod's creation until it is ready; none for pods that never are, by image.
    pub ready_after: Box<dyn Fn(&str) -> Option<u64>>,
    pub planners: Vec<Box<dyn Planner>>,
    pub refused: BTreeMap<Key, Refused>,
    pub wakes: BTreeMap<Key, Moment>,
    pub requests: usize,
    pub refuse: Box<dyn Fn(&Write) -> Option<Refused>>,
    /// What the API server makes of an object that it stores.
    pub normalise: Box<dyn Fn(Kind, &mut Value)>,
    version: u64,
    serial: u64,
}

impl World {
    pub fn new() -> Self {
        Self {
            objects: BTreeMap::new(),
            now: "2026-11-21T07:00:00Z".parse().unwrap(),
            heard: Vec::new(),
            ready_after: Box::new(|image| (!image.contains("bad")).then_some(1)),
            planners: planners(Settings::default()),
            refused: BTreeMap::new(),
            wakes: BTreeMap::new(),
            requests: 0,
            refuse: Box::new(|_| None),
            normalise: Box::new(|_, _| {}),
            version: 100,
            serial: 0,
        }
    }

    /// Stores an object as a user's `create` would.
    pub fn create(&mut self, kind: Kind, mut body: Value) -> Key {
        self.serial += 1;
        body["apiVersion"] = json!(kind.api_version());
        body["kind"] = json!(kind.kind);
        let meta = &mut body["metadata"];
        if meta["namespace"].is_null() {
            meta["namespace"] = json!("seed");
        }
        meta["uid"] = json!(format!("uid-{}", self.serial));
        meta["generation"] = json!(1);
        meta["creationTimestamp"] = json!(self.now.to_string());
        let key = kind.key(meta["namespace"].as_str().unwrap(), meta["name"].as_str().unwrap());
        self.store(&key, body);
        key
    }

    /// Stores a body under a new version.
    fn store(&mut self, key: &Key, mut body: Value) {
        self.version += 1;
        (self.normalise)(key.kind, &mut body);
        body["metadata"]["resourceVersion"] = json!(self.version.to_string());
        self.objects.insert(key.clone(), body);
    }

    /// A user's merge patch of the main object.
    pub fn patch(&mut self, key: &Key, patch: &Value) {
        let old = self.objects[key].clone();
        let mut new = old.clone();
        merge(&mut new, patch);
        if new != old {
            if new["spec"] != old["spec"] {
                new["metadata"]["generation"] = json!(old["metadata"]["generation"].as_i64().unwrap() + 1);
            }
            self.store(key, new);
        }
    }

    pub fn get(&self, key: &Key) -> &Value {
        &self.objects[key]
    }

    pub fn all(&self, kind: Kind) -> Vec<&Value> {
        self.objects.iter().filter(|(key, _)| key.kind == kind).map(|(_, body)| body).collect()
    }

    pub fn object(&self, key: &Key) -> Option<Object> {
        self.objects.get(key).map(|body| Object::new(key.kind, body).unwrap())
    }

    pub fn observe(&self, planner: &dyn Planner, key: &Key) -> Option<Observed> {
        self.observe_in(&self.objects, planner, key)
    }

    /// What is seen of `objects`, which may be old.
    pub fn observe_in(
        &self,
        objects: &BTreeMap<Key, Value>,
        planner: &dyn Planner,
        key: &Key,
    ) -> Option<Observed> {
        let read = |key: &Key| objects.get(key).map(|body| Object::new(key.kind, body).unwrap());
        let object = read(key)?;
        let mut related = Vec::new();
        let of = |kind: Kind| objects.keys().filter(move |key| key.kind == kind).filter_map(&read);
        for interest in planner.interests(&object) {
            match interest {
                Interest::Named(key) => related.extend(read(&key)),
                Interest::Owned(kind) => {
                    related.extend(of(kind).filter(|o| o.meta().is_controlled_by(&object.meta().uid)));
                }
                Interest::Selected { kind, namespace, selector } => related.extend(
                    of(kind)
                        .filter(|o| o.meta().namespace == namespace && selector.matches(&o.meta().labels)),
                ),
                Interest::Naming { .. } => unreachable!("no Rollout asks who else names a thing"),
            }
        }
        let mut observed = Observed::new(object, related);
        observed.refused = self.refused.get(key).cloned();
        Some(observed)
    }

    /// What the planners want now, without doing it.
    pub fn plans(&self) -> Vec<(Key, Act)> {
        let mut acts = Vec::new();
        for planner in &self.planners {
            for key in self.objects.keys().filter(|key| key.kind == planner.kind()) {
                let Some(observed) = self.observe(planner.as_ref(), key) else { continue };
                if !planner.concerns(&observed.object) {
                    continue;
                }
                acts.push((key.clone(), self.act(planner.as_ref(), &observed)));
            }
        }
        acts
    }

    pub fn act(&self, planner: &dyn Planner, observed: &Observed) -> Act {
        let mut answers = Answers::new();
        for _ in 0..5 {
            match planner.plan(observed, &answers, self.now) {
                Plan::Act(act) => return act,
                Plan::Ask(asks) => {
                    for ask in asks {
                        let Question::Read(key) = ask.question else { panic!("{}: not a read", ask.id) };
                        answers.insert(ask.id, Answer::Object(self.object(&key)));
                    }
                }
            }
        }
        panic!("questions without end");
    }

    /// Applies one write as the API would. False when it was refused.
    pub fn apply(&mut self, owner: &Key, write: &Write) -> bool {
        self.requests += 1;
        if let Some(refused) = (self.refuse)(write) {
            self.refused.insert(owner.clone(), refused);
            return false;
        }
        let key = &write.target;
        let old = self.objects.get(key).cloned();
        if let Some(old) = &old {
            let meta = &old["metadata"];
            let same =
                |wanted: &Option<String>, field: &str| wanted.as_deref().is_none_or(|w| meta[field] == w);
            let exact = same(&write.precondition.uid, "uid")
                && same(&write.precondition.resource_version, "resourceVersion");
            if !exact {
                return false;
            }
        }
        match (&write.change, old) {
            (Change::Create(_), Some(_)) => {
                let refused = Refused {
                    target: key.clone(),
                    code: 409,
                    reason: "AlreadyExists".to_owned(),
                    message: format!("{key} already exists"),
                };
                self.refused.insert(owner.clone(), refused);
                return false;
            }
            (Change::Create(body), None) => {
                self.create(key.kind, body.clone());
            }
            (_, None) => return false,
            (Change::Merge(patch), Some(_)) => {
                let mut patch = patch.clone();
                patch.as_object_mut().unwrap().shift_remove("status");
                self.patch(key, &patch);
            }
            (Change::MergeStatus(patch), Some(old)) => {
                let mut new = old.clone();
                merge(&mut new, &json!({"status": patch["status"]}));
                assert_ne!(new, old, "a status write that changes nothing: {patch}");
                self.store(key, new);
            }
            (Change::Delete(_) | Change::Evict, Some(_)) => {
                self.objects.remove(key);
            }
        }
        for event in &write.events {
            self.requests += 1;
            self.hear(event);
        }
        true
    }

    fn hear(&mut self, event: &Event) {
        let kind = match event.kind {
            serin_kernel::EventType::Normal => "Normal",
            serin_kernel::EventType::Warning => "Warning",
        };
        self.heard.push((kind, event.reason.to_string(), event.message.clone()));
    }

    /// One pass of each planner. Returns whether anything was written.
    pub fn pass(&mut self) -> bool {
        let mut wrote = false;
        self.wakes.clear();
        for (key, act) in self.plans() {
            let refused = self.refused.remove(&key);
            for write in &act.writes {
                let done = self.apply(&key, write);
                wrote |= done;
                if !done && write.tolerance == Tolerance::None {
                    break;
                }
            }
            if !wrote && act.writes.is_empty() && refused.is_some() {
                wrote = true;
            }
            for event in &act.events {
                self.hear(event);
            }
            if let Some(wake) = act.wake {
                assert!(self.now < wake, "a wake-up in the past");
                self.wakes.insert(key, wake);
            }
        }
        wrote
    }

    /// Passes until one writes nothing, while ReplicaSets and pods stay as they are.
    pub fn plan_out(&mut self) {
        assert!((0..PASSES_MAX).any(|_| !self.pass()), "no rest after {PASSES_MAX} passes");
    }

    /// Runs everything at this instant until nothing changes any more.
    pub fn settle(&mut self) {
        for _ in 0..PASSES_MAX {
            let before = self.version;
            let gone = self.objects.len();
            let wrote = self.pass();
            self.run_sets();
            if !wrote && self.version == before && self.objects.len() == gone {
                return;
            }
        }
        panic!(
            "no rest after {PASSES_MAX} passes: {:#?}",
            self.heard.iter().rev().take(10).collect::<Vec<_>>()
        );
    }

    /// Moves the clock from one thing that happens to the next, until `done` holds.
    pub fn until(&mut self, what: &str, done: impl Fn(&Self) -> bool) {
        let end = self.now.plus(Duration::from_hours(2));
        loop {
            self.settle();
            if done(self) {
                return;
            }
            let next = self
                .next_moment()
                .unwrap_or_else(|| panic!("nothing more happens before: {what}\n{}", self.dump()));
            assert!(next < end, "two hours without: {what}\n{}", self.dump());
            self.now = next;
        }
    }

    /// Lets `seconds` pass.
    pub fn wait(&mut self, seconds: u64) {
        let end = self.now.plus(Duration::from_secs(seconds));
        loop {
            self.settle();
            match self.next_moment().filter(|&next| next <= end) {
                Some(next) => self.now = next,
                None => break,
            }
        }
        self.now = end;
        self.settle();
    }

    pub fn next_moment(&self) -> Option<Moment> {
        let wakes = self.wakes.values().copied();
        let pods = self.all(kinds::POD).into_iter().filter_map(|pod| self.becomes_ready(pod));
        wakes.chain(pods).filter(|&at| self.now < at).min()
    }

    fn becomes_ready(&self, pod: &Value) -> Option<Moment> {
        let created: Moment = pod["metadata"]["creationTimestamp"].as_str()?.parse().ok()?;
        let seconds = (self.ready_after)(pod["spec"]["containers"][0]["image"].as_str()?)?;
        Some(created.plus(Duration::from_secs(seconds)))
    }

    pub fn dump(&self) -> String {
        let rollouts =
            self.all(kinds::ROLLOUT).into_iter().map(|r| serde_json::to_string_pretty(&r["status"]).unwrap());
        let sets = self.all(kinds::REPLICA_SET).into_iter().map(|s| {
            format!(
                "{} spec {} status {} {}",
                s["metadata"]["name"], s["spec"]["replicas"], s["status"], s["metadata"]["annotations"]
            )
        });
        rollouts.chain(sets).collect::<Vec<_>>().join("\n")
    }

    /// Plays the ReplicaSet controller and the nodes once.
    pub fn run_sets(&mut self) {
        let keys: Vec<Key> =
            self.objects.keys().filter(|key| key.kind == kinds::REPLICA_SET).cloned().collect();
        for key in keys {
            self.run_set(&key);
        }
        let owners: Vec<Value> = self.objects.values().map(|body| body["metadata"]["uid"].clone()).collect();
        self.objects.retain(|key, body| {
            let owner = &body["metadata"]["ownerReferences"][0]["uid"];
            key.kind != kinds::POD && key.kind != kinds::REPLICA_SET
                || owner.is_null()
                || owners.contains(owner)
        });
    }

    fn run_set(&mut self, key: &Key) {
        let set = self.objects[key].clone();
        let wanted = set["spec"]["replicas"].as_u64().unwrap() as usize;
        let uid = &set["metadata"]["uid"];
        let mut pods: Vec<(bool, Key)> = self
            .objects
            .iter()
            .filter(|(k, body)| k.kind == kinds::POD && body["metadata"]["ownerReferences"][0]["uid"] == *uid)
            .map(|(k, body)| (self.becomes_ready(body).is_some_and(|at| at <= self.now), k.clone()))
            .collect();
        pods.sort();
        while pods.len() > wanted {
            let (_, key) = pods.remove(0);
            self.objects.remove(&key);
        }
        while pods.len() < wanted {
            self.serial += 1;
            let mut pod = set["spec"]["template"].clone();
            pod["metadata"]["name"] = json!(format!("{}-{:05}", key.name, self.serial));
            pod["metadata"]["namespace"] = json!(key.namespace);
            pod["metadata"]["ownerReferences"] = json!([{"uid": uid, "controller": true, "name": key.name}]);
            let pod = self.create(kinds::POD, pod);
            pods.push((false, pod));
        }
        let mut ready = 0;
        for (_, key) in &pods {
            let body = self.objects[key].clone();
            let Some(at) = self.becomes_ready(&body).filter(|&at| at <= self.now) else { continue };
            ready += 1;
            if body["status"].is_null() {
                let mut body = body;
                let condition =
                    json!({"type": "Ready", "status": "True", "lastTransitionTime": at.to_string()});
                body["status"] = json!({"phase": "Running", "conditions": [condition]});
                self.store(key, body);
            }
        }
        let mut status = json!({"replicas": pods.len(), "observedGeneration": set["metadata"]["generation"]});
        if !pods.is_empty() {
            status["fullyLabeledReplicas"] = json!(pods.len());
        }
        if ready > 0 {
            status["readyReplicas"] = json!(ready);
            status["availableReplicas"] = json!(ready);
        }
        if set["status"] != status {
            let mut set = set;
            set["status"] = status;
            self.store(key, set);
        }
    }
}

/// Two Services, and an Ingress whose traffic goes to one of them.
pub fn route(world: &mut World) {
    for name in ["canary", "stable"] {
        world.create(
            kinds::SERVICE,
            json!({"metadata": {"name": name}, "spec": {"selector": {"app": "demo"}}}),
        );
    }
    let backend = json!({"service": {"name": "stable", "port": {"number": 80}}});
    let rule = json!({"http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}});
    world.create(kinds::INGRESS, json!({"metadata": {"name": "web"}, "spec": {"rules": [rule]}}));
}

/// What [`route`] makes, and a canary strategy that uses it, with `more`.
pub fn routed(world: &mut World, more: Value) -> Value {
    route(world);
    let mut canary = json!({
        "canaryService": "canary", "stableService": "stable", "trafficRouting": {"nginx": {"stableIngress": "web"}},
    });
    merge(&mut canary, &more);
    canary
}

/// RFC 7396.
pub fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    let fields = target.as_object_mut().unwrap();
    for (key, value) in patch {
        if value.is_null() {
            fields.shift_remove(key);
        } else {
            merge(fields.entry(key.clone()).or_insert(Value::Null), value);
        }
    }
}
