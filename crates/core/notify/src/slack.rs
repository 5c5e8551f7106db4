//! Slack's own interface, for those who have a bot's token: one thread for each release, and its first message kept up to
//! date, and a picture below it. Source: the reference of Slack's methods (chat.postMessage, chat.update,
//! files.getUploadURLExternal, files.completeUploadExternal).
//!
//! Mechanics: the first message of a release goes as to any other chat. What Slack answers names the message; later ones
//! are sent below it, and it is changed in place.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use serin_kernel::{Answer, Body, Call, Method, Receipt};
use url::Url;

use crate::{Alert, Recipient, chat};

/// The method at the end of the address of messages.
const POST: &str = "chat.postMessage";
/// Characters of a channel's or a message's name: Slack's have about twenty.
const NAME_CHARS_MAX: usize = 64;
/// Bytes of an address that Slack gives.
const URL_BYTES_MAX: usize = 4096;
/// How long a picture may take on its way.
const UPLOAD_TIMEOUT: Duration = Duration::from_secs(20);
/// Characters of an answer that nobody has a name for.
const ANSWER_CHARS_MAX: usize = 200;

/// By what Slack tells that it has taken something: also its failures have the status 200.
pub(crate) const RECEIPT: Receipt = Receipt::Unless {
    field: "ok",
    why: "error",
    passing: &[
        "ratelimited",
        "rate_limited",
        "message_limit_exceeded",
        "service_unavailable",
        "internal_error",
        "fatal_error",
        "request_timeout",
    ],
};

/// What can be done about a failure that Slack names.
const REMEDIES: [(&[&str], &str); 9] = [
    (
        &["invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired"],
        "put a valid bot token under the key token of the Secret, or into -slack-token",
    ),
    (
        &["channel_not_found"],
        "there is no such channel, or the bot may not see it: correct the channel, or invite the bot into a private one",
    ),
    (&["not_in_channel"], "invite the bot into the channel"),
    (&["is_archived"], "name a channel that is in use"),
    (&["ratelimited", "rate_limited", "message_limit_exceeded"], "Slack takes no more messages for now"),
    (&["restricted_action", "no_permission", "access_denied"], "let the bot post into the channel"),
    (
        &["message_not_found", "thread_not_found", "invalid_thread_ts", "invalid_ts"],
        "the first message of the release is gone",
    ),
    (&["cant_update_message", "edit_window_closed"], "the first message of the release stays as it is"),
    (&["service_unavailable", "internal_error", "fatal_error"], "Slack itself does not work for now"),
];

/// The message that the others of its release stand below.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Thread {
    /// Slack's own name of the channel, which is not the one that people give.
    pub channel: String,
    /// Slack's name of the message.
    pub ts: String,
}

/// Where a file is to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upload {
    /// The address, which is a secret of its own.
    pub url: String,
    /// Slack's name of the file.
    pub file: String,
}

/// Why Slack has not done what it was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Slack's name of the failure, or what else has happened.
    pub name: String,
    /// Whether Slack has said so itself.
    pub is_named: bool,
    /// The right of the token that is missing, if that is it.
    needed: Option<String>,
}

impl Thread {
    /// The thread below the message that `answer` tells of; none when it names no message.
    #[must_use]
    pub fn below(answer: &Value) -> Option<Self> {
        let name = |field: &str| answer.get(field).and_then(Value::as_str).map(str::to_owned);
        Some(Self { channel: name("channel")?, ts: name("ts")? }).filter(Self::is_sound)
    }

    /// Whether both are names that Slack may have given.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        is_name(&self.channel) && is_name(&self.ts)
    }
}

