//! Canaries that Flagger has left in each of its phases.

use std::time::Duration;

use crate::course::{
    Course,
    Deed::{self, Hook, Patch, Phase, Rate, Wait},
};

const READY: Deed = Phase(&["Initialized"]);
const NEW: &str = "New revision detected";

/// Recordings, what is done in them until Flagger goes, and the phase that comes of it in the end.
fn handovers() -> Vec<(&'static str, Vec<Deed>, &'static str)> {
    let started = |phase: &'static [&'static str]| vec![READY, Wait(1), Patch, Phase(phase)];
    let gated = |gate| {
        [vec![Hook("gate", &[403])], started(gate), vec![Hook("gate", &[403, 403, 403, 403, 403, 200])]]
            .concat()
    };
    let mut all = Vec::new();
    for name in ["kubernetes/success", "istio/success", "nginx/abtest", "gatewayapi-v1/bluegreen"] {
        all.push((name, vec![Phase(&["Initializing"])], "Initialized"));
        all.push((name, vec![READY], "Initialized"));
        all.push((name, started(&["Progressing"]), "Succeeded"));
        all.push((name, started(&["Promoting"]), "Succeeded"));
        all.push((name, started(&["Finalising"]), "Succeeded"));
        all.push((name, started(&["Succeeded"]), "Succeeded"));
    }
    let failed = vec![READY, Wait(1), Rate(1.0), Patch, Phase(&["Failed"]), Rate(100.0)];
    all.push(("istio/fail-metric", failed.clone(), "Failed"));
    all.push(("kubernetes/fail-metric", failed, "Failed"));
    all.push(("istio/gate-promotion", gated(&["WaitingPromotion"]), "Succeeded"));
    all.push(("kubernetes/gate-promotion", gated(&["WaitingPromotion"]), "Succeeded"));
    all
}

fn handed_over(name: &str, deeds: Vec<Deed>) -> Option<Course> {
    let mut course = Course::begin(name)?;
    for deed in deeds {
        course.act(deed);
    }
    course.cluster.take_over();
    Some(course)
}

#[test]
fn no_run_starts_because_of_a_change_of_controllers() {
    for (name, deeds, end) in handovers() {
        let Some(mut course) = handed_over(name, deeds) else { return };
        let (before, phase) = (course.cluster.seen.events.len(), course.cluster.phase().to_owned());
        course.cluster.live(Duration::from_mins(5));
        let what = format!("{name} from {phase}");
        assert_eq!(course.cluster.phase(), end, "{what}");
        let events = &course.cluster.seen.events[before..];
        assert!(!events.iter().any(|event| event.contains(NEW)), "{what}: {events:#?}");
        for field in ["lastAppliedSpec", "lastPromotedSpec"].iter().filter(|_| end != "Failed") {
            assert!(course.cluster.status()[field].as_str().unwrap().starts_with("s1"), "{what}: {field}");
        }
    }
}

#[test]
fn a_version_that_came_while_nobody_looked_starts_a_run_once() {
    let promoted = vec![READY, Wait(1), Patch, Phase(&["Succeeded"])];
    for (name, deeds) in [("istio/success", vec![READY]), ("kubernetes/lifecycle", promoted)] {
        let Some(mut course) = handed_over(name, deeds) else { return };
        let before = course.cluster.seen.events.len();
        course.act(Patch);
        course.act(Phase(&["Progressing"]));
        course.act(Phase(&["Succeeded"]));
        course.cluster.live(Duration::from_mins(5));
        let events = &course.cluster.seen.events[before..];
        assert_eq!(events.iter().filter(|event| event.contains(NEW)).count(), 1, "{name}: {events:#?}");
    }
}
