//! The end of a Canary: what it took over goes back, so that deleting it takes nothing from users.

use serin_api::flagger::CanaryPhase as Phase;
use serin_kernel::{Change, EventType, Write};

use crate::{
    desk::{Desk, Halt},
    objects::{Release, Target},
    rivals::{self, Taken},
    routes::Routes,
};

/// Keeps a Canary until its target serves again by itself.
pub(crate) const FINALIZER: &str = "finalizer.flagger.app";

fn is_marked(desk: &Desk<'_>) -> bool {
    desk.observed.object.meta().finalizers.iter().any(|it| it == FINALIZER)
}

/// Whether a Canary is kept for that exactly when it wants to be.
pub(crate) fn is_marked_as_wanted(desk: &Desk<'_>) -> bool {
    is_marked(desk) == desk.canary.spec.revert_on_deletion
}

/// Marks a Canary to be kept for that, or no longer.
pub(crate) fn mark(desk: &mut Desk<'_>) {
    if is_marked_as_wanted(desk) {
        return;
    }
    let mut wanted = desk.observed.object.meta().finalizers.clone();
    if is_marked(desk) {
        wanted.retain(|it| it != FINALIZER);
    } else {
        wanted.push(FINALIZER.to_owned());
    }
    put(desk, &wanted);
}

fn put(desk: &mut Desk<'_>, finalizers: &[String]) {
    let patch = serde_json::json!({"metadata": {"finalizers": finalizers}});
    // The list is written as a whole: what others have added to it since would be lost.
    desk.write([Write::unchanged(&desk.observed.object, Change::Merge(patch))]);
}

/// The next step of giving everything back: the target's pods first, then what leads to them.
pub(crate) fn release(desk: &mut Desk<'_>) -> Result<(), Halt> {
    let name = desk.called();
    if desk.status.phase != Some(Phase::Terminating) {
        desk.normal(format!("Terminating canary {name}"));
        desk.memory.before = desk.told.map(|phase| phase.as_str().to_owned());
        desk.enter(Phase::Terminating);
        desk.save();
        // The end is decided on a Canary that has this status: it is written over no other.
        return Ok(());
    }
    if !give_back(desk)? {
        return Ok(());
    }
    let left: Vec<String> =
        desk.observed.object.meta().finalizers.iter().filter(|it| *it != FINALIZER).cloned().collect();
    put(desk, &left);
    desk.told = desk.memory.before.as_deref().and_then(Phase::parse).or(desk.told);
    desk.normal(format!("Terminated canary {name}"));
    Ok(())
}

/// Gives back what is next; whether that was all.
fn give_back(desk: &mut Desk<'_>) -> Result<bool, Halt> {
    let (taken, before) = (rivals::taken(desk), desk.writes());
    // The target is another Canary's, which runs on.
    if taken.as_ref().is_some_and(Taken::is_target) {
        return Ok(true);
    }
    let (observed, canary, settings) = (desk.observed, desk.canary, &desk.settings.objects);
    let target = match Target::look(observed, canary, settings) {
        Ok(target) => match target.release(desk.now) {
            Release::Write(writes) => {
                desk.write(writes);
                return Ok(false);
            }
            Release::Wait(why) => {
                desk.because(why);
                return Ok(false);
            }
            Release::Late(why) => {
                let text = format!("Canary {} is not released: {why}", desk.called());
                desk.once(EventType::Warning, text);
                return Ok(false);
            }
            Release::Done => target,
        },
        // There is nobody to wait for; what leads to it is given back all the same.
        Err(trouble) => {
            let target = Target::remains(observed, canary, settings);
            let text = format!("{trouble}; Services and routes are given back without it");
            desk.once(EventType::Warning, text);
            desk.write(target.services_back());
            target
        }
    };
    if taken.is_none() {
        let writes = Routes::new(desk, &target).finalize(desk)?;
        desk.write(writes);
        // The primary goes with the Canary.
        desk.until_users_have_left(before == desk.writes())?;
    }
    Ok(true)
}
