//! Data from Prometheus: the queries of the configuration, asked for both sides, and their answers made into pairs.

use std::collections::BTreeSet;

use futures::{StreamExt as _, TryStreamExt as _, stream};
use jiff::Timestamp;
use serde_json::Value;
use serin_judge::source::scope::{Request, Scope};
use serin_judge::source::{mix, prometheus};
use serin_judge::{CanaryConfig, Metric, Table};
use serin_sources::{Access, Limits, Prometheus, SourceError, Wanted};

use super::args::JudgeArgs;
use super::documents::{CONFIG_BYTES_MAX, Configuration, Documents, contents, name, thresholds, unreadable};
use super::trouble::Trouble;
use crate::progress::Progress;

/// Questions under way at once: enough to hide the distance, few enough for a Prometheus that others need too.
const QUESTIONS: usize = 4;
/// A token is a line.
const TOKEN_BYTES_MAX: u64 = 64 << 10;

/// One side of a metric.
struct Question<'a> {
    metric: &'a str,
    side: &'static str,
    query: String,
    scope: &'a Scope,
}

/// Fetches the data for `configuration` from the Prometheus at `address`.
pub(super) async fn fetch(
    configuration: Configuration,
    address: &str,
    args: &JudgeArgs,
) -> Result<Documents, Trouble> {
    let request = match &args.request {
        None => None,
        Some(path) => {
            let text = tokio::task::block_in_place(|| contents(path, CONFIG_BYTES_MAX))?;
            Some((name(path), Request::from_json(&text).map_err(|error| unreadable(&name(path), &error))?))
        }
    };
    let requested = request.as_ref().and_then(|(_, request)| request.thresholds);
    let thresholds = thresholds(&configuration, requested, args)?;
    let flags = if request.is_none() { Some(of_flags(args)?) } else { None };
    let scopes = match (&request, &flags) {
        (Some((name, request)), _) => request
            .of_metrics(&configuration.config)
            .map_err(|error| Trouble::Data(format!("{name}: {error}")))?,
        (None, flags) => {
            let metrics = configuration.config.metrics.iter().flatten();
            let sides = flags.as_ref().map(|[control, experiment]| (control, experiment));
            metrics
                .filter_map(|metric| sides.map(|(control, experiment)| (metric, control, experiment)))
                .collect()
        }
    };
    let label = args.scope_label.as_deref().unwrap_or(prometheus::SCOPE_LABEL);
    let questions = questions(&configuration, &scopes, label)?;
    let token = match &args.token_file {
        None => None,
        Some(path) => {
            let text = tokio::task::block_in_place(|| contents(path, TOKEN_BYTES_MAX))?;
            let wrong = |_| Trouble::Data(format!("{}: the token is not text", path.display()));
            let token = String::from_utf8(text).map_err(wrong)?;
            if token.trim().is_empty() {
                return Err(Trouble::Data(format!("{}: there is no token in it", path.display())));
            }
            Some(token)
        }
    };
    let source = Prometheus::new(address, &Access { token, ..Access::default() }, Limits::default())
        .map_err(|error| Trouble::Usage(format!("--prometheus: {error}")))?;
    let answers = ask(&source, &questions).await?;
    let mut table = pair(&scopes, answers)?;
    table.remarks.extend(remarks(&scopes));
    drop(questions);
    drop(scopes);
    Ok(Documents::new(configuration, thresholds, table, "Prometheus".to_owned()))
}

/// The scopes (baseline, canary) that the arguments describe.
fn of_flags(args: &JudgeArgs) -> Result<[Scope; 2], Trouble> {
    let missing =
        |flag: &str| Trouble::Usage(format!("--prometheus needs {flag}, or all of it in --request"));
    let start: Timestamp = args.start.ok_or_else(|| missing("--start"))?;
    let end: Timestamp = args.end.ok_or_else(|| missing("--end"))?;
    if end <= start {
        return Err(Trouble::Usage(format!("--end {end} must be after --start {start}")));
    }
    let step = args.step.unwrap_or(60);
    if step == 0 {
        return Err(Trouble::Usage("--step must be at least 1 second".to_owned()));
    }
    let params = args.param.iter().map(|(name, value)| (name.clone(), Value::from(value.clone()))).collect();
    let scope = |name: &str| Scope {
        scope: Some(name.to_owned()),
        location: args.location.clone(),
        project: None,
        start,
        end,
        step,
        extended_scope_params: Some(params),
    };
    let baseline = args.baseline.as_deref().ok_or_else(|| missing("--baseline"))?;
    let canary = args.canary.as_deref().ok_or_else(|| missing("--canary"))?;
    let baseline = scope(baseline);
    Ok([baseline.clone(), Scope { scope: Some(canary.to_owned()), ..baseline }])
}

