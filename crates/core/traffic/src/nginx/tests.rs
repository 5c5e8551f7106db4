//! Ingresses as recorded from a real controller, odd ones, and the property that writing once is enough.

use proptest::prelude::*;
use serin_kernel::Kind;

use super::*;
use crate::Router;

const ROLLOUT: Kind = Kind::namespaced("argoproj.io", "v1alpha1", "Rollout", "rollouts");
const PREFIX: &str = "nginx.ingress.kubernetes.io";

fn owner() -> Object {
    let meta = json!({"name": "demo", "namespace": "seed", "uid": "u-demo", "resourceVersion": "5"});
    Object::new(ROLLOUT, &json!({ "metadata": meta })).unwrap()
}

fn ingress(value: &Value) -> Object {
    Object::new(INGRESS, value).unwrap()
}

fn path(path: &str, service: &str) -> Value {
    json!({"path": path, "pathType": "Prefix", "backend": {"service": {"name": service, "port": {"number": 80}}}})
}

/// The stable Ingress of the recording.
fn recorded() -> Value {
    json!({
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {
            "name": "demo", "namespace": "seed", "uid": "u-ing", "resourceVersion": "974",
            "annotations": {"example.com/team": "web", "kubernetes.io/ingress.class": "nginx"},
        },
        "spec": {"rules": [
            {"host": "demo.local", "http": {"paths": [path("/", "demo-stable"), path("/other", "other")]}},
        ]},
    })
}

fn nginx() -> Nginx {
    Nginx { prefix: PREFIX.to_owned(), ingresses: vec!["demo".to_owned()], ..Nginx::default() }
}

fn intent(owner: &Object, weight: u32) -> Intent<'_> {
    Intent::split(owner, ("demo-stable", "demo-canary"), Weight(weight), Weight::HUNDRED)
}

fn observed(ingresses: impl IntoIterator<Item = Value>) -> Observed {
    Observed::new(owner(), ingresses.into_iter().map(|value| ingress(&value)))
}

/// The router's writes for a world of `ingresses`.
fn writes(nginx: &Nginx, weight: u32, ingresses: &[Value]) -> Result<Vec<Write>, Error> {
    Router::Nginx(nginx.clone()).writes(&intent(&owner(), weight), &observed(ingresses.to_vec()))
}

/// Merge patch application as RFC 7396 section 2 defines it.
fn merged(target: &Value, patch: &Value) -> Value {
    let Value::Object(patch) = patch else { return patch.clone() };
    let mut result = target.as_object().cloned().unwrap_or_default();
    for (key, value) in patch {
        let before = result.shift_remove(key).unwrap_or(Value::Null);
        if !value.is_null() {
            result.insert(key.clone(), merged(&before, value));
        }
    }
    Value::Object(result)
}

/// The world after a write.
fn applied(ingresses: &[Value], writes: &[Write]) -> Vec<Value> {
    let mut after = ingresses.to_vec();
    for write in writes {
        match &write.change {
            Change::Create(body) => {
                let mut body = body.clone();
                body["metadata"]["uid"] = json!(format!("u-{}", write.target.name));
                body["metadata"]["resourceVersion"] = json!("1");
                after.push(body);
            }
            Change::Merge(patch) => {
                let is_target = |value: &&mut Value| value["metadata"]["name"] == write.target.name;
                let existing = after.iter_mut().find(is_target).unwrap();
                *existing = merged(existing, patch);
            }
            other => panic!("{other:?}"),
        }
    }
    after
}

/// The canary Ingress beside `stable` at `weight`.
fn canary(nginx: &Nginx, weight: u32, stable: &Value) -> Value {
    let world = [stable.clone()];
    applied(&world, &writes(nginx, weight, &world).unwrap()).pop().unwrap()
}

