//! What becomes of counters between a pod and the block: scrapes that are missing, counters that begin anew, late data.

use serin_gate::Flags;

use crate::dice::Dice;

/// How well the scrapes go. All are chances for each pod and block.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scrape {
    /// A scrape is missing: its counts come with the next one.
    pub gap: f64,
    /// The pod crashes: its counter begins anew, and a random part of the block is lost.
    pub reset: f64,
    /// Errors that the crash adds, on average; they are lost in part, as the rest is.
    pub last_words: f64,
    /// A part of the block comes after it was sealed.
    pub late: f64,
}

impl Scrape {
    /// Every event is counted in its block.
    pub const IDEAL: Self = Self { gap: 0.0, reset: 0.0, last_words: 0.0, late: 0.0 };
}

/// Counters of every pod on their way.
pub(super) struct Counters {
    law: Scrape,
    /// What a gap holds back, by metric and pod.
    held: Vec<Vec<Option<(u64, u64)>>>,
}

impl Counters {
    pub(super) fn new(law: Scrape, pods: u32, metrics: usize) -> Self {
        let held = if law.gap > 0.0 { vec![vec![None; pods as usize]; metrics] } else { Vec::new() };
        Self { law, held }
    }

    /// The counts as the block has them; none in a gap.
    pub(super) fn scrape(
        &mut self,
        metric: usize,
        pod: usize,
        mut x: u64,
        mut n: u64,
        flags: &mut Flags,
        dice: &mut Dice,
    ) -> Option<(u64, u64)> {
        if self.law == Scrape::IDEAL {
            return Some((x, n));
        }
        if dice.chance(self.law.reset) {
            x = (x + dice.poisson(self.law.last_words)).min(n);
            let kept = dice.unit();
            (x, n) = split(x, n, kept, dice);
            flags.resets = 1;
        }
        if dice.chance(self.law.late) {
            let all = n;
            let kept = 0.5 + dice.unit() / 2.0;
            (x, n) = split(x, n, kept, dice);
            flags.late = all - n;
        }
        let Some(held) = self.held.get_mut(metric).map(|pods| &mut pods[pod]) else { return Some((x, n)) };
        if dice.chance(self.law.gap) {
            // A second gap in a row drops what the first held: the span is lost to both sides of the ratio.
            *held = if held.is_some() { None } else { Some((x, n)) };
            return None;
        }
        if let Some((more, requests)) = held.take() {
            flags.gap = true;
            return Some((x + more, n + requests));
        }
        Some((x, n))
    }
}

/// A random part of errors and of requests.
fn split(x: u64, n: u64, kept: f64, dice: &mut Dice) -> (u64, u64) {
    let errors = dice.binomial(x, kept);
    (errors, errors + dice.binomial(n.saturating_sub(x), kept))
}
