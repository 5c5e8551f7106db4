//! The report for a terminal.

use serin_judge::{Pair, PairResult};

use super::{View, heading, icon, outcome_icon, plot, qualities, say};
use crate::paint::{Hue, Paint};
use crate::table::align;

/// Columns of the pictures.
const PICTURE: usize = 40;
/// Where the text beside a word begins.
const INDENT: usize = 14;

/// The whole report, in lines of about `width` characters.
#[must_use]
pub fn terminal(view: &View, paint: Paint, width: usize) -> String {
    let mut text = format!("{}: {} judged\n", view.title(), pairs(view.pairs.len()));
    for (result, pair) in view.rows() {
        text.push('\n');
        text.push_str(&metric(result, pair, paint, width));
    }
    for name in view.absent() {
        let line = format!("{name}  has no data here: nothing was judged for it");
        say::add(&mut text, format_args!("\n{} {line}\n", paint.paint(Some(Hue::Yellow), "?")));
    }
    let groups = view.groups();
    if !groups.is_empty() {
        let mut rows = vec![["group", "weight", "score"].map(str::to_owned).to_vec()];
        rows.extend(groups.into_iter().map(|group| vec![group.name, group.weight, group.score]));
        text.push('\n');
        text.push_str(&align(&rows));
    }
    let (outcome, why) = view.verdict();
    let (icon, hue) = outcome_icon(outcome);
    let word = paint.paint(Some(hue), &format!("{icon} {}", outcome.as_str()));
    say::add(&mut text, format_args!("\n{word}: {}\n", say::wrap(&why, width, 2)));
    text
}

fn pairs(count: usize) -> String {
    if count == 1 { "1 pair of series".to_owned() } else { format!("{count} pairs of series") }
}

fn line(width: usize, word: &str, rest: &str) -> String {
    let rest = say::wrap(rest, width, INDENT);
    format!("  {word:<pad$}{rest}\n", pad = INDENT - 2)
}

fn metric(result: &PairResult, pair: &Pair, paint: Paint, width: usize) -> String {
    let (icon, hue) = icon(result.found.label);
    let label = paint.paint(Some(hue), &format!("{icon} {}", result.found.label.as_str()));
    let mut text = format!("{label}  {}  ({})\n", heading(result), qualities(result));
    if let Some(reason) = result.reason() {
        text += &line(width, "reason", &say::clean(&reason));
    }
    let sides =
        [("canary", &pair.experiment, result.experiment), ("baseline", &pair.control, result.control)];
    let raw = sides.map(|(_, series, _)| series.as_deref().unwrap_or_default());
    let range = plot::range(&raw).unwrap_or_default();
    let widest = raw.iter().map(|series| series.len().min(PICTURE)).max().unwrap_or_default();
    for ((name, _, summary), series) in sides.into_iter().zip(raw) {
        let picture = plot::spark(series, range, PICTURE);
        let picture = format!("{picture}{}", " ".repeat(widest - picture.chars().count()));
        let values = match summary.count {
            0 => format!("no values of {} left", series.len()),
            count => format!(
                "mean {}  std {}  {count} values",
                say::number(summary.mean),
                say::number(summary.std)
            ),
        };
        say::add(&mut text, format_args!("  {name:<width$}{picture}  {values}\n", width = INDENT - 2));
    }
    if let Some(compared) = &result.found.compared {
        if let Some(ratio) = result.found.ratio {
            text += &line(width, "ratio", &say::number(ratio));
        }
        let interval = &compared.interval;
        let numbers = format!(
            "{} to {}, best {}; it must clear {}",
            say::number(interval.lower),
            say::number(interval.upper),
            say::number(interval.estimate),
            say::number(compared.margin)
        );
        text += &line(width, "difference", &numbers);
        if let Some(axis) = plot::axis(compared, PICTURE) {
            say::add(&mut text, format_args!("{}{axis}\n", " ".repeat(INDENT)));
        }
    }
    if let Some(what_if) = &result.evidence.what_if {
        text += &line(width, "would be", &what_if.to_string());
    }
    for finding in &result.evidence.findings {
        text += &line(width, "note", &say::harmless(&finding.to_string()));
    }
    text
}
