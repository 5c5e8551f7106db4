//! What the rule does not tell: what would have changed a label, and where a quirk of the rule may have hurt.
//!
//! Nothing here changes a label or a score.

use std::fmt;

use indexmap::IndexMap;
use serde::ser::SerializeMap;
use serde_json::json;
use serin_stats::describe::Summary;
use serin_stats::series::lag_one;

use crate::classify::{self, CONFIDENCE, Classification, Compared, Label, Memory, NOISE, Rule};
use crate::config::Weight;
use crate::options::{Direction, Measure, Options};
use crate::preprocess::Gone;
use crate::result::{Json, PairResult};
use crate::score::Score;

/// What stands behind the label of one pair.
#[derive(Clone, Debug, PartialEq)]
pub struct Evidence {
    /// How the metric was judged.
    pub options: Options,
    /// What would have given another label, if a setting could.
    pub what_if: Option<WhatIf>,
    /// Where a quirk of the rule may have hurt.
    pub findings: Vec<Finding>,
}

/// A setting that would have changed the label.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WhatIf {
    /// The label that it would have given.
    pub label: Label,
    /// The setting.
    pub change: Change,
}

/// A change of a setting.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Change {
    /// `effectSize.allowedIncrease` above this.
    IncreaseAbove(f64),
    /// `effectSize.allowedIncrease` at most this.
    IncreaseAtMost(f64),
    /// `effectSize.allowedDecrease` below this.
    DecreaseBelow(f64),
    /// `effectSize.allowedDecrease` at least this.
    DecreaseAtLeast(f64),
    /// `direction` watching the other side too.
    WatchBothSides,
}

impl fmt::Display for WhatIf {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{} if ", self.label.as_str())?;
        match self.change {
            Change::IncreaseAbove(effect) => write!(f, "effectSize.allowedIncrease > {effect:.6}"),
            Change::IncreaseAtMost(effect) => write!(f, "effectSize.allowedIncrease <= {effect:.6}"),
            Change::DecreaseBelow(effect) => write!(f, "effectSize.allowedDecrease < {effect:.6}"),
            Change::DecreaseAtLeast(effect) => write!(f, "effectSize.allowedDecrease >= {effect:.6}"),
            Change::WatchBothSides => f.write_str("direction were \"either\""),
        }
    }
}

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
    /// The weights of all groups with results do not sum to 100.
    WeightsSum {
        /// Their sum.
        sum: f64,
    },
}

/// Further draws of the noise that are looked at.
const DRAWS: u64 = 23;
/// Relative differences of constants below this may go either way.
const DOUBTFUL: f64 = 2e-4;
/// Points a side below which draws may differ whatever the difference.
const DOUBTFUL_POINTS: usize = 3;
/// Lag-1 coefficients below this are not worth a word at 60 points (their standard error is 0.13).
const LAG_MIN: f64 = 0.3;
/// The share of false alarms of equal arms with 60 points, both sides watched, by lag-1 coefficient: measured on Kayenta's
/// judge with autoregressive series, 20,000 trials each.
const FALSE_ALARMS: [(f64, f64); 6] =
    [(0.0, 0.23), (0.3, 2.14), (0.6, 11.81), (0.8, 29.67), (0.9, 48.92), (1.0, 100.0)];
/// The solver's tolerance, and the share of the spread that it may be.
const SOLVER_TOLERANCE: f64 = 1e-4;
const SPREAD_SHARE_MAX: f64 = 0.01;

