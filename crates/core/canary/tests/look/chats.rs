//! Chats that have threads: whole releases against Slack's interface in memory.

use std::time::Duration;

use serde_json::{Value, json};
use serin_api::kinds;
use serin_slack::{Fault, Message};

use crate::{cluster::Cluster, world::podinfo};

const PATIENCE: Duration = Duration::from_secs(400);
/// `xoxb-valid`.
const TOKEN: &str = "eG94Yi12YWxpZA==";
const THREADS: &str = "serin.dev/chat-threads";

/// A Canary in two steps of weight with two metrics, which tells `chats` of all that happens; each is an `AlertProvider`
/// for the channel of its name, with a bot's token.
fn told(chats: &[&str]) -> Cluster {
    let mut world = podinfo();
    let alert = |name: &&str| json!({"name": name, "severity": "info", "providerRef": {"name": name}});
    world.canary["spec"]["analysis"] = json!({
        "interval": "10s", "threshold": 2, "stepWeight": 20, "maxWeight": 40,
        "metrics": [
            {"name": "request-success-rate", "interval": "1m", "thresholdRange": {"min": 99}},
            {"name": "request-duration", "interval": "1m", "thresholdRange": {"max": 500}},
        ],
        "alerts": chats.iter().map(alert).collect::<Value>(),
    });
    world.put(&json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "bot", "namespace": "test"}, "data": {"token": TOKEN}}));
    for chat in chats {
        world.put(&json!({
            "apiVersion": "flagger.app/v1beta1", "kind": "AlertProvider",
            "metadata": {"name": chat, "namespace": "test"},
            "spec": {"type": "slack", "channel": chat, "username": "flagger", "secretRef": {"name": "bot"}},
        }));
    }
    let mut cluster = Cluster::new(world);
    assert!(cluster.until(PATIENCE, |it| it.phase() == "Initialized"), "{}", cluster.status());
    cluster
}

/// A new version.
fn release(cluster: &mut Cluster, image: &str) {
    cluster.world.edit(kinds::DEPLOYMENT, "podinfo", |object| {
        object["spec"]["template"]["spec"]["containers"][0]["image"] = json!(image);
        object["metadata"]["generation"] = json!(object["metadata"]["generation"].as_i64().unwrap() + 1);
    });
}

fn reach(cluster: &mut Cluster, phases: &[&str]) {
    assert!(
        cluster.until(PATIENCE, |it| phases.contains(&it.phase())),
        "{} {:#?}",
        cluster.status(),
        cluster.seen.events
    );
}

fn text(message: &Message) -> &str {
    message.body["attachments"][0]["text"].as_str().unwrap()
}

/// Channel, whether it stands below another, and text of all messages.
fn said(cluster: &Cluster) -> Vec<(String, bool, String)> {
    let line = |it: &Message| (it.channel.clone(), it.thread.is_some(), text(it).to_owned());
    cluster.slack.messages().iter().map(line).collect()
}

fn line(is_below: bool, text: &str) -> (String, bool, String) {
    ("C0RELEASES".to_owned(), is_below, text.to_owned())
}

const INITIALIZED: &str = "New Deployment detected, initialization completed.";
const DETECTED: &str = "New revision detected, progressing canary analysis.";
const FINISHED: &str = "Canary analysis completed successfully, promotion finished.";

#[test]
fn a_release_is_one_thread_whose_first_message_says_how_it_stands() {
    let mut cluster = told(&["releases"]);
    release(&mut cluster, "podinfo:2");
    let mut stands = Vec::new();
    let end = cluster.now.plus(PATIENCE);
    while cluster.phase() != "Succeeded" && cluster.now < end {
        cluster.live(Duration::from_secs(10));
        stands.extend(cluster.slack.messages().get(1).map(|it| text(it).to_owned()));
        stands.dedup();
    }
    let stood = |now: &str| format!("{DETECTED}\n{now}");
    let courses = [
        "Progressing: weight 20, failed checks 0 of 2",
        "Progressing: weight 40, failed checks 0 of 2",
        "Promoting",
        "Finalising",
        "Succeeded",
    ];
    assert_eq!(stands, courses.map(stood));
    assert_eq!(
        said(&cluster),
        [line(false, INITIALIZED), line(false, &stood("Succeeded")), line(true, FINISHED)]
    );
    let messages = cluster.slack.messages();
    assert_eq!(messages[2].thread.as_ref(), Some(&messages[1].ts));
    assert_eq!(messages[1].body["attachments"][0]["author_name"], "podinfo.test");
    // The next release has a thread of its own, and a rest sends nothing.
    let asked = cluster.slack.asked("chat.update");
    cluster.live(Duration::from_mins(10));
    assert_eq!((cluster.slack.asked("chat.update"), cluster.slack.messages().len()), (asked, 3));
    release(&mut cluster, "podinfo:3");
    reach(&mut cluster, &["Progressing"]);
    assert!(!said(&cluster).last().unwrap().1);
}

