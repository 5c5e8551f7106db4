//! The decision table of one pair: Kayenta's Mann–Whitney classifier.
//!
//! | # | when | label |
//! |---|---|---|
//! | 1a | a side is empty and NaN is not replaced, the metric must have data and is not critical | `NodataFailMetric` |
//! | 1b | a side is empty and NaN is not replaced | `Nodata` |
//! | 1c | a side is empty and NaN is replaced | `Pass` |
//! | 2 | both sides hold the same values | `Pass` |
//! | 3 | there is one distinct value in all | `Pass` |
//! | 4 | the interval lies above the margin, upwards is bad, the effect is large enough | `High` |
//! | 5 | the interval lies below the margin, downwards is bad, the effect is large enough | `Low` |
//! | 6 | otherwise | `Pass` |
//!
//! When all values tie at a shift that the solver looks at, there is no interval: `Error`, which no score counts.

use serin_stats::compatible::{Comparison, Interval, Workspace};
use serin_stats::effect::mean_ratio;
use serin_stats::noise::Noise;

use crate::options::{Direction, Measure, NanStrategy, Options};

/// The confidence of the interval: fixed in Kayenta's judge.
pub const CONFIDENCE: f64 = 0.98;
/// The share of the estimate that the interval must clear: fixed too.
pub const TOLERANCE: f64 = 0.25;
/// How exactly the ends of the interval are known: the absolute tolerance of the solver.
pub(crate) const SOLVER_TOLERANCE: f64 = 1e-4;
/// The relative size of the noise that is added when both sides are constant.
pub const NOISE: f64 = 1e-5;

/// What a pair is found to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Label {
    /// No change that counts.
    Pass,
    /// The canary is higher, and that is bad.
    High,
    /// The canary is lower, and that is bad.
    Low,
    /// A side has no values.
    Nodata,
    /// A side has no values, and that fails the metric.
    NodataFailMetric,
    /// No interval could be computed.
    Error,
}

impl Label {
    /// The word in the result.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "Pass",
            Self::High => "High",
            Self::Low => "Low",
            Self::Nodata => "Nodata",
            Self::NodataFailMetric => "NodataFailMetric",
            Self::Error => "Error",
        }
    }
}

/// The row of the decision table that decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// 1a: a side is empty, which fails the metric.
    MissingFails,
    /// 1b: a side is empty.
    Missing,
    /// 1c: a side is empty, and NaN is replaced.
    MissingReplaced,
    /// 2: both sides hold the same values.
    Identical,
    /// 3: there is one distinct value.
    OneValue,
    /// 4: higher.
    Higher,
    /// 5: lower.
    Lower,
    /// 6: the interval does not clear the margin on a side that is bad.
    Within,
    /// 6: the interval clears the margin, and the effect is within what is allowed.
    EffectAllowed,
    /// No interval exists.
    AllTied,
}

impl Rule {
    /// A word for it, in camel case.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MissingFails => "missingFails",
            Self::Missing => "missing",
            Self::MissingReplaced => "missingReplaced",
            Self::Identical => "identical",
            Self::OneValue => "oneValue",
            Self::Higher => "higher",
            Self::Lower => "lower",
            Self::Within => "within",
            Self::EffectAllowed => "effectAllowed",
            Self::AllTied => "allTied",
        }
    }
}

/// What was found, and by which rule.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Classification {
    /// The label.
    pub label: Label,
    /// The rule that decided.
    pub rule: Rule,
    /// Whether it alone fails the canary.
    pub critical: bool,
    /// The ratio of the means; 1 where nothing was compared, `None` where nothing could be.
    pub ratio: Option<f64>,
    /// The numbers, where there was a comparison.
    pub compared: Option<Compared>,
}

/// The numbers of a comparison.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Compared {
    /// Where the shift lies.
    pub interval: Interval,
    /// What the interval must clear: a quarter of the estimate.
    pub margin: f64,
    /// The effect in the metric's measure; NaN when a mean is 0.
    pub effect: f64,
    /// Whether both sides were constant, so that noise was added.
    pub has_noise: bool,
}

/// What an interval must be and clear. Kayenta's judge has one; its classifier takes any, and was recorded with several.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bar {
    pub(crate) confidence: f64,
    pub(crate) tolerance: f64,
}

const BAR: Bar = Bar { confidence: CONFIDENCE, tolerance: TOLERANCE };

/// Memory that is used again from pair to pair.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    pub(crate) experiment: Vec<f64>,
    pub(crate) control: Vec<f64>,
    noisy: (Vec<f64>, Vec<f64>),
    work: Workspace,
}

/// Classifies the series in `memory`, which are preprocessed; `seed` gives that of the noise, if any is needed.
pub(crate) fn classify(memory: &mut Memory, options: &Options, seed: impl FnOnce() -> u64) -> Classification {
    classify_at(BAR, memory, options, seed)
}

