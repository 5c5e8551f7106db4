//! Deployments in a cluster of one: passes until nothing more is wanted, ReplicaSets made available by hand.

use super::*;
use crate::json::{list, time};
use jiff::SignedDuration;

/// A Deployment, its sets, and everything it has said.
struct World {
    deployment: Value,
    sets: Vec<Arc<Value>>,
    pods: Vec<(String, Arc<Pod>)>,
    taken: Vec<String>,
    now: Timestamp,
    said: Vec<String>,
    wake: Option<Timestamp>,
}

fn start() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

impl World {
    fn new(replicas: i64, edit: impl FnOnce(&mut Value)) -> Self {
        let mut deployment = json!({
            "metadata": {"name": "web", "namespace": "ns", "uid": "d", "generation": 1, "annotations": {"team": "a"}},
            "spec": {
                "replicas": replicas, "selector": {"matchLabels": {"app": "web"}},
                "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "c", "image": "app:1"}]}},
            },
        });
        edit(&mut deployment);
        let (pods, sets, said, taken) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { deployment, sets, pods, taken, now: start(), said, wake: None }
    }

    fn pass(&mut self) -> Plan {
        plan(&Observed {
            deployment: &self.deployment,
            sets: &self.sets,
            pods_of: &|uid| {
                self.pods.iter().filter(|(owner, _)| owner == uid).map(|(_, pod)| Arc::clone(pod)).collect()
            },
            is_taken: &|name| {
                self.taken.iter().any(|t| t == name)
                    || self.sets.iter().any(|set| text(set, "/metadata/name") == name)
            },
            now: self.now,
        })
    }

    /// Passes until one wants nothing; fails when that does not come.
    fn settle(&mut self) {
        for _ in 0..20 {
            let plan = self.pass();
            self.wake = plan.wake;
            if plan.writes.is_empty() {
                return;
            }
            for write in plan.writes {
                self.carry_out(write);
            }
        }
        panic!("never settles: {:#}", self.deployment);
    }

    fn carry_out(&mut self, write: Write) {
        match write {
            Write::Create { mut object, .. } => {
                object["metadata"]["uid"] = object["metadata"]["name"].clone();
                object["metadata"]["creationTimestamp"] =
                    json!(crate::json::stamp(self.now + SignedDuration::from_secs(self.sets.len() as i64)));
                self.sets.push(Arc::new(object));
            }
            Write::Patch { key, mut patch, .. } => {
                let target = match key.kind {
                    Kind::Deployment => &mut self.deployment,
                    _ => Arc::make_mut(
                        self.sets.iter_mut().find(|set| text(set, "/metadata/name") == key.name).unwrap(),
                    ),
                };
                // There are no versions here for a patch to be held against.
                if let Some(metadata) = patch.pointer_mut("/metadata").and_then(Value::as_object_mut) {
                    metadata.shift_remove("resourceVersion");
                }
                json_patch::merge(target, &patch);
            }
            Write::Delete { key, .. } => self.sets.retain(|set| text(set, "/metadata/name") != key.name),
            Write::Event(event) => self.said.push(event.message),
            Write::Bind { .. } => panic!("a Deployment binds nothing"),
        }
    }

    /// Every set has as many pods as it asks for, at most `available` of the newest one available.
    fn run_pods(&mut self, available: i64) {
        let newest = self.new_set();
        for set in &mut self.sets {
            let replicas = int(set, "/spec/replicas", 0);
            let ready =
                if text(set, "/metadata/name") == newest { replicas.min(available) } else { replicas };
            let set = Arc::make_mut(set);
            set["status"] = json!({"replicas": replicas, "readyReplicas": ready, "availableReplicas": ready});
        }
    }

    fn roll_out(&mut self) {
        for _ in 0..20 {
            self.settle();
            self.run_pods(i64::MAX);
        }
        self.settle();
    }

    fn set_image(&mut self, image: &str) {
        self.deployment["spec"]["template"]["spec"]["containers"][0]["image"] = json!(image);
        self.deployment["metadata"]["generation"] =
            json!(int(&self.deployment, "/metadata/generation", 0) + 1);
    }

    fn new_set(&self) -> String {
        let wanted = sets::template_meaning(&self.deployment);
        let new = self.sets.iter().find(|set| sets::template_meaning(set) == wanted);
        new.map(|set| text(set, "/metadata/name").to_owned()).unwrap_or_default()
    }

