//! The three verdicts, and every reason for which there is none yet.

use serde::{Deserialize, Serialize};

use crate::block::Part;

/// What the gate says after a block.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "verdict", content = "why")]
pub enum Verdict {
    /// Every guard metric is shown to be no worse than its margin.
    Pass,
    /// The release is worse, and these say so.
    Fail(Vec<Cause>),
    /// Neither can be said, and this is what is missing.
    Hold(Hold),
}

/// The three verdicts by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Word {
    /// Promote.
    Pass,
    /// Roll back.
    Fail,
    /// Wait.
    Hold,
}

impl Word {
    /// As printed.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "PASS",
            Self::Fail => "FAIL",
            Self::Hold => "HOLD",
        }
    }
}

impl Verdict {
    /// Its name.
    #[must_use]
    pub fn word(&self) -> Word {
        match self {
            Self::Pass => Word::Pass,
            Self::Fail(_) => Word::Fail,
            Self::Hold(_) => Word::Hold,
        }
    }
}

/// Which rule said FAIL.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "rule")]
pub enum Cause {
    /// The evidence of harm of a metric reached its bar.
    Evidence {
        /// The metric, by its place in the policy.
        metric: usize,
    },
    /// Half of the canary's requests or more fail while the stable version is well: no statistics are needed.
    Failing {
        /// The metric, by its place in the policy.
        metric: usize,
        /// The canary's failures.
        failed: u64,
        /// Of so many.
        of: u64,
    },
    /// More than half of the canary's pods cannot stay up.
    Crashing {
        /// Those.
        pods: u32,
        /// Of so many.
        of: u32,
    },
    /// The canary is sent traffic and answers nothing, while the stable version answers.
    Blackhole {
        /// For so many seconds.
        seconds: u32,
    },
}

/// What is missing for a verdict. A closed set: each has a name that is a metric label, and a policy of its own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "reason")]
pub enum Hold {
    /// The source of a metric failed twice in a row, or gives too much that is not a number.
    ProviderError {
        /// The metric, by its place in the policy.
        metric: usize,
        /// The source's words.
        error: String,
    },
    /// A series belongs to no arm, to both, or is there twice.
    ArmsMixed {
        /// The metric.
        metric: usize,
        /// The labels of the series.
        labels: String,
    },
    /// The newest data are too old, or too much came too late.
    Stale {
        /// The metric.
        metric: usize,
    },
    /// A block overlaps one that was already judged, or goes back in time.
    WindowOverlap,
    /// A block names a step that the plan does not have.
    NoSuchStep {
        /// The step, from 1.
        step: u32,
        /// Steps of the plan.
        planned: u32,
    },
    /// A series that is needed is not there.
    SeriesAbsent {
        /// The metric.
        metric: usize,
        /// Which part.
        part: Part,
    },
    /// Nothing was counted in an arm in this block.
    NoExposure {
        /// The metric.
        metric: usize,
    },
    /// The router sends another share of the requests than it was told.
    SplitWrong {
        /// The canary's share of requests since the weight was set, in parts of 10,000.
        observed: u32,
        /// The share it should have, in parts of 10,000.
        intended: u32,
    },
    /// Every pod of the canary is younger than the warm-up.
    Warming,
    /// The canary has seen too little for PASS.
    UnderExposed {
        /// The metric.
        metric: usize,
        /// Its exposure since the step began.
        have: u64,
        /// What it needs.
        need: u64,
    },
    /// The evidence does not suffice.
    UnderPowered {
        /// The metric with the least evidence; none when there is no guard metric at all.
        metric: Option<usize>,
        /// What would bring more.
        lacks: Lack,
    },
    /// The clocks of the source and of the gate differ by so many seconds.
    ClockSkew {
        /// The metric.
        metric: usize,
        /// Source minus gate.
        seconds: i64,
    },
    /// The step is too young for PASS.
    MinimumTime {
        /// Seconds that counted so far.
        have: u32,
        /// Seconds that are needed.
        need: u32,
    },
}

/// What would bring more evidence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "what")]
pub enum Lack {
    /// More requests to the canary: a higher weight, or time.
    Requests,
    /// More events; they are rare, so time, a floor or a wider margin.
    Events,
    /// More canary pods: with these, no amount of data shows the margin.
    Pods {
        /// Pods that the canary amounts to, in hundredths.
        have: u32,
        /// Pods that suffice for an equal release; none when no number does, at this margin.
        need: Option<u32>,
    },
    /// The stable version's past, without which a gauge's noise is unknown.
    History,
    /// A guard metric: without one nothing can PASS.
    Guard,
}

impl Hold {
    /// The name, as in metrics and exit messages.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::ProviderError { .. } => "provider-error",
            Self::ArmsMixed { .. } => "arms-mixed",
            Self::Stale { .. } => "stale",
            Self::WindowOverlap => "window-overlap",
            Self::NoSuchStep { .. } => "no-such-step",
            Self::SeriesAbsent { .. } => "series-absent",
            Self::NoExposure { .. } => "no-exposure",
            Self::SplitWrong { .. } => "split-wrong",
            Self::Warming => "warming",
            Self::UnderExposed { .. } => "under-exposed",
            Self::UnderPowered { .. } => "under-powered",
            Self::ClockSkew { .. } => "clock-skew",
            Self::MinimumTime { .. } => "minimum-time",
        }
    }

    /// Nothing that any metric says can be trusted, so that not even FAIL is said.
    #[must_use]
    pub fn mutes_all(&self) -> bool {
        matches!(
            self,
            Self::ArmsMixed { .. } | Self::SplitWrong { .. } | Self::WindowOverlap | Self::NoSuchStep { .. }
        )
    }

    /// Time in it does not count towards the minimum time of a step.
    #[must_use]
    pub fn stops_the_clock(&self) -> bool {
        matches!(
            self,
            Self::SplitWrong { .. } | Self::Stale { .. } | Self::ProviderError { .. } | Self::WindowOverlap
        )
    }
}
