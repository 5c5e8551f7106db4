//! The report for a pull request.

use serin_gate::record::Record;

use super::{against, icon, ratio, reasons, rows, span, what_if, word};
use crate::judgement::{markdown_escape as escape, say};

/// The report.
#[must_use]
pub fn markdown(record: &Record) -> String {
    let word = word(record);
    let mut text = format!("### {} {}\n\n{}\n\n", icon(word).0, word.as_str(), escape(&reasons(record)));
    say::add(&mut text, format_args!("Judged {}.\n", escape(&span(record))));
    let rows = rows(record);
    if !rows.is_empty() {
        text.push_str("\n| metric | | ratio | 95 % | tolerated | margin | worse | no worse |\n|---|---|---|---|---|---|---|---|\n");
    }
    for row in &rows {
        let (mark, standing, _) = row.standing();
        let (best, interval) = row.ratio().map_or((String::new(), String::new()), |(best, interval)| {
            (ratio(best), super::interval(interval))
        });
        let no_worse = row.bars.no_worse.map_or(String::new(), |bar| against(row.look.no_worse, Some(bar)));
        say::add(
            &mut text,
            format_args!(
                "| {} | {mark} {standing} | {best} | {interval} | {} | {} | {} | {no_worse} |\n",
                escape(&row.title()),
                ratio(row.metric.tolerated),
                ratio(row.margin),
                against(row.look.harm, row.bars.harm),
            ),
        );
    }
    for row in &rows {
        let found = what_if::of(record, row);
        if !found.is_empty() {
            say::add(&mut text, format_args!("\n**{}**: {}.\n", escape(&row.name), found.join("; ")));
        }
    }
    for sentence in what_if::pods(record) {
        say::add(&mut text, format_args!("\n{}.\n", escape(&sentence)));
    }
    say::add(&mut text, format_args!("\nRecord `{}`\n", record.hash()));
    text
}
