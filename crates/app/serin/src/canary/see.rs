//! The verbs that show: `list`, `get`, `why`.

use jiff::Timestamp;
use serde_json::Value;
use serin_api::{
    flagger::{Canary, CanaryAnalysis, CanaryPhase},
    kinds::CANARY,
    lenient,
};
use serin_canary::{sight, words};
use serin_kernel::{Object, Weight};
use serin_report::canary::{self, Info, Listing, Snapshot};

use super::{EVENT, Session, args};
use crate::{
    out,
    plugin::{
        live::{Picture, draw},
        output,
    },
};

fn now() -> i64 {
    Timestamp::now().as_second()
}

pub(super) async fn list(session: &Session, everywhere: bool, wide: bool) -> anyhow::Result<()> {
    let namespace = if everywhere { "" } else { session.namespace.as_str() };
    let canaries = session.api.list(CANARY, namespace).await?;
    if canaries.is_empty() && session.format.is_none() {
        out::complain("No resources found.");
        return Ok(());
    }
    let mut all = Vec::new();
    for canary in canaries {
        let variants = sight::variants(&Object::new(CANARY, &canary)?);
        let analysis = sight::analysis(&session.observe(&canary, variants).await?);
        all.push((canary, analysis));
    }
    // Which gate or object is waited for is told by events; they are many, and mostly nobody waits.
    let is_waiting = |(canary, analysis): &(Value, Option<Result<CanaryAnalysis, String>>)| {
        let mut canary = lenient::<Canary>(canary.clone()).value;
        if let Some(Ok(analysis)) = analysis {
            canary.spec.analysis = Some(analysis.clone());
        }
        let is_begun = !matches!(canary.status.phase, None | Some(CanaryPhase::Initializing));
        let kind = words::gate_of(canary.status.phase);
        !is_begun || kind.is_some_and(|kind| words::all_gates(&canary).iter().any(|(of, _)| *of == kind))
    };
    let events = if all.iter().any(is_waiting) {
        session.api.list(EVENT, namespace).await.unwrap_or_default()
    } else {
        Vec::new()
    };
    let info = |(canary, analysis): (Value, Option<Result<CanaryAnalysis, String>>)| {
        let (provider, events) = (session.settings.mesh_provider.clone(), events.clone());
        Info::new(&Snapshot { canary, events, analysis, provider, now: now(), ..Snapshot::default() })
    };
    let infos: Vec<Info> = all.into_iter().map(info).collect();
    let listing = Listing { namespace: everywhere, wide };
    output::print(session.format, &infos, &canary::list(&infos, listing))
}

/// A Canary with everything that a screen shows of it.
async fn look(session: &Session, canary: Value, events: Vec<Value>) -> anyhow::Result<Info> {
    let object = Object::new(CANARY, &canary)?;
    let typed = lenient::<Canary>(canary.clone()).value;
    let mut keys = sight::objects(&typed);
    for key in sight::routes(&object, &session.settings) {
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    let all = keys.iter().cloned().chain(sight::variants(&object)).collect();
    let observed = session.observe(&canary, all).await?;
    let percent = |weight: Weight| weight.0;
    let split = sight::live(&observed, &session.settings);
    let mirrored = split.as_ref().is_ok_and(|split| split.mirrored);
    let live = split.map(|split| (percent(split.primary), percent(split.canary)));
    let objects = keys.iter().filter_map(|key| observed.get(key)).map(|object| {
        let mut value = object.value();
        value["kind"] = object.kind().kind.into();
        value
    });
    Ok(Info::new(&Snapshot {
        canary,
        objects: objects.collect(),
        events,
        live: Some(live),
        mirrored,
        analysis: sight::analysis(&observed),
        revision: sight::revision(&observed),
        provider: session.settings.mesh_provider.clone(),
        now: now(),
    }))
}

pub(super) async fn get(session: &Session, arguments: &args::Get) -> anyhow::Result<()> {
    let paint = output::paint(arguments.no_color);
    let canary = session.canary(&arguments.name).await?;
    if !arguments.watch {
        let events = session.api.list(EVENT, &session.namespace).await?;
        let info = look(session, canary, events).await?;
        return output::print(session.format, &info, &canary::details(&info, paint));
    }
    let followed = vec![
        session.api.follow(CANARY, &session.namespace, Some(&arguments.name)),
        session.api.follow(EVENT, &session.namespace, None),
    ];
    let picture = async |seen: Vec<Vec<Value>>| {
        let [canaries, events] = <[_; 2]>::try_from(seen).unwrap_or_default();
        let Some(canary) = canaries.into_iter().next() else {
            anyhow::bail!("canary \"{}\" is gone", arguments.name);
        };
        let info = look(session, canary, events).await?;
        Ok(Picture { text: canary::details(&info, paint), data: serde_json::to_value(&info)? })
    };
    draw((followed, session.format, arguments.timeout_seconds), picture).await
}

pub(super) async fn why(session: &Session, name: &str, called: &str) -> anyhow::Result<()> {
    let canary = session.canary(name).await?;
    let events = session.api.list(EVENT, &session.namespace).await?;
    let info = look(session, canary, events).await?;
    let text = canary::why(&info, called);
    let lines: Vec<&str> = text.lines().collect();
    output::print(session.format, &lines, &text)
}
