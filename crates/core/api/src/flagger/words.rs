//! The closed sets of words.

use crate::wire::names;

names! {
    /// Where a Canary stands.
    CanaryPhase {
        /// The primary is being made.
        Initializing = "Initializing",
        /// The primary is there and no analysis was run yet.
        Initialized = "Initialized",
        /// A new version waits for approval to start.
        Waiting = "Waiting",
        /// A new version is analysed.
        Progressing = "Progressing",
        /// A new version waits for approval to be promoted.
        WaitingPromotion = "WaitingPromotion",
        /// The primary gets the new version.
        Promoting = "Promoting",
        /// The traffic is back at the primary.
        Finalising = "Finalising",
        /// The last new version was promoted.
        Succeeded = "Succeeded",
        /// The last new version was taken back.
        Failed = "Failed",
        /// The Canary is being deleted.
        Terminating = "Terminating",
        /// The Canary was deleted.
        Terminated = "Terminated",
    }

    /// What routes the traffic.
    Provider {
        /// APISIX.
        Apisix = "apisix",
        /// AWS App Mesh, the older API.
        AppMesh = "appmesh",
        /// AWS App Mesh.
        AppMeshV1Beta2 = "appmesh:v1beta2",
        /// Contour.
        Contour = "contour",
        /// The Gateway API.
        GatewayApiV1 = "gatewayapi:v1",
        /// The Gateway API, the older one.
        GatewayApiV1Beta1 = "gatewayapi:v1beta1",
        /// Gloo.
        Gloo = "gloo",
        /// Istio.
        Istio = "istio",
        /// Knative.
        Knative = "knative",
        /// Services alone.
        Kubernetes = "kubernetes",
        /// Kuma.
        Kuma = "kuma",
        /// Linkerd.
        Linkerd = "linkerd",
        /// The NGINX ingress controller.
        Nginx = "nginx",
        /// Open Service Mesh.
        Osm = "osm",
        /// Skipper.
        Skipper = "skipper",
        /// The Service Mesh Interface, first version.
        SmiV1Alpha1 = "smi:v1alpha1",
        /// The Service Mesh Interface, second version.
        SmiV1Alpha2 = "smi:v1alpha2",
        /// The Service Mesh Interface, third version.
        SmiV1Alpha3 = "smi:v1alpha3",
        /// Traefik.
        Traefik = "traefik",
    }

    /// Kinds of workloads.
    TargetKind {
        /// One pod for each node.
        DaemonSet = "DaemonSet",
        /// Pods.
        Deployment = "Deployment",
        /// A Service that others keep, or a Service of Knative.
        Service = "Service",
    }

    /// Kinds of autoscalers.
    ScalerKind {
        /// Of Kubernetes.
        HorizontalPodAutoscaler = "HorizontalPodAutoscaler",
        /// Of KEDA.
        ScaledObject = "ScaledObject",
    }

    /// When a web hook is called.
    HookKind {
        /// Before a new version is looked at.
        ConfirmRollout = "confirm-rollout",
        /// Before it gets any traffic.
        PreRollout = "pre-rollout",
        /// At each look.
        Rollout = "rollout",
        /// Before it is promoted.
        ConfirmPromotion = "confirm-promotion",
        /// When all is over.
        PostRollout = "post-rollout",
        /// At each event.
        Event = "event",
        /// At each look, to take it back.
        Rollback = "rollback",
        /// Before the weight grows.
        ConfirmTrafficIncrease = "confirm-traffic-increase",
    }

    /// How much an alert matters, in rising order.
    Severity {
        /// News.
        Info = "info",
        /// Something waits or went wrong.
        Warn = "warn",
        /// A new version was taken back.
        Error = "error",
    }

    /// To which sites a cookie is sent.
    SameSite {
        /// Its own alone.
        Strict = "Strict",
        /// Its own, and others that link to it.
        Lax = "Lax",
        /// All.
        None = "None",
    }

    /// What answers queries.
    MetricProviderKind {
        /// Prometheus.
        Prometheus = "prometheus",
        /// InfluxDB.
        InfluxDb = "influxdb",
        /// Datadog.
        Datadog = "datadog",
        /// The external metrics API of Kubernetes.
        ExternalMetrics = "externalmetrics",
        /// Google Cloud Monitoring.
        Stackdriver = "stackdriver",
        /// Amazon CloudWatch.
        CloudWatch = "cloudwatch",
        /// New Relic.
        NewRelic = "newrelic",
        /// Graphite.
        Graphite = "graphite",
        /// Dynatrace.
        Dynatrace = "dynatrace",
        /// Keptn.
        Keptn = "keptn",
        /// Splunk.
        Splunk = "splunk",
    }

    /// Chats.
    ChatKind {
        /// Slack.
        Slack = "slack",
        /// Microsoft Teams.
        MsTeams = "msteams",
        /// Discord.
        Discord = "discord",
        /// Rocket.Chat.
        Rocket = "rocket",
        /// Google Chat.
        GoogleChat = "gchat",
    }

    /// How a new version gets its traffic.
    Strategy {
        /// Step by step.
        Canary = "canary",
        /// All at once, after checks.
        BlueGreen = "blue-green",
        /// By what requests are like.
        AbTesting = "ab-testing",
    }
}
