//! A Canary with what stands around it, as the screens show it.

use serde::Serialize;
use serde_json::Value;
use serin_api::{
    flagger::{Canary, CanaryAnalysis, CanaryMetric, CanaryPhase as Phase, HookKind, Strategy, WHOLE},
    lenient,
};
use serin_canary::{
    commands::is_serins,
    sight,
    words::{GRANTED, Granted, Verb, WORD, Word, all_gates, gate_of},
};
use serin_lang::duration::GoDuration;

use super::news::{self, Event, News};
use crate::lens::{entry, list, number, seconds, text};

/// What is told at each look and was not in so many is true no more.
const LOOKS: i64 = 3;

/// The objects that one screen is made of.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// The Canary.
    pub canary: Value,
    /// Target, primary, Services and routes, as far as they are there.
    pub objects: Vec<Value>,
    /// Events of its namespace.
    pub events: Vec<Value>,
    /// Percent of the traffic at the primary and at the new version, or why that is not known; none when nobody looked.
    pub live: Option<Result<(u32, u32), String>>,
    /// Whether requests are copied to the new version by the routes.
    pub mirrored: bool,
    /// The analysis that its controller has chosen among several, or why that is not known; none where there is no choice.
    pub analysis: Option<Result<CanaryAnalysis, String>>,
    /// The revision that the target is at, by Serin's way of hashing.
    pub revision: Option<String>,
    /// What routes the traffic of Canaries that do not say it.
    pub provider: String,
    /// Seconds since 1970 at which the objects were looked at.
    pub now: i64,
}

/// What is shown of a Canary.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Info {
    /// Name.
    pub name: String,
    /// Namespace.
    pub namespace: String,
    /// `Deployment/podinfo`.
    pub target: String,
    /// What routes the traffic.
    pub provider: String,
    /// Whether the Canary says so; otherwise it is what the command was told of the controller's flag, or its default.
    pub provider_is_said: bool,
    /// `serin`, `flagger`, or nothing while nobody has run it.
    pub controller: &'static str,
    /// Phase.
    pub phase: String,
    /// What the condition says of the phase.
    pub message: String,
    /// Why it is not run, if it is not.
    pub invalid: String,
    /// Whether it is left alone.
    pub suspended: bool,
    /// Which of several analyses is run, and who has chosen it; empty where there is one.
    pub variant: String,
    /// Why it is not known what that analysis is: what is told of steps and metrics is that of `spec.analysis` then.
    pub variant_unknown: Option<String>,
    /// `canary`, `blue-green` or `ab-testing`.
    pub strategy: &'static str,
    /// The weight that the status tells.
    pub weight: i64,
    /// Percent at the primary and at the new version by the routes; where requests are matched, of those that match.
    pub live: Option<(u32, u32)>,
    /// Whether requests are copied to the new version, which answers nobody.
    pub mirrored: bool,
    /// Why that is not known.
    pub live_unknown: Option<String>,
    /// Failed checks of the run, and how many end it.
    pub failed_checks: i64,
    /// Failed checks that end the run.
    pub threshold: i64,
    /// The steps of a run.
    pub steps: Vec<Step>,
    /// Time between two looks.
    pub interval: String,
    /// The revision that was seen last, by its controller's hash.
    pub applied: String,
    /// The revision that is promoted.
    pub promoted: String,
    /// The revision that the target is at, by Serin's hash.
    pub revision: Option<String>,
    /// What is measured, with its limits and what was said of it last in this run.
    pub metrics: Vec<(String, String)>,
    /// The gates.
    pub gates: Vec<Gate>,
    /// An object that is not there and is waited for: `deployments.apps "podinfo"`.
    pub missing: Option<String>,
    /// A promotion or an abort that was called for and waits for pods.
    pub granted: Vec<String>,
    /// A word that nobody has heard yet.
    pub unheard: Option<String>,
    /// Seconds since the status was written last.
    pub last_transition_secs: Option<i64>,
    /// Seconds since creation.
    pub age_secs: i64,
    /// What stands around it.
    pub parts: Vec<Part>,
    #[serde(skip)]
    pub(crate) events: Vec<Event>,
    #[serde(skip)]
    pub(crate) now: i64,
}

/// A step of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    /// `20`, or `3/10`.
    pub name: String,
    /// Whether the run has got there.
    pub done: bool,
}

