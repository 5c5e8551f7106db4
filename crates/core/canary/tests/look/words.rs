//! Persons' words in runs.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    cluster::Cluster,
    course::{
        Course,
        Deed::{self, Hook, Patch, Phase, Rate, Wait},
    },
    properties::{Dice, calm, drawn, edit, happen, is_at_rest, short},
};

const READY: Deed = Phase(&["Initialized"]);
const WORD: &str = "serin.dev/canary-word";
const GRANTED: &str = "serin.dev/canary-granted";

fn course(name: &str, deeds: impl IntoIterator<Item = Deed>) -> Option<Course> {
    let mut course = Course::begin(name)?;
    deeds.into_iter().for_each(|deed| course.act(deed));
    Some(course)
}

/// The hash of the target as it is.
fn revision(cluster: &Cluster) -> String {
    cluster.world.ask(|target| target.revision()).unwrap()
}

/// Says a word for `revision`; passes until there is nothing to do at this moment.
fn say_for(cluster: &mut Cluster, revision: &str, verb: &str, gate: Option<&str>) {
    let mut word = json!({"word": verb, "revision": revision, "by": "jane"});
    if let Some(gate) = gate {
        word["gate"] = json!(gate);
    }
    put(cluster, &word.to_string());
}

fn put(cluster: &mut Cluster, text: &str) {
    cluster.world.canary["metadata"]["annotations"][WORD] = json!(text);
    cluster.settle();
}

fn say(cluster: &mut Cluster, verb: &str) {
    let revision = revision(cluster);
    say_for(cluster, &revision, verb, None);
}

fn annotation<'a>(cluster: &'a Cluster, name: &str) -> &'a Value {
    &cluster.world.canary["metadata"]["annotations"][name]
}

fn told(cluster: &Cluster, text: &str) -> usize {
    cluster.seen.events.iter().filter(|event| event.contains(text)).count()
}

/// The word was used, and nothing is left of it or of what it allowed.
fn is_forgotten(cluster: &Cluster) {
    for name in [WORD, GRANTED] {
        assert!(annotation(cluster, name).is_null(), "{name}: {}", cluster.world.canary["metadata"]);
    }
}

const NO: &[u16] = &[403];

#[test]
fn an_approved_gate_is_open_at_once_though_its_hook_says_no() {
    for (name, phase, opened) in [
        ("istio/gate-rollout", "Waiting", "Progressing"),
        ("istio/gate-promotion", "WaitingPromotion", "Promoting"),
        ("kubernetes/gate-promotion", "WaitingPromotion", "WaitingPromotion"),
    ] {
        let phase: &'static [&'static str] = Box::leak(Box::new([phase]));
        let deeds = [Hook("gate", NO), Hook("rb", NO), READY, Wait(1), Patch, Phase(phase), Wait(4)];
        let Some(mut course) = course(name, deeds) else { return };
        let (asked, now) = (course.cluster.servers.asked["gate"], course.cluster.now);
        say(&mut course.cluster, "approve");
        assert_eq!(course.cluster.phase(), opened, "{name}");
        assert!(annotation(&course.cluster, WORD).is_null(), "{name}");
        course.act(Phase(&["Succeeded"]));
        assert_eq!(course.cluster.servers.asked["gate"], asked, "{name}: it is asked no more");
        assert!(0 < told(&course.cluster, " check gate approved by jane"), "{name}");
        assert!(now.plus(Duration::from_secs(9)) < course.cluster.now, "{name}: looks stay apart");
        is_forgotten(&course.cluster);
    }
}

#[test]
fn the_gate_of_a_weight_stays_open_for_the_run_and_not_for_the_next() {
    let deeds = [Hook("gate", NO), READY, Wait(1), Patch, Phase(&["Progressing"]), Wait(25)];
    let Some(mut course) = course("istio/gate-traffic", deeds) else { return };
    assert_eq!(course.cluster.status()["canaryWeight"], 0);
    say(&mut course.cluster, "approve");
    assert_eq!(course.cluster.status()["canaryWeight"], 20, "at once");
    course.act(Phase(&["Succeeded"]));
    is_forgotten(&course.cluster);
    assert_eq!(told(&course.cluster, "Confirm-traffic-increase check gate approved by jane"), 3);
    edit(&mut course.cluster, "podinfo", |it| it["spec"]["template"]["metadata"]["labels"]["v"] = json!("3"));
    course.act(Phase(&["Progressing"]));
    course.act(Wait(30));
    assert_eq!(course.cluster.status()["canaryWeight"], 0, "the next version waits again");
}

