//! A verdict of the gate as text and pictures: for a terminal, in plain words, as Markdown, as one page of HTML, as SVG and
//! as JSON. All from an evidence record, so that everybody who has it sees the same.
//!
//! Text that users wrote (names, labels, errors) is shortened and freed of control characters before it is printed, and
//! escaped where the format has a syntax of its own.

mod chart;
mod explain;
mod group;
mod html;
mod json;
mod markdown;
mod svg;
mod terminal;
mod what_if;

use serin_gate::{
    Look, MetricLook, Word,
    policy::{Class, Kind, Metric},
    record::{self, Bars, MarkedMetric, Record},
};
use serin_stats::ratio::{grid, math::exp};

use crate::{judgement::say, paint::Hue};

pub use explain::explain;
pub use group::{group_json, group_line, group_markdown, group_terminal};
pub use html::html;
pub use json::json;
pub use markdown::markdown;
pub use svg::svg;
pub use terminal::{line, terminal};

/// From this evidence on it is told as a power of ten.
const PLAIN_ODDS: f64 = 1e6;

/// One metric as of the last look.
struct Row<'a> {
    place: usize,
    metric: &'a Metric,
    name: String,
    look: &'a MetricLook,
    bars: Bars,
    /// The line that its standing rests on: its edge, and its place.
    edge: Option<f64>,
    line: usize,
    marked: Option<&'a MarkedMetric>,
    /// The margin that the step of this look has to show.
    margin: f64,
    /// Why it cannot pass now, by name and in words.
    why: Option<(&'static str, String)>,
}

fn word(record: &Record) -> Word {
    record.outcome.verdict.as_ref().map_or(Word::Hold, serin_gate::Verdict::word)
}

fn rows(record: &Record) -> Vec<Row<'_>> {
    let Some(look) = record.looks.last() else { return Vec::new() };
    let marked = record.marks.last();
    let (policy, step) = (&record.opening.policy, look.step as usize);
    let metrics = look.metrics.iter().zip(&policy.metrics).zip(record::bars(policy)).enumerate();
    metrics
        .map(|(place, ((look, metric), bars))| {
            let line = telling(metric, look, bars);
            let edge =
                if let Kind::Latency { edges, .. } = &metric.kind { edges.get(line).copied() } else { None };
            let marked = marked.and_then(|mark| mark.metrics.get(place));
            let margin = serin_gate::margin_in_step(metric, step, policy.steps.len());
            let why = look
                .hold
                .as_ref()
                .map(|hold| (hold.name(), say::clean(&record::hold(hold, policy, record.silent(place)))));
            Row { place, metric, name: say::clean(&metric.name), look, bars, edge, line, marked, margin, why }
        })
        .collect()
}

/// The line of a metric that its standing rests on: of what is worse the worst, else the one that is shown least.
fn telling(metric: &Metric, look: &MetricLook, bars: Bars) -> usize {
    let lines = look.lines.iter().enumerate();
    let is_harmed = bars.harm.is_some_and(|bar| serin_gate::decide::reaches(look.harm, bar));
    let found = if is_harmed {
        lines.max_by(|a, b| a.1.harm.total_cmp(&b.1.harm))
    } else {
        let named: &[usize] =
            if let Kind::Latency { thresholds, .. } = &metric.kind { thresholds } else { &[] };
        let guards = lines.filter(|(line, _)| named.is_empty() || named.contains(line));
        guards.min_by(|a, b| a.1.no_worse.total_cmp(&b.1.no_worse))
    };
    found.map_or(0, |(line, _)| line)
}

impl Row<'_> {
    /// The ratio of canary to stable that fits best, and where it lies: none before there are data.
    fn ratio(&self) -> Option<(f64, (f64, f64))> {
        self.ratio_of(self.line)
    }

    fn ratio_of(&self, line: usize) -> Option<(f64, (f64, f64))> {
        let marked = self.marked?;
        let best = grid::ratio(usize::from(*marked.best.get(line)?).min(grid::POINTS - 1));
        let (low, high) = (*marked.intervals.get(line)?)?.ratios();
        // Of a metric of which fewer are worse the arms have changed places in the likelihood.
        Some(if self.metric.down_is_bad {
            (1.0 / best, (1.0 / high, 1.0 / low))
        } else {
            (best, (low, high))
        })
    }

    /// Events and exposure of canary and stable version; none for a level.
    fn counts(&self) -> Option<[u64; 4]> {
        let counts = *self.marked?.counts.get(self.line)?;
        (!matches!(self.metric.kind, Kind::Gauge { .. })).then_some(counts)
    }

    fn class(&self) -> &'static str {
        match self.metric.class {
            Class::Guard => "guard",
            Class::Watch => "watch",
            Class::Note => "note",
        }
    }

    fn is_harmed(&self) -> bool {
        self.bars.harm.is_some_and(|bar| serin_gate::decide::reaches(self.look.harm, bar))
    }

    fn is_shown_no_worse(&self) -> bool {
        self.bars.no_worse.is_some_and(|bar| serin_gate::decide::reaches(self.look.no_worse, bar))
    }

    /// How the metric stands: an icon, a word and a colour.
    fn standing(&self) -> (&'static str, &'static str, Hue) {
        if self.metric.class == Class::Note {
            ("•", "only reported", Hue::Blue)
        } else if self.is_harmed() {
            ("✖", "worse", Hue::Red)
        } else if let Some(hold) = &self.look.hold {
            ("?", hold.name(), Hue::Yellow)
        } else if self.is_shown_no_worse() {
            ("✔", "no worse", Hue::Green)
        } else if self.metric.class == Class::Watch {
            ("✔", "no alarm", Hue::Green)
        } else {
            ("~", "not shown yet", Hue::Yellow)
        }
    }

    /// The margin of this step, with that of the last one where they differ.
    fn margin(&self) -> String {
        if self.margin <= self.metric.margin {
            return format!("margin {}", ratio(self.margin));
        }
        format!("margin {} in this step, {} in the last one", ratio(self.margin), ratio(self.metric.margin))
    }

    /// The name with the edge that is meant.
    fn title(&self) -> String {
        match self.edge {
            Some(edge) => format!("{} (above {})", self.name, say::number(edge)),
            None => self.name.clone(),
        }
    }
}

