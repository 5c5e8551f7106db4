//! The evidence on one pair: its sizes, its unit, its course in time, and constant sides.

use serin_stats::describe::Summary;
use serin_stats::series::lag_one;

use super::what_if::what_if;
use super::{Evidence, Finding};
use crate::classify::{
    self, CONFIDENCE, Classification, Compared, Label, Memory, NOISE, Rule, SOLVER_TOLERANCE,
};
use crate::options::{NanStrategy, Options};
use crate::preprocess::Gone;

/// Further draws of the noise that are looked at.
const DRAWS: u64 = 23;
/// Relative differences of constants below this may go either way.
const DOUBTFUL: f64 = 2e-4;
/// Points a side below which draws may differ whatever the difference.
const DOUBTFUL_POINTS: usize = 3;
/// Lag-1 coefficients below this are not worth a word, however many points there are.
const LAG_MIN: f64 = 0.3;
/// Standard errors (one over the root of the number of points) within which a coefficient may be chance.
const LAG_ERRORS: f64 = 2.0;
/// The share of false alarms of equal arms with 60 points, both sides watched, by lag-1 coefficient: measured on Kayenta's
/// judge with autoregressive series, 20,000 trials each.
const FALSE_ALARMS: [(f64, f64); 6] =
    [(0.0, 0.23), (0.3, 2.14), (0.6, 11.81), (0.8, 29.67), (0.9, 48.92), (1.0, 100.0)];
/// The share of the spread that the solver's tolerance may be.
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
        Rule::Identical | Rule::OneValue if is_zero(experiment) && is_zero(control) => Some(Finding::AllZero),
        _ => None,
    });
    let holes = gone_x.holes + gone_y.holes;
    if 0 < holes && options.nan_strategy == NanStrategy::Replace {
        findings.push(Finding::HolesAsZero { holes });
    }
    Evidence { options: *options, what_if: what_if(options, found), findings }
}

fn is_zero(side: Summary) -> bool {
    side.min == 0.0 && side.max == 0.0
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
    let told = |side: &[f64]| {
        let least = LAG_MIN.max(LAG_ERRORS / (side.len() as f64).sqrt());
        lag_one(side).filter(|coefficient| least <= *coefficient)
    };
    let lag_one =
        [&memory.experiment, &memory.control].into_iter().filter_map(|side| told(side)).reduce(f64::max)?;
    let above =
        FALSE_ALARMS.iter().position(|(at, _)| lag_one <= *at).unwrap_or(FALSE_ALARMS.len() - 1).max(1);
    let ((x0, y0), (x1, y1)) = (FALSE_ALARMS[above - 1], FALSE_ALARMS[above]);
    let false_alarm_percent = y0 + (y1 - y0) * (lag_one - x0) / (x1 - x0);
    Some(Finding::Autocorrelated { lag_one, false_alarm_percent })
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
