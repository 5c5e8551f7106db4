//! The report for a terminal, and the line that is told after each look.

use serin_gate::{
    Block, Gate, Look, Verdict,
    record::{self, Record},
};

use super::{Row, against, chart, icon, odds, ratio, reasons, rows, share, span, what_if, word};
use crate::judgement::say;
use crate::paint::Paint;

/// Where the text beside a word begins.
const INDENT: usize = 12;
/// Columns of the pictures.
const PICTURE: usize = 48;

/// The whole report, in lines of about `width` characters.
#[must_use]
pub fn terminal(record: &Record, paint: Paint, width: usize) -> String {
    let (mark, hue) = icon(word(record));
    let verdict = paint.paint(Some(hue), &format!("{mark} {}", word(record).as_str()));
    let mut text = format!("{verdict} {}\n", say::wrap(&span(record), width, 2));
    say::add(&mut text, format_args!("  {}\n", say::wrap(&reasons(record), width, 2)));
    for row in rows(record) {
        text.push('\n');
        text += &metric(record, &row, paint, width);
    }
    for sentence in what_if::pods(record) {
        say::add(&mut text, format_args!("\n{}\n", say::wrap(&sentence, width, 2)));
    }
    text
}

fn field(width: usize, word: &str, rest: &str) -> String {
    format!("  {word:<pad$}{}\n", say::wrap(rest, width, INDENT), pad = INDENT - 2)
}

fn metric(record: &Record, row: &Row, paint: Paint, width: usize) -> String {
    let (mark, standing, hue) = row.standing();
    let label = paint.paint(Some(hue), &format!("{mark} {standing}"));
    let mut text = format!("{label}  {}  ({})\n", row.title(), row.class());
    if let Some((_, why)) = &row.why {
        text += &field(width, "hold", why);
    }
    let metric = row.metric;
    let limits = format!("tolerated {}, {}", ratio(metric.tolerated), row.margin());
    match row.ratio() {
        Some((best, interval)) => {
            let numbers =
                format!("{}; 95 % at every look: {}; {limits}", ratio(best), super::interval(interval));
            text += &field(width, "ratio", &numbers);
            let axis =
                chart::axis(best, interval, (metric.tolerated, row.margin), metric.down_is_bad, PICTURE);
            say::add(&mut text, format_args!("{}{axis}\n", " ".repeat(INDENT)));
        }
        None => text += &field(width, "ratio", &format!("nothing is known yet; {limits}")),
    }
    let (look, bars) = (row.look, row.bars);
    text += &field(
        width,
        "worse",
        &format!("{} for FAIL {}", against(look.harm, bars.harm), chart::bar(look.harm, bars.harm)),
    );
    if bars.no_worse.is_some() {
        let bar = chart::bar(look.no_worse, bars.no_worse);
        text +=
            &field(width, "no worse", &format!("{} for PASS {bar}", against(look.no_worse, bars.no_worse)));
    }
    if let Some([x, n, y, m]) = row.counts() {
        text += &field(width, "canary", &share(x, n, metric.is_share || row.edge.is_some()));
        text += &field(width, "stable", &share(y, m, metric.is_share || row.edge.is_some()));
    }
    let pods = format!(
        "{} of the canary, {} stable; bursts of {}; equal versions differ by {} %",
        ratio(look.canary_pods),
        ratio(look.stable_pods),
        ratio(look.phi),
        (look.spread * 100.0).round()
    );
    text += &field(width, "pods", &pods);
    let found = what_if::of(record, row);
    if !found.is_empty() {
        text += &field(width, "what if", &found.join("; "));
    }
    text
}

/// One line about the look after a block: time, verdict, and each metric's evidence.
#[must_use]
pub fn line(look: &Look, block: &Block, gate: &Gate, paint: Paint) -> String {
    let policy = gate.policy();
    let (mark, hue) = icon(look.verdict.word());
    let verdict = paint.paint(Some(hue), &format!("{mark} {:<4}", look.verdict.word().as_str()));
    let metric = |(look, metric): (&serin_gate::MetricLook, &serin_gate::policy::Metric)| {
        format!("{} worse {} ok {}", say::clean(&metric.name), odds(look.harm), odds(look.no_worse))
    };
    let metrics: Vec<String> = look.metrics.iter().zip(&policy.metrics).map(metric).collect();
    let silent = |metric| record::silent(block, gate.roster(), metric);
    let why = match &look.verdict {
        Verdict::Pass => String::new(),
        verdict => {
            let reasons: Vec<String> =
                record::reasons(verdict, policy, silent).iter().map(|reason| say::clean(reason)).collect();
            format!("  {}", reasons.join("; "))
        }
    };
    format!("{} {verdict} step {} | {} |{why}", look.at, look.step + 1, metrics.join(" | "))
}
