//! The grid of log ratios, and the log-likelihood on it.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use super::math::log1p;

/// Points on either side of ratio 1: five octaves.
pub const HALF: usize = 160;
/// All points: ratios from 1/32 to 32.
pub const POINTS: usize = 2 * HALF + 1;
/// From one log ratio to the next: ln 2 / 32, rounded once. A ratio step of 2.2 %, below the least spread of pods, so that
/// sums over the grid stand for integrals.
pub const STEP: f64 = 0.021_660_849_392_498_29;
/// Points in an octave.
const OCTAVE: usize = 32;
/// One number for each point.
pub type Values = [f64; POINTS];

/// 2^(i/32).
#[expect(
    clippy::unreadable_literal,
    clippy::approx_constant,
    reason = "a table of doubles, written as they are printed"
)]
const ROOTS: [f64; OCTAVE] = [
    1.0,
    1.0218971486541166,
    1.0442737824274138,
    1.0671404006768237,
    1.0905077326652577,
    1.1143867425958924,
    1.1387886347566916,
    1.1637248587775775,
    1.189207115002721,
    1.215247359980469,
    1.241857812073484,
    1.2690509571917332,
    1.2968395546510096,
    1.3252366431597413,
    1.3542555469368927,
    1.383909881963832,
    1.4142135623730951,
    1.4451808069770467,
    1.4768261459394993,
    1.5091644275934228,
    1.5422108254079407,
    1.5759808451078865,
    1.6104903319492543,
    1.645755478153965,
    1.681792830507429,
    1.718619298122478,
    1.7562521603732995,
    1.7947090750031072,
    1.8340080864093424,
    1.8741676341103,
    1.9152065613971474,
    1.9571441241754002,
];

/// The log ratio at place `j`, 0 to 320.
#[must_use]
pub fn log_ratio(j: usize) -> f64 {
    (j as f64 - HALF as f64) * STEP
}

/// The ratio at place `j`, 0 to 320: a tabled root times an exact power of two.
#[must_use]
pub const fn ratio(j: usize) -> f64 {
    let (octave, part) = (j / OCTAVE, j % OCTAVE);
    // Place 0 is 2^-5, whose part is 0; the powers of two are exact.
    ROOTS[part] * (1u64 << octave) as f64 / 32.0
}

/// The ratio of each place, less one.
const EXCESS: Values = {
    let mut values = [0.0; POINTS];
    let mut j = 0;
    while j < POINTS {
        values[j] = ratio(j) - 1.0;
        j += 1;
    }
    values
};

/// One block of counts of two arms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    /// Events of the canary.
    pub x: u64,
    /// Events of the stable version.
    pub y: u64,
    /// Exposure of the canary, in the same unit as the stable version's.
    pub n_canary: u64,
    /// Exposure of the stable version.
    pub n_stable: u64,
}

impl Counts {
    /// The canary's share of the exposure; none unless both arms were exposed.
    #[must_use]
    pub fn share(&self) -> Option<f64> {
        let both = self.n_canary > 0 && self.n_stable > 0;
        both.then(|| self.n_canary as f64 / (self.n_canary as f64 + self.n_stable as f64))
    }
}

/// The log-likelihood of each log ratio given the blocks so far, up to a constant, before any tempering.
///
/// Two numbers for each point, so that a sum of 10^9 events keeps nine decimals (Neumaier 1974). The order of blocks does
/// not matter, and a block may be split: conditionally on all events of a block, each is the canary's with probability
/// w r / (1 - w + w r), so load, trend and season cancel.
#[derive(Clone, Debug, PartialEq)]
pub struct LogLikelihood {
    sum: Box<Values>,
    carry: Box<Values>,
}

impl Default for LogLikelihood {
    fn default() -> Self {
        Self { sum: Box::new([0.0; POINTS]), carry: Box::new([0.0; POINTS]) }
    }
}

impl LogLikelihood {
    /// Adds a block: X η − N log(1 − w + w e^η). Without events or with an idle arm it changes nothing.
    pub fn add(&mut self, counts: &Counts) {
        if let Some(terms) = terms(counts) {
            self.add_terms(&terms);
        }
    }

    /// Adds what [`terms`] or a gauge made of a block.
    pub fn add_terms(&mut self, terms: &Values) {
        for ((sum, carry), term) in self.sum.iter_mut().zip(self.carry.iter_mut()).zip(terms) {
            let old = *sum;
            *sum = old + term;
            let shadow = *sum - old;
            *carry += (old - (*sum - shadow)) + (term - shadow);
        }
    }

    /// The value at place `j`.
    #[must_use]
    pub fn at(&self, j: usize) -> f64 {
        self.sum[j] + self.carry[j]
    }

