//! `why`: in plain words, why a release stands where it stands, and what to do.

use std::fmt::Write as _;

use serin_api::flagger::CanaryPhase as Phase;
use serin_canary::words::has_run;
use serin_lang::age::human;

use super::{
    Info,
    news::{Event, News, doubts, is_noise, of_run, read},
    tree::variant,
};

/// Failed checks that are listed.
const LISTED_MAX: usize = 5;

/// The answer, a few lines. `called` is what people type for `serin canary`.
#[must_use]
pub fn why(info: &Info, called: &str) -> String {
    let mut text = String::new();
    let mut say = |line: String| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{line}");
    };
    say(format!("{}.{}: {}", info.name, info.namespace, stands(info)));
    if info.suspended {
        say("It is suspended: nothing happens.".to_owned());
    }
    if !info.invalid.is_empty() {
        say(format!("It is not run: {}", info.invalid));
    }
    if let Some(variant) = variant(info) {
        say(format!("Its analysis is that of {variant}"));
    }
    let events = of_run(&info.events);
    let times = |event: &Event| times(event, events.first());
    // What it was refused for is mended by now.
    let is_mended = |event: &Event| info.invalid.is_empty() && event.message.contains("\" is invalid: ");
    if let Some(last) = events.iter().rev().find(|event| !is_noise(event) && !is_mended(event)) {
        let ago = human((info.now - last.at).max(0));
        say(format!("Last decision, {ago} ago{}: {}", times(last), last.message));
    } else {
        say("There are no events of it any more: Kubernetes forgets them after an hour.".to_owned());
    }
    if is_judged(info.phase()) {
        say(checks(info));
    }
    let failed = events.iter().rev().filter(|event| matches!(read(&event.message), News::Failed(_)));
    for event in failed.take(LISTED_MAX) {
        if let News::Failed(what) = read(&event.message) {
            say(format!("  failed{}: {what}", times(event)));
        }
    }
    let explained = |event: &&Event| matches!(read(&event.message), News::NoValues(..));
    for event in events.iter().rev().filter(explained).take(LISTED_MAX) {
        if let News::NoValues(metric, why) = read(&event.message) {
            say(format!("  no values of {metric}: {why}"));
        }
    }
    for doubt in doubts(&info.events, !has_run(info.phase())).into_iter().take(LISTED_MAX) {
        say(format!("Told {} ago: {}", human((info.now - doubt.at).max(0)), doubt.message));
    }
    if !info.message.is_empty() {
        say(format!("Its condition says: {}", info.message));
    }
    if let Some(word) = &info.unheard {
        say(format!(
            "No controller has heard what was said: {word}. Is `serin flagger` running, and is it its leader?"
        ));
    }
    for wait in waits(info, events) {
        say(format!("Waits for: {wait}"));
    }
    say(format!("Next: {}", next(info, called)));
    text
}

/// How often it was told in the run that `begun` begins. Of what was told in an earlier one too, that alone is known.
fn times(event: &Event, begun: Option<&Event>) -> String {
    let is_older = begun.is_some_and(|begun| read(&begun.message) == News::Begun && event.first < begun.at);
    match event.count {
        ..=1 => String::new(),
        _ if is_older => ", as in an earlier run".to_owned(),
        count => format!(", told {count} times"),
    }
}

fn is_judged(phase: Option<Phase>) -> bool {
    matches!(phase, Some(Phase::Progressing | Phase::WaitingPromotion))
}

