//! Counting at one shift after another: only what has changed its place since the last shift is counted again.
//!
//! A root finder asks for shifts ever closer to each other, so most values of the experiment stay between the same two
//! values of the control. Each remembers those two; a pass compares all with a shift at one or two instructions a value,
//! and looks closer only at those that have left their gap or hit its end. The answers are those of
//! [`Sorted::count_above`], to the last unit; where that cannot be promised (infinite values, signed zeros, values so close
//! that a shift may merge them) it is asked instead.
//!
//! Nothing is allocated once the memory has grown to the size of the samples.

use std::hint::select_unpredictable;

use super::count::{Count, Sorted, cubed};

/// Values that are compared at once.
const LANES: usize = 8;

/// The memory of one comparison. Lists of one entry for each distinct value of the experiment are filled up to a multiple
/// of [`LANES`] with entries that never change their place and count for nothing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tracker {
    /// Distinct values of the experiment.
    values: Vec<f64>,
    /// The gap in which each lies at the last shift: above the one, below the other.
    above: Vec<f64>,
    below: Vec<f64>,
    /// The index of that gap's upper end among the values of the control, and how often the value occurs.
    places: Vec<Place>,
    /// Distinct values of the control.
    ys: Vec<f64>,
    /// How many values of the control lie before each distinct one; one more entry at the end.
    before: Vec<u64>,
    /// Ties within each sample.
    own_ties: u128,
    /// Pairs that are won at the last shift, ties left out.
    wins: u64,
    /// The shifts between which the short way is exact; none where it never is.
    ends: Option<(f64, f64)>,
    /// Counts at shifts that are no finite numbers: with infinite data a solver asks for them a thousand times.
    odd: Vec<(u64, Count)>,
}

#[derive(Clone, Copy, Debug)]
struct Place {
    at: u32,
    times: u32,
}

impl Tracker {
    /// Takes two samples whose shifts of interest lie between `ends`.
    pub(crate) fn begin(&mut self, x: &Sorted, y: &Sorted, ends: (f64, f64)) {
        self.odd.clear();
        self.ends = is_exact_within(x, y, ends).then_some(ends);
        if self.ends.is_none() {
            return;
        }
        (self.own_ties, self.wins) = (0, 0);
        self.values.clear();
        self.places.clear();
        self.ys.clear();
        self.before.clear();
        for group in x.values().chunk_by(|a, b| b <= a) {
            self.values.push(group[0]);
            self.places.push(Place { at: 0, times: group.len() as u32 });
            self.own_ties += cubed(group.len() as u64);
        }
        let mut before = 0;
        for group in y.values().chunk_by(|a, b| b <= a) {
            self.ys.push(group[0]);
            self.before.push(before);
            before += group.len() as u64;
            self.own_ties += cubed(group.len() as u64);
        }
        self.before.push(before);
        // At first all are in the lowest gap; the first shift moves them.
        let entries = self.values.len().next_multiple_of(LANES);
        self.above.clear();
        self.above.resize(entries, f64::NEG_INFINITY);
        self.below.clear();
        self.below.resize(self.values.len(), y.min());
        self.below.resize(entries, f64::INFINITY);
        self.values.resize(entries, 0.0);
    }

    /// Counts at `shift`.
    pub(crate) fn count_above(&mut self, x: &Sorted, y: &Sorted, shift: f64) -> Count {
        if !self.ends.is_some_and(|ends| ends.0 <= shift && shift <= ends.1) {
            return self.count_odd(x, y, shift);
        }
        let (mut half_wins, mut ties) = (0, self.own_ties);
        for from in (0..self.values.len()).step_by(LANES) {
            let lanes = from..from + LANES;
            let values = self.values[lanes.clone()].iter();
            let gaps = self.above[lanes.clone()].iter().zip(&self.below[lanes.clone()]);
            #[expect(clippy::needless_bitwise_bool, reason = "without a branch several are compared at once")]
            let stay = |all: bool, (value, (above, below)): (&f64, (&f64, &f64))| {
                all & (*above < value - shift) & (value - shift < *below)
            };
            if values.zip(gaps).fold(true, stay) {
                continue;
            }
            let found =
                first_not_below(&self.ys, std::array::from_fn(|lane| self.values[from + lane] - shift));
            for (index, (at, is_tied)) in (from..self.places.len()).zip(found) {
                let Place { at: old, times } = self.places[index];
                let mine = u64::from(times);
                self.wins = self.wins + mine * self.before[at] - mine * self.before[old as usize];
                self.places[index].at = at as u32;
                self.above[index] = at.checked_sub(1).map_or(f64::NEG_INFINITY, |under| self.ys[under]);
                self.below[index] = self.ys.get(at).copied().unwrap_or(f64::INFINITY);
                if is_tied {
                    let others = self.before[at + 1] - self.before[at];
                    half_wins += mine * others;
                    // A group of a and one of b become one of a + b: (a + b)³ - a³ - b³ more.
                    ties += 3 * u128::from(mine) * u128::from(others) * u128::from(mine + others);
                }
            }
        }
        Count { twice_wins: 2 * self.wins + half_wins, ties }
    }