    /// All values divided by `phi`, at least 1.
    #[must_use]
    pub fn tempered(&self, phi: f64) -> Values {
        std::array::from_fn(|j| (self.sum[j] + self.carry[j]) / phi)
    }

    /// The sums and what they carry, for a record.
    #[must_use]
    pub fn parts(&self) -> (&Values, &Values) {
        (&self.sum, &self.carry)
    }
}

/// What a block adds at each place; none when it says nothing.
#[must_use]
pub fn terms(counts: &Counts) -> Option<Values> {
    let (share, x) = (counts.share()?, counts.x as f64);
    let n = x + counts.y as f64;
    if n <= 0.0 {
        return None;
    }
    // Two loops: the first calls a function for each point, the second the compiler turns into vectors.
    let logs: Values = std::array::from_fn(|j| log1p(share * EXCESS[j]));
    Some(std::array::from_fn(|j| x * log_ratio(j) - n * logs[j]))
}

/// What one more event of the canary adds at each place, in a block with this share of exposure.
#[must_use]
pub fn one_event(share: f64) -> Values {
    std::array::from_fn(|j| log_ratio(j) - log1p(share * EXCESS[j]))
}

impl Serialize for LogLikelihood {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (&self.sum[..], &self.carry[..]).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for LogLikelihood {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (sum, carry) = <(Vec<f64>, Vec<f64>)>::deserialize(deserializer)?;
        let values = |values: Vec<f64>| -> Result<Box<Values>, D::Error> {
            let found = values.len();
            let array: Values = values
                .try_into()
                .map_err(|_| D::Error::custom(format!("{found} points instead of {POINTS}")))?;
            if array.iter().any(|value| !value.is_finite()) {
                return Err(D::Error::custom("a point is not a finite number"));
            }
            Ok(Box::new(array))
        };
        Ok(Self { sum: values(sum)?, carry: values(carry)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(blocks: &[(u64, u64, u64, u64)]) -> LogLikelihood {
        let mut all = LogLikelihood::default();
        for &(x, y, n_canary, n_stable) in blocks {
            all.add(&Counts { x, y, n_canary, n_stable });
        }
        all
    }

    fn distance(a: &LogLikelihood, b: &LogLikelihood) -> f64 {
        (0..POINTS).map(|j| (a.at(j) - b.at(j)).abs()).fold(0.0, f64::max)
    }

    #[test]
    fn ratios_are_powers_of_two_between_a_thirty_second_and_thirty_two() {
        assert_eq!((ratio(0), ratio(HALF), ratio(POINTS - 1)), (1.0 / 32.0, 1.0, 32.0));
        for j in 0..POINTS {
            assert!((super::super::math::exp(log_ratio(j)) / ratio(j) - 1.0).abs() < 1e-14, "{j}");
        }
    }

    #[test]
    fn a_block_without_events_or_with_an_idle_arm_says_nothing() {
        for block in [(0, 0, 100, 900), (3, 0, 0, 900), (3, 1, 100, 0)] {
            assert_eq!(of(&[block]), LogLikelihood::default(), "{block:?}");
        }
    }

    #[test]
    fn exchanging_the_arms_mirrors_the_grid() {
        let (a, b) = (of(&[(7, 20, 130, 900), (2, 11, 80, 700)]), of(&[(20, 7, 900, 130), (11, 2, 700, 80)]));
        // Only differences count: the mirrored likelihood differs by a constant.
        let base = a.at(HALF) - b.at(HALF);
        for j in 0..POINTS {
            assert!((a.at(j) - b.at(POINTS - 1 - j) - base).abs() < 1e-11, "{j}");
        }
    }

    #[test]
    fn a_block_may_be_split_at_constant_weight_and_blocks_may_come_in_any_order() {
        let whole = of(&[(8, 30, 200, 1800)]);
        assert!(distance(&whole, &of(&[(3, 11, 100, 900), (5, 19, 100, 900)])) < 1e-12);
        let (a, b, c) = ((8, 30, 200, 1800), (1, 2, 40, 300), (900_000, 7, 12_345, 99));
        assert!(distance(&of(&[a, b, c]), &of(&[c, a, b])) < 1e-9);
    }

    #[test]
    fn a_saved_likelihood_goes_on_where_it_was() {
        let mut all = of(&[(8, 30, 200, 1801), (1, 2, 41, 300)]);
        let mut again: LogLikelihood = serde_json::from_str(&serde_json::to_string(&all).unwrap()).unwrap();
        assert_eq!(again, all);
        for both in [&mut all, &mut again] {
            both.add(&Counts { x: 3, y: 1, n_canary: 17, n_stable: 170 });
        }
        assert_eq!(again, all);
        assert!(serde_json::from_str::<LogLikelihood>("[[1.0],[2.0]]").is_err());
    }
}
