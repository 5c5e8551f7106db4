//! What holds in every run, whatever happens in it.

use std::time::Duration;

use serde_json::{Value, json};
use serin_api::kinds;

use crate::{
    cluster::{Cluster, Seen},
    course::{Course, Deed},
    transcripts,
    world::World,
};

/// How many random runs there are.
const RUNS: u64 = 20;
/// Things that happen in one.
const EVENTS: u64 = 14;

/// Numbers from a seed.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % sides
    }

    pub(crate) fn one_of<T: Clone>(&mut self, all: &[T]) -> T {
        all[usize::try_from(self.roll(all.len() as u64)).unwrap()].clone()
    }
}

/// A Deployment `name` and a Canary of it with one of the routers and one of the strategies.
pub(crate) fn drawn(dice: &mut Dice, name: &str) -> Cluster {
    let provider = dice.one_of(&["kubernetes", "istio", "nginx", "gatewayapi:v1"]);
    let mut analysis = match dice.roll(4) {
        0 => json!({"iterations": 1 + dice.roll(3)}),
        1 if provider != "kubernetes" => {
            json!({"iterations": 2, "match": [{"headers": {"x-user": {"exact": "insider"}}}]})
        }
        2 => json!({"stepWeights": [1, 10, 60]}),
        _ => json!({"stepWeight": 10 + 20 * dice.roll(5), "maxWeight": 50}),
    };
    analysis["interval"] = json!("10s");
    analysis["threshold"] = json!(1 + dice.roll(3));
    analysis["stepWeightPromotion"] = dice.one_of(&[json!(0), json!(40)]);
    analysis["mirror"] = json!(provider == "istio" && dice.roll(4) == 0);
    analysis["metrics"] =
        json!([{"name": "request-success-rate", "interval": "1m", "thresholdRange": {"min": 99}}]);
    let kinds_of_hooks = [
        "confirm-rollout",
        "pre-rollout",
        "rollout",
        "confirm-traffic-increase",
        "confirm-promotion",
        "rollback",
        "post-rollout",
    ];
    let hook = |kind: &&str| json!({"name": kind, "type": kind, "url": format!("http://127.0.0.1:19190/hook/n/{kind}")});
    analysis["webhooks"] = kinds_of_hooks.iter().map(hook).collect();
    let mut world = World::new(&json!({
        "apiVersion": "flagger.app/v1beta1", "kind": "Canary",
        "metadata": {"name": name, "namespace": "n", "generation": 1},
        "spec": {
            "provider": provider, "metricsServer": "http://127.0.0.1:19190/p/n", "progressDeadlineSeconds": 40,
            "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
            "skipAnalysis": dice.roll(8) == 0,
            "service": {"port": 80, "gateways": ["mesh"], "hosts": [name], "gatewayRefs": [{"name": "gateway"}]},
            "analysis": analysis,
        },
    }));
    world.canary["metadata"]["uid"] = json!(format!("uid-of-{name}"));
    if provider == "nginx" {
        world.canary["spec"]["ingressRef"] =
            json!({"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "name": name});
    }
    world.put(&json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": name, "namespace": "n", "generation": 1},
        "spec": {
            "replicas": 1 + dice.roll(3), "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}}, "spec": {"containers": [{"name": "main", "image": "a:0"}]}},
        },
    }));
    let backend = json!({"service": {"name": name, "port": {"number": 80}}});
    world.put(&json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": name, "namespace": "n"},
        "spec": {"rules": [{"host": "a.example.com", "http": {"paths": [{"pathType": "Prefix", "path": "/", "backend": backend}]}}]},
    }));
    if dice.roll(2) == 0 {
        world.put(&json!({
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": "n"},
            "spec": {"selector": {"app": name}, "ports": [{"port": 80}]},
        }));
    }
    let mut cluster = Cluster::new(world);
    cluster.servers.hooks.insert("rollback".to_owned(), vec![403]);
    cluster
}

pub(crate) fn edit(cluster: &mut Cluster, name: &str, edit: impl FnOnce(&mut Value)) {
    cluster.world.edit(kinds::DEPLOYMENT, name, |object| {
        edit(object);
        let generation = object["metadata"]["generation"].as_i64().unwrap();
        object["metadata"]["generation"] = json!(generation + 1);
    });
}