#[test]
fn a_gate_to_come_is_approved_without_a_look() {
    let deeds = [Hook("gate", NO), READY, Wait(1), Patch, Deed::Far(20, 1), Wait(2)];
    let Some(mut course) = course("istio/gate-promotion", deeds) else { return };
    let questions = course.cluster.servers.questions;
    let revision = revision(&course.cluster);
    say_for(&mut course.cluster, &revision, "approve", Some("gate"));
    assert_eq!(course.cluster.servers.questions, questions, "that is no look");
    assert_eq!(
        told(&course.cluster, "Gate confirm-promotion/gate of podinfo.istio-gate-promotion will be open"),
        1
    );
    course.act(Phase(&["Succeeded"]));
    assert_eq!(course.cluster.servers.asked.get("gate"), None);
}

#[test]
fn a_promotion_leaves_the_rest_of_the_analysis_out_and_waits_for_pods() {
    for (name, phase) in [
        ("istio/success", "Progressing"),
        ("kubernetes/success", "Progressing"),
        ("nginx/abtest", "Progressing"),
        ("gatewayapi-v1/bluegreen", "Progressing"),
        ("istio/gate-promotion", "WaitingPromotion"),
        ("istio/gate-rollout", "Waiting"),
    ] {
        let phase: &'static [&'static str] = Box::leak(Box::new([phase]));
        // Nothing would ever pass that is measured.
        let rate = Rate(if phase == ["WaitingPromotion"] { 100.0 } else { 1.0 });
        let deeds = [Hook("gate", NO), Hook("rb", NO), READY, Wait(1), rate, Patch, Phase(phase)];
        let Some(mut course) = course(name, deeds) else { return };
        let before = told(&course.cluster, "Advance podinfo");
        say(&mut course.cluster, "promote");
        assert!(annotation(&course.cluster, WORD).is_null(), "{name}");
        course.act(Phase(&["Succeeded"]));
        let cluster = &course.cluster;
        assert_eq!(told(cluster, "called by jane, skipping the rest of the analysis"), 1, "{name}");
        assert_eq!(told(cluster, "Advance podinfo"), before, "{name}: {:#?}", cluster.seen.events);
        assert_eq!(cluster.status()["lastPromotedSpec"], json!(revision(cluster)), "{name}");
        is_forgotten(cluster);
    }
}

#[test]
fn a_promotion_is_begun_as_soon_as_the_pods_are_there() {
    let Some(mut course) = course("istio/success", [READY, Wait(1), Patch, Phase(&["Progressing"])]) else {
        return;
    };
    let begun = course.cluster.now;
    say(&mut course.cluster, "promote");
    assert_eq!(course.cluster.phase(), "Progressing", "the canary has no pods yet");
    course.act(Phase(&["Promoting"]));
    assert!(course.cluster.now < begun.plus(Duration::from_secs(6)), "it does not wait for the interval");
}

#[test]
fn pods_that_never_come_are_not_promoted() {
    let Some(mut course) = course("istio/deadline", [READY, Wait(1), Patch, Phase(&["Progressing"])]) else {
        return;
    };
    say(&mut course.cluster, "promote");
    course.act(Phase(&["Failed"]));
    assert_eq!(told(&course.cluster, "Copying"), 0);
    is_forgotten(&course.cluster);
}

