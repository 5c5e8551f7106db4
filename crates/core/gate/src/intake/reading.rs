//! What one scrape of a counter says, and what has happened between two of them.

/// The largest count that a scrape can tell exactly: numbers of Prometheus have 53 bits.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

/// A counter, or a histogram as counters: all observations and those above each edge (none where an edge is not one of
/// this scrape's buckets).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Reading {
    pub(super) total: u64,
    pub(super) above: Vec<Option<u64>>,
}

impl Reading {
    pub(super) fn zero(edges: usize) -> Self {
        Self { total: 0, above: vec![Some(0); edges] }
    }

    /// What happened between `earlier` and this one, and whether the counter began anew in between: then all that it says
    /// has happened since.
    pub(super) fn since(&self, earlier: &Self) -> (Self, bool) {
        let pairs = || self.above.iter().zip(&earlier.above);
        // Each bucket only grows, so that what lies above an edge and what lies below it only grow too: one of them that
        // shrinks shows a reset which the total, grown past its old value, hides.
        let shrinks = |(now, before): (&Option<u64>, &Option<u64>)| match (now, before) {
            (Some(now), Some(before)) => {
                now < before || self.total.saturating_sub(*now) < earlier.total.saturating_sub(*before)
            }
            _ => false,
        };
        if self.total < earlier.total || pairs().any(shrinks) {
            return (self.clone(), true);
        }
        let above = pairs().map(|(now, before)| now.zip(*before).map(|(now, before)| now - before)).collect();
        (Self { total: self.total - earlier.total, above }, false)
    }

    /// Adds what happened elsewhere; an edge that is not everywhere is nowhere.
    pub(super) fn add(&mut self, other: &Self) {
        self.total = self.total.saturating_add(other.total);
        for (sum, more) in self.above.iter_mut().zip(&other.above) {
            *sum = sum.zip(*more).map(|(sum, more)| sum.saturating_add(more));
        }
    }
}

/// A count, or why a number is none.
pub(super) fn whole(value: f64) -> Result<u64, String> {
    if !value.is_finite() {
        return Err("is no finite number".to_owned());
    }
    if value < 0.0 {
        return Err("is below zero, so it is no counter: give a gauge as `gauge`".to_owned());
    }
    if 0.0 < value.fract() {
        return Err(
            "is no whole number, so it counts nothing: give the counter itself, or a level as `gauge`"
                .to_owned(),
        );
    }
    if EXACT_MAX < value {
        return Err("is above 2^53, where numbers of Prometheus no longer count every one".to_owned());
    }
    Ok(value as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(total: u64, above: &[Option<u64>]) -> Reading {
        Reading { total, above: above.to_vec() }
    }

    #[test]
    fn a_reset_is_seen_in_any_bucket() {
        let earlier = reading(100, &[Some(50), Some(5)]);
        assert_eq!(
            reading(110, &[Some(55), Some(5)]).since(&earlier),
            (reading(10, &[Some(5), Some(0)]), false)
        );
        for later in [(90, [50, 5]), (110, [40, 5]), (110, [105, 5]), (110, [55, 4])] {
            let later = reading(later.0, &later.1.map(Some));
            assert_eq!(later.since(&earlier), (later.clone(), true), "{later:?}");
        }
    }

    #[test]
    fn an_edge_that_is_missing_once_is_missing_in_the_sum() {
        let mut sum = Reading::zero(2);
        sum.add(&reading(3, &[Some(2), Some(1)]));
        sum.add(&reading(4, &[Some(3), None]));
        assert_eq!(sum, reading(7, &[Some(5), None]));
        assert_eq!(reading(5, &[None]).since(&reading(3, &[Some(1)])), (reading(2, &[None]), false));
    }

    #[test]
    fn only_counts_are_counts() {
        assert_eq!((whole(0.0), whole(-0.0), whole(7.0)), (Ok(0), Ok(0), Ok(7)));
        for (value, wanted) in [(-1.0, "below zero"), (0.5, "no whole number"), (1e16, "2^53")] {
            assert!(whole(value).unwrap_err().contains(wanted));
        }
    }
}
