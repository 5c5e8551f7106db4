//! One suite for both: what is asked of Slack has the answers that its reference documents, in memory and over HTTP.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::Duration;

use serde_json::{Value, json};
use serin_api::flagger::{ChatKind, Severity};
use serin_calls::{Caller as _, Http, Limits};
use serin_kernel::{Answer, Call, Reply};
use serin_notify::{
    Alert, Recipient, message,
    slack::{self, Thread},
};
use serin_slack::{Fault, Slack, TOKEN};

fn recipient(host: &str, channel: &str, token: &str) -> Recipient {
    let chat = Recipient::new(ChatKind::Slack, &format!("{host}/api/chat.postMessage")).unwrap();
    chat.with_token(token).with_names(channel, "flagger").unwrap()
}

fn alert(text: &str) -> Alert<'_> {
    Alert { name: "c", namespace: "n", text, severity: Severity::Info, facts: &[] }
}

fn thread(ts: &str) -> Thread {
    Thread { channel: "C0RELEASES".to_owned(), ts: ts.to_owned() }
}

/// Everything that is asked, and the answers, each as what Slack said or why it has not done it.
async fn suite(slack: &Slack, host: &str, call: impl AsyncFn(Call) -> Reply) -> Vec<Result<Value, String>> {
    let to = |channel| recipient(host, channel, TOKEN);
    let mut heard = Vec::new();
    let mut ask = async |asked: Call| {
        let answer = slack::heard(&Answer::Reply(call(asked).await)).map_err(|why| why.name);
        heard.push(answer.clone());
        answer
    };
    let first = ask(message(&to("releases"), &alert("first"))).await.unwrap();
    let below = Thread::below(&first).unwrap();
    ask(slack::message_below(&to("releases"), &alert("second"), &below)).await.unwrap();
    ask(slack::update(&to("releases"), &alert("changed"), &below)).await.unwrap();
    let _ = ask(slack::message_below(&to("releases"), &alert("lost"), &thread("9.9"))).await;
    let _ = ask(slack::update(&to("releases"), &alert("lost"), &thread("9.9"))).await;
    // A picture: where to, there, and into the thread.
    let asked = slack::ask_for_upload(&to("releases"), "c.png", 3, "c");
    let place = slack::Upload::to(&ask(asked).await.unwrap()).unwrap();
    let _ = ask(slack::upload(&to("releases"), &place, vec![1])).await;
    ask(slack::upload(&to("releases"), &place, vec![0, 255, 7])).await.unwrap();
    ask(slack::complete(&to("releases"), &place.file, "title", &below)).await.unwrap();
    let _ = ask(slack::complete(&to("releases"), "F0", "title", &below)).await;
    slack.fail("files.getUploadURLExternal", [Fault::Scope("files:write")]);
    let _ = ask(slack::ask_for_upload(&to("releases"), "c.png", 3, "c")).await;
    let _ = ask(message(&to("nowhere"), &alert("lost"))).await;
    let _ = ask(message(&recipient(host, "releases", "xoxb-old"), &alert("lost"))).await;
    let _ = ask(message(&recipient(host, "releases", ""), &alert("lost"))).await;
    slack.fail("chat.postMessage", [Fault::Limited(1), Fault::Status(503)]);
    let _ = ask(message(&to("general"), &alert("too many"))).await;
    let _ = ask(message(&to("general"), &alert("down"))).await;
    heard
}

fn expected(host: &str) -> Vec<Result<Value, String>> {
    let said = |ts: &str| {
        Ok(
            json!({"ok": true, "channel": "C0RELEASES", "ts": format!("1503435956.00000{ts}"), "message": {"text": null}}),
        )
    };
    let no = |why: &str| Err(why.to_owned());
    vec![
        said("1"),
        said("2"),
        Ok(json!({"ok": true, "channel": "C0RELEASES", "ts": "1503435956.000001", "text": ""})),
        no("thread_not_found"),
        no("message_not_found"),
        Ok(
            json!({"ok": true, "upload_url": format!("{host}/upload/v1/F000000001"), "file_id": "F000000001"}),
        ),
        no("400: the length is another one"),
        Ok(Value::Null),
        Ok(json!({"ok": true, "files": [{"id": "F000000001", "title": "title"}]})),
        no("file_not_found"),
        no("missing_scope"),
        no("channel_not_found"),
        no("invalid_auth"),
        no("not_authed"),
        no("ratelimited"),
        no("503: <html>"),
    ]
}

/// What is left of it.
fn check(slack: &Slack) {
    let messages = slack.messages();
    let texts: Vec<&Value> = messages.iter().map(|it| &it.body["attachments"][0]["text"]).collect();
    assert_eq!(texts, ["changed", "second"]);
    let file = &slack.files()[0];
    assert_eq!((file.bytes.as_slice(), file.title.as_str()), (&[0, 255, 7][..], "title"));
    assert_eq!(file.shared, Some(("C0RELEASES".to_owned(), messages[0].ts.clone())));
    assert_eq!((messages[0].changes, messages[1].thread.as_ref()), (1, Some(&messages[0].ts)));
}

#[tokio::test]
async fn the_double_answers_as_documented() {
    let slack = Slack::default();
    let heard = suite(&slack, "https://slack.test", async |call| slack.call(&call)).await;
    assert_eq!(heard, expected("https://files.slack.test"));
    check(&slack);
}

#[tokio::test]
async fn the_same_comes_over_http() {
    let slack = Slack::default();
    let host = slack.listen().await.unwrap();
    let http = Http::new(Limits::default());
    let heard = suite(&slack, &host, async |call| http.call(call).await.unwrap()).await;
    assert_eq!(heard, expected(&host));
    check(&slack);
}

#[tokio::test]
async fn a_server_that_wants_to_be_left_alone_is_asked_again_as_late_as_it_says() {
    let slack = Slack::default();
    let host = slack.listen().await.unwrap();
    let call = message(&recipient(&host, "general", TOKEN), &alert("x"));
    slack.fail("chat.postMessage", [Fault::Limited(7)]);
    let http = Http::new(Limits::default());
    let reply = http.call(call.clone()).await.unwrap();
    assert_eq!((reply.status, reply.retry_after), (429, Some(Duration::from_secs(7))));
    slack.fail("chat.postMessage", [Fault::Limited(0)]);
    let reply = http.call(Call { retries: 1, ..call }).await.unwrap();
    assert_eq!((reply.status, reply.attempts), (200, 2));
}
