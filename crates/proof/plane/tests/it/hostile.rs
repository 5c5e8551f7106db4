//! Requests that no honest client sends: each gets a clear `Status`, in bounded time, and the plane goes on.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};
use serin_plane::{Options, Plane};
use tower::Service as _;

/// The longest that one answer may take, in an unoptimised build on a busy machine.
const ANSWER_MAX: Duration = Duration::from_secs(20);
/// So many random requests: about ten seconds in an unoptimised build.
const REQUESTS: usize = 2000;
const CONFIG_MAPS: &str = "/api/v1/namespaces/default/configmaps";
const DEPLOYMENTS: &str = "/apis/apps/v1/namespaces/default/deployments";

/// Sends a request; the code and the answer, which must come in time and, if it is an error, be a `Status` that says why.
async fn send(plane: &Plane, method: &str, path: &str, media: &str, body: Vec<u8>) -> (u16, Value) {
    let Ok(request) = Request::builder().method(method).uri(path).header("content-type", media).body(())
    else {
        return (0, Value::Null); // no HTTP client can send this address
    };
    let (parts, ()) = request.into_parts();
    let begun = Instant::now();
    let response =
        plane.service().call(Request::from_parts(parts, Full::new(Bytes::from(body)))).await.unwrap();
    let code = response.status().as_u16();
    if path.contains("watch") && code == 200 {
        return (code, Value::Null); // an open watch has no end to wait for
    }
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    let value = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
    let shown: String = path.chars().take(200).collect();
    assert!(begun.elapsed() < ANSWER_MAX, "{method} {shown} took {:?}", begun.elapsed());
    assert!(code != 500, "{method} {shown}: {value}");
    if 400 <= code {
        assert_eq!(value["kind"], "Status", "{method} {shown}: {code}");
        assert!(value["message"].as_str().is_some_and(|text| !text.is_empty()), "{method} {shown}: {value}");
    }
    (code, value)
}

fn nested(open: &str, close: &str, depth: usize) -> Vec<u8> {
    (open.repeat(depth) + "1" + &close.repeat(depth)).into_bytes()
}

#[tokio::test]
async fn an_absurd_body_is_refused_with_its_reason() {
    let plane = Plane::new(Options::default());
    let json_type = "application/json";
    let many: serde_json::Map<String, Value> =
        (0..100_000).map(|key| (format!("k{key}"), json!("v"))).collect();
    let map = |data: Value| json!({ "metadata": { "name": "one" }, "data": data }).to_string().into_bytes();
    let over = map(json!({ "a": "x".repeat(3 * 1024 * 1024) }));
    let under = map(json!({ "a": "x".repeat(3 * 1024 * 1024 - 200) }));
    let aliases = (1..30).fold("a0: &a0 [x,x]\n".to_owned(), |mut text, n| {
        writeln!(text, "a{n}: &a{n} [*a{m},*a{m},*a{m},*a{m}]", m = n - 1).unwrap();
        text
    });
    for (media, body, want) in [
        (json_type, over, 413),
        (json_type, under, 422),
        (json_type, map(many.clone().into()), 201),
        (
            json_type,
            json!({ "metadata": { "name": "two", "annotations": many } }).to_string().into_bytes(),
            422,
        ),
        (json_type, nested("[", "]", 10_000), 400),
        (json_type, nested("{\"a\":", "}", 10_000), 400),
        (json_type, map(serde_json::from_slice(&nested("[", "]", 97)).unwrap()), 400),
        ("application/yaml", nested("[", "]", 10_000), 400),
        ("application/yaml", nested("{a: ", "}", 10_000), 400),
        ("application/yaml", aliases.into_bytes(), 400),
        ("application/yaml", b"a: b: c: - d".to_vec(), 400),
        (json_type, b"\xff\xfe{}".to_vec(), 400),
        (json_type, b"{\"metadata\":{\"name\":\"\xc3\x28\"}}".to_vec(), 400),
        ("application/yaml", b"metadata: {name: \xc3\x28}".to_vec(), 400),
        ("application/vnd.kubernetes.protobuf", vec![0xff; 5000], 400),
        ("application/vnd.kubernetes.protobuf", b"k8s\0\x0a\xff\xff\xff\xff\x7f".to_vec(), 400),
        (json_type, b"[]".to_vec(), 400),
        (json_type, b"null".to_vec(), 400),
        (json_type, Vec::new(), 400),
        ("text/html", b"<p>".to_vec(), 415),
    ] {
        let shown = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
        let (code, answer) = send(&plane, "POST", CONFIG_MAPS, media, body).await;
        assert_eq!(code, want, "{media} {shown}: {:.300}", answer.to_string());
    }
}

