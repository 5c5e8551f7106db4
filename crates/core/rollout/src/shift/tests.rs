//! Two Deployments in a tiny world with a Deployment controller of a few lines.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};
use serin_api::kinds::DEPLOYMENT;
use serin_kernel::{Change, Key, Moment, Object, Observed, Plan, Planner, Write};

use super::*;
use crate::scale::Set;

fn order(steps: &[u32], total: u32) -> Order {
    Order {
        from: "v1".to_owned(),
        steps: steps.to_vec(),
        pause_seconds: 30,
        total,
        delete_old: false,
        timeout_seconds: 600,
    }
}

fn deployment(name: &str, replicas: u32) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": name, "namespace": "n", "uid": name, "generation": 1, "resourceVersion": "1"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": "my-app", "version": name}},
            "template": {"metadata": {"labels": {"app": "my-app", "version": name}}},
        },
        "status": {"replicas": replicas, "availableReplicas": replicas, "observedGeneration": 1},
    })
}

/// The two Deployments, time, and all lines that the shift told.
struct World {
    objects: BTreeMap<Key, Value>,
    now: Moment,
    told: Vec<String>,
    broken: bool,
}

impl World {
    fn new(old: u32, new: u32) -> Self {
        let objects = [deployment("v1", old), deployment("v2", new)];
        let keyed =
            objects.map(|value| (DEPLOYMENT.key("n", value["metadata"]["name"].as_str().unwrap()), value));
        Self { objects: keyed.into(), now: Moment::from_secs(1000), told: Vec::new(), broken: false }
    }

    fn object(&self, name: &str) -> Option<Object> {
        self.objects.get(&DEPLOYMENT.key("n", name)).map(|value| Object::new(DEPLOYMENT, value).unwrap())
    }

    fn pods(&self) -> Pods {
        pods(&self.object("v2").unwrap(), self.object("v1").as_ref()).unwrap()
    }

    fn begin(&mut self, order: Order) {
        order.check("v2").unwrap();
        let state = State::begin(order, &self.pods(), self.now);
        self.keep(&state);
    }

    fn keep(&mut self, state: &State) {
        let target = self.objects.get_mut(&DEPLOYMENT.key("n", "v2")).unwrap();
        target["metadata"]["annotations"] = json!({ ANNOTATION: state.to_annotation() });
    }

    fn state(&self) -> State {
        State::of(&self.object("v2").unwrap()).unwrap().unwrap()
    }

    fn ready(&self) -> u32 {
        self.pods().ready()
    }

    fn writes(&self) -> (Vec<Write>, Option<Moment>) {
        let target = self.object("v2").unwrap();
        let planner = ShiftPlanner::default();
        assert!(planner.concerns(&target));
        let Plan::Act(act) =
            planner.plan(&Observed::new(target, self.object("v1")), &BTreeMap::new(), self.now)
        else {
            panic!("a shift asks nothing")
        };
        assert!(act.reasons.is_empty(), "{:?}", act.reasons);
        (act.writes, act.wake)
    }

    fn apply(&mut self, write: &Write) {
        self.told.extend(write.events.iter().map(|event| event.message.clone()));
        match &write.change {
            Change::Delete(_) => drop(self.objects.remove(&write.target)),
            Change::Merge(patch) => {
                let object = self.objects.get_mut(&write.target).unwrap();
                if let Some(replicas) = patch.pointer("/spec/replicas") {
                    object["spec"]["replicas"] = replicas.clone();
                    object["metadata"]["generation"] =
                        json!(object["metadata"]["generation"].as_i64().unwrap() + 1);
                }
                if let Some(annotations) = patch.pointer("/metadata/annotations") {
                    object["metadata"]["annotations"] = annotations.clone();
                }
            }
            other => panic!("{other:?}"),
        }
    }

    /// The Deployment controller: what is too many goes at once, one missing pod of each becomes available.
    fn controllers(&mut self) {
        for object in self.objects.values_mut() {
            let wanted = object["spec"]["replicas"].as_u64().unwrap();
            let available = object["status"]["availableReplicas"].as_u64().unwrap();
            let stuck = self.broken && object["metadata"]["name"] == "v2";
            let after = if available < wanted && !stuck { available + 1 } else { available.min(wanted) };
            object["status"]["availableReplicas"] = json!(after);
            object["status"]["observedGeneration"] = object["metadata"]["generation"].clone();
        }
    }

