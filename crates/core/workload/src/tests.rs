//! Spellings of one template, and properties over made-up ones.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::canonical;

/// Whether two templates have one form.
fn same(a: &Value, b: &Value) -> bool {
    canonical(a) == canonical(b)
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
        "metadata": {"creationTimestamp": null, "annotations": {}, "labels": {"app": "demo"}},
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
        assert!(!same(&template, &changed), "{pointer} = {value}");
    }
}

#[test]
fn an_empty_selector_is_not_an_absent_one() {
    let spread = |constraint: Value| with("/spec/topologySpreadConstraints", json!([constraint]));
    assert!(!same(&spread(json!({"maxSkew": 1, "labelSelector": {}})), &spread(json!({"maxSkew": 1}))));
    assert!(same(
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
        assert!(same(&template(image, None), &template(image, Some(policy))), "{image}");
        let other = if policy == "Always" { "IfNotPresent" } else { "Always" };
        assert!(!same(&template(image, None), &template(image, Some(other))), "{image}");
    }
}

#[test]
fn the_two_names_of_a_service_account_are_one() {
    let spec = |spec: Value| json!({"spec": spec});
    let named = spec(json!({"serviceAccountName": "a"}));
    for other in [json!({"serviceAccount": "a"}), json!({"serviceAccount": "a", "serviceAccountName": ""})] {
        assert!(same(&named, &spec(other)));
    }
    assert!(
        same(&named, &spec(json!({"serviceAccount": "old", "serviceAccountName": "a"}))),
        "the new name wins"
    );
    assert!(!same(&named, &spec(json!({"serviceAccount": "b"}))));
}

#[test]
fn a_port_on_the_hosts_network_is_the_same_port_of_the_host() {
    let template = |network: bool, port: Value| json!({"spec": {"hostNetwork": network, "containers": [{"image": "a:1", "ports": [port]}]}});
    let (own, written) = (json!({"containerPort": 80}), json!({"containerPort": 80, "hostPort": 80}));
    assert!(same(&template(true, own.clone()), &template(true, written.clone())));
    assert!(!same(&template(false, own), &template(false, written)));
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
    fn the_canonical_form_is_a_fixed_point_that_no_wording_moves(template in any_template()) {
        let once = canonical(&template);
        prop_assert_eq!(canonical(&once), once.clone());
        prop_assert_eq!(canonical(&reworded(&template)).to_string(), once.to_string());
    }
}
