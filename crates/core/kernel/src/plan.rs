//! What a planner wants done.
//!
//! Property: every prefix of an [`Act`]'s writes is safe, because a crash, a conflict or a refusal may end the pass
//! after any of them. Planners order writes so: capacity before weight, weight before selector, selector before
//! scale-down, status last.

use std::borrow::Cow;

use serde_json::Value;

use crate::{Ask, Call, Key, Measure, Moment};

/// The outcome of one pass: questions first, deeds when they are answered.
#[derive(Clone, Debug, PartialEq)]
#[must_use = "a plan does nothing until the engine carries it out"]
#[allow(clippy::large_enum_variant, reason = "it is taken apart where it is made")]
pub enum Plan {
    /// The planner must know more; it is called again with the answers.
    Ask(Vec<Ask>),
    /// The planner has decided.
    Act(Act),
}

/// What to do in this pass.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Act {
    /// Writes, in order. The first one refused ends the pass, unless it is [`Tolerance::Refusal`].
    pub writes: Vec<Write>,
    /// Events that tell of no write, sent after the writes.
    pub events: Vec<Event>,
    /// When to plan again even if nothing changes; none to sleep until something does.
    pub wake: Option<Moment>,
    /// Whether nothing that changes before [`Self::wake`] could alter what is decided, except for the object's own
    /// specification, labels, annotations and deletion, and answers to its messages: then nothing else wakes it. What has
    /// changed meanwhile is seen then.
    pub is_settled: bool,
    /// Messages that nobody waits for, such as a chat's: sent in order once the writes are made, tried again for a
    /// while, and never in anybody's way. Those with a topic are answered in a later pass.
    pub calls: Vec<Call>,
    /// What is measured, and shown until the object is gone; also when a write is not accepted, but then nothing is counted: what
    /// is done over would count twice.
    pub measures: Vec<Measure>,
    /// What the planner finds again in [`crate::Observed::kept`]; none forgets what was kept. Lost at a restart, so nothing
    /// that matters for long belongs there.
    pub keep: Option<Value>,
    /// The same when a write was not accepted: without what this pass has told, because nobody has heard it.
    pub keep_stopped: Option<Value>,
    /// Why this was decided, for the log: one short sentence each.
    pub reasons: Vec<String>,
}

/// One change of one object.
#[derive(Clone, Debug, PartialEq)]
pub struct Write {
    /// The object to change.
    pub target: Key,
    /// The change.
    pub change: Change,
    /// What must still hold of the object, or the API refuses with a conflict.
    pub precondition: Precondition,
    /// Whether the pass goes on when this write is refused.
    pub tolerance: Tolerance,
    /// Sent once the write has succeeded.
    pub events: Vec<Event>,
}

/// A change of one object.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// Create it with this body.
    Create(Value),
    /// Apply this JSON merge patch (RFC 7396).
    Merge(Value),
    /// Apply this JSON merge patch to the status subresource.
    MergeStatus(Value),
    /// Delete it.
    Delete(Propagation),
    /// Evict the pod, as far as disruption budgets allow.
    Evict,
}

/// What becomes of the objects that a deleted one owns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Propagation {
    /// They are deleted after it.
    Background,
    /// They are deleted before it.
    Foreground,
    /// They stay.
    Orphan,
}

/// What must still hold of an object for a write to it to be accepted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Precondition {
    /// It is the same object.
    pub uid: Option<String>,
    /// It has not changed since it was observed.
    pub resource_version: Option<String>,
}

/// Whether a pass survives the refusal of a write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tolerance {
    /// A refusal ends the pass.
    #[default]
    None,
    /// A refusal (not a failure to reach the API) is expected, and the pass goes on: an eviction that a disruption
    /// budget forbids, the deletion of what is already gone.
    Refusal,
}

/// Something that a person should be told about an object, as a Kubernetes event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// What it is about.
    pub regarding: Reference,
    /// Good or bad news.
    pub kind: EventType,
    /// Machine-readable reason in CamelCase; clients and notification triggers match on it.
    pub reason: Cow<'static, str>,
    /// The sentence for people.
    pub message: String,
}

/// The two types of Kubernetes events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EventType {
    /// Normal.
    Normal,
    /// Warning.
    Warning,
}

/// One object, for good: its key and unique id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference {
    /// Kind, namespace and name.
    pub key: Key,
    /// Unique id; empty when it is not known.
    pub uid: String,
}

impl Write {
    /// A write with no precondition and no events, whose refusal ends the pass.
    #[must_use]
    pub fn new(target: Key, change: Change) -> Self {
        Self {
            target,
            change,
            precondition: Precondition::default(),
            tolerance: Tolerance::None,
            events: Vec::new(),
        }
    }

    /// A write that is refused when `object` has changed since it was observed.
    #[must_use]
    pub fn unchanged(object: &crate::Object, change: Change) -> Self {
        let meta = object.meta();
        let precondition = Precondition {
            uid: Some(meta.uid.clone()),
            resource_version: Some(meta.resource_version.clone()),
        };
        Self { precondition, ..Self::new(object.key(), change) }
    }

    /// A write that is refused only when another object has taken the name of `object`.
    #[must_use]
    pub fn same(object: &crate::Object, change: Change) -> Self {
        let precondition = Precondition { uid: Some(object.meta().uid.clone()), resource_version: None };
        Self { precondition, ..Self::new(object.key(), change) }
    }

    /// The same write, telling `event` once it has succeeded.
    #[must_use]
    pub fn telling(mut self, event: Event) -> Self {
        self.events.push(event);
        self
    }

    /// The same write, whose refusal does not end the pass.
    #[must_use]
    pub fn tolerated(self) -> Self {
        Self { tolerance: Tolerance::Refusal, ..self }
    }
}

impl Event {
    /// Good or neutral news about `regarding`.
    #[must_use]
    pub fn normal(
        regarding: Reference,
        reason: impl Into<Cow<'static, str>>,
        message: impl Into<String>,
    ) -> Self {
        Self { regarding, kind: EventType::Normal, reason: reason.into(), message: message.into() }
    }

    /// Bad news about `regarding`.
    #[must_use]
    pub fn warning(
        regarding: Reference,
        reason: impl Into<Cow<'static, str>>,
        message: impl Into<String>,
    ) -> Self {
        Self { regarding, kind: EventType::Warning, reason: reason.into(), message: message.into() }
    }
}
