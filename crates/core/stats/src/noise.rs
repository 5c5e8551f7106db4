//! Pseudo-random normal numbers from a seed that the caller gives: equal seeds, equal numbers, on every platform.

/// The linear congruential generator of the Java platform's `java.util.Random` (D. Knuth, TAOCP vol. 2, 3.2.1: 48 bits)
/// with the polar method for normal numbers (3.4.1 C, after G. Marsaglia), so that a draw of a Java program whose seed is
/// known can be repeated.
#[derive(Clone, Debug)]
pub struct Noise {
    state: u64,
    kept: Option<f64>,
}

const MULTIPLIER: u64 = 0x5_DEEC_E66D;
const INCREMENT: u64 = 0xB;
const MASK: u64 = (1 << 48) - 1;

impl Noise {
    /// A generator for `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { state: (seed ^ MULTIPLIER) & MASK, kept: None }
    }

    /// The next standard normal number.
    pub fn gaussian(&mut self) -> f64 {
        if let Some(kept) = self.kept.take() {
            return kept;
        }
        // Each try succeeds with probability pi/4; the generator's period holds no long run of failures.
        loop {
            let (first, second) = (2.0 * self.uniform() - 1.0, 2.0 * self.uniform() - 1.0);
            let square = first * first + second * second;
            if 0.0 < square && square < 1.0 {
                let factor = (-2.0 * square.ln() / square).sqrt();
                self.kept = Some(second * factor);
                return first * factor;
            }
        }
    }

    /// The next number in [0, 1), of 53 bits.
    fn uniform(&mut self) -> f64 {
        let high = self.bits(26) << 27;
        (high + self.bits(27)) as f64 * (1.0 / (1_u64 << 53) as f64)
    }

    fn bits(&mut self, count: u32) -> u64 {
        self.state = self.state.wrapping_mul(MULTIPLIER).wrapping_add(INCREMENT) & MASK;
        self.state >> (48 - count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_are_those_of_the_java_platform() {
        let mut noise = Noise::new(42);
        // new java.util.Random(42).nextGaussian(), three times.
        for wanted in [1.141_905_315_473_054_7, 0.919_407_948_982_878_7, -0.949_866_636_890_895_9] {
            let drawn = noise.gaussian();
            assert!((drawn - wanted).abs() < 1e-12, "{drawn} {wanted}");
        }
    }

    #[test]
    fn a_thousand_draws_look_normal() {
        let mut noise = Noise::new(7);
        let drawn: Vec<f64> = (0..1000).map(|_| noise.gaussian()).collect();
        let summary = crate::describe::Summary::of(&drawn);
        assert!(summary.mean.abs() < 0.15 && (summary.std - 1.0).abs() < 0.1, "{summary:?}");
    }
}
