//! Taking the target's pods away, and bringing them back; and the primary's when somebody else has taken them away.

use serde_json::{Value, json};
use serin_api::kinds;
use serin_kernel::{Change, Object, Write};

use super::{Shape, Target, json::count};

/// The node selector that no node fits: how a DaemonSet has no pods.
const ZERO: &str = "flagger.app/scale-to-zero";

/// Takes that selector out of a template.
pub(super) fn without_zero(template: &mut Value) {
    let Some(spec) = template.get_mut("spec") else { return };
    let selector = spec.get_mut("nodeSelector").and_then(Value::as_object_mut);
    let is_empty = selector.is_some_and(|selector| {
        selector.shift_remove(ZERO);
        selector.is_empty()
    });
    if let (true, Some(spec)) = (is_empty, spec.as_object_mut()) {
        spec.shift_remove("nodeSelector");
    }
}

/// The fewest pods that a scaler allows.
fn least(scaler: &Object) -> i64 {
    let body = scaler.value();
    count(&body, "/spec/minReplicas").max(count(&body, "/spec/minReplicaCount"))
}

impl Target<'_> {
    /// Whether the target has no pods by our doing or another's. What has no pods of its own never is.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        match self.shape {
            Shape::Deployment => self.replicas() == 0,
            Shape::DaemonSet => {
                self.template().pointer("/spec/nodeSelector").and_then(|s| s.get(ZERO)).is_some()
            }
            Shape::Service | Shape::Knative => false,
        }
    }

    /// Takes the target's pods away.
    #[must_use]
    pub fn to_zero(&self) -> Vec<Write> {
        let patch = match self.shape {
            Shape::Deployment => json!({"spec": {"replicas": 0}}),
            Shape::DaemonSet => json!({"spec": {"template": {"spec": {"nodeSelector": {ZERO: "true"}}}}}),
            Shape::Service | Shape::Knative => return Vec::new(),
        };
        if self.is_zero() { Vec::new() } else { vec![Write::same(self.object, Change::Merge(patch))] }
    }

    /// Brings the target's pods back, as many as the primary has or its scaler wants at least.
    #[must_use]
    pub fn up(&self) -> Vec<Write> {
        if !self.is_zero() {
            return Vec::new();
        }
        let patch = match self.shape {
            Shape::Deployment => json!({"spec": {"replicas": self.replicas_from_zero()}}),
            _ => json!({"spec": {"template": {"spec": {"nodeSelector": self.nodes_from_zero()}}}}),
        };
        vec![Write::same(self.object, Change::Merge(patch))]
    }

    /// Whether the primary has no pods by another's doing: promotions give it some. Where a scaler may take it to zero, that is
    /// how it is wanted.
    #[must_use]
    pub fn is_primary_zero(&self) -> bool {
        let is_none = self.primary().is_some() && self.primary_replicas() == 0;
        self.shape == Shape::Deployment && is_none && !self.may_rest_at_zero()
    }

    /// Brings the primary's pods back: as many as the target has, or its scaler wants at least.
    #[must_use]
    pub fn primary_up(&self) -> Vec<Write> {
        let Some(primary) = self.primary().filter(|_| self.is_primary_zero()) else { return Vec::new() };
        let is_scaled = self.canary.spec.autoscaler_ref.is_some();
        let least = if is_scaled { self.primary_scaler_min() } else { self.replicas() };
        let patch = json!({"spec": {"replicas": least.max(1)}});
        vec![Write::same(primary, Change::Merge(patch))]
    }

    /// Pods that the target wants.
    pub(super) fn replicas(&self) -> i64 {
        self.body.pointer("/spec/replicas").and_then(Value::as_i64).unwrap_or(1)
    }

    /// Pods that the primary wants; 0 when there is none.
    pub(super) fn primary_replicas(&self) -> i64 {
        let wanted = |body: &Value| body.pointer("/spec/replicas").and_then(Value::as_i64).unwrap_or(1);
        self.primary().map_or(0, |primary| wanted(&primary.value()))
    }

    /// Pods of a primary that is made: the target's, or when it has none the fewest that its scaler allows.
    pub(super) fn first_replicas(&self) -> i64 {
        let wanted = self.replicas();
        if 0 < wanted { wanted } else { self.scaler_min().max(1) }
    }

    fn replicas_from_zero(&self) -> i64 {
        let least = if self.canary.spec.autoscaler_ref.is_some() {
            self.scaler_min()
        } else {
            self.primary_replicas()
        };
        least.max(1)
    }

    fn scaler_min(&self) -> i64 {
        self.scaler().map_or(0, least)
    }

    fn primary_scaler_min(&self) -> i64 {
        self.observed_primary_scaler().or_else(|| self.scaler()).map_or(0, least)
    }

    /// Whether the primary's scaler takes it to zero when there is nothing to do. KEDA's does unless it is told otherwise,
    /// Kubernetes' own only when it is told so.
    fn may_rest_at_zero(&self) -> bool {
        self.observed_primary_scaler().is_some_and(|scaler| {
            let is_silent = scaler.value().pointer("/spec/minReplicas").is_none();
            least(scaler) == 0 && (scaler.kind() == kinds::SCALED_OBJECT || !is_silent)
        })
    }

    /// The patch of the node selector: gone when it is the only one, so that nothing is left of it.
    fn nodes_from_zero(&self) -> Value {
        let selector = self.template().pointer("/spec/nodeSelector").and_then(Value::as_object);
        let is_alone = selector.is_some_and(|selector| selector.len() == 1);
        if is_alone { Value::Null } else { json!({ZERO: null}) }
    }
}
