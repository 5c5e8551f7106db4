//! Pictures of characters: a series in one line, an interval on an axis.

use serin_judge::Compared;

const LEVELS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// What stands for a time without a value.
const HOLE: char = '·';

/// The smallest and the largest of the finite values of all `series`; none without any.
pub(super) fn range(series: &[&[f64]]) -> Option<(f64, f64)> {
    let finite = || series.iter().flat_map(|side| side.iter().copied()).filter(|value| value.is_finite());
    let (low, high) = (finite().fold(f64::INFINITY, f64::min), finite().fold(f64::NEG_INFINITY, f64::max));
    (low <= high).then_some((low, high))
}

/// `series` cut into at most `columns` parts of almost equal length: the mean of each, NaN for one without values.
pub(super) fn condense(series: &[f64], columns: usize) -> Vec<f64> {
    let parts = columns.min(series.len());
    let part = |index: usize| {
        let (from, to) = (index * series.len() / parts, (index + 1) * series.len() / parts);
        let values: Vec<f64> = series[from..to].iter().copied().filter(|value| !value.is_nan()).collect();
        values.iter().sum::<f64>() / values.len() as f64
    };
    (0..parts).map(part).collect()
}

/// One character for each part of a series, between `low` and `high`.
pub(super) fn spark(series: &[f64], (low, high): (f64, f64), columns: usize) -> String {
    let level = |value: f64| {
        if value.is_nan() {
            return HOLE;
        }
        let share = if low < high { (value - low) / (high - low) } else { 0.5 };
        // Infinite values are beyond the range, and drawn at its end.
        LEVELS[(share * LEVELS.len() as f64).clamp(0.0, LEVELS.len() as f64 - 1.0) as usize]
    };
    condense(series, columns).into_iter().map(level).collect()
}

/// The interval and its estimate on an axis, over the margin on both sides of no difference.
pub(super) fn axis(compared: &Compared, columns: usize) -> Option<String> {
    let interval = &compared.interval;
    let ends = [interval.lower, interval.upper, compared.margin, -compared.margin, 0.0];
    let (low, high) = range(&[&ends])?;
    if !(low < high && ends.iter().all(|end| end.is_finite())) {
        return None;
    }
    let last = columns.saturating_sub(1);
    let place = |value: f64| ((value - low) / (high - low) * last as f64).round() as usize;
    let mut line = vec![' '; columns];
    line[place(-compared.margin)..=place(compared.margin)].fill('░');
    line[place(0.0)] = '│';
    let (from, to) = (place(interval.lower).min(place(interval.upper)), place(interval.upper));
    line[from..=to.max(from)].fill('─');
    line[from] = '├';
    line[to] = '┤';
    line[place(interval.estimate.clamp(low, high))] = '●';
    Some(line.into_iter().collect::<String>().trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use serin_stats::compatible::Interval;

    use super::*;

    #[test]
    fn a_series_is_a_line() {
        let ramp: Vec<f64> = (0..8).map(f64::from).collect();
        assert_eq!(spark(&ramp, (0.0, 7.0), 40), "▁▂▃▄▅▆▇█");
        assert_eq!(spark(&ramp, (0.0, 7.0), 4), "▁▃▆█");
        assert_eq!(spark(&[1.0, f64::NAN, f64::INFINITY], (0.0, 2.0), 40), "▅·█");
        assert_eq!(spark(&[], (0.0, 2.0), 40), "");
        assert_eq!(spark(&[3.0, 3.0], (3.0, 3.0), 40), "▅▅");
        assert_eq!(range(&[&[f64::NAN, f64::INFINITY]]), None);
    }

    #[test]
    fn an_interval_lies_over_its_margin() {
        let compared = |lower, upper, estimate: f64| Compared {
            interval: Interval { lower, upper, estimate },
            margin: estimate.abs() / 4.0,
            effect: 1.0,
            has_noise: false,
        };
        assert_eq!(axis(&compared(6.0, 10.0, 8.0), 13).unwrap(), "░░│░░   ├─●─┤");
        assert_eq!(axis(&compared(-2.0, 2.0, 0.0), 9).unwrap(), "├───●───┤");
        assert_eq!(axis(&compared(f64::NAN, 2.0, 1.0), 9), None);
    }
}