/// An interval as it is printed; one that reaches the ends of the grid is open there.
fn interval((low, high): (f64, f64)) -> String {
    match (low <= 1.0 / 32.0, 32.0 <= high) {
        (true, true) => "anything".to_owned(),
        (true, false) => format!("up to {}", ratio(high)),
        (false, true) => format!("{} or more", ratio(low)),
        (false, false) => format!("{} to {}", ratio(low), ratio(high)),
    }
}

/// A ratio as it is printed.
fn ratio(value: f64) -> String {
    if value < 10.0 { say::number((value * 100.0).round() / 100.0) } else { say::number(value.round()) }
}

/// An e-value: how many times better one explanation fits than the other.
fn odds(log_e: f64) -> String {
    let odds = exp(log_e.min(700.0));
    if odds >= PLAIN_ODDS {
        format!("10^{}", (log_e / std::f64::consts::LN_10).floor())
    } else if odds >= 10.0 {
        say::number(odds.round())
    } else if odds >= 0.01 {
        say::number((odds * 100.0).round() / 100.0)
    } else {
        "below 0.01".to_owned()
    }
}

/// Evidence against its bar: "12 of 20".
fn against(log_e: f64, bar: Option<f64>) -> String {
    match bar {
        Some(bar) => format!("{} of {}", odds(log_e), odds(bar)),
        None => odds(log_e),
    }
}

/// A count of one arm: "60 of 2460 (2.44 %)".
fn share(events: u64, exposure: u64, is_share: bool) -> String {
    if exposure == 0 {
        return "nothing seen".to_owned();
    }
    let rate = events as f64 / exposure as f64;
    if is_share {
        format!("{events} of {exposure} ({} %)", say::number((rate * 1e5).round() / 1e3))
    } else {
        format!("{events} in {exposure} ({})", say::number(rate))
    }
}

/// Seconds as people say them.
fn time(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => {
            let (minutes, rest) = (seconds / 60, seconds % 60);
            if rest == 0 { format!("{minutes} min") } else { format!("{minutes} min {rest} s") }
        }
        _ => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

/// How long it was looked at: blocks, time and the last moment.
fn span(record: &Record) -> String {
    let (Some(first), Some(last)) = (record.blocks.first(), record.looks.last()) else {
        return "no block was seen".to_owned();
    };
    let blocks = record.blocks.len();
    let word = if blocks == 1 { "block" } else { "blocks" };
    let seconds = last.at.saturating_since(first.start).as_secs();
    format!("after {blocks} {word}, {} until {}", time(seconds), last.at)
}

/// The reasons in one sentence, as the record has them.
fn reasons(record: &Record) -> String {
    let reasons: Vec<String> = record.outcome.reasons.iter().map(|reason| say::clean(reason)).collect();
    if reasons.is_empty() { "nothing was judged".to_owned() } else { reasons.join("; ") }
}

fn icon(word: Word) -> (&'static str, Hue) {
    match word {
        Word::Pass => ("✔", Hue::Green),
        Word::Fail => ("✖", Hue::Red),
        Word::Hold => ("~", Hue::Yellow),
    }
}

/// Both evidences of one metric at every look, as parts of their bars: harm, no harm.
fn paths(record: &Record, place: usize) -> (Vec<f64>, Vec<f64>) {
    let bars = record::bars(&record.opening.policy);
    let bar = |of: fn(&Bars) -> Option<f64>| bars.get(place).and_then(of).unwrap_or(f64::NAN);
    let (harm, no_worse) = (bar(|bars| bars.harm), bar(|bars| bars.no_worse));
    let of = |look: &Look, of: fn(&MetricLook) -> f64| look.metrics.get(place).map_or(f64::NAN, of);
    record
        .looks
        .iter()
        .map(|look| (of(look, |look| look.harm) / harm, of(look, |look| look.no_worse) / no_worse))
        .unzip()
}

#[cfg(test)]
mod tests;