#[test]
fn the_first_weight_creates_the_canary_ingress_as_recorded() {
    let writes = writes(&nginx(), 0, &[recorded()]).unwrap();
    let [Write { target, change: Change::Create(body), events, .. }] = &writes[..] else {
        panic!("{writes:?}")
    };
    assert_eq!(target.to_string(), "ingresses.networking.k8s.io seed/demo-demo-canary");
    assert_eq!(
        *body,
        json!({
            "apiVersion": "networking.k8s.io/v1",
            "kind": "Ingress",
            "metadata": {
                "name": "demo-demo-canary",
                "namespace": "seed",
                "annotations": {
                    "kubernetes.io/ingress.class": "nginx",
                    "nginx.ingress.kubernetes.io/canary": "true",
                    "nginx.ingress.kubernetes.io/canary-weight": "0",
                },
                "ownerReferences": [{
                    "apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "name": "demo", "uid": "u-demo",
                    "controller": true, "blockOwnerDeletion": true,
                }],
            },
            "spec": {"rules": [
                {"host": "demo.local", "http": {"paths": [path("/", "demo-canary"), path("/other", "other")]}},
            ]},
        })
    );
    let told: Vec<_> = events.iter().map(|event| (event.reason.as_ref(), event.message.as_str())).collect();
    assert_eq!(
        told,
        [("CreatingCanaryIngress", "Creating canary ingress `demo-demo-canary` with weight `0`")]
    );
    assert_eq!(events[0].regarding, owner().reference());
}

#[test]
fn the_next_weight_patches_one_annotation_and_the_same_weight_nothing() {
    let world = [recorded(), canary(&nginx(), 0, &recorded())];
    assert_eq!(writes(&nginx(), 0, &world), Ok(vec![]));
    let writes = writes(&nginx(), 25, &world).unwrap();
    let [Write { change: Change::Merge(patch), events, precondition, .. }] = &writes[..] else {
        panic!("{writes:?}")
    };
    let annotations = json!({"nginx.ingress.kubernetes.io/canary-weight": "25"});
    assert_eq!(*patch, json!({"metadata": {"annotations": annotations}}));
    assert_eq!(precondition.resource_version.as_deref(), Some("1"));
    let told: Vec<_> = events.iter().map(|event| (event.reason.as_ref(), event.message.as_str())).collect();
    assert_eq!(
        told,
        [("PatchingCanaryIngress", "Updating Ingress `demo-demo-canary` to desiredWeight '25'")]
    );
}

#[test]
fn annotations_come_from_the_class_the_settings_and_the_weight() {
    let texts = |pairs: &[(&str, &str)]| {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    };
    let nginx = Nginx {
        prefix: "custom.io".to_owned(),
        additional: texts(&[
            ("canary-by-header", "X-Canary"),
            ("custom.io/canary-by-cookie", "c"),
            ("canary", "no"),
            ("twice", "additional"),
        ]),
        verbatim: texts(&[
            ("plain", "p"),
            ("custom.io/twice", "verbatim"),
            ("custom.io/canary-weight", "99"),
        ]),
        total: Some(Weight(1000)),
        ..nginx()
    };
    assert_eq!(
        canary(&nginx, 125, &recorded())["metadata"]["annotations"],
        json!({
            "kubernetes.io/ingress.class": "nginx",
            "custom.io/canary-by-header": "X-Canary",
            "custom.io/canary-by-cookie": "c",
            "custom.io/twice": "verbatim",
            "plain": "p",
            "custom.io/canary": "true",
            "custom.io/canary-weight": "125",
            "custom.io/canary-weight-total": "1000",
        })
    );
}

#[test]
fn class_tls_and_matching_rules_are_copied_and_nothing_else() {
    let mut stable = recorded();
    stable["metadata"]["annotations"] = json!({"a": "b"});
    let matching = |service: &str| json!({"host": "b", "http": {"paths": [path("/x", service)]}});
    stable["spec"] = json!({
        "ingressClassName": "nginx",
        "tls": [{"hosts": ["demo.local"], "secretName": "s"}],
        "defaultBackend": {"service": {"name": "demo-stable", "port": {"number": 80}}},
        "rules": [
            {"host": "a", "http": {"paths": [path("/", "other")]}},
            {"host": "no-http"},
            {"host": "null-http", "http": null},
            {"host": "resource", "http": {"paths": [{"path": "/", "backend": {"resource": {"kind": "Bucket", "name": "b"}}}]}},
            {"host": "odd", "http": {"paths": [7, {"backend": {"service": {"name": 7}}}]}},
            matching("demo-stable"),
        ],
    });
    let canary = canary(&nginx(), 10, &stable);
    assert_eq!(
        canary["spec"],
        json!({
            "ingressClassName": "nginx",
            "tls": [{"hosts": ["demo.local"], "secretName": "s"}],
            "rules": [matching("demo-canary")],
        })
    );
    let annotations = canary["metadata"]["annotations"].as_object().unwrap();
    assert!(annotations.keys().all(|key| key.starts_with(PREFIX)), "{annotations:?}");
}

