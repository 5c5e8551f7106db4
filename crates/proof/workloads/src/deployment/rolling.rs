//! How many replicas each ReplicaSet of a Deployment gets next.
//!
//! Pure arithmetic. Held: the total never exceeds replicas + maxSurge, and while enough pods are available, the
//! available ones never fall below replicas − maxUnavailable.

use super::sets::{DESIRED, MAX, Set, Sets};
use crate::replicaset::share;
use serde_json::Value;
use std::cmp::Reverse;

/// The Deployment's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    pub(crate) replicas: i64,
    pub(crate) surge: i64,
    pub(crate) unavailable: i64,
    pub(crate) rolling: bool,
}

impl Limits {
    /// Surge rounds up, unavailability down; when both are 0 one pod may be unavailable, or nothing could ever move.
    pub(crate) fn read(deployment: &Value, replicas: i64) -> Self {
        let rolling = deployment.pointer("/spec/strategy/type").and_then(Value::as_str) != Some("Recreate");
        if !rolling {
            return Self { replicas, surge: 0, unavailable: 0, rolling };
        }
        let read = |field: &str, up: bool| {
            let pointer = format!("/spec/strategy/rollingUpdate/{field}");
            match deployment.pointer(&pointer) {
                // The API's own default, for servers that do not write it.
                None => share(&Value::from("25%"), "", replicas, up),
                Some(_) => share(deployment, &pointer, replicas, up),
            }
            .unwrap_or(0)
        };
        let (surge, unavailable) = (read("maxSurge", true), read("maxUnavailable", false).min(replicas));
        let unavailable = if surge == 0 && unavailable == 0 { 1 } else { unavailable };
        Self { replicas, surge, unavailable, rolling }
    }

    /// What `max-replicas` says on each set.
    pub(crate) fn max(&self) -> i64 {
        self.replicas + self.surge
    }

    /// Fewer available pods than this, and the Deployment is not available.
    pub(crate) fn min_available(&self) -> i64 {
        self.replicas - self.unavailable
    }
}

/// The new set's next replicas, `current` being 0 for a set that is yet to be made.
pub(crate) fn new_replicas(limits: Limits, total: i64, current: i64) -> i64 {
    if !limits.rolling || limits.replicas < current {
        return limits.replicas;
    }
    let room = (limits.max() - total).max(0);
    current + room.min(limits.replicas - current)
}

/// Takes replicas from the old sets, unhealthy ones first. True when something changed.
pub(crate) fn shrink_old(limits: Limits, sets: &mut Sets) -> bool {
    let before: Vec<i64> = sets.old.iter().map(|set| set.replicas).collect();
    if before.iter().sum::<i64>() == 0 {
        return false;
    }
    let new_unavailable = sets.new.as_ref().map_or(0, |new| new.replicas - new.available);
    let mut room = sets.total() - limits.min_available() - new_unavailable;
    if room <= 0 {
        return false;
    }
    for set in &mut sets.old {
        let cut = (set.replicas - set.available).clamp(0, room);
        set.replicas -= cut;
        room -= cut;
    }
    let mut spare = sets.all().map(|set| set.available).sum::<i64>() - limits.min_available();
    for set in &mut sets.old {
        let cut = set.replicas.clamp(0, spare.max(0));
        set.replicas -= cut;
        spare -= cut;
    }
    sets.old.iter().zip(before).any(|(set, replicas)| set.replicas != replicas)
}

/// The Deployment was scaled (or is paused) in mid-rollout: shares the difference among its sets by their sizes.
pub(crate) fn scale(limits: Limits, sets: &mut Sets) {
    let active = sets.all().filter(|set| 0 < set.replicas).count();
    if active <= 1 {
        if let Some(set) = only_or_latest(sets) {
            set.replicas = limits.replicas;
        }
        return;
    }
    if sets.new.as_ref().is_some_and(|new| is_saturated(limits, new)) {
        for set in &mut sets.old {
            set.replicas = 0;
        }
        return;
    }
    if limits.rolling {
        share_out(limits, sets);
    }
}

