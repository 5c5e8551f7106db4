//! `status`: the phase, once or until it is decided.

use std::{process::ExitCode, time::Duration};

use anyhow::{Context, bail};
use serin_api::kinds::ROLLOUT;
use serin_lang::duration::GoDuration;
use serin_report::rollout::{Status, status as status_of};

use super::Session;
use crate::{plugin::output, rollouts::args};

pub(super) async fn status(session: Session, arguments: &args::Status) -> anyhow::Result<ExitCode> {
    let timeout = GoDuration::parse(&arguments.timeout).context("--timeout")?.nanos();
    let Ok(timeout) = u64::try_from(timeout) else { bail!("--timeout must not be negative") };
    let rollout = session.rollout(&arguments.name).await?;
    let now = status_of(&rollout);
    if !arguments.watch {
        output::print(session.format, &now, &now.to_string())?;
        return decide(&now, true);
    }
    let watch = follow(&session, &arguments.name);
    let last = match timeout {
        0 => watch.await,
        limit => match tokio::time::timeout(Duration::from_nanos(limit), watch).await {
            Ok(last) => last,
            Err(_) => bail!("Rollout status watch exceeded timeout"),
        },
    }?;
    decide(&last, false)
}

fn is_final(status: &Status) -> bool {
    matches!(status.phase.as_str(), "Healthy" | "Degraded")
}

/// Prints each change until the rollout is Healthy or Degraded.
async fn follow(session: &Session, name: &str) -> anyhow::Result<Status> {
    let mut changes = session.api.follow(ROLLOUT, &session.namespace, Some(name));
    let mut printed: Option<Status> = None;
    loop {
        changes.changed().await?;
        let Some(rollout) = changes.objects()?.and_then(|all| all.into_iter().next()) else { continue };
        let status = status_of(&rollout);
        if printed.as_ref() != Some(&status) {
            output::print(session.format, &status, &status.to_string())?;
        }
        if is_final(&status) {
            return Ok(status);
        }
        printed = Some(status);
    }
}

/// A degraded rollout is a failure; one look at a rollout under way is not.
fn decide(status: &Status, once: bool) -> anyhow::Result<ExitCode> {
    match status.phase.as_str() {
        "Degraded" => bail!("The rollout is in a degraded state with message: {}", status.message),
        "Healthy" => Ok(ExitCode::SUCCESS),
        _ if once => Ok(ExitCode::SUCCESS),
        _ => bail!("Rollout status watch exceeded timeout"),
    }
}