#[test]
fn changes_of_the_stable_ingress_reach_the_canary_ingress() {
    let mut existing = canary(&nginx(), 10, &recorded());
    existing["metadata"]["annotations"]["someone/else"] = json!("kept");
    existing["metadata"]["labels"] = json!({"kept": "too"});
    existing["spec"]["tls"] = json!([{"secretName": "gone"}]);
    let mut stable = recorded();
    stable["spec"]["ingressClassName"] = json!("other");
    stable["spec"]["rules"][0]["host"] = json!("new.local");
    let world = [stable.clone(), existing];
    let after = applied(&world, &writes(&nginx(), 10, &world).unwrap());
    let wanted = canary(&nginx(), 10, &stable);
    assert_eq!(after[1]["spec"], wanted["spec"]);
    assert_eq!(after[1]["metadata"]["annotations"]["someone/else"], "kept");
    assert_eq!(after[1]["metadata"]["labels"], json!({"kept": "too"}));
}

#[test]
fn several_ingresses_move_together_or_not_at_all() {
    let named = |name: &str| {
        let mut value = recorded();
        value["metadata"]["name"] = json!(name);
        value
    };
    let nginx = Nginx { ingresses: ["demo", "extra", "demo"].map(str::to_owned).into(), ..nginx() };
    let targets = |writes: Vec<Write>| writes.into_iter().map(|w| w.target.name).collect::<Vec<_>>();
    let both = writes(&nginx, 25, &[recorded(), named("extra")]).unwrap();
    assert_eq!(targets(both), ["demo-demo-canary", "demo-extra-canary"]);
    let error = writes(&nginx, 25, &[recorded()]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "error retrieving stableIngress `extra` from cache: ingress.networking.k8s.io \"extra\" not found"
    );
}

#[test]
fn what_cannot_be_done_is_said() {
    let mut elsewhere = recorded();
    elsewhere["spec"] = json!({"rules": [{"http": {"paths": [path("/", "other")]}}]});
    let error = writes(&nginx(), 5, &[elsewhere]).unwrap_err();
    assert_eq!(error.to_string(), "ingress `demo` has no rules using service demo-stable backend");
    for spec in [json!(null), json!({}), json!({"rules": 3}), json!({"rules": [null, 1]}), json!("x")] {
        let mut odd = recorded();
        odd["spec"] = spec;
        assert!(matches!(writes(&nginx(), 5, &[odd]), Err(Error::NoRules { .. })));
    }
    for owners in [json!([]), json!([{"uid": "u-other", "controller": true}]), json!([{"uid": "u-demo"}])] {
        let mut foreign = canary(&nginx(), 0, &recorded());
        foreign["metadata"]["ownerReferences"] = owners;
        let error = writes(&nginx(), 5, &[recorded(), foreign]).unwrap_err();
        assert_eq!(error.to_string(), "canary ingress `demo-demo-canary` controlled by different object");
    }
}

#[test]
fn long_names_are_cut_and_must_stay_apart() {
    let long = "x".repeat(250);
    let name = canary_ingress_name("demo", &long);
    assert_eq!((name.len(), name.ends_with("x-canary")), (253, true));
    assert_eq!(canary_ingress_name("demo", &"x".repeat(241)).len(), 253);
    assert_eq!(canary_ingress_name("demo", "web"), "demo-web-canary");
    assert!(canary_ingress_name("demo", &"ü".repeat(200)).len() <= 253, "cut between letters");

    let names = [format!("{long}a"), format!("{long}b")];
    let world = names.clone().map(|name| {
        let mut value = recorded();
        value["metadata"]["name"] = json!(name);
        value
    });
    let error = writes(&Nginx { ingresses: names.into(), ..nginx() }, 5, &world).unwrap_err();
    assert!(error.to_string().contains("would share the canary ingress"), "{error}");
}

