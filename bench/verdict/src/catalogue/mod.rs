//! Every world of the study, as data.

mod counts;
mod others;
mod planner;
mod promise;
mod untuned;

pub use promise::Promise;

use serin_gate::{
    Policy,
    policy::{Class, Kind, Metric},
};

use crate::judge::{Feed, Reading, Watched};
use crate::world::{BLOCK_SECONDS, EDGES, Law, Stage, Step};

/// A part of the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Section {
    /// One weight.
    Single,
    /// Several metrics.
    Metrics,
    /// 5, 25 and 50 %.
    Steps,
    /// Histograms.
    Latency,
    /// Levels.
    Gauge,
    /// The router's split.
    Split,
    /// Next to no errors.
    Zero,
    /// Other margins.
    Settings,
    /// Worlds that nothing was tuned on.
    Untuned,
    /// Times for the planner.
    Planner,
}

impl Section {
    /// All, in the order of the page.
    pub const ALL: [Self; 10] = [
        Self::Single,
        Self::Metrics,
        Self::Steps,
        Self::Latency,
        Self::Gauge,
        Self::Split,
        Self::Zero,
        Self::Settings,
        Self::Untuned,
        Self::Planner,
    ];

    /// Its heading.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Single => "Single weight",
            Self::Metrics => "Many metrics",
            Self::Steps => "Weights 5-25-50",
            Self::Latency => "Latency",
            Self::Gauge => "Gauge",
            Self::Split => "Split of traffic",
            Self::Zero => "Zero and tiny baselines",
            Self::Settings => "Other settings",
            Self::Untuned => "Worlds that nothing was tuned on",
            Self::Planner => "Times for the planner",
        }
    }
}

/// What the policy of a world's gate says where it differs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// r0.
    pub tolerated: f64,
    /// r1.
    pub margin: f64,
    /// The share below which nobody acts.
    pub floor: f64,
    /// Least minutes of the last step before PASS.
    pub minimum: u32,
    /// Whether PASS is asked for at all.
    pub class: Class,
    /// Largest probability of a wrong FAIL.
    pub alpha: f64,
    /// What of the gate's answers counts.
    pub watched: Watched,
}

/// A world, and what is asked of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct World {
    /// Its name, unique.
    pub name: &'static str,
    /// Where it stands on the page.
    pub section: Section,
    /// What it stands for, where the name does not say it.
    pub says: &'static str,
    /// How much worse the canary is, in turn.
    pub ratios: &'static [f64],
    /// The outline.
    pub stage: Stage,
    /// What happens.
    pub law: Law,
    /// What differs in the gate's policy.
    pub settings: Settings,
    /// The points that rivals get; none where they have no part.
    pub rivals: Option<Feed>,
}

/// Harmless, in between, at the margin, and clearly worse.
const RATIOS: &[f64] = &[1.0, 1.5, 2.0, 5.0, 10.0];

impl Settings {
    /// Of errors.
    pub const COUNT: Self = Self {
        tolerated: 1.0,
        margin: 2.0,
        floor: 0.0,
        minimum: 10,
        class: Class::Guard,
        alpha: 0.05,
        watched: Watched::Verdict,
    };
}

const BASE_STAGE: Stage =
    Stage { stable: 30, steps: &[Step { weight: 0.1, pods: 3 }], minutes: 60, past: 60, bad_from: 0 };

impl World {
    /// How rivals read its metrics.
    #[must_use]
    pub fn reading(&self) -> Reading {
        match self.law {
            Law::Count(_) | Law::Split(_) => Reading::Share,
            Law::Latency(_) => Reading::P99,
            Law::Gauge(_) => Reading::Level,
        }
    }

    /// The threshold that whoever knows the baseline would set for rivals: twice of it, or 500 ms. Levels have none.
    #[must_use]
    pub fn limit(&self) -> Option<f64> {
        match self.law {
            Law::Count(count) => Some(2.0 * count.share),
            Law::Latency(_) => Some(500.0),
            Law::Gauge(_) | Law::Split(_) => None,
        }
    }

    /// How many metrics it has.
    #[must_use]
    pub fn metrics(&self) -> usize {
        if let Law::Count(count) = self.law { count.metrics } else { 1 }
    }

    /// The gate's policy.
    #[must_use]
    pub fn policy(&self) -> Policy {
        let settings = self.settings;
        let kind = match self.law {
            Law::Count(_) | Law::Split(_) => Kind::Count,
            Law::Latency(_) => Kind::Latency { edges: EDGES.to_vec(), thresholds: Vec::new() },
            Law::Gauge(_) => Kind::Gauge { offset: 0 },
        };
        let metric = |place: usize| Metric {
            name: format!("m{place}"),
            class: settings.class,
            kind: kind.clone(),
            tolerated: settings.tolerated,
            margin: settings.margin,
            floor: settings.floor,
            weight: 1.0,
            down_is_bad: false,
            is_share: matches!(self.law, Law::Count(_)),
        };
        let steps = self.stage.steps.iter().map(|step| serin_gate::policy::Step {
            weight: (step.weight * 10_000.0).round() as u32,
            minimum: settings.minimum * 60,
        });
        Policy {
            block: BLOCK_SECONDS,
            alpha: settings.alpha,
            beta: 0.05,
            steps: steps.collect(),
            deadline: self.stage.minutes * 60,
            minimum_exposure: 50,
            blackhole: 60,
            split: (settings.watched == Watched::Split).then_some(0),
            metrics: (0..self.metrics()).map(metric).collect(),
        }
    }
}

/// Every world, in the order of the page.
#[must_use]
pub fn worlds() -> Vec<World> {
    let mut worlds = Vec::new();
    worlds.extend(counts::single());
    worlds.extend(counts::metrics());
    worlds.extend(counts::steps());
    worlds.extend(others::latency());
    worlds.extend(others::gauge());
    worlds.extend(others::split());
    worlds.extend(others::zero());
    worlds.extend(counts::settings());
    worlds.extend(untuned::untuned());
    worlds.extend(planner::planner());
    worlds
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_world_has_a_name_of_its_own_and_a_policy_that_can_be_kept() {
        let worlds = worlds();
        for (place, world) in worlds.iter().enumerate() {
            assert!(worlds[..place].iter().all(|other| other.name != world.name), "{}", world.name);
            assert_eq!(world.policy().check(), Ok(()), "{}", world.name);
            assert!(!world.ratios.is_empty(), "{}", world.name);
            let must_say = matches!(world.section, Section::Untuned);
            assert!(!must_say || world.says.ends_with('.'), "{} says what it stands for", world.name);
        }
        assert!(worlds.is_sorted_by_key(|world| world.section), "in the order of the page");
    }
}
