//! Which edges of a histogram are judged: chosen from the history, once, and frozen (section 4.1).

/// Shares of observations above an edge, between which an edge tells something about the stable version.
const SHARE_MIN: f64 = 1e-4;
const SHARE_MAX: f64 = 0.5;
/// With more edges than this in that range, those nearest to these shares are kept.
const CHOSEN_MAX: usize = 8;
const SHARES: [f64; 7] = [0.5, 0.25, 0.1, 0.05, 0.02, 0.01, 0.001];
/// Two edges that differ by less, relatively, are one: `0.1` may have come through other arithmetic.
const SAME: f64 = 1e-9;

/// A history says nothing about where the observations lie.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EdgesError {
    /// Fewer than two edges.
    #[error("the histogram has {0} edges that all series share, and two are needed")]
    Few(usize),
    /// Nothing was observed.
    #[error(
        "the history has no observations, so that no edge can be chosen: name `edges`, or give a longer history"
    )]
    Empty,
    /// A named threshold is no edge.
    #[error("{0}")]
    Threshold(String),
}

/// Whether two edges are the same.
#[must_use]
pub fn same(a: f64, b: f64) -> bool {
    a.is_finite() && b.is_finite() && (a - b).abs() <= SAME * a.abs().max(b.abs())
}

/// The place of `threshold` among `edges`, which ascend.
///
/// # Errors
/// What is wrong, with the two nearest edges.
pub fn place(edges: &[f64], threshold: f64) -> Result<usize, String> {
    if let Some(found) = edges.iter().position(|edge| same(*edge, threshold)) {
        return Ok(found);
    }
    let below = edges.iter().rev().find(|edge| **edge < threshold);
    let above = edges.iter().find(|edge| threshold < **edge);
    let offer = match (below, above) {
        (Some(below), Some(above)) => format!("take {below} or {above}"),
        (Some(one), None) | (None, Some(one)) => format!("take {one}"),
        (None, None) => "the histogram has no edges".to_owned(),
    };
    Err(format!(
        "{threshold} is no edge of a bucket, and what lies inside a bucket cannot be counted: {offer}"
    ))
}

/// Edges of one metric: as many as a word has bits.
const EDGES_MAX: usize = 32;

/// The edges to judge and the places of the thresholds among them. `counts` are the history's edges, ascending, with the
/// observations above each; `total` are all observations.
///
/// # Errors
/// [`EdgesError`].
pub fn choose(
    counts: &[(f64, u64)],
    total: u64,
    thresholds: &[f64],
) -> Result<(Vec<f64>, Vec<usize>), EdgesError> {
    if counts.len() < 2 {
        return Err(EdgesError::Few(counts.len()));
    }
    if total == 0 {
        return Err(EdgesError::Empty);
    }
    let all: Vec<f64> = counts.iter().map(|(edge, _)| *edge).collect();
    let named = thresholds.iter().map(|threshold| place(&all, *threshold)).collect::<Result<Vec<_>, _>>();
    let named = named.map_err(EdgesError::Threshold)?;
    let share = |index: usize| counts[index].1 as f64 / total as f64;
    let inside: Vec<usize> =
        (0..counts.len()).filter(|index| (SHARE_MIN..=SHARE_MAX).contains(&share(*index))).collect();
    // The first edge on which the stable version is almost never: a far tail is seen there first.
    let extra = (0..counts.len()).find(|index| share(*index) < SHARE_MIN);
    let mut chosen = named.clone();
    let room = CHOSEN_MAX.saturating_sub(usize::from(extra.is_some()));
    if inside.len() <= room {
        chosen.extend(&inside);
    } else {
        for target in SHARES {
            let distance = |index: &usize| (share(*index) / target).ln().abs();
            let free = inside.iter().filter(|index| !chosen.contains(index));
            let nearest = free.min_by(|a, b| distance(a).total_cmp(&distance(b)));
            if chosen.len() < room.max(named.len()) {
                chosen.extend(nearest);
            }
        }
    }
    chosen.extend(extra);
    // All observations in one bucket: the edges on its two sides still tell whether they leave it.
    if chosen.len() < 2 {
        let last = counts.len() - 1;
        let at = extra.unwrap_or(last);
        chosen.extend([at.saturating_sub(1), at, (at + 1).min(last)]);
    }
    chosen.sort_unstable();
    chosen.dedup();
    // A bit for each edge says which a block lacks. Named edges stay; of the others the far ones go.
    while chosen.len() > EDGES_MAX {
        let last = chosen.iter().rposition(|index| !named.contains(index));
        chosen.remove(last.unwrap_or(chosen.len() - 1));
    }
    let places = named.iter().filter_map(|index| chosen.iter().position(|other| other == index)).collect();
    Ok((chosen.into_iter().map(|index| all[index]).collect(), places))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges_between_one_half_and_one_in_ten_thousand_are_taken_and_the_next_one() {
        let counts = [(0.1, 900), (0.25, 400), (0.5, 100), (1.0, 10), (2.5, 0), (5.0, 0)];
        let (edges, places) = choose(&counts, 1000, &[]).unwrap();
        assert_eq!((edges, places), (vec![0.25, 0.5, 1.0, 2.5], vec![]));
    }

    #[test]
    fn a_threshold_is_always_among_them() {
        let counts = [(0.1, 900), (0.25, 400), (0.5, 100), (1.0, 10), (2.5, 0), (5.0, 0)];
        let (edges, places) = choose(&counts, 1000, &[0.1, 1.0, 5.0]).unwrap();
        assert_eq!(edges, [0.1, 0.25, 0.5, 1.0, 2.5, 5.0]);
        assert_eq!(places, [0, 3, 5]);
        let error = choose(&counts, 1000, &[0.3]).unwrap_err().to_string();
        assert!(error.ends_with("take 0.25 or 0.5"), "{error}");
    }

    #[test]
    fn of_many_edges_eight_are_kept_near_the_telling_shares() {
        let counts: Vec<(f64, u64)> =
            (0..40).map(|i| (2f64.powi(i), (1e9 * 0.75f64.powi(i)) as u64)).collect();
        let (edges, _) = choose(&counts, 1_000_000_000, &[]).unwrap();
        assert_eq!(edges.len(), 8);
        let share = |edge: f64| 0.75f64.powf(edge.log2());
        for (edge, wanted) in edges.iter().zip([0.5, 0.25, 0.1, 0.05, 0.02, 0.01, 0.001]) {
            assert!((share(*edge) / wanted).ln().abs() < 0.16 + 0.3, "{edge} for {wanted}");
        }
        assert!(share(edges[7]) < 1e-4 && 1e-4 <= share(edges[7] / 2.0));
    }

    #[test]
    fn one_bucket_with_everything_in_it_has_its_two_sides() {
        assert_eq!(choose(&[(1.0, 10), (2.0, 0), (4.0, 0)], 10, &[]).unwrap().0, [1.0, 2.0, 4.0]);
        assert_eq!(choose(&[(1.0, 0), (2.0, 0)], 10, &[]).unwrap().0, [1.0, 2.0]);
        assert_eq!(choose(&[(1.0, 10), (2.0, 10)], 10, &[]).unwrap().0, [1.0, 2.0]);
    }

    #[test]
    fn no_edges_and_no_observations_are_told() {
        assert_eq!(choose(&[(1.0, 1)], 1, &[]), Err(EdgesError::Few(1)));
        assert_eq!(choose(&[(1.0, 0), (2.0, 0)], 0, &[]), Err(EdgesError::Empty));
    }
}