    /// Plans and applies until the shift is over; ready pods must not fall below `floor` on the way.
    fn run(&mut self, floor: u32) -> State {
        for _ in 0..2000 {
            let state = self.state();
            if state.is_over() {
                assert_eq!(self.writes(), (vec![], None), "a shift at rest writes nothing");
                return state;
            }
            let (writes, wake) = self.writes();
            for write in &writes {
                self.apply(write);
                assert!(floor <= self.ready(), "{} ready, not {floor}: {:?}", self.ready(), self.told);
            }
            let before = self.objects.clone();
            self.controllers();
            if writes.is_empty() && before == self.objects {
                self.now = wake.expect("nothing to do and nothing to wait for").max(self.now);
            } else {
                self.now = self.now.plus(Duration::from_secs(1));
            }
        }
        panic!("does not end: {:?} {:?}", self.state(), self.told);
    }
}

#[test]
fn pods_move_step_by_step_and_both_are_never_fewer_than_before() {
    let mut world = World::new(10, 1);
    world.begin(order(&[10, 50, 100], 11));
    let begun = world.now;
    assert_eq!(world.run(11).phase, Phase::Done);
    assert_eq!((world.pods().new.spec, world.pods().old.unwrap().spec), (11, 0));
    assert!(Duration::from_mins(1) <= world.now.saturating_since(begun), "two pauses of 30 seconds");
    let steps: Vec<_> = world.told.iter().filter(|told| !told.starts_with("Scaled")).collect();
    assert_eq!(steps, ["Step 1/3 (10 %) reached", "Step 2/3 (50 %) reached", "All 3 steps done"]);
    assert!(world.object("v1").is_some(), "the old one stays");
}

#[test]
fn the_old_deployment_is_deleted_when_asked_for() {
    let mut world = World::new(3, 0);
    world.begin(Order { delete_old: true, pause_seconds: 0, ..order(&[50, 100], 3) });
    assert_eq!(world.run(3).phase, Phase::Done);
    assert!(world.object("v1").is_none());
    assert_eq!(world.pods().new.spec, 3);
}

