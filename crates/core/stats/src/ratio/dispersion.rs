//! How much more the counts vary than independent events would, within pods and between them.
//!
//! Bursts divide the evidence by φ, the ratio of variance to mean (quasi-likelihood, Wedderburn 1974); pods that differ
//! widen the null (`DerSimonian` & Laird 1986). Both are measured on the stable version before the rollout, as upper bounds
//! that rest on a prior where there is little to see, and φ may only grow while the rollout runs.

use serde::{Deserialize, Serialize};

use super::math::log1p;

/// φ of a service of which nothing is known.
pub const PRIOR_PHI: f64 = 1.5;
/// How many events that belief is worth.
pub const PRIOR_EVENTS: f64 = 20.0;
/// Blocks that are joined when φ is measured: bursts may span blocks, and a pod may wander slowly by itself.
const LENGTHS: [usize; 3] = [1, 4, 16];
/// Standard errors that an upper bound adds.
const MARGIN: f64 = 1.0;
/// Standard errors that evidence of no harm adds to the canary's own φ.
const CAUTION: f64 = 2.5;
/// Spread between pods of which nothing is known: a coefficient of variation of 10 to 20 % is typical.
pub const PRIOR_SPREAD: f64 = 0.15;
/// How many pods that belief is worth.
pub const PRIOR_PODS: f64 = 4.0;

/// Counts of one metric in the stable version's past: a row of blocks for each pod, all rows equally long.
#[derive(Clone, Copy, Debug)]
pub struct Past<'a> {
    /// Events for each pod and block.
    pub counts: &'a [Vec<u64>],
    /// Exposure of each pod over all these blocks.
    pub exposures: &'a [u64],
}

/// φ at one length of blocks.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AtLength {
    /// Blocks joined.
    pub length: usize,
    /// As measured.
    pub estimate: f64,
    /// With the prior and one standard error.
    pub upper: f64,
}

/// What the past says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Measured {
    /// φ, an upper bound, at least 1.
    pub phi: f64,
    /// The spread of the log rate between pods, an upper bound.
    pub between_pods: f64,
    /// That spread as measured, before prior and margin.
    pub between_pods_seen: f64,
    /// φ for each length at which it could be measured.
    pub lengths: Vec<AtLength>,
}

/// φ and the spread between pods of a service of which nothing is known.
#[must_use]
pub fn unknown() -> Measured {
    Measured {
        phi: PRIOR_PHI,
        between_pods: between_pods(&[], &[], PRIOR_PHI).0,
        between_pods_seen: 0.0,
        lengths: Vec::new(),
    }
}

/// Measures φ and the spread between pods. Load swings that all pods share cancel, since each block's own total is used.
#[must_use]
pub fn measure(past: &Past) -> Measured {
    let lengths: Vec<AtLength> =
        LENGTHS.iter().filter_map(|length| at_length(past.counts, *length)).collect();
    let prior_alone = if lengths.is_empty() { PRIOR_PHI } else { 1.0 };
    let phi = lengths.iter().map(|at| at.upper).fold(prior_alone, f64::max);
    let totals: Vec<u64> = past.counts.iter().map(|row| row.iter().sum()).collect();
    let (between_pods, between_pods_seen) = between_pods(&totals, past.exposures, phi);
    Measured { phi, between_pods, between_pods_seen, lengths }
}

/// Pearson's statistic of a pods × blocks table against the product of its margins, with one standard error from the
/// blocks; none for fewer than two blocks, pods or events.
fn at_length(counts: &[Vec<u64>], length: usize) -> Option<AtLength> {
    let (pods, blocks) = (counts.len(), counts.first()?.len() / length);
    if pods < 2 || blocks < 2 {
        return None;
    }
    let joined: Vec<Vec<f64>> = counts
        .iter()
        .map(|row| row.chunks_exact(length).map(|part| part.iter().sum::<u64>() as f64).collect())
        .collect();
    let rows: Vec<f64> = joined.iter().map(|row| row.iter().sum()).collect();
    let total: f64 = rows.iter().sum();
    if total <= 0.0 {
        return Some(AtLength { length, estimate: 1.0, upper: PRIOR_PHI });
    }
    let free = (1.0 - 1.0 / pods as f64) * (1.0 - 1.0 / blocks as f64);
    let mut columns = Vec::with_capacity(blocks);
    for block in 0..blocks {
        let column: f64 = joined.iter().map(|row| row[block]).sum();
        let off = |(row, all): (&Vec<f64>, &f64)| {
            let distance = row[block] - all * column / total;
            distance * distance
        };
        columns.push((column, joined.iter().zip(&rows).map(off).sum::<f64>() / free));
    }
    let estimate = columns.iter().map(|(_, off)| off).sum::<f64>() / total;
    let squares: f64 = columns.iter().map(|(column, off)| (off - estimate * column).powi(2)).sum();
    let error = squares.sqrt() / total;
    let weight = PRIOR_EVENTS + total;
    let upper = (PRIOR_EVENTS * PRIOR_PHI + total * estimate) / weight + MARGIN * error * total / weight;
    Some(AtLength { length, estimate, upper })
}