#[test]
fn an_abort_takes_the_version_back_at_once() {
    for (name, phase) in [
        ("istio/success", "Progressing"),
        ("nginx/abtest", "Progressing"),
        ("kubernetes/success", "Progressing"),
        ("istio/gate-promotion", "WaitingPromotion"),
        ("istio/gate-rollout", "Waiting"),
    ] {
        let phase: &'static [&'static str] = Box::leak(Box::new([phase]));
        let deeds = [Hook("gate", NO), Hook("rb", NO), READY, Wait(1), Patch, Phase(phase)];
        let Some(mut course) = course(name, deeds) else { return };
        if phase != ["Waiting"] {
            course.act(Wait(25));
        }
        say(&mut course.cluster, "abort");
        let cluster = &mut course.cluster;
        assert_eq!(told(cluster, " aborted by jane"), 1, "{name}");
        // Its pods stay until its users have left.
        cluster.live(Duration::from_secs(6));
        assert_eq!(cluster.phase(), "Failed", "{name}");
        is_forgotten(cluster);
        let events = cluster.seen.events.len();
        cluster.live(Duration::from_mins(3));
        assert_eq!((cluster.phase(), cluster.seen.events.len()), ("Failed", events), "{name} stays so");
    }
}

/// While its users leave nothing is remembered but what stands in objects.
#[test]
fn a_restart_in_the_midst_of_a_roll_back_tells_nothing_twice() {
    for (name, deeds) in [
        ("istio/fail-metric", vec![READY, Wait(1), Rate(95.5), Patch]),
        ("nginx/abtest", vec![READY, Wait(1), Patch, Phase(&["Progressing"]), Wait(25), Rate(95.5)]),
        (
            "istio/rollback-hook",
            vec![Hook("rb", NO), READY, Wait(1), Patch, Deed::Asked("rb", 3), Hook("rb", &[200])],
        ),
        ("istio/success", vec![READY, Wait(1), Patch, Phase(&["Progressing"]), Wait(25)]),
        ("nginx/success", vec![READY, Wait(1), Patch, Phase(&["Progressing"]), Wait(25)]),
    ] {
        let Some(mut course) = course(name, deeds) else { return };
        let cluster = &mut course.cluster;
        if name.ends_with("success") {
            say(cluster, "abort");
        }
        let is_told = |it: &Cluster| told(it, "Rolling back") == 1;
        assert!(cluster.until(Duration::from_mins(3), is_told), "{name}: {:#?}", cluster.seen.events);
        assert_eq!(cluster.phase(), "Progressing", "{name}: nobody had to leave");
        let alerts = cluster.seen.alerts.len();
        cluster.forget();
        let is_over = |it: &Cluster| it.phase() == "Failed";
        assert!(cluster.until(Duration::from_mins(3), is_over), "{name}: {}", cluster.status());
        assert_eq!(told(cluster, "Rolling back"), 1, "{name}: {:#?}", cluster.seen.events);
        assert_eq!(told(cluster, "Canary failed! Scaling down"), 1, "{name}");
        assert_eq!(cluster.seen.alerts.len(), alerts, "{name}");
    }
}

#[test]
fn words_without_a_run_and_for_other_versions_do_nothing_and_go() {
    for verb in ["approve", "promote", "abort"] {
        let Some(mut course) = course("istio/success", [READY, Wait(1)]) else { return };
        say(&mut course.cluster, verb);
        assert_eq!(course.cluster.phase(), "Initialized");
        assert_eq!(told(&course.cluster, "it is Initialized: no new version is on its way"), 1, "{verb}");
        is_forgotten(&course.cluster);
        let old = revision(&course.cluster);
        course.act(Patch);
        course.act(Phase(&["Progressing"]));
        say_for(&mut course.cluster, &old, verb, None);
        assert_eq!(course.cluster.phase(), "Progressing");
        assert_eq!(told(&course.cluster, "it was for revision s1"), 1, "{verb}");
        put(&mut course.cluster, verb);
        assert_eq!(
            told(&course.cluster, "Ignoring a word for podinfo.istio-success: serin.dev/canary-word: "),
            1
        );
        course.act(Phase(&["Succeeded"]));
        is_forgotten(&course.cluster);
    }
}

/// Words are taken off the Canary, which is no fight with whoever says them.
#[test]
fn any_number_of_words_is_heard_between_two_looks() {
    let deeds = [Hook("gate", NO), READY, Wait(1), Patch, Deed::Far(20, 1), Wait(2)];
    let Some(mut course) = course("istio/gate-promotion", deeds) else { return };
    let cluster = &mut course.cluster;
    let (now, revision) = (cluster.now, revision(cluster));
    for round in 1..=6 {
        say_for(cluster, "s1old", "promote", None);
        assert_eq!(told(cluster, "it was for revision s1old"), round);
        say_for(cluster, &revision, "approve", Some("gate"));
        assert_eq!(told(cluster, "will be open, approved by jane"), round);
        assert!(annotation(cluster, WORD).is_null(), "word {round}");
    }
    assert_eq!((cluster.now, told(cluster, "comes back")), (now, 0));
    course.act(Phase(&["Succeeded"]));
    is_forgotten(&course.cluster);
}

