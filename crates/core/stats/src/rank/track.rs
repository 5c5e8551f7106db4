//! Counting at one shift after another, each between the two before: what cannot change any more is not counted again.
//!
//! A root finder narrows a bracket. While it does, most values of the experiment keep their place among those of the
//! control: their pairs are counted once and laid aside, and only those whose place may still change are looked at. The
//! answers are those of [`Sorted::count_above`], to the last unit; where that cannot be promised (infinite values, signed
//! zeros, values so close that a shift may merge them) it is asked instead.
//!
//! Nothing is allocated once the memory has grown to the size of the samples.

use super::count::{Count, Sorted, cubed};

/// The memory of the places of one comparison.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tracker {
    /// Distinct values of the experiment, and how often each occurs.
    xs: Vec<(f64, u64)>,
    /// Distinct values of the control.
    ys: Vec<f64>,
    /// How many values of the control lie before each distinct one; one more entry at the end.
    before: Vec<u64>,
    /// Ties within each sample.
    own_ties: u128,
    /// Whether the short way is exact.
    is_safe: bool,
    /// The widest bracket, and the one that is left.
    ends: (f64, f64),
    bracket: (f64, f64),
    last: Option<f64>,
    /// Values of the experiment whose place may change.
    moving: Vec<Place>,
    /// Twice the wins of those that stay.
    settled: u64,
}

/// Where one value of the experiment can be among the distinct values of the control.
#[derive(Clone, Copy, Debug)]
struct Place {
    value: f64,
    times: u64,
    /// At the bracket's high end: the first distinct value that is not below.
    low: u32,
    /// At the bracket's low end: the first distinct value that is above.
    high: u32,
    /// At the last shift: the first that is not below, and whether it is equal.
    at: u32,
    is_tied: bool,
}

impl Tracker {
    /// Takes two samples whose shifts of interest lie between `ends`.
    pub(crate) fn begin(&mut self, x: &Sorted, y: &Sorted, ends: (f64, f64)) {
        self.xs.clear();
        self.ys.clear();
        self.before.clear();
        self.own_ties = 0;
        for group in x.values().chunk_by(|a, b| a.to_bits() == b.to_bits()) {
            let times = group.len() as u64;
            self.xs.push((group[0], times));
            self.own_ties += cubed(times);
        }
        let mut before = 0;
        for group in y.values().chunk_by(|a, b| a.to_bits() == b.to_bits()) {
            self.ys.push(group[0]);
            self.before.push(before);
            before += group.len() as u64;
            self.own_ties += cubed(group.len() as u64);
        }
        self.before.push(before);
        self.ends = ends;
        self.is_safe = self.is_exact_within(ends) && self.ys.len() < u32::MAX as usize;
    }

    /// Whether shifts between `ends` keep distinct values of the experiment distinct, and equality is that of numbers.
    fn is_exact_within(&self, ends: (f64, f64)) -> bool {
        let first_and_last = |values: [Option<f64>; 2]| values.into_iter().flatten().fold(0.0, largest);
        let largest_x = first_and_last([self.xs.first().map(|x| x.0), self.xs.last().map(|x| x.0)]);
        let largest_y = first_and_last([self.ys.first().copied(), self.ys.last().copied()]);
        let reach = largest_x + largest(ends.0.abs(), ends.1);
        let is_signed_zero = |value: f64| value == 0.0 && value.is_sign_negative();
        let has_signed_zero =
            self.xs.iter().any(|x| is_signed_zero(x.0)) || self.ys.iter().any(|y| is_signed_zero(*y));
        // Two numbers further apart than the spacing of doubles at the far end are rounded to different ones.
        let spacing = reach * f64::EPSILON;
        let is_apart = |pair: &[(f64, u64)]| 2.0 * spacing < pair[1].0 - pair[0].0;
        (reach + largest_y).is_finite() && !has_signed_zero && self.xs.windows(2).all(is_apart)
    }

    /// Forgets the bracket's history: another root of the same samples.
    pub(crate) fn restart(&mut self) {
        self.bracket = self.ends;
        self.last = None;
        self.settled = 0;
        self.moving.clear();
        if self.is_safe {
            let high = self.ys.len() as u32;
            let place = |&(value, times)| Place { value, times, low: 0, high, at: 0, is_tied: false };
            self.moving.extend(self.xs.iter().map(place));
        }
    }

    /// Counts at `shift`, which becomes an end of the bracket.
    pub(crate) fn count_above(&mut self, x: &Sorted, y: &Sorted, shift: f64) -> Count {
        let is_between = |ends: (f64, f64)| ends.0 <= shift && shift <= ends.1;
        if !(self.is_safe && is_between(self.ends)) {
            return x.count_above(y, shift);
        }
        if !is_between(self.bracket) {
            self.restart();
        }
        self.narrow(shift);
        self.place(shift);
        self.last = Some(shift);
        let (mut twice_wins, mut ties) = (self.settled, self.own_ties);
        for place in &self.moving {
            let at = place.at as usize;
            twice_wins += 2 * place.times * self.before[at];
            if place.is_tied {
                let others = self.before[at + 1] - self.before[at];
                twice_wins += place.times * others;
                // A group of a and one of b become one of a + b: (a + b)³ - a³ - b³ more.
                ties += 3 * u128::from(place.times) * u128::from(others) * u128::from(place.times + others);
            }
        }
        Count { twice_wins, ties }
    }

    /// Makes the last shift the end of the bracket beyond `shift`, and lays aside what can no longer move.
    fn narrow(&mut self, shift: f64) {
        let Some(last) = self.last.filter(|last| shift < *last || *last < shift) else { return };
        let (before, settled) = (&self.before, &mut self.settled);
        let falls = shift < last;
        if falls {
            self.bracket.1 = last;
        } else {
            self.bracket.0 = last;
        }
        self.moving.retain_mut(|place| {
            if falls {
                place.low = place.at;
            } else {
                place.high = place.at + u32::from(place.is_tied);
            }
            let moves = place.low < place.high;
            if !moves {
                *settled += 2 * place.times * before[place.low as usize];
            }
            moves
        });
    }

    /// Finds each moving value's place at `shift`. Places rise with the values, so one walk through the control does.
    fn place(&mut self, shift: f64) {
        let ys = &self.ys;
        let mut at = 0;
        for place in &mut self.moving {
            let value = place.value - shift;
            let (low, high) = ((place.low as usize).max(at), place.high as usize);
            at = low + first_not_below(&ys[low..high.max(low)], value);
            place.at = at as u32;
            place.is_tied = ys.get(at).is_some_and(|y| *y <= value);
        }
    }
}

/// The index of the first of `sorted` that is not below `value`: a walk of doubling steps, then halving ones, so that near
/// places cost little and far ones only their logarithm.
fn first_not_below(sorted: &[f64], value: f64) -> usize {
    let mut step = 1;
    while step < sorted.len() && sorted[step - 1] < value {
        step *= 2;
    }
    let from = step / 2;
    let to = step.min(sorted.len());
    from.min(to) + sorted[from.min(to)..to].partition_point(|y| *y < value)
}

fn largest(a: f64, b: f64) -> f64 {
    a.max(b.abs())
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
                tracker.restart();
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
