//! No single block decides.
//!
//! A version may come in bursts although the stable one does not, and then one block can hold more events than a whole
//! quiet hour. Nothing seen before tells such a burst from a defect, or one burst from the next. So harm has to be shown
//! without the canary's worst block standing out, and no harm has to be shown even if that block came again.

use serde::{Deserialize, Serialize};

use super::{
    evidence::Tempered,
    grid::{Counts, LogLikelihood, Values, one_event},
};

/// How far the canary's worst block stood above what it should have been, and the second worst.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", from = "Saved")]
pub struct Worst {
    /// Events above expectation in the worst block, and its share of exposure.
    first: f64,
    share: f64,
    /// Events above expectation in the second worst.
    second: f64,
    /// What one event of the worst block adds to the likelihood: a function of `share`, kept because every look asks for it.
    #[serde(skip)]
    unit: Option<Box<Values>>,
}

/// What is kept of it between two processes.
#[derive(Deserialize)]
struct Saved {
    first: f64,
    share: f64,
    second: f64,
}

impl From<Saved> for Worst {
    fn from(Saved { first, share, second }: Saved) -> Self {
        let unit = (first > 0.0).then(|| Box::new(one_event(share)));
        Self { first, share, second, unit }
    }
}

impl Worst {
    /// Adds a block; `tolerated` is the ratio that counts as expectation.
    pub fn add(&mut self, counts: &Counts, tolerated: f64) {
        let Some(share) = counts.share() else { return };
        // What the stable version's events of the same block let expect: then nothing of a burst expects itself.
        let expected = counts.y as f64 * (share * tolerated / (1.0 - share));
        let above = counts.x as f64 - expected;
        if above > self.first {
            self.second = self.first;
            self.first = above;
            self.share = share;
            self.unit = Some(Box::new(one_event(share)));
        } else if above > self.second {
            self.second = above;
        }
    }

    /// The likelihood as if the worst block were no worse than the second worst: for evidence of harm.
    #[must_use]
    pub fn without(&self, likelihood: &LogLikelihood, phi: f64) -> Tempered {
        self.moved(likelihood, phi, self.second - self.first)
    }

    /// The likelihood as if the worst block's excess came again: for evidence of no harm.
    #[must_use]
    pub fn again(&self, likelihood: &LogLikelihood, phi: f64) -> Tempered {
        self.moved(likelihood, phi, self.first)
    }

    fn moved(&self, likelihood: &LogLikelihood, phi: f64, events: f64) -> Tempered {
        match &self.unit {
            Some(unit) => Tempered::with_more(likelihood, phi, events, unit),
            None => Tempered::new(likelihood, phi),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ratio::{grid::LogLikelihood, prior::Hypotheses};

    /// Blocks of an expected canary count of about 1, and what the evidence says of them.
    fn evidence(canary: &[u64]) -> (f64, f64) {
        let (mut likelihood, mut worst) = (LogLikelihood::default(), Worst::default());
        for x in canary {
            let counts = Counts { x: *x, y: 9, n_canary: 100, n_stable: 900 };
            likelihood.add(&counts);
            worst.add(&counts, 1.1);
        }
        let made = Hypotheses::new(1.1, 2.0, 0.1);
        (worst.without(&likelihood, 1.0).log_harm(&made), worst.again(&likelihood, 1.0).log_no_worse(&made))
    }

    #[test]
    fn one_terrible_block_never_shows_harm_and_two_do() {
        let quiet = [1, 1, 1, 1];
        for burst in [10, 100, 1000] {
            let one: Vec<u64> = quiet.iter().copied().chain([burst]).collect();
            assert!(evidence(&one).0 < 3.0, "a single block of {burst} convicts: {}", evidence(&one).0);
            let two: Vec<u64> = one.iter().copied().chain([burst]).collect();
            assert!(evidence(&two).0 > 3.0, "two blocks of {burst} do not: {}", evidence(&two).0);
        }
    }

    #[test]
    fn safety_is_shown_as_if_the_worst_block_came_again() {
        let (mut likelihood, made) = (LogLikelihood::default(), Hypotheses::new(1.1, 2.0, 0.1));
        for x in [0, 1, 5, 0] {
            likelihood.add(&Counts { x, y: 9, n_canary: 100, n_stable: 900 });
        }
        let plain = Tempered::new(&likelihood, 1.0).log_no_worse(&made);
        let cautious = evidence(&[0, 1, 5, 0]).1;
        assert!(cautious < plain - 1.0, "{cautious} against {plain}");
        assert_eq!(evidence(&[0, 0]).1.to_bits(), {
            let mut none = LogLikelihood::default();
            (0..2).for_each(|_| none.add(&Counts { x: 0, y: 9, n_canary: 100, n_stable: 900 }));
            Tempered::new(&none, 1.0).log_no_worse(&made).to_bits()
        });
    }

    #[test]
    fn what_is_saved_goes_on_as_it_was() {
        let mut worst = Worst::default();
        worst.add(&Counts { x: 9, y: 9, n_canary: 100, n_stable: 901 }, 1.1);
        let again: Worst = serde_json::from_str(&serde_json::to_string(&worst).unwrap()).unwrap();
        assert_eq!(again, worst);
    }
}
