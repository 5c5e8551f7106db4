//! Two Canaries that want the same thing, and the end of Canaries that have lost theirs.

use std::time::Duration;

use serde_json::{Value, json};
use serin_api::kinds;

use crate::{
    cluster::Cluster,
    world::{World, merge, podinfo},
};

/// `podinfo` with its primary and Services, under `provider`.
pub(crate) fn settled(patch: &Value) -> Cluster {
    let mut world = podinfo();
    world.canary["spec"]["provider"] = json!("kubernetes");
    merge(&mut world.canary, patch);
    let user = json!({"metadata": {"name": "podinfo", "namespace": "test"}});
    let with = |kind: Value| {
        let mut object = user.clone();
        merge(&mut object, &kind);
        object
    };
    world.put(&with(json!({
        "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler",
        "spec": {"scaleTargetRef": {"kind": "Deployment", "name": "podinfo"}, "maxReplicas": 4},
    })));
    world.put(&with(json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "Ingress",
        "spec": {"rules": [
            {"http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": {"service": {"name": "podinfo", "port": {"number": 80}}}}]}},
            {"http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": {"service": {"name": "other", "port": {"number": 80}}}}]}},
        ]},
    })));
    let mut cluster = Cluster::new(world);
    assert!(cluster.until(Duration::from_mins(1), |it| it.phase() == "Initialized"), "{:#?}", cluster.seen);
    cluster
}

/// Everything of `first`, and a Canary `second` of a Deployment `other`, changed by `patch`.
fn beside(first: &Cluster, patch: &Value) -> Cluster {
    let mut canary = first.world.canary.clone();
    canary["metadata"] = json!({"name": "second", "namespace": "test", "generation": 1});
    canary["spec"]["targetRef"]["name"] = json!("other");
    canary.as_object_mut().unwrap().remove("status");
    merge(&mut canary, patch);
    let mut world = World::new(&canary);
    world.canary["metadata"]["uid"] = json!("uid-of-second");
    world.objects.clone_from(&first.world.objects);
    world.put(&first.world.canary);
    let mut other = world.get(kinds::DEPLOYMENT, "podinfo");
    merge(
        &mut other,
        &json!({
            "metadata": {"name": "other", "uid": "uid-of-other"},
            "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "other"}}, "template": {"metadata": {"labels": {"app": "other"}}}},
            "status": null,
        }),
    );
    world.put(&other);
    let mut cluster = Cluster::new(world);
    cluster.is_guarded = false;
    cluster
}

fn invalid(cluster: &Cluster) -> &str {
    let conditions = cluster.status()["conditions"].as_array().into_iter().flatten();
    let mut invalid = conditions.filter(|condition| condition["type"] == "Invalid");
    invalid.next().map_or("", |condition| condition["message"].as_str().unwrap())
}

