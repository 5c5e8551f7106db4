//! Where measurements come from: one struct for each kind of metric source.

use std::collections::BTreeMap;

use serde_json::Value;
use serin_lang::int_or_string::IntOrString;

use crate::{meta::LabelsAndAnnotations, wire::object};

object! {
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
}