fn stands(info: &Info) -> String {
    let weight = match info.live {
        Some(_) if info.is_matched() => {
            "requests that match at the new version, all others at the primary".to_owned()
        }
        Some((primary, canary)) => {
            format!("{canary} % of the traffic at the new version, {primary} % at the primary")
        }
        None => format!("weight {} by its status", info.weight),
    };
    let iterations = info.steps.iter().filter(|step| step.done).count();
    let steps = format!("{iterations} of {} steps done", info.steps.len());
    let what = match info.phase() {
        None if !info.invalid.is_empty() => return "it has not begun.".to_owned(),
        None => return "no controller has looked at it yet.".to_owned(),
        Some(Phase::Initializing) => "its primary is being made",
        Some(Phase::Initialized) => "it waits for its first new version",
        Some(Phase::Waiting) => "a new version waits for approval to start",
        Some(Phase::Progressing) => "a new version is analysed",
        Some(Phase::WaitingPromotion) => "a new version waits for approval to be promoted",
        Some(Phase::Promoting) => "the primary gets the new version",
        Some(Phase::Finalising) => "the traffic is back at the primary, which has the new version",
        Some(Phase::Succeeded) => "the last new version was promoted",
        Some(Phase::Failed) => "the last new version was taken back",
        Some(Phase::Terminating | Phase::Terminated) => "it is being deleted",
    };
    let weight =
        if info.mirrored { format!("{weight}; requests are copied to the new version") } else { weight };
    let tail = match info.phase() {
        // Nobody is led anywhere yet.
        Some(Phase::Initializing) => String::new(),
        phase if is_judged(phase) => format!("; {weight}; {steps}"),
        _ => format!("; {weight}"),
    };
    format!("{}, {what}{tail}.", info.phase)
}

fn checks(info: &Info) -> String {
    let (failed, threshold) = (info.failed_checks, info.threshold);
    let then = if threshold <= failed {
        "the next look takes the new version back".to_owned()
    } else {
        format!("{} more and it is taken back", threshold - failed)
    };
    format!("Failed checks: {failed} of {threshold}; {then}.")
}

fn waits(info: &Info, events: &[Event]) -> Vec<String> {
    let gates = info.gates.iter().filter(|gate| gate.waits);
    let mut all: Vec<String> =
        gates.map(|gate| format!("gate {} ({}), which asks {}", gate.name, gate.kind, gate.url)).collect();
    all.extend(info.missing.iter().map(|what| format!("{what}, which is not there")));
    let last = events.iter().rev().find(|event| !is_noise(event));
    if let Some(News::NotReady(what)) = last.map(|event| read(&event.message)) {
        all.push(format!("pods: {what}"));
    }
    // Once the primary has the new version, what was said is done.
    let is_open = is_judged(info.phase()) || info.phase() == Some(Phase::Waiting);
    all.extend(
        info.granted.iter().filter(|_| is_open).map(|word| format!("pods, to do what was said: {word}")),
    );
    all
}

fn next(info: &Info, called: &str) -> String {
    let (name, n) = (&info.name, &info.namespace);
    let is_serins = info.controller != "flagger";
    let waits: Vec<&str> = info.gates.iter().filter(|gate| gate.waits).map(|gate| &*gate.name).collect();
    if info.suspended {
        return format!(
            "kubectl -n {n} patch canary {name} --type=merge -p '{{\"spec\":{{\"suspend\":false}}}}'"
        );
    }
    if !info.invalid.is_empty() {
        return "mend the field that is named; the Canary is looked at as soon as it changes.".to_owned();
    }
    if !waits.is_empty() {
        return if is_serins {
            format!(
                "{called} -n {n} approve {name}, or {called} -n {n} abort {name}; or let {} say yes.",
                waits.join(", ")
            )
        } else {
            format!("let the web hook of {} say yes (Flagger knows no other way).", waits.join(", "))
        };
    }
    let look = format!("the next look is at most {} away", info.interval);
    if let Some(what) = &info.missing {
        return format!(
            "create {what} in namespace {n}, or correct its name where it is called for; {look}."
        );
    }
    match info.phase() {
        Some(Phase::Progressing | Phase::WaitingPromotion) if is_serins => {
            format!(
                "{look}; {called} -n {n} promote {name} leaves the rest out, {called} -n {n} abort {name} takes it back."
            )
        }
        Some(Phase::Failed) => format!(
            "give {} a version that mends what failed, or its earlier one; the same version is not tried again by itself.",
            info.target
        ),
        Some(Phase::Initialized | Phase::Succeeded) => {
            format!("nothing; a new version of {} begins a run.", info.target)
        }
        None => "see that a controller runs: serin flagger, or Flagger.".to_owned(),
        _ => format!("nothing; {look}."),
    }
}
