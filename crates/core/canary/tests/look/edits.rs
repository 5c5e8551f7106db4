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

/// The brake works also where the run cannot go on.
#[test]
fn an_abort_brings_users_back_from_a_run_whose_course_has_become_wrong() {
    let wrong: [(&str, Value); 4] = [
        ("/spec/analysis/stepWeight", json!(0)),
        ("/spec/analysis/interval", json!("0s")),
        ("/spec/analysis/threshold", json!("many")),
        ("/metadata/annotations", json!({"serin.dev/analysis-variants": "staging"})),
    ];
    for (place, value) in wrong {
        let mut cluster = at_rest();
        release(&mut cluster);
        let (parent, field) = place.rsplit_once('/').unwrap();
        cluster.world.canary.pointer_mut(parent).unwrap()[field] = value;
        cluster.live(Duration::from_mins(2));
        let weights = cluster.seen.routes.values().next().unwrap().last().unwrap().clone();
        assert!(weights.contains("canary:30"), "{place}: it stands still: {weights}");
        let now = cluster.now;
        say(&mut cluster, "abort");
        let weights = cluster.seen.routes.values().next().unwrap().last().unwrap().clone();
        assert_eq!(
            (weights.as_str(), cluster.now),
            ("podinfo-primary:100 podinfo-canary:0", now),
            "{place}: at once"
        );
        cluster.live(Duration::from_secs(6));
        assert_eq!(cluster.phase(), "Failed", "{place}: {:#?}", cluster.seen.events);
        assert_eq!(told(&cluster, "Rolling back podinfo.test aborted by jane"), 1, "{place}");
        assert_eq!(cluster.world.get(kinds::DEPLOYMENT, "podinfo")["spec"]["replicas"], 0, "{place}");
        let events = cluster.seen.events.len();
        cluster.live(Duration::from_mins(5));
        assert_eq!((cluster.phase(), cluster.seen.events.len()), ("Failed", events), "{place} stays so");
    }
}

#[test]
fn where_the_road_itself_is_wrong_an_abort_says_what_to_put_right() {
    for (place, value) in
        [("/spec/service/port", json!("http")), ("/spec/analysis/match", json!([{"headers": 7}]))]
    {
        let mut cluster = at_rest();
        release(&mut cluster);
        let (parent, field) = place.rsplit_once('/').unwrap();
        let before = std::mem::replace(&mut cluster.world.canary.pointer_mut(parent).unwrap()[field], value);
        // That the course cannot be told either makes the road no safer.
        cluster.world.canary["metadata"]["annotations"] = json!({"serin.dev/analysis-variants": "staging"});
        cluster.live(Duration::from_mins(2));
        say(&mut cluster, "abort");
        assert!(
            cluster.world.canary["metadata"]["annotations"]["serin.dev/canary-word"].is_null(),
            "{place}"
        );
        let path = place.replace('/', ".");
        let is_named = |event: &&String| {
            event.contains("may be wrong: ") && event.contains(path.trim_start_matches('.'))
        };
        let named = cluster.seen.events.iter().filter(is_named).count();
        assert_eq!(named, 1, "{place}: {:#?}", cluster.seen.events);
        cluster.live(Duration::from_mins(2));
        assert_eq!(cluster.phase(), "Progressing", "{place}");
        cluster.world.canary.pointer_mut(parent).unwrap()[field] = before;
        say(&mut cluster, "abort");
        cluster.live(Duration::from_secs(6));
        assert_eq!(cluster.phase(), "Failed", "{place}: {:#?}", cluster.seen.events);
    }
}

fn say(cluster: &mut Cluster, verb: &str) {
    let revision = cluster.world.ask(|target| target.revision()).unwrap();
    let word = json!({"word": verb, "revision": revision, "by": "jane"}).to_string();
    if cluster.world.canary["metadata"]["annotations"].is_null() {
        cluster.world.canary["metadata"]["annotations"] = json!({});
    }
    edit(cluster, |it| it["metadata"]["annotations"]["serin.dev/canary-word"] = json!(word));
}

fn told(cluster: &Cluster, words: &str) -> usize {
    cluster.seen.events.iter().filter(|event| event.contains(words)).count()
}
