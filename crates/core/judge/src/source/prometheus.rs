//! Prometheus: the query of a metric, and what its answer says.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::QueryError;
use super::mix::Series;
use super::scope::Scope;
use super::template::custom_filter;
use crate::config::{CanaryConfig, Metric};
use crate::read::{Unreadable, json};

/// The label that tells machines apart unless the installation says otherwise.
pub const SCOPE_LABEL: &str = "instance";
/// What a filter begins with that is a whole query.
const WHOLE: &str = "PromQL:";

/// The query for `metric` in `scope`.
///
/// # Errors
/// [`QueryError`] when the configuration says too little or what is not supported.
pub fn query(
    config: &CanaryConfig,
    metric: &Metric,
    scope: &Scope,
    scope_label: &str,
) -> Result<String, QueryError> {
    let empty = Map::new();
    let query = metric.query.as_ref().and_then(Value::as_object).unwrap_or(&empty);
    match query.get("type") {
        None | Some(Value::Null) => {}
        Some(Value::String(kind)) if kind == "prometheus" => {}
        Some(other) => return Err(QueryError::OtherSource(other.to_string())),
    }
    let filter = custom_filter(query, config.templates.as_ref(), scope)?.filter(|filter| !filter.is_empty());
    if let Some(whole) = filter.as_deref().and_then(|filter| filter.strip_prefix(WHOLE)) {
        return Ok(whole.to_owned());
    }
    let name = text(query, "metricName").ok_or(QueryError::MetricName)?;
    let mut filters = Vec::new();
    let bindings = texts(query, "labelBindings")?;
    if let Some(filter) = filter {
        let pieces: Vec<&str> = filter.split(',').collect();
        let used = pieces.iter().rposition(|piece| !piece.is_empty()).map_or(0, |last| last + 1);
        filters.extend(pieces[..used].iter().map(ToString::to_string));
        filters.extend(bindings);
    } else {
        filters.extend(bindings);
        filters.extend(of_resource(query, scope, scope_label)?);
    }
    let fields = texts(query, "groupByFields")?;
    let by = if fields.is_empty() { String::new() } else { format!(" by ({})", fields.join(",")) };
    Ok(format!("avg({name}{{{}}}){by}", filters.join(",")))
}

fn of_resource(
    query: &Map<String, Value>,
    scope: &Scope,
    scope_label: &str,
) -> Result<Vec<String>, QueryError> {
    let extended =
        scope.extended_scope_params.as_ref().and_then(|map| map.get("resourceType")).and_then(Value::as_str);
    let resource = text(query, "resourceType").or(extended.filter(|resource| !resource.is_empty()));
    let given = |value: &Option<String>| value.clone().filter(|value| !value.is_empty());
    let name = given(&scope.scope);
    match resource {
        Some("gce_instance") => {
            let location = given(&scope.location).ok_or(QueryError::Location("gce_instance"))?;
            let project =
                given(&scope.project).map_or(String::new(), |project| format!("projects/{project}/"));
            let of_scope = name.map(|name| format!("{scope_label}=~\"{name}-.{{4}}\""));
            let zone = format!("zone=~\".+/{project}zones/{location}-.{{1}}\"");
            Ok(of_scope.into_iter().chain([zone]).collect())
        }
        Some("aws_ec2_instance") => {
            let location = given(&scope.location).ok_or(QueryError::Location("aws_ec2_instance"))?;
            let of_scope = format!("asg_groupName=\"{}\"", name.unwrap_or_default());
            Ok(vec![of_scope, format!("zone=~\"{location}.{{1}}\"")])
        }
        Some(other) => Err(QueryError::ResourceType(other.to_owned())),
        None => Err(QueryError::NoFilter),
    }
}

fn text<'a>(query: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    query.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
}

fn texts(query: &Map<String, Value>, name: &'static str) -> Result<Vec<String>, QueryError> {
    let wrong = QueryError::Mistyped(name, "a list of texts");
    match query.get(name) {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(list)) => {
            list.iter().map(|item| item.as_str().map(str::to_owned).ok_or_else(|| wrong.clone())).collect()
        }
        Some(_) => Err(wrong),
    }
}