/// An upper bound of the standard deviation of the pods' log rates, and the estimate it rests on.
fn between_pods(totals: &[u64], exposures: &[u64], phi: f64) -> (f64, f64) {
    let events: f64 = totals.iter().map(|total| *total as f64).sum();
    let exposure: f64 = exposures.iter().map(|n| *n as f64).sum();
    let prior = PRIOR_SPREAD * PRIOR_SPREAD;
    let pods = totals.len() as f64;
    let (mut information, mut seen) = (0.0, 0.0);
    if pods > 1.0 && events > 0.0 && exposure > 0.0 {
        let (mut chi, mut squares) = (0.0, 0.0);
        for (total, n) in totals.iter().zip(exposures).filter(|(_, n)| **n > 0) {
            let mean = events * *n as f64 / exposure;
            chi += (*total as f64 - mean).powi(2) / mean;
            squares += mean * mean / events;
        }
        let c = events - squares;
        if c > 0.0 {
            seen = ((chi - phi * (pods - 1.0)) / c).max(0.0);
            let relative = c / (pods - 1.0) * prior;
            information = (pods - 1.0) * relative / (phi + relative);
        }
    }
    (log1p(shrunk(prior, PRIOR_PODS, seen, information)).sqrt(), seen.sqrt())
}

/// A variance between a prior worth `nu` pods and one `seen` with `information`, and a margin for what both are unsure of.
pub(super) fn shrunk(prior: f64, nu: f64, seen: f64, information: f64) -> f64 {
    let weight = nu + information;
    (nu * prior + information * seen) / weight * (1.0 + (2.0 / weight).sqrt())
}

/// φ seen while the rollout runs, on the canary's own counts: from block to block, against what the blocks before predicted,
/// and from pod to pod within a block, given its total.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Running {
    /// Sums of squared distances over their expectation without bursts, and how many there are: between blocks.
    squares: f64,
    variance: f64,
    blocks: u32,
    /// The same between pods: the statistic and its degrees of freedom.
    between_pods: f64,
    freedom: f64,
    /// Events of the canary, and the sum of the squares of those of each pod and block.
    events: f64,
    squared_cells: f64,
    before: Option<Before>,
}

/// Sums of the blocks before, from which the next one's split is predicted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Before {
    x: f64,
    y: f64,
    canary: f64,
    stable: f64,
}

impl Measured {
    /// φ as measured in single blocks, before prior and margin; without a past, what is usual.
    #[must_use]
    pub fn likely_phi(&self) -> f64 {
        self.lengths.first().map_or(PRIOR_PHI, |at| at.estimate.max(1.0))
    }

    /// φ for evidence of no harm. A pod that wanders by itself, slower than the longest blocks, shows in φ growing with their
    /// length; it would go on growing, and so by the last growth once more.
    #[must_use]
    pub fn slow_phi(&self) -> f64 {
        match &self.lengths[..] {
            [.., shorter, longest] => self.phi + (longest.estimate - shorter.estimate).max(0.0),
            _ => self.phi,
        }
    }
}

impl Running {
    /// Adds a block in which both arms were exposed: its sums, and events and exposure of each of the canary's pods.
    pub fn add(&mut self, counts: &super::grid::Counts, pods: &[(u64, u64)]) {
        let Some(share) = counts.share() else { return };
        let events = counts.x as f64 + counts.y as f64;
        if events <= 0.0 {
            return;
        }
        if let Some(before) = self.before {
            let ratio = (before.x + 0.5) / (before.y + 0.5) * (before.stable / before.canary);
            let theta = share * ratio / (1.0 - share + share * ratio);
            self.squares += (counts.x as f64 - events * theta).powi(2);
            self.variance += events * theta * (1.0 - theta);
            self.blocks += 1;
        }
        let before = self.before.get_or_insert_default();
        before.x += counts.x as f64;
        before.y += counts.y as f64;
        before.canary += counts.n_canary as f64;
        before.stable += counts.n_stable as f64;
        self.add_pods(pods);
    }

