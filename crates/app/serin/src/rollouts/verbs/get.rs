//! `get rollout`: the tree, once or live.

use std::{process::ExitCode, time::Duration};

use jiff::Timestamp;
use serin_api::kinds::{POD, REPLICA_SET, ROLLOUT};
use serin_report::rollout::{Info, Snapshot, details};
use tokio::time::{Instant, interval, sleep_until, timeout};

use super::Session;
use crate::rollouts::{args, output};

/// Least time between two pictures, so that a burst of changes is drawn once.
const REFRESH_MIN: Duration = Duration::from_millis(200);
/// Ages grow even when nothing changes.
const REFRESH_MAX: Duration = Duration::from_secs(1);

pub(super) async fn rollout(session: Session, arguments: &args::GetRollout) -> anyhow::Result<ExitCode> {
    let snapshot = Snapshot {
        rollout: session.rollout(&arguments.name).await?,
        replica_sets: session.api.list(REPLICA_SET, &session.namespace).await?,
        pods: session.api.list(POD, &session.namespace).await?,
        now: Timestamp::now().as_second(),
    };
    if !arguments.watch.watch {
        let info = Info::new(&snapshot);
        output::print(session.format, &info, &details(&info, output::paint(arguments.watch.no_color)))?;
        return Ok(ExitCode::SUCCESS);
    }
    let watch = watch(&session, arguments);
    match arguments.watch.timeout_seconds {
        0 => watch.await?,
        limit => match timeout(Duration::from_secs(limit), watch).await {
            Ok(ended) => ended?,
            Err(_elapsed) => {}
        },
    }
    Ok(ExitCode::SUCCESS)
}

/// Draws the tree again whenever something in it has changed.
async fn watch(session: &Session, arguments: &args::GetRollout) -> anyhow::Result<()> {
    let paint = output::paint(arguments.watch.no_color);
    let mut rollouts = session.api.follow(ROLLOUT, &session.namespace, Some(&arguments.name));
    let mut sets = session.api.follow(REPLICA_SET, &session.namespace, None);
    let mut pods = session.api.follow(POD, &session.namespace, None);
    let mut tick = interval(REFRESH_MAX);
    let mut drawn = String::new();
    loop {
        let earliest = Instant::now() + REFRESH_MIN;
        tokio::select! {
            Ok(()) = rollouts.changed() => {}
            Ok(()) = sets.changed() => {}
            Ok(()) = pods.changed() => {}
            _ = tick.tick() => {}
        }
        let seen = (rollouts.objects()?, sets.objects()?, pods.objects()?);
        if let (Some(rollouts), Some(replica_sets), Some(pods)) = seen {
            let Some(rollout) = rollouts.into_iter().next() else {
                anyhow::bail!("rollout.argoproj.io \"{}\" not found", arguments.name);
            };
            let info =
                Info::new(&Snapshot { rollout, replica_sets, pods, now: Timestamp::now().as_second() });
            let text = details(&info, paint);
            if text != drawn {
                output::clear();
                output::print(session.format, &info, &text)?;
                drawn = text;
            }
        }
        sleep_until(earliest).await;
    }
}
