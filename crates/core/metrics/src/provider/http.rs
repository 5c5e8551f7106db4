//! What the providers share: addresses, headers, replies, JSON.

use base64::Engine as _;
use serde_json::Value;
use serin_kernel::{Answer, Call, Method, Reply};
use serin_lang::duration::GoDuration;
use std::time::Duration;
use url::Url;

use super::Inquiry;
use crate::Error;
use crate::sample::excerpt;

/// How long a metric server may take.
pub(super) const TIMEOUT: Duration = Duration::from_secs(5);
/// How far back servers are asked that have to be told, in intervals: they get their data late.
const LOOKBACK: i64 = 10;

/// The reply to one of the questions; none when it was not asked yet.
pub(crate) fn reply(answers: &[Answer], at: usize) -> Result<Option<&Reply>, Error> {
    match answers.get(at) {
        None => Ok(None),
        Some(Answer::Reply(reply)) => Ok(Some(reply)),
        Some(Answer::Failed(why)) => Err(Error::Unanswered(excerpt(why))),
        Some(_) => Err(Error::Unanswered("a call has no answer of a server".to_owned())),
    }
}

/// The body of a reply that is no refusal.
pub(crate) fn accepted(reply: &Reply) -> Result<&str, Error> {
    if (200..300).contains(&reply.status) { Ok(&reply.body) } else { Err(refusal(reply)) }
}

/// A refusal in Flagger's words.
pub(super) fn refusal(reply: &Reply) -> Error {
    let reason = http::StatusCode::from_u16(reply.status).ok().and_then(|status| status.canonical_reason());
    Error::Refused(format!(
        "Status {} {}: {}",
        reply.status,
        reason.unwrap_or_default(),
        excerpt(reply.body.trim_end())
    ))
}

/// A call with the timeout of metric servers.
pub(super) fn call(method: Method, url: impl Into<String>) -> Call {
    Call { timeout: TIMEOUT, ..Call::new(method, url) }
}

/// Adds a header. Secrets are written with an editor, which ends them with a line; a value cannot have one.
pub(super) fn header(call: &mut Call, name: &str, value: impl AsRef<str>) {
    call.headers.push((name.to_owned(), value.as_ref().trim().to_owned()));
}

/// The value of a header for a user with a password.
pub(super) fn basic(user: &str, password: &str) -> String {
    let both = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
    format!("Basic {both}")
}

/// The provider's address with a path behind it and without its query; `absent` stands for none.
pub(super) fn endpoint(inquiry: &Inquiry<'_>, absent: Option<&str>, path: &str) -> Result<Url, Error> {
    let given = inquiry.provider.address.trim();
    let text = match (given, absent) {
        ("", Some(absent)) => absent,
        ("", None) => {
            let remedy =
                format!("{} has no address: write it, such as http://host:9090", inquiry.provider.kind);
            return Err(Error::field("spec.provider.address", remedy));
        }
        (given, _) => given,
    };
    let wrong = |why: String| {
        let remedy = format!("{text:?} is no address ({why}): write one such as http://host:9090");
        Error::field("spec.provider.address", excerpt(&remedy))
    };
    let mut url = Url::parse(text).map_err(|error| wrong(error.to_string()))?;
    if !["http", "https"].contains(&url.scheme()) || url.host_str().is_none() {
        return Err(wrong("it begins with neither http:// nor https://".to_owned()));
    }
    let joined = format!("{}{path}", url.path().trim_end_matches('/'));
    url.set_path(&joined);
    url.set_query(None);
    url.set_fragment(None);
    Ok(url)
}

/// The seconds of `metrics[].interval`.
pub(super) fn interval_seconds(inquiry: &Inquiry<'_>) -> Result<i64, Error> {
    let parsed =
        GoDuration::parse(inquiry.interval).ok().map(GoDuration::seconds).filter(|seconds| 0 < *seconds);
    parsed.ok_or_else(|| {
        let what =
            if inquiry.interval.is_empty() { "it is empty" } else { "it is no duration of a second or more" };
        let kind = &inquiry.provider.kind;
        Error::field(
            "metrics[].interval",
            format!("{what}, and {kind} has to be told one: write one such as 1m"),
        )
    })
}

/// From when to when a server is asked that has to be told, in seconds since 1970.
pub(super) fn window(inquiry: &Inquiry<'_>) -> Result<(i64, i64), Error> {
    let to = inquiry.now.as_secs();
    Ok((to - LOOKBACK.saturating_mul(interval_seconds(inquiry)?), to))
}

/// An answer in JSON.
pub(super) fn json(body: &str) -> Result<Value, Error> {
    serde_json::from_str(body).map_err(|error| {
        let why = in_go_words(body).unwrap_or_else(|| error.to_string());
        Error::Unreadable(format!("{why}, '{}'", excerpt(body)))
    })
}

/// What Go says of a text that does not even begin as JSON: it stands in events that people know.
fn in_go_words(body: &str) -> Option<String> {
    let text = body.trim_start();
    let Some(first) = text.chars().next() else { return Some("unexpected end of JSON input".to_owned()) };
    for literal in ["true", "false", "null"] {
        if literal.starts_with(first) {
            let wrong = text.chars().zip(literal.chars()).find(|(have, wanted)| have != wanted);
            return match wrong {
                Some((have, wanted)) => {
                    Some(format!("invalid character '{have}' in literal {literal} (expecting '{wanted}')"))
                }
                None if text.len() < literal.len() => Some("unexpected end of JSON input".to_owned()),
                None => None,
            };
        }
    }
    let begins = "{[\"-".contains(first) || first.is_ascii_digit();
    (!begins).then(|| format!("invalid character '{first}' looking for beginning of value"))
}
