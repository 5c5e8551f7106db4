//! `get rollout`: the tree, once or live.

use std::process::ExitCode;

use jiff::Timestamp;
use serde_json::Value;
use serin_api::kinds::{POD, REPLICA_SET, ROLLOUT};
use serin_report::rollout::{Info, Snapshot, details};

use super::Session;
use crate::{
    plugin::{
        live::{Picture, draw},
        output,
    },
    rollouts::args,
};

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
    let followed = vec![
        session.api.follow(ROLLOUT, &session.namespace, Some(&arguments.name)),
        session.api.follow(REPLICA_SET, &session.namespace, None),
        session.api.follow(POD, &session.namespace, None),
    ];
    let paint = output::paint(arguments.watch.no_color);
    let picture = async |seen: Vec<Vec<Value>>| {
        let [rollouts, replica_sets, pods] = <[_; 3]>::try_from(seen).unwrap_or_default();
        let Some(rollout) = rollouts.into_iter().next() else {
            anyhow::bail!("rollout.argoproj.io \"{}\" not found", arguments.name);
        };
        let info = Info::new(&Snapshot { rollout, replica_sets, pods, now: Timestamp::now().as_second() });
        Ok(Picture { text: details(&info, paint), data: serde_json::to_value(&info)? })
    };
    draw((followed, session.format, arguments.watch.timeout_seconds), picture).await?;
    Ok(ExitCode::SUCCESS)
}