/// [`classify`] with another bar than the judge's.
pub(crate) fn classify_at(
    bar: Bar,
    memory: &mut Memory,
    options: &Options,
    seed: impl FnOnce() -> u64,
) -> Classification {
    let Memory { experiment, control, noisy, work } = memory;
    let replaces = options.nan_strategy == NanStrategy::Replace;
    let plain =
        |label, rule, critical| Classification { label, rule, critical, ratio: Some(1.0), compared: None };
    let Some(comparison) = work.compare(experiment, control) else {
        return match (replaces, options.must_have_data && !options.critical) {
            (true, _) => plain(Label::Pass, Rule::MissingReplaced, false),
            (false, true) => plain(Label::NodataFailMetric, Rule::MissingFails, false),
            (false, false) => plain(Label::Nodata, Rule::Missing, options.critical),
        };
    };
    if comparison.is_identical() {
        return plain(Label::Pass, Rule::Identical, false);
    }
    let Some((x, y)) = comparison.constants() else {
        return decide(bar, comparison, (experiment, control), options, false);
    };
    if x <= y && y <= x {
        return plain(Label::Pass, Rule::OneValue, false);
    }
    let mut noise = Noise::new(seed());
    for (side, value, to) in [(&*experiment, x, &mut noisy.0), (&*control, y, &mut noisy.1)] {
        let size = value * NOISE;
        to.clear();
        // A side of zeros gets no noise.
        to.extend(
            side.iter().map(|value| if size == 0.0 { *value } else { value + noise.gaussian() * size }),
        );
    }
    match work.compare(&noisy.0, &noisy.1) {
        Some(comparison) => decide(bar, comparison, (&noisy.0, &noisy.1), options, true),
        None => tied(),
    }
}

fn tied() -> Classification {
    Classification { label: Label::Error, rule: Rule::AllTied, critical: false, ratio: None, compared: None }
}

/// Rows 4 to 6.
fn decide(
    bar: Bar,
    mut comparison: Comparison<'_>,
    (experiment, control): (&[f64], &[f64]),
    options: &Options,
    has_noise: bool,
) -> Classification {
    let Ok(interval) = comparison.interval(bar.confidence) else { return tied() };
    let ratio = mean_ratio(experiment, control);
    let effect = if options.measure == Measure::Cles { comparison.common_language() } else { ratio };
    let margin = bar.tolerance * interval.estimate.abs();
    let (rises, falls) = (margin < interval.lower, interval.upper < -margin);
    let is_bad = |side| options.direction == side || options.direction == Direction::Either;
    let at_least = |threshold: f64| effect.is_nan() || threshold <= effect;
    let at_most = |threshold: f64| effect.is_nan() || effect <= threshold;
    let (label, rule, critical) =
        if is_bad(Direction::Increase) && rises && at_least(options.allowed_increase) {
            (Label::High, Rule::Higher, options.critical && at_least(options.critical_increase))
        } else if is_bad(Direction::Decrease) && falls && at_most(options.allowed_decrease) {
            (Label::Low, Rule::Lower, options.critical && at_most(options.critical_decrease))
        } else if (is_bad(Direction::Increase) && rises) || (is_bad(Direction::Decrease) && falls) {
            (Label::Pass, Rule::EffectAllowed, false)
        } else {
            (Label::Pass, Rule::Within, false)
        };
    let compared = Compared { interval, margin, effect, has_noise };
    Classification { label, rule, critical, ratio: Some(ratio), compared: Some(compared) }
}

impl Classification {
    /// The reason in Kayenta's words; none for an ordinary Pass.
    #[must_use]
    pub fn reason(&self, metric: &str) -> Option<String> {
        let label = self.label.as_str();
        match self.rule {
            Rule::MissingFails | Rule::Missing => Some(format!("Missing data for {metric}")),
            Rule::Identical => Some("The Canary and Baseline data are identical".to_owned()),
            Rule::Higher | Rule::Lower if self.critical => {
                Some(format!("The metric {metric} was classified as {label} (Critical)"))
            }
            Rule::Higher | Rule::Lower => Some(format!("{metric} was classified as {label}")),
            Rule::AllTied => Some("Metric Classification Failed".to_owned()),
            Rule::MissingReplaced | Rule::OneValue | Rule::Within | Rule::EffectAllowed => None,
        }
    }
}

/// A seed for the noise of one pair: FNV-1a over its name and the bits of its values, so that equal pairs draw equally.
pub(crate) fn seed(name: &str, experiment: &[f64], control: &[f64]) -> u64 {
    const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0100_0000_01b3;
    let words = experiment.iter().chain(control).flat_map(|value| value.to_bits().to_le_bytes());
    let bytes = name.bytes().chain(words).chain((experiment.len() as u64).to_le_bytes());
    bytes.fold(OFFSET, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(PRIME))
}