/// A gate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Gate {
    /// Its name.
    pub name: String,
    /// The type of its hook.
    pub kind: &'static str,
    /// Who is asked.
    pub url: String,
    /// Whether it is waited for now.
    pub waits: bool,
    /// Who has opened it by word.
    pub approved: Option<String>,
}

/// An object around a Canary.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Part {
    /// Kind.
    pub kind: String,
    /// Name.
    pub name: String,
    /// Pods that are available and wanted, of a workload.
    pub pods: Option<(i64, i64)>,
    /// What it is to the Canary.
    pub role: String,
    /// Seconds since creation.
    pub age_secs: i64,
}

impl Info {
    /// Gathers what is shown.
    #[must_use]
    pub fn new(snapshot: &Snapshot) -> Self {
        let object = &snapshot.canary;
        let mut canary = lenient::<Canary>(object.clone()).value;
        if let Some(Ok(analysis)) = &snapshot.analysis {
            canary.spec.analysis = Some(analysis.clone());
        }
        let events = news::events(object, &snapshot.events);
        let condition = |kind: &str| {
            let all = list(object, "/status/conditions");
            all.iter().find(|it| text(it, "/type") == kind).map_or("", |it| text(it, "/message")).to_owned()
        };
        let analysis = canary.spec.analysis.clone().unwrap_or_default();
        let (live, live_unknown) = match &snapshot.live {
            Some(Ok(live)) => (Some(*live), None),
            Some(Err(why)) => (None, Some(why.clone())),
            None => (None, None),
        };
        let provider = canary.spec.provider(&snapshot.provider).to_owned();
        let (course, iterations) = sight::course(&analysis, &provider);
        let strategy = course.as_str();
        let count = |path: &str| number(object, path).unwrap_or_default();
        let since = |at: Option<i64>| at.map(|at| (snapshot.now - at).max(0));
        Self {
            name: text(object, "/metadata/name").to_owned(),
            namespace: text(object, "/metadata/namespace").to_owned(),
            target: format!("{}/{}", canary.spec.target_ref.kind, canary.spec.target_ref.name),
            provider,
            provider_is_said: !canary.spec.provider.is_empty(),
            controller: is_serins(&canary).map_or("", |is| if is { "serin" } else { "flagger" }),
            phase: text(object, "/status/phase").to_owned(),
            message: condition("Promoted"),
            invalid: condition("Invalid"),
            suspended: canary.spec.suspend,
            variant: condition("AnalysisVariant"),
            variant_unknown: snapshot.analysis.as_ref().and_then(|it| it.as_ref().err().cloned()),
            strategy,
            weight: count("/status/canaryWeight"),
            steps: steps(&canary, (course, iterations), live.map(|(_, canary)| i64::from(canary))),
            live,
            mirrored: snapshot.mirrored,
            live_unknown,
            failed_checks: count("/status/failedChecks"),
            threshold: i64::from(analysis.threshold()),
            interval: short(analysis.interval()),
            applied: canary.status.last_applied_spec.clone(),
            promoted: canary.status.last_promoted_spec.clone(),
            revision: snapshot.revision.clone(),
            metrics: metrics(&canary, &events),
            gates: gates(object, &canary, &events),
            missing: news::missing(
                &events,
                snapshot.now - LOOKS * analysis.interval().nanos() / 1_000_000_000,
            ),
            granted: granted(object),
            unheard: unheard(object),
            last_transition_secs: since(seconds(object, "/status/lastTransitionTime")),
            age_secs: since(seconds(object, "/metadata/creationTimestamp")).unwrap_or_default(),
            parts: snapshot
                .objects
                .iter()
                .map(|part| self::part(part, &canary, (live, strategy), snapshot.now))
                .collect(),
            events,
            now: snapshot.now,
        }
    }

    /// The phase.
    pub(crate) fn phase(&self) -> Option<Phase> {
        Phase::parse(&self.phase)
    }

    /// Whether only requests that match go to the new version.
    pub(crate) fn is_matched(&self) -> bool {
        is_matched(self.strategy, self.live)
    }
}

fn is_matched(strategy: &str, live: Option<(u32, u32)>) -> bool {
    strategy == Strategy::AbTesting.as_str() && live.is_some_and(|(_, canary)| 0 < canary)
}