#[test]
fn the_weight_can_be_read_back() {
    let router = Router::Nginx(nginx());
    let weight = |world: Vec<Value>| router.observed_weight(&owner(), &observed(world));
    let canary = canary(&nginx(), 25, &recorded());
    assert_eq!(weight(vec![recorded(), canary.clone()]), Some(Weight(25)));
    assert_eq!(weight(vec![recorded()]), None);
    for (key, value) in [("canary", "false"), ("canary-weight", "many"), ("canary-weight", "-1")] {
        let mut odd = canary.clone();
        odd["metadata"]["annotations"][format!("{PREFIX}/{key}")] = json!(value);
        assert_eq!(weight(vec![odd]), None, "{key}: {value}");
    }
    let two = Nginx { ingresses: vec!["demo".to_owned(), "extra".to_owned()], ..nginx() };
    let mut other = canary.clone();
    other["metadata"]["name"] = json!("demo-extra-canary");
    let read = |world: Vec<Value>| Router::Nginx(two.clone()).observed_weight(&owner(), &observed(world));
    assert_eq!(read(vec![canary.clone(), other.clone()]), Some(Weight(25)));
    other["metadata"]["annotations"][format!("{PREFIX}/canary-weight")] = json!("30");
    assert_eq!(read(vec![canary, other]), None, "they do not agree");
    assert_eq!(Router::Nginx(Nginx::default()).observed_weight(&owner(), &observed([])), None);
}

#[test]
fn the_router_names_what_it_must_see() {
    let keys = Router::Nginx(nginx()).keys(&owner());
    let names: Vec<_> = keys.iter().map(|key| (key.namespace.as_str(), key.name.as_str())).collect();
    assert_eq!(names, [("seed", "demo"), ("seed", "demo-demo-canary")]);
}

fn any_ingress() -> impl Strategy<Value = Value> {
    let service = prop::sample::select(vec!["demo-stable", "other", "demo-canary"]);
    let backend = prop_oneof![
        4 => service.prop_map(|service| path("/", service)),
        1 => Just(json!({"path": "/r", "backend": {"resource": {"name": "b"}}})),
    ];
    let rule = prop_oneof![
        4 => prop::collection::vec(backend, 0..4).prop_map(|paths| json!({"http": {"paths": paths}})),
        1 => Just(json!({"host": "bare"})),
    ];
    let class = prop::option::of(prop::sample::select(vec!["nginx", "other"]));
    (prop::collection::vec(rule, 0..4), class.clone(), class).prop_map(|(rules, class, annotation)| {
        let mut value = recorded();
        value["spec"] = json!({"rules": rules, "ingressClassName": class});
        value["metadata"]["annotations"] =
            annotation.map_or(json!({}), |class| json!({INGRESS_CLASS_ANNOTATION: class}));
        value
    })
}

proptest! {
    /// Whatever stands there and whatever stood there before: one write makes it right, and a second is not needed.
    #[test]
    fn writing_once_is_enough(before in any_ingress(), after in any_ingress(), weight in 0..=100_u32) {
        let mut world = vec![before.clone()];
        if let Ok(first) = writes(&nginx(), 7, &world) {
            world = applied(&world, &first);
        }
        world[0] = after.clone();
        let has_rule = after.to_string().contains("demo-stable");
        match writes(&nginx(), weight, &world) {
            Err(error) => prop_assert!(!has_rule, "{error}"),
            Ok(second) => {
                prop_assert!(has_rule && second.len() <= 1);
                let done = applied(&world, &second);
                prop_assert_eq!(writes(&nginx(), weight, &done), Ok(vec![]));
                let router = Router::Nginx(nginx());
                prop_assert_eq!(router.observed_weight(&owner(), &observed(done.clone())), Some(Weight(weight)));
                let rules = done[1]["spec"]["rules"].to_string();
                prop_assert!(!rules.contains("demo-stable") && rules.contains("demo-canary"));
                prop_assert_eq!(&done[0], &after, "the users' Ingress is never written");
            }
        }
    }
}
