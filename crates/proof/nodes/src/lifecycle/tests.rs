//! Lives of single pods, second by second.

use super::*;

const START: &str = "2026-01-01T00:00:00Z";

fn at(seconds: i64) -> Timestamp {
    START.parse::<Timestamp>().unwrap() + SignedDuration::from_secs(seconds)
}

fn object(tag: &str) -> Value {
    json!({
        "metadata": {"name": "p", "namespace": "ns", "uid": "u"},
        "spec": {"nodeName": "n", "containers": [{"name": "app", "image": format!("app:{tag}")}]},
        "status": {"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "True"}]},
    })
}

fn place(ready_delay_sec: u64) -> Place<'static> {
    Place {
        ip: "127.1.0.1",
        host_ip: "127.0.0.1",
        first_seen: at(0),
        told_to_go: None,
        ready_delay: Duration::from_secs(ready_delay_sec),
        terminate_after: Duration::from_secs(1),
    }
}

/// Does what the API does with the patch: merges it, conditions by their type.
fn patch(object: &mut Value, step: &Step) {
    let Some(status) = &step.status else { return };
    for (field, value) in status.as_object().unwrap() {
        if field != "conditions" {
            object["status"][field] = value.clone();
            continue;
        }
        let conditions = object["status"]["conditions"].as_array_mut().unwrap();
        for condition in value.as_array().unwrap() {
            conditions.retain(|old| old["type"] != condition["type"]);
            conditions.push(condition.clone());
        }
    }
}

fn ready(object: &Value) -> bool {
    Pod::read(object).seen.is_true("Ready")
}

#[test]
fn a_pod_that_is_ready_at_once_costs_one_write() {
    let mut pod = object("v1");
    let step = plan(&Pod::read(&pod), &place(0), at(0));
    patch(&mut pod, &step);
    assert!(ready(&pod) && step.serve && step.wake.is_none());
    assert_eq!(pod["status"]["phase"], "Running");
    assert_eq!(plan(&Pod::read(&pod), &place(0), at(9)), Step { serve: true, ..Step::default() });
}

#[test]
fn a_pod_with_a_delay_runs_first_and_is_ready_later() {
    for (tag, delay_sec, ready_at_sec) in [("v1", 5, 5), ("v1-ready2s", 5, 2)] {
        let mut pod = object(tag);
        let step = plan(&Pod::read(&pod), &place(delay_sec), at(0));
        patch(&mut pod, &step);
        assert!(!ready(&pod), "{tag}");
        assert_eq!((step.wake, step.serve), (Some(at(ready_at_sec)), true), "{tag}");
        assert_eq!(plan(&Pod::read(&pod), &place(delay_sec), at(ready_at_sec - 1)).status, None, "{tag}");
        let step = plan(&Pod::read(&pod), &place(delay_sec), at(ready_at_sec));
        patch(&mut pod, &step);
        assert!(ready(&pod), "{tag}");
        assert_eq!(plan(&Pod::read(&pod), &place(delay_sec), at(99)).status, None, "{tag}");
    }
}

#[test]
fn readiness_gates_decide_and_are_never_written() {
    let mut pod = object("v1");
    pod["spec"]["readinessGates"] = json!([{"conditionType": "example.com/gate"}]);
    let step = plan(&Pod::read(&pod), &place(0), at(0));
    patch(&mut pod, &step);
    assert!(!ready(&pod));
    assert_eq!(plan(&Pod::read(&pod), &place(0), at(1)).status, None, "waits for the gate without writing");
    for (status, expected) in [("True", true), ("False", false), ("True", true)] {
        pod["status"]["conditions"].as_array_mut().unwrap().retain(|c| c["type"] != "example.com/gate");
        pod["status"]["conditions"]
            .as_array_mut()
            .unwrap()
            .push(json!({"type": "example.com/gate", "status": status}));
        let step = plan(&Pod::read(&pod), &place(0), at(2));
        assert!(!step.status.as_ref().unwrap().to_string().contains("example.com/gate"));
        patch(&mut pod, &step);
        assert_eq!(ready(&pod), expected);
    }
}

#[test]
fn a_crashing_pod_restarts_further_and_further_apart() {
    let mut pod = object("crash");
    let (mut now, mut pauses) = (0, Vec::new());
    for restarts in 0..8 {
        let step = plan(&Pod::read(&pod), &place(0), at(now));
        patch(&mut pod, &step);
        assert_eq!(pod["status"]["containerStatuses"][0]["restartCount"], restarts);
        assert_eq!(pod["status"]["containerStatuses"][0]["state"]["waiting"]["reason"], "CrashLoopBackOff");
        assert!(!ready(&pod) && !step.serve);
        let next = step.wake.unwrap();
        assert_eq!(plan(&Pod::read(&pod), &place(0), next - SignedDuration::from_secs(1)).status, None);
        pauses.push(next.duration_since(at(now)).as_secs());
        now = next.duration_since(at(0)).as_secs();
    }
    assert_eq!(pauses, [10, 20, 40, 80, 160, 300, 300, 300]);
}

#[test]
fn failing_images_settle_without_being_ready() {
    for (tag, phase, reason) in [("bad", "Pending", "ImagePullBackOff"), ("never-ready", "Running", "")] {
        let mut pod = object(tag);
        let step = plan(&Pod::read(&pod), &place(0), at(0));
        patch(&mut pod, &step);
        let seen = Pod::read(&pod).seen;
        assert_eq!(
            (seen.phase.as_str(), seen.waiting.as_str(), ready(&pod)),
            (phase, reason, false),
            "{tag}"
        );
        assert_eq!(plan(&Pod::read(&pod), &place(0), at(500)).status, None, "{tag}");
    }
}

#[test]
fn a_leaving_pod_serves_on_for_a_while_and_then_goes() {
    for (case, grace_sec, after_sec) in [("the node's time", 30, 1), ("a shorter grace", 0, 0)] {
        let mut pod = object("v1");
        let step = plan(&Pod::read(&pod), &place(0), at(0));
        patch(&mut pod, &step);
        pod["metadata"]["deletionTimestamp"] = json!(stamp(at(10 + grace_sec)));
        pod["metadata"]["deletionGracePeriodSeconds"] = json!(grace_sec);
        // Asked for late in second 10, and seen in second 11: it has its whole time from then.
        let place = Place { told_to_go: Some(at(11)), ..place(0) };
        let during = plan(&Pod::read(&pod), &place, at(11));
        assert_eq!(during.serve, 0 < after_sec, "{case}");
        let end = plan(&Pod::read(&pod), &place, at(11 + after_sec));
        assert!(end.delete && !end.serve, "{case}");
    }
}

#[test]
fn odd_pods_are_only_odd() {
    for odd in [
        json!({}),
        json!({"spec": {"containers": "x"}, "status": {"conditions": {}}}),
        json!({"metadata": 5}),
    ] {
        let step = plan(&Pod::read(&odd), &place(0), at(0));
        assert!(step.status.is_some(), "{odd}");
    }
}