#[tokio::test]
async fn absurd_parameters_are_refused_or_harmless() {
    let plane = Plane::new(Options::default());
    let long = "a".repeat(60_000);
    for (query, want) in [
        ("limit=99999999999999999999999", 400),
        ("limit=9223372036854775807", 200),
        ("limit=-1", 200),
        ("limit=x", 400),
        ("continue=AAAA", 400),
        ("continue=%FF%FE", 400),
        ("continue=eyJydiI6MTg0NDY3NDQwNzM3MDk1NTE2MTUsIm5hbWVzcGFjZSI6IiIsIm5hbWUiOiIifQ", 400),
        ("resourceVersion=18446744073709551615", 504),
        ("resourceVersion=-1", 400),
        ("resourceVersion=99999999999999999999999", 400),
        ("watch=1&resourceVersion=18446744073709551615", 504),
        ("watch=1&timeoutSeconds=9223372036854775807", 200),
        ("watch=1&timeoutSeconds=x", 400),
        ("labelSelector=a+in+(", 400),
        ("labelSelector=a%20in%20((((", 400),
        ("labelSelector=%2C%2C%2C%3D", 400),
        ("labelSelector=%00", 400),
        ("labelSelector=a%3D%FF", 400),
        ("labelSelector=a%3Eb", 400),
        ("fieldSelector=metadata.name%3D%3D%3D", 400),
        ("fieldSelector=nothing%3D1", 400),
        ("fieldSelector=%3D", 400),
        (&format!("labelSelector={long}"), 400),
        (&format!("fieldSelector={}", "metadata.name%3Da%2C".repeat(2500)), 400),
        (&"&".repeat(60_000), 200),
    ] {
        let (code, answer) = send(&plane, "GET", &format!("{CONFIG_MAPS}?{query}"), "", Vec::new()).await;
        assert_eq!(code, want, "{:.100}: {:.300}", query, answer.to_string());
    }
}

#[tokio::test]
async fn an_unknown_field_is_refused_when_the_client_is_strict() {
    let plane = Plane::new(Options::default());
    let body = json!({ "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "web" }, "spec": {
        "replicaz": 1, "selector": { "matchLabels": { "a": "b" } },
        "template": { "metadata": { "labels": { "a": "b" } }, "spec": { "containers": [{ "name": "c", "image": "i" }] } },
    } });
    let path = format!("{DEPLOYMENTS}?fieldValidation=Strict");
    let (code, answer) = send(&plane, "POST", &path, "application/json", body.to_string().into_bytes()).await;
    assert_eq!(code, 400, "{answer}");
    assert!(answer["message"].as_str().unwrap().contains("spec.replicaz"), "{answer}");
}

