//! A plan as text: how long each verdict takes at each weight, what it costs, and what suffices.

use serin_gate::plan::{Plan, Planned, Row, Time, Together};
use serin_gate::policy::Class;

pub use crate::form::Form;
use crate::form::{NEVER, minutes, percent, short};
use crate::judgement::harmless;

/// Columns of the picture's axis.
const COLUMNS: usize = 60;

/// The whole plan.
#[must_use]
pub fn page(plan: &Plan, form: Form) -> String {
    let mut text = form.heading(&proposal(plan));
    if 1 < plan.metrics.len() {
        text += "\n";
        text += &together(plan, form);
    }
    for (place, metric) in plan.metrics.iter().enumerate() {
        text += "\n";
        text += &of_metric(plan, place, metric, form);
    }
    let picture = picture(plan);
    if !picture.is_empty() {
        text += "\n";
        text += &form.picture(&picture);
    }
    for note in &plan.notes {
        text += "\n";
        text += &form.line(&format!("Note: {} {}", harmless(&note.name), harmless(&note.why)));
    }
    text
}

/// What suffices for the deadline.
fn proposal(plan: &Plan) -> String {
    let deadline = minutes(plan.deadline);
    let guards = plan.metrics.iter().filter(|planned| planned.subject.metric.class == Class::Guard).count();
    match plan.proposal {
        _ if guards == 0 => "There is no guard metric that can be planned for: nothing can PASS".to_owned(),
        Some(enough) => format!(
            "For PASS within {deadline} (nine of ten good releases): weight {} with {}",
            percent(enough.weight),
            pods(f64::from(enough.canary_pods), "canary pod")
        ),
        None => format!(
            "PASS within {deadline} (nine of ten good releases): not at these weights; allow more time, more weight, more pods \
             or a wider margin"
        ),
    }
}

fn pods(count: f64, what: &str) -> String {
    let plural = if short(count) == "1" { "" } else { "s" };
    format!("{} {what}{plural}", short(count))
}

/// PASS waits for the slowest guard.
fn together(plan: &Plan, form: Form) -> String {
    let mut text = form.heading("All guards together: PASS waits for the slowest");
    let mut rows = vec![["weight", "PASS if good", "slowest"].map(str::to_owned).to_vec()];
    let row = |together: &Together, weight: String| {
        vec![weight, time(together.pass), named(plan, together).unwrap_or_else(|| "no guard".to_owned())]
    };
    rows.extend(plan.together.iter().map(|together| row(together, percent(together.weight))));
    if let Some(schedule) = &plan.schedule {
        rows.push(row(schedule, stages(plan)));
    }
    text += &form.table(&rows);
    text
}

fn named(plan: &Plan, together: &Together) -> Option<String> {
    plan.metrics.get(together.slowest?).map(|planned| harmless(&planned.subject.name))
}

/// The schedule as it was written.
fn stages(plan: &Plan) -> String {
    let stage = |stage: &serin_gate::plan::Stage| {
        let weight = percent(stage.weight);
        if stage.minutes.is_finite() { format!("{weight} for {}", minutes(stage.minutes)) } else { weight }
    };
    plan.stages.iter().map(stage).collect::<Vec<_>>().join(", ")
}

fn of_metric(plan: &Plan, place: usize, planned: &Planned, form: Form) -> String {
    let (subject, service) = (&planned.subject, &planned.subject.service);
    let mut text = form.heading(&format!("{}{}", harmless(&subject.name), class(subject.metric.class)));
    let (exposure, rate) = if service.is_per_pod {
        // The exposure is milliseconds of pods.
        (
            "of pods' time".to_owned(),
            format!("{} events per hour of a pod", short(service.rate * 3_600_000.0)),
        )
    } else {
        (
            format!("{} requests a minute", short(service.exposure)),
            format!("{} of them events", percent(service.rate)),
        )
    };
    text += &form.line(&format!(
        "{exposure}, {rate}: {} events a minute; {}",
        short(service.exposure * service.rate),
        pods(service.stable_pods, "stable pod")
    ));
    text += &form.line(&format!(
        "bursts φ {} (likely {}), pods differ by {} (likely {})",
        short(service.phi),
        short(service.likely_phi),
        percent(service.between_pods),
        percent(service.likely_between_pods)
    ));
    let floor = match subject.metric.floor {
        floor if floor > 0.0 => format!(" plus {} of the requests", percent(floor)),
        _ => String::new(),
    };
    let tolerated = match subject.metric.tolerated {
        ratio if ratio > 1.0 => format!("{ratio} times"),
        _ => "the stable version".to_owned(),
    };
    text += &form.line(&format!(
        "FAIL: worse than {tolerated}, with evidence of {} to 1 (log {:.2}); PASS: not worse than {} times{floor}, {} to 1",
        short(subject.fail_bar.exp()),
        subject.fail_bar,
        subject.metric.margin,
        short(subject.pass_bar.exp()),
    ));
    text += "\n";
    text += &form.table(&table(plan, planned));
    for told in impossible(planned) {
        text += &form.line(&told);
    }
    if place + 1 == plan.metrics.len() {
        text += &form.line("Times are median / 90th percentile of releases; — is never, with these pods.");
    }
    text
}

fn class(class: Class) -> &'static str {
    match class {
        Class::Guard => "",
        Class::Watch => " (may FAIL, and PASS does not wait for it)",
        Class::Note => " (decides nothing)",
    }
}

