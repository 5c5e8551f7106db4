//! The state of one metric, whatever its kind.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use serin_stats::ratio::{
    combine,
    grid::{Counts, LogLikelihood},
    pods,
    prior::Shelf,
};

use super::{
    arms::Exposures,
    level::Level,
    line::{Line, LineLook},
    stepped::Asked,
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
/// A step before the last one needs to show no more than this margin, so that early steps are not delayed.
const EARLY_MARGIN: f64 = 3.0;
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

/// What a metric says at a look.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MetricLook {
    /// log E of harm over the whole rollout.
    pub harm: f64,
    /// log E of no harm in this step: the least of the edges that guard.
    pub no_worse: f64,
    /// What the log-likelihood was divided by, of the line that says most about harm.
    pub phi: f64,
    /// The spread of the log ratio between equal versions, of that line.
    pub spread: f64,
    /// Pods that the canary amounts to.
    pub canary_pods: f64,
    /// Pods that the stable version amounts to.
    pub stable_pods: f64,
    /// Why this block of it cannot be used, or PASS not be said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hold: Option<Hold>,
    /// Each edge of a histogram.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<LineLook>,
}

/// Numbers of a look that might have been others.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Instead {
    /// The margin that this step has to show.
    pub margin: f64,
    /// Pods that the canary amounts to.
    pub canary_pods: f64,
    /// How many times larger the bursts of its events are.
    pub bursts: f64,
    /// How many times what this step has brought comes in addition.
    pub more: f64,
}

/// What a look asks of every metric.
#[derive(Clone, Copy, Debug)]
pub(super) struct Question {
    /// The step, and how many are planned.
    pub step: u32,
    pub steps: usize,
    pub minimum_exposure: u64,
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

    /// The evidence of each line with other numbers.
    fn line_looks(
        &self,
        metric: &Metric,
        instead: Instead,
        steps: usize,
        priors: &mut Shelf,
    ) -> Vec<LineLook> {
        let (_, stable_pods) = self.exposures.effective();
        let mut ask = |between: f64, look: &mut dyn FnMut(Asked) -> LineLook| {
            let spread = pods::spread(between, instead.canary_pods, stable_pods);
            let whole = priors.get(metric.tolerated, metric.margin, spread);
            let step = priors.get(metric.tolerated, instead.margin, spread);
            look(Asked { whole: &whole, step: &step, steps })
        };
        let Instead { bursts, more, .. } = instead;
        match &self.kind {
            Track::Level(level) => {
                let grown = (more > 0.0).then(|| level.grown(more));
                let level = grown.as_ref().unwrap_or(level);
                let between = level.noise.map_or(0.0, |noise| noise.between_pods);
                vec![ask(between, &mut |asked| level.look(asked, bursts))]
            }
            Track::Lines(lines) => lines
                .iter()
                .map(|line| {
                    let grown = (more > 0.0).then(|| line.grown(more));
                    let line = grown.as_ref().unwrap_or(line);
                    ask(line.past.between_pods, &mut |asked| line.look(asked, metric.floor, bursts))
                })
                .collect(),
        }
    }

    /// The evidence of harm and of no harm with other numbers.
    pub(super) fn evidence(
        &self,
        metric: &Metric,
        instead: Instead,
        steps: usize,
        priors: &mut Shelf,
    ) -> (f64, f64) {
        joined(&self.line_looks(metric, instead, steps, priors), metric)
    }

