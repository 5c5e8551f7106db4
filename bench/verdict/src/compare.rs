//! Two studies side by side: what changed beyond what chance explains.

use std::fmt::Write as _;

use crate::catalogue::worlds;
use crate::cell::{Cell, Tally};
use crate::study::thousandths;
use crate::table::{Cells, percent};
use crate::wilson;

/// Whether two shares differ by more than chance: Newcombe's interval for the difference leaves 0 out.
#[must_use]
pub fn differ(a: (u64, u64), b: (u64, u64)) -> bool {
    let share = |(hits, runs): (u64, u64)| hits as f64 / runs.max(1) as f64;
    let (p, q) = (share(a), share(b));
    let ((low, high), (from, to)) = (wilson::interval(a.0, a.1), wilson::interval(b.0, b.1));
    let difference = p - q;
    let down = ((p - low).powi(2) + (to - q).powi(2)).sqrt();
    let up = ((high - p).powi(2) + (q - from).powi(2)).sqrt();
    difference - down > 0.0 || difference + up < 0.0
}

/// The rows of both, those that differ marked.
#[must_use]
pub fn page(a: &Cells, b: &Cells) -> String {
    let mut page = String::from(
        "| world | r | FAIL % | | PASS % | | HOLD % | minutes to FAIL | to PASS | beyond chance |\n|---|---|---|---|---|---|---|---|---|---|\n",
    );
    let mut counts = (0, 0);
    for world in worlds() {
        let of = |cells: &Cells| -> Vec<u64> {
            cells.keys().filter(|(name, _)| name == world.name).map(|(_, ratio)| *ratio).collect()
        };
        for ratio in of(a).into_iter().filter(|ratio| of(b).contains(ratio)) {
            let key = (world.name.to_owned(), ratio);
            let (Some(before), Some(after)) = (gate(&a[&key]), gate(&b[&key])) else { continue };
            let marks = marks(before, after);
            counts = (counts.0 + 1, counts.1 + usize::from(!marks.is_empty()));
            row(&mut page, world.name, &a[&key], (before, after), &marks);
        }
    }
    let _ = writeln!(page, "\n{} of {} rows differ beyond chance.", counts.1, counts.0);
    page
}

fn gate(cell: &Cell) -> Option<&Tally> {
    cell.judge("serin")
}

fn marks(before: &Tally, after: &Tally) -> String {
    let mut marks = Vec::new();
    for (name, a, b) in [
        ("FAIL", before.fail, after.fail),
        ("PASS", before.pass, after.pass),
        ("HOLD", before.hold(), after.hold()),
    ] {
        if differ((a, before.runs), (b, after.runs)) {
            let is_more = b as f64 / after.runs as f64 > a as f64 / before.runs as f64;
            marks.push(format!("{} {name}", if is_more { "more" } else { "less" }));
        }
    }
    marks.join(", ")
}

fn row(page: &mut String, name: &str, cell: &Cell, (before, after): (&Tally, &Tally), marks: &str) {
    let share = |hits: u64, tally: &Tally| percent(hits, tally.runs);
    let minutes = |a: Option<(f64, f64)>, b: Option<(f64, f64)>| {
        let text =
            |times: Option<(f64, f64)>| times.map_or("-".to_owned(), |(median, _)| format!("{median:.1}"));
        format!("{} → {}", text(a), text(b))
    };
    let _ = writeln!(
        page,
        "| {name} | {} | {} | → {} | {} | → {} | {:.1} → {:.1} | {} | {} | {marks} |",
        thousandths(cell.key.ratio) as f64 / 1000.0,
        share(before.fail, before),
        share(after.fail, after),
        share(before.pass, before),
        share(after.pass, after),
        100.0 * before.hold() as f64 / before.runs as f64,
        100.0 * after.hold() as f64 / after.runs as f64,
        minutes(before.fail_minutes, after.fail_minutes),
        minutes(before.pass_minutes, after.pass_minutes),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_differ_when_chance_does_not_explain_it() {
        assert!(differ((10, 1000), (30, 1000)));
        assert!(!differ((10, 1000), (17, 1000)));
        assert!(!differ((0, 1000), (0, 1000)));
        assert!(differ((1000, 1000), (980, 1000)));
    }
}
