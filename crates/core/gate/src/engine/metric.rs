//! The state of one metric, whatever its kind.

mod look;

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use serin_stats::ratio::{grid::Counts, pods, prior::Shelf};

pub(crate) use look::Instead;
pub(super) use look::Question;
pub use look::{LineState, MetricLook, margin_in_step};

use super::{
    arms::Exposures,
    level::Level,
    line::Line,
    sums::{Side, Sums},
};
use crate::{
    block::{Arm, Block, Cell, Roster, Seen, Trouble, Value},
    history,
    hold::{Cause, Hold},
    policy::{Kind, Metric},
};

/// Failures of a source in a row after which the metric is not valid.
const FAILURES: u32 = 2;
/// Share of cells with something that is not a number, and of exposure that came late, from which a metric is not valid.
const ODD_CELLS: f64 = 0.1;
const LATE: f64 = 0.01;
/// Blocks in which the catastrophe rule looks for its requests, how many it needs, and the two shares it compares.
const RECENT: usize = 8;
const REQUESTS: u64 = 20;
const FAILING: f64 = 0.5;
const WELL: f64 = 0.1;

/// State of one metric.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct State {
    kind: Track,
    exposures: Exposures,
    failures: u32,
    cells: u64,
    odd_cells: u64,
    late: u64,
    exposure: u64,
    /// Events and exposure of the canary and of the stable version, young pods included, in the latest blocks.
    recent: VecDeque<[u64; 4]>,
    /// Whether the latest block is among them: one that could not be read is not.
    is_counted: bool,
    /// Exposure of the canary since the step began.
    step_exposure: u64,
}

/// State by kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Track {
    Lines(Vec<Line>),
    Level(Level),
}

impl State {
    /// Measures the past.
    pub(super) fn new(metric: &Metric, place: usize, history: &[Block], roster: &Roster) -> Self {
        let table = history::table(history, roster, place);
        let kind = match &metric.kind {
            Kind::Gauge { offset } => {
                let micro = |cell: &Cell| if let Value::Gauge { micro, .. } = cell.value { micro } else { 0 };
                Track::Level(Level::new(&table.map(micro), *offset))
            }
            Kind::Count | Kind::Latency { .. } => {
                let edges = if let Kind::Latency { edges, .. } = &metric.kind { edges.len() } else { 1 };
                let exposures: Vec<u64> =
                    table.rows.iter().map(|row| row.iter().map(|cell| exposure(cell)).sum()).collect();
                Track::Lines(
                    (0..edges)
                        .map(|edge| Line::new(&table.map(|cell| events(cell, edge)), &exposures))
                        .collect(),
                )
            }
        };
        Self {
            kind,
            exposures: Exposures::default(),
            failures: 0,
            cells: 0,
            odd_cells: 0,
            late: 0,
            exposure: 0,
            recent: VecDeque::new(),
            is_counted: false,
            step_exposure: 0,
        }
    }

    /// Takes in one block, and says what makes the metric unfit for a verdict.
    pub(super) fn take(
        &mut self,
        seen: &Seen,
        metric: &Metric,
        place: usize,
        arm_of: impl Fn(u32) -> Option<Arm>,
    ) -> Option<Hold> {
        self.is_counted = false;
        let cells = match seen {
            Seen::Cells(cells) => cells,
            Seen::Trouble(trouble) => return self.trouble(trouble, place),
        };
        let sums = match Sums::of(cells, metric, place, &arm_of) {
            Ok(sums) => sums,
            Err(hold) => return Some(hold),
        };
        self.failures = 0;
        self.cells += sums.odd.0;
        self.odd_cells += sums.odd.1;
        self.late = self.late.saturating_add(sums.odd.2);
        self.exposure = self.exposure.saturating_add(sums.canary_all.1).saturating_add(sums.stable_all.1);
        self.remember(&sums);
        if sums.is_warming {
            return Some(Hold::Warming);
        }
        for cell in cells.iter().filter(|cell| !cell.flags.warm) {
            if let Some(arm) = arm_of(cell.pod) {
                self.exposures.add(arm, cell.pod, exposure(cell));
            }
        }
        self.step_exposure = self.step_exposure.saturating_add(sums.canary.exposure);
        self.add(&sums, metric);
        if sums.canary.exposure == 0 || sums.stable.exposure == 0 {
            return Some(Hold::NoExposure { metric: place });
        }
        if self.odd_cells as f64 > ODD_CELLS * self.cells as f64 {
            let error = format!(
                "{} of {} cells hold something that is not a finite number",
                self.odd_cells, self.cells
            );
            return Some(Hold::ProviderError { metric: place, error });
        }
        (self.late as f64 > LATE * self.exposure as f64).then_some(Hold::Stale { metric: place })
    }

    fn trouble(&mut self, trouble: &Trouble, place: usize) -> Option<Hold> {
        Some(match trouble.clone() {
            Trouble::Provider(error) => {
                self.failures += 1;
                return (self.failures >= FAILURES).then_some(Hold::ProviderError { metric: place, error });
            }
            Trouble::ArmsMixed(labels) => Hold::ArmsMixed { metric: place, labels },
            Trouble::Absent(crate::block::Part::All) => Hold::NoExposure { metric: place },
            Trouble::Absent(part) => Hold::SeriesAbsent { metric: place, part },
            Trouble::Stale => Hold::Stale { metric: place },
            Trouble::ClockSkew(seconds) => Hold::ClockSkew { metric: place, seconds },
        })
    }

