//! The target of a Canary, and which pods it selects.

use serde_json::Value;
use serin_api::{
    flagger::{Canary, ObjectRef, PRIMARY_SUFFIX, TargetKind},
    kinds,
};
use serin_kernel::{Key, Kind, Object, Observed};

use super::{ObjectSettings, Trouble, json::text};

/// What a Canary is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Pods, as many as are wanted.
    Deployment,
    /// One pod for each node.
    DaemonSet,
    /// A Service whose pods others keep.
    Service,
    /// A Service of Knative, which keeps its own revisions.
    Knative,
}

/// A Canary's target as it is observed, and everything around it.
#[derive(Debug)]
pub struct Target<'a> {
    pub(super) observed: &'a Observed,
    pub(super) canary: &'a Canary,
    pub(super) settings: &'a ObjectSettings,
    pub(super) shape: Shape,
    pub(super) object: &'a Object,
    pub(super) body: Value,
    pub(super) label: String,
    pub(super) value: String,
}

impl Shape {
    /// What a reference names; `None` for a kind that no Canary can be about.
    #[must_use]
    pub fn of(target: &ObjectRef) -> Option<Self> {
        match target.target_kind()? {
            TargetKind::Deployment => Some(Self::Deployment),
            TargetKind::DaemonSet => Some(Self::DaemonSet),
            TargetKind::Service if target.is_knative() => Some(Self::Knative),
            TargetKind::Service => Some(Self::Service),
        }
    }

    /// The kind of such objects.
    #[must_use]
    pub fn kind(self) -> Kind {
        match self {
            Self::Deployment => kinds::DEPLOYMENT,
            Self::DaemonSet => kinds::DAEMON_SET,
            Self::Service => kinds::SERVICE,
            Self::Knative => kinds::KNATIVE_SERVICE,
        }
    }

    /// What events call it.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Deployment => "deployment",
            Self::DaemonSet => "daemonset",
            Self::Service => "service",
            Self::Knative => "Knative Service",
        }
    }

    /// Whether it has pods of its own, so that there is a second workload for the promoted version.
    pub(super) fn has_pods(self) -> bool {
        matches!(self, Self::Deployment | Self::DaemonSet)
    }
}

/// What Kubernetes' clients in Go say of an object that there is not.
pub(super) fn not_found(word: &str, key: &Key) -> String {
    let (name, namespace) = (&key.name, &key.namespace);
    format!("{word} {name}.{namespace} get query error: {} \"{name}\" not found", key.kind)
}

impl<'a> Target<'a> {
    /// Finds the target.
    ///
    /// # Errors
    /// It is of no kind that a Canary can be about, it is not there, or nothing tells its pods from others.
    pub fn look(
        observed: &'a Observed,
        canary: &'a Canary,
        settings: &'a ObjectSettings,
    ) -> Result<Self, Trouble> {
        let target = &canary.spec.target_ref;
        let shape = Shape::of(target).ok_or_else(|| {
            let kind = &target.kind;
            Trouble(format!("spec.targetRef.kind: {kind:?} must be Deployment, DaemonSet or Service"))
        })?;
        let key = shape.kind().key(canary.metadata.namespace.clone(), target.name.clone());
        let object = observed.get(&key).ok_or_else(|| Trouble(not_found(shape.word(), &key)))?;
        let body = object.value();
        let mut found = Self {
            observed,
            canary,
            settings,
            shape,
            object,
            body,
            label: String::new(),
            value: String::new(),
        };
        if shape.has_pods() {
            (found.label, found.value) = found.selected().map_err(|it| it.while_doing("getSelectorLabel"))?;
            if !found.template().is_object() {
                return Err(Trouble(format!("{} spec.template must be a pod template", found.called())));
            }
        }
        Ok(found)
    }

    /// What stands for a target that is not there, so that what it led can be given back: its primary, which tells how its
    /// pods were told; without one the Canary, which tells nothing of pods.
    #[must_use]
    pub fn remains(observed: &'a Observed, canary: &'a Canary, settings: &'a ObjectSettings) -> Self {
        let shape = Shape::of(&canary.spec.target_ref).unwrap_or(Shape::Deployment);
        let key = shape.kind().key(canary.metadata.namespace.clone(), canary.primary_name());
        let object = observed.get(&key).unwrap_or(&observed.object);
        let (label, value) = (String::new(), String::new());
        let mut found =
            Self { observed, canary, settings, shape, object, body: object.value(), label, value };
        if let (true, Ok((label, value))) = (shape.has_pods(), found.selected())
            && let Some(value) = value.strip_suffix(PRIMARY_SUFFIX)
        {
            (found.label, found.value) = (label, value.to_owned());
        }
        found
    }

    /// The revision that a target is at, be it one that a Canary could run or not.
    #[must_use]
    pub fn revision_of(observed: &Observed, canary: &Canary, settings: &ObjectSettings) -> Option<String> {
        let shape = Shape::of(&canary.spec.target_ref)?;
        let key = shape.kind().key(canary.metadata.namespace.clone(), canary.spec.target_ref.name.clone());
        let object = observed.get(&key)?;
        let (label, value) = (String::new(), String::new());
        let target = Target { observed, canary, settings, shape, object, body: object.value(), label, value };
        Some(target.revision())
    }

    /// What the target is.
    #[must_use]
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// The target itself.
    #[must_use]
    pub fn object(&self) -> &'a Object {
        self.object
    }

    /// The label by which its pods are told from the primary's; empty when it has no pods of its own.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.label
    }

    /// The value of that label; the primary's has `-primary` behind it.
    #[must_use]
    pub fn label_value(&self) -> &str {
        &self.value
    }

    /// The primary, when there is one: a workload of its own, a copy of a Service, or the Knative Service itself.
    #[must_use]
    pub fn primary(&self) -> Option<&'a Object> {
        match self.shape {
            Shape::Knative => Some(self.object),
            _ => self.observed.get(&self.primary_key()),
        }
    }

    pub(super) fn primary_key(&self) -> Key {
        self.key(self.shape.kind(), &self.canary.primary_name())
    }

    pub(super) fn primary_value(&self) -> String {
        format!("{}{PRIMARY_SUFFIX}", self.value)
    }

    /// The key of an object beside the Canary.
    pub(super) fn key(&self, kind: Kind, name: &str) -> Key {
        kind.key(self.canary.metadata.namespace.clone(), name)
    }

    /// `deployment podinfo.default`.
    pub(super) fn called(&self) -> String {
        format!("{} {}", self.shape.word(), self.named(&self.object.meta().name))
    }

    /// `podinfo.default`.
    pub(super) fn named(&self, name: &str) -> String {
        format!("{name}.{}", self.canary.metadata.namespace)
    }

    pub(super) fn template(&self) -> &Value {
        self.body.pointer("/spec/template").unwrap_or(&Value::Null)
    }

    fn selected(&self) -> Result<(String, String), Trouble> {
        let labels = &self.settings.selector_labels;
        let selected = self.body.pointer("/spec/selector/matchLabels");
        let first = labels.iter().find_map(|label| Some((label, text(selected?.get(label)?, "")?)));
        let (label, value) = first.ok_or_else(|| {
            let (called, labels) = (self.called(), labels.join(" "));
            Trouble(format!("{called} spec.selector.matchLabels must contain one of [{labels}]"))
        })?;
        Ok((label.clone(), value.to_owned()))
    }
}