/// A look at which a version is seen for the first time hears what was said of that version.
#[test]
fn words_for_a_version_that_has_just_come_in_mid_run_are_carried_out() {
    for refused in [None, Some(0), Some(1), Some(2), Some(3)] {
        for verb in ["abort", "promote"] {
            let deeds = [READY, Wait(1), Patch, Deed::Far(20, 2), Wait(2)];
            let Some(mut course) = course("istio/success", deeds) else { return };
            let cluster = &mut course.cluster;
            edit(cluster, "podinfo", |it| it["spec"]["template"]["metadata"]["labels"]["v"] = json!("3"));
            cluster.refuse = refused.map(|more: usize| cluster.seen.writes + more);
            let before = told(cluster, "Advance podinfo");
            say(cluster, verb);
            cluster.live(Duration::from_secs(40));
            let last = revision(cluster);
            let status = cluster.status();
            assert_eq!(status["lastAppliedSpec"], json!(last), "{verb} {refused:?}");
            let is_promoted = status["lastPromotedSpec"] == json!(last);
            assert_eq!(
                (cluster.phase(), is_promoted),
                if verb == "abort" { ("Failed", false) } else { ("Succeeded", true) }
            );
            let words = if verb == "abort" { "aborted by jane" } else { "called by jane" };
            assert!(0 < told(cluster, words), "{verb} {refused:?}");
            assert_eq!(
                told(cluster, "Advance podinfo"),
                before,
                "{verb} {refused:?}: {:#?}",
                cluster.seen.events
            );
            assert_eq!(told(cluster, "Restarting"), usize::from(verb == "promote"), "{verb} {refused:?}");
            is_forgotten(cluster);
        }
    }
}

#[test]
fn a_gate_that_is_approved_for_a_version_that_has_just_come_is_open_for_it() {
    let deeds = [Hook("gate", NO), READY, Wait(1), Patch, Deed::Far(20, 1), Wait(2)];
    let Some(mut course) = course("istio/gate-promotion", deeds) else { return };
    let cluster = &mut course.cluster;
    edit(cluster, "podinfo", |it| it["spec"]["template"]["metadata"]["labels"]["v"] = json!("3"));
    let revision = revision(cluster);
    say_for(cluster, &revision, "approve", Some("gate"));
    course.act(Phase(&["Succeeded"]));
    assert_eq!(told(&course.cluster, "Restarting"), 1);
    assert_eq!(course.cluster.servers.asked.get("gate"), None);
}

/// The configuration belongs to the version: what was said before it changed is not for it, what is said after that is.
#[test]
fn a_word_is_for_the_configuration_that_there_is_when_it_is_heard() {
    let edit_config = |cluster: &mut Cluster| {
        cluster
            .world
            .edit(serin_api::kinds::CONFIG_MAP, "podinfo-config", |it| it["data"]["a"] = json!("other"));
    };
    for (is_before, verb, end) in
        [(true, "promote", "Progressing"), (false, "promote", "Finalising"), (false, "abort", "Failed")]
    {
        let deeds = [READY, Wait(1), Patch, Phase(&["Progressing"]), Wait(2)];
        let Some(mut course) = course("traefik/config-midrun", deeds) else { return };
        let cluster = &mut course.cluster;
        if is_before {
            cluster.pods_take = Duration::from_secs(100);
            edit(cluster, "podinfo", |it| it["spec"]["template"]["metadata"]["labels"]["v"] = json!("3"));
            say(cluster, verb);
            assert!(annotation(cluster, GRANTED).is_string(), "it waits for pods");
            edit_config(cluster);
        } else {
            edit_config(cluster);
            say(cluster, verb);
        }
        cluster.live(Duration::from_secs(12));
        assert_eq!(cluster.phase(), end, "{is_before} {verb}: {:#?}", cluster.seen.events);
        assert_eq!(annotation(cluster, GRANTED).is_string(), end == "Finalising", "{is_before} {verb}");
    }
}