impl Upload {
    /// Where `answer` says that the file is to be sent; none when it names no place that can be reached.
    #[must_use]
    pub fn to(answer: &Value) -> Option<Self> {
        let text = |field: &str| answer.get(field).and_then(Value::as_str).map(str::to_owned);
        let upload = Self { url: text("upload_url")?, file: text("file_id")? };
        let url = Url::parse(&upload.url).ok()?;
        let is_reachable = ["http", "https"].contains(&url.scheme()) && upload.url.len() <= URL_BYTES_MAX;
        Some(upload).filter(|upload| is_reachable && is_name(&upload.file))
    }
}

fn is_name(name: &str) -> bool {
    (1..=NAME_CHARS_MAX).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_graphic())
}

/// What `recipient` is sent of `alert`, in the thread of its release.
#[must_use]
pub fn message_below(recipient: &Recipient, alert: &Alert, thread: &Thread) -> Call {
    let mut body = chat::attachment(recipient, alert, chat::color(recipient, alert));
    body["thread_ts"] = json!(thread.ts);
    chat::send(recipient, recipient.address.as_str(), &body)
}

/// Puts `alert` into the place of the thread's first message. Of several that wait the last one is sent.
#[must_use]
pub fn update(recipient: &Recipient, alert: &Alert, thread: &Thread) -> Call {
    let mut body = chat::attachment(recipient, alert, chat::color(recipient, alert));
    let body = json!({
        "channel": thread.channel,
        "ts": thread.ts,
        "attachments": body["attachments"].take(),
    });
    Call { latest_only: true, ..chat::send(recipient, &method(recipient, "chat.update"), &body) }
}

/// Asks where a picture of so many bytes is to be sent; `alt` says it in words.
#[must_use]
pub fn ask_for_upload(recipient: &Recipient, name: &str, length: usize, alt: &str) -> Call {
    let form = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("filename", name)
        .append_pair("length", &length.to_string())
        .append_pair("alt_txt", alt)
        .finish();
    let mut call = chat::send(recipient, &method(recipient, "files.getUploadURLExternal"), &Value::Null);
    for (header, value) in &mut call.headers {
        if header == "Content-Type" {
            "application/x-www-form-urlencoded".clone_into(value);
        }
    }
    Call { body: form.into(), ..call }
}

/// Sends the picture. The token stays here: the address is enough.
#[must_use]
pub fn upload(recipient: &Recipient, to: &Upload, picture: Vec<u8>) -> Call {
    Call {
        headers: vec![("Content-Type".to_owned(), "image/png".to_owned())],
        body: Body::Bytes(picture),
        timeout: UPLOAD_TIMEOUT,
        proxy: recipient.proxy.clone(),
        ..Call::new(Method::Post, &to.url)
    }
}

/// Puts the picture that was sent into the thread.
#[must_use]
pub fn complete(recipient: &Recipient, file: &str, title: &str, thread: &Thread) -> Call {
    let body = json!({
        "files": [{"id": file, "title": title}],
        "channel_id": thread.channel,
        "thread_ts": thread.ts,
    });
    chat::send(recipient, &method(recipient, "files.completeUploadExternal"), &body)
}

/// The address of another method of the interface.
pub(crate) fn method(recipient: &Recipient, name: &str) -> String {
    let mut url = recipient.address.clone();
    let path = url.path().strip_suffix(POST).unwrap_or("/api/").to_owned() + name;
    url.set_path(&path);
    url.into()
}

/// What Slack has answered; nothing that can be read when it is not Slack that answers.
///
/// # Errors
/// When it has not done what it was asked.
pub fn heard(answer: &Answer) -> Result<Value, Refusal> {
    let unnamed = |name: String| Refusal { name: short(&name), is_named: false, needed: None };
    let reply = match answer {
        Answer::Reply(reply) => reply,
        Answer::Failed(why) => return Err(unnamed(why.clone())),
        Answer::Object(_) | Answer::Text(_) => return Err(unnamed("there is no answer".to_owned())),
    };
    let body: Value = serde_json::from_str(&reply.body).unwrap_or(Value::Null);
    let name = body["error"].as_str().filter(|_| body["ok"] != json!(true));
    match (reply.status, name, RECEIPT.refusal(reply)) {
        (_, Some(name), _) => Err(Refusal {
            name: short(name),
            is_named: true,
            needed: body["needed"].as_str().filter(|_| name == "missing_scope").map(short),
        }),
        (200..300, None, None) => Ok(body),
        (_, None, Some((why, _))) => Err(unnamed(why)),
        (status, None, None) => Err(unnamed(format!("{status}: {}", reply.body))),
    }
}