    /// The evidence as of now. `hold` is what [`State::take`] said.
    pub(super) fn look(
        &self,
        metric: &Metric,
        place: usize,
        hold: Option<Hold>,
        question: Question,
        priors: &mut Shelf,
    ) -> MetricLook {
        let (canary_pods, stable_pods) = self.exposures.effective();
        let instead = Instead {
            margin: margin_in_step(metric, question.step as usize, question.steps),
            canary_pods,
            bursts: 1.0,
            more: 0.0,
        };
        let lines = self.line_looks(metric, instead, question.steps, priors);
        let under = || {
            let have = self.step_exposure()?;
            (have < question.minimum_exposure).then_some(Hold::UnderExposed {
                metric: place,
                have,
                need: question.minimum_exposure,
            })
        };
        let (harm, no_worse) = joined(&lines, metric);
        let strongest = lines.iter().copied().max_by(|a, b| a.harm.total_cmp(&b.harm));
        MetricLook {
            harm,
            no_worse,
            phi: strongest.map_or(1.0, |line| line.phi),
            spread: strongest.map_or(0.0, |line| line.spread),
            canary_pods,
            stable_pods,
            hold: hold.or_else(under),
            lines: if lines.len() > 1 { lines } else { Vec::new() },
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

    /// For each line: φ, the log-likelihood of the whole and of the step, and the spread between pods.
    pub(super) fn lines(&self) -> Vec<LineState<'_>> {
        match &self.kind {
            Track::Lines(lines) => lines
                .iter()
                .map(|line| LineState {
                    phi: line.phi(),
                    likely_phi: line.past.likely_phi(),
                    between_pods: line.past.between_pods,
                    likely_between_pods: line.past.between_pods_seen.powi(2).ln_1p().sqrt(),
                    whole: line.likelihoods().0,
                    step: line.likelihoods().1,
                    events: line.events,
                    exposures: line.exposures,
                })
                .collect(),
            Track::Level(level) => vec![LineState {
                phi: 1.0,
                likely_phi: 1.0,
                between_pods: level.noise.map_or(0.0, |noise| noise.between_pods),
                likely_between_pods: level.noise.map_or(0.0, |noise| noise.between_pods),
                whole: level.likelihoods().0,
                step: level.likelihoods().1,
                events: (0, 0),
                exposures: (0, 0),
            }],
        }
    }
}

/// What stands behind a line, for reports and what-ifs.
#[derive(Clone, Copy, Debug)]
pub struct LineState<'a> {
    /// What the log-likelihood is divided by, for harm.
    pub phi: f64,
    /// φ as the past measured it, before prior and margin.
    pub likely_phi: f64,
    /// The spread of pods' log rates.
    pub between_pods: f64,
    /// That spread as the past measured it.
    pub likely_between_pods: f64,
    /// The log-likelihood of the whole rollout.
    pub whole: &'a LogLikelihood,
    /// The log-likelihood of this step.
    pub step: &'a LogLikelihood,
    /// Events of both arms so far, canary first (of a metric of which fewer are worse: stable first); 0 for a gauge.
    pub events: (u64, u64),
    /// Exposure of both arms so far, in the same order.
    pub exposures: (u64, u64),
}

/// The margin that a step of `steps` has to show.
pub(crate) fn margin_in_step(metric: &Metric, step: usize, steps: usize) -> f64 {
    if step + 1 >= steps { metric.margin } else { metric.margin.max(EARLY_MARGIN) }
}

/// Evidence of several edges as one: the average of harm, since any of them may show it and all of them depend on each
/// other; the least of no harm, since every one that guards must show it. Named edges have half of the weight, and guard.
fn joined(lines: &[LineLook], metric: &Metric) -> (f64, f64) {
    if let [only] = lines {
        return (only.harm, only.no_worse);
    }
    let named: &[usize] = if let Kind::Latency { thresholds, .. } = &metric.kind { thresholds } else { &[] };
    let others = lines.len() - named.len().min(lines.len());
    let weight = |place: usize| match (named.is_empty(), named.contains(&place)) {
        (true, _) => 1.0,
        (false, true) => 0.5 / named.len() as f64,
        (false, false) => 0.5 / others as f64,
    };
    let weights: Vec<f64> = (0..lines.len()).map(weight).collect();
    let harms: Vec<f64> = lines.iter().map(|line| line.harm).collect();
    let guards = |place: &usize| named.is_empty() || named.contains(place);
    let least =
        (0..lines.len()).filter(guards).map(|place| lines[place].no_worse).fold(f64::INFINITY, f64::min);
    (combine::average(&harms, &weights), least)
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
