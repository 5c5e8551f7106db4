//! The family of Rollouts that worlds are about.

use serde_json::{Value, json};

use crate::{feature::Features, seed::Dice};

/// The namespace that everything lives in.
pub const NAMESPACE: &str = "default";
/// The Rollout that a world is about, and the beginning of the names around it.
pub const NAME: &str = "demo";
/// The image that it begins with.
pub const FIRST_IMAGE: &str = "app:v0";

/// One member of the family.
#[derive(Clone, Debug, PartialEq)]
pub struct Shape {
    /// Pods wanted.
    pub replicas: u64,
    /// Whether NGINX shares the traffic out.
    pub routed: bool,
    /// `maxSurge`, a number of pods.
    pub surge: u64,
    /// `maxUnavailable`, a number of pods.
    pub unavailable: u64,
    /// The steps.
    pub steps: Value,
    /// Other fields of the canary strategy.
    pub extras: Value,
    /// Other fields of the spec.
    pub spec: Value,
    /// What else it uses.
    pub features: Features,
}

impl Shape {
    /// Draws a member.
    pub fn draw(dice: &mut Dice) -> Self {
        let routed = dice.chance(600);
        let unavailable = dice.between(0, 2);
        let surge = dice.between(u64::from(unavailable == 0), 2);
        let (mut extras, mut spec) = (json!({}), json!({}));
        if routed && dice.chance(300) {
            extras["dynamicStableScale"] = json!(true);
        } else if routed && dice.chance(400) {
            extras["scaleDownDelaySeconds"] = json!(dice.between(0, 60));
        }
        if routed && dice.chance(300) {
            extras["abortScaleDownDelaySeconds"] = json!(dice.between(0, 60));
        }
        if routed && dice.chance(200) {
            extras["minPodsPerReplicaSet"] = json!(2);
        }
        if dice.chance(300) {
            spec["progressDeadlineAbort"] = json!(true);
            spec["progressDeadlineSeconds"] = json!(dice.between(60, 300));
        }
        if dice.chance(200) {
            spec["revisionHistoryLimit"] = json!(dice.between(0, 3));
        }
        if dice.chance(200) {
            spec["minReadySeconds"] = json!(dice.between(1, 5));
        }
        let steps = steps(dice);
        let replicas = dice.between(0, 6);
        Self { replicas, routed, surge, unavailable, steps, extras, spec, features: Features::default() }
    }

    /// The same with features.
    #[must_use]
    pub fn featured(self, dice: &mut Dice) -> Self {
        let features = Features::draw(dice, self.routed);
        let steps = features.steps(&self.steps, dice);
        Self { steps, features, ..self }
    }

    /// The Rollout's manifest.
    #[must_use]
    pub fn rollout(&self) -> Value {
        let mut canary = self.extras.clone();
        canary["steps"] = self.steps.clone();
        canary["maxSurge"] = json!(self.surge);
        canary["maxUnavailable"] = json!(self.unavailable);
        if self.routed {
            canary["canaryService"] = json!(service("canary"));
            canary["stableService"] = json!(service("stable"));
            canary["trafficRouting"] = json!({"nginx": {"stableIngress": NAME}});
        }
        let mut spec = self.spec.clone();
        spec["replicas"] = json!(self.replicas);
        spec["selector"] = json!({"matchLabels": {"app": NAME}});
        spec["template"] = json!({
            "metadata": {"labels": {"app": NAME}},
            "spec": {"containers": [container(FIRST_IMAGE)]},
        });
        spec["strategy"] = json!({"canary": canary});
        let mut rollout = json!({
            "apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout",
            "metadata": {"name": NAME, "namespace": NAMESPACE}, "spec": spec,
        });
        self.features.wear(&mut rollout);
        rollout
    }

    /// Whether the stable version follows the weight down.
    #[must_use]
    pub fn is_dynamic(&self) -> bool {
        self.extras.get("dynamicStableScale") == Some(&Value::Bool(true))
    }
}

/// Steps: weights that rise, with pauses between, one of them perhaps without an end.
pub fn steps(dice: &mut Dice) -> Value {
    let mut steps = Vec::new();
    let mut weight = 0;
    for _ in 0..dice.between(0, 4) {
        weight = dice.between(weight, 100);
        steps.push(json!({"setWeight": weight}));
        if dice.chance(700) {
            let pause = if dice.chance(150) {
                json!({"pause": {}})
            } else {
                json!({"pause": {"duration": dice.between(1, 40)}})
            };
            steps.push(pause);
        }
    }
    Value::Array(steps)
}

/// The name of one of the two Services.
#[must_use]
pub fn service(role: &str) -> String {
    format!("{NAME}-{role}")
}

/// The container of the template, with this image.
#[must_use]
pub fn container(image: &str) -> Value {
    json!({"name": "web", "image": image})
}

/// A Service's manifest.
#[must_use]
pub fn service_manifest(role: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": {"name": service(role), "namespace": NAMESPACE},
        "spec": {"selector": {"app": NAME}, "ports": [{"port": 80, "targetPort": 8080}]},
    })
}

/// An Ingress's manifest.
#[must_use]
pub fn ingress_manifest(name: &str) -> Value {
    let backend = json!({"service": {"name": service("stable"), "port": {"number": 80}}});
    let paths = json!([{"path": "/", "pathType": "Prefix", "backend": backend}]);
    json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "Ingress",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {"ingressClassName": "nginx", "rules": [{"host": format!("{name}.local"), "http": {"paths": paths}}]},
    })
}

/// A ReplicaSet of somebody else, that the Rollout's selector matches all the same.
#[must_use]
pub fn foreign_manifest() -> Value {
    let labels = json!({"app": NAME, "rollouts-pod-template-hash": "foreign"});
    let owner = json!({
        "apiVersion": "example.com/v1", "kind": "Other", "name": "other", "uid": "not-ours", "controller": true,
    });
    json!({
        "apiVersion": "apps/v1", "kind": "ReplicaSet",
        "metadata": {"name": "foreign", "namespace": NAMESPACE, "labels": labels, "ownerReferences": [owner]},
        "spec": {"replicas": 0, "selector": {"matchLabels": labels}, "template": {
            "metadata": {"labels": labels}, "spec": {"containers": [container("other:v1")]},
        }},
    })
}

/// Rollouts that the API takes and the controller must refuse, each beside the good one.
#[must_use]
pub fn odd_manifest(number: u64) -> Value {
    let mut odd = Shape {
        replicas: 1,
        routed: false,
        surge: 1,
        unavailable: 0,
        steps: json!([]),
        extras: json!({}),
        spec: json!({}),
        features: Features::default(),
    }
    .rollout();
    odd["metadata"]["name"] = json!("odd");
    odd["spec"]["selector"] = json!({"matchLabels": {"app": "odd"}});
    odd["spec"]["template"]["metadata"]["labels"] = json!({"app": "odd"});
    match number % 4 {
        0 => odd["spec"]["strategy"]["canary"]["steps"] = json!([{"setWeight": 101}]),
        1 => odd["spec"]["template"]["spec"]["containers"] = json!("none"),
        2 => odd["spec"]["selector"]["matchLabels"] = json!({"app": "another"}),
        _ => odd["spec"]["strategy"]["canary"]["canaryService"] = json!("missing"),
    }
    odd
}