/// Something happens: an author, a server, pods, the controller itself.
pub(crate) fn happen(cluster: &mut Cluster, dice: &mut Dice) {
    let name = cluster.world.canary["metadata"]["name"].as_str().unwrap().to_owned();
    match dice.roll(9) {
        0..=2 => {
            let image = format!("a:{}", dice.roll(4));
            let is_stuck = dice.roll(5) == 0;
            edit(cluster, &name, |it| {
                let pod = &mut it["spec"]["template"]["spec"];
                pod["containers"][0]["image"] = json!(image);
                pod.as_object_mut().unwrap().remove("nodeSelector");
                if is_stuck {
                    pod["nodeSelector"] = json!({"no": "such-node"});
                }
            });
        }
        3 => cluster.servers.rate = dice.one_of(&[Some(100.0), Some(100.0), Some(50.0), None]),
        4 => {
            let hook =
                dice.one_of(&["confirm-rollout", "pre-rollout", "rollout", "confirm-promotion", "rollback"]);
            cluster.servers.hooks.insert(hook.to_owned(), vec![dice.one_of(&[200, 403, 500])]);
        }
        5 => cluster.restart = Some(cluster.seen.passes + usize::try_from(dice.roll(4)).unwrap()),
        6 => cluster.refuse = Some(cluster.seen.writes + usize::try_from(dice.roll(8)).unwrap()),
        7 => cluster.world.canary["spec"]["suspend"] = json!(dice.roll(3) == 0),
        _ => cluster.pods_take = Duration::from_secs(1 + dice.roll(25)),
    }
    cluster.live(Duration::from_millis(1 + dice.roll(60_000)));
}

/// Everything is allowed and good from now on, so that every run ends.
pub(crate) fn calm(cluster: &mut Cluster) {
    cluster.servers.hooks = [("rollback".to_owned(), vec![403])].into();
    cluster.servers.rate = Some(100.0);
    cluster.world.canary["spec"]["suspend"] = json!(false);
    (cluster.refuse, cluster.restart) = (None, None);
}

/// The last events, each once in a row.
pub(crate) fn short(cluster: &Cluster) -> Vec<&String> {
    let mut events: Vec<_> = cluster.seen.events.iter().collect();
    events.dedup();
    events.split_off(events.len().saturating_sub(25))
}

pub(crate) fn is_at_rest(cluster: &Cluster) -> bool {
    ["Initialized", "Succeeded", "Failed"].contains(&cluster.phase())
}

/// Users are served after every single write (`guard`), every run ends, and what is at rest neither writes nor asks.
#[test]
fn random_runs_serve_their_users_and_come_to_rest() {
    for seed in 0..RUNS {
        let mut dice = Dice(seed);
        let mut cluster = drawn(&mut dice, "app");
        let first = cluster.until(Duration::from_mins(3), is_at_rest);
        assert!(first, "seed {seed}: {} {:#?}", cluster.status(), short(&cluster));
        for _ in 0..EVENTS {
            happen(&mut cluster, &mut dice);
        }
        calm(&mut cluster);
        let is_over = cluster.until(Duration::from_mins(20), is_at_rest);
        assert!(is_over, "seed {seed}: {} {:#?}", cluster.status(), short(&cluster));
        // A version may be news still.
        cluster.live(Duration::from_mins(4));
        let (writes, questions) = (cluster.seen.writes, cluster.servers.questions);
        cluster.live(Duration::from_mins(2));
        assert!(is_at_rest(&cluster), "seed {seed}: {}", cluster.status());
        let after = (cluster.seen.writes, cluster.servers.questions);
        assert_eq!(
            after,
            (writes, questions),
            "seed {seed}: {} {:#?}",
            cluster.status(),
            cluster.seen.events
        );
    }
}

/// The phase and all objects in the end, but for what differs in each run: times and marks of promotion.
fn end(cluster: &Cluster) -> String {
    let mut objects: Vec<Value> = cluster.world.objects.values().cloned().collect();
    for object in &mut objects {
        object.as_object_mut().unwrap().remove("status");
        object["metadata"].as_object_mut().unwrap().remove("generation");
        if let Some(id) = object.pointer_mut("/spec/template/metadata/annotations/flagger-id") {
            *id = Value::Null;
        }
    }
    format!("{} {}", cluster.phase(), json!(objects))
}

const PLAYED: [&str; 6] = [
    "kubernetes/success",
    "istio/success",
    "nginx/abtest",
    "gatewayapi-v1/step-promotion",
    "istio/fail-metric",
    "kubernetes/skip-analysis",
];

fn play(name: &str, prepare: impl FnOnce(&mut Cluster)) -> Option<Cluster> {
    let mut course = Course::begin(name)?;
    prepare(&mut course.cluster);
    course.play(name.rsplit('/').next().unwrap());
    course.act(Deed::Wait(60));
    Some(course.cluster)
}

