//! Which version a target is at.

use serde_json::{Value, json};
use serin_api::kinds;
use serin_canary::objects::is_own_hash;

use crate::world::{World, initialized, podinfo};

fn revision(world: &World) -> String {
    world.ask(|target| target.revision()).unwrap()
}

#[test]
fn a_revision_never_changes_between_releases() {
    // Changing it starts an analysis of every workload that Serin runs. Do not.
    assert_eq!(revision(&podinfo()), "s146c585f9b8");
}

#[test]
fn a_revision_has_the_form_of_a_hash_and_is_told_from_flaggers() {
    let mut world = podinfo();
    for n in 0..300 {
        world.edit(kinds::DEPLOYMENT, "podinfo", |it| {
            it["spec"]["template"]["metadata"]["labels"]["n"] = json!(n.to_string());
        });
        let revision = revision(&world);
        assert_eq!(revision.len(), 12, "{revision}");
        assert!(
            revision.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_lowercase()),
            "{revision}"
        );
        assert!(is_own_hash(&revision));
    }
    assert!(!is_own_hash("8c5b4d7f6") && !is_own_hash(""));
}

/// A Deployment edited by `edit`; whether that is another version.
fn is_another(edit: impl FnOnce(&mut Value)) -> bool {
    let mut world = podinfo();
    let before = revision(&world);
    world.edit(kinds::DEPLOYMENT, "podinfo", edit);
    before != revision(&world)
}

#[test]
fn a_version_is_what_the_pods_are_and_nothing_else() {
    assert!(is_another(|it| it["spec"]["template"]["spec"]["containers"][0]["image"] = json!("podinfo:2")));
    assert!(is_another(|it| {
        it["spec"]["template"]["metadata"]["annotations"] =
            json!({"kubectl.kubernetes.io/restartedAt": "now"});
    }));
    assert!(!is_another(|it| it["spec"]["replicas"] = json!(9)));
    assert!(!is_another(|it| it["spec"]["strategy"] = json!({"type": "Recreate"})));
    assert!(!is_another(|it| it["metadata"]["labels"]["x"] = json!("y")));
    assert!(!is_another(|it| it["spec"]["template"]["spec"]["dnsPolicy"] = json!("ClusterFirst")));
}

#[test]
fn a_daemon_set_that_was_taken_to_zero_is_at_the_same_version() {
    let mut world = podinfo();
    let mut body = world.get(kinds::DEPLOYMENT, "podinfo");
    world.remove(kinds::DEPLOYMENT, "podinfo");
    world.canary["spec"]["targetRef"]["kind"] = json!("DaemonSet");
    body["kind"] = json!("DaemonSet");
    for selector in [json!(null), json!({"disk": "fast"})] {
        body["spec"]["template"]["spec"]["nodeSelector"] = selector.clone();
        world.put(&body);
        let before = revision(&world);
        assert!(!world.ask(|target| target.is_zero()).unwrap());
        assert_eq!(world.run(|target| target.to_zero()), 1);
        assert!(world.ask(|target| target.is_zero()).unwrap());
        assert_eq!(world.ask(|target| target.to_zero()).unwrap(), []);
        assert_eq!(revision(&world), before);
        assert_eq!(world.run(|target| target.up()), 1);
        assert_eq!(
            world.get(kinds::DAEMON_SET, "podinfo")["spec"]["template"]["spec"]["nodeSelector"],
            selector
        );
        assert_eq!(world.ask(|target| target.up()).unwrap(), []);
    }
}

#[test]
fn pods_come_back_as_many_as_there_should_be() {
    // Primary's pods, the scaler's least, pods of the target.
    for (primary, least, expected) in [
        (Some(4), None, 4),
        (Some(0), None, 1),
        (None, None, 1),
        (Some(4), Some(2), 2),
        (Some(4), Some(0), 1),
    ] {
        let mut world = initialized();
        match primary {
            Some(primary) => {
                world
                    .edit(kinds::DEPLOYMENT, "podinfo-primary", |it| it["spec"]["replicas"] = json!(primary));
            }
            None => world.remove(kinds::DEPLOYMENT, "podinfo-primary"),
        }
        if let Some(least) = least {
            world.canary["spec"]["autoscalerRef"] =
                json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "name": "h"});
            world.put(&json!({
                "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "h", "namespace": "test"},
                "spec": {"minReplicas": least},
            }));
        }
        assert_eq!(world.run(|target| target.up()), 1);
        assert_eq!(world.get(kinds::DEPLOYMENT, "podinfo")["spec"]["replicas"], expected);
        assert_eq!(world.ask(|target| target.up()).unwrap(), []);
    }
}
