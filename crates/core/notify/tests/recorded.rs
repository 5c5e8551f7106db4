//! Every message and every call that Flagger was seen to send must be made here alike.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
// The recordings are files beside the checkout: reading them is this test's edge.
#![allow(clippy::disallowed_methods)]

use std::{fs, path::Path};

use base64::Engine as _;
use serde_json::{Value, json};
use serin_api::{
    flagger::{AlertProvider, Canary, CanaryStatus, CanaryWebhook, ChatKind, Severity},
    lenient,
};
use serin_kernel::{Call, EventType, Moment};
use serin_notify::{Alert, Fact, Recipient, Told, event, facts, hook, message};

const CLUSTER: &str = "test-cluster";
const SERVER: &str = "http://127.0.0.1:19190";

/// Objects that a scenario applied.
fn inputs(folder: &Path) -> Vec<Value> {
    let text = fs::read_to_string(folder.join("inputs.yaml")).unwrap();
    let options = || serde_saphyr::options! { budget: None };
    text.split("\n---\n")
        .filter(|document| !document.contains("# patch") && document.contains("apiVersion"))
        .map(|document| serde_saphyr::from_str_with_options(document, options()).expect(document))
        .collect()
}

fn lines(folder: &Path, file: &str) -> Vec<Value> {
    let text = fs::read_to_string(folder.join(file)).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Does something with each recorded scenario and its objects.
fn each_scenario(mut visit: impl FnMut(&Path, &[Value])) {
    let Some(root) = serin_needs::shared("recorded/flagger") else { return };
    for provider in
        fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir())
    {
        for folder in fs::read_dir(provider).unwrap().map(|entry| entry.unwrap().path()) {
            visit(&folder, &inputs(&folder));
        }
    }
}