/// Between two looks nothing else wakes a run.
#[test]
fn a_thread_needs_no_look_however_far_apart_they_are() {
    let mut cluster = told(&["releases"]);
    cluster.world.canary["spec"]["analysis"]["interval"] = json!("20m");
    release(&mut cluster, "podinfo:2");
    assert!(cluster.until(PATIENCE * 20, |it| it.phase() == "Succeeded"), "{}", cluster.status());
    cluster.live(Duration::from_secs(30));
    let stood = format!("{DETECTED}\nSucceeded");
    assert_eq!(said(&cluster)[1..], [line(false, &stood), line(true, FINISHED)]);
    assert_eq!(cluster.slack.files().len(), 1);
}

#[test]
fn the_picture_of_a_release_stands_in_its_thread() {
    let mut cluster = told(&["releases", "general"]);
    for (chat, theme) in [("releases", "off"), ("general", "dark")] {
        cluster.world.edit(kinds::ALERT_PROVIDER, chat, |it| {
            it["metadata"]["annotations"] = json!({"serin.dev/chat-pictures": theme});
        });
    }
    release(&mut cluster, "podinfo:2");
    reach(&mut cluster, &["Succeeded"]);
    let (files, messages) = (cluster.slack.files(), cluster.slack.messages());
    let head = messages.iter().filter(|it| it.channel == "C0GENERAL").nth(1).unwrap();
    assert_eq!(files.len(), 1, "one chat wants none: {files:?}");
    assert_eq!(files[0].shared, Some(("C0GENERAL".to_owned(), head.ts.clone())));
    assert_eq!(
        (files[0].name.as_str(), files[0].title.as_str()),
        ("podinfo.test-dark.png", "podinfo.test Succeeded")
    );
    let number = |at: usize| u32::from_be_bytes(files[0].bytes[at..at + 4].try_into().unwrap());
    assert_eq!(&files[0].bytes[..8], b"\x89PNG\r\n\x1a\n");
    // 720 units wide: the head, two metrics of 214 each, one line below.
    assert_eq!((number(16), number(20)), (1080, (94 + 2 * 214 + 34 + 26) * 1080 / 720));
}

#[test]
fn a_token_that_may_send_no_files_is_told_once_and_messages_go_on() {
    let mut cluster = told(&["releases"]);
    cluster.slack.fail("files.getUploadURLExternal", vec![Fault::Scope("files:write"); 2]);
    cluster.servers.rate = Some(90.0);
    for image in ["podinfo:2", "podinfo:3"] {
        release(&mut cluster, image);
        reach(&mut cluster, &["Progressing"]);
        reach(&mut cluster, &["Failed"]);
        cluster.live(Duration::from_secs(30));
    }
    let told = "Picture for AlertProvider test/releases failed: missing_scope files:write: give the token that scope";
    let events = cluster.seen.events.iter().filter(|it| it.ends_with(told)).count();
    assert_eq!((events, cluster.slack.asked("files.getUploadURLExternal")), (1, 2));
    assert_eq!(said(&cluster).len(), 5, "one of the beginning, two of each release");
}

#[test]
fn a_failed_release_is_told_in_its_thread_in_red() {
    let mut cluster = told(&["releases"]);
    cluster.servers.rate = Some(90.0);
    release(&mut cluster, "podinfo:2");
    reach(&mut cluster, &["Failed"]);
    let stood = format!("{DETECTED}\nFailed: rolled back");
    let failed = "Failed checks threshold reached 2";
    assert_eq!(said(&cluster)[1..], [line(false, &stood), line(true, failed)]);
    assert_eq!(cluster.slack.messages()[1].body["attachments"][0]["color"], "danger");
}

