//! Seeded random numbers of the laws that the worlds are made of.
//!
//! Each rollout has its own stream, so that it comes out the same whatever ran before it and on however many threads.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};

/// From here on a Poisson number is drawn by rejection, below by going up the distribution: where the two cost the same.
const POISSON_REJECTION_MIN: f64 = 12.0;
/// Factorials of smaller numbers come from a table.
const FACTORIALS: usize = 256;
/// A clump of more is cut: no outage that matters here is larger, and sums stay far from overflow.
const CLUMP_MAX: f64 = 20_000.0;

/// One stream.
#[derive(Debug)]
pub struct Dice {
    stream: ChaCha8Rng,
    spare: Option<f64>,
}

impl Dice {
    /// The stream of that seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { stream: ChaCha8Rng::seed_from_u64(seed), spare: None }
    }

    /// Uniform, 0 included and 1 not.
    pub fn unit(&mut self) -> f64 {
        (self.stream.next_u64() >> 11) as f64 * (-53f64).exp2()
    }

    /// Uniform, 1 included and 0 not: it has a logarithm.
    fn positive(&mut self) -> f64 {
        1.0 - self.unit()
    }

    /// True with that probability.
    pub fn chance(&mut self, probability: f64) -> bool {
        0.0 < probability && self.unit() < probability
    }

    /// Standard normal (Marsaglia's polar method: two at a time).
    pub fn normal(&mut self) -> f64 {
        if let Some(spare) = self.spare.take() {
            return spare;
        }
        loop {
            let (x, y) = (2.0 * self.unit() - 1.0, 2.0 * self.unit() - 1.0);
            let square = x * x + y * y;
            if 0.0 < square && square < 1.0 {
                let factor = (-2.0 * square.ln() / square).sqrt();
                self.spare = Some(y * factor);
                return x * factor;
            }
        }
    }

    /// Lognormal with mean 1 and that coefficient of variation.
    pub fn lognormal(&mut self, variation: f64) -> f64 {
        if variation == 0.0 {
            return 1.0;
        }
        let variance = (variation * variation).ln_1p();
        (variance.sqrt() * self.normal() - variance / 2.0).exp()
    }

    /// Exponential with that mean.
    pub fn exponential(&mut self, mean: f64) -> f64 {
        -mean * self.positive().ln()
    }

    /// Gamma with that shape and mean 1 (Marsaglia and Tsang 2000; a shape below 1 by their boost).
    pub fn gamma(&mut self, shape: f64) -> f64 {
        if shape < 1.0 {
            let boost = self.positive().powf(1.0 / shape);
            return self.gamma(shape + 1.0) * (shape + 1.0) * boost / shape;
        }
        let d = shape - 1.0 / 3.0;
        let c = 1.0 / (9.0 * d).sqrt();
        loop {
            let x = self.normal();
            let v = (1.0 + c * x).powi(3);
            if 0.0 < v && self.positive().ln() < 0.5 * x * x + d - d * v + d * v.ln() {
                return d * v / shape;
            }
        }
    }

    /// Geometric from 1 on, with that mean.
    pub fn geometric(&mut self, mean: f64) -> u64 {
        if mean <= 1.0 {
            return 1;
        }
        let size = self.positive().ln() / (-1.0 / mean).ln_1p();
        1 + size.min(CLUMP_MAX) as u64
    }

    /// Whole numbers from 1 on, of which a share `k^-tail` is at least `k`.
    pub fn pareto(&mut self, tail: f64) -> u64 {
        self.positive().powf(-1.0 / tail).min(CLUMP_MAX) as u64
    }

    /// Poisson with that mean; 0 for a mean of 0 or less.
    pub fn poisson(&mut self, mean: f64) -> u64 {
        if mean <= 0.0 {
            return 0;
        }
        if mean < POISSON_REJECTION_MIN { self.poisson_upwards(mean) } else { self.poisson_rejection(mean) }
    }

    fn poisson_upwards(&mut self, mean: f64) -> u64 {
        let mut left = self.unit();
        let mut share = (-mean).exp();
        let mut count = 0;
        while share <= left && count < 200 {
            left -= share;
            count += 1;
            share *= mean / count as f64;
        }
        count
    }

    /// W. Hörmann, "The transformed rejection method for generating Poisson random variables", 1993: PTRS.
    fn poisson_rejection(&mut self, mean: f64) -> u64 {
        let wide = 0.931 + 2.53 * mean.sqrt();
        let steep = -0.059 + 0.024_83 * wide;
        let sure = 0.9277 - 3.6224 / (wide - 2.0);
        loop {
            let u = self.unit() - 0.5;
            let v = self.positive();
            let us = 0.5 - u.abs();
            let k = ((2.0 * steep / us + wide) * u + mean + 0.43).floor();
            if us >= 0.07 && v <= sure {
                return k as u64;
            }
            if k < 0.0 || (us < 0.013 && us < v) {
                continue;
            }
            let scale = 1.1239 + 1.1328 / (wide - 3.4);
            if (v * scale / (steep / (us * us) + wide)).ln() <= k * mean.ln() - mean - log_factorial(k) {
                return k as u64;
            }
        }
    }

    /// How many of `trials` happen. Few trials one by one, rare events as Poisson cut at `trials`, the rest as normal.
    pub fn binomial(&mut self, trials: u64, probability: f64) -> u64 {
        let mean = trials as f64 * probability;
        if trials <= 64 && probability >= 0.02 {
            return (0..trials).map(|_| u64::from(self.chance(probability))).sum();
        }
        if probability <= 0.1 {
            return self.poisson(mean).min(trials);
        }
        let sd = (mean * (1.0 - probability).max(0.0)).sqrt();
        (mean + sd * self.normal()).round().clamp(0.0, trials as f64) as u64
    }
}