#[derive(Deserialize)]
#[serde(expecting = "an answer of Prometheus (an object)")]
struct Answer {
    #[serde(default)]
    status: String,
    #[serde(default)]
    error: Option<String>,
    #[serde(default)]
    data: Option<Data>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Data {
    result_type: String,
    #[serde(default)]
    result: Value,
}

#[derive(Deserialize)]
struct Row {
    #[serde(default)]
    metric: BTreeMap<String, String>,
    #[serde(default)]
    values: Vec<(f64, Option<String>)>,
}

/// The series of an answer to a range query. Values that are null are left out.
///
/// # Errors
/// [`Unreadable`] for an answer that is none, an error that Prometheus tells, and anything but a matrix.
pub fn series(answer: &[u8]) -> Result<Vec<Series>, Unreadable> {
    let wrong = |message: String| Unreadable { place: "the answer".to_owned(), message };
    let answer: Answer = json(answer, 1)?;
    if answer.status != "success" {
        return Err(wrong(answer.error.unwrap_or_else(|| format!("its status is {:?}", answer.status))));
    }
    let data = answer.data.ok_or_else(|| wrong("it has no data".to_owned()))?;
    if data.result_type != "matrix" {
        return Err(wrong(format!(
            "it is a {:?}, not a matrix: the query must give series",
            data.result_type
        )));
    }
    let rows: Vec<Row> = serde_json::from_value(data.result).map_err(|error| wrong(error.to_string()))?;
    let row = |row: Row| {
        let mut tags = row.metric;
        tags.remove("__name__");
        let value = |text: String| number(&text).ok_or_else(|| wrong(format!("{text:?} is not a number")));
        let values = row.values.into_iter().filter_map(|(_, text)| text).map(value);
        Ok(Series { tags, values: values.collect::<Result<_, _>>()? })
    };
    rows.into_iter().map(row).collect()
}

fn number(text: &str) -> Option<f64> {
    match text {
        "NaN" => Some(f64::NAN),
        "+Inf" | "Inf" => Some(f64::INFINITY),
        "-Inf" => Some(f64::NEG_INFINITY),
        text => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_query_is_an_average_over_filters_or_what_the_template_says() {
        let config: CanaryConfig =
            serde_json::from_value(json!({"templates": {"t": "pod=~\"app-${scope}.*\","}})).unwrap();
        let scope: Scope = serde_json::from_value(json!({
            "scope": "v2", "location": "eu", "project": "p", "start": "2026-01-01T00:00:00Z", "end": "2026-01-01T01:00:00Z",
        }))
        .unwrap();
        for (query, wanted) in [
            (
                json!({"customFilterTemplate": "t", "labelBindings": ["a=\"b\""]}),
                r#"avg(m{pod=~"app-v2.*",a="b"})"#,
            ),
            (json!({"customInlineTemplate": "x", "groupByFields": ["a", "b"]}), "avg(m{x}) by (a,b)"),
            (json!({"customInlineTemplate": "PromQL:sum(n{v=\"${scope}\"})"}), r#"sum(n{v="v2"})"#),
            (
                json!({"resourceType": "gce_instance"}),
                r#"avg(m{node=~"v2-.{4}",zone=~".+/projects/p/zones/eu-.{1}"})"#,
            ),
            (json!({"resourceType": "aws_ec2_instance"}), r#"avg(m{asg_groupName="v2",zone=~"eu.{1}"})"#),
            (json!({}), "Either a resource type or a custom filter is required."),
            (
                json!({"metricName": "", "customInlineTemplate": "x"}),
                "Metric Name is required when query type is Default.",
            ),
            (json!({"customFilterTemplate": "u"}), "Custom filter template 'u' was not found."),
            (json!({"customInlineTemplate": "${u}"}), "Problem evaluating custom filter template: ${u}"),
            (
                json!({"type": "datadog"}),
                "query.type is \"datadog\", and only \"prometheus\" can be asked here",
            ),
            (
                json!({"customInlineTemplate": "x", "labelBindings": "a"}),
                "query.labelBindings must be a list of texts",
            ),
        ] {
            let mut whole = json!({"metricName": "m", "type": "prometheus"});
            whole.as_object_mut().unwrap().extend(query.as_object().unwrap().clone());
            let metric: Metric = serde_json::from_value(json!({"query": whole})).unwrap();
            let got =
                super::query(&config, &metric, &scope, "node").unwrap_or_else(|error| error.to_string());
            assert_eq!(got, wanted);
        }
    }

    #[test]
    fn an_answer_is_series_or_an_error() {
        let answer = r#"{"status": "success", "data": {"resultType": "matrix", "result": [
            {"metric": {"__name__": "m", "zone": "a"}, "values": [[1, "2.5"], [2, null], [3, "NaN"], [4, "+Inf"]]}]}}"#;
        let found = series(answer.as_bytes()).unwrap();
        assert_eq!((found.len(), found[0].tags.len(), found[0].values.len()), (1, 1, 3));
        assert!(found[0].values[1].is_nan() && found[0].values[2].is_infinite());
        for (answer, wanted) in [
            (r#"{"status": "error", "error": "parse error"}"#, "the answer: parse error"),
            (r#"{"status": "success"}"#, "the answer: it has no data"),
            (
                r#"{"status": "success", "data": {"resultType": "scalar", "result": [1, "2"]}}"#,
                "the answer: it is a \"scalar\", not a matrix: the query must give series",
            ),
            ("<html>", "line 1 column 1: expected value"),
            (
                r#"{"status": "success", "data": {"resultType": "matrix", "result": [{"values": [[1, "x"]]}]}}"#,
                "the answer: \"x\" is not a number",
            ),
        ] {
            assert_eq!(series(answer.as_bytes()).unwrap_err().to_string(), wanted, "{answer}");
        }
    }
}
