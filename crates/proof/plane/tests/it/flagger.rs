//! What Flagger's definitions make of manifests, as kube-apiserver 1.33 has said of each line of flagger.jsonl with
//! Flagger 1.44's own definitions installed; ours answer alike here.
//!
//! A line has `refused` with the errors, or `stored` with the spec that was made of the given one, or neither when it
//! was stored as given. Its remark that the expression language was not consulted is left out: ours has no expressions.

use http::{Method, Request, StatusCode};
use kube::Client;
use serde_json::{Value, json};
use serin_plane::{Options, Plane};

const ROWS: &str = include_str!("flagger.jsonl");
/// Lines that are refused in other words: by a plain alternative in place of an expression, and by the two types that
/// ours names for a number or a text.
const OTHER_WORDS: [&str; 2] = ["mirror-service-without-port", "target-port-bool"];

/// Sends `object` and returns the code and the answer.
async fn post(client: &Client, path: &str, object: &Value) -> (StatusCode, Value) {
    let request = Request::builder()
        .method(Method::POST)
        .uri(path)
        .header("content-type", "application/json")
        .body(kube::client::Body::from(object.to_string().into_bytes()))
        .unwrap();
    let answer = client.send(request).await.unwrap();
    let code = answer.status();
    let body = answer.into_body().collect_bytes().await.unwrap();
    (code, serde_json::from_slice(&body).unwrap())
}

#[tokio::test(start_paused = true)]
async fn flaggers_kinds_are_admitted_as_flaggers_definitions_admit_them() {
    let plane = Plane::new(Options { seed: Some(1), ..Options::default() });
    let client = plane.client();
    for definition in serin_api::flagger::crds() {
        let path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
        let (code, answer) = post(&client, path, &definition).await;
        assert_eq!(code, StatusCode::CREATED, "{answer}");
    }
    let mut wrong = Vec::new();
    let rows: Vec<Value> = ROWS.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for row in &rows {
        let (kind, name) = (row["kind"].as_str().unwrap(), row["name"].as_str().unwrap());
        let plural = match kind {
            "Canary" => "canaries",
            "MetricTemplate" => "metrictemplates",
            _ => "alertproviders",
        };
        let object = json!({
            "apiVersion": "flagger.app/v1beta1", "kind": kind, "metadata": { "name": name }, "spec": row["spec"],
        });
        let path = format!("/apis/flagger.app/v1beta1/namespaces/default/{plural}?dryRun=All");
        let (code, answer) = post(&client, &path, &object).await;
        let held = if let Some(words) = row["refused"].as_str() {
            let expected = format!("{kind}.flagger.app \"{name}\" is invalid: {words}");
            code == StatusCode::UNPROCESSABLE_ENTITY
                && (answer["message"] == expected || OTHER_WORDS.contains(&name))
        } else {
            let stored = row.get("stored").unwrap_or(&row["spec"]);
            code == StatusCode::CREATED && answer["spec"] == *stored
        };
        if !held {
            wrong.push(format!("{row}\n  {code} {answer}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(rows.len(), 80);
}
