//! Carrying out a plan: its writes in order, until one is not accepted.

use std::{collections::HashMap, time::Duration};

use serin_cluster::{Cluster, Written};
use serin_kernel::{Act, Key, Refused, Tolerance, Write};
use tokio_util::sync::CancellationToken;

/// What came of a plan.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Applied {
    /// The objects that were changed.
    pub(crate) written: Vec<Key>,
    /// Why it was not carried out to its end.
    pub(crate) stopped: Option<Stop>,
}

/// Why a plan was not carried out to its end.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Stop {
    /// The world has changed.
    Conflict(String),
    /// The API said no.
    Refused(Refused),
    /// The API did not answer, or not with a judgement; `answer` is what it said, if it did.
    Unreachable { message: String, retry_after: Option<Duration>, answer: Option<Refused> },
    /// We may no longer write.
    Halted,
}

/// Carries out `act`, until it is done, a write is not accepted, or `halt`.
pub(crate) async fn apply(cluster: &Cluster, act: Act, halt: &CancellationToken) -> Applied {
    let mut applied = Applied::default();
    let mut versions = HashMap::new();
    for mut write in act.writes {
        if halt.is_cancelled() {
            applied.stopped = Some(Stop::Halted);
            return applied;
        }
        carry_version(&mut write, &versions);
        match cluster.write(&write).await {
            Written::Done(object) => {
                if let (Some(object), Some(from)) = (object, write.precondition.resource_version) {
                    versions.insert(write.target.clone(), (from, object.meta().resource_version.clone()));
                }
                write.events.into_iter().for_each(|event| cluster.tell(event));
                applied.written.push(write.target);
            }
            Written::Skipped => {}
            Written::Refused(refused) if write.tolerance == Tolerance::Refusal => {
                tracing::debug!(target = %refused.target, "refused, as may be: {}", refused.message);
            }
            Written::Refused(refused) => applied.stopped = Some(Stop::Refused(refused)),
            Written::Conflict(message) => applied.stopped = Some(Stop::Conflict(message)),
            Written::Unreachable { message, retry_after, answer } => {
                applied.stopped = Some(Stop::Unreachable { message, retry_after, answer });
            }
        }
        if applied.stopped.is_some() {
            return applied;
        }
    }
    act.events.into_iter().for_each(|event| cluster.tell(event));
    applied
}

/// Two writes of one plan to one object were both decided on the version that was observed. The second must name what
/// the first made of it; that is as safe, because the first was accepted on the version observed.
fn carry_version(write: &mut Write, versions: &HashMap<Key, (String, String)>) {
    if let (Some(wanted), Some((from, to))) =
        (&mut write.precondition.resource_version, versions.get(&write.target))
        && wanted == from
    {
        wanted.clone_from(to);
    }
}