type Sides<'a> = (&'a Metric, &'a Scope, &'a Scope);

/// Both questions of each metric; all are made before the first is asked.
fn questions<'a>(
    configuration: &'a Configuration,
    scopes: &[Sides<'a>],
    scope_label: &str,
) -> Result<Vec<Question<'a>>, Trouble> {
    let config: &CanaryConfig = &configuration.config;
    let mut questions = Vec::new();
    for (index, (metric, control, experiment)) in scopes.iter().enumerate() {
        // Kayenta looks at the canary first.
        for (side, scope) in [("canary", experiment), ("baseline", control)] {
            let name = metric.name.as_deref().unwrap_or_default();
            let query = prometheus::query(config, metric, scope, scope_label).map_err(|error| {
                Trouble::Data(format!("{}: metrics[{index}] ({name:?}): {error}", configuration.name))
            })?;
            questions.push(Question { metric: name, side, query, scope });
        }
    }
    Ok(questions)
}

async fn ask(source: &Prometheus, questions: &[Question<'_>]) -> Result<Vec<Vec<mix::Series>>, Trouble> {
    let mut progress = Progress::new("answers of Prometheus");
    let ask = async |question: &Question<'_>| {
        let Question { metric, side, query, scope } = question;
        let wanted = Wanted { query, start: scope.start, end: scope.end, step: scope.step };
        let place = || format!("metric {metric:?}, {side}, query {query}");
        let answer = source.query_range(&wanted).await.map_err(|error| match &error {
            SourceError::Refused { host, status, text } if status.is_client_error() => {
                Trouble::Data(format!("{}: {host} answers {status}: {}", place(), reason(text)))
            }
            _ => Trouble::Unavailable(format!("{}: {error}", place())),
        })?;
        prometheus::series(&answer).map_err(|error| Trouble::Data(format!("{}: {error}", place())))
    };
    let mut answers = stream::iter(questions.iter().map(ask)).buffered(QUESTIONS);
    let mut all = Vec::with_capacity(questions.len());
    while let Some(answer) = answers.try_next().await? {
        all.push(answer);
        progress.tell(all.len(), questions.len());
    }
    progress.end();
    Ok(all)
}

/// What Prometheus says is wrong, where it says so in its own form.
fn reason(text: &str) -> String {
    let answer: Option<Value> = serde_json::from_str(text).ok();
    let error = answer.as_ref().and_then(|answer| answer.get("error")?.as_str());
    error.unwrap_or(text).to_owned()
}

/// The pairs of all metrics; `answers` has canary and baseline of each in turn.
fn pair(scopes: &[Sides], answers: Vec<Vec<mix::Series>>) -> Result<Table, Trouble> {
    let mut table = Table::default();
    let mut answers = answers.into_iter();
    for (metric, control, experiment) in scopes {
        let name = metric.name.as_deref().unwrap_or_default();
        let (Some(canary), Some(baseline)) = (answers.next(), answers.next()) else { break };
        let expected = [control.expected(), experiment.expected()];
        let mixed = mix::mix(name, [baseline, canary], expected).map_err(|error| {
            Trouble::Data(format!("metric {name:?}: {error}: both queries must group by the same labels"))
        })?;
        if mixed.is_disjoint {
            table.remarks.push(format!(
                "metric {name:?}: no series of the canary has the labels of one of the baseline, so each is compared \
                 with nothing: group by labels that both share"
            ));
        }
        table.pairs.extend(mixed.pairs);
    }
    Ok(table)
}

/// Names that mean something in a query: they stand there as they are.
fn remarks(scopes: &[Sides]) -> Vec<String> {
    let names =
        scopes.iter().flat_map(|(_, control, experiment)| [&control.scope, &experiment.scope]).flatten();
    let odd: BTreeSet<&String> = names.filter(|name| name.contains(['"', '\\', '{', '}', ','])).collect();
    odd.iter()
        .map(|name| {
            format!("the scope {name:?} stands in the queries as it is, with what PromQL makes of it")
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_odd_scope_is_told_of_once_however_many_metrics_it_has() {
        let scope = |name: &str| Scope {
            scope: Some(name.to_owned()),
            location: None,
            project: None,
            start: Timestamp::UNIX_EPOCH,
            end: Timestamp::UNIX_EPOCH,
            step: 60,
            extended_scope_params: None,
        };
        let (metric, control, experiment) = (Metric::default(), scope("a{"), scope("b,c"));
        let told = remarks(&[(&metric, &control, &experiment), (&metric, &control, &experiment)]);
        assert_eq!(told.len(), 2, "{told:?}");
    }
}
