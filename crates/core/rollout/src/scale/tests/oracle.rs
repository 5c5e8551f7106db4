//! The rule as it is published: floats, signed counts, one statement per line. Written apart from the code it checks.

use super::{Basic, Set};

#[allow(clippy::float_cmp, reason = "the published rule compares exactly")]
fn is_tied(total: i64, weight: i64, max: i64) -> bool {
    (total as f64 * (weight as f64 / max as f64)).fract() == 0.5
}

pub(super) fn approximate(spec: i64, weight: i64, max: i64, surge: i64) -> (i64, i64) {
    if spec == 0 {
        return (0, 0);
    }
    let ideal = (spec * weight) as f64 / max as f64;
    let (ceil, floor) = (ideal.ceil() as i64, ideal.floor() as i64);
    let zero_allowed = weight == max || weight == 0 || (spec == 1 && surge == 0);
    let mut options = Vec::new();
    if ceil < spec || zero_allowed {
        options.push((ceil, spec));
    }
    if !is_tied(spec, weight, max) && (floor != 0 || zero_allowed) {
        options.push((floor, spec));
    }
    if surge > 0 {
        options.push((ceil, spec + 1));
        if !is_tied(spec + 1, weight, max) && (floor != 0 || zero_allowed) {
            options.push((floor, spec + 1));
        }
    }
    let delta = |&(canary, total): &(i64, i64)| ((canary * max) as f64 / total as f64 - weight as f64).abs();
    let Some(mut best) = options.first().copied() else { return (0, spec) };
    for option in &options {
        if delta(option) < delta(&best) {
            best = *option;
        }
    }
    (best.0, best.1 - best.0)
}

pub(super) fn basic(pass: &Basic) -> (i64, i64) {
    let spec = i64::from(pass.replicas);
    let max_allowed = spec + i64::from(pass.posts.surge);
    let min_available = spec - i64::from(pass.posts.unavailable);
    let (mut desired_new, mut desired_stable) =
        (i64::from(pass.desired.canary), i64::from(pass.desired.stable));
    if pass.stable.is_none() {
        (desired_new, desired_stable) = (spec, 0);
    }
    let pair = |set: Option<Set>| set.map_or((0, 0), |s| (i64::from(s.spec), i64::from(s.available)));
    let ((new_spec, new_available), (stable_spec, stable_available)) = (pair(pass.new), pair(pass.stable));
    let (mut new, mut stable) = (new_spec, stable_spec);
    let mut up = max_allowed - (new + stable + i64::from(pass.older_spec));
    if stable < desired_stable && up > 0 {
        let step = up.min(desired_stable - stable);
        stable += step;
        up -= step;
    }
    if new < desired_new && up > 0 {
        new += up.min(desired_new - new);
    }
    if pass.older_spec > 0 {
        return (new, stable);
    }
    let increasing = pass.new.is_none() || desired_new >= new_spec;
    let for_scale_down = |spec: i64, available: i64, ignore: bool| {
        if spec < available || ignore { spec } else { available }
    };
    let pool = for_scale_down(new_spec, new_available, !increasing)
        + for_scale_down(stable_spec, stable_available, increasing);
    if pool <= min_available {
        return (new, stable);
    }
    let count = pool - min_available;
    let adjust = |mut drain: i64, drain_available: i64, mut keep: i64, kept: Option<i64>| {
        let mut over = (keep + drain - max_allowed).max(0);
        let mut available = drain_available.min(drain);
        if let Some(keep_available) = kept {
            keep -= over;
            available += keep_available.min(keep);
            let lost = (keep_available - keep).max(0);
            let need = (min_available - available).max(0);
            keep += lost.min(need);
            over = (keep + drain - max_allowed).max(0);
            drain -= over;
        }
        (drain, keep)
    };
    if !increasing {
        if new_spec > desired_new {
            new = desired_new.max(new_spec - count);
        }
        (new, stable) = adjust(new, new_available, stable, pass.stable.map(|_| stable_available));
    } else if pass.stable.is_some() {
        if stable_spec > desired_stable {
            stable = desired_stable.max(stable_spec - count);
        }
        (stable, new) = adjust(stable, stable_available, new, pass.new.map(|_| new_available));
    }
    (new, stable)
}
