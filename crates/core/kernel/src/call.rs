//! Requests to programs other than Kubernetes, as values.

use std::time::Duration;

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
    pub body: String,
    /// How long one attempt may take.
    pub timeout: Duration,
    /// Attempts after the first, for what may pass by itself: no connection, 429 and 5xx but 501.
    pub retries: u32,
    /// Whether the server's certificate is taken as it is. Only where a user has asked for it.
    pub insecure: bool,
    /// The HTTP proxy to go through.
    pub proxy: Option<String>,
}

/// What a [`Call`] does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Method {
    /// Reads.
    Get,
    /// Sends.
    Post,
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
}

impl Call {
    /// A call without headers, body and retries that may take ten seconds.
    #[must_use]
    pub fn new(method: Method, url: impl Into<String>) -> Self {
        Self {
            method,
            url: url.into(),
            headers: Vec::new(),
            body: String::new(),
            timeout: Duration::from_secs(10),
            retries: 0,
            insecure: false,
            proxy: None,
        }
    }

    /// One that sends JSON.
    #[must_use]
    pub fn json(url: impl Into<String>, body: &serde_json::Value) -> Self {
        let headers = vec![("Content-Type".to_owned(), "application/json".to_owned())];
        Self { headers, body: body.to_string(), ..Self::new(Method::Post, url) }
    }
}