fn table(plan: &Plan, planned: &Planned) -> Vec<Vec<String>> {
    let mut heading = vec!["weight".to_owned(), "pods".to_owned(), "PASS if good".to_owned()];
    heading.extend(plan.ratios.iter().map(|ratio| format!("FAIL at {ratio}x")));
    let of: Vec<String> = plan.ratios.iter().map(|ratio| format!("{ratio}x")).collect();
    heading.push(format!("bad requests at {}", of.join(" / ")));
    heading.push("pod hours".to_owned());
    let row = |row: &Row, weight: String| {
        let mut cells = vec![weight, short(row.canary_pods), time(row.pass)];
        cells.extend(row.fail.iter().map(|fail| time(*fail)));
        let bad: Vec<String> = row.bad_requests.iter().map(|bad| number(*bad)).collect();
        cells.push(bad.join(" / "));
        cells.push(number(row.pod_hours));
        cells
    };
    let mut rows = vec![heading];
    rows.extend(planned.rows.iter().map(|one| row(one, percent(one.weight))));
    rows.extend(planned.schedule.iter().map(|one| row(one, stages(plan))));
    rows
}

fn number(value: Option<f64>) -> String {
    value.map_or(NEVER.to_owned(), short)
}

fn time(time: Time) -> String {
    let one = |at: Option<f64>| at.map_or(NEVER.to_owned(), minutes);
    format!("{} / {}", one(time.median), one(time.p90))
}

/// Weights at which PASS cannot be shown with these pods.
fn impossible(planned: &Planned) -> Vec<String> {
    let of = |(row, needed): (&Row, &Option<u32>)| {
        let (weight, have) = (percent(row.weight), pods(row.canary_pods, "canary pod"));
        let mend = match needed {
            Some(need) => format!("{need} would do"),
            None => "no number would do: widen the margin, or run more stable pods".to_owned(),
        };
        row.pass.p90.is_none().then(|| {
            format!("At {weight} PASS cannot be shown in nine of ten good releases with {have}: {mend}.")
        })
    };
    planned.rows.iter().zip(&planned.pods_needed).filter_map(of).collect()
}

/// Time to the verdict at each weight, on a logarithmic axis: from the median to the 90th percentile. Of several metrics, the
/// one that decides at the first weight.
fn picture(plan: &Plan) -> String {
    let place = plan.together.first().and_then(|together| together.slowest).unwrap_or(0);
    let Some(planned) = plan.metrics.get(place) else { return String::new() };
    let goals = |row: &Row| {
        let fails = row.fail.iter().zip(&plan.ratios).map(|(fail, ratio)| (format!("FAIL {ratio}x"), *fail));
        std::iter::once(("PASS".to_owned(), row.pass)).chain(fails).collect::<Vec<_>>()
    };
    let all: Vec<(String, Vec<(String, Time)>)> =
        planned.rows.iter().map(|row| (percent(row.weight), goals(row))).collect();
    let times =
        || all.iter().flat_map(|(_, goals)| goals).flat_map(|(_, time)| [time.median, time.p90]).flatten();
    let (low, high) = times().fold((f64::INFINITY, 0.0f64), |(low, high), at| (low.min(at), high.max(at)));
    if !low.is_finite() {
        return String::new();
    }
    let marks = [0.25, 1.0, 5.0, 15.0, 60.0, 240.0, 1440.0, 10_080.0, 43_200.0, 525_600.0];
    let first = marks.iter().rev().find(|mark| **mark <= low).copied().unwrap_or(low);
    let last = marks.iter().find(|mark| high <= **mark).copied().unwrap_or(high);
    let reach = (last / first).ln().max(f64::MIN_POSITIVE);
    let column = |at: f64| ((at / first).ln() / reach * (COLUMNS - 1) as f64).round() as usize;
    let left = |weight: &str, goal: &str| format!("{weight:>6}  {goal:<10}");
    let mut axis = vec![' '; COLUMNS + 8];
    for mark in marks.iter().filter(|mark| first <= **mark && **mark <= last) {
        for (place, c) in minutes(*mark).chars().enumerate() {
            axis[column(*mark) + place] = c;
        }
    }
    let axis: String = axis.into_iter().collect();
    let mut text = format!(
        "Time to the verdict on {}: ● median, ○ 90th percentile\n{}{}\n",
        harmless(&planned.subject.name),
        left("", ""),
        axis.trim_end()
    );
    for (weight, goals) in &all {
        for (place, (goal, time)) in goals.iter().enumerate() {
            let weight = if place == 0 { weight.as_str() } else { "" };
            text += format!("{}{}", left(weight, goal), bar(time.median.map(column), time.p90.map(column)))
                .trim_end();
            text += "\n";
        }
    }
    text
}

fn bar(median: Option<usize>, p90: Option<usize>) -> String {
    let Some(from) = median else { return "never, with these pods".to_owned() };
    let until = p90.unwrap_or(COLUMNS - 1);
    let cell = |column: usize| match column {
        _ if column == from => '●',
        _ if column < from || until < column => ' ',
        _ if p90.is_none() && column == until => '→',
        _ if column == until => '○',
        _ => '─',
    };
    (0..COLUMNS).map(cell).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_ends_where_nine_of_ten_are_done_or_goes_on() {
        assert_eq!(bar(Some(1), Some(4)).trim_end(), " ●──○");
        assert_eq!(bar(Some(2), Some(2)).trim_end(), "  ●");
        assert!(bar(Some(1), None).ends_with("─→"));
        assert_eq!(bar(None, None), "never, with these pods");
    }
}
