//! `AnalysisVariant`: Serin's own kind, which Flagger does not know. It changes the analysis of Canaries for one environment.
//!
//! Property: what comes of an analysis and a variant is exactly what the two say, or an error that names what does not fit.
//! There is no third outcome: a name that nothing has, a field that nobody knows, never lead to another analysis.
//!
//! The rule: a number or a text that is set replaces that of the analysis. `iterations`, `stepWeight` and `stepWeights`
//! exclude each other, so that one of them replaces all three. Metrics, web hooks and alerts go by their names: of the
//! analysis' list stay those of `keep`, or all but those of `drop`, in their order; then each of `set` takes the place of the
//! one of its name, or comes last.

use std::collections::BTreeSet;

use serin_kernel::Meta;

use super::{CanaryAlert, CanaryAnalysis, CanaryMetric, CanaryWebhook};
use crate::{
    validate::{FieldError, field::Errors},
    wire::object,
};

object! {
    /// Changes of an analysis, for one environment.
    AnalysisVariant {
        /// Standard object metadata.
        metadata: Meta = "metadata",
        /// The changes.
        spec: AnalysisVariantSpec = "spec",
    }

    /// Changes of an analysis: what is absent stays.
    AnalysisVariantSpec {
        /// Time between two looks.
        interval: String = "interval",
        /// Failed checks after which the new version is taken back.
        threshold: Option<i32> = "threshold",
        /// Number of checks, instead of weights.
        iterations: Option<i32> = "iterations",
        /// Highest weight of the new version.
        max_weight: Option<i32> = "maxWeight",
        /// How much the weight grows at each look, instead of iterations.
        step_weight: Option<i32> = "stepWeight",
        /// The weights one after another, instead of iterations.
        step_weights: Vec<i32> = "stepWeights",
        /// How much the weight goes back at each look during promotion.
        step_weight_promotion: Option<i32> = "stepWeightPromotion",
        /// Which metrics, by name.
        metrics: MetricChanges = "metrics",
        /// Which web hooks, by name.
        webhooks: WebhookChanges = "webhooks",
        /// Which alerts, by name.
        alerts: AlertChanges = "alerts",
    }

    /// Which metrics there are.
    MetricChanges {
        /// The only ones of the analysis that stay; an empty list for none.
        keep: Option<Vec<String>> = "keep",
        /// Those of the analysis that go.
        drop: Vec<String> = "drop",
        /// Those that take the place of the one of their name, or come last.
        set: Vec<CanaryMetric> = "set",
    }

    /// Which web hooks there are.
    WebhookChanges {
        /// The only ones of the analysis that stay; an empty list for none.
        keep: Option<Vec<String>> = "keep",
        /// Those of the analysis that go.
        drop: Vec<String> = "drop",
        /// Those that take the place of the one of their name, or come last.
        set: Vec<CanaryWebhook> = "set",
    }

    /// Which alerts there are.
    AlertChanges {
        /// The only ones of the analysis that stay; an empty list for none.
        keep: Option<Vec<String>> = "keep",
        /// Those of the analysis that go.
        drop: Vec<String> = "drop",
        /// Those that take the place of the one of their name, or come last.
        set: Vec<CanaryAlert> = "set",
    }
}

/// Something of an analysis that has a name.
trait Named: Clone {
    fn name(&self) -> &str;
}

impl Named for CanaryMetric {
    fn name(&self) -> &str {
        &self.name
    }
}

impl Named for CanaryWebhook {
    fn name(&self) -> &str {
        &self.name
    }
}

impl Named for CanaryAlert {
    fn name(&self) -> &str {
        &self.name
    }
}

