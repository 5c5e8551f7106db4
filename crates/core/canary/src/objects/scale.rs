//! Taking the target's pods away, and bringing them back.

use serde_json::{Value, json};
use serin_kernel::{Change, Write};

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
        self.scaler().map_or(0, |scaler| {
            let body = scaler.value();
            count(&body, "/spec/minReplicas").max(count(&body, "/spec/minReplicaCount"))
        })
    }

    /// The patch of the node selector: gone when it is the only one, so that nothing is left of it.
    fn nodes_from_zero(&self) -> Value {
        let selector = self.template().pointer("/spec/nodeSelector").and_then(Value::as_object);
        let is_alone = selector.is_some_and(|selector| selector.len() == 1);
        if is_alone { Value::Null } else { json!({ZERO: null}) }
    }
}
