//! Counts in files.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use serin_gate::config::Config;
use serin_gate::record::Opening;
use serin_gate::{Block, Roster, Seen};

use super::super::files::name;
use super::book::{Book, Next};
use super::{RunArgs, counts, queries, thresholds};

pub(super) fn judge(
    args: &RunArgs,
    mut config: Config,
    path: &Path,
    previous: Option<String>,
) -> Result<Book> {
    let rows = counts(path)?;
    let past =
        args.history.as_deref().map(|path| Ok::<_, anyhow::Error>((path, counts(path)?))).transpose()?;
    let thresholds = thresholds(&config);
    // Edges are chosen before the rollout, from the past if there is one.
    let (frozen_by, from) = past.as_ref().map_or((path, &rows), |(path, past)| (*path, past));
    from.freeze(&mut config.policy, &thresholds).with_context(|| name(frozen_by))?;
    let (roster, history) = match &past {
        Some((path, past)) => past.blocks(&config.policy).with_context(|| name(path))?,
        None => (Roster::default(), Vec::new()),
    };
    let (pods, blocks) = rows.blocks(&config.policy).with_context(|| name(path))?;
    if let (Some(last), Some(first)) = (history.last(), blocks.first()) {
        ensure!(
            last.start < first.start,
            "--history reaches to {}, and {} begins at {}: the past ends where the release begins",
            last.start,
            name(path),
            first.start
        );
    }
    let queries = queries(&config);
    let roster = join(&roster, &pods);
    let blocks = renumbered(blocks, &pods, &roster);
    let opening = Opening { previous, policy: config.policy, queries, roster, history };
    let mut book = Book::open(opening, args.record.clone(), args.quiet)?;
    for block in &blocks {
        if book.look(block)? == Next::Decided {
            break;
        }
    }
    Ok(book)
}

/// The pods of the past, and those that came after it.
pub(super) fn join(past: &Roster, now: &Roster) -> Roster {
    let mut all = past.clone();
    for pod in &now.pods {
        if !all.pods.contains(pod) {
            all.pods.push(pod.clone());
        }
    }
    all
}

/// Blocks whose cells name their pods by the places of `to` in place of those of `from`; nobody joins later.
pub(super) fn renumbered(mut blocks: Vec<Block>, from: &Roster, to: &Roster) -> Vec<Block> {
    let place =
        |pod: &serin_gate::Pod| to.pods.iter().position(|other| other == pod).unwrap_or(usize::MAX) as u32;
    let places: Vec<u32> = from.pods.iter().map(place).collect();
    for block in &mut blocks {
        block.joined.clear();
        for seen in &mut block.metrics {
            if let Seen::Cells(cells) = seen {
                for cell in cells.iter_mut() {
                    cell.pod = places.get(cell.pod as usize).copied().unwrap_or(u32::MAX);
                }
                cells.sort_by_key(|cell| cell.pod);
            }
        }
    }
    blocks
}
