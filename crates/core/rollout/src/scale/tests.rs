//! Tables, exhaustive small spaces, and an oracle in floats that follows the published rule to the letter.

use serin_lang::int_or_string::IntOrString;

use super::*;

mod oracle;

fn all_ready(count: u32) -> Set {
    Set { spec: count, available: count }
}

#[test]
fn published_reference_values() {
    for (replicas, weight, new, stable, unavailable, surge, expected) in [
        (10, 10, 0, 10, 1, 1, (1, 9)),
        (10, 30, 0, 10, 0, 3, (3, 10)),
        (10, 30, 0, 10, 5, 0, (0, 7)),
        // One list of examples says 1 and 9 here; it is older than the rule, which prefers 1 of 11 to 1 of 10.
        (10, 5, 0, 10, 1, 1, (1, 10)),
        (1, 5, 0, 1, 0, 1, (1, 1)),
        (1, 95, 0, 1, 0, 1, (1, 1)),
        // The worked example of one update: surge 1, unavailable 0.
        (10, 20, 0, 10, 0, 1, (1, 10)),
        (10, 20, 1, 10, 0, 1, (1, 9)),
        (10, 20, 1, 9, 0, 1, (2, 9)),
        (10, 20, 2, 9, 0, 1, (2, 8)),
        (10, 100, 2, 8, 0, 1, (3, 8)),
        (10, 100, 3, 8, 0, 1, (3, 7)),
        (10, 100, 10, 1, 0, 1, (10, 0)),
        // Backwards: the new side drains, the stable side rises first.
        (10, 0, 3, 8, 0, 1, (2, 8)),
        (10, 0, 5, 5, 0, 1, (5, 6)),
    ] {
        let posts = Fenceposts { surge, unavailable };
        let desired = approximate(Whole::hundred(replicas), weight, surge);
        let sets = (Some(all_ready(new)), Some(all_ready(stable)));
        let pass = Basic { replicas, posts, desired, new: sets.0, stable: sets.1, older_spec: 0 };
        let counts = basic(&pass);
        assert_eq!((counts.canary, counts.stable), expected, "{replicas} pods at {weight}: {pass:?}");
    }
}

#[test]
fn weights_become_the_closest_counts() {
    for (replicas, weight, surge, expected) in [
        (0, 50, 1, (0, 0)),
        (1, 0, 1, (0, 1)),
        (1, 100, 1, (1, 0)),
        (1, 49, 0, (0, 1)),
        (1, 50, 0, (1, 0)),
        (1, 1, 1, (1, 1)),
        (2, 1, 0, (1, 1)),
        (2, 99, 0, (1, 1)),
        (4, 25, 0, (1, 3)),
        (4, 33, 0, (1, 3)),
        (4, 33, 1, (2, 3)),
        (5, 50, 0, (3, 2)),
        (5, 50, 1, (3, 3)),
        (10, 5, 1, (1, 10)),
        (10, 25, 0, (3, 7)),
        (10, 99, 0, (9, 1)),
        (10, 99, 1, (10, 1)),
        (100, 1, 0, (1, 99)),
    ] {
        let counts = approximate(Whole::hundred(replicas), weight, surge);
        assert_eq!((counts.canary, counts.stable), expected, "{replicas} pods at {weight}, surge {surge}");
    }
    let thousandth = Whole { replicas: 100, max_weight: 1000 };
    assert_eq!(approximate(thousandth, 15, 0), Counts { canary: 2, stable: 98 }, "another scale; ties go up");
}

#[test]
fn integers_agree_with_the_published_float_rule() {
    for max in [100, 1000] {
        for replicas in 0..=300_u32 {
            for weight in 0..=max {
                for surge in [0, 1] {
                    let counts = approximate(Whole { replicas, max_weight: max }, weight, surge);
                    let expected =
                        oracle::approximate(replicas.into(), weight.into(), max.into(), surge.into());
                    let got = (i64::from(counts.canary), i64::from(counts.stable));
                    assert_eq!(got, expected, "{replicas} pods at {weight}/{max}, surge {surge}");
                }
            }
        }
    }
}

/// Pods and weights where the rule finds nothing to choose without a surge: rounding up would leave the stable side
/// nothing, and rounding down is no closer.
const NO_OPTION: [(u32, u32); 5] = [(2, 75), (5, 90), (10, 95), (25, 98), (50, 99)];

