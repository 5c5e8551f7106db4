//! `list`: one line each.

use serin_lang::age::human;

use super::Info;
use crate::table::align;

/// Which columns a list has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// Show the namespace.
    pub namespace: bool,
    /// Show more than fits into a narrow window.
    pub wide: bool,
}

const HEADER: [&str; 8] =
    ["NAME", "TARGET", "PROVIDER", "PHASE", "WEIGHT", "FAILED-CHECKS", "WAITS-FOR", "LAST-TRANSITION"];
const WIDE: [&str; 7] = ["STRATEGY", "VARIANT", "INTERVAL", "STEPS", "SUSPENDED", "REVISION", "CONTROLLER"];

/// The table of Canaries.
#[must_use]
pub fn list(infos: &[Info], listing: Listing) -> String {
    let header: Vec<String> = HEADER.iter().map(ToString::to_string).collect();
    let wide = WIDE.iter().map(ToString::to_string).collect();
    let mut rows = vec![whole("NAMESPACE", header, wide, listing)];
    rows.extend(infos.iter().map(|info| whole(&info.namespace, row(info), more(info), listing)));
    align(&rows)
}

fn whole(namespace: &str, row: Vec<String>, more: Vec<String>, listing: Listing) -> Vec<String> {
    let lead = listing.namespace.then(|| namespace.to_owned());
    let more = if listing.wide { more } else { Vec::new() };
    lead.into_iter().chain(row).chain(more).collect()
}

fn dash(text: String) -> String {
    if text.is_empty() { "-".to_owned() } else { text }
}

fn row(info: &Info) -> Vec<String> {
    let gates = info.gates.iter().filter(|gate| gate.waits).map(|gate| &*gate.name);
    let waits: Vec<&str> = gates.chain(info.missing.as_deref()).collect();
    let phase = if info.invalid.is_empty() { info.phase.clone() } else { "Invalid".to_owned() };
    vec![
        info.name.clone(),
        info.target.clone(),
        if info.provider_is_said { info.provider.clone() } else { format!("({})", info.provider) },
        dash(phase),
        info.weight.to_string(),
        format!("{}/{}", info.failed_checks, info.threshold),
        dash(waits.join(",")),
        dash(info.last_transition_secs.map(human).unwrap_or_default()),
    ]
}

fn more(info: &Info) -> Vec<String> {
    let done = info.steps.iter().filter(|step| step.done).count();
    vec![
        info.strategy.to_owned(),
        dash(info.variant.split(": ").next().unwrap_or_default().to_owned()),
        info.interval.clone(),
        format!("{done}/{}", info.steps.len()),
        info.suspended.to_string(),
        dash(info.applied.clone()),
        dash(info.controller.to_owned()),
    ]
}
