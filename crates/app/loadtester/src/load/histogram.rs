//! Latencies in buckets whose width grows with the value: any percentile to within one percent, in a few kilobytes. Pure.

/// Buckets per doubling of the value: a bucket is less than 1/128 of its value wide.
const BITS: u32 = 7;
const PER_DOUBLING: u64 = 1 << BITS;

/// Counts of values, in microseconds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Histogram {
    counts: Vec<u64>,
    total: u64,
    sum: u128,
    max: u64,
}

impl Histogram {
    pub(crate) fn add(&mut self, value: u64) {
        let index = index(value);
        if self.counts.len() <= index {
            self.counts.resize(index + 1, 0);
        }
        self.counts[index] += 1;
        self.total += 1;
        self.sum += u128::from(value);
        self.max = self.max.max(value);
    }

    pub(crate) fn max(&self) -> u64 {
        self.max
    }

    /// None of nothing.
    pub(crate) fn mean(&self) -> Option<f64> {
        (0 < self.total).then(|| self.sum as f64 / self.total as f64)
    }

    /// The smallest value that this share of all values does not exceed, to within the width of its bucket. None of nothing.
    pub(crate) fn percentile(&self, percent: f64) -> Option<u64> {
        let rank = ((percent / 100.0 * self.total as f64).ceil() as u64).clamp(1, self.total.max(1));
        let mut seen = 0;
        for (index, count) in self.counts.iter().enumerate() {
            seen += count;
            if rank <= seen {
                return Some(top(index).min(self.max));
            }
        }
        None
    }
}

/// Values below 256 have buckets of their own; above, each doubling has 128.
fn index(value: u64) -> usize {
    let shift = (u64::BITS - value.leading_zeros()).saturating_sub(BITS + 1);
    (u64::from(shift) * PER_DOUBLING + (value >> shift)) as usize
}

/// The largest value of a bucket.
fn top(index: usize) -> u64 {
    let index = index as u64;
    let shift = (index / PER_DOUBLING).saturating_sub(1);
    let start = index - shift * PER_DOUBLING;
    (start << shift) + ((1 << shift) - 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn buckets_follow_each_other_without_a_gap() {
        assert_eq!((index(0), index(255), index(256), index(257), index(258)), (0, 255, 256, 256, 257));
        for bucket in 0..7000 {
            assert_eq!(index(top(bucket)), bucket);
            assert_eq!(index(top(bucket) + 1), bucket + 1);
        }
    }

    #[test]
    fn nothing_has_no_percentiles() {
        let empty = Histogram::default();
        assert_eq!((empty.percentile(50.0), empty.mean(), empty.max()), (None, None, 0));
    }

    proptest! {
        /// Against the definition, on sorted values.
        #[test]
        fn percentiles_are_right_to_one_percent(mut values in prop::collection::vec(0_u64..4_000_000_000, 1..300), percent in 0.0..100.0_f64) {
            let mut histogram = Histogram::default();
            for value in &values {
                histogram.add(*value);
            }
            values.sort_unstable();
            let rank = ((percent / 100.0 * values.len() as f64).ceil() as usize).max(1);
            let (exact, found) = (values[rank - 1], histogram.percentile(percent).unwrap());
            prop_assert!(exact <= found && found as f64 <= exact as f64 * 1.008 + 1.0, "{exact} {found}");
            prop_assert_eq!((histogram.max(), histogram.total), (values[values.len() - 1], values.len() as u64));
        }
    }
}
