//! Counts in files.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use serin_gate::config::Config;
use serin_gate::intake::{Member, Rows, together};
use serin_gate::record::Opening;
use serin_gate::{Arm, Block, Pod, Roster, Seen};

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
    let openings_and_blocks = match &config.groups {
        None => {
            let past = past.as_ref().map(|(path, rows)| (*path, rows));
            vec![beginning(&config, past, (path, rows.blocks(&config.policy).with_context(|| name(path))?))?]
        }
        Some(terms) => {
            let of = |path: &Path, rows: &Rows| rows.members(terms).with_context(|| name(path));
            let members = of(path, &rows)?;
            let pasts = past
                .as_ref()
                .map(|(path, rows)| Ok::<_, anyhow::Error>((*path, of(path, rows)?)))
                .transpose()?;
            let all = together(&members, terms, &config.policy).with_context(|| name(path))?;
            let one = |(place, found)| {
                let past = pasts.as_ref().map(|(path, rows)| (*path, &rows[place]));
                beginning(&config, past, (path, found))
            };
            all.into_iter().enumerate().map(one).collect::<Result<_>>()?
        }
    };
    let (openings, blocks): (Vec<Opening>, Vec<Vec<Block>>) = openings_and_blocks.into_iter().unzip();
    let mut book = Book::open(previous, openings, config.groups.as_ref(), args.record.clone(), args.quiet)?;
    for moment in 0..blocks.first().map_or(0, Vec::len) {
        let blocks: Vec<Block> = blocks.iter().filter_map(|member| member.get(moment).cloned()).collect();
        if book.look(&blocks)? == Next::Decided {
            break;
        }
    }
    Ok(book)
}

/// What one gate begins with, and its blocks.
fn beginning(
    config: &Config,
    past: Option<(&Path, &Rows)>,
    (path, (pods, blocks)): (&Path, Member),
) -> Result<(Opening, Vec<Block>)> {
    let (roster, history) = match past {
        Some((path, past)) => past.blocks(&config.policy).with_context(|| name(path))?,
        None => (Roster::default(), Vec::new()),
    };
    if let (Some(last), Some(first)) = (history.last(), blocks.first()) {
        ensure!(
            last.start < first.start,
            "--history reaches to {}, and {} begins at {}: the past ends where the release begins",
            last.start,
            name(path),
            first.start
        );
    }
    let roster = join(&roster, &pods);
    let blocks = renumbered(blocks, &pods, &roster);
    let (policy, queries) = (config.policy.clone(), queries(config));
    Ok((Opening { previous: None, policy, queries, roster, history }, blocks))
}

/// The place of each pod; each is looked up once for every one that may be new.
fn places(pods: &[Pod]) -> BTreeMap<(&str, Arm), u32> {
    pods.iter().enumerate().map(|(place, pod)| ((&*pod.name, pod.arm), place as u32)).collect()
}

/// The pods of the past, and those that came after it.
fn join(past: &Roster, now: &Roster) -> Roster {
    let known = places(&past.pods);
    let new = now.pods.iter().filter(|pod| !known.contains_key(&(&*pod.name, pod.arm)));
    Roster { pods: past.pods.iter().chain(new).cloned().collect() }
}

/// Blocks whose cells name their pods by the places of `to` in place of those of `from`; nobody joins later.
fn renumbered(mut blocks: Vec<Block>, from: &Roster, to: &Roster) -> Vec<Block> {
    let known = places(&to.pods);
    let place = |pod: &Pod| known.get(&(&*pod.name, pod.arm)).copied().unwrap_or(u32::MAX);
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

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use serin_gate::{Cell, Flags, Value};
    use serin_kernel::Moment;

    use super::*;

    fn roster(names: std::ops::Range<u32>) -> Roster {
        Roster { pods: names.map(|name| Pod { name: format!("pod-{name}"), arm: Arm::Stable }).collect() }
    }

    fn block(pods: impl Iterator<Item = u32>) -> Block {
        let cell = |pod: u32| Cell { pod, flags: Flags::default(), value: Value::Count { x: 0, n: 1 } };
        let metrics = vec![Seen::Cells(pods.map(cell).collect())];
        Block {
            start: Moment::from_secs(0),
            step: 0,
            weight: None,
            joined: Vec::new(),
            health: None,
            metrics,
        }
    }

    fn cells(blocks: &[Block]) -> Vec<u32> {
        let Seen::Cells(cells) = &blocks[0].metrics[0] else { panic!("{blocks:?}") };
        cells.iter().map(|cell| cell.pod).collect()
    }

    #[test]
    fn pods_keep_the_places_of_the_past_and_new_ones_come_after_it() {
        let (past, mut now) = (roster(0..3), roster(1..5));
        // The name of a stable pod is another pod in the canary.
        now.pods.push(Pod { name: "pod-0".to_owned(), arm: Arm::Canary });
        let all = join(&past, &now);
        assert_eq!(all.pods[..5], roster(0..5).pods);
        assert_eq!(all.pods[5..], now.pods[4..]);
        assert_eq!(cells(&renumbered(vec![block(0..5)], &now, &all)), [1, 2, 3, 4, 5]);
    }

    #[test]
    fn hundred_thousand_pods_are_joined_in_seconds() {
        const MANY: u32 = 100_000;
        let began = Instant::now();
        let (past, now) = (roster(0..MANY), roster(MANY / 2..MANY * 3 / 2));
        let all = join(&past, &now);
        let blocks = renumbered(vec![block(0..MANY)], &now, &all);
        assert_eq!((all.pods.len() as u32, cells(&blocks)[0]), (MANY * 3 / 2, MANY / 2));
        // Comparing each with each would take minutes.
        assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    }
}