#[test]
fn a_restart_goes_on_in_the_thread_and_costs_one_write_a_release() {
    let mut cluster = told(&["releases", "general"]);
    release(&mut cluster, "podinfo:2");
    reach(&mut cluster, &["Progressing"]);
    let noted = cluster.world.canary["metadata"]["annotations"][THREADS].clone();
    assert!(noted.as_str().unwrap().contains("C0GENERAL"), "{noted}");
    cluster.forget();
    reach(&mut cluster, &["Succeeded"]);
    let heads = said(&cluster).iter().filter(|(_, is_below, _)| !is_below).count();
    assert_eq!(heads, 4, "two of the beginning, two of the release: {:#?}", said(&cluster));
    assert_eq!(cluster.world.canary["metadata"]["annotations"][THREADS], noted, "it is written once");
    // What stands there is of that release alone.
    cluster.forget();
    release(&mut cluster, "podinfo:3");
    reach(&mut cluster, &["Progressing"]);
    let ends = said(&cluster);
    assert!(ends[ends.len() - 2..].iter().all(|(_, is_below, _)| !is_below), "{ends:#?}");
    assert_ne!(cluster.world.canary["metadata"]["annotations"][THREADS], noted);
}

#[test]
fn a_note_that_others_have_written_is_not_believed() {
    let long = "x".repeat(20_000);
    let thread = |ts: &str| json!({"releases": {"channel": "C0RELEASES", "ts": ts, "to": "releases", "text": "", "is_bad": false}});
    let mut cluster = told(&["releases"]);
    release(&mut cluster, "podinfo:2");
    reach(&mut cluster, &["Progressing"]);
    let noted: Value =
        serde_json::from_str(cluster.world.canary["metadata"]["annotations"][THREADS].as_str().unwrap())
            .unwrap();
    for note in [
        long.clone(),
        "{".to_owned(),
        json!({"release": "another", "threads": noted["threads"]}).to_string(),
        json!({"release": noted["release"], "threads": thread("a b")}).to_string(),
        json!({"release": noted["release"], "threads": 3}).to_string(),
        json!({"release": "", "threads": {}}).to_string(),
    ] {
        let mut cluster = told(&["releases"]);
        release(&mut cluster, "podinfo:2");
        reach(&mut cluster, &["Progressing"]);
        cluster.world.canary["metadata"]["annotations"][THREADS] = json!(note);
        cluster.forget();
        reach(&mut cluster, &["Succeeded"]);
        assert_eq!(said(&cluster).last().unwrap(), &line(false, FINISHED), "{note:.80}");
    }
}

#[test]
fn without_an_answer_that_names_a_message_all_goes_as_recorded() {
    for (what, faults) in [
        ("another server answers", vec![Fault::Status(200); 40]),
        ("the token is not valid", vec![Fault::Named("invalid_auth"); 40]),
        ("the server is dead", vec![Fault::Status(503); 40]),
    ] {
        let mut cluster = told(&["releases"]);
        let events = cluster.seen.events.len();
        cluster.slack.fail("chat.postMessage", faults);
        release(&mut cluster, "podinfo:2");
        reach(&mut cluster, &["Succeeded"]);
        assert!(cluster.posted.iter().all(|body| body.get("thread_ts").is_none()), "{what}");
        assert_eq!(cluster.slack.asked("chat.update"), 0, "{what}");
        assert_eq!(cluster.world.canary["metadata"]["annotations"][THREADS], Value::Null, "{what}");
        let troubles = cluster.seen.events[events..].iter().filter(|it| it.contains("Alert to")).count();
        assert_eq!(troubles, usize::from(!what.contains("another")), "{what}: told once a release");
    }
}

#[test]
fn trouble_is_told_with_its_remedy_and_a_thread_that_is_gone_begins_anew() {
    let mut cluster = told(&["releases"]);
    cluster.slack.fail("chat.postMessage", [Fault::Named("channel_not_found")]);
    release(&mut cluster, "podinfo:2");
    reach(&mut cluster, &["Progressing"]);
    let event = "Warning Progressing Alert to AlertProvider test/releases failed: channel_not_found: there is no such";
    assert!(cluster.seen.events.iter().any(|it| it.starts_with(event)), "{:#?}", cluster.seen.events);
    reach(&mut cluster, &["Succeeded"]);
    release(&mut cluster, "podinfo:3");
    reach(&mut cluster, &["Progressing"]);
    cluster.slack.clear();
    reach(&mut cluster, &["Succeeded"]);
    assert_eq!(said(&cluster).iter().map(|(_, is_below, _)| *is_below).collect::<Vec<_>>(), [false]);
}

