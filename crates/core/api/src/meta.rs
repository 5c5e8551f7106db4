//! Metadata, selectors and conditions: the parts that kinds share.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use serin_kernel::{Meta, Moment, Operator, Owner, Requirement, Selector};

use crate::wire::{Mode, Reader, Wire, object, put};

object! {
    /// A label selector as it is written in manifests.
    LabelSelector {
        /// Labels that must have these values.
        match_labels: BTreeMap<String, String> = "matchLabels",
        /// Further requirements; all must hold.
        match_expressions: Vec<SelectorRequirement> = "matchExpressions",
    }

    /// One requirement of a label selector.
    SelectorRequirement {
        /// Label key.
        key: String = "key" required,
        /// In, NotIn, Exists or DoesNotExist.
        operator: String = "operator" required,
        /// Values for In and NotIn.
        values: Vec<String> = "values",
    }

    /// Labels and annotations for something that a controller makes.
    LabelsAndAnnotations {
        /// Labels to add.
        labels: BTreeMap<String, String> = "labels",
        /// Annotations to add.
        annotations: BTreeMap<String, String> = "annotations",
    }

    /// An observation about an object, as clients wait for it.
    Condition {
        /// What the condition is about.
        kind: String = "type" required,
        /// True, False or Unknown.
        status: String = "status" required,
        /// When the condition was last written.
        last_update_time: Option<Moment> = "lastUpdateTime" required,
        /// When the status last changed.
        last_transition_time: Option<Moment> = "lastTransitionTime" required,
        /// One word for machines.
        reason: String = "reason" required,
        /// A sentence for people.
        message: String = "message" required,
    }
}

impl LabelSelector {
    /// Whether it has no requirement at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.match_labels.is_empty() && self.match_expressions.is_empty()
    }

    /// The selector to match labels with; `None` when an operator is unknown or lacks its values.
    #[must_use]
    pub fn selector(&self) -> Option<Selector> {
        let mut selector = Selector::equalities(&self.match_labels);
        for expression in &self.match_expressions {
            let (operator, wants_values) = match expression.operator.as_str() {
                "In" => (Operator::In, true),
                "NotIn" => (Operator::NotIn, true),
                "Exists" => (Operator::Exists, false),
                "DoesNotExist" => (Operator::DoesNotExist, false),
                _ => return None,
            };
            if wants_values == expression.values.is_empty() {
                return None;
            }
            let (key, values) = (expression.key.clone(), expression.values.clone());
            selector.requirements.push(Requirement { key, operator, values });
        }
        Some(selector)
    }

    /// The text form that `kubectl -l` and a scale subresource understand; requirements sorted by key, as Go's
    /// `LabelSelectorAsSelector` prints them.
    #[must_use]
    pub fn to_text(&self) -> String {
        let equal = self.match_labels.iter().map(|(key, value)| (key.clone(), format!("{key}={value}")));
        let expressions = self.match_expressions.iter().map(|expression| {
            let mut values = expression.values.clone();
            values.sort();
            let (key, values) = (&expression.key, values.join(","));
            let text = match expression.operator.as_str() {
                "In" => format!("{key} in ({values})"),
                "NotIn" => format!("{key} notin ({values})"),
                "DoesNotExist" => format!("!{key}"),
                _ => key.clone(),
            };
            (key.clone(), text)
        });
        let mut parts: Vec<(String, String)> = equal.chain(expressions).collect();
        parts.sort_by(|left, right| left.0.cmp(&right.0));
        parts.into_iter().map(|(_, text)| text).collect::<Vec<_>>().join(",")
    }
}

/// How controllers keep their conditions, as Argo's and Flagger's do: one of each type, which says since when its status is
/// what it is. Unlike `meta.SetStatusCondition` of Kubernetes a new message alone is no news.
impl Condition {
    /// A condition without its times.
    pub fn new(
        kind: impl Into<String>,
        status: impl Into<String>,
        reason: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            kind: kind.into(),
            status: status.into(),
            reason: reason.into(),
            message: message.into(),
            ..Self::default()
        }
    }

    /// Puts it last among `conditions`, in the place of the one of its type. The time of the last transition stays while the
    /// status does.
    pub fn renew(mut self, conditions: &mut Vec<Self>, now: Moment) {
        let now = now.truncated();
        let old = conditions.iter().find(|old| old.kind == self.kind && old.status == self.status);
        self.last_transition_time = old.and_then(|old| old.last_transition_time).or(Some(now));
        self.last_update_time = Some(now);
        conditions.retain(|old| old.kind != self.kind);
        conditions.push(self);
    }

    /// [`Self::renew`]s it, unless status and reason are what they were; whether they were not.
    pub fn set(self, conditions: &mut Vec<Self>, now: Moment) -> bool {
        let is_same =
            |old: &Self| old.kind == self.kind && old.status == self.status && old.reason == self.reason;
        let is_news = !conditions.iter().any(is_same);
        if is_news {
            self.renew(conditions, now);
        }
        is_news
    }

    /// Whether the condition is `True`.
    #[must_use]
    pub fn is_true(&self) -> bool {
        self.status == "True"
    }
}

