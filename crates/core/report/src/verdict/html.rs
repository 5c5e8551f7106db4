//! The report as one page of HTML: no scripts, nothing from elsewhere, light and dark as the reader prefers.

use serin_gate::record::Record;

use super::{Row, against, icon, ratio, reasons, rows, share, span, svg, what_if, word};
use crate::judgement::{
    html::{HEAD, STYLE, escape},
    say,
};

const OWN_STYLE: &str = include_str!("page.css");
/// Metrics that are drawn; further ones are in the table only.
const DRAWN_MAX: usize = 200;

/// The whole page.
#[must_use]
pub fn html(record: &Record) -> String {
    let verdict = word(record);
    let word = verdict.as_str();
    let mut page = format!("{HEAD}<title>{word}</title>\n<style>\n{STYLE}{OWN_STYLE}</style>\n<main>\n");
    say::add(
        &mut page,
        format_args!(
            "<p class=\"verdict {}\"><strong>{} {word}</strong> {}</p>\n<p class=dim>Judged {}.</p>\n",
            svg::class_of(verdict),
            icon(verdict).0,
            escape(&reasons(record)),
            escape(&span(record))
        ),
    );
    let rows = rows(record);
    page.push_str(&table(&rows));
    for sentence in what_if::pods(record) {
        say::add(&mut page, format_args!("<p>{}.</p>\n", escape(&sentence)));
    }
    for row in rows.iter().take(DRAWN_MAX) {
        page.push_str(&section(record, row));
    }
    page.push_str(&queries(record));
    say::add(
        &mut page,
        format_args!("<p class=dim>Record <code>{}</code></p>\n</main>\n</html>\n", record.hash()),
    );
    page
}

fn table(rows: &[Row]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let mut text = "<table>\n<tr><th>metric<th><th>ratio<th>95 % at every look<th>tolerated<th>margin<th>worse<th>no worse\n".to_owned();
    for row in rows {
        let (best, interval) = row.ratio().map_or((String::new(), String::new()), |(best, interval)| {
            (ratio(best), super::interval(interval))
        });
        let no_worse = row.bars.no_worse.map_or(String::new(), |bar| against(row.look.no_worse, Some(bar)));
        say::add(
            &mut text,
            format_args!(
                "<tr><td><a href=#m{}>{}</a><td>{}<td class=n>{best}<td class=n>{interval}<td class=n>{}<td class=n>{}<td class=n>{}<td class=n>{no_worse}\n",
                row.place,
                escape(&row.title()),
                badge(row),
                ratio(row.metric.tolerated),
                ratio(row.margin),
                against(row.look.harm, row.bars.harm),
            ),
        );
    }
    text + "</table>\n"
}

fn badge(row: &Row) -> String {
    let (mark, standing, hue) = row.standing();
    format!("<span class=\"badge {}\">{mark} {standing}</span>", svg::class_of_hue(hue))
}

fn section(record: &Record, row: &Row) -> String {
    let mut text = format!("<section id=m{}>\n<h2>{} {}</h2>\n", row.place, escape(&row.title()), badge(row));
    if let Some((_, why)) = &row.why {
        say::add(&mut text, format_args!("<p>{}</p>\n", escape(why)));
    }
    if let Some([x, n, y, m]) = row.counts() {
        let is_share = row.metric.is_share || row.edge.is_some();
        say::add(
            &mut text,
            format_args!("<p>canary {}, stable {}</p>\n", share(x, n, is_share), share(y, m, is_share)),
        );
    }
    for (caption, picture) in svg::figures(record, row) {
        say::add(&mut text, format_args!("<figure><figcaption>{caption}</figcaption>\n{picture}</figure>\n"));
    }
    let found = what_if::of(record, row);
    if !found.is_empty() {
        text.push_str("<ul>\n");
        for sentence in found {
            say::add(&mut text, format_args!("<li>{}\n", escape(&sentence)));
        }
        text.push_str("</ul>\n");
    }
    text + "</section>\n"
}

fn queries(record: &Record) -> String {
    if record.opening.queries.is_empty() {
        return String::new();
    }
    let mut text = "<section>\n<h2>Queries as sent</h2>\n<table>\n".to_owned();
    for query in &record.opening.queries {
        say::add(
            &mut text,
            format_args!(
                "<tr><td>{}<td>{}<td><code>{}</code>\n",
                escape(&say::clean(&query.metric)),
                escape(&say::clean(&query.part)),
                escape(&say::harmless(&query.text))
            ),
        );
    }
    text + "</table>\n</section>\n"
}
