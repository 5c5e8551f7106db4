//! What a Kubernetes API must be able to do for us: the contract that the real one and the double both fulfil.

use std::time::Duration;

use futures::{future::BoxFuture, stream::BoxStream};
use serde_json::Value;
use serin_kernel::{Key, Kind, Precondition, Propagation};

/// A Kubernetes API. Each call is one request; nothing is retried here, because retrying is the caller's decision.
pub trait Api: Send + Sync + 'static {
    /// One page of a list; `next` is [`Listed::next`] of the page before.
    fn list<'a>(&'a self, scope: &'a Scope, next: Option<&'a str>) -> BoxFuture<'a, Result<Listed, Failure>>;

    /// What happens in `scope` after the version `since`, for about as long as `patience`; then the stream ends.
    fn watch<'a>(
        &'a self,
        scope: &'a Scope,
        since: &'a str,
        patience: Duration,
    ) -> BoxFuture<'a, Result<BoxStream<'static, Result<Seen, Failure>>, Failure>>;

    /// One object as it is this moment.
    fn read<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Value, Failure>>;

    /// One change. The answer is the object, or a `Status` when the object is gone.
    fn call<'a>(&'a self, call: &'a Call) -> BoxFuture<'a, Result<Value, Failure>>;
}

/// What a list or watch covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// The kind of objects.
    pub kind: Kind,
    /// One namespace, or none for all of them.
    pub namespace: Option<String>,
    /// Label selector in the API's text form, if not everything is wanted.
    pub selector: Option<String>,
}

/// One page of a list.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Listed {
    /// The objects.
    pub items: Vec<Value>,
    /// The version of the list: where to watch from.
    pub version: String,
    /// How to ask for the next page, if there is one.
    pub next: Option<String>,
}

/// Something that a watch saw.
#[derive(Clone, Debug, PartialEq)]
pub enum Seen {
    /// The object exists and looks like this.
    Set(Value),
    /// The object is gone; this is how it looked last.
    Deleted(Value),
    /// Everything up to this version has been seen.
    Bookmark(String),
}

/// One change of one object.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// The object.
    pub target: Key,
    /// The change.
    pub verb: Verb,
}

/// How to change an object.
#[derive(Clone, Debug, PartialEq)]
pub enum Verb {
    /// Create it with this body.
    Create(Value),
    /// Replace it by this body, whose metadata carry the version that is replaced.
    Replace(Value),
    /// Apply this JSON merge patch.
    Merge(Value),
    /// Apply this JSON merge patch to the status subresource.
    MergeStatus(Value),
    /// Delete it.
    Delete(Propagation, Precondition),
    /// Evict the pod.
    Evict(Precondition),
}

impl Verb {
    /// The verb as RBAC and metrics name it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Create(_) | Self::Evict(_) => "create",
            Self::Replace(_) => "update",
            Self::Merge(_) | Self::MergeStatus(_) => "patch",
            Self::Delete(..) => "delete",
        }
    }
}

/// Why a request did not do what it asked for; the variants are what a caller can do about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The object is not what the request took it for: look again and decide afresh.
    #[error("conflict: {message}")]
    Conflict {
        /// What the API said.
        message: String,
    },
    /// There is no such object, or for a list no such kind.
    #[error("not found: {message}")]
    NotFound {
        /// What the API said.
        message: String,
    },
    /// The version to watch from, or the rest of a list, is no longer kept: list again.
    #[error("expired: {message}")]
    Expired {
        /// What the API said.
        message: String,
    },
    /// The API has judged the request and will judge it so again.
    #[error("refused with {code} {reason}: {message}")]
    Refused {
        /// HTTP status code.
        code: u16,
        /// Kubernetes' machine-readable reason; empty when there was none.
        reason: String,
        /// What the API said.
        message: String,
    },
    /// The API could not be reached or could not answer now: the same request may succeed later, or may even have
    /// been carried out.
    #[error("the API did not answer ({code}): {message}")]
    Unreachable {
        /// HTTP status code; 0 when there was none.
        code: u16,
        /// What went wrong.
        message: String,
        /// How long the API asked us to wait.
        retry_after: Option<Duration>,
    },
}

impl Failure {
    /// A failure without an HTTP answer.
    #[must_use]
    pub fn unreachable(message: impl Into<String>) -> Self {
        Self::Unreachable { code: 0, message: message.into(), retry_after: None }
    }

    /// The HTTP status code, for metrics; 0 when there was no answer.
    #[must_use]
    pub fn code(&self) -> u16 {
        match self {
            Self::Conflict { .. } => 409,
            Self::NotFound { .. } => 404,
            Self::Expired { .. } => 410,
            Self::Refused { code, .. } | Self::Unreachable { code, .. } => *code,
        }
    }
}