/// The evidence on one pair, whose preprocessed series are in `memory`.
pub(crate) fn of_pair(
    memory: &mut Memory,
    options: &Options,
    found: &Classification,
    (experiment, control): (Summary, Summary),
    (gone_x, gone_y): (Gone, Gone),
    seed: impl Fn() -> u64,
) -> Evidence {
    let mut findings = Vec::new();
    if let Some(compared) = &found.compared {
        findings.extend(of_sizes(experiment, control));
        findings.extend(of_spread(experiment, control, compared));
        findings.extend(of_autocorrelation(memory));
        if compared.effect.is_nan() {
            findings.push(Finding::NoRatio);
        }
        let failed = matches!(found.label, Label::High | Label::Low);
        if failed && options.critical && !found.critical {
            findings.push(Finding::CriticalNotReached);
        }
        if [experiment.min, experiment.max, control.min, control.max].iter().any(|value| value.is_infinite())
        {
            findings.push(Finding::Infinite);
        }
    }
    if found.compared.is_none_or(|compared| compared.has_noise) {
        findings.extend(of_constants(memory, options, found, (experiment, control), seed));
    }
    findings.extend(match found.rule {
        Rule::MissingReplaced => Some(Finding::MissingCountsAsPass),
        Rule::Missing if !found.critical => Some(Finding::MissingNotCounted),
        Rule::AllTied => Some(Finding::ErrorNotCounted),
        _ => None,
    });
    let holes = gone_x.holes + gone_y.holes;
    if 0 < holes && options.nan_strategy == crate::options::NanStrategy::Replace {
        findings.push(Finding::HolesAsZero { holes });
    }
    Evidence { options: *options, what_if: what_if(options, found), findings }
}

/// Whether complete separation of both sides would reach the confidence: if not, the interval is the range.
fn of_sizes(experiment: Summary, control: Summary) -> Option<Finding> {
    let (n, m) = (experiment.count as f64, control.count as f64);
    let largest = (n * m / 2.0 - 0.5) / (n * m * (n + m + 1.0) / 12.0).sqrt();
    let needed = -serin_stats::normal::quantile((1.0 - CONFIDENCE) / 2.0);
    (largest < needed)
        .then_some(Finding::TooFewPoints { experiment: experiment.count, control: control.count })
}

fn of_spread(experiment: Summary, control: Summary, compared: &Compared) -> Option<Finding> {
    let spread = experiment.std.max(control.std);
    let is_swamped = SPREAD_SHARE_MAX * spread < SOLVER_TOLERANCE;
    (0.0 < spread && is_swamped && !compared.has_noise).then_some(Finding::UnitTooSmall { spread })
}

fn of_autocorrelation(memory: &Memory) -> Option<Finding> {
    let sides = [lag_one(&memory.experiment), lag_one(&memory.control)];
    let lag_one = sides.into_iter().flatten().fold(0.0, f64::max);
    let above =
        FALSE_ALARMS.iter().position(|(at, _)| lag_one <= *at).unwrap_or(FALSE_ALARMS.len() - 1).max(1);
    let ((x0, y0), (x1, y1)) = (FALSE_ALARMS[above - 1], FALSE_ALARMS[above]);
    let false_alarm_percent = y0 + (y1 - y0) * (lag_one - x0) / (x1 - x0);
    (LAG_MIN <= lag_one).then_some(Finding::Autocorrelated { lag_one, false_alarm_percent })
}

/// Both sides constant and different: how far apart, and whether other draws of the noise say otherwise.
fn of_constants(
    memory: &mut Memory,
    options: &Options,
    found: &Classification,
    (x, y): (Summary, Summary),
    seed: impl Fn() -> u64,
) -> Vec<Finding> {
    let scale = x.mean.abs().max(y.mean.abs());
    let relative = (x.mean - y.mean).abs() / scale;
    let is_constant = |side: Summary| 0 < side.count && side.max <= side.min;
    if !(is_constant(x) && is_constant(y) && 0.0 < relative) {
        return Vec::new();
    }
    let near = |threshold: f64| {
        let effect = found.compared.map_or(f64::NAN, |compared| compared.effect);
        (effect - threshold).abs() <= 10.0 * NOISE * threshold.abs()
    };
    let thresholds = [
        options.allowed_increase,
        options.allowed_decrease,
        options.critical_increase,
        options.critical_decrease,
    ];
    let is_doubtful = relative < DOUBTFUL
        || x.count.min(y.count) < DOUBTFUL_POINTS
        || thresholds.iter().any(|threshold| near(*threshold));
    let mut findings = vec![Finding::ConstantSeries { relative }];
    if is_doubtful {
        let first = seed();
        let draw = |n| classify::classify(memory, options, || first.wrapping_add(n));
        let differs = |other: &Classification| (other.label, other.critical) != (found.label, found.critical);
        let other = (1..=DRAWS).map(draw).find(differs);
        findings.extend(other.map(|other| Finding::NoiseDecides { other: other.label }));
    }
    findings
}

