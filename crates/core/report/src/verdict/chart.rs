//! Pictures of characters: a ratio on its axis, evidence against its bar, evidence in time.

use crate::judgement::say;

/// The axis of ratios: three octaves to either side.
const OCTAVES: f64 = 3.0;
/// Columns of a bar that is full, and parts of its bar up to which evidence is drawn.
const FULL: usize = 20;
/// The lowest and the highest part of a bar that a picture in time shows.
const LOW: f64 = -1.0;
const HIGH: f64 = 2.0;

fn column(ratio: f64, columns: usize) -> usize {
    let share = (ratio.log2() / OCTAVES).clamp(-1.0, 1.0) / 2.0 + 0.5;
    (share * columns.saturating_sub(1) as f64).round() as usize
}

/// The interval and its best value over the tolerated part, the part up to the margin, and ratio 1.
pub(super) fn axis(
    best: f64,
    (low, high): (f64, f64),
    (tolerated, margin): (f64, f64),
    down_is_bad: bool,
    columns: usize,
) -> String {
    let mut line = vec![' '; columns];
    let limits = if down_is_bad { (1.0 / tolerated, 1.0 / margin) } else { (tolerated, margin) };
    let (from, to) = (column(low, columns), column(high, columns));
    line[from..=to].fill('─');
    line[column(1.0, columns)] = '1';
    line[column(limits.0, columns)] = '┊';
    line[column(limits.1, columns)] = '┃';
    line[from] = if low < 0.125 { '◄' } else { '├' };
    line[to] = if high > 8.0 { '►' } else { '┤' };
    line[column(best, columns)] = '●';
    line.into_iter().collect::<String>().trim_end().to_owned()
}

/// How far evidence is on its way to its bar.
pub(super) fn bar(log_e: f64, bar: Option<f64>) -> String {
    let Some(bar) = bar else { return String::new() };
    let share = (log_e / bar).clamp(0.0, 1.0);
    let filled = (share * FULL as f64).floor() as usize;
    format!("[{}{}]", "█".repeat(filled), "·".repeat(FULL - filled))
}

/// Harm and no harm in time, as parts of their bars.
pub(super) fn time(harm: &[f64], no_worse: &[f64], columns: usize, rows: usize) -> String {
    let columns = columns.clamp(1, harm.len().max(1));
    let row = |value: f64| {
        let share = (value.clamp(LOW, HIGH) - LOW) / (HIGH - LOW);
        rows - 1 - (share * (rows - 1) as f64).round() as usize
    };
    let mut grid = vec![vec![' '; columns]; rows];
    grid[row(1.0)].fill('─');
    grid[row(0.0)].fill('┈');
    for (path, mark) in [(no_worse, 'o'), (harm, '*')] {
        // Each column shows the last look of its part: that is what decided.
        let last = |at: usize| path.get(((at + 1) * path.len() / columns).saturating_sub(1)).copied();
        let shown = (0..columns).filter_map(|at| Some((at, last(at).filter(|value| value.is_finite())?)));
        shown.for_each(|(at, value)| grid[row(value)][at] = mark);
    }
    let mut text = String::new();
    for (place, line) in grid.into_iter().enumerate() {
        let label = if place == row(1.0) {
            "bar"
        } else if place == row(0.0) {
            "none"
        } else {
            ""
        };
        let line: String = line.into_iter().collect();
        say::add(&mut text, format_args!("  {label:>5} │{}\n", line.trim_end()));
    }
    text + "        * evidence of worse   o evidence of no worse   (each as a part of its bar)\n"
}