/// Whether a set was sized for other numbers than today's.
pub(crate) fn was_scaled(limits: Limits, sets: &Sets) -> bool {
    sets.all()
        .filter(|set| 0 < set.replicas)
        .any(|set| set.annotation(DESIRED).is_some_and(|desired| desired != limits.replicas))
}

fn only_or_latest(sets: &mut Sets) -> Option<&mut Set> {
    if sets.new.as_ref().is_some_and(|new| 0 < new.replicas) {
        return sets.new.as_mut();
    }
    if let Some(at) = sets.old.iter().position(|set| 0 < set.replicas) {
        return sets.old.get_mut(at);
    }
    if sets.new.is_some() { sets.new.as_mut() } else { sets.old.last_mut() }
}

fn is_saturated(limits: Limits, set: &Set) -> bool {
    set.replicas == limits.replicas
        && set.annotation(DESIRED) == Some(limits.replicas)
        && set.available == limits.replicas
}

/// Growing feeds the largest and newest first, shrinking takes from the largest and oldest; what rounding leaves goes
/// to the first.
fn share_out(limits: Limits, sets: &mut Sets) {
    let allowed = if 0 < limits.replicas { limits.max() } else { 0 };
    let difference = allowed - sets.total();
    let mut active: Vec<&mut Set> =
        sets.old.iter_mut().chain(&mut sets.new).filter(|set| 0 < set.replicas).collect();
    if 0 < difference {
        active.sort_by_key(|set| (Reverse(set.replicas), Reverse(set.created)));
    } else {
        active.sort_by_key(|set| (Reverse(set.replicas), set.created));
    }
    let mut added = 0;
    for set in &mut active {
        if difference == 0 {
            break;
        }
        let left = difference - added;
        let fraction = fraction(limits, set);
        let share = if 0 < difference { fraction.min(left) } else { fraction.max(left) };
        set.replicas += share;
        added += share;
    }
    if let Some(first) = active.first_mut() {
        first.replicas = (first.replicas + difference - added).max(0);
    }
}