#[test]
fn without_an_option_everything_stays_stable() {
    for (replicas, weight) in NO_OPTION {
        assert_eq!(approximate(Whole::hundred(replicas), weight, 0), Counts { canary: 0, stable: replicas });
        let surged = approximate(Whole::hundred(replicas), weight, 1);
        assert!(0 < surged.canary && 0 < surged.stable, "{replicas} at {weight}: {surged:?}");
    }
}

#[test]
fn neither_side_vanishes_strictly_between_nothing_and_everything() {
    for replicas in 1..=40 {
        for weight in 1..=99 {
            for surge in 0..=1 {
                let counts = approximate(Whole::hundred(replicas), weight, surge);
                if 2 <= replicas + surge && !(surge == 0 && NO_OPTION.contains(&(replicas, weight))) {
                    assert!(counts.canary > 0 && counts.stable > 0, "{replicas} at {weight}: {counts:?}");
                }
                let total = counts.canary + counts.stable;
                assert!(replicas <= total && total <= replicas + surge, "{replicas} at {weight}: {counts:?}");
            }
        }
    }
}

#[test]
fn more_weight_never_means_fewer_canary_pods() {
    for replicas in 0..=60 {
        for surge in 0..=1 {
            let counts = (0..=100)
                .filter(|&weight| surge == 1 || !NO_OPTION.contains(&(replicas, weight)))
                .map(|weight| approximate(Whole::hundred(replicas), weight, surge).canary);
            assert!(counts.is_sorted(), "{replicas} pods, surge {surge}");
        }
    }
}