impl AnalysisVariantSpec {
    /// `analysis` with these changes.
    ///
    /// # Errors
    /// Names that it does not have, or that say two things.
    pub fn laid_over(&self, analysis: &CanaryAnalysis) -> Result<CanaryAnalysis, Vec<FieldError>> {
        let mut errors = Errors::default();
        let mut whole = analysis.clone();
        if !self.interval.is_empty() {
            whole.interval.clone_from(&self.interval);
        }
        for (own, changed) in [
            (&mut whole.threshold, self.threshold),
            (&mut whole.max_weight, self.max_weight),
            (&mut whole.step_weight_promotion, self.step_weight_promotion),
        ] {
            *own = changed.or(*own);
        }
        self.steps(&mut whole, &mut errors);
        let Self { metrics, webhooks, alerts, .. } = self;
        whole.metrics =
            laid("metrics", &analysis.metrics, (&metrics.keep, &metrics.drop, &metrics.set), &mut errors);
        whole.webhooks = laid(
            "webhooks",
            &analysis.webhooks,
            (&webhooks.keep, &webhooks.drop, &webhooks.set),
            &mut errors,
        );
        whole.alerts =
            laid("alerts", &analysis.alerts, (&alerts.keep, &alerts.drop, &alerts.set), &mut errors);
        if errors.0.is_empty() { Ok(whole) } else { Err(errors.0) }
    }

    /// The three ways to go from 0 to the end, of which there is one.
    fn steps(&self, whole: &mut CanaryAnalysis, errors: &mut Errors) {
        let said = [self.iterations.is_some(), self.step_weight.is_some(), !self.step_weights.is_empty()];
        match said.iter().filter(|said| **said).count() {
            0 => {}
            1 => {
                whole.iterations = self.iterations;
                whole.step_weight = self.step_weight;
                whole.step_weights.clone_from(&self.step_weights);
            }
            _ => {
                errors
                    .forbidden("spec", "iterations, stepWeight and stepWeights exclude each other: set one");
            }
        }
    }
}

