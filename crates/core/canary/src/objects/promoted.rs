//! A primary that somebody deleted: what it ran, as far as it can be known.
//!
//! Property: a version that was never promoted gets the users' traffic only when nothing else can be made, and then a
//! warning says so.
//!
//! Reason: Flagger makes the primary again from the target as it is now, be that in the middle of its analysis, and so
//! promotes it unseen.
//!
//! Mechanics: `status.lastPromotedSpec` is our own hash of the promoted template, and the target's Deployment keeps
//! ReplicaSets of its older templates, a `DaemonSet` its revisions. The one with that hash has what was promoted; its
//! configuration is in the copies, which do not go with the primary.

use std::collections::BTreeMap;

use serde_json::Value;
use serin_api::{
    flagger::{Canary, PRIMARY_SUFFIX},
    kinds,
};
use serin_kernel::{Kind, Observed};

use super::{Shape, Target, configs::Configs};

/// The label by which a Deployment tells the pods of its ReplicaSets apart.
const TEMPLATE_HASH: &str = "pod-template-hash";

/// How a `ControllerRevision` says that it is a whole template.
const PATCH: &str = "$patch";

/// The template that a primary is to be made of.
pub(super) enum Source {
    /// The target's, and why it is another than was promoted, if it may be.
    Present(Option<String>),
    /// The one that was promoted.
    Promoted(Value),
}

/// What keeps the older templates of a workload, and where they stand in it.
pub(super) fn history(shape: Shape) -> Option<(Kind, &'static str)> {
    match shape {
        Shape::Deployment => Some((kinds::REPLICA_SET, "/spec/template")),
        Shape::DaemonSet => Some((kinds::CONTROLLER_REVISION, "/data/spec/template")),
        Shape::Service | Shape::Knative => None,
    }
}

/// Whether there was a primary and is none.
pub(super) fn is_lost(observed: &Observed, canary: &Canary, shape: Shape) -> bool {
    let key = shape.kind().key(canary.metadata.namespace.clone(), canary.primary_name());
    shape != Shape::Knative && !canary.status.last_promoted_spec.is_empty() && observed.get(&key).is_none()
}

/// The labels by which a workload selects its pods.
pub(super) fn own_labels(body: &Value) -> Option<BTreeMap<String, String>> {
    let labels = body.pointer("/spec/selector/matchLabels")?.as_object()?;
    let pairs = labels.iter().filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())));
    Some(pairs.collect()).filter(|labels: &BTreeMap<_, _>| !labels.is_empty())
}

impl Target<'_> {
    /// What a primary that is not there is to be made of.
    pub(super) fn source(&self) -> Source {
        let promoted = self.canary.status.last_promoted_spec.as_str();
        if !is_lost(self.observed, self.canary, self.shape) || self.revision() == promoted {
            return Source::Present(None);
        }
        let kept = history(self.shape).into_iter().flat_map(|(kind, place)| {
            let own =
                self.observed.all(kind).filter(|it| it.meta().is_controlled_by(&self.object.meta().uid));
            own.filter_map(move |it| it.value().pointer(place).cloned())
        });
        let mut templates = kept.map(|mut template| {
            if let Some(labels) = template.pointer_mut("/metadata/labels").and_then(Value::as_object_mut) {
                labels.shift_remove(TEMPLATE_HASH);
            }
            template.as_object_mut().map(|template| template.shift_remove(PATCH));
            template
        });
        match templates.find(|template| self.hash_of(template) == promoted) {
            Some(template) => Source::Promoted(template),
            None => Source::Present(Some(self.unknown())),
        }
    }

    fn unknown(&self) -> String {
        let (primary, target) =
            (self.named(&self.canary.primary_name()), self.named(&self.object.meta().name));
        format!(
            "{primary} is gone and what it ran is not known: it is made again from {target} as it is now, \
             which may never have been analysed"
        )
    }

    /// Whether a ConfigMap or Secret has a copy from an earlier promotion, or gets one now.
    pub(super) fn has_copy(&self, configs: &Configs, kind: Kind, name: &str) -> bool {
        let copy = self.key(kind, &format!("{name}{PRIMARY_SUFFIX}"));
        let is_kept = self
            .observed
            .get(&copy)
            .is_some_and(|copy| copy.meta().is_controlled_by(&self.canary.metadata.uid));
        is_kept || configs.is_tracked(kind, name)
    }
}
