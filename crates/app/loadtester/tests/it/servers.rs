//! Servers that test elsewhere: how their tests and processes end, and what else they may answer.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::bench::{Bench, server};

/// A server that answers a start with `started` and each later question with `state`, and what it was asked.
async fn answering(started: &'static str, state: &'static str) -> (String, Arc<Mutex<Vec<String>>>) {
    let heard: Arc<Mutex<Vec<String>>> = Arc::default();
    let noted = heard.clone();
    let address = server(move |request: Request<Bytes>| {
        noted.lock().push(format!("{} {}", request.method(), request.uri()));
        let body = if request.method() == "POST" { started } else { state };
        std::future::ready(Response::new(Bytes::from(body)))
    })
    .await;
    (address, heard)
}

fn ngrinder(server: &str) -> Value {
    json!({"type": "ngrinder", "server": server, "clone": "7", "username": "u", "passwd": "cA==", "pollInterval": "100ms"})
}

#[tokio::test]
async fn a_test_of_ngrinder_ends_as_its_server_says() {
    for (state, error) in [
        (r#"{"status": [{"status_id": "FINISHED"}]}"#, None),
        (r#"{"status": [{"status_id": "STOP_BY_ERROR"}]}"#, Some("ngrinder test 42 is STOP_BY_ERROR")),
        (r#"{"status": [{"status_id": "CANCELED"}]}"#, Some("ngrinder test 42 is CANCELED")),
    ] {
        let (address, heard) = answering(r#"{"id": 42}"#, state).await;
        let bench = Bench::new(|_| {});
        assert_eq!(bench.task(&ngrinder(&address)).await, (202, String::new(), String::new()));
        assert_eq!(bench.result(1).await["error"].as_str(), error, "{state}");
        assert_eq!(heard.lock()[..], ["POST /perftest/api/7/clone_and_start", "GET /perftest/api/42/status"]);
    }
}

#[tokio::test]
async fn a_test_of_ngrinder_that_does_not_end_is_stopped_and_one_that_does_not_start_has_failed() {
    let (address, heard) = answering(r#"{"id": 42}"#, r#"{"status": [{"status_id": "TESTING"}]}"#).await;
    let bench = Bench::new(|settings| settings.timeout = Duration::from_millis(500));
    assert_eq!(bench.task(&ngrinder(&address)).await.0, 202);
    let result = bench.result(1).await;
    assert_eq!(result["error"], "ngrinder test 42 was stopped when its time was over");
    assert_eq!(heard.lock().last().map(String::as_str), Some("PUT /perftest/api/42?action=stop"));
    for started in [r#"{"success": false}"#, "{}", "<html>", r#"{"id": "x"}"#] {
        let (address, _) = answering(started, "").await;
        let bench = Bench::new(|_| {});
        assert_eq!(bench.task(&ngrinder(&address)).await.0, 202);
        let result = bench.result(1).await;
        let error = result["error"].as_str().unwrap();
        assert!(
            error.starts_with("failed to clone and start ngrinder test http://127.0.0.1:"),
            "{started}: {error}"
        );
    }
}

#[tokio::test]
async fn a_process_of_concord_ends_with_every_final_state_and_with_every_answer_that_is_none() {
    let key = tempfile::NamedTempFile::new().unwrap();
    let running = r#"{"status": "RUNNING"}"#;
    for (started, state, expected) in [
        (r#"{"instanceId": "a", "ok": true}"#, r#"{"status": "FINISHED"}"#, None),
        (r#"{"instanceId": "a"}"#, r#"{"status": "FAILED"}"#, Some("concord instanceID: a failed")),
        (r#"{"instanceId": "a"}"#, r#"{"status": "CANCELLED"}"#, Some("concord instanceID: a failed")),
        (r#"{"instanceId": "a"}"#, r#"{"status": "TIMED_OUT"}"#, Some("concord instanceID: a failed")),
        (r#"{"instanceId": "a"}"#, "<html>", Some("answers no JSON")),
        (r#"{"ok": false}"#, running, Some("has no `instanceId`")),
        (r#"{"instanceId": "../x?y"}"#, running, Some("has no `instanceId`")),
        ("[]", running, Some("has no `instanceId`")),
        ("", running, Some("answers no JSON")),
    ] {
        let (address, _) = answering(started, state).await;
        let bench = Bench::new(|_| {});
        let (status, body, _) = bench
            .task(&json!({
                "type": "concord", "server": address, "org": "o", "project": "p", "repo": "r", "entrypoint": "e",
                "apiKeyPath": key.path().display().to_string(), "pollInterval": "1",
            }))
            .await;
        let found = (200 < status).then_some(body.as_str());
        assert_eq!(found.is_some(), expected.is_some(), "{started} {state}: {status} {body}");
        assert!(body.contains(expected.unwrap_or_default()), "{started} {state}: {body}");
    }
}