/// All small worlds: a shift ends, keeps its floor, and an abort after any number of passes leads back.
#[test]
fn every_small_shift_ends_and_every_abort_leads_back() {
    for old in 0..=5_u32 {
        for new in 0..=1_u32 {
            for steps in [&[100][..], &[20, 100], &[10, 50, 90]] {
                if old + new == 0 {
                    continue;
                }
                let fresh = || {
                    let mut world = World::new(old, new);
                    world.begin(order(steps, old + new));
                    world
                };
                let mut world = fresh();
                assert_eq!(world.run(old + new).phase, Phase::Done, "{old} {new} {steps:?}");
                for passes in [0, 1, 2, 3, 5, 8] {
                    let mut world = fresh();
                    for _ in 0..passes {
                        let (writes, wake) = world.writes();
                        for write in &writes {
                            world.apply(write);
                        }
                        world.controllers();
                        world.now = wake.unwrap_or(world.now).max(world.now);
                    }
                    let was_over = world.state().is_over();
                    world.keep(&world.state().returning("asked to", world.now));
                    let state = world.run(old + new);
                    if !was_over {
                        assert_eq!(state.phase, Phase::Returned);
                        let pods = world.pods();
                        assert_eq!(
                            (pods.old.unwrap().spec, pods.new.spec),
                            (old, new),
                            "after {passes} passes"
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn a_crash_between_two_writes_loses_nothing() {
    for crash in 0..24 {
        let mut world = World::new(6, 0);
        world.begin(order(&[30, 100], 6));
        let mut count = 0;
        while count <= crash && !world.state().is_over() {
            let (writes, wake) = world.writes();
            for write in &writes {
                count += 1;
                if count == crash {
                    break;
                }
                world.apply(write);
                assert!(6 <= world.ready());
            }
            count += 1;
            world.controllers();
            world.now = if writes.is_empty() { wake.unwrap_or(world.now).max(world.now) } else { world.now };
        }
        assert_eq!(world.run(6).phase, Phase::Done, "crashed at {crash}");
    }
}

#[test]
fn pods_that_never_become_available_lead_back_by_themselves() {
    let mut world = World::new(4, 0);
    world.broken = true;
    world.begin(order(&[50, 100], 4));
    let state = world.run(4);
    assert_eq!(
        (state.phase, state.cause.as_str()),
        (Phase::Returned, "no pod became available within 600 seconds")
    );
    assert_eq!((world.pods().new.spec, world.pods().old.unwrap().spec), (0, 4));
}

#[test]
fn a_shift_with_an_unready_pod_in_the_old_deployment_still_ends() {
    let mut world = World::new(5, 0);
    let key = DEPLOYMENT.key("n", "v1");
    world.objects.get_mut(&key).unwrap()["status"]["availableReplicas"] = json!(3);
    world.begin(order(&[50, 100], 5));
    assert_eq!(world.run(3).phase, Phase::Done);
}

#[test]
fn a_shift_that_begins_in_a_dip_does_not_lead_back_into_it() {
    let mut world = World::new(10, 1);
    let key = DEPLOYMENT.key("n", "v1");
    world.objects.get_mut(&key).unwrap()["status"]["availableReplicas"] = json!(4);
    world.begin(order(&[10, 50, 100], 11));
    for _ in 0..6 {
        for write in world.writes().0 {
            world.apply(&write);
        }
        world.controllers();
    }
    assert_eq!(
        (world.ready(), world.pods().counts().stable),
        (11, 10),
        "held at the first step, all are ready"
    );
    assert_eq!(world.run(11).phase, Phase::Done);
}

#[test]
fn a_lost_old_deployment_does_not_hold_the_shift() {
    let mut world = World::new(4, 1);
    world.begin(order(&[20, 100], 5));
    world.objects.remove(&DEPLOYMENT.key("n", "v1"));
    assert_eq!(world.run(0).phase, Phase::Done);
    assert_eq!(world.pods().new.spec, 5);

    let mut world = World::new(4, 1);
    world.begin(order(&[20, 100], 5));
    world.objects.remove(&DEPLOYMENT.key("n", "v1"));
    world.keep(&world.state().returning("asked to", world.now));
    let state = world.run(0);
    assert_eq!(state.phase, Phase::Returned);
    assert!(state.cause.contains("v1 is gone"), "{}", state.cause);
}

#[test]
fn numbers_that_the_controller_has_not_seen_are_not_acted_on() {
    let mut world = World::new(4, 0);
    world.begin(order(&[100], 4));
    world.objects.get_mut(&DEPLOYMENT.key("n", "v1")).unwrap()["metadata"]["generation"] = json!(9);
    let (writes, wake) = world.writes();
    assert!(writes.is_empty() && wake.is_some());
}

#[test]
fn a_state_that_cannot_be_read_is_said_and_nothing_is_written() {
    for text in ["", "{}", r#"{"from":"v1"}"#] {
        let mut value = deployment("v2", 1);
        value["metadata"]["annotations"] = json!({ ANNOTATION: text });
        let target = Object::new(DEPLOYMENT, &value).unwrap();
        let planner = ShiftPlanner::default();
        assert_eq!(planner.interests(&target), []);
        let Plan::Act(act) = planner.plan(&Observed::new(target, []), &BTreeMap::new(), Moment::EPOCH) else {
            panic!()
        };
        assert!(act.writes.is_empty());
        assert!(act.reasons[0].contains("annotation serin.dev/shift"), "{:?}", act.reasons);
    }
}

#[test]
fn only_the_named_deployment_with_a_shift_is_planned_for() {
    let mut world = World::new(1, 0);
    world.begin(order(&[100], 1));
    let target = world.object("v2").unwrap();
    let only = |name: &str| ShiftPlanner { only: Some(DEPLOYMENT.key("n", name)) };
    assert!(only("v2").concerns(&target) && !only("v1").concerns(&target));
    assert!(!ShiftPlanner::default().concerns(&world.object("v1").unwrap()));
}

#[test]
fn absurd_orders_are_refused_with_the_remedy() {
    for (order, expected) in [
        (order(&[], 1), "steps must rise"),
        (order(&[0, 100], 1), "steps must rise"),
        (order(&[50, 50], 1), "steps must rise"),
        (order(&[50, 10], 1), "steps must rise"),
        (order(&[101], 1), "steps must rise"),
        (order(&[100], 0), "no pods to move"),
        (Order { delete_old: true, ..order(&[50], 1) }, "only be deleted after a last step of 100"),
        (Order { timeout_seconds: 0, ..order(&[100], 1) }, "timeout must be at least a second"),
        (Order { from: "v2".to_owned(), ..order(&[50], 1) }, "are both \"v2\""),
    ] {
        let error = order.check("v2").unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn the_state_survives_its_annotation() {
    let pods =
        Pods { new: Set { spec: 1, available: 9 }, old: Some(Set { spec: 3, available: 2 }), settled: true };
    let state = State::begin(order(&[10, 100], 4), &pods, Moment::from_secs(5));
    assert_eq!(state.before, Before { from: 3, to: 1, ready: 3 });
    let returning = state.returning("asked to", Moment::from_secs(9));
    for state in [state, returning] {
        let back: State = serde_json::from_str(&state.to_annotation()).unwrap();
        assert_eq!(back, state);
    }
}

#[test]
fn the_preview_is_what_happens_when_all_goes_well() {
    let world = World::new(10, 0);
    let state = State::begin(order(&[10, 50, 100], 10), &world.pods(), world.now);
    let passes = preview(&state, &world.pods(), world.now);
    let unready = |spec| Set { spec, available: 0 };
    let young = Pods { new: unready(1), old: Some(unready(9)), settled: false };
    let begun = State::begin(state.order.clone(), &young, world.now);
    let ends = preview(&begun, &young, world.now).last().map(|(state, _)| state.phase);
    assert_eq!(ends, Some(Phase::Done), "also for pods that are not ready yet");
    let (last, counts) = passes.last().unwrap();
    assert_eq!((last.phase, counts.canary, counts.stable), (Phase::Done, 10, 0));
    assert!(
        passes
            .iter()
            .all(|(_, counts)| 10 <= counts.canary + counts.stable && counts.canary + counts.stable <= 13)
    );
    let reached: Vec<_> = passes
        .iter()
        .filter(|(state, _)| state.reached.is_some())
        .map(|(_, c)| (c.canary, c.stable))
        .collect();
    assert_eq!(reached, [(1, 9), (5, 5)]);
}

#[test]
fn what_speaks_against_a_shift_is_said_before() {
    let read = |value: Value| Object::new(DEPLOYMENT, &value).unwrap().view().unwrap();
    let service = |name: &str, selector: Value| {
        serde_json::from_value(json!({"metadata": {"name": name}, "spec": {"selector": selector}})).unwrap()
    };
    let services = [
        service("both", json!({"app": "my-app"})),
        service("old", json!({"app": "my-app", "version": "v1"})),
        service("none", json!({})),
    ];
    let (v1, v2) = (read(deployment("v1", 1)), read(deployment("v2", 1)));
    assert_eq!(check(&v1, &v2, &services, &[], None), []);
    assert_eq!(check(&v1, &v2, &services, &[], Some("both")), []);
    for (services, named) in
        [(&services[1..], None), (&services[..], Some("old")), (&services[..], Some("none"))]
    {
        let problems = check(&v1, &v2, services, &[], named);
        assert!(matches!(&problems[..], [Problem::NoService { .. }]), "{problems:?}");
    }
    let mut wide = deployment("v1", 1);
    wide["spec"]["selector"] = json!({"matchLabels": {"app": "my-app"}});
    let problems = check(&read(wide), &v2, &services, &[], None);
    assert_eq!(problems, [Problem::SharedPods { of: "v1".to_owned(), other: "v2".to_owned() }]);
    let autoscaler = |kind: &str, name: &str| json!({"metadata": {"name": "h"}, "spec": {"scaleTargetRef": {"kind": kind, "name": name}}});
    let autoscalers =
        [autoscaler("Deployment", "v2"), autoscaler("Deployment", "x"), autoscaler("Job", "v1"), json!(3)];
    let problems = check(&v1, &v2, &services, &autoscalers, None);
    assert!(
        matches!(&problems[..], [problem @ Problem::Autoscaler { .. }] if problem.is_warning()),
        "{problems:?}"
    );
}
