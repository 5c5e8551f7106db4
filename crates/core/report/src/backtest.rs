//! A backtest as text: false alarms with their interval, what would have been found and how soon, past releases.

use serin_gate::backtest::whole::{Backtest, Past, Promise, Trial, quantile};

pub use crate::form::Form;
use crate::form::{NEVER, minutes, percent};
use crate::judgement::harmless;

/// All of it.
#[must_use]
pub fn page(backtest: &Backtest, form: Form) -> String {
    let mut text = form.heading(&promise(backtest));
    if form == Form::Text {
        text += "\n";
    }
    text += &form.line(&format!(
        "From {} to {}: {} blocks of {}s, {} stable pods",
        backtest.from, backtest.until, backtest.blocks, backtest.block, backtest.stable_pods
    ));
    text += &form.line(&format!(
        "Judgements of {} at most, one every {}; in each, {} of the stable pods {} the canary",
        time(backtest, backtest.horizon),
        time(backtest, backtest.stride),
        backtest.canary_pods,
        if backtest.canary_pods == 1 { "plays" } else { "play" }
    ));
    if backtest.is_overlapping() {
        text += &form.line(
            "They overlap, so they are not independent and the intervals are narrower than they should be",
        );
    }
    for (name, count) in &backtest.troubled {
        text += &form.line(&format!("{}: {count} blocks have no data", harmless(name)));
    }
    text += "\n";
    let heading = ["what", "judged", "FAIL", "95 % interval", "PASS", "HOLD", "time to FAIL", "time to PASS"];
    let mut rows = vec![heading.map(str::to_owned).to_vec()];
    rows.push(row(backtest, &backtest.same, "stable as it is"));
    for trial in &backtest.worse {
        rows.push(row(backtest, trial, &format!("{} times worse", trial.factor)));
    }
    text += &form.table(&rows);
    text += &form.line("Times are median / 90th percentile of those that got there.");
    if !backtest.releases.is_empty() {
        text += "\n";
        let heading = ["release", "verdict", "after", "incident", "found"];
        let mut rows = vec![heading.map(str::to_owned).to_vec()];
        rows.extend(backtest.releases.iter().map(|release| of_release(backtest, release)));
        text += &form.table(&rows);
    }
    text
}

fn promise(backtest: &Backtest) -> String {
    let (low, high) = backtest.same.fail_interval;
    let (failed, trials) = (backtest.same.tally.failed, backtest.same.tally.trials);
    let alpha = percent(backtest.alpha);
    if trials == 0 {
        return "No judgement of stable pods could be made: too few of them, or too short a past".to_owned();
    }
    let seen = format!(
        "False alarms: {failed} of {trials} judgements of stable pods ({}, 95 % interval {} to {})",
        percent(failed as f64 / trials as f64),
        percent(low),
        percent(high)
    );
    match backtest.promise() {
        Promise::Kept => format!("{seen}: at most {alpha} are promised, and that is kept"),
        Promise::Open => {
            format!(
                "{seen}: at most {alpha} are promised, and these are too few judgements to tell beyond doubt"
            )
        }
        Promise::Broken => format!(
            "{seen}: at most {alpha} are promised, and that is broken: this service's own pods differ by more than the \
             policy tolerates"
        ),
    }
}

fn row(backtest: &Backtest, trial: &Trial, what: &str) -> Vec<String> {
    let tally = &trial.tally;
    let share = |count: u64| match tally.trials {
        0 => NEVER.to_owned(),
        trials => percent(count as f64 / trials as f64),
    };
    vec![
        what.to_owned(),
        tally.trials.to_string(),
        share(tally.failed),
        format!("{} to {}", percent(trial.fail_interval.0), percent(trial.fail_interval.1)),
        share(tally.passed),
        share(tally.held),
        times(backtest, &tally.blocks_to_fail),
        times(backtest, &tally.blocks_to_pass),
    ]
}

fn times(backtest: &Backtest, blocks: &[u32]) -> String {
    let at = |share: f64| quantile(blocks, share).map(|blocks| time(backtest, blocks as usize));
    match (at(0.5), at(0.9)) {
        (Some(median), Some(p90)) => format!("{median} / {p90}"),
        _ => NEVER.to_owned(),
    }
}

fn time(backtest: &Backtest, blocks: usize) -> String {
    minutes(blocks as f64 * f64::from(backtest.block) / 60.0)
}

fn of_release(backtest: &Backtest, release: &Past) -> Vec<String> {
    let span = format!("{} to {}", release.from, release.until);
    let incident = release.incident.map_or(NEVER.to_owned(), |at| at.to_string());
    let Some(judged) = &release.judged else {
        return vec![span, "no data".to_owned(), NEVER.to_owned(), incident, NEVER.to_owned()];
    };
    let found = match judged.delay {
        Some(delay) if delay < 0 => format!("{} before it was marked", minutes(-delay as f64 / 60.0)),
        Some(delay) => format!("{} after it began", minutes(delay as f64 / 60.0)),
        None if release.incident.is_some_and(|incident| judged.at <= incident) => {
            "decided before it".to_owned()
        }
        None if release.incident.is_some() => "not found".to_owned(),
        None => NEVER.to_owned(),
    };
    vec![
        span,
        judged.outcome.word.as_str().to_owned(),
        time(backtest, judged.outcome.blocks as usize),
        incident,
        found,
    ]
}