/// `1m0s` as people write it.
fn short(duration: GoDuration) -> String {
    let text = duration.to_string();
    let text = text.strip_suffix("m0s").map_or(text.clone(), |start| format!("{start}m"));
    text.strip_suffix("h0m").map_or(text.clone(), |start| format!("{start}h"))
}

/// The steps of a run, and how far the present one has got.
fn steps(canary: &Canary, (course, iterations): (Strategy, i32), live: Option<i64>) -> Vec<Step> {
    let Some(analysis) = canary.spec.analysis.as_ref() else { return Vec::new() };
    let made = canary.status.iterations;
    let is_over = matches!(canary.status.phase, Some(Phase::Promoting | Phase::Finalising));
    if course != Strategy::Canary {
        let step = |number| Step { name: format!("{number}/{iterations}"), done: is_over || number <= made };
        return (1..=iterations.clamp(0, WHOLE)).map(step).collect();
    }
    let weight = live.unwrap_or_else(|| i64::from(canary.status.canary_weight));
    let mut weights = analysis.step_weights.clone();
    let step = analysis.step_weight();
    if 0 < step {
        weights.clear();
        let mut next = 0;
        while next < analysis.max_weight() {
            next = (next + step).min(WHOLE);
            weights.push(next);
        }
    }
    let is_running = matches!(canary.status.phase, Some(Phase::Progressing | Phase::WaitingPromotion));
    let done = |at: i32| is_over || (is_running && i64::from(at) <= weight);
    weights.into_iter().map(|at| Step { name: at.to_string(), done: done(at) }).collect()
}

fn metrics(canary: &Canary, events: &[Event]) -> Vec<(String, String)> {
    let all = canary.spec.analysis.iter().flat_map(|analysis| &analysis.metrics);
    let said = |metric: &CanaryMetric| {
        let of = |event: &&Event| match news::read(&event.message) {
            News::Failed(what) => is_about(what, metric, &canary.metadata.namespace),
            _ => false,
        };
        let last = news::of_run(events).iter().rev().find(of);
        let what = |event: &Event| match news::read(&event.message) {
            News::Failed(what) => format!("failed: {what}"),
            _ => String::new(),
        };
        last.map_or_else(|| "no failed check".to_owned(), what)
    };
    let limits = |metric: &CanaryMetric| {
        let range = metric.threshold_range.clone().unwrap_or_default();
        let max = range.max.or(metric.threshold);
        let texts = [range.min.map(|min| format!(" >= {min}")), max.map(|max| format!(" <= {max}"))];
        texts.into_iter().flatten().collect::<String>()
    };
    all.map(|metric| (format!("{}{}", metric.name, limits(metric)), said(metric))).collect()
}

/// Whether `what` has failed is `metric`, in a Canary of `namespace`. Not all of Flagger's sentences name it: some name its
/// template, or that it has none.
fn is_about(what: &str, metric: &CanaryMetric, namespace: &str) -> bool {
    let builtin = match metric.name.as_str() {
        "request-success-rate" => Some("success rate "),
        "request-duration" => Some("request duration "),
        _ => None,
    };
    if let Some(words) = builtin
        && (what.starts_with(words) || what.starts_with("Prometheus query failed: "))
    {
        return true;
    }
    if let Some(rest) = what.strip_prefix("Metric template ") {
        let named =
            metric.template_ref.as_ref().map(|it| format!("{}.{} ", it.name, it.namespace(namespace)));
        return builtin.is_none() && named.is_some_and(|named| rest.starts_with(&named));
    }
    if what.ends_with("no usable metrics template and query were configured") {
        return builtin.is_none() && metric.query.is_empty() && metric.template_ref.is_none();
    }
    what.split([' ', ':']).any(|word| word == metric.name)
}

fn gates(object: &Value, canary: &Canary, events: &[Event]) -> Vec<Gate> {
    let granted = Granted::parse(entry(object, "/metadata/annotations", GRANTED)).unwrap_or_default();
    let waited = waited_for(canary, events);
    let hooks = canary.spec.analysis.iter().flat_map(|analysis| &analysis.webhooks);
    let gate = |hook: &serin_api::flagger::CanaryWebhook| {
        let kind = hook.hook_kind()?;
        all_gates(canary).contains(&(kind, hook.name.as_str())).then(|| {
            let approved = granted.opens(hook).map(str::to_owned);
            let is_waited = waited
                .as_ref()
                .is_some_and(|(of, name)| *of == kind && name.as_ref().is_none_or(|name| *name == hook.name));
            Gate {
                name: hook.name.clone(),
                kind: kind.as_str(),
                url: hook.url.clone(),
                waits: is_waited && approved.is_none(),
                approved,
            }
        })
    };
    hooks.filter_map(gate).collect()
}