    fn remember(&mut self, sums: &Sums) {
        if self.recent.len() == RECENT {
            self.recent.pop_front();
        }
        self.is_counted = true;
        self.recent.push_back([sums.canary_all.0, sums.canary_all.1, sums.stable_all.0, sums.stable_all.1]);
    }

    fn add(&mut self, sums: &Sums, metric: &Metric) {
        let pods = self.exposures.effective();
        match &mut self.kind {
            Track::Level(level) if sums.canary.exposure > 0 && sums.stable.exposure > 0 => {
                let mean = |side: &Side| side.events[0] as f64 / side.exposure as f64;
                level.add(mean(&sums.canary), mean(&sums.stable), pods, metric.down_is_bad);
            }
            Track::Level(_) => {}
            Track::Lines(lines) => {
                let is_there = |place: &usize| *place >= 32 || sums.lost >> place & 1 == 0;
                for (place, line) in lines.iter_mut().enumerate().filter(|(place, _)| is_there(place)) {
                    let events = |side: &Side| u64::try_from(side.events[place]).unwrap_or(0);
                    let (canary, stable) = if metric.down_is_bad {
                        (&sums.stable, &sums.canary)
                    } else {
                        (&sums.canary, &sums.stable)
                    };
                    let counts = Counts {
                        x: events(canary),
                        y: events(stable),
                        n_canary: canary.exposure,
                        n_stable: stable.exposure,
                    };
                    let of_pod =
                        |(events, n): &(Vec<i128>, u64)| (u64::try_from(events[place]).unwrap_or(0), *n);
                    let pods: Vec<(u64, u64)> = sums.canary.pods.iter().map(of_pod).collect();
                    line.add(&counts, &pods, metric.tolerated);
                }
            }
        }
    }

    /// Canary exposure since the step began; none for a gauge.
    pub(super) fn step_exposure(&self) -> Option<u64> {
        match &self.kind {
            Track::Lines(_) => Some(self.step_exposure),
            Track::Level(_) => None,
        }
    }

    /// Ends a step.
    pub(super) fn next_step(&mut self, metric: &Metric, priors: &mut Shelf) {
        self.step_exposure = 0;
        let (canary, stable) = self.exposures.effective();
        let mut hypotheses =
            |between: f64| priors.get(metric.tolerated, metric.margin, pods::spread(between, canary, stable));
        match &mut self.kind {
            Track::Lines(lines) => {
                for line in lines {
                    line.next_step(&hypotheses(line.past.between_pods));
                }
            }
            Track::Level(level) => {
                let between = level.noise.map_or(0.0, |noise| noise.between_pods);
                level.next_step(&hypotheses(between));
            }
        }
    }

    /// Half of the canary's requests or more fail, of at least twenty in the latest blocks, while the stable version is
    /// well: no statistics are needed, and no warm-up excuses it.
    pub(super) fn is_failing(&self, metric: &Metric, place: usize) -> Option<Cause> {
        if !metric.is_share || metric.down_is_bad {
            return None;
        }
        let ([mut x, mut n, mut y, mut m], mut bad_blocks) = ([0u64; 4], 0);
        for [failed, of, stable_failed, stable_of] in self.recent.iter().rev() {
            (x, n) = (x.saturating_add(*failed), n.saturating_add(*of));
            (y, m) = (y.saturating_add(*stable_failed), m.saturating_add(*stable_of));
            bad_blocks += u32::from(*of > 0 && *failed as f64 >= FAILING * *of as f64);
            // One clump of failures may fill a block of few requests; so many at once, or two such blocks, are no clump.
            let is_no_clump = bad_blocks >= 2 || x as f64 >= REQUESTS as f64 * self.past_phi();
            let is_well = m > 0 && (y as f64) < WELL * m as f64;
            if n >= REQUESTS && x as f64 >= FAILING * n as f64 && is_well && is_no_clump {
                return Some(Cause::Failing { metric: place, failed: x, of: n });
            }
        }
        None
    }

    /// Exposure of both arms in the latest block, young pods included, canary first; none when it could not be read.
    pub(super) fn latest_exposure(&self) -> Option<(u64, u64)> {
        let latest = self.recent.back().filter(|_| self.is_counted);
        latest.map(|[_, canary, _, stable]| (*canary, *stable))
    }

    /// How large the past's clumps are, on the first line.
    fn past_phi(&self) -> f64 {
        match &self.kind {
            Track::Lines(lines) => lines.first().map_or(1.0, |line| line.past.phi),
            Track::Level(_) => 1.0,
        }
    }

    /// Whether a verdict needs a past that there is not.
    pub(super) fn lacks_history(&self) -> bool {
        matches!(&self.kind, Track::Level(level) if level.noise.is_none())
    }

    /// Events of the canary and of the stable version so far, on the first line.
    pub(super) fn events(&self) -> Option<(u64, u64)> {
        match &self.kind {
            Track::Lines(lines) => lines.first().map(|line| line.events),
            Track::Level(_) => None,
        }
    }
}

fn exposure(cell: &Cell) -> u64 {
    match &cell.value {
        Value::Count { n, .. } | Value::Latency { n, .. } => *n,
        Value::Gauge { .. } => 1,
    }
}

fn events(cell: &Cell, edge: usize) -> u64 {
    match &cell.value {
        Value::Count { x, .. } => *x,
        Value::Latency { above, .. } => above.get(edge).copied().unwrap_or(0),
        Value::Gauge { .. } => 0,
    }
}
