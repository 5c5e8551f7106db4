//! Keptn, by its objects in the cluster.

use serde_json::{Value, json};
use serin_kernel::{Answer, Kind, Method};
use serin_lang::duration::GoDuration;

use super::cloudwatch::hash;
use super::http::{accepted, call, header};
use super::talk::{Stop, Talk, tell};
use super::{Cluster, Inquiry, Step, number};
use crate::sample::excerpt;
use crate::{Error, Sample};

/// The versions that Keptn has served its objects in, the newest first; each of them is asked for until one is there.
const METRICS: [Kind; 2] = [
    Kind::namespaced("metrics.keptn.sh", "v1", "KeptnMetric", "keptnmetrics"),
    Kind::namespaced("metrics.keptn.sh", "v1beta1", "KeptnMetric", "keptnmetrics"),
];
const VERSIONS_OF_ANALYSIS: [&str; 2] = ["v1", "v1beta1"];
/// Letters of a definition in the name of its Analysis: with what stands behind them fewer than a name may have, 253.
const DEFINITION_MAX: usize = 230;
/// Digits that tell the askers of one definition apart: of a thousand, two are alike once in half a billion.
const HASH_LEN: usize = 12;
/// How long an analysis may take, in watches of a second each.
const WATCHES_MAX: usize = 10;
/// The longest story: a token, the Analysis in each version, its watches, and its end.
pub(super) const QUESTIONS_MAX: usize = 1 + VERSIONS_OF_ANALYSIS.len() + WATCHES_MAX + 1;

pub(super) fn measure(inquiry: &Inquiry<'_>, answers: &[Answer]) -> Result<Step<Sample>, Error> {
    let query = inquiry.query.trim().to_lowercase();
    let parts: Vec<&str> = query.splitn(5, '/').collect();
    match parts[..] {
        ["keptnmetric", namespace, name] if is_name(namespace) && is_name(name) => {
            tell(answers, |talk| metric(talk, namespace, name))
        }
        ["analysis", namespace, name, recent, ref arguments @ ..] if is_name(namespace) && is_name(name) => {
            let spec = analysis(name, recent, arguments.first().copied().unwrap_or_default())?;
            let cluster = inquiry.place.cluster.as_ref().ok_or_else(|| {
                let remedy = "an analysis is made with the token of the controller's service account, and there is none: \
                              run the controller in a pod, or use keptnmetric/namespace/name";
                Error::field("spec.query", remedy)
            })?;
            let own = own_name(name, inquiry.asker, &query);
            tell(answers, |talk| analyse(talk, cluster, (namespace, &own), &spec))
        }
        _ => {
            let remedy = format!(
                "{:?} is neither keptnmetric/namespace/name nor analysis/namespace/name/duration/key=value;...: write it so",
                excerpt(&query)
            );
            Err(Error::field("spec.query", remedy))
        }
    }
}

/// What Kubernetes takes for a name, and an address for a part of its path.
fn is_name(text: &str) -> bool {
    let is_letter = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
    !text.is_empty() && !text.starts_with('.') && text.chars().all(is_letter)
}

fn metric(talk: &mut Talk<'_>, namespace: &str, name: &str) -> Result<Sample, Stop> {
    for kind in METRICS {
        let Some(object) = talk.object(kind.key(namespace, name))? else { continue };
        let whole = object.value();
        return Ok(match &whole["status"]["value"] {
            Value::Null => Sample::none(),
            Value::String(text) if text.is_empty() => Sample::none(),
            value => Sample::of(number(value, "status.value")?),
        });
    }
    let remedy = format!("there is no KeptnMetric {name} in {namespace}: create it");
    Err(Error::field("spec.query", excerpt(&remedy)).into())
}

/// What an Analysis is made with.
fn analysis(definition: &str, recent: &str, arguments: &str) -> Result<Value, Error> {
    let wrong = |what: &str, remedy: &str| Error::field("spec.query", excerpt(&format!("{what:?} {remedy}")));
    if GoDuration::parse(recent).is_err() {
        return Err(wrong(recent, "is no duration: write one such as 1m"));
    }
    let mut args = serde_json::Map::new();
    for pair in arguments.split(';').map(str::trim).filter(|pair| !pair.is_empty()) {
        let (key, value) =
            pair.split_once('=').ok_or_else(|| wrong(pair, "is no argument: write key=value;key=value"))?;
        args.insert(key.trim().to_owned(), value.trim().into());
    }
    Ok(json!({"analysisDefinition": {"name": definition}, "args": args, "timeframe": {"recent": recent}}))
}

/// The name of an Analysis: the same each time that this is asked by the same, so that one is found again that was left behind by
/// a controller that stopped in between.
fn own_name(definition: &str, asker: &str, query: &str) -> String {
    let start: String = definition.chars().take(DEFINITION_MAX).collect();
    let hash = hash(format!("{asker}\n{query}").as_bytes());
    format!("{}-{}", start.trim_end_matches(['-', '.']), &hash[..HASH_LEN])
}

/// Has an Analysis carried out and takes it away again: one when it passes, else zero. One that is there already was left behind,
/// and says nothing of now.
fn analyse(
    talk: &mut Talk<'_>,
    cluster: &Cluster,
    (namespace, name): (&str, &str),
    spec: &Value,
) -> Result<Sample, Stop> {
    let bearer = format!("Bearer {}", talk.token(&cluster.token)?);
    let to_cluster = |method, url: &str| {
        let mut call = call(method, url);
        header(&mut call, "Authorization", &bearer);
        call.authority.clone_from(&cluster.authority);
        call
    };
    let mut created = None;
    for version in VERSIONS_OF_ANALYSIS {
        let list = format!(
            "{}/apis/metrics.keptn.sh/{version}/namespaces/{namespace}/analyses",
            cluster.address.trim_end_matches('/')
        );
        let object = json!({
            "apiVersion": format!("metrics.keptn.sh/{version}"), "kind": "Analysis",
            "metadata": {"name": name, "namespace": namespace}, "spec": spec,
        });
        let mut create = to_cluster(Method::Post, &list);
        header(&mut create, "Content-Type", "application/json");
        create.body = object.to_string().into();
        let mut reply = talk.call(create.clone())?;
        if reply.status == 409 {
            talk.call(to_cluster(Method::Delete, &format!("{list}/{name}")))?;
            reply = talk.call(create)?;
        }
        if reply.status != 404 {
            accepted(reply)?;
            created = Some(list);
            break;
        }
    }
    let Some(list) = created else {
        let remedy = "this cluster has no Analysis of metrics.keptn.sh: install Keptn's metrics operator";
        return Err(Error::field("spec.query", remedy).into());
    };
    let mut passed = None;
    for _ in 0..WATCHES_MAX {
        let watch = format!("{list}?watch=true&timeoutSeconds=1&fieldSelector=metadata.name%3D{name}");
        passed = completed(talk.body(to_cluster(Method::Get, &watch))?);
        if passed.is_some() {
            break;
        }
    }
    talk.call(to_cluster(Method::Delete, &format!("{list}/{name}")))?;
    match passed {
        Some(passed) => Ok(Sample::Value(if passed { 1.0 } else { 0.0 })),
        None => {
            Err(Error::Unanswered(format!("Analysis {name} is not completed after {WATCHES_MAX} s")).into())
        }
    }
}

/// Whether the object of the last event of a watch has passed; none while it is not completed.
fn completed(events: &str) -> Option<bool> {
    let event: Value = serde_json::from_str(events.lines().rfind(|line| !line.trim().is_empty())?).ok()?;
    let status = &event["object"]["status"];
    (status["state"] == "Completed").then(|| status["pass"] == true)
}