/// The gate that is waited for: its type, and its name as far as events tell it. That the weight must not grow is told by
/// events alone.
fn waited_for(canary: &Canary, events: &[Event]) -> Option<(HookKind, Option<String>)> {
    let kind = gate_of(canary.status.phase)?;
    let last = events.iter().rev().find_map(|event| match news::read(&event.message) {
        News::Closed(of, name) if of == kind => Some(Some(name.to_owned())),
        News::Open(of) if of == kind => Some(None),
        News::Advanced
            if kind == HookKind::ConfirmTrafficIncrease && !event.message.starts_with("Starting") =>
        {
            Some(None)
        }
        News::Begun if kind != HookKind::ConfirmRollout => Some(None),
        _ => None,
    });
    match (kind, last.flatten()) {
        (_, Some(name)) => Some((kind, Some(name))),
        (HookKind::ConfirmTrafficIncrease, None) => None,
        (_, None) => Some((kind, None)),
    }
}

fn who(by: &str) -> String {
    if by.is_empty() { "by hand".to_owned() } else { format!("by {by}") }
}

fn unheard(object: &Value) -> Option<String> {
    let text = Some(entry(object, "/metadata/annotations", WORD)).filter(|text| !text.is_empty())?;
    let said = Word::parse(text).map(|word| {
        let verb = match word.verb {
            Verb::Approve => "approval",
            Verb::Promote => "promotion",
            Verb::Abort => "abort",
        };
        format!("{verb} {}", who(&word.by))
    });
    Some(said.unwrap_or_else(|_| text.to_owned()))
}

fn granted(object: &Value) -> Vec<String> {
    let granted = Granted::parse(entry(object, "/metadata/annotations", GRANTED)).unwrap_or_default();
    let promote = granted.promote.map(|by| format!("promotion called {}", who(&by)));
    let abort = granted.abort.map(|by| format!("aborted {}", who(&by)));
    promote.into_iter().chain(abort).collect()
}

fn part(part: &Value, canary: &Canary, (live, strategy): (Option<(u32, u32)>, &str), now: i64) -> Part {
    let (kind, name) = (text(part, "/kind"), text(part, "/metadata/name"));
    let is_workload = ["Deployment", "DaemonSet"].contains(&kind);
    let weight = |weight: Option<u32>| weight.map_or_else(String::new, |weight| format!(", {weight} %"));
    let is_matched = is_matched(strategy, live);
    let role = if kind == canary.spec.target_ref.kind && name == canary.spec.target_ref.name {
        let of_target = weight(live.map(|(_, canary)| canary));
        format!("target{}", if is_matched { ", requests that match" } else { &of_target })
    } else if name == canary.primary_name() && kind == canary.spec.target_ref.kind {
        let of_primary = weight(live.map(|(primary, _)| primary));
        format!("primary{}", if is_matched { ", all other requests" } else { &of_primary })
    } else if kind == "Service" {
        let selector = part.pointer("/spec/selector").and_then(Value::as_object);
        let pairs = selector.into_iter().flatten();
        let pairs: Vec<String> =
            pairs.map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default())).collect();
        format!("leads to {}", pairs.join(","))
    } else if is_matched {
        "canary for requests that match, primary for all others".to_owned()
    } else {
        live.map_or_else(String::new, |(primary, canary)| format!("primary {primary} %, canary {canary} %"))
    };
    let count = |path: &str| number(part, path);
    let wanted = count("/spec/replicas").or(count("/status/desiredNumberScheduled")).unwrap_or(1);
    let available = count("/status/availableReplicas").or(count("/status/numberAvailable")).unwrap_or(0);
    Part {
        kind: kind.to_owned(),
        name: name.to_owned(),
        pods: is_workload.then_some((available, wanted)),
        role,
        age_secs: seconds(part, "/metadata/creationTimestamp").map_or(0, |at| (now - at).max(0)),
    }
}