/// A value that is wrong in some way, or right by accident.
fn noise(random: &mut StdRng, depth: usize) -> Value {
    const WORDS: [&str; 14] = [
        "",
        "a",
        "metadata",
        "name",
        "spec",
        "0",
        "-1",
        "1e999",
        "\u{0}",
        "a/b/c",
        "2026-13-40T99:99:99Z",
        "$patch",
        "replace",
        "💥",
    ];
    match random.random_range(0..if depth == 0 { 6 } else { 8 }) {
        0 => Value::Null,
        1 => random.random::<bool>().into(),
        2 => random.random::<i64>().into(),
        3 => json!(f64::from(random.random::<i32>()) / 7.0),
        4 => u64::MAX.into(),
        5 => WORDS[random.random_range(0..WORDS.len())].into(),
        6 => (0..random.random_range(0..4)).map(|_| noise(random, depth - 1)).collect(),
        _ => {
            let mut map = serde_json::Map::new();
            for _ in 0..random.random_range(0..4) {
                let word = WORDS[random.random_range(0..WORDS.len())];
                map.insert(word.to_owned(), noise(random, depth - 1));
            }
            map.into()
        }
    }
}

/// Puts noise in place of some part of a good object.
fn spoil(value: &mut Value, random: &mut StdRng) {
    if random.random_range(0..4) == 0 {
        *value = noise(random, 3);
        return;
    }
    let children: Vec<&mut Value> = match value {
        Value::Array(all) => all.iter_mut().collect(),
        Value::Object(all) => all.values_mut().collect(),
        _ => Vec::new(),
    };
    let count = children.len();
    match children.into_iter().nth(random.random_range(0..count.max(1))) {
        Some(child) => spoil(child, random),
        None => *value = noise(random, 3),
    }
}

/// Where objects are made, and a good one for each place.
fn good_objects() -> Vec<(&'static str, Value)> {
    let container = json!({ "name": "c", "image": "i", "ports": [{ "containerPort": 80 }], "env": [{ "name": "A", "value": "b" }],
        "resources": { "requests": { "cpu": "1" } }, "readinessProbe": { "httpGet": { "port": 80 } } });
    let meta = json!({ "name": "x", "labels": { "a": "b" }, "annotations": { "a": "b" }, "finalizers": ["a.io/b"],
        "ownerReferences": [{ "apiVersion": "v1", "kind": "Pod", "name": "o", "uid": "u" }] });
    let template = json!({ "metadata": { "labels": { "a": "b" } }, "spec": { "containers": [container] } });
    let selector = json!({ "matchLabels": { "a": "b" }, "matchExpressions": [{ "key": "a", "operator": "In", "values": ["b"] }] });
    let schema = json!({ "type": "object", "properties": { "spec": { "type": "object", "properties": {
        "n": { "type": "integer", "minimum": 1, "default": 2 }, "s": { "type": "string", "pattern": "^a$" } } } } });
    vec![
        (
            "/api/v1/namespaces/default/pods",
            json!({ "metadata": meta, "spec": template["spec"], "status": { "phase": "Running",
            "conditions": [{ "type": "Ready", "status": "True" }], "containerStatuses": [{ "restartCount": 1, "state": { "running": {} } }] } }),
        ),
        (
            DEPLOYMENTS,
            json!({ "metadata": meta, "spec": { "replicas": 1, "selector": selector, "template": template,
            "strategy": { "rollingUpdate": { "maxSurge": "25%" } } }, "status": { "replicas": 1 } }),
        ),
        (
            "/api/v1/namespaces/default/services",
            json!({ "metadata": meta, "spec": { "selector": { "a": "b" },
            "ports": [{ "port": 80, "targetPort": "http" }] } }),
        ),
        (CONFIG_MAPS, json!({ "metadata": meta, "data": { "a": "b" } })),
        (
            "/apis/networking.k8s.io/v1/namespaces/default/ingresses",
            json!({ "metadata": meta, "spec": { "rules": [{ "host": "a.b",
            "http": { "paths": [{ "path": "/", "pathType": "Prefix", "backend": { "service": { "name": "s", "port": { "number": 80 } } } }] } }] } }),
        ),
        (
            "/apis/autoscaling/v1/namespaces/default/horizontalpodautoscalers",
            json!({ "metadata": meta, "spec": { "maxReplicas": 3,
            "targetCPUUtilizationPercentage": 70, "scaleTargetRef": { "kind": "Deployment", "name": "x", "apiVersion": "apps/v1" } } }),
        ),
        (
            "/apis/policy/v1/namespaces/default/poddisruptionbudgets",
            json!({ "metadata": meta, "spec": { "selector": selector, "minAvailable": 1 } }),
        ),
        (
            "/apis/events.k8s.io/v1/namespaces/default/events",
            json!({ "metadata": meta, "note": "n", "reason": "r", "type": "Normal", "action": "a",
            "eventTime": "2026-01-01T00:00:00.000000Z", "reportingController": "c", "reportingInstance": "i", "regarding": { "namespace": "default" } }),
        ),
        (
            "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
            json!({ "metadata": { "name": "xs.a.io" }, "spec": { "group": "a.io", "scope": "Namespaced",
            "names": { "plural": "xs", "kind": "X" }, "versions": [{ "name": "v1", "served": true, "storage": true, "schema": { "openAPIV3Schema": schema },
            "additionalPrinterColumns": [{ "name": "N", "type": "integer", "jsonPath": ".spec.n" }], "subresources": { "status": {}, "scale": {
            "specReplicasPath": ".spec.n", "statusReplicasPath": ".status.n" } } }] } }),
        ),
        (
            "/apis/a.io/v1/namespaces/default/xs",
            json!({ "apiVersion": "a.io/v1", "kind": "X", "metadata": meta, "spec": { "n": 1 } }),
        ),
    ]
}