#[test]
fn what_one_canary_has_no_other_gets_and_it_says_whose_it_is() {
    let hpa = json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "name": "podinfo"});
    let ingress = json!({"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "name": "podinfo"});
    let spec = |spec: Value| json!({ "spec": spec });
    let nginx = json!({"provider": "nginx", "ingressRef": ingress, "analysis": {"iterations": null, "stepWeight": 50}});
    let gateway = json!({"provider": "gatewayapi:v1", "service": {"gatewayRefs": [{"name": "g"}]}});
    let rows: [(Value, Value, &str); 6] = [
        (
            json!({}),
            spec(json!({"targetRef": {"name": "podinfo"}})),
            "spec.targetRef.name: Deployment podinfo",
        ),
        (
            json!({}),
            spec(json!({"targetRef": {"name": "podinfo-primary"}})),
            "spec.targetRef.name: Deployment podinfo-primary",
        ),
        (
            json!({}),
            spec(json!({"service": {"name": "podinfo"}})),
            "spec.service.name: Service podinfo-canary",
        ),
        (
            spec(json!({"autoscalerRef": hpa})),
            spec(json!({"autoscalerRef": hpa})),
            "spec.autoscalerRef.name: HorizontalPodAutoscaler podinfo-primary",
        ),
        (spec(nginx.clone()), spec(nginx), "spec.ingressRef.name: Ingress podinfo-canary"),
        (
            spec(gateway.clone()),
            spec(json!({"service": {"name": "podinfo"}})),
            "spec.service.name: Service podinfo-canary",
        ),
    ];
    for (first, second, words) in rows {
        let first = settled(&first);
        let mut second = beside(&first, &second);
        second.live(Duration::from_mins(2));
        let text = format!(
            "{words} belongs to the Canary \"podinfo\": name another one here, or delete one of the two Canaries"
        );
        assert_eq!(invalid(&second), text);
        assert_eq!(second.seen.events, [format!("Warning  The Canary \"second\" is invalid: {text}")]);
        let others: Vec<_> = second.seen.written.iter().filter(|key| key.kind != kinds::CANARY).collect();
        assert_eq!(others, Vec::<&serin_kernel::Key>::new(), "{words}");
        assert_eq!(second.seen.writes, 1, "{words}: said once, and then at rest");

        // The first goes, and with it what it made.
        second.world.objects.retain(|_, object| object["metadata"]["ownerReferences"].is_null());
        second.world.remove(kinds::CANARY, "podinfo");
        second.world.edit(kinds::DEPLOYMENT, "podinfo", |it| it["spec"]["replicas"] = json!(1));
        if second.world.canary["spec"]["targetRef"]["name"] == "podinfo-primary" {
            second.world.canary["spec"]["targetRef"]["name"] = json!("other");
        }
        let runs = second.until(Duration::from_mins(2), |it| it.phase() == "Initialized");
        assert!(runs, "{words}: {} {:#?}", second.status(), second.seen.events);
        assert_eq!(invalid(&second), "");
    }
}

/// A Canary of the Deployment `podinfo` that was created at a second, with nothing made for it.
fn canary(name: &str, second: i64, patch: &Value) -> Value {
    let mut canary = podinfo().canary;
    let created = serin_kernel::Moment::from_secs(1_800_000_000 + second).timestamp().to_string();
    let uid = format!("uid-of-{name}");
    merge(
        &mut canary,
        &json!({"metadata": {"name": name, "uid": uid, "creationTimestamp": created}, "spec": {"provider": "kubernetes"}}),
    );
    merge(&mut canary, patch);
    canary
}

/// The cluster as the planner of `own` sees it, with another one in it.
fn seen_by(own: &Value, other: &Value) -> Cluster {
    let mut world = podinfo();
    world.canary = own.clone();
    assert!(world.put(other).is_some());
    let mut cluster = Cluster::new(world);
    cluster.is_guarded = false;
    cluster
}

#[test]
fn of_two_canaries_of_one_target_each_finds_that_the_same_one_has_it() {
    let none = json!({});
    let begun =
        json!({"status": {"phase": "Succeeded", "lastAppliedSpec": "s1a", "lastPromotedSpec": "s1a"}});
    let starts = json!({"status": {"phase": "Initializing"}});
    let suspended = json!({"spec": {"suspend": true}});
    let refused = json!({"status": {"conditions": [{"type": "Invalid", "status": "True", "message": "no"}]}});
    let leaves = json!({"metadata": {"deletionTimestamp": "2027-01-15T08:00:00Z", "finalizers": ["a/b"]}});
    let mut gone = leaves.clone();
    merge(&mut gone, &json!({"status": {"phase": "Terminating"}}));
    let mut last = leaves.clone();
    merge(&mut last, &begun);
    for (what, first, second) in [
        ("the elder", canary("z", -5, &none), canary("a", -4, &none)),
        ("of one second, the first by name", canary("a", -5, &none), canary("z", -5, &none)),
        ("the one that has begun", canary("z", -4, &begun), canary("a", -5, &none)),
        ("the one that begins", canary("z", -4, &starts), canary("a", -5, &none)),
        ("of two that have begun the elder", canary("z", -5, &begun), canary("a", -4, &begun)),
        ("not one that is suspended", canary("z", -4, &none), canary("a", -5, &suspended)),
        ("not one that is refused", canary("z", -4, &none), canary("a", -5, &refused)),
        ("not one that goes and has nothing", canary("z", -4, &none), canary("a", -5, &leaves)),
        ("not one that goes and was refused", canary("z", -4, &none), canary("a", -5, &gone)),
        ("one that gives back what it had", canary("z", -5, &last), canary("a", -4, &none)),
    ] {
        let name = first["metadata"]["name"].as_str().unwrap();
        if first["metadata"]["deletionTimestamp"].is_null() {
            let mut winner = seen_by(&first, &second);
            winner.live(Duration::from_mins(1));
            assert_eq!(invalid(&winner), "", "{what}");
        }
        let is_kept = !second["metadata"]["deletionTimestamp"].is_null()
            || !second["spec"]["suspend"].is_null()
            || !second["status"]["conditions"].is_null();
        if !is_kept {
            let mut loser = seen_by(&second, &first);
            loser.live(Duration::from_mins(1));
            let words = format!("spec.targetRef.name: Deployment podinfo belongs to the Canary \"{name}\"");
            assert!(
                invalid(&loser).starts_with(&words),
                "{what}: {:?} {:#?}",
                invalid(&loser),
                loser.seen.events
            );
            let others = loser.seen.written.iter().filter(|key| key.kind != kinds::CANARY);
            assert_eq!(others.count(), 0, "{what}");
        }
    }
}

#[test]
fn a_knative_service_has_one_canary_although_nothing_tells_whose_it_is() {
    let knative = json!({"spec": {
        "provider": "knative", "revertOnDeletion": true,
        "targetRef": {"apiVersion": "serving.knative.dev/v1", "name": "podinfo", "kind": "Service"},
    }});
    let service = json!({
        "apiVersion": "serving.knative.dev/v1", "kind": "Service", "metadata": {"name": "podinfo", "namespace": "test"},
        "spec": {"template": {"spec": {"containers": [{"image": "podinfo:1"}]}}},
        "status": {"latestCreatedRevisionName": "podinfo-00001"},
    });
    let (first, second) = (canary("z", -5, &knative), canary("a", -4, &knative));
    let with = |own: &Value, other: &Value| {
        let mut cluster = seen_by(own, other);
        assert!(cluster.world.put(&service).is_some());
        cluster
    };
    let mut winner = with(&first, &second);
    winner.live(Duration::from_secs(30));
    assert_eq!(invalid(&winner), "");
    let mark = |it: &Cluster| {
        it.world.get(kinds::KNATIVE_SERVICE, "podinfo")["metadata"]["annotations"]
            ["flagger.app/primary-revision"]
            .clone()
    };
    assert_eq!(mark(&winner), "podinfo-00001");

    let mut loser = with(&second, &winner.world.canary);
    loser.live(Duration::from_secs(30));
    let text = "spec.targetRef.name: Service podinfo belongs to the Canary \"z\": name another one here, or delete one of \
                the two Canaries";
    assert_eq!(invalid(&loser), text);
    assert_eq!(loser.seen.events, [format!("Warning  The Canary \"a\" is invalid: {text}")]);

    // It goes, and the first one's mark stays; or the first one goes, and it begins.
    let mut gone = loser;
    gone.world.objects.clone_from(&winner.world.objects);
    gone.world.put(&winner.world.canary);
    let mut left = Cluster::new(gone.world.clone());
    left.is_guarded = false;
    gone.world.canary["metadata"]["finalizers"] = json!(["finalizer.flagger.app"]);
    delete(&mut gone);
    assert_eq!(mark(&gone), "podinfo-00001");
    left.world.remove(kinds::CANARY, "z");
    left.live(Duration::from_secs(30));
    assert_eq!(invalid(&left), "");
}

#[test]
fn what_is_made_for_a_canary_is_its_own_whatever_its_age() {
    let mut first = settled(&json!({"metadata": {"creationTimestamp": "2027-01-15T07:59:00Z"}}));
    assert!(first.world.put(&canary("elder", -3600, &json!({}))).is_some());
    first.live(Duration::from_mins(1));
    assert_eq!(invalid(&first), "");
}

#[test]
fn a_new_canary_waits_for_an_elder_of_the_same_second_and_no_longer() {
    for (own, other, is_own) in [("a", "z", true), ("z", "a", false)] {
        let mut world = podinfo();
        world.canary = canary(own, 0, &json!({}));
        let mut cluster = Cluster::new(world);
        cluster.is_guarded = false;
        cluster.live(Duration::from_millis(900));
        assert_eq!(cluster.seen.writes, 0, "{own} begins in its second");
        assert!(cluster.world.put(&canary(other, 0, &json!({}))).is_some());
        cluster.live(Duration::from_millis(350));
        assert!(0 < cluster.seen.writes, "{own} waits on");
        cluster.live(Duration::from_mins(1));
        assert_eq!(invalid(&cluster).is_empty(), is_own, "{own}: {}", cluster.status());
    }
}

#[test]
fn a_canary_of_the_same_name_that_was_deleted_is_nobody() {
    let mut cluster = settled(&json!({}));
    cluster.world.canary["metadata"]["uid"] = json!("created-again");
    cluster.world.canary.as_object_mut().unwrap().remove("status");
    cluster.is_guarded = false;
    assert!(cluster.until(Duration::from_mins(1), |it| it.phase() == "Initialized"), "{}", cluster.status());
}

fn delete(cluster: &mut Cluster) {
    cluster.world.canary["metadata"]["deletionTimestamp"] = json!("2027-01-15T08:00:00Z");
    cluster.is_guarded = false;
    let is_free =
        |it: &Cluster| it.world.canary["metadata"]["finalizers"].as_array().is_some_and(Vec::is_empty);
    assert!(cluster.until(Duration::from_mins(3), is_free), "{:#?}", cluster.seen.events);
}

#[test]
fn a_canary_that_was_refused_takes_nothing_from_the_other_when_it_goes() {
    let first = settled(&json!({}));
    for target in [json!({"targetRef": {"name": "podinfo"}}), json!({"service": {"name": "podinfo"}})] {
        let mut second = beside(&first, &json!({"spec": target}));
        second.live(Duration::from_secs(30));
        second.world.canary["metadata"]["finalizers"] = json!(["finalizer.flagger.app"]);
        let before = first.world.objects.clone();
        delete(&mut second);
        for (key, object) in
            before.iter().filter(|(_, object)| !object["metadata"]["ownerReferences"].is_null())
        {
            assert_eq!(second.world.objects[key], *object, "{key}");
        }
        assert_eq!(second.world.get(kinds::DEPLOYMENT, "podinfo")["spec"]["replicas"], 0);
    }
}

/// A user's Service and route, which the Canary takes over.
fn adopted(provider: &str, route: &Value) -> (Cluster, Vec<Value>) {
    let mut world = podinfo();
    merge(
        &mut world.canary,
        &json!({"spec": {
            "provider": provider, "revertOnDeletion": true, "service": {"gatewayRefs": [{"name": "g"}]},
            "analysis": {"iterations": null, "stepWeight": 50},
        }}),
    );
    let service = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "podinfo", "namespace": "test"},
        "spec": {"selector": {"app": "podinfo", "tier": "web"}, "ports": [{"name": "web", "port": 80, "targetPort": 9898}]},
    });
    let users = vec![service, route.clone()];
    for object in &users {
        assert!(world.put(object).is_some(), "{object}");
    }
    let mut cluster = Cluster::new(world);
    cluster.is_guarded = false;
    assert!(cluster.until(Duration::from_mins(1), |it| it.phase() == "Initialized"), "{:#?}", cluster.seen);
    (cluster, users)
}

