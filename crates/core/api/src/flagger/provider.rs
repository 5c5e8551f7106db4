//! `MetricTemplate` and `AlertProvider`.

use std::collections::BTreeMap;

use serin_kernel::Meta;

use crate::wire::object;

object! {
    /// A query for use by name.
    MetricTemplate {
        /// Standard object metadata.
        metadata: Meta = "metadata",
        /// Where to ask, and what.
        spec: MetricTemplateSpec = "spec",
    }

    /// Where to ask, and what.
    MetricTemplateSpec {
        /// Where to ask.
        provider: MetricTemplateProvider = "provider" required,
        /// The query, as a template.
        query: String = "query" required,
    }

    /// Where to ask.
    MetricTemplateProvider {
        /// What answers.
        kind: String = "type" required,
        /// Its address.
        address: String = "address",
        /// Headers of the requests, for prometheus.
        headers: BTreeMap<String, Vec<String>> = "headers",
        /// The Secret with its credentials.
        secret_ref: Option<SecretRef> = "secretRef",
        /// Its region, for cloudwatch.
        region: String = "region",
        /// Whether the server's certificate is not looked at.
        insecure_skip_verify: bool = "insecureSkipVerify",
    }

    /// A Secret in the same namespace.
    SecretRef {
        /// Its name.
        name: String = "name" required,
    }

    /// A chat that is told of releases.
    AlertProvider {
        /// Standard object metadata.
        metadata: Meta = "metadata",
        /// Where the chat is.
        spec: AlertProviderSpec = "spec",
    }

    /// Where the chat is.
    AlertProviderSpec {
        /// Which chat.
        kind: String = "type" required,
        /// The channel; general if absent.
        channel: String = "channel",
        /// The name of the sender; flagger if absent.
        username: String = "username",
        /// Where to send to.
        address: String = "address",
        /// The proxy for it.
        proxy: String = "proxy",
        /// The Secret with the address, instead of address.
        secret_ref: Option<SecretRef> = "secretRef",
    }
}