/// The set's proportional change, rounded to the nearest whole replica.
fn fraction(limits: Limits, set: &Set) -> i64 {
    if limits.replicas == 0 {
        return -set.replicas;
    }
    let sized_for = set.annotation(MAX).filter(|max| 0 < *max).unwrap_or(limits.replicas);
    let exact = (set.replicas * limits.max()) as f64 / sized_for as f64;
    exact.round() as i64 - set.replicas
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::sync::Arc;

    fn set(name: &str, created: i64, replicas: i64, available: i64, sized_for: (i64, i64)) -> Set {
        Set::read(&Arc::new(json!({
            "metadata": {"name": name, "creationTimestamp": format!("2026-01-01T00:00:0{created}Z"),
                         "annotations": {DESIRED: sized_for.0.to_string(), MAX: sized_for.1.to_string()}},
            "spec": {"replicas": replicas}, "status": {"availableReplicas": available},
        })))
    }

    fn limits(replicas: i64, surge: i64, unavailable: i64) -> Limits {
        Limits { replicas, surge, unavailable, rolling: true }
    }

    #[test]
    fn surge_rounds_up_and_unavailability_down() {
        for (case, rolling, replicas, expected) in [
            ("defaults", json!(null), 10, (3, 2)),
            ("numbers", json!({"maxSurge": 2, "maxUnavailable": 0}), 10, (2, 0)),
            ("both zero", json!({"maxSurge": 0, "maxUnavailable": 0}), 10, (0, 1)),
            ("percent of few", json!({"maxSurge": "0%", "maxUnavailable": "10%"}), 3, (0, 1)),
            ("more than there is", json!({"maxSurge": 1, "maxUnavailable": 9}), 3, (1, 3)),
        ] {
            let mut deployment = json!({"spec": {"strategy": {"type": "RollingUpdate"}}});
            if !rolling.is_null() {
                deployment["spec"]["strategy"]["rollingUpdate"] = rolling;
            }
            let limits = Limits::read(&deployment, replicas);
            assert_eq!((limits.surge, limits.unavailable), expected, "{case}");
        }
    }

    #[test]
    fn the_new_set_grows_into_the_room_that_there_is() {
        for (case, total, current, expected) in [
            ("first", 4, 0, 1),
            ("no room", 5, 1, 1),
            ("room", 4, 1, 2),
            ("over the limit", 9, 1, 1),
            ("scaled down", 6, 6, 4),
        ] {
            assert_eq!(new_replicas(limits(4, 1, 1), total, current), expected, "{case}");
        }
    }

    #[test]
    fn unhealthy_old_pods_go_first_and_healthy_ones_only_when_spare() {
        for (case, old, new, expected) in [
            ("nothing spare", (4, 4), (1, 0), vec![3]),
            ("a new one is available", (3, 3), (2, 1), vec![2]),
            ("broken old ones", (4, 1), (1, 1), vec![2]),
            ("no new ones and all old ones available", (4, 4), (0, 0), vec![3]),
        ] {
            let mut sets = Sets {
                new: Some(set("new", 5, new.0, new.1, (4, 5))),
                old: vec![set("old", 1, old.0, old.1, (4, 5))],
            };
            shrink_old(limits(4, 1, 1), &mut sets);
            assert_eq!(sets.old.iter().map(|s| s.replicas).collect::<Vec<_>>(), expected, "{case}");
        }
    }

    /// Every rolling update of up to five pods, every surge and unavailability, one availability at a time.
    #[test]
    fn every_rolling_update_keeps_its_limits_and_ends() {
        for replicas in 1..=5 {
            for surge in 0..=replicas {
                for unavailable in 0..=replicas {
                    let limits =
                        limits(replicas, surge, if surge + unavailable == 0 { 1 } else { unavailable });
                    let mut sets = Sets {
                        new: Some(set("new", 5, 0, 0, (replicas, limits.max()))),
                        old: vec![set("old", 1, replicas, replicas, (replicas, limits.max()))],
                    };
                    let mut passes = 0;
                    while sets.old[0].replicas != 0 || sets.new.as_ref().unwrap().available < replicas {
                        let total = sets.total();
                        let new = sets.new.as_mut().unwrap();
                        new.replicas = new_replicas(limits, total, new.replicas);
                        shrink_old(limits, &mut sets);
                        sets.old[0].available = sets.old[0].available.min(sets.old[0].replicas);
                        let available: i64 = sets.all().map(|s| s.available).sum();
                        assert!(sets.total() <= limits.max(), "{limits:?}: too many");
                        assert!(limits.min_available() <= available, "{limits:?}: too few");
                        let new = sets.new.as_mut().unwrap();
                        new.available = (new.available + 1).min(new.replicas);
                        passes += 1;
                        assert!(passes < 50, "{limits:?}: never ends");
                    }
                }
            }
        }
    }

    #[test]
    fn scaling_in_mid_rollout_is_proportional() {
        for (case, to, before, after) in [
            ("up by half", 15, (8, 5), (11, 7)),
            ("down by half", 5, (8, 5), (5, 3)),
            ("to zero", 0, (8, 5), (0, 0)),
        ] {
            let mut sets = Sets {
                new: Some(set("new", 5, before.1, 0, (10, 13))),
                old: vec![set("old", 1, before.0, before.0, (10, 13))],
            };
            let limits = limits(to, 3, 2);
            assert!(was_scaled(limits, &sets), "{case}");
            scale(limits, &mut sets);
            assert_eq!((sets.old[0].replicas, sets.new.unwrap().replicas), after, "{case}");
        }
    }
}
