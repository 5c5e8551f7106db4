//! One number of the numbers of all members.

use serin_stats::ratio::combine;

use super::{NoWorse, look::Combined};
use crate::engine::{Look, MetricLook};

/// The logarithms of the members' evidence as one.
pub(super) fn together(logs: &[f64], how: Combined) -> f64 {
    match how {
        Combined::Product => combine::product(logs),
        Combined::AverageForShared | Combined::AverageForPods => {
            combine::average(logs, &vec![1.0; logs.len()])
        }
    }
}

/// The same of evidence of no harm.
pub(super) fn no_worse(logs: &[f64], how: Combined, shown: NoWorse) -> f64 {
    match shown {
        NoWorse::Together => together(logs, how),
        NoWorse::Each => combine::minimum(logs),
    }
}

/// A member's evidence. What cannot be trusted speaks for nothing: it may lower the whole, and never raise it.
pub(super) fn counted(log: f64, is_fit: bool) -> f64 {
    if is_fit { log } else { log.min(0.0) }
}

/// Whether nothing that a member says can be trusted.
pub(super) fn is_muted(look: &Look) -> bool {
    let split = look.split.as_ref().and_then(crate::engine::SplitLook::hold);
    let mut holds = look.metrics.iter().filter_map(|metric| metric.hold.as_ref()).chain(&split);
    holds.any(crate::Hold::mutes_all)
}

/// Whether a member's metric can be used.
pub(super) fn is_fit(look: &Look, metric: &MetricLook) -> bool {
    !is_muted(look) && !metric.hold.as_ref().is_some_and(crate::engine::spoils)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evidence_multiplies_where_nothing_is_shared_and_is_averaged_where_something_is() {
        let logs = [2.0_f64.ln(), 8.0_f64.ln(), 5.0_f64.ln()];
        for (how, wanted) in [
            (Combined::Product, 80.0_f64),
            (Combined::AverageForShared, 5.0),
            (Combined::AverageForPods, 5.0),
        ] {
            assert!((together(&logs, how) - wanted.ln()).abs() < 1e-12, "{how:?}");
            assert!((no_worse(&logs, how, NoWorse::Together) - wanted.ln()).abs() < 1e-12, "{how:?}");
            assert!((no_worse(&logs, how, NoWorse::Each) - 2.0_f64.ln()).abs() < 1e-12, "{how:?}");
        }
    }

    #[test]
    fn what_cannot_be_trusted_lowers_and_never_raises() {
        for (log, is_fit, wanted) in [(3.0, true, 3.0), (3.0, false, 0.0), (-3.0, false, -3.0)] {
            assert!((counted(log, is_fit) - wanted).abs() < 1e-12, "{log} {is_fit}");
        }
    }
}