#[test]
fn what_was_adopted_is_given_back_although_the_target_is_gone() {
    let meta = json!({"name": "podinfo", "namespace": "test"});
    let routes = [
        (
            "istio",
            json!({
                "apiVersion": "networking.istio.io/v1beta1", "kind": "VirtualService", "metadata": meta,
                "spec": {"hosts": ["podinfo"], "http": [{"route": [{"destination": {"host": "podinfo"}}]}]},
            }),
        ),
        (
            "gatewayapi:v1",
            json!({
                "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": meta,
                "spec": {"parentRefs": [{"name": "g"}], "rules": [{"backendRefs": [{"name": "podinfo", "port": 80}]}]},
            }),
        ),
    ];
    for (provider, route) in routes {
        for primary_stays in [true, false] {
            let (mut cluster, users) = adopted(provider, &route);
            cluster.world.remove(kinds::DEPLOYMENT, "podinfo");
            if !primary_stays {
                cluster.world.remove(kinds::DEPLOYMENT, "podinfo-primary");
            }
            delete(&mut cluster);
            for user in &users {
                let key = cluster
                    .world
                    .objects
                    .keys()
                    .find(|key| user["kind"] == key.kind.kind && key.name == "podinfo");
                let is = &cluster.world.objects[key.unwrap()];
                assert_eq!(is["spec"], user["spec"], "{provider}, primary {primary_stays}");
                let marks = is["metadata"]["annotations"].as_object().is_none_or(serde_json::Map::is_empty);
                assert!(marks, "{provider}: {is}");
            }
            let said = cluster.seen.events.iter().filter(|event| event.contains("given back without it"));
            assert_eq!(said.count(), 1, "{:#?}", cluster.seen.events);
        }
    }
}
