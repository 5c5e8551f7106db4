//! The sums of both arms in one block, and what is wrong with its cells.

use crate::{
    block::{Arm, Cell, Part, Value},
    hold::Hold,
    policy::{Kind, Metric},
};

/// Requests of one pod that may be under way, besides a quarter of those of the block.
const UNDER_WAY: u64 = 20;

/// Events and exposure of one arm, for each line of the metric (a gauge has one: the sum of its means).
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Side {
    /// Events of each line; for a gauge its means in millionths, added up.
    pub events: Vec<i128>,
    /// Exposure; for a gauge the pods.
    pub exposure: u64,
    /// Of each pod: events of each line, and exposure.
    pub pods: Vec<(Vec<i128>, u64)>,
}

/// Both arms of one block.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Sums {
    /// Past their warm-up.
    pub canary: Side,
    /// Past their warm-up.
    pub stable: Side,
    /// Every pod of the canary, also the young ones: events of the first line, and exposure.
    pub canary_all: (u64, u64),
    /// Every pod of the stable version.
    pub stable_all: (u64, u64),
    /// Whether the canary has pods, and all of them are young.
    pub is_warming: bool,
    /// Edges, a bit for each place, that some cell of this block does not have: they say nothing in it.
    pub lost: u32,
    /// Cells, those of them with something that is not a number, and exposure that came too late.
    pub odd: (u64, u64, u64),
}

impl Sums {
    /// Adds up the cells of a metric, or says what is wrong with them.
    pub(super) fn of(
        cells: &[Cell],
        metric: &Metric,
        place: usize,
        arm_of: impl Fn(u32) -> Option<Arm>,
    ) -> Result<Self, Hold> {
        let lines = match &metric.kind {
            Kind::Count | Kind::Gauge { .. } => 1,
            Kind::Latency { edges, .. } => edges.len(),
        };
        let side = || Side { events: vec![0; lines], exposure: 0, pods: Vec::new() };
        let mut sums = Self { canary: side(), stable: side(), ..Self::default() };
        let (mut pods, mut young) = (0, 0);
        for cell in cells {
            let Some(arm) = arm_of(cell.pod) else {
                return Err(Hold::ArmsMixed { metric: place, labels: format!("pod number {}", cell.pod) });
            };
            let (events, exposure) = read(cell, metric, place, lines)?;
            sums.lost |= cell.flags.lost;
            let first = u64::try_from(events[0]).unwrap_or(0);
            let (all, side) = match arm {
                Arm::Canary => (&mut sums.canary_all, &mut sums.canary),
                Arm::Stable => (&mut sums.stable_all, &mut sums.stable),
            };
            *all = (all.0.saturating_add(first), all.1.saturating_add(exposure));
            if arm == Arm::Canary {
                pods += 1;
                young += u32::from(cell.flags.warm);
            }
            sums.odd.0 += 1;
            sums.odd.1 += u64::from(cell.flags.nan > 0);
            sums.odd.2 = sums.odd.2.saturating_add(cell.flags.late);
            if !cell.flags.warm {
                side.exposure = side.exposure.saturating_add(exposure);
                side.events.iter_mut().zip(&events).for_each(|(sum, events)| *sum += events);
                side.pods.push((events, exposure));
            }
        }
        sums.is_warming = pods > 0 && young == pods;
        Ok(sums)
    }
}

/// Whether events are more than a part of `exposure` can be. They may be counted before their exposure is: those of as many
/// requests as are under way at a scrape.
pub(crate) fn is_too_much(events: u64, exposure: u64) -> bool {
    events > exposure.saturating_add(UNDER_WAY + exposure / 4)
}

/// Events of each line and exposure of one cell; nothing at an edge that it does not have.
fn read(cell: &Cell, metric: &Metric, place: usize, lines: usize) -> Result<(Vec<i128>, u64), Hold> {
    let broken = |error: String| Err(Hold::ProviderError { metric: place, error });
    let is_lost = |line: usize| line < 32 && cell.flags.lost >> line & 1 == 1;
    match (&cell.value, &metric.kind) {
        (Value::Count { x, n }, Kind::Count) if metric.is_share && is_too_much(*x, *n) => broken(format!(
            "{x} events among {n} of exposure: the numerator counts what the denominator does not"
        )),
        (Value::Count { x, n }, Kind::Count) => Ok((vec![i128::from(*x)], *n)),
        (Value::Latency { above, .. }, Kind::Latency { .. })
            if above.len() != (0..lines).filter(|line| !is_lost(*line)).count() =>
        {
            Err(Hold::SeriesAbsent { metric: place, part: Part::Edges })
        }
        (Value::Latency { n, above }, Kind::Latency { .. }) => {
            if let Some(more) = above.iter().find(|above| *above > n) {
                return broken(format!("{more} observations above an edge, of {n}: a bucket goes backwards"));
            }
            let mut left = above.iter();
            let at = |line: usize| {
                if is_lost(line) { 0 } else { left.next().map_or(0, |above| i128::from(*above)) }
            };
            Ok(((0..lines).map(at).collect(), *n))
        }
        (Value::Gauge { micro, .. }, Kind::Gauge { .. }) => Ok((vec![i128::from(*micro)], 1)),
        _ => broken("a cell of another kind than the metric".to_owned()),
    }
}