/// A well-mixed seed from two numbers (the finaliser of `SplitMix64`).
#[must_use]
pub fn mixed(a: u64, b: u64) -> u64 {
    let mut z = a ^ b.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    for _ in 0..2 {
        z = z.wrapping_add(0x9E37_79B9_7F4A_7C15);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^= z >> 31;
    }
    z
}

/// A number for a text (FNV-1a): the same on every machine and in every version.
#[must_use]
pub fn hashed(text: &str) -> u64 {
    text.bytes().fold(0xCBF2_9CE4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)
    })
}

fn log_factorial(k: f64) -> f64 {
    static TABLE: std::sync::LazyLock<Vec<f64>> = std::sync::LazyLock::new(|| {
        let mut sum = 0.0;
        (0..FACTORIALS)
            .map(|k| {
                sum += (k.max(1) as f64).ln();
                sum
            })
            .collect()
    });
    match TABLE.get(k as usize) {
        Some(value) => *value,
        // Stirling's series: 1e-13 from 256 on.
        None => {
            (k + 0.5) * k.ln() - k + 0.918_938_533_204_672_8 + 1.0 / (12.0 * k) - 1.0 / (360.0 * k * k * k)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DRAWS: usize = 200_000;

    /// Mean and variance of a law within five standard errors of what theory says.
    #[track_caller]
    fn moments(name: &str, mean: f64, variance: f64, mut draw: impl FnMut(&mut Dice) -> f64) {
        let mut dice = Dice::new(hashed(name));
        let values: Vec<f64> = (0..DRAWS).map(|_| draw(&mut dice)).collect();
        let count = DRAWS as f64;
        let found = values.iter().sum::<f64>() / count;
        let squares: Vec<f64> = values.iter().map(|value| (value - mean).powi(2)).collect();
        let spread = squares.iter().sum::<f64>() / count;
        let fourth = squares.iter().map(|square| (square - spread).powi(2)).sum::<f64>() / count;
        assert!(
            (found - mean).abs() <= 5.0 * (variance / count).sqrt() + 1e-12,
            "{name}: mean {found}, not {mean}"
        );
        assert!(
            (spread - variance).abs() <= 5.0 * (fourth / count).sqrt() + 1e-12,
            "{name}: variance {spread}, not {variance}"
        );
    }

    #[test]
    fn every_law_has_the_moments_of_theory() {
        moments("unit", 0.5, 1.0 / 12.0, Dice::unit);
        moments("normal", 0.0, 1.0, Dice::normal);
        moments("exponential", 3.0, 9.0, |dice| dice.exponential(3.0));
        for variation in [0.1, 0.5] {
            moments("lognormal", 1.0, variation * variation, |dice| dice.lognormal(variation));
        }
        for shape in [0.5, 1.0, 4.0] {
            moments("gamma", 1.0, 1.0 / shape, |dice| dice.gamma(shape));
        }
        for mean in [1.0, 3.0, 10.0] {
            moments("geometric", mean, mean * (mean - 1.0), |dice| dice.geometric(mean) as f64);
        }
        for mean in [0.02, 0.225, 3.0, 11.9, 12.0, 45.0, 1350.0, 150_000.0] {
            moments("poisson", mean, mean, |dice| dice.poisson(mean) as f64);
        }
        for (trials, p) in [(5u64, 0.5f64), (50, 0.05), (5000, 0.3)] {
            let mean = trials as f64 * p;
            moments("binomial", mean, mean * (1.0 - p), |dice| dice.binomial(trials, p) as f64);
        }
    }

    #[test]
    fn a_pareto_clump_has_its_tail() {
        let mut dice = Dice::new(5);
        let sizes: Vec<u64> = (0..DRAWS).map(|_| dice.pareto(1.5)).collect();
        for least in [2u64, 10, 100] {
            let expected = (least as f64).powf(-1.5);
            let found = sizes.iter().filter(|size| **size >= least).count() as f64 / DRAWS as f64;
            assert!((found - expected).abs() <= 5.0 * (expected / DRAWS as f64).sqrt(), "{least}: {found}");
        }
    }

    #[test]
    fn both_ways_to_a_poisson_number_agree_in_every_share() {
        let (mut up, mut by_rejection) = ([0f64; 40], [0f64; 40]);
        let mut dice = Dice::new(7);
        for _ in 0..DRAWS {
            up[dice.poisson_upwards(12.0).min(39) as usize] += 1.0;
            by_rejection[dice.poisson_rejection(12.0).min(39) as usize] += 1.0;
        }
        for (k, (a, b)) in up.iter().zip(&by_rejection).enumerate() {
            assert!((a - b).abs() <= 5.0 * (a + b + 4.0).sqrt(), "{k}: {a} and {b}");
        }
    }

    #[test]
    fn a_stream_depends_on_its_seed_alone() {
        let draw = |seed| {
            let mut dice = Dice::new(seed);
            [dice.unit(), dice.normal(), dice.normal(), dice.gamma(0.5)].map(f64::to_bits)
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
        assert_ne!(mixed(1, 2), mixed(2, 1));
    }
}