    /// Pearson's statistic of a block's events over the pods, given their sum. One event alone says nothing of bursts, and a
    /// few say little: so many degrees of freedom count as there are events beyond the first.
    fn add_pods(&mut self, pods: &[(u64, u64)]) {
        let exposed = || pods.iter().filter(|(_, n)| *n > 0);
        for (x, _) in exposed() {
            self.events += *x as f64;
            self.squared_cells += (*x as f64).powi(2);
        }
        let (events, exposure) =
            exposed().fold((0.0, 0.0), |(x, n), pod| (x + pod.0 as f64, n + pod.1 as f64));
        let free = exposed().count() as f64 - 1.0;
        if events <= 1.0 || free <= 0.0 {
            return;
        }
        let off = |(x, n): &(u64, u64)| {
            let mean = events * *n as f64 / exposure;
            (*x as f64 - mean).powi(2) / mean
        };
        let counting = free.min(events - 1.0);
        self.between_pods += exposed().map(off).sum::<f64>() * counting / free;
        self.freedom += counting;
    }

    /// φ as of now, for evidence of harm: at least `history`'s, which is worth so many events, and more when the run shows it.
    #[must_use]
    pub fn phi(&self, history: f64, history_events: f64) -> f64 {
        let (own, information) = self.own();
        history.max((history_events * history + information * own) / (history_events + information))
    }

    /// φ for evidence of no harm: what the run shows beyond `history` counts with [`CAUTION`] standard errors, which rest on how many
    /// clumps the canary's events came in. A canary that comes in a few large clumps may have been lucky so far; one whose
    /// events are as the stable version's pays nothing.
    #[must_use]
    pub fn cautious_phi(&self, history: f64, history_events: f64) -> f64 {
        let (own, _) = self.own();
        let now = self.phi(history, history_events);
        let beyond = own - history;
        if beyond <= 0.0 || self.squared_cells <= 0.0 {
            return now;
        }
        let clumps = self.events * self.events / self.squared_cells;
        now.max(history + beyond * (1.0 + CAUTION * (2.0 / clumps).sqrt()))
    }

    /// φ of the canary as the run alone shows it, and how many squares it rests on.
    fn own(&self) -> (f64, f64) {
        let between_blocks =
            if self.variance > 0.0 { f64::from(self.blocks).min(self.variance) } else { 0.0 };
        let information = between_blocks + self.freedom;
        if information <= 0.0 {
            return (1.0, 0.0);
        }
        let squares = if self.variance > 0.0 { between_blocks * self.squares / self.variance } else { 0.0 };
        ((squares + self.between_pods) / information, information)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ratio::grid::Counts;

    fn running(blocks: &[[u64; 3]]) -> Running {
        let mut running = Running::default();
        for pods in blocks {
            let counts = Counts { x: pods.iter().sum(), y: 9, n_canary: 99, n_stable: 900 };
            running.add(&counts, &pods.map(|x| (x, 33)));
        }
        running
    }

    #[test]
    fn a_burst_on_one_pod_shows_in_the_very_block() {
        let (burst, spread) = (running(&[[12, 0, 0]]), running(&[[4, 4, 4]]));
        assert!(burst.phi(1.1, 20.0) > 1.5, "{}", burst.phi(1.1, 20.0));
        assert!((spread.phi(1.1, 20.0) - 1.1).abs() < 1e-12, "{}", spread.phi(1.1, 20.0));
    }

    #[test]
    fn a_lone_event_says_nothing_of_bursts() {
        assert!((running(&[[1, 0, 0]]).phi(1.5, 20.0) - 1.5).abs() < 1e-12);
    }

    #[test]
    fn few_large_clumps_make_safety_cautious_and_many_small_ones_cost_nothing() {
        let clumped: Vec<[u64; 3]> =
            (0..40).map(|block| if block % 20 == 19 { [8, 0, 0] } else { [0; 3] }).collect();
        let single: Vec<[u64; 3]> =
            (0..40).map(|block| if block % 2 == 1 { [1, 0, 0] } else { [0; 3] }).collect();
        let (clumped, single) = (running(&clumped), running(&single));
        assert!(clumped.cautious_phi(1.1, 20.0) > 2.0 * clumped.phi(1.1, 20.0));
        assert!((single.cautious_phi(1.1, 20.0) - 1.1).abs() < 1e-12);
    }

    #[test]
    fn slow_wandering_shows_in_phi_growing_with_the_block() {
        let at = |length, estimate| AtLength { length, estimate, upper: estimate + 0.1 };
        let measured = |lengths: Vec<AtLength>| Measured {
            phi: 1.9,
            between_pods: 0.1,
            between_pods_seen: 0.0,
            lengths,
        };
        for (lengths, expected) in [
            (vec![at(1, 1.0), at(4, 1.2), at(16, 1.8)], 2.5),
            (vec![at(1, 1.0), at(4, 1.3), at(16, 1.1)], 1.9),
            (vec![at(1, 1.0)], 1.9),
        ] {
            let got = measured(lengths.clone()).slow_phi();
            assert!((got - expected).abs() < 1e-12, "{lengths:?}: {got}");
        }
    }
}
