//! The messages of each chat.

use std::time::Duration;

use serde_json::{Value, json};
use serin_api::flagger::{ChatKind, Severity};
use serin_kernel::Call;

use crate::{Alert, Recipient, slack};

/// How long a chat may take. Nobody waits for it.
const TIMEOUT: Duration = Duration::from_secs(5);

/// What `recipient` is sent of `alert`.
#[must_use]
pub fn message(recipient: &Recipient, alert: &Alert) -> Call {
    let color = color(recipient, alert);
    let body = match recipient.chat {
        ChatKind::Slack | ChatKind::Discord | ChatKind::Rocket => attachment(recipient, alert, color),
        ChatKind::MsTeams => card(alert, color),
        ChatKind::GoogleChat => widgets(alert),
    };
    send(recipient, recipient.address.as_str(), &body)
}

/// The colour that tells how bad the news is.
pub(crate) fn color(recipient: &Recipient, alert: &Alert) -> &'static str {
    let [good, bad] = match recipient.chat {
        ChatKind::Slack | ChatKind::Discord => ["good", "danger"],
        ChatKind::Rocket => ["#0076D7", "#FF0000"],
        ChatKind::MsTeams | ChatKind::GoogleChat => ["0076D7", "FF0000"],
    };
    if alert.severity == Severity::Error { bad } else { good }
}

/// A message to `recipient`, whatever is in it.
pub(crate) fn send(recipient: &Recipient, url: &str, body: &Value) -> Call {
    let mut call = Call { timeout: TIMEOUT, proxy: recipient.proxy.clone(), ..Call::json(url, body) };
    let token = recipient.token.iter().filter(|_| recipient.chat == ChatKind::Slack);
    if recipient.chat == ChatKind::Slack {
        call.receipt = slack::RECEIPT;
    }
    call.headers.extend(token.map(|token| ("Authorization".to_owned(), format!("Bearer {token}"))));
    call
}

fn object(alert: &Alert) -> String {
    format!("{}.{}", alert.name, alert.namespace)
}

/// Slack's form, which others read too.
pub(crate) fn attachment(recipient: &Recipient, alert: &Alert, color: &str) -> Value {
    let fields =
        alert.facts.iter().map(|fact| json!({"title": fact.title, "value": fact.value, "short": false}));
    json!({
        "channel": recipient.channel,
        "username": recipient.username,
        "icon_url": "",
        "icon_emoji": ":rocket:",
        "attachments": [{
            "color": color,
            "author_name": object(alert),
            "text": alert.text,
            "mrkdwn_in": ["text"],
            "fields": fields.collect::<Value>(),
        }],
    })
}

/// Teams' form.
fn card(alert: &Alert, color: &str) -> Value {
    let facts = alert.facts.iter().map(|fact| json!({"name": fact.title, "value": fact.value}));
    json!({
        "@type": "MessageCard",
        "@context": "http://schema.org/extensions",
        "themeColor": color,
        "summary": object(alert),
        "sections": [{
            "activityTitle": alert.text,
            "activitySubtitle": object(alert),
            "facts": facts.collect::<Value>(),
        }],
    })
}

/// Google Chat's form, which has no colour.
fn widgets(alert: &Alert) -> Value {
    let section = |text: String| json!({"widgets": [{"textParagraph": {"text": text}}]});
    let strong = |text: &str| format!("<font color=#848484><strong>{text}</strong></font>");
    let title = section(strong(alert.text));
    let facts = alert.facts.iter().map(|fact| section(format!("{}<br>{}", fact.title, strong(&fact.value))));
    let sections: Value = std::iter::once(title).chain(facts).collect();
    json!({
        "cards": [{
            "header": {
                "title": "Flagger",
                "subtitle": object(alert),
                "imageUrl": "https://flagger.app/favicon.png",
            },
            "sections": sections,
        }],
    })
}