fn text(value: &Value, pointer: &str) -> String {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// The chat that a recorded message went to: a provider of the scenario, or the controller's own.
fn recipient(path: &str, objects: &[Value]) -> Recipient {
    let at = |wanted: &str| {
        let plain = path.trim_end_matches("/slack");
        [format!("{SERVER}{path}"), format!("{SERVER}{plain}")].iter().any(|address| address == wanted)
    };
    match path {
        "/global/slack" => return Recipient::new(ChatKind::Slack, &format!("{SERVER}{path}")).unwrap(),
        "/global/msteams" => return Recipient::new(ChatKind::MsTeams, &format!("{SERVER}{path}")).unwrap(),
        _ => {}
    }
    let of_kind =
        |kind: &str| objects.iter().filter(|object| object["kind"] == kind).cloned().collect::<Vec<_>>();
    for provider in of_kind("AlertProvider") {
        let spec = lenient::<AlertProvider>(provider.clone()).value.spec;
        let secret = of_kind("Secret").into_iter().find(|secret| {
            secret["metadata"]["name"] == provider["spec"]["secretRef"]["name"]
                && at(&text(secret, "/stringData/address"))
        });
        if secret.is_none() && !at(&spec.address) {
            continue;
        }
        let encode =
            |value: &Value| json!(base64::engine::general_purpose::STANDARD.encode(value.as_str().unwrap()));
        let data = secret.map(|secret| {
            let data = secret["stringData"].as_object().unwrap().iter();
            data.map(|(key, value)| (key.clone(), encode(value))).collect::<Value>()
        });
        return Recipient::of(&spec, data.as_ref()).unwrap();
    }
    panic!("nobody is at {path}")
}

/// Name, text and facts of a recorded message, whatever the chat.
fn read(body: &Value) -> (String, String, usize) {
    let (name, said, count) = if let Some(attachment) = body.pointer("/attachments/0") {
        (
            text(attachment, "/author_name"),
            text(attachment, "/text"),
            attachment["fields"].as_array().unwrap().len(),
        )
    } else if let Some(section) = body.pointer("/sections/0") {
        (
            text(section, "/activitySubtitle"),
            text(section, "/activityTitle"),
            section["facts"].as_array().unwrap().len(),
        )
    } else {
        let card = &body["cards"][0];
        let sections = card["sections"].as_array().unwrap();
        let said = text(&sections[0], "/widgets/0/textParagraph/text");
        let said = said.replace("<font color=#848484><strong>", "").replace("</strong></font>", "");
        (text(card, "/header/subtitle"), said, sections.len() - 1)
    };
    (name, said, count)
}

fn body(call: &Call) -> Value {
    serde_json::from_str(call.body.text()).unwrap()
}

#[test]
fn every_recorded_alert_is_made_alike() {
    let (mut seen, mut chats) = (0, std::collections::BTreeSet::new());
    each_scenario(|folder, objects| {
        for recorded in lines(folder, "alerts.jsonl") {
            let (name, said, count) = read(&recorded["body"]);
            let (name, namespace) = name.split_once('.').unwrap();
            let canary = objects
                .iter()
                .find(|object| object["kind"] == "Canary" && object["metadata"]["name"] == name);
            let canary = lenient::<Canary>(canary.unwrap().clone()).value;
            let facts: Vec<Fact> = facts(CLUSTER, &canary, count > 1);
            let is_bad = ["Failed checks threshold reached", "Promotion failed"]
                .iter()
                .any(|start| said.starts_with(start));
            let severity = if is_bad { Severity::Error } else { Severity::Info };
            let alert = Alert { name, namespace, text: &said, severity, facts: &facts };
            let path = text(&recorded, "/path");
            let call = message(&recipient(&path, objects), &alert);
            assert_eq!(body(&call), recorded["body"], "{}", folder.display());
            assert_eq!(call.url, format!("{SERVER}{path}"));
            let headers: Value =
                call.headers.iter().map(|(key, value)| (key.clone(), json!(value))).collect();
            assert_eq!(headers, recorded["headers"], "{}", folder.display());
            chats.insert(text(&recorded, "/receiver"));
            seen += 1;
        }
    });
    assert!(seen == 0 || (400 < seen && chats.len() == 8), "{seen} {chats:?}");
}

/// Puts the recorder's word for a checksum in place of ours, which has another value.
fn with_checksum(call: &Call, recorded: &Value) -> Value {
    let mut body = body(call);
    let ours = body["checksum"].as_str().unwrap();
    assert!((1..=10).contains(&ours.len()), "{ours}");
    body["checksum"] = recorded["checksum"].clone();
    body
}

fn canary(recorded: &Value) -> Canary {
    let metadata = json!({"name": recorded["name"], "namespace": recorded["namespace"]});
    let canary = lenient::<Canary>(json!({"metadata": metadata})).value;
    Canary { status: CanaryStatus { last_applied_spec: "x".to_owned(), ..CanaryStatus::default() }, ..canary }
}

#[test]
fn every_recorded_web_hook_and_event_is_called_alike() {
    let mut seen = 0;
    each_scenario(|folder, objects| {
        let canaries = objects.iter().filter(|object| object["kind"] == "Canary").cloned();
        let hooks: Vec<CanaryWebhook> = canaries
            .flat_map(|canary| lenient::<Canary>(canary).value.spec.analysis.unwrap_or_default().webhooks)
            .collect();
        let calls = lines(folder, "hooks.jsonl").into_iter().map(|recorded| {
            let url = format!("{SERVER}{}", text(&recorded, "/path"));
            let found = hooks.iter().find(|hook| hook.url == url);
            (
                found.unwrap_or_else(|| panic!("{url} in {}", folder.display())).clone(),
                recorded["body"].clone(),
            )
        });
        let events =
            lines(folder, "event-payloads.jsonl").into_iter().map(|body| (CanaryWebhook::default(), body));
        for (webhook, recorded) in calls.chain(events) {
            let (canary, phase) = (canary(&recorded), text(&recorded, "/phase"));
            let message = text(&recorded, "/metadata/eventMessage");
            let is_warning = recorded.pointer("/metadata/eventType") == Some(&json!("Warning"));
            let kind = if is_warning { EventType::Warning } else { EventType::Normal };
            let told = Told { message: &message, kind, at: Moment::from_secs(1) };
            let call = if message.is_empty() {
                hook(&webhook, &canary, &phase)
            } else {
                event(&webhook, &canary, &phase, &told)
            };
            let mut expected = recorded.clone();
            if !message.is_empty() {
                expected["metadata"]["timestamp"] = json!("1000");
            }
            assert_eq!(with_checksum(&call.unwrap(), &expected), expected, "{}", folder.display());
            seen += 1;
        }
    });
    assert!(seen == 0 || 2000 < seen, "{seen}");
}
