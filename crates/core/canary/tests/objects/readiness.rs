//! Whether pods are there, in the recorded words.

use serde_json::{Value, json};
use serin_api::kinds;
use serin_canary::objects::Readiness::{self, Failed, Ready, Waiting};
use serin_kernel::Moment;

use crate::world::{World, initialized};

const NOW: i64 = 1_000_000;

fn at(seconds: i64) -> String {
    Moment::from_secs(seconds).to_string()
}

fn canary(world: &World) -> Readiness {
    world.ask(|target| target.canary_ready(Moment::from_secs(NOW))).unwrap()
}

fn primary(world: &World) -> Readiness {
    world.ask(|target| target.primary_ready(Moment::from_secs(NOW))).unwrap()
}

/// A Deployment's status, and what is said of it: whether there is no hope, and why.
type Row = (Value, Result<(), (bool, &'static str)>);

fn rows() -> Vec<Row> {
    let wait = |text: &'static str| Err((false, text));
    vec![
        (
            json!({"observedGeneration": 1}),
            wait(
                "waiting for rollout to finish: observed deployment generation less than desired generation",
            ),
        ),
        (
            json!({"replicas": 2, "updatedReplicas": 1, "availableReplicas": 2}),
            wait("waiting for rollout to finish: 1 out of 4 new replicas have been updated"),
        ),
        (json!({}), wait("waiting for rollout to finish: 0 out of 4 new replicas have been updated")),
        (
            json!({"replicas": 5, "updatedReplicas": 4, "availableReplicas": 5}),
            wait("waiting for rollout to finish: 1 old replicas are pending termination"),
        ),
        (
            json!({"replicas": 4, "updatedReplicas": 4, "availableReplicas": 3}),
            wait(
                "waiting for rollout to finish: 3 of 4 (readyThreshold 100%) updated replicas are available",
            ),
        ),
        (json!({"replicas": 4, "updatedReplicas": 4, "availableReplicas": 4}), Ok(())),
        (
            json!({"replicas": 4, "updatedReplicas": 4, "availableReplicas": 4, "conditions": [
                {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}]}),
            Err((true, "exceeded its progress deadline")),
        ),
        (
            json!({"replicas": 4, "updatedReplicas": 4, "conditions": [
                {"type": "Available", "status": "False", "reason": "MinimumReplicasUnavailable", "lastUpdateTime": at(NOW - 60)}]}),
            wait(
                "waiting for rollout to finish: 0 of 4 (readyThreshold 100%) updated replicas are available",
            ),
        ),
        (
            json!({"replicas": 4, "updatedReplicas": 4, "conditions": [
                {"type": "Available", "status": "False", "reason": "MinimumReplicasUnavailable", "lastUpdateTime": at(NOW - 61)}]}),
            Err((
                true,
                "waiting for rollout to finish: 0 of 4 (readyThreshold 100%) updated replicas are available",
            )),
        ),
        (
            json!({"replicas": 4, "updatedReplicas": 4, "conditions": [
                {"type": "Available", "status": "False", "reason": "Another", "lastUpdateTime": at(0)},
                {"type": "Available", "status": "odd", "reason": "MinimumReplicasUnavailable", "lastUpdateTime": 7}]}),
            wait(
                "waiting for rollout to finish: 0 of 4 (readyThreshold 100%) updated replicas are available",
            ),
        ),
    ]
}

#[test]
fn deployments_are_ready_by_these_rules() {
    for (status, expected) in rows() {
        let mut status = status;
        if status["observedGeneration"].is_null() {
            status["observedGeneration"] = json!(2);
        }
        for (name, who) in
            [("podinfo", "canary deployment podinfo.test"), ("podinfo-primary", "podinfo-primary.test")]
        {
            let mut world = initialized();
            world.edit(kinds::DEPLOYMENT, name, |it| {
                it["metadata"]["generation"] = json!(2);
                it["spec"]["replicas"] = json!(4);
                it["status"] = status.clone();
            });
            let wanted = match expected {
                Ok(()) => Ready,
                Err((true, "exceeded its progress deadline")) => {
                    Failed(format!("{who} not ready: deployment \"{name}\" exceeded its progress deadline"))
                }
                Err((true, text)) => Failed(format!("{who} not ready: {text}")),
                Err((false, text)) => Waiting(format!("{who} not ready: {text}")),
            };
            let is = if name == "podinfo" { canary(&world) } else { primary(&world) };
            assert_eq!(is, wanted, "{status}");
        }
    }
}

#[test]
fn a_threshold_is_of_the_updated_pods_rounded_down() {
    for (threshold, available, is_ready) in
        [(50, 2, true), (50, 1, false), (74, 2, true), (75, 2, false), (0, 0, true)]
    {
        let mut world = initialized();
        world.canary["spec"]["analysis"]["canaryReadyThreshold"] = json!(threshold);
        world.edit(kinds::DEPLOYMENT, "podinfo", |it| {
            it["spec"]["replicas"] = json!(4);
            it["status"] = json!({"observedGeneration": 1, "replicas": 4, "updatedReplicas": 4, "availableReplicas": available});
        });
        assert_eq!(canary(&world) == Ready, is_ready, "{threshold} {available}");
    }
}

#[test]
fn daemon_sets_are_ready_by_these_rules() {
    for (status, since, expected) in [
        (
            json!({"observedGeneration": 1}),
            NOW,
            "Waiting waiting for rollout to finish: observed daemonset generation less than desired generation",
        ),
        (
            json!({"observedGeneration": 2, "desiredNumberScheduled": 3, "updatedNumberScheduled": 2, "numberAvailable": 3}),
            NOW - 60,
            "Waiting waiting for rollout to finish: 2 out of 3 new pods have been updated",
        ),
        (
            json!({"observedGeneration": 2, "desiredNumberScheduled": 3, "updatedNumberScheduled": 3, "numberAvailable": 2}),
            NOW - 61,
            "Failed waiting for rollout to finish: 2 of 3 (readyThreshold 100%) updated pods are available",
        ),
        (
            json!({"observedGeneration": 2, "desiredNumberScheduled": 3, "updatedNumberScheduled": 3, "numberAvailable": 3}),
            0,
            "Ready",
        ),
    ] {
        let mut world = initialized();
        let body = world.get(kinds::DEPLOYMENT, "podinfo");
        world.remove(kinds::DEPLOYMENT, "podinfo");
        world.canary["spec"]["targetRef"]["kind"] = json!("DaemonSet");
        world.canary["status"]["lastTransitionTime"] = json!(at(since));
        for name in ["podinfo", "podinfo-primary"] {
            let mut set = body.clone();
            set["kind"] = json!("DaemonSet");
            set["metadata"] = json!({"name": name, "namespace": "test", "generation": 2});
            set["status"] = status.clone();
            world.put(&set);
        }
        for (is, who) in [
            (canary(&world), "canary daemonset podinfo.test not ready: "),
            (primary(&world), "primary daemonset podinfo-primary.test not ready: "),
        ] {
            let text = match is {
                Ready => "Ready".to_owned(),
                Waiting(text) => format!("Waiting {}", text.strip_prefix(who).unwrap()),
                Failed(text) => format!("Failed {}", text.strip_prefix(who).unwrap()),
            };
            assert_eq!(text, expected);
        }
    }
}

#[test]
fn a_primary_that_is_not_there_is_not_ready() {
    let mut world = initialized();
    world.remove(kinds::DEPLOYMENT, "podinfo-primary");
    let text = "podinfo-primary.test not ready: waiting for rollout to finish: observed deployment generation less than \
        desired generation";
    assert_eq!(primary(&world), Waiting(text.to_owned()));
}