fn without_waits(seen: &Seen) -> (Vec<String>, Vec<String>) {
    let mut events = seen.events.clone();
    events.retain(|event| !event.contains("not ready") && !event.contains("metrics providers"));
    (events, seen.statuses.clone())
}

#[test]
fn a_restart_changes_nothing_but_time() {
    for name in PLAYED {
        let Some(plain) = play(name, |_| {}) else { return };
        for pass in 0..plain.seen.passes {
            let restarted = play(name, |cluster| cluster.restart = Some(pass)).unwrap();
            let what = format!("{name}, before pass {pass}");
            assert_eq!(without_waits(&restarted.seen), without_waits(&plain.seen), "{what}");
            assert_eq!(restarted.seen.routes, plain.seen.routes, "{what}");
            assert_eq!(end(&restarted), end(&plain), "{what}");
        }
    }
}

#[test]
fn later_looks_mend_what_a_refused_write_left() {
    for name in PLAYED {
        let Some(plain) = play(name, |_| {}) else { return };
        for write in 0..plain.seen.writes {
            let refused = play(name, |cluster| cluster.refuse = Some(write)).unwrap();
            assert_eq!(end(&refused), end(&plain), "{name}, write {write}: {:#?}", refused.seen.events);
        }
    }
}

#[test]
fn two_canaries_share_nothing() {
    for seed in 0..8 {
        let both = ["app", "other"].map(|name| {
            let mut dice = Dice(seed);
            let mut cluster = drawn(&mut dice, name);
            for _ in 0..EVENTS {
                happen(&mut cluster, &mut dice);
            }
            cluster.seen
        });
        let [app, other] = &both;
        assert!(!app.written.is_empty());
        assert_eq!(app.written.intersection(&other.written).next(), None, "seed {seed}");
        assert_eq!(app.statuses, other.statuses, "seed {seed}: a name changes no run");
    }
}

#[test]
fn all_recordings_rest_in_the_end() {
    for name in transcripts::names() {
        let mut cluster = play(&name, |_| {}).unwrap();
        let (writes, questions, passes) =
            (cluster.seen.writes, cluster.servers.questions, cluster.seen.passes);
        cluster.live(Duration::from_secs(100));
        assert_eq!((cluster.seen.writes, cluster.servers.questions), (writes, questions), "{name}");
        // A last look, the end of the wait, and a look for having been asked then.
        assert!(cluster.seen.passes - passes <= 4, "{name}: {}", cluster.seen.passes - passes);
        // A look at any later time finds the same, or it could not be done without.
        for wait in [Duration::from_hours(1), Duration::from_hours(24), Duration::from_hours(24 * 30)] {
            cluster.live(wait);
            assert_eq!((cluster.seen.writes, cluster.servers.questions), (writes, questions), "{name}");
        }
        // Whoever wakes the planner in between, it is no look.
        (0..5).for_each(|_| assert!(!cluster.pass(), "{name}"));
        assert_eq!(cluster.servers.questions, questions, "{name}");
    }
}

#[test]
fn looks_that_judge_are_timed_and_no_others() {
    // Two iterations and the two of blue-green's end; two steps and the promotion; one step and two failed checks, but not the
    // look that takes it back.
    for (name, looks) in [("kubernetes/bluegreen", 4), ("istio/success", 3), ("istio/fail-metric", 3)] {
        let Some(cluster) = play(name, |_| {}) else { return };
        assert_eq!(cluster.seen.timed, looks, "{name}: {:#?}", cluster.seen.events);
    }
}

/// No pods are as many as are wanted; users must not be sent to them all the same.
#[test]
fn a_target_that_is_taken_to_zero_in_mid_run_is_brought_back_before_it_gets_users() {
    for name in ["nginx/abtest", "istio/success", "gatewayapi-v1/bluegreen"] {
        let Some(mut course) = Course::begin(name) else { return };
        for deed in [Deed::Phase(&["Initialized"]), Deed::Wait(1), Deed::Patch, Deed::Phase(&["Progressing"])]
        {
            course.act(deed);
        }
        edit(&mut course.cluster, "podinfo", |it| it["spec"]["replicas"] = json!(0));
        course.act(Deed::Phase(&["Succeeded"]));
        let text = "not ready: it was scaled to zero, and is scaled up again";
        let told = course.cluster.seen.events.iter().filter(|event| event.contains(text));
        assert_eq!(told.count(), 1, "{name}");
    }
}
