//! One pass of a shift.

use std::time::Duration;

use serin_kernel::Moment;

use super::{Phase, State};
use crate::scale::{Basic, Counts, Set, basic};

/// Passes that [`preview`] runs at most. A pass moves at least one pod, and nobody reads a longer plan.
const PREVIEW_MAX: usize = 1000;

/// The two Deployments in numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pods {
    /// The new one.
    pub new: Set,
    /// The old one; none when it does not exist.
    pub old: Option<Set>,
    /// Whether the numbers are of what was last asked for: the Deployment controller has seen it.
    pub settled: bool,
}

impl Pods {
    /// The counts that are wanted now.
    #[must_use]
    pub fn counts(&self) -> Counts {
        Counts { canary: self.new.spec, stable: self.old.map_or(0, |old| old.spec) }
    }

    /// Pods of both that are available, as far as they are wanted.
    #[must_use]
    pub fn ready(&self) -> u32 {
        let ready = |set: Set| set.available.min(set.spec);
        ready(self.new).saturating_add(self.old.map_or(0, ready))
    }
}

/// What a pass decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Next {
    /// The counts to set; what is wanted already when nothing is to be scaled.
    pub counts: Counts,
    /// The state to keep; the same as before when nothing changed.
    pub state: State,
    /// When to look again if nothing changes before.
    pub wake: Option<Moment>,
}

/// What to do now.
#[must_use]
pub fn advance(state: &State, pods: &Pods, now: Moment) -> Next {
    let stay = Next { counts: pods.counts(), state: state.clone(), wake: None };
    if state.is_over() {
        return stay;
    }
    if state.phase == Phase::Returning && pods.old.is_none() {
        let cause = format!("{}; {} is gone, so nothing more is moved", state.cause, state.order.from);
        let state = State { phase: Phase::Returned, cause, ..state.clone() };
        return Next { state, ..stay };
    }
    if !pods.settled {
        return Next { wake: patience_ends(state), ..stay };
    }
    let state = &risen(state, pods);
    let stay = Next { state: state.clone(), ..stay };
    let goal = match pods.old {
        Some(_) => state.goal(),
        None => Counts { canary: state.whole(), stable: 0 },
    };
    let counts = basic(&Basic {
        replicas: state.whole(),
        posts: state.posts(),
        desired: goal,
        new: Some(pods.new),
        stable: pods.old,
        older_spec: 0,
    });
    let moved = now.truncated();
    if counts != pods.counts() {
        let state = State { moved, reached: None, ..state.clone() };
        return Next { counts, wake: patience_ends(&state), state };
    }
    if counts != goal || pods.new.available < goal.canary.min(pods.new.spec) {
        return wait(state, stay, now);
    }
    Next { state: arrive(state, pods, now), ..stay }.with_pause()
}

/// The same with the floor where the pods have come to be that were there before: a shift that began in a dip must not
/// lead back into it. Once pods have moved, those that come are its own, and say nothing of what was.
fn risen(state: &State, pods: &Pods) -> State {
    let (mut state, counts) = (state.clone(), pods.counts());
    if (counts.stable, counts.canary) == (state.before.from, state.before.to) {
        state.before.ready = state.before.ready.max(pods.ready());
    }
    state
}

/// The shift has not arrived and cannot move on: it waits for pods, and goes back when it has waited too long.
fn wait(state: &State, stay: Next, now: Moment) -> Next {
    let patience = Duration::from_secs(u64::from(state.order.timeout_seconds));
    if state.phase == Phase::Returning || now.saturating_since(state.moved) < patience {
        return Next { wake: patience_ends(state), ..stay };
    }
    let cause = format!("no pod became available within {} seconds", state.order.timeout_seconds);
    let state = state.returning(cause, now);
    // Soon: the way back begins in the next pass.
    Next { state, wake: Some(now), ..stay }
}

/// The state of a shift whose counts are those of its goal.
fn arrive(state: &State, pods: &Pods, now: Moment) -> State {
    let now = now.truncated();
    if state.phase == Phase::Returning {
        return State { phase: Phase::Returned, ..state.clone() };
    }
    if state.is_last_step() || pods.old.is_none() {
        return State { phase: Phase::Done, ..state.clone() };
    }
    let pause = Duration::from_secs(u64::from(state.order.pause_seconds));
    match state.reached {
        Some(reached) if now.saturating_since(reached) < pause => state.clone(),
        None if !pause.is_zero() => State { reached: Some(now), moved: now, ..state.clone() },
        _ => State { step: state.step.saturating_add(1), reached: None, moved: now, ..state.clone() },
    }
}

impl Next {
    /// The same, waking when the pause is over.
    fn with_pause(self) -> Self {
        let pause = Duration::from_secs(u64::from(self.state.order.pause_seconds));
        Self { wake: self.state.reached.map(|reached| reached.plus(pause)), ..self }
    }
}

/// When a shift that waits for pods gives up; one on its way back never does.
fn patience_ends(state: &State) -> Option<Moment> {
    let patience = Duration::from_secs(u64::from(state.order.timeout_seconds));
    (state.phase == Phase::Shifting).then(|| state.moved.plus(patience))
}

/// The states and counts of a shift in which every pod becomes available at once and nobody waits: what it will do if
/// all goes well, a thousand passes at most.
#[must_use]
pub fn preview(state: &State, pods: &Pods, now: Moment) -> Vec<(State, Counts)> {
    let ready = |spec: u32| Set { spec, available: spec };
    let all_ready = |counts: Counts| Pods {
        new: ready(counts.canary),
        old: pods.old.map(|_| ready(counts.stable)),
        settled: true,
    };
    let (mut state, mut pods, mut now) = (state.clone(), all_ready(pods.counts()), now);
    let mut passes = Vec::new();
    while !state.is_over() && passes.len() < PREVIEW_MAX {
        let next = advance(&state, &pods, now);
        if next.counts == pods.counts() && next.state == state {
            match next.wake {
                Some(wake) if now < wake => now = wake,
                _ => break,
            }
            continue;
        }
        pods = all_ready(next.counts);
        state = next.state;
        passes.push((state.clone(), next.counts));
    }
    passes
}