#[test]
fn a_newer_version_ends_the_thread_of_the_one_before() {
    let mut cluster = told(&["releases"]);
    release(&mut cluster, "podinfo:2");
    assert!(cluster.until(PATIENCE, |it| it.status()["canaryWeight"] == json!(20)));
    release(&mut cluster, "podinfo:3");
    reach(&mut cluster, &["Succeeded"]);
    let taken = format!("{DETECTED}\nA newer version takes its place");
    let after = format!("{FINISHED}\nSucceeded");
    assert_eq!(said(&cluster)[1..], [line(false, &taken), line(false, &after)]);
}

#[test]
fn a_restart_while_a_version_waits_leaves_the_thread_before_as_it_ended() {
    let mut cluster = told(&["releases"]);
    release(&mut cluster, "podinfo:2");
    reach(&mut cluster, &["Succeeded"]);
    let stood = cluster.slack.messages()[1].clone();
    cluster.world.canary["spec"]["analysis"]["webhooks"] =
        json!([{"name": "gate", "type": "confirm-rollout", "url": "http://127.0.0.1:19190/hook/test/gate"}]);
    cluster.servers.hooks.insert("gate".to_owned(), vec![403]);
    cluster.slack.fail("chat.postMessage", [Fault::Status(503)]);
    release(&mut cluster, "podinfo:3");
    reach(&mut cluster, &["Waiting"]);
    cluster.forget();
    cluster.live(Duration::from_secs(30));
    assert_eq!(cluster.slack.messages()[1], stood);
    cluster.servers.hooks.clear();
    reach(&mut cluster, &["Succeeded"]);
    let heads = said(&cluster).iter().filter(|(_, is_below, _)| !is_below).count();
    assert_eq!(heads, 3, "{:#?}", said(&cluster));
}

#[test]
fn chats_without_threads_cost_nothing_more() {
    let mut cluster = told(&[]);
    release(&mut cluster, "podinfo:2");
    reach(&mut cluster, &["Succeeded"]);
    assert_eq!(cluster.world.canary["metadata"]["annotations"], Value::Null);
}

/// The example of the documentation.
fn example() -> Vec<Value> {
    let all = crate::world::documents(include_str!("../../../../../docs/flagger-alerts.yaml"));
    all.into_iter().map(|(_, object)| object).collect()
}

#[test]
fn the_documented_template_words_the_alerts() {
    let mut cluster = told(&["releases"]);
    for object in example() {
        let annotations = object["metadata"]["annotations"].clone();
        match object["kind"].as_str().unwrap() {
            "AlertProvider" => cluster.world.edit(kinds::ALERT_PROVIDER, "releases", |it| {
                it["metadata"]["annotations"] = annotations;
            }),
            "Canary" => cluster.world.canary["metadata"]["annotations"] = annotations,
            _ => {}
        }
    }
    cluster.servers.rate = Some(97.5);
    release(&mut cluster, "podinfo:2");
    reach(&mut cluster, &["Failed"]);
    let said = said(&cluster);
    let head = "*podinfo* in test: New revision detected, progressing canary analysis.";
    assert!(said[1].2.starts_with(head), "{said:#?}");
    let expected = "*podinfo* in test: Failed checks threshold reached 2\n\
        \u{2022} request-success-rate: 97.5% (min 99)\n<https://grafana.example.com/d/podinfo|dashboard>";
    assert_eq!(said[2].2, expected);
}

#[test]
fn a_template_that_fails_is_told_and_alerts_read_as_recorded() {
    let mut cluster = told(&["releases"]);
    cluster.world.canary["metadata"]["annotations"] = json!({"serin.dev/alert-template": "{{ .nme }}"});
    let of_provider = json!({"serin.dev/alert-template": "never: the Canary's own comes first"});
    cluster.world.edit(kinds::ALERT_PROVIDER, "releases", |it| it["metadata"]["annotations"] = of_provider);
    release(&mut cluster, "podinfo:2");
    reach(&mut cluster, &["Succeeded"]);
    assert_eq!(said(&cluster).last().unwrap(), &line(true, FINISHED));
    let event = "Alert template of the Canary failed: the template cannot be rendered";
    let events = cluster.seen.events.iter().filter(|it| it.contains(event)).count();
    assert_eq!(events, 2, "once for each alert of the release: {:#?}", cluster.seen.events);
}