    fn count_odd(&mut self, x: &Sorted, y: &Sorted, shift: f64) -> Count {
        let bits = if shift.is_nan() { f64::NAN.to_bits() } else { shift.to_bits() };
        if let Some((_, known)) = self.odd.iter().find(|(odd, _)| *odd == bits) {
            return *known;
        }
        let count = x.count_above(y, shift);
        if !shift.is_finite() {
            self.odd.push((bits, count));
        }
        count
    }
}

/// For each value the index of the first of `sorted`, which is not empty, that is not below it, and whether it is equal.
/// All are halved side by side and without a branch on the data, which a processor would guess wrong half of the time.
fn first_not_below(sorted: &[f64], values: [f64; LANES]) -> [(usize, bool); LANES] {
    let mut from = [0; LANES];
    let mut left = sorted.len();
    while 1 < left {
        let half = left / 2;
        for (from, value) in from.iter_mut().zip(&values) {
            let middle = *from + half;
            *from = select_unpredictable(sorted[middle - 1] < *value, middle, *from);
        }
        left -= half;
    }
    std::array::from_fn(|lane| {
        let at = from[lane] + usize::from(sorted[from[lane]] < values[lane]);
        (at, sorted.get(at).is_some_and(|found| *found <= values[lane]))
    })
}

/// Whether shifts between `ends` keep distinct values of the experiment distinct, equality is that of numbers, and the
/// samples are of a size that the counters hold.
fn is_exact_within(x: &Sorted, y: &Sorted, ends: (f64, f64)) -> bool {
    const SIZE_MAX: usize = u32::MAX as usize / 2;
    let reach = x.min().abs().max(x.max().abs()) + ends.0.abs().max(ends.1.abs());
    // Two numbers further apart than the spacing of doubles at the far end are rounded to different ones.
    let apart = 2.0 * f64::EPSILON * reach;
    let is_apart = |pair: &[f64]| pair[1] <= pair[0] || apart < pair[1] - pair[0];
    let has_signed_zero = |sample: &Sorted| {
        let values = sample.values();
        let zeros = &values[values.partition_point(|value| *value < 0.0)..];
        zeros.first().is_some_and(|first| *first == 0.0 && first.is_sign_negative())
    };
    x.len().max(y.len()) < SIZE_MAX
        && (reach + y.min().abs() + y.max().abs()).is_finite()
        && !has_signed_zero(x)
        && !has_signed_zero(y)
        && x.values().windows(2).all(is_apart)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Samples on a grid (heavy ties), of full precision, or with signed zeros and infinities.
    fn sample() -> impl Strategy<Value = Vec<f64>> {
        let odd = prop_oneof![Just(-0.0), Just(0.0), Just(f64::INFINITY), -3.0..3.0_f64];
        prop_oneof![
            proptest::collection::vec((-8..8_i32).prop_map(|i| f64::from(i) / 4.0), 1..60),
            proptest::collection::vec(-5.0..5.0_f64, 1..60),
            proptest::collection::vec((0..40_i32).prop_map(|i| 1e15 + f64::from(i) / 8.0), 1..30),
            proptest::collection::vec(odd, 1..12),
        ]
    }

    proptest! {
        /// Brackets that narrow in any way: a cut at a share of what is left, to either side.
        #[test]
        fn tracking_counts_what_merging_counts(
            x in sample(),
            y in sample(),
            cuts in proptest::collection::vec((0.0..1.0_f64, any::<bool>(), any::<bool>()), 1..40),
        ) {
            let (x, y) = (Sorted::of(&x).unwrap(), Sorted::of(&y).unwrap());
            let ends = (x.min() - y.max(), x.max() - y.min());
            let mut tracker = Tracker::default();
            tracker.begin(&x, &y, ends);
            for _ in 0..2 {
                let (mut low, mut high) = ends;
                for (share, upper, at_tie) in &cuts {
                    let mut shift = low + (high - low) * share;
                    if *at_tie {
                        let near = |x: &f64, y: &f64| x - y;
                        let mut ties = x.values().iter().flat_map(|x| y.values().iter().map(move |y| near(x, y)));
                        shift = ties.rfind(|tie| low <= *tie && *tie <= high).unwrap_or(shift);
                    }
                    let wanted = x.count_above(&y, shift);
                    prop_assert_eq!(tracker.count_above(&x, &y, shift), wanted);
                    if *upper { low = shift } else { high = shift }
                }
            }
        }
    }
}
