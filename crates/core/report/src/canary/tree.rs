//! `get`: the key and value lines, then what stands around the Canary.

use std::fmt::Write as _;

use serin_api::flagger::CanaryPhase as Phase;
use serin_canary::words::{has_run, is_without_run};
use serin_lang::age::human;

use super::Info;
use crate::{
    paint::{Paint, icon},
    table::align,
};

/// The word of the icons for a phase.
pub(crate) fn word(phase: Option<Phase>) -> &'static str {
    use Phase::{
        Failed, Finalising, Initialized, Initializing, Progressing, Promoting, Succeeded, Terminated,
        Terminating, Waiting, WaitingPromotion,
    };
    match phase {
        Some(Initialized | Succeeded) => "Healthy",
        Some(Waiting | WaitingPromotion) => "Paused",
        Some(Initializing | Progressing | Promoting | Finalising) => "Progressing",
        Some(Failed) => "Failed",
        Some(Terminating | Terminated) => "Terminating",
        None => "Unknown",
    }
}

/// Everything that `get` prints.
#[must_use]
pub fn details(info: &Info, paint: Paint) -> String {
    let mut text = String::new();
    let (icon_text, hue) = icon(word(info.phase()));
    let phase = if info.phase.is_empty() { "not seen by a controller yet" } else { &info.phase };
    line(&mut text, "Name:", &info.name);
    line(&mut text, "Namespace:", &info.namespace);
    line(&mut text, "Status:", &format!("{} {phase}", paint.paint(hue, icon_text)));
    for (key, value) in [("Message:", &info.message), ("Invalid:", &info.invalid)] {
        if !value.is_empty() {
            line(&mut text, key, value);
        }
    }
    if info.suspended {
        line(&mut text, "Suspended:", "true: nothing happens until spec.suspend is false");
    }
    if !info.controller.is_empty() {
        line(&mut text, "Controller:", info.controller);
    }
    let guess = "; the Canary says none, and the controller's own is known by --mesh-provider alone";
    line(
        &mut text,
        "Provider:",
        &format!("{}{}", info.provider, if info.provider_is_said { "" } else { guess }),
    );
    if let Some(analysis) = variant(info) {
        line(&mut text, "Analysis:", &analysis);
    }
    line(&mut text, "Strategy:", info.strategy);
    line(&mut text, "  Weight:", &weight(info));
    if info.mirrored {
        line(&mut text, "  Mirror:", "requests are copied to the new version");
    }
    line(&mut text, "  Steps:", &steps(info));
    line(&mut text, "  FailedChecks:", &format!("{} of {}", info.failed_checks, info.threshold));
    line(&mut text, "  NextLook:", &next_look(info));
    line(&mut text, "Revision:", &revision(info));
    for (index, (metric, said)) in info.metrics.iter().enumerate() {
        line(&mut text, if index == 0 { "Metrics:" } else { "" }, &format!("{metric}: {said}"));
    }
    if !info.metrics.is_empty() {
        line(&mut text, "", "(values that pass are in no object: see flagger_canary_metric_analysis)");
    }
    for (index, gate) in info.gates.iter().enumerate() {
        let state = match &gate.approved {
            Some(by) if by.is_empty() => "approved by hand".to_owned(),
            Some(by) => format!("approved by {by}"),
            None if gate.waits => format!("is waited for, asks {}", gate.url),
            None => "is not asked now".to_owned(),
        };
        let gate = format!("{} ({}): {state}", gate.name, gate.kind);
        line(&mut text, if index == 0 { "Gates:" } else { "" }, &gate);
    }
    for word in &info.granted {
        line(&mut text, "Word:", word);
    }
    if let Some(word) = &info.unheard {
        line(&mut text, "Word:", &format!("{word}: no controller has heard it yet"));
    }
    text.push('\n');
    text + &tree(info, paint)
}

fn line(text: &mut String, key: &str, value: &str) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{key:<17}{value}");
}

/// Which of several analyses it has.
pub(super) fn variant(info: &Info) -> Option<String> {
    let unknown =
        info.variant_unknown.as_ref().map(|why| format!("; what is shown is spec.analysis as it is: {why}"));
    (!info.variant.is_empty()).then(|| format!("{}{}", info.variant, unknown.unwrap_or_default()))
}

fn weight(info: &Info) -> String {
    match (&info.live, &info.live_unknown) {
        (Some(_), _) if info.is_matched() => {
            "requests that match; all others at the primary (by the routes)".to_owned()
        }
        (Some((primary, canary)), _) => format!("{canary} (primary {primary}; by the routes)"),
        (None, Some(why)) => format!("{} (by the status; the routes do not tell: {why})", info.weight),
        (None, None) => format!("{} (by the status)", info.weight),
    }
}

/// `10 20 | 30 40`: what is done, and what is to come.
fn steps(info: &Info) -> String {
    let names = |done: bool| {
        let steps = info.steps.iter().filter(|step| step.done == done);
        let names: Vec<&str> = steps.map(|step| step.name.as_str()).collect();
        if names.is_empty() { "-".to_owned() } else { names.join(" ") }
    };
    if has_run(info.phase()) {
        format!("done {}, to come {}", names(true), names(false))
    } else {
        format!("{} of a run; there is none", names(false))
    }
}

fn next_look(info: &Info) -> String {
    // Flagger looks each interval, whatever it found at the last look.
    let is_at_rest = info.controller != "flagger" && is_without_run(info.phase());
    let of = if is_at_rest { " of a change" } else { "" };
    format!("within {}{of} (the controller alone knows the moment: it is in no object)", info.interval)
}

fn revision(info: &Info) -> String {
    let known = |text: &str| if text.is_empty() { "none".to_owned() } else { text.to_owned() };
    let mut text = format!("{} seen last, {} promoted", known(&info.applied), known(&info.promoted));
    if let Some(revision) = info.revision.as_ref().filter(|it| **it != info.applied) {
        let _ = write!(text, "; the target is at {revision}");
    }
    text
}

fn tree(info: &Info, paint: Paint) -> String {
    let painted = |status: &str, shown: &str| {
        let (icon_text, hue) = icon(status);
        format!("{} {shown}", paint.paint(hue, icon_text))
    };
    let mut rows = vec![["NAME", "KIND", "STATUS", "AGE", "INFO"].map(str::to_owned).to_vec()];
    let phase = painted(word(info.phase()), &info.phase);
    rows.push(vec![
        format!("⟳ {}", info.name),
        "Canary".to_owned(),
        phase,
        human(info.age_secs),
        info.target.clone(),
    ]);
    for (index, part) in info.parts.iter().enumerate() {
        let branch = if index + 1 == info.parts.len() { "└──" } else { "├──" };
        let status = match part.pods {
            None => String::new(),
            Some((_, 0)) => painted("ScaledDown", "no pods"),
            Some((available, wanted)) => {
                let status = if wanted <= available { "Healthy" } else { "Progressing" };
                painted(status, &format!("{available}/{wanted} available"))
            }
        };
        let name = format!("{branch}{}", part.name);
        rows.push(vec![name, part.kind.clone(), status, human(part.age_secs), part.role.clone()]);
    }
    align(&rows)
}
