//! Metrics: each is asked for and held against its limits; the first that fails ends it.

use std::collections::BTreeSet;

use serin_api::{
    flagger::{
        ASKED_MAX, CanaryMetric, CrossNamespaceRef, MetricTemplate, MetricTemplateProvider,
        validate_metric_template,
    },
    kinds, lenient,
    validate::FieldError,
    wire::Wire,
};
use serin_kernel::{Answer, Key, Object, ROUNDS_MAX, Reading};
use serin_metrics::{
    Error, Sample,
    builtin::{self, Builtin, Source},
    explain,
    limits::{Asked, Check, UNUSABLE},
    names::Names,
    provider::{self, Inquiry, Secret, Step, prometheus_at},
};

use crate::{
    chats::series::found,
    desk::{Desk, Halt},
};

/// A question to a metric server, and where it comes from.
#[derive(Clone)]
struct Asking {
    /// The name of the question in this look.
    id: String,
    provider: MetricTemplateProvider,
    secret: Option<Secret>,
    /// Where the Secret is, so that no two of one name are taken for one.
    secret_of: String,
    query: String,
    interval: String,
}

impl Asking {
    /// Whose credentials are used: all inquiries of which this is the same ask for them once in a look.
    fn who(&self) -> String {
        let secret = self.secret.as_ref().map(|secret| &*secret.name).unwrap_or_default();
        format!("credentials {} {} {}/{secret}", self.provider.kind, self.provider.region, self.secret_of)
    }
}

// A look of a Canary that is not refused has an end: each hook is asked once, each metric as long as its provider talks, and
// the one that has no values is explained.
const _: () =
    assert!(ASKED_MAX * (1 + provider::QUESTIONS_MAX) + explain::QUESTIONS_MAX < ROUNDS_MAX as usize);

