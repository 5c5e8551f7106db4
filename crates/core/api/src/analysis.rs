//! `AnalysisTemplate`, `ClusterAnalysisTemplate`, `AnalysisRun`: what is measured and what came of it.

use std::collections::BTreeMap;

use serde_json::Value;
use serin_kernel::{Meta, Moment};
use serin_lang::int_or_string::IntOrString;

use crate::{meta::LabelsAndAnnotations, names::AnalysisPhase, rollout::FieldRef, wire::object};

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

    /// Where a measurement comes from: exactly one of the fields.
    MetricProvider {
        /// Prometheus.
        prometheus: Option<PrometheusMetric> = "prometheus",
        /// Kayenta.
        kayenta: Option<KayentaMetric> = "kayenta",
        /// Any HTTP endpoint.
        web: Option<WebMetric> = "web",
        /// Datadog.
        datadog: Option<DatadogMetric> = "datadog",
        /// Wavefront.
        wavefront: Option<WavefrontMetric> = "wavefront",
        /// New Relic.
        new_relic: Option<NewRelicMetric> = "newRelic",
        /// A Job in the cluster.
        job: Option<JobMetric> = "job",
        /// AWS CloudWatch.
        cloud_watch: Option<CloudWatchMetric> = "cloudWatch",
        /// Graphite.
        graphite: Option<GraphiteMetric> = "graphite",
        /// InfluxDB.
        influxdb: Option<InfluxdbMetric> = "influxdb",
        /// Apache SkyWalking.
        skywalking: Option<SkyWalkingMetric> = "skywalking",
        /// Plugins by name.
        plugin: Value = "plugin",
    }

    /// A query to Prometheus.
    PrometheusMetric {
        /// Address of the server.
        address: String = "address",
        /// The query.
        query: String = "query",
        /// How to authenticate.
        authentication: Option<Authentication> = "authentication",
        /// Seconds to wait.
        timeout: Option<i64> = "timeout",
        /// Whether certificates are not checked.
        insecure: bool = "insecure",
        /// Further headers.
        headers: Vec<Header> = "headers",
        /// A range instead of an instant.
        range_query: Option<RangeQuery> = "rangeQuery",
    }

    /// A range of time.
    RangeQuery {
        /// Its start, as an expression.
        start: String = "start",
        /// Its end, as an expression.
        end: String = "end",
        /// Its resolution.
        step: String = "step",
    }

    /// How to authenticate.
    Authentication {
        /// AWS signatures.
        sigv4: Option<Sigv4> = "sigv4",
        /// OAuth 2 client credentials.
        oauth2: Option<OAuth2> = "oauth2",
        /// User and password.
        basic_auth: Option<BasicAuth> = "basicAuth",
    }

    /// AWS signatures.
    Sigv4 {
        /// Region.
        region: String = "region",
        /// Profile.
        profile: String = "profile",
        /// Role to take on.
        role_arn: String = "roleArn",
    }

    /// OAuth 2 client credentials.
    OAuth2 {
        /// Where tokens come from.
        token_url: String = "tokenUrl",
        /// The client.
        client_id: String = "clientId",
        /// Its secret.
        client_secret: String = "clientSecret",
        /// Scopes to ask for.
        scopes: Vec<String> = "scopes",
    }

    /// User and password.
    BasicAuth {
        /// The user.
        username: String = "username",
        /// The password.
        password: String = "password",
    }

    /// An HTTP header.
    Header {
        /// Its name.
        key: String = "key" required,
        /// Its value.
        value: String = "value" required,
    }

    /// A request to any HTTP endpoint.
    WebMetric {
        /// GET, POST or PUT.
        method: String = "method",
        /// Where to.
        url: String = "url" required,
        /// Further headers.
        headers: Vec<Header> = "headers",
        /// The body as text.
        body: String = "body",
        /// The body as JSON.
        json_body: Value = "jsonBody",
        /// Seconds to wait.
        timeout_seconds: i64 = "timeoutSeconds",
        /// The part of the answer that is measured.
        json_path: String = "jsonPath",
        /// Whether certificates are not checked.
        insecure: bool = "insecure",
        /// How to authenticate.
        authentication: Option<Authentication> = "authentication",
    }

    /// A query to Datadog.
    DatadogMetric {
        /// The time that is looked at.
        interval: String = "interval",
        /// The query.
        query: String = "query",
        /// Several queries by name.
        queries: BTreeMap<String, String> = "queries",
        /// What is made of the queries.
        formula: String = "formula",
        /// v1 or v2.
        api_version: String = "apiVersion",
        /// How points become one number.
        aggregator: String = "aggregator",
        /// Where the credentials are.
        secret_ref: Option<DatadogSecretRef> = "secretRef",
        /// How long to wait.
        request_timeout: String = "requestTimeout",
    }

    /// Where credentials are.
    DatadogSecretRef {
        /// Name of the Secret.
        name: String = "name",
        /// Whether it is in the namespace of the run.
        namespaced: bool = "namespaced",
    }

    /// A query to Wavefront.
    WavefrontMetric {
        /// Address of the server.
        address: String = "address",
        /// The query.
        query: String = "query",
    }

    /// A query to New Relic.
    NewRelicMetric {
        /// The Secret with the credentials.
        profile: String = "profile",
        /// The query.
        query: String = "query" required,
        /// Seconds to wait.
        timeout: Option<i64> = "timeout",
    }

    /// A Job whose end is the measurement.
    JobMetric {
        /// Labels and annotations of the Job.
        metadata: Option<LabelsAndAnnotations> = "metadata",
        /// The Job.
        spec: Value = "spec" required,
    }

    /// A query to CloudWatch.
    CloudWatchMetric {
        /// The time that is looked at.
        interval: String = "interval",
        /// The queries.
        metric_data_queries: Vec<CloudWatchQuery> = "metricDataQueries" required,
    }

    /// One query to CloudWatch.
    CloudWatchQuery {
        /// Its name.
        id: String = "id",
        /// An expression over others.
        expression: Option<String> = "expression",
        /// A label for people.
        label: Option<String> = "label",
        /// A metric.
        metric_stat: Option<CloudWatchMetricStat> = "metricStat",
        /// Its resolution in seconds.
        period: Option<IntOrString> = "period",
        /// Whether its data are returned.
        return_data: Option<bool> = "returnData",
    }

    /// A metric of CloudWatch and its statistic.
    CloudWatchMetricStat {
        /// The metric.
        metric: Option<CloudWatchMetricName> = "metric",
        /// Its resolution in seconds.
        period: Option<IntOrString> = "period",
        /// Its statistic.
        stat: String = "stat",
        /// Its unit.
        unit: String = "unit",
    }

    /// A metric of CloudWatch.
    CloudWatchMetricName {
        /// Its dimensions.
        dimensions: Vec<CloudWatchDimension> = "dimensions",
        /// Its name.
        metric_name: String = "metricName",
        /// Its namespace.
        namespace: Option<String> = "namespace",
    }

    /// A dimension of a metric.
    CloudWatchDimension {
        /// Its name.
        name: String = "name",
        /// Its value.
        value: String = "value",
    }

    /// A query to Graphite.
    GraphiteMetric {
        /// Address of the server.
        address: String = "address",
        /// The query.
        query: String = "query",
    }

    /// A query to InfluxDB.
    InfluxdbMetric {
        /// The Secret with the credentials.
        profile: String = "profile",
        /// The query.
        query: String = "query",
    }

    /// A query to SkyWalking.
    SkyWalkingMetric {
        /// Address of the server.
        address: String = "address",
        /// The query.
        query: String = "query",
        /// The time that is looked at.
        interval: String = "interval",
    }

    /// A judgement by Kayenta.
    KayentaMetric {
        /// Address of the server.
        address: String = "address" required,
        /// The application.
        application: String = "application" required,
        /// The canary configuration.
        canary_config_name: String = "canaryConfigName" required,
        /// The account of the metrics.
        metrics_account_name: String = "metricsAccountName" required,
        /// The account of the configurations.
        configuration_account_name: String = "configurationAccountName" required,
        /// The account of the results.
        storage_account_name: String = "storageAccountName" required,
        /// The scores that decide.
        threshold: KayentaThreshold = "threshold" required,
        /// What is compared.
        scopes: Vec<KayentaScope> = "scopes" required,
        /// Whether the time before the run counts.
        lookback: bool = "lookback",
    }

    /// Scores that decide.
    KayentaThreshold {
        /// From here it is good.
        pass: i64 = "pass" required,
        /// From here it is undecided.
        marginal: i64 = "marginal" required,
    }

    /// What Kayenta compares.
    KayentaScope {
        /// Its name.
        name: String = "name" required,
        /// The old version.
        control_scope: KayentaScopeDetail = "controlScope" required,
        /// The new version.
        experiment_scope: KayentaScopeDetail = "experimentScope" required,
    }

    /// One side of a comparison.
    KayentaScopeDetail {
        /// Its scope.
        scope: String = "scope" required,
        /// Its region.
        region: String = "region" required,
        /// Seconds between points.
        step: i64 = "step" required,
        /// Its start.
        start: String = "start",
        /// Its end.
        end: String = "end",
    }

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