fn short(text: &str) -> String {
    text.chars().take(ANSWER_CHARS_MAX).collect()
}

impl Refusal {
    /// Whether the message that others are to stand below is gone.
    #[must_use]
    pub fn is_thread_gone(&self) -> bool {
        ["message_not_found", "thread_not_found", "invalid_thread_ts", "invalid_ts"].contains(&&*self.name)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        if let Some(needed) = &self.needed {
            return write!(f, " {needed}: give the token that scope");
        }
        let remedy = REMEDIES.iter().find(|(names, _)| names.contains(&&*self.name));
        remedy.map_or(Ok(()), |(_, remedy)| write!(f, ": {remedy}"))
    }
}

#[cfg(test)]
mod tests {
    use serin_api::flagger::{AlertProviderSpec, Severity};
    use serin_kernel::Reply;

    use super::*;
    use crate::{Fact, message};

    fn recipient() -> Recipient {
        let spec = AlertProviderSpec { kind: "slack".to_owned(), ..AlertProviderSpec::default() };
        Recipient::of(&spec, Some(&json!({"token": "dG9r"}))).unwrap()
    }

    fn alert(facts: &[Fact]) -> Alert<'_> {
        Alert { name: "c", namespace: "n", text: "it goes on", severity: Severity::Error, facts }
    }

    fn body(call: &Call) -> Value {
        serde_json::from_str(call.body.text()).unwrap()
    }

    #[test]
    fn a_message_below_another_differs_in_that_alone() {
        let (recipient, thread) =
            (recipient(), Thread { channel: "C1".to_owned(), ts: "1503435956.000247".to_owned() });
        let facts = [Fact { title: "Cluster", value: "c".to_owned() }];
        let (plain, below) =
            (message(&recipient, &alert(&facts)), message_below(&recipient, &alert(&facts), &thread));
        let mut expected = body(&plain);
        expected["thread_ts"] = json!("1503435956.000247");
        assert_eq!(body(&below), expected);
        assert_eq!(Call { body: plain.body.clone(), ..below }, plain);
        assert_eq!(plain.url, "https://slack.com/api/chat.postMessage");
    }

    #[test]
    fn the_first_message_is_changed_by_the_names_that_slack_gave() {
        let (recipient, thread) = (recipient(), Thread { channel: "C1".to_owned(), ts: "1.2".to_owned() });
        let call = update(&recipient, &alert(&[]), &thread);
        assert_eq!(call.url, "https://slack.com/api/chat.update");
        assert!(call.latest_only);
        assert_eq!(call.headers[1], ("Authorization".to_owned(), "Bearer tok".to_owned()));
        let expected = json!({"channel": "C1", "ts": "1.2", "attachments": [{
            "color": "danger", "author_name": "c.n", "text": "it goes on", "mrkdwn_in": ["text"], "fields": [],
        }]});
        assert_eq!(body(&call), expected);
        let proxied = Recipient::new(serin_api::flagger::ChatKind::Slack, "http://p/x/api/chat.postMessage");
        assert_eq!(method(&proxied.unwrap(), "chat.update"), "http://p/x/api/chat.update");
    }

    #[test]
    fn a_picture_is_announced_sent_without_the_token_and_put_below() {
        let recipient = recipient();
        let asked = ask_for_upload(&recipient, "c.png", 53_072, "c & d");
        assert_eq!(asked.url, "https://slack.com/api/files.getUploadURLExternal");
        assert_eq!(asked.headers[0].1, "application/x-www-form-urlencoded");
        assert_eq!(asked.body.text(), "filename=c.png&length=53072&alt_txt=c+%26+d");
        let answer =
            json!({"ok": true, "upload_url": "https://files.slack.com/upload/v1/A", "file_id": "F1"});
        let to = Upload::to(&answer).unwrap();
        let sent = upload(&recipient, &to, vec![1, 2, 3]);
        assert_eq!(
            (sent.url.as_str(), sent.body.as_bytes()),
            ("https://files.slack.com/upload/v1/A", &[1, 2, 3][..])
        );
        assert!(sent.headers.iter().all(|(name, _)| name != "Authorization"));
        let put = complete(&recipient, "F1", "c", &Thread { channel: "C1".to_owned(), ts: "1.2".to_owned() });
        let expected = json!({"files": [{"id": "F1", "title": "c"}], "channel_id": "C1", "thread_ts": "1.2"});
        assert_eq!(
            (put.url.as_str(), body(&put)),
            ("https://slack.com/api/files.completeUploadExternal", expected)
        );
        for wrong in [
            json!({"upload_url": "file:///etc", "file_id": "F1"}),
            json!({"upload_url": "https://h/", "file_id": "F 1"}),
            json!({"upload_url": 1, "file_id": "F1"}),
            json!({"upload_url": format!("https://h/{}", "x".repeat(9999)), "file_id": "F1"}),
            Value::Null,
        ] {
            assert_eq!(Upload::to(&wrong), None, "{wrong}");
        }
    }

    #[test]
    fn an_answer_names_a_thread_or_it_names_none() {
        let long = "9".repeat(65);
        for (answer, expected) in [
            (json!({"ok": true, "channel": "C1", "ts": "1.2"}), true),
            (json!({"ok": true, "channel": "C1"}), false),
            (json!({"ok": true, "channel": "", "ts": "1.2"}), false),
            (json!({"ok": true, "channel": "C1", "ts": 1.2}), false),
            (json!({"ok": true, "channel": "C1", "ts": long}), false),
            (json!({"ok": true, "channel": "C 1", "ts": "1.2"}), false),
            (Value::Null, false),
        ] {
            assert_eq!(Thread::below(&answer).is_some(), expected, "{answer}");
        }
    }

    #[test]
    fn a_refusal_is_told_by_name_and_remedy() {
        let said = |status, body: &str| heard(&Answer::Reply(Reply::new(status, body)));
        assert_eq!(said(200, "ok"), Ok(Value::Null));
        assert_eq!(said(200, r#"{"ok":true,"ts":"1"}"#), Ok(json!({"ok": true, "ts": "1"})));
        for (status, answer, expected) in [
            (
                200,
                r#"{"ok":false,"error":"invalid_auth"}"#,
                "invalid_auth: put a valid bot token under the key token of the Secret, or into -slack-token",
            ),
            (
                200,
                r#"{"ok":false,"error":"missing_scope","needed":"files:write"}"#,
                "missing_scope files:write: give the token that scope",
            ),
            (
                429,
                r#"{"ok":false,"error":"ratelimited"}"#,
                "ratelimited: Slack takes no more messages for now",
            ),
            (200, r#"{"ok":false,"error":"new_one"}"#, "new_one"),
            (200, r#"{"ok":false}"#, "it does not say why"),
            (404, "no_team", "404: no_team"),
        ] {
            assert_eq!(said(status, answer).unwrap_err().to_string(), expected);
        }
        assert!(said(200, r#"{"ok":false,"error":"thread_not_found"}"#).unwrap_err().is_thread_gone());
        let dead = heard(&Answer::Failed("it is dead".to_owned())).unwrap_err();
        assert_eq!((dead.to_string().as_str(), dead.is_named), ("it is dead", false));
        let long = said(500, &"ä".repeat(9999)).unwrap_err();
        assert_eq!(long.name.chars().count(), ANSWER_CHARS_MAX);
    }
}
