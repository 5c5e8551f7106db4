//! Queries of Prometheus and templates: inputs with Kayenta's answers, where they lie beside the repository.

#![allow(clippy::disallowed_methods, clippy::disallowed_types, clippy::unwrap_used, clippy::panic)] // tests read files

use serde_json::{Value, json};
use serin_judge::source::{prometheus, scope::Scope};
use serin_judge::{CanaryConfig, Metric};

fn answer(inputs: &Value, query: &Value) -> Result<String, String> {
    let config: CanaryConfig = serde_json::from_value(json!({"templates": inputs["templates"]})).unwrap();
    let metric: Metric = serde_json::from_value(json!({"query": query})).unwrap();
    let mut scope = inputs["scope"].clone();
    for (name, value) in [("start", "2026-01-01T00:00:00Z"), ("end", "2026-01-01T01:00:00Z")] {
        scope[name] = json!(value);
    }
    let scope: Scope = serde_json::from_value(scope).unwrap();
    let label = inputs["account"]["scopeLabel"].as_str().unwrap_or(prometheus::SCOPE_LABEL);
    prometheus::query(&config, &metric, &scope, label).map_err(|error| error.to_string())
}

#[test]
fn every_query_is_kayentas() {
    let Some(path) = serin_needs::shared("vectors/kayenta/derived.json") else { return };
    let all: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let (mut queries, mut templates) = (0, 0);
    for row in all["queries"].as_array().unwrap().iter().filter(|row| row["source"] == "prometheus") {
        let got = answer(&row["inputs"], &row["inputs"]["query"]);
        let wanted = &row["expected"];
        match &got {
            Ok(query) => assert_eq!(wanted["query"], *query, "{}", row["id"]),
            Err(error) => assert_eq!(wanted["error"], *error, "{}", row["id"]),
        }
        queries += 1;
    }
    // A template is a whole query here, so that its text is seen as it is.
    for row in all["templates"].as_array().unwrap().iter().filter(|row| row["inputs"]["op"] == "expand") {
        let (mut inputs, id) = (row["inputs"].clone(), &row["id"]);
        let whole = |text: &Value| json!(format!("PromQL:{}", text.as_str().unwrap()));
        let mut query = inputs["query"].clone();
        if let Some(inline) = query.get_mut("customInlineTemplate") {
            *inline = whole(inline);
        }
        for text in inputs["templates"].as_object_mut().into_iter().flat_map(|map| map.values_mut()) {
            *text = whole(text);
        }
        // The kind of resource is the query's here, and the service's own attributes are fixed.
        let wanted = &row["expected"];
        let kind = inputs["scope"]["resourceType"].clone();
        query["resourceType"] = kind;
        match answer(&inputs, &query) {
            Ok(query) => assert_eq!(wanted["value"], query, "{id}"),
            Err(error) if wanted["value"].is_null() && wanted["error"].is_null() => {
                assert_eq!(error, "Metric Name is required when query type is Default.", "{id}");
            }
            Err(error) => {
                let wanted = wanted["error"].as_str().unwrap();
                let is_same = wanted == "any (400)" || error.replace("PromQL:", "") == wanted;
                let is_foreign = wanted.starts_with("Unable to find property");
                assert!(is_same || is_foreign, "{id}: {error}");
            }
        }
        templates += 1;
    }
    assert!(15 < queries && 9 < templates, "{queries} {templates}");
}