fn laid<T: Named>(
    field: &str,
    own: &[T],
    (keep, drop, set): (&Option<Vec<String>>, &[String], &[T]),
    errors: &mut Errors,
) -> Vec<T> {
    let path = |list: &str, index: usize| format!("spec.{field}.{list}[{index}]");
    if keep.is_some() && !drop.is_empty() {
        errors.forbidden(format!("spec.{field}.drop"), "what is not in keep goes anyway: set one of the two");
    }
    let has = |name: &str| own.iter().filter(|one| one.name() == name).count();
    for (list, names) in [("keep", keep.as_deref().unwrap_or_default()), ("drop", drop)] {
        for (index, name) in names.iter().enumerate().filter(|(_, name)| has(name) == 0) {
            let known: Vec<&str> = own.iter().map(Named::name).collect();
            errors.not_supported(path(list, index), name, &known);
        }
    }
    let stays = |name: &str| {
        keep.as_ref()
            .map_or_else(|| !drop.iter().any(|one| one == name), |keep| keep.iter().any(|one| one == name))
    };
    let mut whole: Vec<T> = own.iter().filter(|one| stays(one.name())).cloned().collect();
    let mut seen = BTreeSet::new();
    for (index, one) in set.iter().enumerate() {
        if !seen.insert(one.name()) {
            errors.duplicate(format!("{}.name", path("set", index)), one.name());
        }
        let mut places = whole.iter_mut().filter(|other| other.name() == one.name());
        match (places.next(), places.next()) {
            (Some(_), Some(_)) => {
                let detail =
                    format!("the analysis has several {field} of this name: give them names of their own");
                errors.invalid(format!("{}.name", path("set", index)), one.name(), detail);
            }
            (Some(place), None) => *place = one.clone(),
            _ => whole.push(one.clone()),
        }
    }
    whole
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::{lenient, wire::Wire};

    fn analysis() -> CanaryAnalysis {
        let analysis = json!({
            "interval": "1m", "threshold": 5, "stepWeight": 10, "maxWeight": 50,
            "metrics": [{"name": "rate"}, {"name": "duration"}],
            "webhooks": [
                {"name": "acceptance", "type": "pre-rollout", "url": "http://a"},
                {"name": "load", "url": "http://l"}, {"name": "both", "url": "http://1"}, {"name": "both", "url": "http://2"},
            ],
            "alerts": [{"name": "chat", "severity": "info", "providerRef": {"name": "p"}}],
        });
        lenient::<CanaryAnalysis>(analysis).value
    }

    fn laid_over(variant: &Value) -> Result<Value, Vec<String>> {
        let read = lenient::<AnalysisVariant>(json!({ "spec": variant }));
        assert_eq!((read.problems, read.unknown), (vec![], vec![]), "{variant}");
        let laid = read.value.spec.laid_over(&analysis());
        laid.map(|it| it.write()).map_err(|errors| errors.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn what_is_absent_stays_and_what_is_set_replaces() {
        let whole = analysis().write();
        let with = |patch: Value| {
            let mut whole = whole.clone();
            for (field, value) in patch.as_object().unwrap() {
                whole[field] = value.clone();
                if value.is_null() {
                    whole.as_object_mut().unwrap().shift_remove(field);
                }
            }
            whole
        };
        let hooks = whole["webhooks"].as_array().unwrap().clone();
        let chosen =
            |indices: &[usize]| json!(indices.iter().map(|index| hooks[*index].clone()).collect::<Vec<_>>());
        let new = json!({"name": "load", "url": "http://n"});
        for (variant, expected) in [
            (json!({}), json!({})),
            (
                json!({"interval": "20s", "threshold": 1, "maxWeight": 0, "stepWeightPromotion": 50}),
                json!({"interval": "20s", "threshold": 1, "maxWeight": 0, "stepWeightPromotion": 50}),
            ),
            (json!({"iterations": 3}), json!({"iterations": 3, "stepWeight": null})),
            (json!({"stepWeights": [1, 9]}), json!({"stepWeights": [1, 9], "stepWeight": null})),
            (json!({"metrics": {"keep": []}}), json!({"metrics": null})),
            (json!({"metrics": {"keep": ["duration"]}}), json!({"metrics": [{"name": "duration"}]})),
            (json!({"metrics": {"drop": ["duration"]}}), json!({"metrics": [{"name": "rate"}]})),
            (json!({"webhooks": {"keep": ["both", "acceptance"]}}), json!({"webhooks": chosen(&[0, 2, 3])})),
            (json!({"webhooks": {"drop": ["both"], "set": [new]}}), json!({"webhooks": [hooks[0], new]})),
            (
                json!({"webhooks": {"keep": ["acceptance"], "set": [new]}}),
                json!({"webhooks": [hooks[0], new]}),
            ),
            (json!({"alerts": {"drop": ["chat"]}}), json!({"alerts": null})),
        ] {
            assert_eq!(laid_over(&variant), Ok(with(expected)), "{variant}");
        }
    }

    #[test]
    fn what_does_not_fit_is_named_all_at_once() {
        for (variant, expected) in [
            (
                json!({"webhooks": {"keep": ["acceptence"]}, "metrics": {"drop": ["x"]}}),
                vec![
                    "spec.metrics.drop[0]: Unsupported value: \"x\": supported values: \"rate\", \"duration\"",
                    "spec.webhooks.keep[0]: Unsupported value: \"acceptence\": supported values: \"acceptance\", \"load\", \"both\", \"both\"",
                ],
            ),
            (
                json!({"metrics": {"keep": ["rate"], "drop": ["duration"]}}),
                vec!["spec.metrics.drop: Forbidden: what is not in keep goes anyway: set one of the two"],
            ),
            (
                json!({"iterations": 1, "stepWeight": 5}),
                vec!["spec: Forbidden: iterations, stepWeight and stepWeights exclude each other: set one"],
            ),
            (
                json!({"webhooks": {"set": [{"name": "both", "url": "http://n"}]}}),
                vec![
                    "spec.webhooks.set[0].name: Invalid value: \"both\": the analysis has several webhooks of this name: give them names of their own",
                ],
            ),
            (
                json!({"metrics": {"set": [{"name": "n"}, {"name": "n"}]}}),
                vec!["spec.metrics.set[1].name: Duplicate value: \"n\""],
            ),
        ] {
            assert_eq!(laid_over(&variant).unwrap_err(), expected, "{variant}");
        }
    }
}
