//! kubectl's flags, as its plugins have them; those for its connection are also those of Argo's controller.

use std::path::PathBuf;

use clap::{ArgAction, Args, builder::BoolishValueParser};
use serin_cluster::access::Access;

/// Where kubectl keeps what it knows of APIs.
const CACHE_DIR: &str = "$HOME/.kube/cache";

/// kubectl's flags.
#[derive(Args)]
pub(crate) struct Global {
    #[command(flatten)]
    pub(crate) access: AccessFlags,
    /// Default cache directory
    #[arg(long, global = true, value_name = "string", default_value = CACHE_DIR)]
    cache_dir: Option<String>,
    /// If true, opt-out of response compression for all requests to the server
    #[arg(long, global = true)]
    disable_compression: bool,
    /// Log level for kubernetes client library
    #[arg(short = 'v', long, global = true, value_name = "int")]
    kloglevel: Option<i32>,
    #[arg(
        long,
        global = true,
        value_name = "string",
        default_value = "0",
        help = "The length of time to wait before giving up on a single server request. Non-zero values should contain a corresponding time unit (e.g. 1s, 2m, 3h). A value of zero means don't timeout requests."
    )]
    request_timeout: Option<String>,
}

/// Those of them that describe a connection.
#[derive(Args, Debug)]
pub(crate) struct AccessFlags {
    #[arg(
        long = "as",
        global = true,
        value_name = "string",
        help = "Username to impersonate for the operation. User could be a regular user or a service account in a namespace."
    )]
    impersonate: Option<String>,
    #[arg(
        long = "as-group",
        global = true,
        value_name = "stringArray",
        help = "Group to impersonate for the operation, this flag can be repeated to specify multiple groups."
    )]
    impersonate_groups: Vec<String>,
    #[arg(
        long = "as-uid",
        global = true,
        value_name = "string",
        help = "UID to impersonate for the operation."
    )]
    impersonate_uid: Option<String>,
    /// Path to a cert file for the certificate authority
    #[arg(long, global = true, value_name = "string")]
    certificate_authority: Option<String>,
    /// Path to a client certificate file for TLS
    #[arg(long, global = true, value_name = "string")]
    client_certificate: Option<String>,
    /// Path to a client key file for TLS
    #[arg(long, global = true, value_name = "string")]
    client_key: Option<String>,
    /// The name of the kubeconfig cluster to use
    #[arg(long, global = true, value_name = "string")]
    cluster: Option<String>,
    /// The name of the kubeconfig context to use
    #[arg(long, global = true, value_name = "string")]
    context: Option<String>,
    /// If true, the server's certificate will not be checked for validity. This will make your HTTPS connections insecure
    #[arg(long, global = true, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value = "false", default_missing_value = "true", action = ArgAction::Set, value_parser = BoolishValueParser::new())]
    insecure_skip_tls_verify: bool,
    #[arg(
        long,
        global = true,
        value_name = "string",
        help = "Path to the kubeconfig file to use for CLI requests."
    )]
    kubeconfig: Option<PathBuf>,
    /// If present, the namespace scope for this CLI request
    #[arg(short, long, global = true, value_name = "string")]
    namespace: Option<String>,
    /// The address and port of the Kubernetes API server
    #[arg(short, long, global = true, value_name = "string")]
    server: Option<String>,
    /// Server name to use for server certificate validation. If it is not provided, the hostname used to contact the server is used
    #[arg(long, global = true, value_name = "string")]
    tls_server_name: Option<String>,
    /// Bearer token for authentication to the API server
    #[arg(long, global = true, value_name = "string")]
    token: Option<String>,
    /// The name of the kubeconfig user to use
    #[arg(long, global = true, value_name = "string")]
    user: Option<String>,
}

impl Global {
    /// The flags given that mean nothing here, each with the reason. Those with the defaults that kubectl shows ask for
    /// nothing.
    pub(super) fn ignored(&self) -> Vec<(&'static str, &'static str)> {
        let given = |text: &Option<String>, nothing: &[&str]| {
            text.as_deref().is_some_and(|text| !nothing.contains(&text))
        };
        let all = [
            (given(&self.cache_dir, &[CACHE_DIR, ""]), "cache-dir", "nothing is kept on disk"),
            (self.disable_compression, "disable-compression", "answers are never compressed"),
            (self.kloglevel.is_some_and(|level| level != 0), "kloglevel", "there is no klog"),
            (
                given(&self.request_timeout, &["0", "0s", ""]),
                "request-timeout",
                "every request has its own limit",
            ),
        ];
        all.into_iter().filter(|(is_given, ..)| *is_given).map(|(_, flag, why)| (flag, why)).collect()
    }
}

impl AccessFlags {
    /// The connection that the flags describe.
    pub(crate) fn access(&self) -> Access {
        Access {
            kubeconfig: self.kubeconfig.clone(),
            context: self.context.clone(),
            cluster: self.cluster.clone(),
            user: self.user.clone(),
            namespace: self.namespace.clone(),
            server: self.server.clone(),
            token: self.token.clone(),
            certificate_authority: self.certificate_authority.clone(),
            client_certificate: self.client_certificate.clone(),
            client_key: self.client_key.clone(),
            tls_server_name: self.tls_server_name.clone(),
            insecure_skip_tls_verify: self.insecure_skip_tls_verify,
            impersonate: self.impersonate.clone(),
            impersonate_groups: self.impersonate_groups.clone(),
            impersonate_uid: self.impersonate_uid.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        global: Global,
    }

    #[test]
    fn flags_that_mean_nothing_are_named_unless_they_ask_for_nothing() {
        for (line, ignored) in [
            ("kubectl", &[][..]),
            ("kubectl -n a --context b --request-timeout 0 -v 0 --cache-dir=", &[]),
            ("kubectl --request-timeout=5s", &["request-timeout"]),
            ("kubectl -v 6 --cache-dir /c", &["cache-dir", "kloglevel"]),
            ("kubectl --disable-compression", &["disable-compression"]),
        ] {
            let line_given = Line::try_parse_from(line.split(' ')).map(|line| line.global).unwrap();
            let found: Vec<&str> = line_given.ignored().into_iter().map(|(flag, _)| flag).collect();
            assert_eq!(found, ignored, "{line}");
        }
    }
}
