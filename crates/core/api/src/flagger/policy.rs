//! `Canary.spec.service.trafficPolicy`: settings that are copied into Istio's DestinationRules. Zeros and `false` are
//! kept, since Istio has other defaults.

use std::collections::BTreeMap;

use crate::wire::object;

object! {
    /// Settings of Istio's DestinationRules.
    TrafficPolicy {
        /// How many connections there may be.
        connection_pool: Option<ConnectionPool> = "connectionPool",
        /// How an endpoint is chosen.
        load_balancer: Option<LoadBalancer> = "loadBalancer",
        /// When an endpoint is passed over.
        outlier_detection: Option<OutlierDetection> = "outlierDetection",
        /// How connections are secured.
        tls: Option<ClientTls> = "tls",
    }

    /// How many connections there may be.
    ConnectionPool {
        /// HTTP connections.
        http: Option<HttpPool> = "http",
    }

    /// HTTP connections.
    HttpPool {
        /// Whether connections are upgraded to HTTP/2.
        h2_upgrade_policy: String = "h2UpgradePolicy",
        /// Requests that wait for a connection.
        http1_max_pending_requests: Option<i32> = "http1MaxPendingRequests",
        /// Requests at the same time.
        http2_max_requests: Option<i32> = "http2MaxRequests",
        /// How long an unused connection is kept.
        idle_timeout: String = "idleTimeout",
        /// Requests of one connection.
        max_requests_per_connection: Option<i32> = "maxRequestsPerConnection",
        /// Retries at the same time.
        max_retries: Option<i32> = "maxRetries",
    }

    /// How an endpoint is chosen.
    LoadBalancer {
        /// By hash.
        consistent_hash: Option<ConsistentHash> = "consistentHash",
        /// By place.
        locality_lb_setting: Option<LocalityLoadBalancing> = "localityLbSetting",
        /// By a plain rule.
        simple: String = "simple",
        /// How long a new endpoint gets less traffic.
        warmup_duration_secs: String = "warmupDurationSecs",
    }

    /// An endpoint by hash.
    ConsistentHash {
        /// Of a cookie.
        http_cookie: Option<HashCookie> = "httpCookie",
        /// Of a header.
        http_header_name: Option<String> = "httpHeaderName",
        /// Of a query parameter.
        http_query_parameter_name: Option<String> = "httpQueryParameterName",
        /// Smallest number of virtual nodes.
        minimum_ring_size: Option<i64> = "minimumRingSize",
        /// Of the caller's address.
        use_source_ip: Option<bool> = "useSourceIp",
    }

    /// A cookie to hash.
    HashCookie {
        /// Its name.
        name: String = "name",
        /// Its path.
        path: Option<String> = "path",
        /// Its lifetime.
        ttl: String = "ttl",
    }

    /// Endpoints by place.
    LocalityLoadBalancing {
        /// How traffic is spread.
        distribute: Vec<LocalityDistribution> = "distribute",
        /// Whether places count.
        enabled: Option<bool> = "enabled",
        /// Where traffic goes when a region fails.
        failover: Vec<LocalityFailover> = "failover",
    }

    /// How the traffic of one place is spread.
    LocalityDistribution {
        /// The place.
        from: String = "from",
        /// Weights by place.
        to: BTreeMap<String, i64> = "to",
    }

    /// Where the traffic of a region goes when it fails.
    LocalityFailover {
        /// The region.
        from: String = "from",
        /// The other region.
        to: String = "to",
    }

    /// When an endpoint is passed over.
    OutlierDetection {
        /// For how long at least.
        base_ejection_time: String = "baseEjectionTime",
        /// After so many answers of 500 and more.
        consecutive5xx_errors: Option<i64> = "consecutive5xxErrors",
        /// After so many errors; the older form.
        consecutive_errors: Option<i32> = "consecutiveErrors",
        /// After so many errors of gateways.
        consecutive_gateway_errors: Option<i32> = "consecutiveGatewayErrors",
        /// After so many failures on this side.
        consecutive_local_origin_failures: Option<i32> = "consecutiveLocalOriginFailures",
        /// Time between two looks.
        interval: String = "interval",
        /// Percent of endpoints that may be passed over.
        max_ejection_percent: Option<i32> = "maxEjectionPercent",
        /// Percent of healthy endpoints below which none is passed over.
        min_health_percent: Option<i32> = "minHealthPercent",
        /// Whether failures on this side count apart.
        split_external_local_origin_errors: Option<bool> = "splitExternalLocalOriginErrors",
    }

    /// How connections are secured.
    ClientTls {
        /// File of authorities.
        ca_certificates: String = "caCertificates",
        /// File of the client's certificate.
        client_certificate: String = "clientCertificate",
        /// DISABLE, SIMPLE, MUTUAL or ISTIO_MUTUAL.
        mode: String = "mode",
        /// File of the client's key.
        private_key: String = "privateKey",
        /// The name that is asked for.
        sni: String = "sni",
        /// Names that the server may have.
        subject_alt_names: Vec<String> = "subjectAltNames",
    }
}
