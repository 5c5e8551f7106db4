//! The stable version's past: blocks before the rollout to tables of pods and blocks.

use std::collections::BTreeMap;

use crate::block::{Arm, Block, Cell, Roster, Seen};

/// Fewest blocks from which anything is measured.
pub(crate) const FEWEST: usize = 32;

/// One metric's past: for each pod that was there all the time, its cells in order.
#[derive(Debug, Default)]
pub(crate) struct Table<'a> {
    /// A row for each pod.
    pub rows: Vec<Vec<&'a Cell>>,
}

impl Table<'_> {
    /// Blocks of each row.
    pub(crate) fn blocks(&self) -> usize {
        self.rows.first().map_or(0, Vec::len)
    }

    /// A number for each cell.
    pub(crate) fn map<T>(&self, of: impl Fn(&Cell) -> T) -> Vec<Vec<T>> {
        self.rows.iter().map(|row| row.iter().map(|cell| of(cell)).collect()).collect()
    }
}

/// The table of one metric. Pods come and go: of the whole past, its later half, quarter and so on, the longest stretch is
/// taken through which at least half of its pods (and two, when there ever were two) stayed; and then all blocks in which
/// each of those has a cell that is past its warm-up.
pub(crate) fn table<'a>(history: &'a [Block], roster: &Roster, metric: usize) -> Table<'a> {
    let blocks: Vec<BTreeMap<u32, &Cell>> = history
        .iter()
        .map(|block| stable_cells(block, roster, metric))
        .filter(|cells| !cells.is_empty())
        .collect();
    let mut length = blocks.len();
    while length >= FEWEST {
        let stretch = &blocks[blocks.len() - length..];
        let mut seen: BTreeMap<u32, usize> = BTreeMap::new();
        for cells in stretch {
            for pod in cells.keys() {
                *seen.entry(*pod).or_default() += 1;
            }
        }
        // One missing scrape in ten is no reason to lose a pod: its block is left out for all.
        let stayed: Vec<u32> =
            seen.iter().filter(|(_, count)| **count * 10 >= length * 9).map(|(pod, _)| *pod).collect();
        let whole: Vec<&BTreeMap<u32, &Cell>> =
            stretch.iter().filter(|cells| stayed.iter().all(|pod| cells.contains_key(pod))).collect();
        let enough = stayed.len() * 2 >= seen.len() && stayed.len() >= seen.len().min(2);
        if enough && whole.len() >= FEWEST.min(length / 2) {
            return Table {
                rows: stayed.iter().map(|pod| whole.iter().map(|cells| cells[pod]).collect()).collect(),
            };
        }
        length /= 2;
    }
    Table::default()
}

fn stable_cells<'a>(block: &'a Block, roster: &Roster, metric: usize) -> BTreeMap<u32, &'a Cell> {
    let Some(Seen::Cells(cells)) = block.metrics.get(metric) else { return BTreeMap::new() };
    let is_usable = |cell: &&Cell| {
        let arm = roster.pods.get(cell.pod as usize).map(|pod| pod.arm);
        arm == Some(Arm::Stable) && !cell.flags.warm && !cell.flags.gap
    };
    cells.iter().filter(is_usable).map(|cell| (cell.pod, cell)).collect()
}
