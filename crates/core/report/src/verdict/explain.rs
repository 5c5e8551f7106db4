//! One metric in plain words, with its evidence in time.

use serin_gate::{
    Word,
    policy::{Class, Kind},
    record::Record,
};

use super::{Row, chart, odds, paths, ratio, rows, share, span, time, what_if, word};
use crate::judgement::say;

/// Rows of the picture.
const ROWS: usize = 13;
/// Room at the left of the picture.
const LABELS: usize = 10;

/// How the metric `name` was judged, in lines of about `width` characters; none without such a metric or without a look.
#[must_use]
pub fn explain(record: &Record, name: &str, width: usize) -> Option<String> {
    let row = rows(record).into_iter().find(|row| row.metric.name == name)?;
    let mut text = format!("{}: {}\n", row.name, row.standing().1);
    let mut paragraph = |sentences: Vec<String>| {
        let sentences: Vec<String> = sentences.into_iter().filter(|sentence| !sentence.is_empty()).collect();
        if !sentences.is_empty() {
            say::add(&mut text, format_args!("\n{}\n", say::wrap(&sentences.join(" "), width, 0)));
        }
    };
    paragraph(vec![what_was_seen(&row), lies(&row), span_of(record)]);
    paragraph(vec![worse(&row), no_worse(&row)]);
    paragraph(vec![what_counts(record, &row)]);
    if let Some((name, why)) = &row.why {
        let stop = if why.ends_with('?') { "" } else { "." };
        paragraph(vec![format!("It cannot pass now ({name}): {why}{stop}")]);
    }
    paragraph(edges(&row));
    let sentences = what_if::of(record, &row);
    if !sentences.is_empty() {
        paragraph(vec![format!("What would change it: {}.", sentences.join("; "))]);
    }
    paragraph(what_if::pods(record).into_iter().map(|sentence| format!("{sentence}.")).collect());
    paragraph(vec![part_of_the_whole(record, &row)]);
    let (harm, no_worse) = paths(record, row.place);
    text.push('\n');
    text += &chart::time(&harm, &no_worse, width.saturating_sub(LABELS), ROWS);
    Some(text)
}

fn span_of(record: &Record) -> String {
    format!("This was judged {}.", span(record))
}

fn what_was_seen(row: &Row) -> String {
    let is_share = row.metric.is_share || row.edge.is_some();
    let what = row.edge.map_or("The".to_owned(), |edge| format!("Above {} the", say::number(edge)));
    match row.counts() {
        Some([x, n, y, m]) => {
            format!(
                "{what} canary had {}, the stable version {}.",
                share(x, n, is_share),
                share(y, m, is_share)
            )
        }
        None => "The levels of canary and stable version were compared block by block.".to_owned(),
    }
}

fn lies(row: &Row) -> String {
    match row.ratio() {
        Some((best, interval)) => {
            let certain = format!(
                "it lies in {}, which is right in 95 of 100 rollouts however often one looks.",
                super::interval(interval)
            );
            format!("The ratio that fits best is {}; {certain}", ratio(best))
        }
        None => String::new(),
    }
}

fn worse(row: &Row) -> String {
    let Some(bar) = row.bars.harm else { return "It is only reported: it decides nothing.".to_owned() };
    let verb = if row.is_harmed() { "so it is FAIL" } else { "so it is not FAIL" };
    format!(
        "That it is worse than the tolerated ratio of {} fits the data {} times as well as that it is not; FAIL needs {}, {verb}.",
        ratio(row.metric.tolerated),
        odds(row.look.harm),
        odds(bar)
    )
}

fn no_worse(row: &Row) -> String {
    let Some(bar) = row.bars.no_worse else {
        return if row.metric.class == Class::Watch {
            "It is watched only: it may say FAIL, and PASS does not wait for it.".to_owned()
        } else {
            String::new()
        };
    };
    let verb = if row.is_shown_no_worse() { "so it is shown" } else { "so it is not shown yet" };
    let floor = if row.metric.floor > 0.0 {
        format!(" (or below the floor of {})", say::number(row.metric.floor))
    } else {
        String::new()
    };
    format!(
        "That it is not {} times worse{floor} fits this step's data {} times as well as that it is; PASS {}needs {}, {verb}.",
        ratio(row.margin),
        odds(row.look.no_worse),
        if row.margin > row.metric.margin { "of this step " } else { "" },
        odds(bar)
    )
}

fn what_counts(record: &Record, row: &Row) -> String {
    let look = row.look;
    let past = record.past.get(row.place).and_then(|lines| lines.get(row.line));
    let bursts = if look.phi > 1.0 {
        format!("Its events come in bursts of about {}, so that each counts that much less.", ratio(look.phi))
    } else {
        "Its events come one by one.".to_owned()
    };
    let pods = past.map_or(0.0, |past| past.between_pods);
    let pods = format!(
        "Pods of one version differ by about {} %, so {} pods of the canary beside {} stable ones differ by {} % from one \
         another although the versions are equal, however long one looks.",
        (pods * 100.0).round(),
        ratio(look.canary_pods),
        ratio(look.stable_pods),
        (look.spread * 100.0).round()
    );
    format!("{bursts} {pods}")
}

fn edges(row: &Row) -> Vec<String> {
    let Kind::Latency { edges, thresholds } = &row.metric.kind else { return Vec::new() };
    let one = |(place, edge): (usize, &f64)| {
        let look = row.look.lines.get(place)?;
        let (best, interval) = row.ratio_of(place)?;
        let named = if thresholds.contains(&place) { ", named" } else { "" };
        Some(format!(
            "Above {}{named}: ratio {} ({}), worse {}, no worse {}.",
            say::number(*edge),
            ratio(best),
            super::interval(interval),
            odds(look.harm),
            odds(look.no_worse)
        ))
    };
    edges.iter().enumerate().filter_map(one).collect()
}

fn part_of_the_whole(record: &Record, row: &Row) -> String {
    let policy = &record.opening.policy;
    let counting = policy.metrics.iter().filter(|metric| metric.class != Class::Note).count();
    let what = match word(record) {
        Word::Pass => "The verdict of the whole is PASS",
        Word::Fail => "The verdict of the whole is FAIL",
        Word::Hold => "The verdict of the whole is HOLD",
    };
    let share = if row.metric.class == Class::Note || counting < 2 {
        String::new()
    } else {
        format!(" {counting} metrics share the {} % of wrong FAILs that are allowed.", policy.alpha * 100.0)
    };
    let seconds = record.looks.last().map_or(0, |look| u64::from(look.step_seconds));
    format!("{what} ({}), {} into its step.{share}", record.outcome.rule, time(seconds))
}