/// Calls `check` with every pass of a small world: all counts of up to five pods, available or not.
fn each_small_pass(mut check: impl FnMut(&Basic)) {
    let sets: Vec<Option<Set>> = std::iter::once(None)
        .chain((0..=5).flat_map(|spec| (0..=spec + 1).map(move |available| Some(Set { spec, available }))))
        .collect();
    for replicas in 0..=4 {
        for surge in 0..=2 {
            for unavailable in u32::from(surge == 0)..=2 {
                let posts = Fenceposts { surge, unavailable: unavailable.min(replicas) };
                for weight in (0..=100).step_by(25) {
                    let desired = approximate(Whole::hundred(replicas), weight, surge);
                    for &new in &sets {
                        for &stable in &sets {
                            for older_spec in [0, 2] {
                                check(&Basic { replicas, posts, desired, new, stable, older_spec });
                            }
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn every_small_pass_agrees_with_the_published_rule() {
    each_small_pass(|pass| {
        let counts = basic(pass);
        let got = (i64::from(counts.canary), i64::from(counts.stable));
        let (new, stable) = oracle::basic(pass);
        assert_eq!(got, (new.max(0), stable.max(0)), "{pass:?}");
    });
}

/// Pods that stay available when a ReplicaSet gets `count` pods: it deletes the unready ones first.
fn left(set: Option<Set>, count: u32) -> u32 {
    set.map_or(0, |set| set.available.min(set.spec).min(count))
}

#[test]
fn no_small_pass_takes_available_pods_that_are_needed() {
    each_small_pass(|pass| {
        let counts = basic(pass);
        let before = left(pass.new, u32::MAX) + left(pass.stable, u32::MAX);
        let after = left(pass.new, counts.canary) + left(pass.stable, counts.stable);
        let needed = pass.posts.min_available(pass.replicas).min(before);
        assert!(needed <= after, "{before} -> {after} available, needed {needed}: {pass:?} -> {counts:?}");
    });
}

#[test]
fn no_small_pass_exceeds_the_surge_unless_it_was_exceeded() {
    each_small_pass(|pass| {
        let counts = basic(pass);
        let spec = |set: Option<Set>| set.map_or(0, |set| set.spec);
        let before = spec(pass.new) + spec(pass.stable);
        let after = counts.canary + counts.stable;
        let allowed = pass.posts.max_allowed(pass.replicas).max(before + pass.older_spec);
        assert!(after + pass.older_spec <= allowed, "{before} -> {after} wanted: {pass:?} -> {counts:?}");
    });
}

/// Repeats passes until nothing changes, pods becoming available at `pace` per pass; checks every pass on the way.
fn run(replicas: u32, posts: Fenceposts, weight: u32, sets: &mut (Set, Set), pace: u32) -> u32 {
    let desired = approximate(Whole::hundred(replicas), weight, posts.surge);
    for passes in 0.. {
        let (new, stable) = *sets;
        let pass = Basic { replicas, posts, desired, new: Some(new), stable: Some(stable), older_spec: 0 };
        let counts = basic(&pass);
        let set = |set: Set, spec: u32| Set { spec, available: set.available.min(spec) };
        *sets = (set(new, counts.canary), set(stable, counts.stable));
        let available = sets.0.available + sets.1.available;
        let before = new.available + stable.available;
        assert!(posts.min_available(replicas).min(before) <= available, "{pass:?} -> {counts:?}");
        let allowed = posts.max_allowed(replicas).max(new.spec + stable.spec);
        assert!(counts.canary + counts.stable <= allowed, "{pass:?} -> {counts:?}");
        let mut ripe = pace;
        for side in [&mut sets.0, &mut sets.1] {
            let step = (side.spec - side.available).min(ripe);
            side.available += step;
            ripe -= step;
        }
        if *sets == (new, stable) {
            assert_eq!(counts, desired, "came to rest elsewhere: {pass:?}");
            return passes;
        }
        assert!(passes < 200, "does not come to rest: {pass:?}");
    }
    0
}

#[test]
fn every_update_arrives_in_a_bounded_number_of_passes() {
    for replicas in 0..=12 {
        for surge in 0..=3 {
            for unavailable in u32::from(surge == 0)..=3 {
                let posts = Fenceposts { surge, unavailable: unavailable.min(replicas) };
                for weight in (0..=100).step_by(5) {
                    for pace in [1, u32::MAX] {
                        let mut sets = (Set::default(), all_ready(replicas));
                        for goal in [weight, 100, weight, 0] {
                            let passes = run(replicas, posts, goal, &mut sets, pace);
                            assert!(passes <= 4 * replicas + 4, "{replicas} pods to {goal}: {passes} passes");
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn fenceposts_round_towards_progress_and_never_stand_still() {
    let read =
        |text: &str| text.parse().map_or_else(|_| IntOrString::Text(text.to_owned()), IntOrString::Int);
    for (replicas, surge, unavailable, expected) in [
        (10, "25%", "25%", (3, 2)),
        (10, "25", "0", (25, 0)),
        (10, "0", "0%", (0, 1)),
        (3, "1%", "1%", (1, 0)),
        (1, "0", "25%", (0, 1)),
        (0, "0", "0", (0, 0)),
        (4, "0", "9", (0, 4)),
        (4, "-1", "-1", (0, 1)),
        (4, "150%", "0", (6, 0)),
    ] {
        let posts = fenceposts(replicas, &read(surge), &read(unavailable)).unwrap();
        assert_eq!((posts.surge, posts.unavailable), expected, "{replicas} {surge} {unavailable}");
    }
    let bare = fenceposts(10, &IntOrString::Text("25".into()), &IntOrString::Text("25".into())).unwrap();
    assert_eq!((bare.surge, bare.unavailable), (3, 2), "a bare text is a percentage");
    assert!(fenceposts(10, &read("some"), &read("1")).is_err());
}

#[test]
fn absurd_numbers_saturate() {
    let max = i32::MAX as u32;
    let posts = Fenceposts { surge: max, unavailable: 0 };
    let whole = Whole { replicas: max, max_weight: u32::MAX };
    assert_eq!(whole.replicas_for(u32::MAX), max);
    assert_eq!(Whole { replicas: 5, max_weight: 0 }.replicas_for(7), 35);
    let desired = approximate(whole, 1, posts.surge);
    assert_eq!((desired.canary, desired.stable), (1, max));
    let over = approximate(Whole::hundred(4), 250, 0);
    assert_eq!((over.canary, over.stable), (10, 0));
    let set = Some(Set { spec: max, available: max });
    let pass = Basic { replicas: max, posts, desired, new: set, stable: set, older_spec: max };
    assert_eq!(basic(&pass), Counts { canary: max, stable: max });
}

#[test]
fn older_versions_lose_unready_pods_at_once_and_ready_ones_within_the_budget() {
    assert_eq!(healthy(Set { spec: 5, available: 2 }), 2);
    assert_eq!(healthy(Set { spec: 1, available: 2 }), 1);
    let posts = Fenceposts { surge: 1, unavailable: 1 };
    for (available, expected_budget, counts, expected) in [
        (9, 0, vec![3, 2], vec![3, 2]),
        (10, 1, vec![3, 2], vec![2, 2]),
        (13, 4, vec![3, 2], vec![0, 1]),
        (30, 21, vec![3, 2], vec![0, 0]),
        (0, 0, vec![0, 2], vec![0, 2]),
    ] {
        let budget = budget(available, 10, posts);
        assert_eq!(budget, expected_budget, "{available} available");
        assert_eq!(drain(&counts, budget), expected, "{available} available");
    }
}

#[test]
fn routed_counts() {
    use Target::{Replicas, Weight};
    let weights = |canary, stable| Some(Weights { canary, stable });
    let base = Routed {
        whole: Whole::hundred(4),
        target: Weight(25),
        min_pods: 0,
        dynamic: false,
        actual: None,
        aborted: false,
    };
    for (case, pass, expected) in [
        ("a quarter", base, (1, 4)),
        ("rounded up", Routed { target: Weight(33), ..base }, (2, 4)),
        ("the least weight", Routed { target: Weight(1), ..base }, (1, 4)),
        ("fewest pods", Routed { min_pods: 2, ..base }, (2, 4)),
        ("fewest pods are capped", Routed { min_pods: 9, ..base }, (4, 4)),
        ("nothing is not raised", Routed { target: Weight(0), min_pods: 2, ..base }, (0, 4)),
        (
            "a number is neither capped nor raised",
            Routed { target: Replicas(7), min_pods: 2, ..base },
            (7, 4),
        ),
        ("a small number stays", Routed { target: Replicas(1), min_pods: 2, ..base }, (1, 4)),
        ("dynamic", Routed { target: Weight(75), dynamic: true, ..base }, (3, 1)),
        (
            "stable waits for the router",
            Routed { target: Weight(75), dynamic: true, actual: weights(50, 50), ..base },
            (3, 2),
        ),
        (
            "dynamic with a number keeps stable whole",
            Routed { target: Replicas(2), dynamic: true, ..base },
            (2, 4),
        ),
        (
            "an aborted canary waits for the router",
            Routed { target: Weight(0), dynamic: true, aborted: true, actual: weights(50, 50), ..base },
            (2, 4),
        ),
        (
            "both sides have the fewest pods",
            Routed { target: Weight(99), dynamic: true, min_pods: 2, ..base },
            (4, 2),
        ),
        (
            "another scale",
            Routed { whole: Whole { replicas: 4, max_weight: 1000 }, target: Weight(25), ..base },
            (1, 4),
        ),
    ] {
        let counts = routed(&pass);
        assert_eq!((counts.canary, counts.stable), expected, "{case}");
    }
}

#[test]
fn each_side_always_carries_its_actual_traffic() {
    for replicas in 0..=12 {
        for goal in (0..=100).step_by(5) {
            for actual in (0..=100).step_by(5) {
                let whole = Whole::hundred(replicas);
                let weights = Weights { canary: actual, stable: 100 - actual };
                let pass = Routed {
                    whole,
                    target: Target::Weight(goal),
                    min_pods: 0,
                    dynamic: true,
                    actual: Some(weights),
                    aborted: true,
                };
                let counts = routed(&pass);
                assert!(whole.replicas_for(weights.canary) <= counts.canary, "{pass:?}");
                assert!(whole.replicas_for(weights.stable) <= counts.stable, "{pass:?}");
            }
        }
    }
}

fn set_weight(weight: u32) -> Step {
    Step { weight: Some(weight), scale: None }
}

fn set_scale(scale: CanaryScale) -> Step {
    Step { weight: None, scale: Some(scale) }
}

#[test]
fn the_target_is_what_the_steps_so_far_have_set() {
    let by_number = set_scale(CanaryScale { replicas: Some(3), weight: Some(9), match_traffic: false });
    let by_weight = set_scale(CanaryScale { weight: Some(40), ..CanaryScale::default() });
    let matching = set_scale(CanaryScale { match_traffic: true, replicas: Some(3), weight: None });
    let empty = set_scale(CanaryScale::default());
    let pause = Step::default();
    let steps = [pause, set_weight(10), by_number, pause, by_weight, matching, set_weight(60), empty];
    let at = |index| Course {
        max_weight: 100,
        steps: &steps,
        index,
        straight: false,
        aborted: false,
        routed: true,
        scale_survives_abort: false,
    };
    let after_number = Course { index: Some(3), ..at(None) };
    for (case, course, expected) in [
        ("before the first weight", at(Some(0)), Target::Weight(0)),
        ("at a weight", at(Some(1)), Target::Weight(10)),
        ("a number wins over a weight", at(Some(2)), Target::Replicas(3)),
        ("it holds until the next", at(Some(3)), Target::Replicas(3)),
        ("pods for a share", at(Some(4)), Target::Weight(40)),
        ("matching follows the traffic again", at(Some(5)), Target::Weight(10)),
        ("a later weight", at(Some(6)), Target::Weight(60)),
        ("nothing asked for", at(Some(7)), Target::Weight(60)),
        ("all steps done", at(Some(8)), Target::Weight(100)),
        ("far beyond", at(Some(u32::MAX)), Target::Weight(100)),
        ("no steps", at(None), Target::Weight(100)),
        ("straight", Course { straight: true, ..after_number }, Target::Weight(100)),
        ("no router, no canary scale", Course { routed: false, ..after_number }, Target::Weight(10)),
        ("aborted", Course { aborted: true, ..after_number }, Target::Weight(0)),
        (
            "aborted, but the scale survives",
            Course { aborted: true, scale_survives_abort: true, ..after_number },
            Target::Replicas(3),
        ),
    ] {
        assert_eq!(target(&course), expected, "{case}");
    }
}

#[test]
fn the_way_back_follows_the_stable_pods() {
    let steps = [25, 50, 75].map(set_weight);
    let base = Fallback { whole: Whole::hundred(4), stable_available: 1, new_available: 3, keeps_new: false };
    for (case, way, recorded, desired, weight) in [
        ("one step down at a time", base, Some(75), 50, 75),
        ("two stable pods carry half", Fallback { stable_available: 2, ..base }, Some(75), 50, 50),
        (
            "three stable pods, two new ones",
            Fallback { stable_available: 3, new_available: 2, ..base },
            Some(50),
            25,
            25,
        ),
        (
            "all stable pods, the last new one",
            Fallback { stable_available: 4, new_available: 1, ..base },
            Some(25),
            0,
            0,
        ),
        ("never up again", Fallback { stable_available: 0, new_available: 4, ..base }, Some(25), 75, 25),
        ("nothing sent yet", Fallback { stable_available: 2, ..base }, None, 50, 50),
        (
            "the new side stays whole: only missing stable pods count",
            Fallback { stable_available: 3, new_available: 3, keeps_new: true, ..base },
            Some(75),
            0,
            25,
        ),
        ("no pods", Fallback { whole: Whole::hundred(0), ..base }, Some(75), 0, 0),
        (
            "more stable pods than needed",
            Fallback { stable_available: 9, new_available: 0, ..base },
            Some(75),
            0,
            0,
        ),
    ] {
        assert_eq!(way.sent(&steps, recorded), Sent { desired, weight }, "{case}");
    }
}

#[test]
fn the_way_back_never_sends_traffic_up_or_to_missing_pods() {
    let steps = [10, 40, 70, 90].map(set_weight);
    for replicas in 1..=12 {
        for stable_available in 0..=replicas {
            for new_available in 0..=replicas {
                for current in (0..=100).step_by(5) {
                    let whole = Whole::hundred(replicas);
                    let way = Fallback { whole, stable_available, new_available, keeps_new: false };
                    let weight = way.sent(&steps, Some(current)).weight;
                    assert!(weight <= current, "{way:?} at {current}: {weight}");
                    let carried = whole.weight_of(stable_available);
                    assert!(100 - weight <= carried.max(100 - current), "{way:?} at {current}: {weight}");
                }
            }
        }
    }
}

#[test]
fn counts_are_reached_exactly_or_by_threshold() {
    let set = |spec, available| Set { spec, available };
    for (new, desired, threshold, expected) in [
        (set(4, 4), 4, None, true),
        (set(4, 3), 4, None, false),
        (set(5, 4), 4, None, false),
        (set(4, 5), 4, None, false),
        (set(4, 3), 4, Some(Threshold::Percent(75)), true),
        (set(4, 2), 4, Some(Threshold::Percent(75)), false),
        (set(3, 2), 3, Some(Threshold::Percent(67)), false),
        (set(3, 2), 3, Some(Threshold::Percent(66)), true),
        (set(0, 0), 0, Some(Threshold::Percent(100)), true),
        (set(9, 2), 4, Some(Threshold::Pods(2)), true),
        (set(4, 1), 4, Some(Threshold::Pods(2)), false),
    ] {
        assert_eq!(new_is_reached(new, desired, threshold), expected, "{new:?} {desired} {threshold:?}");
    }
    assert!(stable_is_reached(3, 3, 3) && !stable_is_reached(3, 2, 3) && !stable_is_reached(4, 3, 3));
}
