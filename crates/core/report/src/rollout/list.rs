//! `list rollouts`: one line each.

use super::Info;
use crate::table::align;

/// Which leading columns a list has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// Show the namespace.
    pub namespace: bool,
    /// Leave the header out (the second and later screens of a watch).
    pub no_header: bool,
}

const HEADER: [&str; 9] =
    ["NAME", "STRATEGY", "STATUS", "STEP", "SET-WEIGHT", "READY", "DESIRED", "UP-TO-DATE", "AVAILABLE"];
/// Least widths of the columns: those that Argo's plugin prints, so that a watch does not jump.
const WIDTHS: [usize; 9] = [10, 9, 12, 4, 10, 5, 7, 10, 9];

/// The table of rollouts.
#[must_use]
pub fn list(infos: &[Info], listing: Listing) -> String {
    let header = HEADER.iter().zip(WIDTHS).map(|(name, width)| format!("{name:<width$}"));
    let mut rows: Vec<Vec<String>> = Vec::new();
    if !listing.no_header {
        rows.push(with_namespace(listing, "NAMESPACE", header.collect()));
    }
    rows.extend(infos.iter().map(|info| with_namespace(listing, &info.namespace, row(info))));
    align(&rows)
}

fn with_namespace(listing: Listing, namespace: &str, row: Vec<String>) -> Vec<String> {
    let lead = listing.namespace.then(|| format!("{namespace:<9}"));
    lead.into_iter().chain(row).collect()
}

fn row(info: &Info) -> Vec<String> {
    let canary = info.strategy == "Canary";
    let dash = |text: String| if canary && !text.is_empty() { text } else { "-".to_owned() };
    let cells = [
        info.name.clone(),
        info.strategy.clone(),
        info.status.phase.clone(),
        dash(info.step.clone()),
        dash(info.set_weight.to_string()),
        format!("{}/{}", info.ready, info.current),
        info.desired.to_string(),
        info.updated.to_string(),
        info.available.to_string(),
    ];
    cells.iter().zip(WIDTHS).map(|(cell, width)| format!("{cell:<width$}")).collect()
}
