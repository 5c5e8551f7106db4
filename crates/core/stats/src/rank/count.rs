//! Counting: which values of one shifted sample lie above those of another.

use std::cmp::Ordering;

/// A sample in the total order of doubles, without NaN: -0.0 comes before 0.0 and differs from it, as in Kayenta's ranks.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sorted {
    values: Vec<f64>,
}

/// All values of both samples are equal, so that ranks tell nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot compute confidence interval when all observations are tied")]
pub struct AllTied;

/// What the ranks of a shifted sample among another say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Count {
    /// Twice the number of pairs in which the shifted value is above, ties counted half: an integer.
    pub(crate) twice_wins: u64,
    /// The sum of t³ - t over the groups of t tied values.
    pub(crate) ties: u128,
}

impl Sorted {
    /// Sorts `values`; `None` when there are none or one is NaN.
    pub(crate) fn of(values: &[f64]) -> Option<Self> {
        let mut sorted = Self::default();
        sorted.fill(values).then_some(sorted)
    }

    /// Takes other values into the same memory. Whether they can be ranked: there are some, and none is NaN.
    pub(crate) fn fill(&mut self, values: &[f64]) -> bool {
        self.values.clear();
        self.values.extend_from_slice(values);
        self.values.sort_unstable_by(f64::total_cmp);
        // In the total order the two kinds of NaN are at the ends.
        self.values.first().is_some_and(|first| !first.is_nan())
            && self.values.last().is_some_and(|last| !last.is_nan())
    }

    pub(crate) fn values(&self) -> &[f64] {
        &self.values
    }

    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }

    pub(crate) fn min(&self) -> f64 {
        self.values.first().copied().unwrap_or(f64::NAN)
    }

    pub(crate) fn max(&self) -> f64 {
        self.values.last().copied().unwrap_or(f64::NAN)
    }

    /// Ranks these values less `shift` among `other`, in one merge: subtraction keeps the order.
    pub(crate) fn count_above(&self, other: &Self, shift: f64) -> Count {
        let (x, y) = (self.values(), other.values());
        let at = |i: usize| shifted(x[i], shift);
        let (mut i, mut j) = (0, 0);
        let (mut twice_wins, mut ties) = (0, 0);
        while i < x.len() || j < y.len() {
            let value = match (i < x.len(), j < y.len()) {
                (true, true) if y[j].total_cmp(&at(i)) == Ordering::Less => y[j],
                (true, _) => at(i),
                (false, _) => y[j],
            };
            let (from_i, from_j) = (i, j);
            while i < x.len() && at(i).total_cmp(&value) == Ordering::Equal {
                i += 1;
            }
            while j < y.len() && y[j].total_cmp(&value) == Ordering::Equal {
                j += 1;
            }
            let (of_x, of_y) = ((i - from_i) as u64, (j - from_j) as u64);
            twice_wins += of_x * (2 * from_j as u64 + of_y);
            ties += cubed(of_x + of_y);
        }
        Count { twice_wins, ties }
    }
}

/// `value` less `shift`; what infinities leave undefined ranks above all, as in Kayenta.
fn shifted(value: f64, shift: f64) -> f64 {
    let shifted = value - shift;
    if shifted.is_nan() { f64::INFINITY } else { shifted }
}

/// t³ - t for a group of `tied` values.
pub(crate) fn cubed(tied: u64) -> u128 {
    let t = u128::from(tied);
    t * t * t - t
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts pair by pair, and ties by sorting everything: O(n m), and obviously right.
    fn slow(x: &[f64], y: &[f64], shift: f64) -> Count {
        let x: Vec<f64> = x.iter().map(|x| shifted(*x, shift)).collect();
        let pairs = x.iter().flat_map(|x| y.iter().map(move |y| y.total_cmp(x)));
        let twice_wins = pairs.map(|order| [2, 1, 0][(order as i8 + 1) as usize]).sum();
        let mut all: Vec<u64> = x.iter().chain(y).map(|value| value.to_bits()).collect();
        all.sort_unstable();
        let ties = all.chunk_by(|a, b| a == b).map(|group| cubed(group.len() as u64)).sum();
        Count { twice_wins, ties }
    }

    #[test]
    fn merging_counts_what_comparing_all_pairs_counts() {
        let grid = [-f64::INFINITY, -2.0, -0.0, 0.0, 0.5, 2.0, 2.0, f64::INFINITY];
        for seed in 0..2000_usize {
            let pick = |salt: usize, n: usize| -> Vec<f64> {
                (0..n)
                    .map(|i| grid[(seed * 31 + salt * 17 + i * i * 7 + seed / 8 * i) % grid.len()])
                    .collect()
            };
            let (x, y) = (pick(1, 1 + seed % 5), pick(2, 1 + seed % 7));
            for shift in [0.0, -0.0, 2.0, -2.5, f64::INFINITY, f64::NEG_INFINITY, f64::NAN] {
                let fast = Sorted::of(&x).unwrap().count_above(&Sorted::of(&y).unwrap(), shift);
                assert_eq!(fast, slow(&x, &y, shift), "{x:?} - {shift} among {y:?}");
            }
        }
    }
}
