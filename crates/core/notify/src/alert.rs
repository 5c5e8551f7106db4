//! What is told, and to whom it matters.

use serin_api::flagger::{Canary, CanaryAlert, Severity, Strategy};

/// News of one Canary for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert<'a> {
    /// Name of the Canary.
    pub name: &'a str,
    /// Its namespace.
    pub namespace: &'a str,
    /// The sentence.
    pub text: &'a str,
    /// How bad it is.
    pub severity: Severity,
    /// What stands below it, in order.
    pub facts: &'a [Fact],
}

/// A line below an alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// What it is about.
    pub title: &'static str,
    /// What it says.
    pub value: String,
}

/// The facts below an alert about `canary`: the name of the cluster, if it has one, and `with_plan` how the release is to
/// go.
#[must_use]
pub fn facts(cluster: &str, canary: &Canary, with_plan: bool) -> Vec<Fact> {
    let mut facts = Vec::new();
    let mut add = |title, value| facts.push(Fact { title, value });
    if !cluster.is_empty() {
        add("Cluster", cluster.to_owned());
    }
    if !with_plan {
        return facts;
    }
    let (spec, target) = (&canary.spec, &canary.spec.target_ref);
    add("Target", format!("{}/{}.{}", target.kind, target.name, canary.metadata.namespace));
    let threshold = spec.analysis.as_ref().map_or(1, serin_api::flagger::CanaryAnalysis::threshold);
    add("Failed checks threshold", threshold.to_string());
    add("Progress deadline", format!("{}s", spec.progress_deadline_seconds()));
    facts.extend(routing(canary).map(|value| Fact { title: "Traffic routing", value }));
    facts
}

/// How traffic gets to the new version; none where nothing says it.
fn routing(canary: &Canary) -> Option<String> {
    let analysis = canary.spec.analysis.as_ref()?;
    match analysis.strategy() {
        Strategy::AbTesting => return Some("A/B Testing".to_owned()),
        Strategy::BlueGreen => return Some("Blue/Green".to_owned()),
        Strategy::Canary => {}
    }
    // What the manifest says, although a list of weights ends where it ends.
    let max = analysis.max_weight.filter(|weight| 0 < *weight).unwrap_or_else(|| analysis.max_weight());
    if 0 < analysis.step_weight() {
        return Some(format!("Weight step: {} max: {max}", analysis.step_weight()));
    }
    let steps: Vec<String> = analysis.step_weights.iter().map(ToString::to_string).collect();
    (!steps.is_empty()).then(|| format!("Weight steps: {} max: {max}", steps.join(",")))
}

/// Whether the recipient of `alert` hears news of `severity`: from the one on that it names, or all. Flagger tells
/// nothing to those who name none, although its documentation says that they hear all.
#[must_use]
pub fn hears(alert: &CanaryAlert, severity: Severity) -> bool {
    let rank = |severity| match severity {
        Severity::Info => 0,
        Severity::Warn => 1,
        Severity::Error => 2,
    };
    rank(alert.severity().unwrap_or(Severity::Info)) <= rank(severity)
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use serin_api::lenient;

    use super::*;

    #[test]
    fn an_alert_is_heard_from_its_severity_on() {
        use Severity::{Error, Info, Warn};
        for (wanted, heard) in [
            ("info", [true; 3]),
            ("warn", [false, true, true]),
            ("error", [false, false, true]),
            ("", [true; 3]),
        ] {
            let alert = CanaryAlert { severity: wanted.to_owned(), ..CanaryAlert::default() };
            assert_eq!([Info, Warn, Error].map(|severity| hears(&alert, severity)), heard, "{wanted:?}");
        }
    }

    #[test]
    fn facts_say_how_the_release_is_to_go() {
        let of = |analysis| {
            let canary = json!({"metadata": {"name": "c", "namespace": "n"},
                "spec": {"targetRef": {"kind": "Deployment", "name": "t"}, "analysis": analysis}});
            let facts = facts("", &lenient::<Canary>(canary).value, true);
            facts.iter().map(|fact| format!("{}={}", fact.title, fact.value)).collect::<Vec<_>>().join(" ")
        };
        let start = "Target=Deployment/t.n Failed checks threshold=1 Progress deadline=600s";
        assert_eq!(of(json!({})), start);
        for (analysis, expected) in [
            (json!({"stepWeight": 5}), "Weight step: 5 max: 100"),
            (json!({"stepWeight": 5, "maxWeight": 40, "stepWeights": [1]}), "Weight step: 5 max: 40"),
            (json!({"stepWeights": [1, 20]}), "Weight steps: 1,20 max: 20"),
            (json!({"iterations": 2, "stepWeight": 5}), "Blue/Green"),
            (json!({"iterations": 2, "match": [{"headers": {"a": {"exact": "b"}}}]}), "A/B Testing"),
        ] {
            assert_eq!(of(analysis), format!("{start} Traffic routing={expected}"));
        }
        let none = facts("c", &Canary::default(), false);
        assert_eq!(none, [Fact { title: "Cluster", value: "c".to_owned() }]);
    }
}
