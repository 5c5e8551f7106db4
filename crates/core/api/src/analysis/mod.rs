//! `AnalysisTemplate`, `ClusterAnalysisTemplate`, `AnalysisRun`: what is measured and what came of it.

mod provider;
mod run;

pub use provider::*;
pub use run::*;

use serin_kernel::Meta;
use serin_lang::int_or_string::IntOrString;

use crate::{rollout::FieldRef, wire::object};

object! {
    /// Metrics to measure, for use by name. The cluster-wide kind has the same shape.
    AnalysisTemplate {
        /// Standard object metadata.
        metadata: Meta = "metadata",
        /// The metrics and their arguments.
        spec: AnalysisTemplateSpec = "spec" required,
    }

    /// The metrics of a template.
    AnalysisTemplateSpec {
        /// What to measure.
        metrics: Vec<Metric> = "metrics",
        /// Arguments that the metrics use.
        args: Vec<Argument> = "args",
        /// Metrics that are measured but do not count.
        dry_run: Vec<DryRun> = "dryRun",
        /// How many measurements are kept.
        measurement_retention: Vec<MeasurementRetention> = "measurementRetention",
        /// Other templates whose metrics belong to this one.
        templates: Vec<TemplateRef> = "templates",
    }

    /// A template by name.
    TemplateRef {
        /// Its name.
        template_name: String = "templateName",
        /// Whether it belongs to the whole cluster.
        cluster_scope: bool = "clusterScope",
    }

    /// Metrics that are measured but do not count.
    DryRun {
        /// A regular expression for their names.
        metric_name: String = "metricName" required,
    }

    /// How many measurements are kept.
    MeasurementRetention {
        /// A regular expression for the metrics' names.
        metric_name: String = "metricName" required,
        /// How many.
        limit: i32 = "limit" required,
    }

    /// An argument of a template or a run.
    Argument {
        /// Its name.
        name: String = "name" required,
        /// Its value.
        value: Option<String> = "value",
        /// Where else the value comes from.
        value_from: Option<ValueFrom> = "valueFrom",
    }

    /// Where a value comes from.
    ValueFrom {
        /// A Secret.
        secret_key_ref: Option<SecretKeyRef> = "secretKeyRef",
        /// A field of the Rollout.
        field_ref: Option<FieldRef> = "fieldRef",
    }

    /// A value in a Secret.
    SecretKeyRef {
        /// Name of the Secret.
        name: String = "name" required,
        /// Key in it.
        key: String = "key" required,
    }

    /// What to measure, how often, and what is good.
    Metric {
        /// Its name.
        name: String = "name" required,
        /// How long between measurements.
        interval: String = "interval",
        /// How long before the first.
        initial_delay: String = "initialDelay",
        /// How many measurements.
        count: Option<IntOrString> = "count",
        /// When a measurement is good.
        success_condition: String = "successCondition",
        /// When a measurement is bad.
        failure_condition: String = "failureCondition",
        /// How many bad measurements are borne; -1 for any.
        failure_limit: Option<IntOrString> = "failureLimit",
        /// How many undecided measurements are borne.
        inconclusive_limit: Option<IntOrString> = "inconclusiveLimit",
        /// How many errors in a row are borne; 4 if absent.
        consecutive_error_limit: Option<IntOrString> = "consecutiveErrorLimit",
        /// How many good measurements in a row are enough.
        consecutive_success_limit: Option<IntOrString> = "consecutiveSuccessLimit",
        /// Where the measurement comes from.
        provider: MetricProvider = "provider" required,
    }
}
