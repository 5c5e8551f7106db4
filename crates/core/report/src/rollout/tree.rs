//! `get rollout`: the key and value lines, then the tree of revisions, ReplicaSets and pods.

use std::fmt::Write as _;

use serin_lang::age::human;

use super::{Info, PodInfo, ReplicaSetInfo};
use crate::{
    paint::{Hue, Paint, icon},
    table::align,
};

/// Everything that `get rollout` prints.
#[must_use]
pub fn details(info: &Info, paint: Paint) -> String {
    let mut text = String::new();
    let (icon_text, hue) = icon(&info.status.phase);
    line(&mut text, "Name:", &info.name);
    line(&mut text, "Namespace:", &info.namespace);
    line(&mut text, "Status:", &format!("{} {}", paint.paint(hue, icon_text), info.status.phase));
    if !info.status.message.is_empty() {
        line(&mut text, "Message:", &info.status.message);
    }
    line(&mut text, "Strategy:", &info.strategy);
    if info.strategy == "Canary" {
        line(&mut text, "  Step:", &info.step);
        line(&mut text, "  SetWeight:", &info.set_weight.to_string());
        line(&mut text, "  ActualWeight:", &info.actual_weight.to_string());
    }
    for (index, image) in info.images.iter().enumerate() {
        let tags =
            if image.tags.is_empty() { String::new() } else { format!(" ({})", image.tags.join(", ")) };
        line(&mut text, if index == 0 { "Images:" } else { "" }, &format!("{}{tags}", image.image));
    }
    text.push_str("Replicas:\n");
    for (key, value) in [
        ("  Desired:", info.desired),
        ("  Current:", info.current),
        ("  Updated:", info.updated),
        ("  Ready:", info.ready),
        ("  Available:", info.available),
    ] {
        line(&mut text, key, &value.to_string());
    }
    text.push('\n');
    text + &tree(info, paint)
}

fn line(text: &mut String, key: &str, value: &str) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{key:<17}{value}");
}

/// The tree alone.
#[must_use]
pub fn tree(info: &Info, paint: Paint) -> String {
    let mut rows = vec![["NAME", "KIND", "STATUS", "AGE", "INFO"].map(str::to_owned).to_vec()];
    rows.push(row(&format!("⟳ {}", info.name), "Rollout", &info.status.phase, info.age_secs, "", paint));
    let mut revisions: Vec<(i64, Vec<&ReplicaSetInfo>)> = Vec::new();
    for set in &info.replica_sets {
        match revisions.last_mut() {
            Some((revision, sets)) if *revision == set.revision => sets.push(set),
            _ => revisions.push((set.revision, vec![set])),
        }
    }
    for (index, (revision, sets)) in revisions.iter().enumerate() {
        let (branch, trunk) = connectors(index + 1 == revisions.len());
        let cells = [format!("{branch}# revision:{revision}"), String::new(), String::new(), String::new()];
        rows.push([&cells[..], &[String::new()]].concat());
        for (index, set) in sets.iter().enumerate() {
            replica_set_rows(&mut rows, trunk, index + 1 == sets.len(), set, paint);
        }
    }
    align(&rows)
}

fn replica_set_rows(
    rows: &mut Vec<Vec<String>>,
    trunk: &str,
    last: bool,
    set: &ReplicaSetInfo,
    paint: Paint,
) {
    let (branch, inner) = connectors(last);
    let name = paint.paint(role_hue(set), &format!("⧉ {}", set.name));
    let mut facts = set.tags.clone();
    facts.extend(set.delay.as_ref().map(|delay| format!("delay:{delay}")));
    let name = format!("{trunk}{branch}{name}");
    rows.push(row(&name, "ReplicaSet", &set.status, set.age_secs, &facts.join(","), paint));
    for (index, pod) in set.pods.iter().enumerate() {
        let (branch, _) = connectors(index + 1 == set.pods.len());
        let name = format!("{trunk}{inner}{branch}□ {}", pod.name);
        rows.push(row(&name, "Pod", &pod.status, pod.age_secs, &pod_facts(pod), paint));
    }
}

fn pod_facts(pod: &PodInfo) -> String {
    match pod.restarts {
        0 => format!("ready:{}", pod.ready),
        restarts => format!("ready:{},restarts:{restarts}", pod.ready),
    }
}

fn role_hue(set: &ReplicaSetInfo) -> Option<Hue> {
    let has = |role: &str| set.tags.iter().any(|tag| tag == role);
    match () {
        () if has("stable") || has("active") => Some(Hue::Green),
        () if has("canary") || has("preview") => Some(Hue::Yellow),
        () => None,
    }
}

/// The connector to an entry, and what stands below it in the lines of its children.
fn connectors(last: bool) -> (&'static str, &'static str) {
    if last { ("└──", "   ") } else { ("├──", "│  ") }
}

fn row(name: &str, kind: &str, status: &str, age_secs: i64, facts: &str, paint: Paint) -> Vec<String> {
    let (icon_text, hue) = icon(status);
    let status = format!("{} {status}", paint.paint(hue, icon_text));
    vec![name.to_owned(), kind.to_owned(), status, human(age_secs), facts.to_owned()]
}
