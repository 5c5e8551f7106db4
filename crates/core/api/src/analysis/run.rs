//! `AnalysisRun`: metrics that are being measured, and what came of it.

use std::collections::BTreeMap;

use serin_kernel::{Meta, Moment};

use super::{Argument, DryRun, MeasurementRetention, Metric};
use crate::{names::AnalysisPhase, wire::object};

object! {
    /// Metrics that are being measured.
    AnalysisRun {
        /// Standard object metadata.
        metadata: Meta = "metadata",
        /// What to measure.
        spec: AnalysisRunSpec = "spec" required,
        /// What came of it.
        status: Option<AnalysisRunStatus> = "status",
    }

    /// What a run measures.
    AnalysisRunSpec {
        /// What to measure.
        metrics: Vec<Metric> = "metrics" required,
        /// Values of the arguments.
        args: Vec<Argument> = "args",
        /// Whether to stop.
        terminate: bool = "terminate",
        /// Metrics that are measured but do not count.
        dry_run: Vec<DryRun> = "dryRun",
        /// How many measurements are kept.
        measurement_retention: Vec<MeasurementRetention> = "measurementRetention",
        /// When the finished run is deleted.
        ttl_strategy: Option<TtlStrategy> = "ttlStrategy",
    }

    /// When a finished run is deleted.
    TtlStrategy {
        /// Seconds after any end.
        seconds_after_completion: Option<i32> = "secondsAfterCompletion",
        /// Seconds after a bad end.
        seconds_after_failure: Option<i32> = "secondsAfterFailure",
        /// Seconds after a good end.
        seconds_after_success: Option<i32> = "secondsAfterSuccess",
    }

    /// What came of a run.
    AnalysisRunStatus {
        /// Where it stands.
        phase: Option<AnalysisPhase> = "phase" required,
        /// Why.
        message: String = "message",
        /// Results by metric.
        metric_results: Vec<MetricResult> = "metricResults",
        /// When it began.
        started_at: Option<Moment> = "startedAt",
        /// Counts of metrics.
        run_summary: RunSummary = "runSummary",
        /// Counts of metrics that do not count.
        dry_run_summary: Option<RunSummary> = "dryRunSummary",
        /// When it ended.
        completed_at: Option<Moment> = "completedAt",
    }

    /// Counts of metrics by result.
    RunSummary {
        /// All.
        count: i32 = "count",
        /// Good ones.
        successful: i32 = "successful",
        /// Bad ones.
        failed: i32 = "failed",
        /// Undecided ones.
        inconclusive: i32 = "inconclusive",
        /// Ones that could not be measured.
        error: i32 = "error",
    }

    /// What came of one metric.
    MetricResult {
        /// Its name.
        name: String = "name" required,
        /// Where it stands.
        phase: Option<AnalysisPhase> = "phase" required,
        /// The latest measurements.
        measurements: Vec<Measurement> = "measurements",
        /// Why.
        message: String = "message",
        /// Measurements that count.
        count: i32 = "count",
        /// Good ones.
        successful: i32 = "successful",
        /// Bad ones.
        failed: i32 = "failed",
        /// Undecided ones.
        inconclusive: i32 = "inconclusive",
        /// Errors.
        error: i32 = "error",
        /// Errors in a row.
        consecutive_error: i32 = "consecutiveError",
        /// Whether it does not count.
        dry_run: bool = "dryRun",
        /// What the provider tells.
        metadata: BTreeMap<String, String> = "metadata",
        /// Good ones in a row.
        consecutive_success: i32 = "consecutiveSuccess",
    }

    /// One measurement.
    Measurement {
        /// Its result.
        phase: Option<AnalysisPhase> = "phase" required,
        /// Why.
        message: String = "message",
        /// When it began.
        started_at: Option<Moment> = "startedAt",
        /// When it ended.
        finished_at: Option<Moment> = "finishedAt",
        /// What was measured.
        value: String = "value",
        /// What the provider tells.
        metadata: BTreeMap<String, String> = "metadata",
        /// When to look again.
        resume_at: Option<Moment> = "resumeAt",
    }
}