/// What was granted is of one run: a version that comes in mid-run, or a configuration that changes, is not promoted by it.
#[test]
fn a_left_over_never_acts_on_a_later_version() {
    let deeds = [READY, Wait(1), Patch, Phase(&["Progressing"])];
    let Some(mut course) = course("istio/success", deeds) else { return };
    course.cluster.pods_take = Duration::from_secs(100);
    say(&mut course.cluster, "promote");
    assert!(annotation(&course.cluster, GRANTED).is_string(), "it waits for pods");
    edit(&mut course.cluster, "podinfo", |it| it["spec"]["template"]["metadata"]["labels"]["v"] = json!("3"));
    course.cluster.live(Duration::from_secs(12));
    assert_eq!(told(&course.cluster, "Restarting analysis"), 1);
    is_forgotten(&course.cluster);
    course.cluster.pods_take = Duration::from_secs(3);
    course.act(Phase(&["Succeeded"]));
    assert_eq!(told(&course.cluster, "skipping the rest of the analysis"), 0);
    // One that was left by a controller that has ended.
    let revision = revision(&course.cluster);
    let granted = json!({"revision": revision, "promote": "jane"}).to_string();
    course.cluster.world.canary["metadata"]["annotations"][GRANTED] = json!(granted);
    course.cluster.live(Duration::from_secs(12));
    is_forgotten(&course.cluster);
}

#[test]
fn a_suspended_canary_takes_no_word() {
    let Some(mut course) = course("istio/success", [READY, Wait(1), Patch, Phase(&["Progressing"])]) else {
        return;
    };
    course.cluster.world.canary["spec"]["suspend"] = json!(true);
    say(&mut course.cluster, "abort");
    assert_eq!(course.cluster.phase(), "Progressing");
    assert_eq!(told(&course.cluster, "it is suspended"), 1);
    is_forgotten(&course.cluster);
}

/// Users are served after every single write (`guard`), whatever is said and whenever; nothing is left of it.
#[test]
fn random_runs_with_words_serve_their_users_and_come_to_rest() {
    for seed in 100..120 {
        let mut dice = Dice(seed);
        let mut cluster = drawn(&mut dice, "app");
        assert!(cluster.until(Duration::from_mins(3), is_at_rest), "seed {seed}");
        for _ in 0..12 {
            happen(&mut cluster, &mut dice);
            let verb = dice.one_of(&["approve", "promote", "promote", "abort"]);
            let revision = if dice.roll(6) == 0 { "s1other".to_owned() } else { revision(&cluster) };
            say_for(&mut cluster, &revision, verb, None);
        }
        calm(&mut cluster);
        let is_over = cluster.until(Duration::from_mins(20), is_at_rest);
        assert!(is_over, "seed {seed}: {} {:#?}", cluster.status(), short(&cluster));
        cluster.live(Duration::from_mins(5));
        is_forgotten(&cluster);
        let writes = cluster.seen.writes;
        cluster.live(Duration::from_mins(2));
        assert_eq!(cluster.seen.writes, writes, "seed {seed}: {:#?}", short(&cluster));
    }
}

/// A crash after any write of a run with words repairs itself: the end is the same.
#[test]
fn a_refused_write_loses_no_word() {
    for verb in ["promote", "abort"] {
        let play = |refuse: Option<usize>| {
            let mut course =
                course("istio/success", [READY, Wait(1), Patch, Phase(&["Progressing"]), Wait(5)])?;
            let first = course.cluster.seen.writes;
            course.cluster.refuse = refuse.map(|more| first + more);
            let revision = revision(&course.cluster);
            say_for(&mut course.cluster, &revision, verb, None);
            course.act(Wait(120));
            Some((course.cluster.phase().to_owned(), course.cluster.seen.writes - first))
        };
        let Some((end, writes)) = play(None) else { return };
        assert_eq!(end, if verb == "abort" { "Failed" } else { "Succeeded" });
        for refused in 0..writes {
            let Some((is, _)) = play(Some(refused)) else { return };
            assert_eq!(is, end, "{verb}, write {refused}");
        }
    }
}
