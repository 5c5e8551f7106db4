//! Warnings: where a quirk of the rule may have hurt.

use std::fmt;

use crate::classify::{CONFIDENCE, Label, SOLVER_TOLERANCE};

/// A warning about one judgement.
#[derive(Clone, Debug, PartialEq)]
pub enum Finding {
    /// So few points that no difference reaches the confidence: the interval is the whole range.
    TooFewPoints {
        /// Points of the canary.
        experiment: usize,
        /// Points of the baseline.
        control: usize,
    },
    /// The data are so small that the solver's tolerance is more than a hundredth of their spread.
    UnitTooSmall {
        /// The larger of both standard deviations.
        spread: f64,
    },
    /// Both series are constant: any difference counts, however small.
    ConstantSeries {
        /// The difference over the larger value.
        relative: f64,
    },
    /// Another draw of the noise gives another label.
    NoiseDecides {
        /// The other label.
        other: Label,
    },
    /// A series repeats itself from point to point, which raises false alarms.
    Autocorrelated {
        /// The larger coefficient of both sides.
        lag_one: f64,
        /// How often equal arms of 60 points get High or Low then, in percent.
        false_alarm_percent: f64,
    },
    /// The effect's thresholds did nothing, because a mean is 0.
    NoRatio,
    /// No data, and counted as success.
    MissingCountsAsPass,
    /// No data on one side, and left out of the score.
    MissingNotCounted,
    /// No interval, and left out of the score: it can only help.
    ErrorNotCounted,
    /// Both sides are 0 throughout, which may mean that nothing was measured.
    AllZero,
    /// Values that are not numbers were counted as 0.
    HolesAsZero {
        /// How many.
        holes: usize,
    },
    /// A critical metric failed as an ordinary one: its effect is within what is critical.
    CriticalNotReached,
    /// Infinite values: the interval means little.
    Infinite,
    /// The group's score cannot change the canary's.
    GroupWithoutEffect {
        /// The group.
        group: String,
    },
    /// The group weighs less than nothing: what passes in it lowers the score.
    NegativeWeight {
        /// The group.
        group: String,
        /// Its weight in percent.
        weight: f64,
    },
    /// The weights of all groups with results do not sum to 100.
    WeightsSum {
        /// Their sum.
        sum: f64,
    },
}

impl Finding {
    /// A word for its kind, in camel case.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::TooFewPoints { .. } => "tooFewPoints",
            Self::UnitTooSmall { .. } => "unitTooSmall",
            Self::ConstantSeries { .. } => "constantSeries",
            Self::NoiseDecides { .. } => "noiseDecides",
            Self::Autocorrelated { .. } => "autocorrelated",
            Self::NoRatio => "noRatio",
            Self::MissingCountsAsPass => "missingCountsAsPass",
            Self::MissingNotCounted => "missingNotCounted",
            Self::ErrorNotCounted => "errorNotCounted",
            Self::AllZero => "allZero",
            Self::HolesAsZero { .. } => "holesAsZero",
            Self::CriticalNotReached => "criticalNotReached",
            Self::Infinite => "infinite",
            Self::GroupWithoutEffect { .. } => "groupWithoutEffect",
            Self::NegativeWeight { .. } => "negativeWeight",
            Self::WeightsSum { .. } => "weightsSum",
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::TooFewPoints { experiment, control } => write!(
                f,
                "{experiment} and {control} points can never reach the confidence of {CONFIDENCE}: the interval is the \
                 whole range of differences, and any gap between the sides counts; take 5 a side at least, better 50"
            ),
            Self::UnitTooSmall { spread } => write!(
                f,
                "the values spread by {spread:e} only, and the interval is known to {SOLVER_TOLERANCE:e}: multiply the \
                 metric, for example from seconds to milliseconds"
            ),
            Self::ConstantSeries { relative } => write!(
                f,
                "both series are constant and {:.4} % apart: without variance every difference counts; set \
                 effectSize.allowedIncrease or allowedDecrease",
                relative * 100.0
            ),
            Self::NoiseDecides { other } => write!(
                f,
                "the label hangs on the noise that is added to constant series: another draw gives {}",
                other.as_str()
            ),
            Self::Autocorrelated { lag_one, false_alarm_percent } => write!(
                f,
                "each point repeats {lag_one:.2} of the one before (lag-1): of equal versions {false_alarm_percent:.0} % \
                 would be flagged at 60 points; query windows no longer than the step"
            ),
            Self::NoRatio => f.write_str("a mean is 0, so there is no ratio, and the effect's thresholds do nothing"),
            Self::MissingCountsAsPass => {
                f.write_str("no data, and counted as success because nanStrategy is \"replace\"")
            }
            Self::MissingNotCounted => {
                f.write_str("no data, and not counted in its groups: set mustHaveData or critical to fail instead")
            }
            Self::ErrorNotCounted => f.write_str(
                "all values tie at a shift that had to be tried, so there is no interval; the metric is not counted, \
                 and a canary of such metrics alone scores 100",
            ),
            Self::AllZero => f.write_str(
                "both sides are 0 throughout: if that means that nothing was measured, it is no success; have a metric \
                 of traffic beside this one, or a query that gives nothing without traffic",
            ),
            Self::HolesAsZero { holes } => {
                write!(f, "{holes} missing values count as 0, because nanStrategy is \"replace\"")
            }
            Self::CriticalNotReached => f.write_str(
                "a critical metric failed, but its effect is within criticalIncrease or criticalDecrease: it counts as \
                 an ordinary failure",
            ),
            Self::Infinite => f.write_str("infinite values: the interval means little"),
            Self::GroupWithoutEffect { group } => {
                write!(f, "nothing in group {group:?} can change the score: it has no weight, or nothing that counts")
            }
            Self::NegativeWeight { group, weight } => write!(
                f,
                "group {group:?} weighs {weight} %: what passes in it lowers the score; the weights of the other groups \
                 exceed 100, or its own is below 0"
            ),
            Self::WeightsSum { sum } => {
                write!(f, "the weights of the groups that are here sum to {sum}, not to 100")
            }
        }
    }
}
