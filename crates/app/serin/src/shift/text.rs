//! A shift in words.

use serin_rollout::{
    scale::{Counts, Set},
    shift::{Order, Phase, Pods, State},
};

/// Where a shift is, in one line.
pub(super) fn progress(state: &State, pods: &Pods, to: &str) -> String {
    let side = |name: &str, set: Set| format!("{name} {}/{} ready", set.available.min(set.spec), set.spec);
    let old =
        pods.old.map_or_else(|| format!("{} gone", state.order.from), |old| side(&state.order.from, old));
    format!("{}: {old}, {}", stage(state), side(to, pods.new))
}

/// One line of the plan.
pub(super) fn plan(state: &State, counts: Counts, to: &str) -> String {
    format!("{}: {} {}, {to} {}", stage(state), state.order.from, counts.stable, counts.canary)
}

/// What a shift was told.
pub(super) fn settings(order: &Order) -> String {
    let steps: Vec<String> = order.steps.iter().map(u32::to_string).collect();
    let delete = if order.delete_old { " --delete-old" } else { "" };
    format!(
        "--steps {} --pause {}s --timeout {}s --total {}{delete}",
        steps.join(","),
        order.pause_seconds,
        order.timeout_seconds,
        order.total
    )
}

/// How to go on with a shift that stands still, and how to go back; `pair` are the words that name it.
pub(super) fn again(pair: &str, state: &State) -> String {
    let back = format!("serin shift {pair} --abort");
    if state.phase == Phase::Returning {
        return format!("; to go on with the way back:\n  {back}");
    }
    format!("; to go on:\n  serin shift {pair} {}\nto go back:\n  {back}", settings(&state.order))
}

fn stage(state: &State) -> String {
    let (step, steps, percent) = (state.step.saturating_add(1), state.order.steps.len(), state.percent());
    match state.phase {
        Phase::Shifting if state.reached.is_some() => {
            format!("step {step}/{steps} ({percent} %) held for {} s", state.order.pause_seconds)
        }
        Phase::Shifting => format!("step {step}/{steps} ({percent} %)"),
        Phase::Returning => format!("going back, {}", state.cause),
        Phase::Done => "done".to_owned(),
        Phase::Returned => format!("back as before, {}", state.cause),
    }
}

#[cfg(test)]
mod tests {
    use serin_kernel::Moment;

    use super::*;

    #[test]
    fn every_phase_has_its_words() {
        let order = Order {
            from: "v1".to_owned(),
            steps: vec![10, 100],
            pause_seconds: 30,
            total: 10,
            delete_old: true,
            timeout_seconds: 600,
        };
        let set = |spec, available| Set { spec, available };
        let pods = Pods { new: set(1, 0), old: Some(set(9, 9)), settled: true };
        let begun = State::begin(order, &pods, Moment::EPOCH);
        let held = State { reached: Some(Moment::EPOCH), ..begun.clone() };
        let back = begun.returning("asked to", Moment::EPOCH);
        let over = |phase| State { phase, ..back.clone() };
        for (state, expected) in [
            (begun.clone(), "step 1/2 (10 %): v1 9/9 ready, v2 0/1 ready"),
            (held, "step 1/2 (10 %) held for 30 s: v1 9/9 ready, v2 0/1 ready"),
            (back.clone(), "going back, asked to: v1 9/9 ready, v2 0/1 ready"),
            (over(Phase::Returned), "back as before, asked to: v1 9/9 ready, v2 0/1 ready"),
            (over(Phase::Done), "done: v1 9/9 ready, v2 0/1 ready"),
        ] {
            assert_eq!(progress(&state, &pods, "v2"), expected);
        }
        let gone = Pods { old: None, ..pods };
        assert_eq!(progress(&over(Phase::Done), &gone, "v2"), "done: v1 gone, v2 0/1 ready");
        assert_eq!(
            settings(&begun.order),
            "--steps 10,100 --pause 30s --timeout 600s --total 10 --delete-old"
        );
        assert_eq!(
            again("v1 v2 --namespace shop", &begun),
            "; to go on:\n  serin shift v1 v2 --namespace shop --steps 10,100 --pause 30s --timeout 600s --total 10 --delete-old\nto go back:\n  serin shift v1 v2 --namespace shop --abort"
        );
        assert_eq!(again("v1 v2", &back), "; to go on with the way back:\n  serin shift v1 v2 --abort");
        assert_eq!(plan(&begun, Counts { canary: 1, stable: 9 }, "v2"), "step 1/2 (10 %): v1 9, v2 1");
    }
}
