//! How far a run goes at one look: pure rules on weights and iterations. Source: Flagger's `docs` on deployment
//! strategies, and its recorded runs.

use serin_api::flagger::{CanaryAnalysis, Strategy, WHOLE};
use serin_kernel::Weight;
use serin_traffic::Split;

/// Iterations where weights cannot be had and none are said: Flagger's number.
const ITERATIONS_WITHOUT_WEIGHTS: i32 = 10;

/// The strategy that is run, and how many iterations it has: Services alone (`is_plain`) can neither tell requests apart nor
/// weigh them.
pub(crate) fn course(analysis: &CanaryAnalysis, is_plain: bool) -> (Strategy, i32) {
    let iterations = analysis.iterations();
    match is_plain {
        false => (analysis.strategy(), iterations),
        true if 0 < iterations => (Strategy::BlueGreen, iterations),
        true => (Strategy::BlueGreen, ITERATIONS_WITHOUT_WEIGHTS),
    }
}

/// What the next look at a weighted run does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weighted {
    /// Requests are copied to the new version, which gets none yet.
    Mirror,
    /// The traffic is split so.
    Shift(Split),
    /// The highest weight is reached: promote.
    Promote,
}

/// The next step of a weighted run from `now`; `mirrors` is whether requests are to be copied first, on a router that can.
pub(crate) fn weighted(analysis: &CanaryAnalysis, now: Split, mirrors: bool) -> Weighted {
    if analysis.max_weight() <= percent(now.canary) {
        return Weighted::Promote;
    }
    if mirrors && now.canary == Weight::NONE && !now.mirrored {
        return Weighted::Mirror;
    }
    Weighted::Shift(moved(now, step(analysis, percent(now.canary))))
}

/// By how much the weight grows from `weight`. A weight that is not in the list of weights (somebody has changed the list in
/// mid-run) grows to the next larger one, where Flagger would jump to all.
fn step(analysis: &CanaryAnalysis, weight: i32) -> i32 {
    if 0 < analysis.step_weight() {
        return analysis.step_weight();
    }
    let next = analysis.step_weights.iter().find(|next| weight < **next);
    next.map_or(WHOLE - weight, |next| (*next).min(WHOLE) - weight)
}

/// The next step of a promotion that takes the traffic back in parts of `step`.
pub(crate) fn promotion(now: Split, step: i32) -> Split {
    moved(now, -step)
}

/// `now` with `step` more for the new version and as much less for the promoted one, neither below 0 nor above all.
fn moved(now: Split, step: i32) -> Split {
    let bounded = |weight: i32| u32::try_from(weight.clamp(0, WHOLE)).unwrap_or_default();
    let (primary, canary) = (percent(now.primary), percent(now.canary));
    Split::new(bounded(primary.saturating_sub(step)), bounded(canary.saturating_add(step)))
}

/// A weight as the status counts it.
pub(crate) fn percent(weight: Weight) -> i32 {
    i32::try_from(weight.0).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The primary's weights until a run is promoted.
    fn course(analysis: &CanaryAnalysis) -> Vec<i32> {
        let (mut now, mut seen) = (Split::PRIMARY, vec![WHOLE]);
        while let Weighted::Shift(next) = weighted(analysis, now, false) {
            now = next;
            seen.push(percent(now.primary));
            assert!(seen.len() <= 101, "it ends");
        }
        seen
    }

    fn steps(step: i32, max: i32) -> CanaryAnalysis {
        CanaryAnalysis { step_weight: Some(step), max_weight: Some(max), ..CanaryAnalysis::default() }
    }

    fn list(weights: &[i32]) -> CanaryAnalysis {
        CanaryAnalysis { step_weights: weights.to_vec(), max_weight: Some(50), ..CanaryAnalysis::default() }
    }

    #[test]
    fn weights_follow_flaggers_courses() {
        for (analysis, expected) in [
            (steps(20, 50), vec![100, 80, 60, 40]),
            (steps(50, 100), vec![100, 50, 0]),
            (steps(70, 0), vec![100, 30, 0]),
            (list(&[1, 2, 10, 80]), vec![100, 99, 98, 90, 20]),
            (list(&[1, 2, 10, 200]), vec![100, 99, 98, 90, 0]),
        ] {
            assert_eq!(course(&analysis), expected, "{analysis:?}");
        }
    }

    #[test]
    fn a_weight_that_the_list_lost_goes_on_to_the_next_one() {
        let now = Split::new(85, 15);
        let Weighted::Shift(next) = weighted(&list(&[10, 20, 30]), now, false) else { panic!("it goes on") };
        assert_eq!(next, Split::new(80, 20));
    }

    #[test]
    fn every_list_that_rises_and_every_step_end() {
        for step in 1..=100 {
            for max in 1..=100 {
                assert!(max <= WHOLE - course(&steps(step, max)).last().copied().unwrap_or_default());
            }
        }
    }

    #[test]
    fn requests_are_copied_once_before_the_first_step() {
        assert_eq!(weighted(&steps(10, 50), Split::PRIMARY, true), Weighted::Mirror);
        let mirrored = Split { mirrored: true, ..Split::PRIMARY };
        assert_eq!(weighted(&steps(10, 50), mirrored, true), Weighted::Shift(Split::new(90, 10)));
    }

    #[test]
    fn a_promotion_in_parts_takes_all_back() {
        let mut now = Split::new(0, 100);
        let mut seen = Vec::new();
        while now != Split::PRIMARY {
            now = promotion(now, 40);
            seen.push(now);
        }
        assert_eq!(seen, [Split::new(40, 60), Split::new(80, 20), Split::PRIMARY]);
    }
}
