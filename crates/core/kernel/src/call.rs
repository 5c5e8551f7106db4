//! Requests to programs other than Kubernetes, as values.

use std::{fmt, time::Duration};

use serde_json::Value;

/// An HTTP request that has yet to be made: to a web hook, a metric server, a chat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// What is done at the address.
    pub method: Method,
    /// Where, with the query.
    pub url: String,
    /// Headers, in order; a name may come twice.
    pub headers: Vec<(String, String)>,
    /// What is sent.
    pub body: Body,
    /// How long one attempt may take.
    pub timeout: Duration,
    /// Attempts after the first, for what may pass by itself: no connection, 429 and 5xx but 501.
    pub retries: u32,
    /// Whether the server's certificate is taken as it is. Only where a user has asked for it.
    pub insecure: bool,
    /// Certificates in PEM that the server's must come from; those that the machine trusts when there are none.
    pub authority: String,
    /// The HTTP proxy to go through.
    pub proxy: Option<String>,
    /// By what an answer tells that a message has arrived.
    pub receipt: Receipt,
    /// Under what name the answer to a message comes back to the planner that sent it ([`crate::Observed::replies`]);
    /// none when the planner does not want to know.
    pub topic: Option<String>,
    /// Whether a message of the same topic that still waits to be sent gives way to this one.
    pub latest_only: bool,
}

/// What a [`Call`] sends.
#[derive(Clone, PartialEq, Eq)]
pub enum Body {
    /// Text.
    Text(String),
    /// Anything else, such as a picture.
    Bytes(Vec<u8>),
}

/// How an answer to a message tells that the message has arrived, beside a status from 200 to 299.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Receipt {
    /// Such a status says it.
    #[default]
    Status,
    /// It does not when the body is a JSON object with `false` under `field`.
    Unless {
        /// The field that must not be `false`.
        field: &'static str,
        /// The field that names the failure.
        why: &'static str,
        /// Failures that may pass by themselves.
        passing: &'static [&'static str],
    },
}

/// What a [`Call`] does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Method {
    /// Reads.
    Get,
    /// Sends.
    Post,
    /// Sets.
    Put,
    /// Removes.
    Delete,
}

/// The answer to a [`Call`], whatever its status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// HTTP status code.
    pub status: u16,
    /// The body as text, at most as long as the caller allows.
    pub body: String,
    /// How many attempts it took.
    pub attempts: u32,
    /// How long the server wants to be left alone, if it said so.
    pub retry_after: Option<Duration>,
}

/// The answer to a message, for the planner that sent it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// The message's [`Call::topic`].
    pub topic: String,
    /// The answer, or why there was none in the end.
    pub answer: crate::Answer,
}

impl Call {
    /// A call without headers, body and retries that may take ten seconds.
    #[must_use]
    pub fn new(method: Method, url: impl Into<String>) -> Self {
        Self {
            method,
            url: url.into(),
            headers: Vec::new(),
            body: Body::default(),
            timeout: Duration::from_secs(10),
            retries: 0,
            insecure: false,
            authority: String::new(),
            proxy: None,
            receipt: Receipt::Status,
            topic: None,
            latest_only: false,
        }
    }

    /// One that sends JSON.
    #[must_use]
    pub fn json(url: impl Into<String>, body: &Value) -> Self {
        let headers = vec![("Content-Type".to_owned(), "application/json".to_owned())];
        Self { headers, body: body.to_string().into(), ..Self::new(Method::Post, url) }
    }

    /// The same message, whose answer comes back under this name.
    #[must_use]
    pub fn about(self, topic: impl Into<String>) -> Self {
        Self { topic: Some(topic.into()), ..self }
    }
}

impl Body {
    /// The bytes that are sent.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Bytes(bytes) => bytes,
        }
    }

    /// The text; empty when it is none.
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Self::Text(text) => text,
            Self::Bytes(_) => "",
        }
    }
}

impl Default for Body {
    fn default() -> Self {
        Self::Text(String::new())
    }
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

/// A picture is told by its length.
impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => fmt::Debug::fmt(text, f),
            Self::Bytes(bytes) => write!(f, "({} bytes)", bytes.len()),
        }
    }
}

impl Reply {
    /// The answer to the first attempt.
    #[must_use]
    pub fn new(status: u16, body: impl Into<String>) -> Self {
        Self { status, body: body.into(), attempts: 1, retry_after: None }
    }

    /// Whether an answer of this status may be another next time: 429, and 5xx but 501 (Not Implemented).
    #[must_use]
    pub fn is_retryable(status: u16) -> bool {
        status == 429 || (500 <= status && status != 501)
    }
}

impl Receipt {
    /// Why `reply` says that its message has not arrived, although its status is good, and whether that may pass by itself;
    /// none when it has.
    #[must_use]
    pub fn refusal(self, reply: &Reply) -> Option<(String, bool)> {
        let Self::Unless { field, why, passing } = self else { return None };
        let body: Value = serde_json::from_str(&reply.body).ok()?;
        if body.get(field) != Some(&Value::Bool(false)) {
            return None;
        }
        let name = body.get(why).and_then(Value::as_str).unwrap_or("it does not say why");
        Some((name.to_owned(), passing.contains(&name)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_pass_is_tried_again() {
        let retryable: Vec<u16> = (200..600).filter(|status| Reply::is_retryable(*status)).collect();
        let expected: Vec<u16> = [429, 500].into_iter().chain(502..600).collect();
        assert_eq!(retryable, expected);
    }

    #[test]
    fn a_receipt_is_read_where_it_is_asked_for() {
        let asked = Receipt::Unless { field: "ok", why: "error", passing: &["busy"] };
        let refused = |name: &str, passes| Some((name.to_owned(), passes));
        for (body, expected) in [
            ("ok", None),
            ("", None),
            ("[false]", None),
            (r#"{"ok":true}"#, None),
            (r#"{"error":"busy"}"#, None),
            (r#"{"ok":false,"error":"busy"}"#, refused("busy", true)),
            (r#"{"ok":false,"error":"no"}"#, refused("no", false)),
            (r#"{"ok":false,"error":7}"#, refused("it does not say why", false)),
        ] {
            let reply = Reply::new(200, body);
            assert_eq!(asked.refusal(&reply), expected, "{body}");
            assert_eq!(Receipt::Status.refusal(&reply), None);
        }
    }

    #[test]
    fn a_body_is_text_or_bytes() {
        let picture = Body::Bytes(vec![1, 2]);
        assert_eq!((picture.as_bytes(), picture.text()), (&[1, 2][..], ""));
        assert_eq!(format!("{picture:?}"), "(2 bytes)");
        assert_eq!((Body::from("a".to_owned()).as_bytes(), Body::default().text()), (&b"a"[..], ""));
    }
}