/// Whether all metrics pass: those that are built in or have their query in place before those with a template.
pub(crate) fn pass(desk: &mut Desk<'_>) -> Result<bool, Halt> {
    let Some(analysis) = desk.canary.spec.analysis.as_ref() else { return Ok(true) };
    let source = Source::of(desk.canary, &desk.settings.mesh_provider);
    if desk.memory.chats.is_drawn() {
        desk.memory.chats.series.begin_look();
    }
    for (index, metric) in analysis.metrics.iter().enumerate() {
        let builtin = Builtin::parse(&metric.name);
        if let Some(builtin) = builtin
            && !by_name(desk, index, metric, (builtin, &source))?
        {
            return Ok(false);
        }
        if !metric.query.is_empty() && !in_place(desk, index, metric)? {
            return Ok(false);
        }
        if builtin.is_none() && metric.query.is_empty() && metric.template_ref.is_none() {
            desk.warning(UNUSABLE);
            return Ok(false);
        }
    }
    for (index, metric) in analysis.metrics.iter().enumerate() {
        let is_builtin = Builtin::parse(&metric.name).is_some();
        if metric.template_ref.is_some() && !is_builtin && !by_template(desk, index, metric)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn by_name(
    desk: &mut Desk<'_>,
    index: usize,
    metric: &CanaryMetric,
    (builtin, source): (Builtin, &Source),
) -> Result<bool, Halt> {
    let names = names(desk).within(metric.interval(), &metric.template_variables);
    let query = source.query(builtin, &names);
    let text = query.text.clone();
    let mut outcome = measure(desk, &prometheus(desk, format!("metric {index}"), query.text, metric))?;
    // No success at all leaves no series of successes: were there requests?
    if let (Ok(Sample::NoValues(_)), Some(total)) = (&outcome, query.total) {
        let total = measure(desk, &prometheus(desk, format!("metric {index} total"), total, metric))?;
        if let Ok(total) = &total
            && let whole @ Sample::Value(_) = builtin::of_total(total)
        {
            outcome = Ok(whole);
        }
    }
    let outcome = outcome.map(|sample| source.in_unit(builtin, sample));
    let asked = prometheus(desk, format!("metric {index}"), text, metric);
    judge(desk, metric, Asked::Builtin(builtin, source), &outcome, &asked)
}

fn in_place(desk: &mut Desk<'_>, index: usize, metric: &CanaryMetric) -> Result<bool, Halt> {
    let names = names(desk).within(metric.interval(), &metric.template_variables);
    let query = match names.render(&metric.query) {
        Ok(query) => query,
        Err(error) => return Ok(unasked(desk, metric, Asked::Inline, &error)),
    };
    let asking = prometheus(desk, format!("metric {index} query"), query, metric);
    let outcome = measure(desk, &asking)?;
    judge(desk, metric, Asked::Inline, &outcome, &asking)
}

fn by_template(desk: &mut Desk<'_>, index: usize, metric: &CanaryMetric) -> Result<bool, Halt> {
    match templated(desk, index, metric) {
        Ok(asking) => {
            let outcome = measure(desk, &asking)?;
            judge(desk, metric, Asked::Template, &outcome, &asking)
        }
        Err(Problem::Template(why)) => {
            desk.warning(why);
            Ok(false)
        }
        Err(Problem::Question(why)) => Ok(unasked(desk, metric, Asked::Template, &why)),
    }
}

/// Why a template's question cannot be put.
enum Problem {
    /// The template is not there.
    Template(String),
    /// The question cannot be made of it.
    Question(String),
}

fn templated(desk: &Desk<'_>, index: usize, metric: &CanaryMetric) -> Result<Asking, Problem> {
    let reference = metric.template_ref.clone().unwrap_or_default();
    let key = template_key(desk, &reference);
    let namespace = key.namespace.clone();
    let Some(template) = desk.observed.get(&key) else {
        let (name, kind) = (&reference.name, kinds::METRIC_TEMPLATE);
        return Err(Problem::Template(format!(
            "Metric template {name}.{namespace} error: {}.{} \"{name}\" not found",
            kind.plural, kind.group
        )));
    };
    let spec = lenient::<MetricTemplate>(template.value()).value.spec;
    let secret = match &spec.provider.secret_ref {
        None => None,
        Some(secret) => {
            let key = kinds::SECRET.key(namespace.clone(), secret.name.clone());
            let found = desk.observed.get(&key).ok_or_else(|| {
                let name = &secret.name;
                Problem::Template(format!(
                    "Metric template {}.{namespace} secret {name} error: secrets \"{name}\" not found",
                    reference.name
                ))
            })?;
            Some(Secret::of(found).map_err(|error| Problem::Question(error.to_string()))?)
        }
    };
    let names = names(desk).within(&metric.interval, &metric.template_variables);
    let query = names.render(&spec.query).map_err(|error| {
        Problem::Question(format!("MetricTemplate {}.{namespace} spec.query: {error}", reference.name))
    })?;
    let (id, interval) = (format!("metric {index} template"), metric.interval.clone());
    Ok(Asking { id, provider: spec.provider, secret, secret_of: namespace, query, interval })
}

/// Asks the servers whether they are there, before anything depends on them; that they are not keeps nobody from beginning.
pub(crate) fn probe(desk: &mut Desk<'_>) -> Result<(), Halt> {
    let Some(analysis) = desk.canary.spec.analysis.as_ref() else { return Ok(()) };
    let mut asked = BTreeSet::new();
    for (index, metric) in analysis.metrics.iter().enumerate() {
        let is_plain = Builtin::parse(&metric.name).is_some() || !metric.query.is_empty();
        let asking = if is_plain {
            prometheus(desk, String::new(), String::new(), metric)
        } else if metric.template_ref.is_some() {
            match templated(desk, index, metric) {
                Ok(asking) => asking,
                Err(Problem::Template(why) | Problem::Question(why)) => {
                    desk.warning(why);
                    return Ok(());
                }
            }
        } else {
            continue;
        };
        let place = (asking.provider.kind.clone(), asking.provider.address.clone());
        if !asked.insert(place) {
            continue;
        }
        let asking = Asking { id: format!("online {index}"), ..asking };
        if let Err(error) = step(desk, &asking, provider::online)? {
            let kind = &asking.provider.kind;
            desk.warning(format!("{kind} not avaiable: {error}"));
            return Ok(());
        }
    }
    desk.normal("all the metrics providers are available!");
    Ok(())
}

/// What is wrong with the templates that the Canary names. One that is not there is told when it is asked.
pub(crate) fn doubts(desk: &Desk<'_>) -> Vec<String> {
    let metrics = desk.canary.spec.analysis.iter().flat_map(|analysis| &analysis.metrics);
    let named = metrics.filter(|metric| Builtin::parse(&metric.name).is_none());
    let keys: BTreeSet<_> =
        named.filter_map(|metric| Some(template_key(desk, metric.template_ref.as_ref()?))).collect();
    let templates = keys.iter().filter_map(|key| desk.observed.get(key));
    templates.flat_map(|template| unfit(template, validate_metric_template)).collect()
}

/// What is wrong with an object that a Canary names: what cannot be read, or else what does not fit.
pub(crate) fn unfit<T: Wire + Default>(object: &Object, validate: fn(&T) -> Vec<FieldError>) -> Vec<String> {
    let read = lenient::<T>(object.value());
    let mut problems: Vec<String> = read.problems.iter().map(ToString::to_string).collect();
    if problems.is_empty() {
        problems.extend(validate(&read.value).iter().map(ToString::to_string));
    }
    let (kind, meta) = (object.kind().kind, object.meta());
    problems
        .into_iter()
        .map(|problem| format!("{kind} {}.{}: {problem}", meta.name, meta.namespace))
        .collect()
}

fn template_key(desk: &Desk<'_>, reference: &CrossNamespaceRef) -> Key {
    kinds::METRIC_TEMPLATE.key(reference.namespace(desk.namespace()), reference.name.clone())
}

fn names(desk: &Desk<'_>) -> Names {
    let key = kinds::KNATIVE_SERVICE.key(desk.namespace(), desk.canary.spec.target_ref.name.clone());
    let knative = desk.observed.get(&key).map(serin_kernel::Object::value);
    let latest = knative.as_ref().and_then(|it| it.pointer("/status/latestCreatedRevisionName")?.as_str());
    Names::of(desk.canary, latest)
}

fn prometheus(desk: &Desk<'_>, id: String, query: String, metric: &CanaryMetric) -> Asking {
    let own = &desk.canary.spec.metrics_server;
    let address = if own.is_empty() { &desk.settings.metrics_server } else { own };
    let interval = metric.interval().to_owned();
    Asking { id, provider: prometheus_at(address), secret: None, secret_of: String::new(), query, interval }
}

fn measure(desk: &Desk<'_>, asking: &Asking) -> Result<Result<Sample, Error>, Halt> {
    step(desk, asking, provider::measure)
}

/// Takes an inquiry from step to step until it is done.
fn step<T>(
    desk: &Desk<'_>,
    asking: &Asking,
    next: fn(&Inquiry<'_>, &[Answer]) -> Result<Step<T>, Error>,
) -> Result<Result<T, Error>, Halt> {
    let own = &desk.observed.object.meta();
    let asker = format!("{}/{}/{}", own.namespace, own.name, asking.id);
    let inquiry = Inquiry {
        asker: &asker,
        provider: &asking.provider,
        secret: asking.secret.as_ref(),
        place: &desk.settings.place,
        query: &asking.query,
        interval: &asking.interval,
        now: desk.now,
    };
    let mut answers = Vec::new();
    loop {
        match next(&inquiry, &answers) {
            Ok(Step::Done(done)) => return Ok(Ok(done)),
            Ok(Step::Ask(question)) => {
                let id = format!("{} {}", asking.id, answers.len());
                answers.push(desk.ask(&id, question)?.clone());
            }
            Ok(Step::Share(question)) => {
                let id = format!("{} {}", asking.who(), answers.len());
                answers.push(desk.ask(&id, question)?.clone());
            }
            Err(error) => return Ok(Err(error)),
        }
    }
}

fn judge(
    desk: &mut Desk<'_>,
    metric: &CanaryMetric,
    asked: Asked<'_>,
    outcome: &Result<Sample, Error>,
    asking: &Asking,
) -> Result<bool, Halt> {
    let namespace = desk.namespace();
    let check = Check {
        metric,
        asked,
        canary: &desk.canary.metadata.name,
        target: &desk.canary.spec.target_ref.name,
        namespace,
    };
    let verdict = check.judge(outcome);
    if desk.memory.chats.is_drawn() {
        desk.memory.chats.series.record(&metric.name, asked.unit(), check.limits(), found(&verdict));
    }
    if let Some(value) = verdict.value {
        // Durations are shown in seconds.
        let is_duration = matches!(asked, Asked::Builtin(Builtin::Duration, _));
        let shown = if is_duration { value.trunc() / 1000.0 } else { value };
        desk.measure("flagger_canary_metric_analysis", &[("metric", &metric.name)], Reading::Gauge(shown));
    }
    if let Some(event) = verdict.event {
        desk.warning(event);
    }
    if matches!(outcome, Ok(Sample::NoValues(_)))
        && let Some(why) = explain(desk, asking)?
    {
        let text = format!("No values for metric {}: {why}", metric.name);
        desk.warning(text.clone());
        desk.why = Some(text);
    }
    Ok(verdict.passed)
}

/// Why there were no values: what is asked beyond the Canary's own questions is asked after an empty answer alone.
fn explain(desk: &Desk<'_>, asking: &Asking) -> Result<Option<String>, Halt> {
    let asking = Asking { id: format!("{} why", asking.id), ..asking.clone() };
    let next = |inquiry: &Inquiry<'_>, answers: &[Answer]| Ok(explain::explain(inquiry, answers));
    Ok(step(desk, &asking, next)?.unwrap_or_default())
}

fn unasked(
    desk: &mut Desk<'_>,
    metric: &CanaryMetric,
    asked: Asked<'_>,
    why: &dyn std::fmt::Display,
) -> bool {
    let check = Check {
        metric,
        asked,
        canary: &desk.canary.metadata.name,
        target: &desk.canary.spec.target_ref.name,
        namespace: desk.namespace(),
    };
    if let Some(event) = check.failed(why).event {
        desk.warning(event);
    }
    false
}
