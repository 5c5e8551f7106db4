//! Spellings of one template, and properties over made-up ones.

use proptest::prelude::*;
use serde_json::json;
use serin_api::rollout::Rollout;

use super::*;

fn plain(a: &Value, b: &Value) -> bool {
    equal(a, b, &Injected::default())
}

/// A template as a user writes it, and as an API server gives it back.
fn short_and_long() -> (Value, Value) {
    let short = json!({
        "metadata": {"labels": {"app": "demo"}},
        "spec": {
            "serviceAccountName": "robot",
            "containers": [{
                "name": "main",
                "image": "registry.local:5000/demo:blue",
                "ports": [{"containerPort": 8080}],
                "env": [
                    {"name": "EMPTY", "value": ""},
                    {"name": "POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
                    {"name": "CPU", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu"}}},
                ],
                "resources": {"limits": {"cpu": 1, "memory": "1Gi"}},
                "readinessProbe": {"httpGet": {"port": 8080}},
                "lifecycle": {"preStop": {"httpGet": {"port": 8080, "path": "/bye"}}},
                "volumeMounts": [{"name": "scratch", "mountPath": "/tmp"}],
            }],
            "volumes": [
                {"name": "scratch"},
                {"name": "secret", "secret": {"secretName": "s"}},
                {"name": "config", "configMap": {"name": "c"}},
                {"name": "host", "hostPath": {"path": "/var/log"}},
                {"name": "many", "projected": {"sources": [
                    {"serviceAccountToken": {"path": "token"}},
                    {"downwardAPI": {"items": [{"path": "n", "fieldRef": {"fieldPath": "metadata.name"}}]}},
                ]}},
            ],
        },
    });
    let long = json!({
        "metadata": {"creationTimestamp": null, "annotations": {}, "labels": {"app": "demo", "rollouts-pod-template-hash": "abc"}},
        "spec": {
            "restartPolicy": "Always", "dnsPolicy": "ClusterFirst", "schedulerName": "default-scheduler",
            "terminationGracePeriodSeconds": 30.0, "securityContext": {}, "enableServiceLinks": true, "hostNetwork": false,
            "serviceAccount": "robot", "serviceAccountName": "robot", "nodeSelector": {}, "tolerations": [], "affinity": null,
            "containers": [{
                "image": "registry.local:5000/demo:blue", "imagePullPolicy": "IfNotPresent", "name": "main",
                "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File",
                "ports": [{"containerPort": 8080, "protocol": "TCP"}], "command": [], "args": null,
                "env": [
                    {"name": "EMPTY"},
                    {"name": "POD", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.name"}}},
                    {"name": "CPU", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu", "divisor": "0"}}},
                ],
                "resources": {"limits": {"memory": "1024Mi", "cpu": "1000m"}, "requests": {}},
                "readinessProbe": {
                    "httpGet": {"port": 8080, "path": "/", "scheme": "HTTP"}, "timeoutSeconds": 1, "periodSeconds": 10,
                    "successThreshold": 1, "failureThreshold": 3, "initialDelaySeconds": 0,
                },
                "lifecycle": {"preStop": {"httpGet": {"port": 8080, "path": "/bye", "scheme": "HTTP"}}},
                "volumeMounts": [{"name": "scratch", "mountPath": "/tmp", "readOnly": false}],
            }],
            "volumes": [
                {"name": "scratch", "emptyDir": {}},
                {"name": "secret", "secret": {"secretName": "s", "defaultMode": 420}},
                {"name": "config", "configMap": {"name": "c", "defaultMode": 420}},
                {"name": "host", "hostPath": {"path": "/var/log", "type": ""}},
                {"name": "many", "projected": {"defaultMode": 420, "sources": [
                    {"serviceAccountToken": {"path": "token", "expirationSeconds": 3600}},
                    {"downwardAPI": {"items": [
                        {"path": "n", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.name"}},
                    ]}},
                ]}},
            ],
        },
    });
    (short, long)
}

#[test]
fn defaults_written_out_change_nothing() {
    let (short, long) = short_and_long();
    assert_eq!(canonical(&short), canonical(&long));
    assert!(plain(&short, &long) && plain(&long, &short));
    assert_eq!(hash(&short, None), hash(&long, None));
    assert_eq!(canonical(&canonical(&long)), canonical(&long), "doing it twice changes nothing");
}

/// A template with one field replaced.
fn with(pointer: &str, value: Value) -> Value {
    let (mut template, _) = short_and_long();
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    match template.pointer_mut(parent).unwrap_or_else(|| panic!("{parent}")) {
        Value::Object(map) => drop(map.insert(key.to_owned(), value)),
        Value::Array(list) => list[key.parse::<usize>().unwrap()] = value,
        other => panic!("{other}"),
    }
    template
}

#[test]
fn what_says_something_counts() {
    let (template, _) = short_and_long();
    for (pointer, value) in [
        ("/metadata/labels/app", json!("other")),
        ("/metadata/labels/more", json!("")),
        ("/metadata/annotations", json!({"a": "b"})),
        ("/spec/restartPolicy", json!("Never")),
        ("/spec/terminationGracePeriodSeconds", json!(0)),
        ("/spec/enableServiceLinks", json!(false)),
        ("/spec/automountServiceAccountToken", json!(false)),
        ("/spec/serviceAccountName", json!("other")),
        ("/spec/securityContext", json!({"runAsUser": 0})),
        ("/spec/unknownField", json!(1)),
        ("/spec/containers/0/image", json!("registry.local:5000/demo:green")),
        ("/spec/containers/0/imagePullPolicy", json!("Always")),
        ("/spec/containers/0/args", json!([""])),
        ("/spec/containers/0/env/0/value", json!("x")),
        ("/spec/containers/0/resources/limits/cpu", json!("1001m")),
        ("/spec/containers/0/resources/limits/cpu", json!("nonsense")),
        ("/spec/containers/0/readinessProbe/timeoutSeconds", json!(2)),
        ("/spec/containers/0/readinessProbe/httpGet/port", json!("8080")),
        ("/spec/containers/0/volumeMounts/0/readOnly", json!(true)),
        ("/spec/volumes/1/secret/defaultMode", json!(256)),
        ("/spec/volumes/0/emptyDir", json!({"medium": "Memory"})),
        ("/spec/topologySpreadConstraints", json!([{"maxSkew": 1, "labelSelector": {}}])),
    ] {
        let changed = with(pointer, value.clone());
        assert!(!plain(&template, &changed), "{pointer} = {value}");
        assert_ne!(hash(&template, None), hash(&changed, None), "{pointer} = {value}");
    }
}

#[test]
fn an_empty_selector_is_not_an_absent_one() {
    let spread = |constraint: Value| with("/spec/topologySpreadConstraints", json!([constraint]));
    assert!(!plain(&spread(json!({"maxSkew": 1, "labelSelector": {}})), &spread(json!({"maxSkew": 1}))));
    assert!(plain(
        &spread(json!({"maxSkew": 1, "labelSelector": {"matchLabels": {}}})),
        &spread(json!({"maxSkew": 1, "labelSelector": {}}))
    ));
}

#[test]
fn the_pull_policy_follows_from_the_tag() {
    let template = |image: &str, policy: Option<&str>| {
        let mut container = json!({"name": "c", "image": image});
        if let Some(policy) = policy {
            container["imagePullPolicy"] = json!(policy);
        }
        json!({"spec": {"containers": [container]}})
    };
    for (image, policy) in [
        ("demo", "Always"),
        ("demo:latest", "Always"),
        ("localhost:5000/demo", "Always"),
        ("demo:latest@sha256:abc", "Always"),
        ("demo:1", "IfNotPresent"),
        ("localhost:5000/demo:1", "IfNotPresent"),
        ("demo@sha256:abc", "IfNotPresent"),
        ("", "IfNotPresent"),
    ] {
        assert!(plain(&template(image, None), &template(image, Some(policy))), "{image}");
        let other = if policy == "Always" { "IfNotPresent" } else { "Always" };
        assert!(!plain(&template(image, None), &template(image, Some(other))), "{image}");
    }
}

#[test]
fn the_two_names_of_a_service_account_are_one() {
    let spec = |spec: Value| json!({"spec": spec});
    let named = spec(json!({"serviceAccountName": "a"}));
    for other in [json!({"serviceAccount": "a"}), json!({"serviceAccount": "a", "serviceAccountName": ""})] {
        assert!(plain(&named, &spec(other)));
    }
    assert!(
        plain(&named, &spec(json!({"serviceAccount": "old", "serviceAccountName": "a"}))),
        "the new name wins"
    );
    assert!(!plain(&named, &spec(json!({"serviceAccount": "b"}))));
}

#[test]
fn a_port_on_the_hosts_network_is_the_same_port_of_the_host() {
    let template = |network: bool, port: Value| json!({"spec": {"hostNetwork": network, "containers": [{"image": "a:1", "ports": [port]}]}});
    let (own, written) = (json!({"containerPort": 80}), json!({"containerPort": 80, "hostPort": 80}));
    assert!(plain(&template(true, own.clone()), &template(true, written.clone())));
    assert!(!plain(&template(false, own), &template(false, written)));
}

#[test]
fn what_the_controller_puts_in_does_not_count() {
    let (template, _) = short_and_long();
    let record =
        Injected::from_annotation(r#"{"labels":{"deployment":"canary"},"annotations":{"who":"me"}}"#);
    let injected = inject_metadata(&template, &Injected::default(), &record);
    assert_eq!(injected["metadata"]["labels"], json!({"app": "demo", "deployment": "canary"}));
    assert_eq!(injected["metadata"]["annotations"], json!({"who": "me"}));
    assert!(!plain(&template, &injected));
    assert!(equal(&template, &injected, &record));
    assert_eq!(remove_metadata(&injected, &record), template);

    let stable = Injected::from_spec(&json!({"labels": {"deployment": "stable", "odd": 1}}));
    assert_eq!(stable.to_annotation(), r#"{"labels":{"deployment":"stable"}}"#);
    let promoted = inject_metadata(&injected, &record, &stable);
    assert_eq!(promoted["metadata"], json!({"labels": {"app": "demo", "deployment": "stable"}}));
    assert!(Injected::from_annotation("nonsense").is_empty());
}

#[test]
fn injected_anti_affinity_does_not_count_and_can_be_taken_out() {
    let (bare, _) = short_and_long();
    let user_term = json!({"topologyKey": "zone", "labelSelector": {"matchLabels": {"app": "demo"}}});
    let own_rules = with("/spec/affinity", json!({"podAntiAffinity": {REQUIRED: [user_term]}}));
    let rule = |strength| AntiAffinity { stable_hash: "abc".to_owned(), namespace: "n".to_owned(), strength };
    for template in [&bare, &own_rules] {
        for strength in [Strength::Required, Strength::Preferred(7)] {
            let injected = inject_anti_affinity(template, &rule(strength));
            assert_ne!(&injected, template);
            assert!(plain(template, &injected));
            assert_eq!(hash(template, None), hash(&injected, None));
            assert_eq!(&without_anti_affinity(&injected), template);
            let again = inject_anti_affinity(&injected, &rule(strength));
            assert_eq!(again, injected, "injecting twice is injecting once");
        }
    }
    let preferred = inject_anti_affinity(&bare, &rule(Strength::Preferred(7)));
    let expected = json!([{"weight": 7, "podAffinityTerm": {
        "labelSelector": {"matchExpressions": [
            {"key": "rollouts-pod-template-hash", "operator": "In", "values": ["abc"]},
        ]},
        "namespaces": ["n"],
        "topologyKey": "kubernetes.io/hostname",
    }}]);
    assert_eq!(preferred["spec"]["affinity"]["podAntiAffinity"][PREFERRED], expected);
}

const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";
const PREFERRED: &str = "preferredDuringSchedulingIgnoredDuringExecution";

#[test]
fn hashes_have_the_published_form() {
    // FNV-1a's own published test values, in the alphabet of Kubernetes.
    assert_eq!(fnv1a(FNV_OFFSET, b""), 0x811c_9dc5);
    assert_eq!(fnv1a(FNV_OFFSET, b"a"), 0xe40c_292c);
    assert_eq!(fnv1a(FNV_OFFSET, b"foobar"), 0xbf9c_f968);
    // '0' is byte 48, 48 mod 27 is 21; '9' is 57 mod 27, 3.
    assert_eq!(encode(0), "4");
    assert_eq!(encode(1_234_567_890), "56789bcdf4");
    let (template, _) = short_and_long();
    let hashes: Vec<String> = [None, Some(0), Some(1), Some(256)].map(|count| hash(&template, count)).into();
    for (index, one) in hashes.iter().enumerate() {
        assert!(one.len() <= 10 && one.bytes().all(|byte| ALPHABET.contains(&byte)), "{one}");
        assert!(!hashes[..index].contains(one), "{hashes:?}");
    }
}

#[test]
fn a_hash_never_changes_between_releases() {
    // Changing either value restarts every workload or every update in flight that Serin runs. Do not.
    let (template, _) = short_and_long();
    assert_eq!(hash(&template, None), "66dcc8f664");
    assert_eq!(step_hash(&steps(&json!([{"setWeight": 20}, {"pause": {}}]))), "54649b9f5c");
}

/// Steps as a manifest has them.
fn steps(list: &Value) -> Vec<CanaryStep> {
    let body = json!({"spec": {"strategy": {"canary": {"steps": list}}}});
    serin_api::lenient::<Rollout>(body).value.canary().unwrap().steps.clone()
}

#[test]
fn steps_hash_by_meaning() {
    let list = json!([{"setWeight": 20}, {"pause": {}}, {"setCanaryScale": {"weight": 1, "replicas": null}}]);
    let same = json!([{"setWeight": 20}, {"pause": {}}, {"setCanaryScale": {"weight": 1}}]);
    assert_eq!(step_hash(&steps(&list)), step_hash(&steps(&same)));
    for other in [
        json!([{"setWeight": 20}, {"pause": {}}]),
        json!([{"setWeight": 20}, {}, {"setCanaryScale": {"weight": 1}}]),
        json!([{"pause": {}}, {"setWeight": 20}, {"setCanaryScale": {"weight": 1}}]),
        json!([{"setWeight": 0}, {"pause": {}}, {"setCanaryScale": {"weight": 1}}]),
        json!([]),
    ] {
        assert_ne!(step_hash(&steps(&list)), step_hash(&steps(&other)), "{other}");
    }
}

#[test]
fn steps_hash_as_argo_hashes_them() {
    // Recorded from Argo's controller.
    let pause = json!({"pause": {"duration": "10s"}});
    let recorded = json!([
        {"setWeight": 25}, {"pause": {}}, {"setWeight": 50}, pause, {"setWeight": 75}, pause,
    ]);
    assert_eq!(step_hash(&steps(&recorded)), "7485dd54cf");
    // The texts that Go's encoder gives, hashed by hand: fields in the order of Go's structs, not of the manifest or
    // the alphabet.
    let rows = [
        (json!([]), "null"),
        (
            json!([{"setCanaryScale": {"matchTrafficWeight": true}, "setWeight": 5}]),
            r#"[{"setWeight":5,"setCanaryScale":{"matchTrafficWeight":true}}]"#,
        ),
        (
            json!([{"setCanaryScale": {"replicas": 2, "weight": 3}}]),
            r#"[{"setCanaryScale":{"weight":3,"replicas":2}}]"#,
        ),
        (
            json!([{"setHeaderRoute": {"match": [{"headerName": "a", "headerValue": {"regex": "<b>&"}}], "name": "r"}}]),
            r#"[{"setHeaderRoute":{"name":"r","match":[{"headerName":"a","headerValue":{"regex":"\u003cb\u003e\u0026"}}]}}]"#,
        ),
    ];
    for (list, text) in rows {
        assert_eq!(step_hash(&steps(&list)), encode(fnv1a(FNV_OFFSET, text.as_bytes())), "{text}");
    }
}

#[test]
fn the_hash_label_is_put_on_and_taken_off() {
    let (template, _) = short_and_long();
    let labelled = with_hash_label(&template, "abc");
    assert_eq!(labelled["metadata"]["labels"]["rollouts-pod-template-hash"], "abc");
    assert_eq!(without_hash_label(&labelled), template);
    let bare = with_hash_label(&json!({"spec": {}}), "abc");
    assert_eq!(bare["metadata"]["labels"], json!({"rollouts-pod-template-hash": "abc"}));
}

#[test]
fn odd_shapes_are_compared_not_refused() {
    let record = Injected::from_annotation(r#"{"labels":{"a":"b"}}"#);
    let rule = AntiAffinity { stable_hash: "a".into(), namespace: "n".into(), strength: Strength::Required };
    let mut deep = json!({"x": 1});
    for _ in 0..500 {
        deep = json!({ "spec": deep });
    }
    let odd = [
        json!(null),
        json!(7),
        json!([1, [2]]),
        json!({"metadata": 3, "spec": "text"}),
        json!({"metadata": {"labels": [1]}, "spec": {"containers": {"a": 1}, "volumes": 2, "affinity": []}}),
        json!({"spec": {"hostNetwork": true, "containers": [1, {"ports": [2, {"hostPort": null}]}]}}),
        json!({"spec": {"affinity": {"podAntiAffinity": {REQUIRED: [{"labelSelector": 1}, 2], PREFERRED: 3}}}}),
        deep,
    ];
    for (index, one) in odd.iter().enumerate() {
        let _ = inject_anti_affinity(one, &rule);
        let _ = inject_metadata(one, &record, &record);
        let _ = with_hash_label(one, "h");
        assert!(!hash(one, None).is_empty());
        assert!(equal(one, one, &record));
        for other in &odd[..index] {
            assert!(!plain(one, other), "{one} {other}");
        }
    }
}

/// Templates over few words, so that many are equal or nearly so.
fn any_template() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!(null)),
        Just(json!("")),
        Just(json!("v1")),
        Just(json!("TCP")),
        Just(json!("Always")),
        Just(json!("1000m")),
        Just(json!("1")),
        Just(json!(1)),
        Just(json!(1.0)),
        Just(json!(420)),
        Just(json!(false)),
        Just(json!(true)),
    ];
    let key = prop::sample::select(vec![
        "metadata",
        "labels",
        "spec",
        "containers",
        "image",
        "imagePullPolicy",
        "ports",
        "protocol",
        "hostPort",
        "hostNetwork",
        "containerPort",
        "resources",
        "limits",
        "cpu",
        "volumes",
        "secret",
        "defaultMode",
        "emptyDir",
        "labelSelector",
        "serviceAccount",
        "serviceAccountName",
        "restartPolicy",
        "env",
        "valueFrom",
        "fieldRef",
        "apiVersion",
        "rollouts-pod-template-hash",
    ]);
    let any = leaf.prop_recursive(6, 48, 6, move |inner| {
        prop_oneof![
            3 => prop::collection::vec((key.clone(), inner.clone()), 0..6)
                .prop_map(|pairs| pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()),
            1 => prop::collection::vec(inner, 0..3).prop_map(Value::Array),
        ]
    });
    (any.clone(), any.clone(), any).prop_map(|(labels, container, spec)| {
        let mut template = json!({"metadata": {"labels": labels}, "spec": spec});
        if let Some(spec) = template["spec"].as_object_mut() {
            spec.insert("containers".to_owned(), json!([container]));
        }
        template
    })
}

/// The same template in other words: keys in reverse, nothings added, whole numbers as fractions.
fn reworded(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let nothing = std::iter::once(("zz".to_owned(), Value::Null));
            map.iter().rev().map(|(key, value)| (key.clone(), reworded(value))).chain(nothing).collect()
        }
        Value::Array(list) => list.iter().map(reworded).collect(),
        Value::Number(number) => Value::from(number.as_f64().unwrap()),
        other => other.clone(),
    }
}

proptest! {
    #[test]
    fn the_canonical_form_is_a_fixed_point(template in any_template()) {
        let once = canonical(&template);
        prop_assert_eq!(canonical(&once), once.clone());
        prop_assert_eq!(canonical(&reworded(&template)).to_string(), once.to_string());
    }

    #[test]
    fn equality_is_an_equivalence(a in any_template(), b in any_template(), c in any_template()) {
        let record = Injected::from_annotation(r#"{"labels":{"env":"x"}}"#);
        let same = |a: &Value, b: &Value| equal(a, b, &record);
        prop_assert!(same(&a, &a) && same(&a, &reworded(&a)));
        prop_assert_eq!(same(&a, &b), same(&b, &a));
        prop_assert!(!(same(&a, &b) && same(&b, &c)) || same(&a, &c));
        prop_assert!(!plain(&a, &b) || hash(&a, None) == hash(&b, None));
    }
}
