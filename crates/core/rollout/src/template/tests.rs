//! What the controller puts into templates, and the names that they get.

use serde_json::json;
use serin_api::rollout::Rollout;

use super::*;

fn plain(a: &Value, b: &Value) -> bool {
    equal(a, b, &Injected::default())
}

/// A template with something of everything.
fn template() -> Value {
    json!({
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
    })
}

/// A template with one field replaced.
fn with(pointer: &str, value: Value) -> Value {
    let mut template = template();
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    match template.pointer_mut(parent).unwrap_or_else(|| panic!("{parent}")) {
        Value::Object(map) => drop(map.insert(key.to_owned(), value)),
        Value::Array(list) => list[key.parse::<usize>().unwrap()] = value,
        other => panic!("{other}"),
    }
    template
}

#[test]
fn what_the_controller_puts_in_does_not_count() {
    let template = template();
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
    let bare = template();
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
fn a_hash_is_of_what_is_said_and_of_the_collisions() {
    let template = template();
    let mut written_out = template.clone();
    written_out["spec"]["restartPolicy"] = json!("Always");
    assert!(plain(&template, &written_out));
    assert_eq!(hash(&template, None), hash(&written_out, None));
    assert_eq!(hash(&template, None), hash(&with_hash_label(&template, "abc"), None));
    let changed = with("/spec/restartPolicy", json!("Never"));
    let one = |(template, count): (&Value, Option<u32>)| hash(template, count);
    let hashes: Vec<String> = [
        (&template, None),
        (&template, Some(0)),
        (&template, Some(1)),
        (&template, Some(256)),
        (&changed, None),
    ]
    .map(one)
    .into();
    for (index, one) in hashes.iter().enumerate() {
        assert!(one.len() <= 10 && !hashes[..index].contains(one), "{hashes:?}");
    }
}

#[test]
fn a_hash_never_changes_between_releases() {
    // Changing either value restarts every workload or every update in flight that Serin runs. Do not.
    let template = template();
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
    let template = template();
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