    /// Image, replicas and revision of each set.
    fn shape(&self) -> Vec<(String, i64, String)> {
        let read = |set: &Arc<Value>| {
            let image = text(set, "/spec/template/spec/containers/0/image").to_owned();
            (image, int(set, "/spec/replicas", -1), text(set, &pointer(REVISION)).to_owned())
        };
        self.sets.iter().map(read).collect()
    }

    fn condition(&self, kind: &str) -> (String, String) {
        let all = list(&self.deployment, "/status/conditions");
        let found = all.iter().find(|c| text(c, "/type") == kind);
        found.map(|c| (text(c, "/reason").to_owned(), text(c, "/message").to_owned())).unwrap_or_default()
    }
}

fn shape(sets: &[(&str, i64, &str)]) -> Vec<(String, i64, String)> {
    sets.iter().map(|(image, replicas, revision)| ((*image).into(), *replicas, (*revision).into())).collect()
}

#[test]
fn a_new_deployment_makes_its_first_set_and_says_so() {
    let mut world = World::new(3, |_| {});
    world.settle();
    let name = world.new_set();
    assert_eq!(world.shape(), shape(&[("app:1", 3, "1")]));
    assert_eq!(world.said, [format!("Scaled up replica set {name} from 0 to 3")]);
    assert_eq!(
        world.condition("Progressing"),
        ("NewReplicaSetCreated".into(), format!("Created new replica set {name:?}"))
    );
    assert_eq!(world.condition("Available").0, "MinimumReplicasUnavailable");
    let set = &world.sets[0];
    let hash = text(set, "/metadata/labels/pod-template-hash");
    assert_eq!(name, format!("web-{hash}"));
    for pointer in
        ["/spec/selector/matchLabels/pod-template-hash", "/spec/template/metadata/labels/pod-template-hash"]
    {
        assert_eq!(text(set, pointer), hash);
    }
    assert_eq!(text(set, "/metadata/annotations/team"), "a", "annotations are passed on");
    world.run_pods(1);
    world.settle();
    assert_eq!(
        world.condition("Progressing"),
        ("ReplicaSetUpdated".into(), format!("ReplicaSet {name:?} is progressing."))
    );
    world.run_pods(3);
    world.settle();
    let done = ("NewReplicaSetAvailable".into(), format!("ReplicaSet {name:?} has successfully progressed."));
    assert_eq!(world.condition("Progressing"), done);
    assert_eq!(world.condition("Available").1, "Deployment has minimum availability.");
    assert_eq!(text(&world.deployment, &pointer(REVISION)), "1");
    assert_eq!(world.wake, None, "a finished rollout waits for nothing");
}

#[test]
fn a_new_image_rolls_and_undo_brings_the_first_set_back() {
    let mut world = World::new(4, |_| {});
    world.roll_out();
    world.set_image("app:2");
    world.settle();
    assert_eq!(world.shape(), shape(&[("app:1", 3, "1"), ("app:2", 2, "2")]), "surge 1, one unavailable");
    world.roll_out();
    assert_eq!(world.shape(), shape(&[("app:1", 0, "1"), ("app:2", 4, "2")]));
    world.set_image("app:1");
    world.roll_out();
    assert_eq!(world.shape(), shape(&[("app:1", 4, "3"), ("app:2", 0, "2")]));
    assert_eq!(text(&world.sets[0], &pointer(REVISION_HISTORY)), "1");
    assert_eq!(text(&world.deployment, &pointer(REVISION)), "3");
}

#[test]
fn a_stuck_rollout_says_so_at_its_deadline_and_not_before() {
    let mut world = World::new(2, |d| d["spec"]["progressDeadlineSeconds"] = json!(30));
    world.roll_out();
    world.set_image("app:2");
    world.now = start() + SignedDuration::from_secs(100);
    world.settle();
    world.run_pods(0);
    world.settle();
    let deadline = world.wake.unwrap();
    assert_eq!(deadline, world.now + SignedDuration::from_secs(30));
    world.now = deadline - SignedDuration::from_secs(1);
    world.settle();
    assert_eq!(world.condition("Progressing").0, "ReplicaSetUpdated");
    world.now = deadline;
    world.settle();
    let name = world.new_set();
    let expected =
        ("ProgressDeadlineExceeded".into(), format!("ReplicaSet {name:?} has timed out progressing."));
    assert_eq!(world.condition("Progressing"), expected);
    assert_eq!(world.wake, None);
    world.roll_out();
    assert_eq!(world.condition("Progressing").0, "NewReplicaSetAvailable", "it may still succeed");
}