#[tokio::test]
async fn whatever_is_sent_the_plane_answers_and_goes_on() {
    let plane = Plane::new(Options { seed: Some(1), ..Options::default() });
    let kinds = good_objects();
    let mut random = StdRng::seed_from_u64(11);
    let (mut accepted, mut refused) = (0, 0);
    for _ in 0..REQUESTS {
        let (path, good) = &kinds[random.random_range(0..kinds.len())];
        let mut body = good.clone();
        if random.random_range(0..4) != 0 {
            spoil(&mut body, &mut random);
        }
        let name = body["metadata"]["name"].as_str().unwrap_or("x").to_owned();
        let name =
            if name.is_ascii() && !name.contains('\0') && !name.is_empty() { name } else { "x".to_owned() };
        let sub = ["", "", "/status", "/scale"][random.random_range(0..4)];
        let object = format!("{path}/{name}{sub}");
        let json_patch =
            json!([{ "op": "replace", "path": "/spec", "value": body["spec"] }, noise(&mut random, 2)]);
        let (method, path, media, body) = match random.random_range(0..8) {
            0 | 1 => ("POST", (*path).to_owned(), "application/json", body),
            2 => ("PUT", object, "application/json", body),
            3 => ("PATCH", object, "application/merge-patch+json", body),
            4 => ("PATCH", object, "application/strategic-merge-patch+json", body),
            5 => ("PATCH", object, "application/json-patch+json", json_patch),
            6 => ("DELETE", object, "application/json", noise(&mut random, 2)),
            _ => ("GET", (*path).to_owned(), "", Value::Null),
        };
        let body = if method == "GET" { Vec::new() } else { body.to_string().into_bytes() };
        match send(&plane, method, &path, media, body).await.0 {
            code if code < 400 => accepted += 1,
            _ => refused += 1,
        }
        // Tables walk fields that nothing has checked.
        if method == "GET" {
            let table = Request::get(&path)
                .header("accept", "application/json;as=Table;v=v1;g=meta.k8s.io,application/json");
            let table = plane.service().call(table.body(Full::new(Bytes::new())).unwrap()).await.unwrap();
            assert!(matches!(table.status().as_u16(), 200 | 404), "{path}: {}", table.status());
        }
    }
    assert!(REQUESTS / 10 < accepted && REQUESTS / 10 < refused, "{accepted} accepted, {refused} refused");
}
