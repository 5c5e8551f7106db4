//! The k-th smallest of all differences between two samples, without building them.

/// The `k`-th smallest (from 0) of the `x.len() * y.len()` differences `x[i] - y[j]` of two samples in rising order.
/// `None` when there are not so many. Values must be finite.
///
/// The differences form a table whose rows and columns rise. Each round takes the weighted median of the rows' middles as a
/// pivot and cuts away what lies on its other side: at least a quarter of what is left, by one walk along the edge. After
/// O(log) rounds of O(n + m) few are left, and those are built. Source: D. Johnson and T. Mizoguchi, "Selecting the Kth
/// element in X + Y", SIAM J. Comput. 7 (1978); J. Monahan, ACM TOMS 10 (1984), algorithm 616.
pub(crate) fn difference(x: &[f64], y: &[f64], k: u64) -> Option<f64> {
    if x.len() as u64 * y.len() as u64 <= k {
        return None;
    }
    let at = |i: usize, j: usize| x[i] - y[y.len() - 1 - j];
    let mut rows: Vec<(usize, usize)> = vec![(0, y.len()); x.len()];
    let mut middles = Vec::with_capacity(x.len());
    loop {
        let left: u64 = rows.iter().map(|row| (row.1 - row.0) as u64).sum();
        if left <= 4 * (x.len() + y.len()) as u64 {
            break;
        }
        middles.clear();
        let is_open = |(_, row): &(usize, &(usize, usize))| row.0 < row.1;
        let middle = |(i, row): (usize, &(usize, usize))| {
            (at(i, usize::midpoint(row.0, row.1)), (row.1 - row.0) as u64)
        };
        middles.extend(rows.iter().enumerate().filter(is_open).map(middle));
        let pivot = weighted_median(&mut middles, left);
        let (below, not_above) = (edge(x.len(), y.len(), |i, j| at(i, j) < pivot), {
            edge(x.len(), y.len(), |i, j| at(i, j) <= pivot)
        });
        let count = |edge: &[usize]| edge.iter().map(|end| *end as u64).sum::<u64>();
        if k < count(&below) {
            for (row, end) in rows.iter_mut().zip(&below) {
                row.1 = row.1.min(*end);
            }
        } else if count(&not_above) <= k {
            for (row, end) in rows.iter_mut().zip(&not_above) {
                row.0 = row.0.max(*end);
            }
        } else {
            return Some(pivot);
        }
        for row in &mut rows {
            row.1 = row.1.max(row.0);
        }
    }
    let below: u64 = rows.iter().map(|row| row.0 as u64).sum();
    let mut rest: Vec<f64> =
        rows.iter().enumerate().flat_map(|(i, row)| (row.0..row.1).map(move |j| at(i, j))).collect();
    let index = usize::try_from(k - below).ok().filter(|index| *index < rest.len())?;
    Some(*rest.select_nth_unstable_by(index, f64::total_cmp).1)
}

/// For each row how many of its first entries satisfy `holds`, which is true up to an edge that falls back from row to row.
fn edge(rows: usize, columns: usize, holds: impl Fn(usize, usize) -> bool) -> Vec<usize> {
    let mut end = columns;
    let row_end = |i: usize| {
        while 0 < end && !holds(i, end - 1) {
            end -= 1;
        }
        end
    };
    (0..rows).map(row_end).collect()
}

/// A value such that those below it and those above it each weigh at most half of `total`.
fn weighted_median(mut items: &mut [(f64, u64)], total: u64) -> f64 {
    let mut wanted = total / 2;
    loop {
        let middle = items.len() / 2;
        let (lower, pivot, upper) = items.select_nth_unstable_by(middle, |a, b| a.0.total_cmp(&b.0));
        let (value, weight) = *pivot;
        let below: u64 = lower.iter().map(|item| item.1).sum();
        if wanted < below {
            items = lower;
        } else if wanted < below + weight || upper.is_empty() {
            return value;
        } else {
            wanted -= below + weight;
            items = upper;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rank_of_small_and_tied_tables() {
        for seed in 0..120_u64 {
            let value = |i: u64| ((seed * 7919 + i * i * 104_729 + i * 31) % (3 + seed % 60)) as f64 / 4.0;
            let mut x: Vec<f64> = (0..=seed % 9 * 5).map(value).collect();
            let mut y: Vec<f64> = (0..=seed % 7 * 6).map(|i| value(i + 1000)).collect();
            x.sort_unstable_by(f64::total_cmp);
            y.sort_unstable_by(f64::total_cmp);
            let mut all: Vec<f64> = x.iter().flat_map(|x| y.iter().map(move |y| x - y)).collect();
            all.sort_unstable_by(f64::total_cmp);
            for (k, wanted) in all.iter().enumerate().step_by(1 + all.len() / 50) {
                assert_eq!(difference(&x, &y, k as u64), Some(*wanted), "seed {seed}, k {k}");
            }
            assert_eq!(difference(&x, &y, all.len() as u64), None);
        }
    }
}
