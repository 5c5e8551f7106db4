//! The verbs that change something.

use std::time::Duration;

use anyhow::{Context, bail};
use jiff::Timestamp;
use serde_json::{Value, json};
use serin_api::kinds::{DEPLOYMENT, REPLICA_SET, ROLLOUT};
use serin_cluster::direct::Change;
use serin_kernel::{Key, Moment};
use serin_lang::duration::GoDuration;
use serin_rollout::commands::{self, Promotion, Undo};

use super::Session;
use crate::{plugin::output, rollouts::args};

/// How often a whole-object update is tried again when somebody else was faster.
const CONFLICT_RETRIES: u32 = 5;

fn direct(change: serin_kernel::Change) -> anyhow::Result<Change> {
    Ok(match change {
        serin_kernel::Change::Merge(patch) => Change::Merge(patch),
        serin_kernel::Change::MergeStatus(patch) => Change::MergeStatus(patch),
        other => bail!("a command cannot {other:?}"),
    })
}

/// The same change to each rollout, told as `rollout 'x' <done>`.
async fn each(
    session: &Session,
    names: &[String],
    change: serin_kernel::Change,
    done: &str,
) -> anyhow::Result<()> {
    let change = direct(change)?;
    for name in names {
        let changed = session.api.change(&session.key(ROLLOUT, name), &change).await?;
        output::print(session.format, &changed, &format!("rollout '{name}' {done}"))?;
    }
    Ok(())
}

pub(super) async fn abort(session: &Session, names: &[String]) -> anyhow::Result<()> {
    each(session, names, commands::abort(), "aborted").await
}

pub(super) async fn retry(session: &Session, names: &[String]) -> anyhow::Result<()> {
    each(session, names, commands::retry(), "retried").await
}

pub(super) async fn pause(session: &Session, names: &[String]) -> anyhow::Result<()> {
    each(session, names, commands::pause(), "paused").await
}

pub(super) async fn restart(session: &Session, arguments: &args::Restart) -> anyhow::Result<()> {
    let after = arguments.after.as_deref().unwrap_or("0s");
    let wait = GoDuration::parse(after).with_context(|| format!("--in {after}"))?;
    let nanos = u64::try_from(wait.nanos()).context("--in must not be negative")?;
    let at = Moment::from(Timestamp::now()).plus(Duration::from_nanos(nanos));
    each(session, &arguments.names, commands::restart(at), &format!("restarts in {wait}")).await
}

pub(super) async fn promote(session: &Session, arguments: &args::Promote) -> anyhow::Result<()> {
    let promotion = match (arguments.skip_current_step, arguments.skip_all_steps, arguments.full) {
        (true, true, _) => bail!("Cannot use skip-current-step and skip-all-steps flags at the same time"),
        (_, _, true) => Promotion::Full,
        (true, ..) => Promotion::CurrentStep,
        (_, true, _) => Promotion::AllSteps,
        _ => Promotion::Next,
    };
    let key = session.key(ROLLOUT, &arguments.name);
    let mut rollout = session.api.get(&key).await?;
    for change in commands::promote(&rollout, promotion)? {
        rollout = session.api.change(&key, &direct(change)?).await?;
    }
    let done = if arguments.full { "fully promoted" } else { "promoted" };
    output::print(session.format, &rollout, &format!("rollout '{}' {done}", arguments.name))
}

/// The object that holds a rollout's pod template: itself, or the Deployment that it refers to.
fn workload(session: &Session, name: &str, rollout: &Value) -> (Key, &'static str) {
    let reference =
        |field: &str| rollout.pointer(&format!("/spec/workloadRef/{field}")).and_then(Value::as_str);
    match (reference("kind"), reference("name")) {
        (Some("Deployment"), Some(name)) => (session.key(DEPLOYMENT, name), "deployment"),
        _ => (session.key(ROLLOUT, name), "rollout"),
    }
}

pub(super) async fn set_image(session: &Session, arguments: &args::SetImage) -> anyhow::Result<()> {
    let images = commands::parse_images(&arguments.images)?;
    let rollout = session.api.get(&session.key(ROLLOUT, &arguments.name)).await?;
    let (key, kind) = workload(session, &arguments.name, &rollout);
    let mut tries = 0;
    let changed = loop {
        let mut object = session.api.get(&key).await?;
        commands::set_images(&mut object, &images)?;
        match session.api.change(&key, &Change::Replace(object)).await {
            Err(error) if error.is_conflict() && tries < CONFLICT_RETRIES => tries += 1,
            answer => break answer?,
        }
    };
    output::print(session.format, &changed, &format!("{kind} \"{}\" image updated", key.name))
}

pub(super) async fn undo(session: &Session, arguments: &args::Undo) -> anyhow::Result<()> {
    let name = &arguments.name;
    let rollout = session.api.get(&session.key(ROLLOUT, name)).await?;
    let uid = rollout.pointer("/metadata/uid").and_then(Value::as_str).unwrap_or_default();
    let mut sets = session.api.list(REPLICA_SET, &session.namespace).await?;
    sets.retain(|set| {
        let owners = set.pointer("/metadata/ownerReferences").and_then(Value::as_array);
        owners.is_some_and(|owners| {
            owners.iter().any(|owner| owner.get("uid").and_then(Value::as_str) == Some(uid))
        })
    });
    let (key, _) = workload(session, name, &rollout);
    let holder = session.api.get(&key).await?;
    let current = holder.pointer("/spec/template").cloned().unwrap_or_default();
    match commands::undo(name, &current, &sets, arguments.to_revision)? {
        Undo::Unchanged { revision } => {
            let text = format!("skipped rollback (current template already matches revision {revision})");
            output::print(session.format, &rollout, &text)
        }
        Undo::Template(template) => {
            let patch = json!([{"op": "replace", "path": "/spec/template", "value": template}]);
            let changed = session.api.change(&key, &Change::Json(patch)).await?;
            output::print(session.format, &changed, &format!("rollout '{name}' undo"))
        }
    }
}