#[test]
fn a_paused_deployment_scales_but_does_not_roll() {
    let mut world = World::new(2, |_| {});
    world.roll_out();
    world.deployment["spec"]["paused"] = json!(true);
    world.set_image("app:2");
    world.deployment["spec"]["replicas"] = json!(5);
    world.roll_out();
    assert_eq!(world.shape(), shape(&[("app:1", 5, "1")]));
    assert_eq!(world.condition("Progressing"), ("DeploymentPaused".into(), "Deployment is paused".into()));
    world.deployment["spec"]["paused"] = json!(false);
    let plan = world.pass();
    assert!(plan.writes.iter().any(|w| matches!(w, Write::Create { .. })), "resuming rolls on");
    world.roll_out();
    assert_eq!(world.shape(), shape(&[("app:1", 0, "1"), ("app:2", 5, "2")]));
}

#[test]
fn recreate_waits_until_the_old_pods_are_gone() {
    let mut world = World::new(2, |d| d["spec"]["strategy"] = json!({"type": "Recreate"}));
    world.roll_out();
    let old = world.new_set();
    let pod = Pod::read(
        &json!({"metadata": {"name": "p", "deletionTimestamp": "2026-01-01T00:00:00Z"}, "status": {"phase": "Running"}}),
    );
    world.pods.push((old, Arc::new(pod)));
    world.set_image("app:2");
    world.roll_out();
    assert_eq!(world.shape(), shape(&[("app:1", 0, "1")]));
    world.pods.clear();
    world.roll_out();
    assert_eq!(world.shape(), shape(&[("app:1", 0, "1"), ("app:2", 2, "2")]));
}

#[test]
fn only_so_many_old_sets_are_kept() {
    let mut world = World::new(1, |d| d["spec"]["revisionHistoryLimit"] = json!(1));
    for version in 1..=4 {
        world.set_image(&format!("app:{version}"));
        world.roll_out();
    }
    assert_eq!(world.shape(), shape(&[("app:3", 0, "3"), ("app:4", 1, "4")]));
}

#[test]
fn a_taken_name_is_stepped_over_and_remembered() {
    let mut world = World::new(1, |_| {});
    let hash = template_hash(&world.deployment["spec"]["template"], 0);
    world.taken.push(format!("web-{hash}"));
    world.roll_out();
    assert_ne!(world.new_set(), format!("web-{hash}"));
    assert_eq!(world.deployment["status"]["collisionCount"], 1);
}

#[test]
fn matching_orphans_are_adopted_and_strangers_left_alone() {
    let mut world = World::new(1, |_| {});
    world.roll_out();
    let mut orphan = Value::clone(&world.sets[0]);
    orphan["metadata"]["ownerReferences"] = Value::Null;
    let mut foreign = orphan.clone();
    foreign["metadata"]["name"] = json!("foreign");
    foreign["metadata"]["ownerReferences"] =
        json!([{"kind": "Rollout", "name": "r", "uid": "r", "controller": true}]);
    world.sets = vec![Arc::new(orphan), Arc::new(foreign.clone())];
    world.roll_out();
    assert_eq!(world.sets.len(), 2);
    assert_eq!(text(&world.sets[0], "/metadata/ownerReferences/0/uid"), "d");
    assert_eq!(*world.sets[1], foreign);
}

#[test]
fn a_refused_pod_shows_on_the_deployment() {
    let mut world = World::new(1, |_| {});
    world.settle();
    Arc::make_mut(&mut world.sets[0])["status"] = json!({"conditions": [{
        "type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "quota",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }]});
    world.settle();
    assert_eq!(world.condition("ReplicaFailure"), ("FailedCreate".into(), "quota".into()));
    world.roll_out();
    assert_eq!(world.condition("ReplicaFailure").0, "");
}

#[test]
fn odd_deployments_change_nothing_and_break_nothing() {
    for odd in [
        json!({}),
        json!({"spec": 5}),
        json!({"metadata": {"name": "x"}, "spec": {"selector": {"matchLabels": {"a": "b"}}, "template": "odd"}}),
        json!({"metadata": {"name": "x"}, "spec": {"selector": {"matchLabels": "x"}}}),
    ] {
        let mut world = World::new(1, |d| *d = odd.clone());
        assert_eq!(world.pass(), Plan::default(), "{odd}");
    }
    let mut world = World::new(1, |d| {
        d["spec"]["strategy"] = json!({"rollingUpdate": {"maxSurge": "lots"}});
        d["status"] = json!({"conditions": "none"});
    });
    world.roll_out();
    assert_eq!(world.sets.len(), 1);
    assert!(time(&world.deployment, "/status/conditions/0/lastTransitionTime").is_some());
}
