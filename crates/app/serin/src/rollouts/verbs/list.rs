//! `list rollouts`: one line each, once or as they change.

use std::{collections::BTreeMap, process::ExitCode};

use jiff::Timestamp;
use serde_json::Value;
use serin_api::kinds::{REPLICA_SET, ROLLOUT};
use serin_report::rollout::{Info, Listing, Snapshot, list};

use super::Session;
use crate::{out, plugin::output, rollouts::args};

pub(super) async fn rollouts(session: Session, arguments: &args::ListRollouts) -> anyhow::Result<ExitCode> {
    let namespace = if arguments.all_namespaces { "" } else { session.namespace.as_str() };
    let wanted = |rollout: &Value| {
        arguments
            .name
            .as_deref()
            .is_none_or(|name| rollout.pointer("/metadata/name").and_then(Value::as_str) == Some(name))
    };
    let sets = session.api.list(REPLICA_SET, namespace).await?;
    let info = |rollout: Value| {
        let now = Timestamp::now().as_second();
        Info::new(&Snapshot { rollout, replica_sets: sets.clone(), pods: Vec::new(), now })
    };
    let found: Vec<Info> =
        session.api.list(ROLLOUT, namespace).await?.into_iter().filter(wanted).map(info).collect();
    let mut listing = Listing { namespace: arguments.all_namespaces, no_header: false };
    if found.is_empty() && !arguments.watch {
        out::complain("No resources found.");
        return Ok(ExitCode::SUCCESS);
    }
    output::print(session.format, &found, &stamped(arguments, &list(&found, listing)))?;
    if !arguments.watch {
        return Ok(ExitCode::SUCCESS);
    }
    listing.no_header = true;
    let mut shown: BTreeMap<(String, String), String> =
        found.iter().map(|info| (id(info), list(std::slice::from_ref(info), listing))).collect();
    let mut changes = session.api.follow(ROLLOUT, namespace, None);
    loop {
        changes.changed().await?;
        let latest = changes.objects()?.unwrap_or_default();
        for info in latest.into_iter().filter(wanted).map(info) {
            let line = list(std::slice::from_ref(&info), listing);
            if shown.get(&id(&info)) != Some(&line) {
                output::print(session.format, &info, &stamped(arguments, &line))?;
                shown.insert(id(&info), line);
            }
        }
    }
}

fn id(info: &Info) -> (String, String) {
    (info.namespace.clone(), info.name.clone())
}

/// Each line with the time in front, when that was asked for.
fn stamped(arguments: &args::ListRollouts, text: &str) -> String {
    if !arguments.timestamps {
        return text.to_owned();
    }
    let stamp = serin_kernel::Moment::from(Timestamp::now()).to_string();
    let lines: Vec<String> = text.lines().map(|line| format!("{stamp}  {line}")).collect();
    lines.join("\n")
}