/// Metadata is read leniently like everything else; what planners do not read stays in the object itself.
impl Wire for Meta {
    fn read(value: Value, at: &mut Reader) -> Option<Self> {
        let mut fields = at.object(value)?;
        let owners: Vec<OwnerReference> = at.field(&mut fields, "ownerReferences");
        let meta = Self {
            name: at.field(&mut fields, "name"),
            namespace: at.field(&mut fields, "namespace"),
            uid: at.field(&mut fields, "uid"),
            resource_version: at.field(&mut fields, "resourceVersion"),
            generation: at.field(&mut fields, "generation"),
            labels: at.field(&mut fields, "labels"),
            annotations: at.field(&mut fields, "annotations"),
            owner_references: owners.into_iter().map(OwnerReference::into_owner).collect(),
            creation_timestamp: at.field(&mut fields, "creationTimestamp"),
            deletion_timestamp: at.field(&mut fields, "deletionTimestamp"),
            finalizers: at.field(&mut fields, "finalizers"),
        };
        Some(meta)
    }

    fn write(&self) -> Value {
        let mut fields = Map::new();
        let owners: Vec<OwnerReference> = self.owner_references.iter().map(OwnerReference::of).collect();
        put(&mut fields, "name", &self.name, Mode::Optional);
        put(&mut fields, "namespace", &self.namespace, Mode::Optional);
        put(&mut fields, "uid", &self.uid, Mode::Optional);
        put(&mut fields, "resourceVersion", &self.resource_version, Mode::Optional);
        put(&mut fields, "generation", &self.generation, Mode::Optional);
        put(&mut fields, "labels", &self.labels, Mode::Optional);
        put(&mut fields, "annotations", &self.annotations, Mode::Optional);
        put(&mut fields, "ownerReferences", &owners, Mode::Optional);
        put(&mut fields, "creationTimestamp", &self.creation_timestamp, Mode::Optional);
        put(&mut fields, "deletionTimestamp", &self.deletion_timestamp, Mode::Optional);
        put(&mut fields, "finalizers", &self.finalizers, Mode::Optional);
        Value::Object(fields)
    }

    fn schema() -> Value {
        json!({ "type": "object" })
    }
}

object! {
    /// The JSON form of an owner reference.
    OwnerReference {
        /// `apiVersion` of the owner.
        api_version: String = "apiVersion" required,
        /// Kind of the owner.
        kind: String = "kind" required,
        /// Name of the owner.
        name: String = "name" required,
        /// Unique id of the owner.
        uid: String = "uid" required,
        /// Whether this owner manages the object.
        controller: bool = "controller",
        /// Whether the owner's deletion waits for the object.
        block_owner_deletion: bool = "blockOwnerDeletion",
    }
}

impl OwnerReference {
    fn into_owner(self) -> Owner {
        let Self { api_version, kind, name, uid, controller, .. } = self;
        Owner { api_version, kind, name, uid, controller }
    }

    fn of(owner: &Owner) -> Self {
        let Owner { api_version, kind, name, uid, controller } = owner.clone();
        Self { api_version, kind, name, uid, controller, ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_keeps_the_time_of_its_last_transition_while_its_status_is_the_same() {
        let at = Moment::from_secs;
        let mut all = Vec::new();
        for (status, reason, message, now, is_news, since) in [
            ("True", "A", "first", 10, true, 10),
            ("True", "A", "another text is no news", 20, false, 10),
            ("True", "B", "another reason is", 30, true, 10),
            ("False", "B", "another status too", 40, true, 40),
        ] {
            let condition = Condition::new("Ready", status, reason, message);
            assert_eq!(condition.set(&mut all, at(now)), is_news, "{message}");
            let found = all.iter().find(|condition| condition.kind == "Ready").unwrap();
            assert_eq!(found.last_transition_time, Some(at(since)), "{message}");
            assert_eq!(found.message == message, is_news);
            Condition::new("Other", "True", "C", "").set(&mut all, at(now));
            assert_eq!(all.len(), 2, "{message}");
        }
        Condition::new("Ready", "False", "B", "told all the same").renew(&mut all, at(50));
        let last = all.last().unwrap();
        assert_eq!((last.last_update_time, last.last_transition_time), (Some(at(50)), Some(at(40))));
    }
}
