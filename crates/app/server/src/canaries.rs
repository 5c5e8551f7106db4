//! What `/metrics` tells of Canaries: Flagger's names and labels. Pure.

use std::collections::BTreeMap;

use serin_engine::{Measured, MeasuredValue};

use crate::{Facts, exposition::Exposition, facts};

/// Flagger's metrics that planners measure, and what they are.
const MEASURED: [(&str, &str, &str); 6] = [
    ("flagger_canary_status", "gauge", "Last canary analysis result: 0 running, 1 successful, 2 failed"),
    ("flagger_canary_weight", "gauge", "The virtual service destination weight current value"),
    ("flagger_canary_duration_seconds", "histogram", "Seconds spent performing canary analysis"),
    ("flagger_canary_metric_analysis", "gauge", "Last canary analysis result per metric"),
    ("flagger_canary_successes_total", "counter", "Total number of canary successes"),
    ("flagger_canary_failures_total", "counter", "Total number of canary failures"),
];

/// The text of `/metrics` of a controller of Canaries, which are `facts.rollouts`; `provider` is its own setting.
#[must_use]
pub fn render_canaries(facts: &Facts, provider: &str) -> String {
    let mut out = Exposition::default();
    out.family("flagger_info", "gauge", "Running version of the controller, and its mesh provider");
    out.sample("flagger_info", &[("version", &facts.version), ("mesh_provider", provider)], 1.0);
    let mut total: BTreeMap<&str, u32> = BTreeMap::new();
    for canary in &facts.rollouts {
        *total.entry(&canary.meta().namespace).or_default() += 1;
    }
    out.family("flagger_canary_total", "gauge", "Total number of canaries in a namespace");
    for (namespace, count) in total {
        out.sample("flagger_canary_total", &[("namespace", namespace)], f64::from(count));
    }
    if let Some(engine) = &facts.engine {
        measured(&mut out, &engine.measured);
        facts::engine(&mut out, engine);
    }
    facts::traffic(&mut out, facts);
    out.text()
}

fn measured(out: &mut Exposition, measured: &Measured) {
    for (name, kind, help) in MEASURED {
        let Some(series) = measured.series.get(name) else { continue };
        out.family(name, kind, help);
        for (labels, value) in series {
            let labels: Vec<(&str, &str)> =
                labels.iter().map(|(label, text)| (*label, text.as_str())).collect();
            match value {
                MeasuredValue::Gauge(value) | MeasuredValue::Counter(value) => {
                    out.sample(name, &labels, *value);
                }
                MeasuredValue::Histogram(buckets) => out.histogram(name, &labels, buckets),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use serin_calls::Posted;
    use serin_engine::{Buckets, MEASURE_SECONDS, Snapshot};
    use serin_kernel::{Kind, Object};

    use super::*;

    #[test]
    fn flaggers_names_and_labels_are_told() {
        let kind = Kind::namespaced("flagger.app", "v1beta1", "Canary", "canaries");
        let canary =
            |name| Object::new(kind, &json!({"metadata": {"name": name, "namespace": "test"}})).unwrap();
        let labels = vec![("namespace", "test".to_owned()), ("workload", "podinfo".to_owned())];
        let weights = BTreeMap::from([(labels, MeasuredValue::Gauge(20.0))]);
        let labels = vec![("name", "podinfo".to_owned()), ("namespace", "test".to_owned())];
        let looks =
            Buckets { bounds: MEASURE_SECONDS, counts: vec![1; MEASURE_SECONDS.len() + 1], sum: 42.5 };
        let looks = BTreeMap::from([(labels, MeasuredValue::Histogram(looks))]);
        let facts = Facts {
            rollouts: vec![canary("a"), canary("b")],
            engine: Some(Snapshot {
                kinds: BTreeMap::new(),
                objects: BTreeMap::new(),
                conflicts: 0,
                frozen: BTreeMap::new(),
                measured: Measured {
                    series: BTreeMap::from([
                        ("flagger_canary_weight", weights),
                        ("flagger_canary_duration_seconds", looks),
                    ]),
                },
                posted: Posted { sent: 7, retried: 3, lost: 2, waiting: 1 },
            }),
            requests: Vec::new(),
            events: (Vec::new(), 0),
            watches: Vec::new(),
            version: "1".to_owned(),
        };
        let text = render_canaries(&facts, "istio");
        for line in [
            "flagger_info{version=\"1\",mesh_provider=\"istio\"} 1",
            "flagger_canary_total{namespace=\"test\"} 2",
            "# TYPE flagger_canary_weight gauge",
            "flagger_canary_weight{namespace=\"test\",workload=\"podinfo\"} 20",
            "# TYPE flagger_canary_duration_seconds histogram",
            "flagger_canary_duration_seconds_bucket{name=\"podinfo\",namespace=\"test\",le=\"0.005\"} 1",
            "flagger_canary_duration_seconds_bucket{name=\"podinfo\",namespace=\"test\",le=\"+Inf\"} 12",
            "flagger_canary_duration_seconds_sum{name=\"podinfo\",namespace=\"test\"} 42.5",
            "flagger_canary_duration_seconds_count{name=\"podinfo\",namespace=\"test\"} 12",
            "serin_messages_total{outcome=\"sent\"} 7",
            "serin_messages_total{outcome=\"lost\"} 2",
            "serin_messages_retried_total 3",
            "serin_messages_waiting 1",
        ] {
            assert!(text.lines().any(|is| is == line), "{line}\n{text}");
        }
        assert!(!text.contains("rollout_info"), "a Canary is no Rollout");
    }
}
