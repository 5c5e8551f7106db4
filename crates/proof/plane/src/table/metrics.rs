//! TARGETS of a `HorizontalPodAutoscaler`: what it measures against what it wants.

use super::text::{NONE, at, list, shortened, text_or};
use serde_json::Value;

/// Metrics that one cell shows.
const SHOWN: usize = 2;
const UNKNOWN: &str = "<unknown>";

/// Metric type, the field that holds it, and how it is shown.
const SOURCES: [(&str, &str, Style); 5] = [
    ("External", "external", Style::Bare),
    ("Object", "object", Style::Bare),
    ("Pods", "pods", Style::PerPod),
    ("Resource", "resource", Style::Named),
    ("ContainerResource", "containerResource", Style::Named),
];

#[derive(Clone, Copy)]
enum Style {
    /// A value, or an average that is marked as one.
    Bare,
    /// An average by nature.
    PerPod,
    /// The name of a resource, then an average or a percentage.
    Named,
}

/// The cell of an `autoscaling/v2` object.
pub(super) fn targets(hpa: &Value) -> String {
    let specs = list(hpa, "spec.metrics");
    if specs.is_empty() {
        return NONE.to_owned();
    }
    let statuses = list(hpa, "status.currentMetrics");
    let metric = |(index, spec): (usize, &Value)| {
        let Some((_, field, style)) = SOURCES.iter().find(|(kind, ..)| spec["type"] == *kind) else {
            return "<unknown type>".to_owned();
        };
        let current = statuses.get(index).map_or(&Value::Null, |status| at(&status[field], "current"));
        one(&spec[field], current, *style)
    };
    shortened(&specs.iter().enumerate().map(metric).collect::<Vec<_>>(), SHOWN, ", ")
}

fn one(source: &Value, current: &Value, style: Style) -> String {
    let target = &source["target"];
    let average = !target["averageValue"].is_null();
    let pair = |key: &str| format!("{}/{}", quantity(current, key, UNKNOWN), quantity(target, key, "0"));
    let percent = |value: &Value, unknown: &str| match value["averageUtilization"].as_i64() {
        Some(percent) => format!("{percent}%"),
        None => unknown.to_owned(),
    };
    match style {
        Style::PerPod => pair("averageValue"),
        Style::Bare if average => format!("{} (avg)", pair("averageValue")),
        Style::Bare => pair("value"),
        Style::Named if average => format!("{}: {}", text_or(source, "name", ""), pair("averageValue")),
        Style::Named => {
            let name = text_or(source, "name", "");
            format!("{name}: {}/{}", percent(current, UNKNOWN), percent(target, "<auto>"))
        }
    }
}

fn quantity(value: &Value, key: &str, otherwise: &str) -> String {
    match &value[key] {
        Value::Null => otherwise.to_owned(),
        found => serin_lang::jsonpath::text_of(found),
    }
}
