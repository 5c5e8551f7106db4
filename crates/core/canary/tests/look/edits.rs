//! Edits of a Canary that do not wait for its next look.

use std::time::Duration;

use serde_json::{Value, json};
use serin_api::kinds;

use crate::{cluster::Cluster, rivals::settled};

/// One that is looked at each minute, at rest.
fn at_rest() -> Cluster {
    settled(&json!({"spec": {
        "provider": "istio", "analysis": {"interval": "60s", "iterations": null, "stepWeight": 30, "maxWeight": 60},
    }}))
}

/// A version comes, and is at its first weight.
fn release(cluster: &mut Cluster) {
    cluster.world.edit(kinds::DEPLOYMENT, "podinfo", |it| {
        it["spec"]["template"]["spec"]["containers"][0]["image"] = json!("podinfo:2");
        it["metadata"]["generation"] = json!(it["metadata"]["generation"].as_i64().unwrap() + 1);
    });
    let is_at = cluster.until(Duration::from_mins(3), |it| it.status()["canaryWeight"] == 30);
    assert!(is_at, "{:#?}", cluster.seen.events);
    cluster.live(Duration::from_secs(3));
}

/// Edits the Canary; passes until there is nothing to do at this moment.
fn edit(cluster: &mut Cluster, edit: impl FnOnce(&mut Value)) {
    edit(&mut cluster.world.canary);
    cluster.settle();
}

fn is_kept(cluster: &Cluster) -> bool {
    cluster.world.canary["metadata"]["finalizers"] == json!(["finalizer.flagger.app"])
}

/// Whoever deletes the Canary a moment after it was told to give everything back finds that it does.
#[test]
fn what_is_given_back_at_deletion_is_heard_at_once() {
    for (is_in_run, spoilt) in [
        (false, json!({})),
        (true, json!({})),
        (false, json!({"suspend": true})),
        (true, json!({"suspend": true})),
    ] {
        let mut cluster = at_rest();
        if is_in_run {
            release(&mut cluster);
        }
        let now = cluster.now;
        crate::world::merge(&mut cluster.world.canary["spec"], &spoilt);
        for is_wanted in [true, false, true] {
            edit(&mut cluster, |it| it["spec"]["revertOnDeletion"] = json!(is_wanted));
            assert_eq!((is_kept(&cluster), cluster.now), (is_wanted, now), "{is_in_run} {spoilt}");
        }
        edit(&mut cluster, |it| it["metadata"]["deletionTimestamp"] = json!("2027-01-15T07:00:00Z"));
        assert_eq!(cluster.phase(), "Terminating", "{is_in_run} {spoilt}");
    }
}

#[test]
fn one_that_cannot_be_run_is_kept_and_not_let_go() {
    let mut cluster = at_rest();
    cluster.world.canary["spec"]["analysis"]["stepWeight"] = json!(0);
    edit(&mut cluster, |it| it["spec"]["revertOnDeletion"] = json!(true));
    assert!(is_kept(&cluster));
    edit(&mut cluster, |it| it["spec"]["revertOnDeletion"] = json!("yes"));
    cluster.live(Duration::from_mins(3));
    assert!(is_kept(&cluster), "what cannot be read asks for nothing");
}
