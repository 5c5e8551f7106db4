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
        seen.events.push(happened.message.clone());
        let words = ["Advance ", "Copying ", "Rolling back "];
        if !words.iter().any(|word| happened.message.starts_with(word)) {
            return None;
        }
        let weight =
            happened.message.rsplit_once("canary weight ").and_then(|(_, weight)| weight.parse().ok());
        let before = std::mem::replace(&mut seen.since, weight.map(|weight| (weight, requests.clone())));
        let (weight, before) = before?;
        let of = |requests: &Requests, version: &str| requests.total.get(version).copied().unwrap_or(0);
        let new = of(requests, act.new).saturating_sub(of(&before, act.new));
        let old = of(requests, OLD).saturating_sub(of(&before, OLD));
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

    /// Whether all releases are in the phase that is asked for.
    pub(super) fn all_in(&self, phase: impl Fn(&Act) -> &'static str) -> bool {
        ACTS.iter().all(|act| self.0.get(act.namespace).is_some_and(|seen| seen.standing.phase == phase(act)))
    }

    /// Requires that every release has ended as it should, and that its users saw nothing of it.
    pub(super) fn check(&self, first_failure: impl Fn(&Act) -> Option<String>) -> anyhow::Result<()> {
        for act in &ACTS {
            let (namespace, seen) = (act.namespace, self.of(act));
            let phase = &seen.standing.phase;
            ensure!(phase == act.end(), "the release in {namespace} is {phase}, not {}", act.end());
            if let Some(why) = first_failure(act) {
                anyhow::bail!("requests in {namespace} failed, the first one with: {why}");
            }
        }
        Ok(())
    }
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
    }
}
