//! News about a Rollout, before it is known which write makes it true.

use serin_api::names::EventReason;
use serin_kernel::{Event, EventType, Object};

/// One piece of news.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tell {
    /// Good or bad.
    pub(crate) kind: EventType,
    /// What kind of news; notification triggers and tests match on it.
    pub(crate) reason: &'static str,
    /// The sentence for people.
    pub(crate) message: String,
}

impl Tell {
    /// Good or neutral news.
    pub(crate) fn normal(reason: EventReason, message: impl Into<String>) -> Self {
        Self { kind: EventType::Normal, reason: reason.as_str(), message: message.into() }
    }

    /// Bad news.
    pub(crate) fn warning(reason: EventReason, message: impl Into<String>) -> Self {
        Self { kind: EventType::Warning, reason: reason.as_str(), message: message.into() }
    }

    /// The event that tells it about `object`.
    pub(crate) fn about(self, object: &Object) -> Event {
        Event {
            regarding: object.reference(),
            kind: self.kind,
            reason: self.reason.into(),
            message: self.message,
        }
    }
}
