//! What was seen of the releases, and what it says.

use std::collections::BTreeMap;

use anyhow::ensure;
use serin_report::live::Requests;

use super::{
    act::{ACTS, Act, OLD},
    watcher::{Happened, Standing},
};

/// How many of so many requests the new version has served at a weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Share {
    pub(super) weight: u64,
    pub(super) new: u64,
    pub(super) all: u64,
}

impl Share {
    /// In percent.
    pub(super) fn percent(self) -> f64 {
        100.0 * self.new as f64 / self.all.max(1) as f64
    }
}

/// What was seen of one release.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    /// Messages of events, in their order.
    pub(super) events: Vec<String>,
    /// Phases, in their order.
    pub(super) phases: Vec<String>,
    pub(super) standing: Standing,
    pub(super) shares: Vec<Share>,
    pub(super) requests: Requests,
    /// What a person has done to it, so that it need not end as it would have.
    pub(super) by_hand: Option<String>,
    /// The weight that is served, and the requests when that began.
    since: Option<(u64, Requests)>,
}

/// What was seen of all.
#[derive(Clone, Debug, Default)]
pub(super) struct Told(BTreeMap<&'static str, Seen>);

impl Told {
    /// Of one release.
    pub(super) fn of(&self, act: &Act) -> Seen {
        self.0.get(act.namespace).cloned().unwrap_or_default()
    }

    /// Takes in an event and the requests up to it; the share that has come to its end with it.
    pub(super) fn hear(&mut self, act: &Act, happened: &Happened, requests: &Requests) -> Option<Share> {
        let seen = self.0.entry(act.namespace).or_default();
        if is_by_hand(&happened.message, &seen.events) {
            seen.by_hand.get_or_insert_with(|| happened.message.clone());
        }
        seen.events.push(happened.message.clone());
        let words = ["Advance ", "Copying ", "Rolling back "];
        if !words.iter().any(|word| happened.message.starts_with(word)) {
            return None;
        }
        let weight =
            happened.message.rsplit_once("canary weight ").and_then(|(_, weight)| weight.parse().ok());
        let before = std::mem::replace(&mut seen.since, weight.map(|weight| (weight, requests.clone())));
        let (weight, before) = before?;
        let new = requests.reached(act.new).saturating_sub(before.reached(act.new));
        let old = requests.reached(OLD).saturating_sub(before.reached(OLD));
        let share = Share { weight, new, all: new + old };
        seen.shares.push(share);
        Some(share)
    }

    /// Takes in how a release stands.
    pub(super) fn look(&mut self, act: &Act, standing: Standing, requests: Requests) {
        let seen = self.0.entry(act.namespace).or_default();
        if seen.phases.last() != Some(&standing.phase) && !standing.phase.is_empty() {
            seen.phases.push(standing.phase.clone());
        }
        (seen.standing, seen.requests) = (standing, requests);
    }

    /// Whether all applications wait for a release.
    pub(super) fn all_initialized(&self) -> bool {
        ACTS.iter().all(|act| self.0.get(act.namespace).is_some_and(|it| it.standing.phase == "Initialized"))
    }

    /// Whether all releases have come to an end, whichever that is.
    pub(super) fn all_ended(&self) -> bool {
        // A version that somebody has taken back himself leaves an initialized Canary, and a Canary can be deleted.
        let is_end = |phase: &str| ["Succeeded", "Failed", "Initialized", ""].contains(&phase);
        let has_begun = |seen: &Seen| seen.phases.iter().any(|phase| phase == "Progressing");
        let seen = |act: &Act| self.0.get(act.namespace);
        ACTS.iter().all(|act| seen(act).is_some_and(|it| has_begun(it) && is_end(&it.standing.phase)))
    }

    /// How each release stands.
    pub(super) fn standings(&self) -> String {
        let standing = |act: &Act| format!("{} is {}", act.namespace, self.of(act).standing);
        ACTS.iter().map(standing).collect::<Vec<_>>().join(", ")
    }

    /// Requires that every release that nobody has taken in hand has ended as it should, and that its users saw nothing of it.
    pub(super) fn check(&self, first_failure: impl Fn(&Act) -> Option<String>) -> anyhow::Result<()> {
        for act in &ACTS {
            let (namespace, seen) = (act.namespace, self.of(act));
            if seen.by_hand.is_some() || seen.standing.phase.is_empty() {
                continue;
            }
            let standing = &seen.standing;
            ensure!(
                standing.phase == act.end(),
                "the release in {namespace} is {standing}, not {}",
                act.end()
            );
            if let Some(why) = first_failure(act) {
                anyhow::bail!("requests in {namespace} failed, the first one with: {why}");
            }
        }
        Ok(())
    }
}

/// Whether an event that follows `before` tells of a person: a word of `serin canary`, or another image than the demo's.
fn is_by_hand(message: &str, before: &[String]) -> bool {
    let is_word = [" called by ", " aborted by ", " approved by "].iter().any(|it| message.contains(it));
    let is_new = |message: &str| message.starts_with("New revision detected!");
    is_word || is_new(message) && before.iter().any(|before| is_new(before))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(new: u64, old: u64) -> Requests {
        Requests {
            total: [(ACTS[0].new.to_owned(), new), (OLD.to_owned(), old)].into(),
            ..Requests::default()
        }
    }

    #[test]
    fn a_share_is_what_was_served_between_two_weights() {
        let mut told = Told::default();
        let mut hear = |message: &str, requests: Requests| {
            let happened =
                Happened { namespace: "test".to_owned(), message: message.to_owned(), is_warning: false };
            told.hear(&ACTS[0], &happened, &requests)
        };
        let share = |weight, new, all| Some(Share { weight, new, all });
        assert_eq!(hear("New revision detected! Scaling up podinfo.test", at(0, 10)), None);
        assert_eq!(hear("Advance podinfo.test canary weight 10", at(0, 100)), None);
        assert_eq!(hear("Halt podinfo.test advancement", at(5, 145)), None);
        assert_eq!(hear("Advance podinfo.test canary weight 20", at(20, 280)), share(10, 20, 200));
        assert_eq!(hear("Copying podinfo.test template spec", at(60, 440)), share(20, 40, 200));
        assert_eq!(hear("Copying podinfo.test template spec", at(90, 440)), None);
        assert_eq!(told.of(&ACTS[0]).by_hand, None);
    }

    /// Releases of which the first was told `events` and has gone through `phases`.
    fn ended(events: &[&str], phases: &[&str]) -> Told {
        let mut told = Told::default();
        let stand = |told: &mut Told, act: &Act, phase: &str| {
            told.look(act, Standing { phase: phase.to_owned(), weight: 0 }, at(0, 10));
        };
        for act in &ACTS {
            stand(&mut told, act, "Initialized");
        }
        assert!(told.all_initialized() && !told.all_ended());
        for event in events {
            let happened = Happened {
                namespace: ACTS[0].namespace.to_owned(),
                message: (*event).to_owned(),
                is_warning: false,
            };
            told.hear(&ACTS[0], &happened, &at(0, 10));
        }
        for phase in phases {
            stand(&mut told, &ACTS[0], phase);
        }
        for act in &ACTS[1..] {
            stand(&mut told, act, "Progressing");
            stand(&mut told, act, act.end());
        }
        told
    }

    #[test]
    fn a_release_that_a_person_takes_in_hand_may_end_as_it_likes() {
        let new = "New revision detected! Scaling up podinfo.test";
        for (events, phases, has_ended, is_right) in [
            (&[new][..], &["Progressing", "Succeeded"][..], true, true),
            (&[new], &["Progressing", "Failed"], true, false),
            (&[new, "Rolling back podinfo.test aborted by kim"], &["Progressing", "Failed"], true, true),
            (&[new, "Rolling back podinfo.test aborted by hand"], &["Progressing", "Failed"], true, true),
            (&[new, new], &["Progressing", "Failed"], true, true),
            (
                &[new, "New revision detected! Restarting analysis for podinfo.test"],
                &["Progressing", "Failed"],
                true,
                true,
            ),
            (&[new], &["Progressing", "Initialized"], true, false),
            (&[new], &["Progressing", ""], true, true),
            (&[new], &["Progressing"], false, false),
            (&[], &[], false, false),
        ] {
            let told = ended(events, phases);
            assert_eq!(told.all_ended(), has_ended, "{events:?} {phases:?}");
            let checked = told.check(|_| None);
            assert_eq!(checked.is_ok(), is_right, "{events:?} {phases:?}: {checked:?}");
        }
        let told = ended(&[new], &["Progressing", ""]);
        assert_eq!(told.standings(), "test is gone, test-a is Failed, test-b is Failed");
        let told = ended(&[new], &["Progressing", "Succeeded"]);
        let why = told.check(|act| (act.namespace == "test-b").then(|| "status 500".to_owned()));
        assert!(why.unwrap_err().to_string().contains("test-b failed"), "users saw something");
    }
}