fn what_if(options: &Options, found: &Classification) -> Option<WhatIf> {
    let compared = found.compared?;
    let (rises, falls) =
        (compared.margin < compared.interval.lower, compared.interval.upper < -compared.margin);
    let effect = compared.effect;
    let has_effect = effect.is_finite();
    let (label, change) = match (found.rule, rises) {
        (Rule::Higher, _) if has_effect => (Label::Pass, Change::IncreaseAbove(effect)),
        (Rule::Lower, _) if has_effect => (Label::Pass, Change::DecreaseBelow(effect)),
        (Rule::EffectAllowed, true) => (Label::High, Change::IncreaseAtMost(effect)),
        (Rule::EffectAllowed, false) => (Label::Low, Change::DecreaseAtLeast(effect)),
        (Rule::Within, true) if effect.is_nan() || options.allowed_increase <= effect => {
            (Label::High, Change::WatchBothSides)
        }
        (Rule::Within, false) if falls && (effect.is_nan() || effect <= options.allowed_decrease) => {
            (Label::Low, Change::WatchBothSides)
        }
        _ => return None,
    };
    Some(WhatIf { label, change })
}

/// Adds what only the whole shows to the results that it concerns.
pub(crate) fn of_groups(results: &mut [PairResult], score: &Score, weights: &IndexMap<String, Weight>) {
    let has_own = |name: &Option<String>| name.as_ref().and_then(|name| weights.get(name)).map(|w| w.0);
    let all_have = score.groups.iter().all(|group| has_own(&group.name).is_some());
    let sum: f64 = score.groups.iter().filter_map(|group| has_own(&group.name)).sum();
    let is_short = all_have && !score.groups.is_empty() && 1e-9 < (sum - 100.0).abs();
    for result in results {
        for name in result.groups.iter().flatten() {
            let counts = score.groups.iter().any(|group| group.name.as_ref() == Some(name) && group.has_data);
            let is_weightless = weights.get(name).is_some_and(|weight| weight.0 == 0.0);
            if is_weightless || !counts {
                result.evidence.findings.push(Finding::GroupWithoutEffect { group: name.clone() });
            }
        }
        if is_short {
            result.evidence.findings.push(Finding::WeightsSum { sum });
        }
    }
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
            Self::HolesAsZero { .. } => "holesAsZero",
            Self::CriticalNotReached => "criticalNotReached",
            Self::Infinite => "infinite",
            Self::GroupWithoutEffect { .. } => "groupWithoutEffect",
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
                 effectSize.allowedIncrease",
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
            Self::WeightsSum { sum } => write!(f, "the groups' weights sum to {sum}, not to 100"),
        }
    }
}

/// Writes the evidence into `resultMetadata`, beside `ratio`.
pub(crate) fn write<M: SerializeMap>(result: &PairResult, map: &mut M) -> Result<(), M::Error> {
    let (found, evidence) = (&result.found, &result.evidence);
    let options = &evidence.options;
    map.serialize_entry("rule", found.rule.as_str())?;
    if let Some(compared) = &found.compared {
        let interval = &compared.interval;
        map.serialize_entry("ciLow", &Json(interval.lower))?;
        map.serialize_entry("ciHigh", &Json(interval.upper))?;
        map.serialize_entry("estimate", &Json(interval.estimate))?;
        map.serialize_entry("confidence", &CONFIDENCE)?;
        map.serialize_entry("tolerance", &Json(compared.margin))?;
        map.serialize_entry("effectSize", &Json(compared.effect))?;
        let is_cles = options.measure == Measure::Cles;
        map.serialize_entry("effectMeasure", if is_cles { "cles" } else { "meanRatio" })?;
    }
    let sizes = json!({"experiment": result.experiment.count, "control": result.control.count});
    map.serialize_entry("sampleSizes", &sizes)?;
    if let Some(what_if) = &evidence.what_if {
        map.serialize_entry("wouldBe", &what_if.to_string())?;
    }
    if !evidence.findings.is_empty() {
        let finding = |finding: &Finding| json!({"kind": finding.kind(), "text": finding.to_string()});
        let findings: Vec<_> = evidence.findings.iter().map(finding).collect();
        map.serialize_entry("findings", &findings)?;
    }
    Ok(())
}

impl Direction {
    /// The word in the configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Increase => "increase",
            Self::Decrease => "decrease",
            Self::Either => "either",
        }
    }
}
