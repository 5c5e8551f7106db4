//! What is said of requests, in Istio's shape: matches, rewrites, retries, headers, origins.

use std::collections::BTreeMap;

use crate::wire::object;

object! {
    /// Which requests are meant; all conditions must hold. In an analysis the definition keeps headers, queryParams and
    /// sourceLabels alone.
    HttpMatch {
        /// A name for the condition.
        name: String = "name",
        /// The path.
        uri: Option<StringMatch> = "uri",
        /// The scheme.
        scheme: Option<StringMatch> = "scheme",
        /// The method.
        method: Option<StringMatch> = "method",
        /// The authority.
        authority: Option<StringMatch> = "authority",
        /// Headers by their name.
        headers: BTreeMap<String, StringMatch> = "headers",
        /// The port that was called.
        port: Option<i64> = "port",
        /// Labels of the caller.
        source_labels: BTreeMap<String, String> = "sourceLabels",
        /// Namespace of the caller.
        source_namespace: String = "sourceNamespace",
        /// Gateways that the condition is for.
        gateways: Vec<String> = "gateways",
        /// Query parameters by their name.
        query_params: BTreeMap<String, StringMatch> = "queryParams",
        /// Whether the path is compared without regard to case.
        ignore_uri_case: Option<bool> = "ignoreUriCase",
        /// Headers that must not match.
        without_headers: BTreeMap<String, StringMatch> = "withoutHeaders",
    }

    /// How a text is compared; one of the fields. See `StringMatch::condition`.
    StringMatch {
        /// The whole text.
        exact: Option<String> = "exact",
        /// How it begins.
        prefix: Option<String> = "prefix",
        /// How it ends; in headers of an analysis only.
        suffix: Option<String> = "suffix",
        /// A regular expression in RE2's syntax.
        regex: Option<String> = "regex",
    }

    /// How requests are rewritten.
    Rewrite {
        /// The new path.
        uri: String = "uri",
        /// The new authority.
        authority: String = "authority",
        /// ReplacePrefixMatch, or the whole path, for gatewayapi.
        kind: String = "type",
    }

    /// How requests are tried again.
    Retries {
        /// How often.
        attempts: Option<i32> = "attempts",
        /// How long each try may take.
        per_try_timeout: String = "perTryTimeout",
        /// After which failures, separated by commas.
        retry_on: String = "retryOn",
    }

    /// Headers to change.
    HeaderChanges {
        /// Of requests.
        request: Option<HeaderOperations> = "request",
        /// Of responses.
        response: Option<HeaderOperations> = "response",
    }

    /// What is done with headers.
    HeaderOperations {
        /// Headers to add.
        add: BTreeMap<String, String> = "add",
        /// Headers to set.
        set: BTreeMap<String, String> = "set",
        /// Names of headers to remove.
        remove: Vec<String> = "remove",
    }

    /// Which other origins may call.
    CorsPolicy {
        /// Whether callers may send credentials.
        allow_credentials: Option<bool> = "allowCredentials",
        /// Headers that they may send.
        allow_headers: Vec<String> = "allowHeaders",
        /// Methods that they may use.
        allow_methods: Vec<String> = "allowMethods",
        /// Origins, as they are.
        allow_origin: Vec<String> = "allowOrigin",
        /// Origins, by patterns.
        allow_origins: Vec<StringMatch> = "allowOrigins",
        /// Headers that they may read.
        expose_headers: Vec<String> = "exposeHeaders",
        /// How long the answer to a preflight request may be kept.
        max_age: String = "maxAge",
    }
}

/// How a text is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StringCondition<'a> {
    /// It is this.
    Exact(&'a str),
    /// It begins so.
    Prefix(&'a str),
    /// It ends so.
    Suffix(&'a str),
    /// It matches this regular expression.
    Regex(&'a str),
}

impl StringMatch {
    /// How the text is compared; `None` when nothing is said. The definition refuses two at a time.
    #[must_use]
    pub fn condition(&self) -> Option<StringCondition<'_>> {
        let conditions = [
            self.exact.as_deref().map(StringCondition::Exact),
            self.prefix.as_deref().map(StringCondition::Prefix),
            self.suffix.as_deref().map(StringCondition::Suffix),
            self.regex.as_deref().map(StringCondition::Regex),
        ];
        conditions.into_iter().flatten().next()
    }
}
