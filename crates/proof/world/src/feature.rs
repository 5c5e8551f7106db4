//! What else a Rollout of a world may use.
//!
//! Property: drawn apart from everything else, and so a world without features is what it was before there were any.

use serde_json::{Value, json};

use crate::{
    deed::{Deed, Timed},
    hand::{collection, rollout},
    seed::Dice,
    shape::{FIRST_IMAGE, NAME, NAMESPACE, container},
};

/// The second Ingress.
pub const SECOND_INGRESS: &str = "second";
/// The label that pods have by their role.
pub const ROLE: &str = "role";
/// An autoscaler and a change of labels act within this time, as people do.
const ACTS_WITHIN_MS: u64 = 300_000;

/// Features of one Rollout, each used or not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each says whether one feature is used")]
pub struct Features {
    /// `workloadRef`: a Deployment lends its template, and is scaled down like this.
    pub lender: Option<&'static str>,
    /// An autoscaler sets the size, through the scale subresource.
    pub autoscaled: bool,
    /// `setCanaryScale` among the steps.
    pub scale_steps: bool,
    /// `stableIngresses`: two of them.
    pub second_ingress: bool,
    /// `canaryMetadata` and `stableMetadata`.
    pub dressed: bool,
    /// Two copies of the controller, of which the one with the lease leads.
    pub elected: bool,
}

impl Features {
    /// Draws which are used; some want a router.
    pub fn draw(dice: &mut Dice, routed: bool) -> Self {
        let lender = dice.chance(300).then(|| dice.pick(&["never", "onsuccess", "progressively"]));
        let mut drawn = || dice.chance(300);
        Self {
            lender,
            autoscaled: drawn(),
            scale_steps: drawn() && routed,
            second_ingress: drawn() && routed,
            dressed: drawn(),
            elected: drawn(),
        }
    }

    /// The path of the object whose template is the Rollout's.
    #[must_use]
    pub fn template_owner(&self) -> String {
        if self.lender.is_some() { format!("{}/{NAME}", collection("deployments")) } else { rollout() }
    }

    /// The Ingresses, by name.
    #[must_use]
    pub fn ingresses(&self) -> &'static [&'static str] {
        if self.second_ingress { &[NAME, SECOND_INGRESS] } else { &[NAME] }
    }

    /// Steps with some that scale the canary among them, none of them to nothing: that would be the user's wish.
    #[must_use]
    pub fn steps(&self, steps: &Value, dice: &mut Dice) -> Value {
        let mut all = Vec::new();
        for step in steps.as_array().into_iter().flatten() {
            if self.scale_steps && dice.chance(400) {
                all.push(json!({"setCanaryScale": canary_scale(dice)}));
            }
            all.push(step.clone());
        }
        Value::Array(all)
    }

    /// What an autoscaler does, and somebody who changes the labels of a role.
    pub fn deeds(&self, dice: &mut Dice) -> Vec<Timed> {
        let mut deeds = Vec::new();
        let mut at = |deed: Deed, dice: &mut Dice| {
            let when = dice.millis(10_000, ACTS_WITHIN_MS);
            deeds.push((when, deed));
        };
        if self.autoscaled {
            for _ in 0..dice.between(1, 5) {
                let replicas = dice.between(1, 6);
                at(Deed::Autoscale(replicas), dice);
            }
        }
        if self.dressed {
            let canary = if dice.chance(500) { Value::Null } else { metadata("tested") };
            let stable = if dice.chance(500) { Value::Null } else { metadata("trusted") };
            at(Deed::Dress(json!({"canaryMetadata": canary, "stableMetadata": stable})), dice);
        }
        deeds
    }

    /// Puts the features into a Rollout's manifest.
    pub fn wear(&self, rollout: &mut Value) {
        let spec = &mut rollout["spec"];
        if self.dressed {
            spec["strategy"]["canary"]["canaryMetadata"] = metadata("canary");
            spec["strategy"]["canary"]["stableMetadata"] = metadata("stable");
        }
        if self.second_ingress {
            let nginx = json!({"stableIngresses": self.ingresses()});
            spec["strategy"]["canary"]["trafficRouting"] = json!({"nginx": nginx});
        }
        if let (Some(mode), Some(fields)) = (self.lender, spec.as_object_mut()) {
            fields.shift_remove("template");
            fields.shift_remove("selector");
            let lender =
                json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": NAME, "scaleDown": mode});
            fields.insert("workloadRef".to_owned(), lender);
        }
    }
}

fn canary_scale(dice: &mut Dice) -> Value {
    match dice.between(0, 2) {
        0 => json!({"replicas": dice.between(1, 6)}),
        1 => json!({"weight": dice.between(1, 100)}),
        _ => json!({"matchTrafficWeight": true}),
    }
}

fn metadata(role: &str) -> Value {
    json!({"labels": {ROLE: role}})
}

/// The Deployment that lends its template, with so many pods of its own.
#[must_use]
pub fn lender_manifest(replicas: u64) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": NAME, "namespace": NAMESPACE},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": NAME}},
            "template": {
                "metadata": {"labels": {"app": NAME}},
                "spec": {"containers": [container(FIRST_IMAGE)]},
            },
        },
    })
}
