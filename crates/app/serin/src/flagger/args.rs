//! The flags of `serin flagger`: Flagger's names and defaults, so that an installation's arguments need no change. Go's
//! flags have one hyphen; see [`with_two_hyphens`].

use std::ffi::OsString;

use clap::{ArgAction, Args};
use serin_lang::duration::GoDuration;

/// Serve the Canaries of a cluster, as Flagger's controller does
#[derive(Args, Debug)]
#[command(args_override_self = true)] // as in Go, the last one counts
#[allow(clippy::struct_excessive_bools)] // each is a flag of its own
pub(crate) struct FlaggerArgs {
    /// The kubeconfig file [default: $KUBECONFIG, ~/.kube/config, the pod's service account]
    #[arg(long, value_name = "FILE", default_value = "", hide_default_value = true)]
    pub(super) kubeconfig: String,
    /// Address of the API server, over that of the kubeconfig
    #[arg(long, value_name = "URL", default_value = "", hide_default_value = true)]
    pub(super) master: String,
    /// The kubeconfig file of the service mesh: must be that of the cluster itself
    #[arg(long, value_name = "FILE", default_value = "", hide_default_value = true)]
    pub(super) kubeconfig_service_mesh: String,
    /// Print the version and end
    #[arg(long)]
    pub(super) version: bool,
    /// Requests a second to the API, after a burst; less than 0 for no limit, 0 for the 5 of Go's client
    #[arg(long, value_name = "NUMBER", default_value_t = 600.0, allow_negative_numbers = true, value_parser = number)]
    kubeconfig_qps: f64,
    /// Requests at once to the API; 0 for the 10 of Go's client
    #[arg(long, value_name = "COUNT", default_value_t = 1200, allow_negative_numbers = true)]
    kubeconfig_burst: i32,
    /// Prometheus of Canaries that name none
    #[arg(long, value_name = "URL", default_value = "http://prometheus:9090")]
    pub(super) metrics_server: String,
    /// Least important lines that are logged: debug, info, warn or error
    #[arg(long, default_value = "info")]
    pub(super) log_level: String,
    /// How lines are logged: json or console
    #[arg(long, default_value = "json", value_parser = ["json", "console"])]
    pub(super) zap_encoding: String,
    /// Port of /metrics and /healthz
    #[arg(long, default_value_t = 8080)]
    pub(super) port: u16,
    /// Web hook of the Slack channel that is told of Canaries that name no chat [the environment's `SLACK_URL` wins]
    #[arg(long, value_name = "URL", default_value = "", hide_default_value = true)]
    pub(super) slack_url: String,
    /// Bot token for Slack [the environment's `SLACK_TOKEN` wins]
    #[arg(long, default_value = "", hide_default_value = true)]
    pub(super) slack_token: String,
    /// Proxy for Slack [the environment's `SLACK_PROXY_URL` wins]
    #[arg(long, value_name = "URL", default_value = "", hide_default_value = true)]
    pub(super) slack_proxy_url: String,
    /// Name of the sender in Slack
    #[arg(long, default_value = "flagger")]
    pub(super) slack_user: String,
    /// Channel in Slack
    #[arg(long, default_value = "")]
    pub(super) slack_channel: String,
    /// Pictures of releases in Slack, for those with a bot token: light, dark or off
    #[arg(long, value_name = "GROUND", default_value = "light", value_parser = ["light", "dark", "off"])]
    pub(super) chat_pictures: String,
    /// Go template of alerts to the controller's chat, over the fields that docs/flagger.md names
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub(super) alert_template: String,
    /// Web hook of Microsoft Teams, instead of Slack [the environment's `MSTEAMS_URL` wins]
    #[arg(long, value_name = "URL", default_value = "", hide_default_value = true)]
    pub(super) msteams_url: String,
    /// Proxy for Microsoft Teams [the environment's `MSTEAMS_PROXY_URL` wins]
    #[arg(long, value_name = "URL", default_value = "", hide_default_value = true)]
    pub(super) msteams_proxy_url: String,
    /// Who is told of every event of Canaries that name nobody [the environment's `EVENT_WEBHOOK_URL` wins]
    #[arg(long, value_name = "URL", default_value = "", hide_default_value = true)]
    pub(super) event_webhook: String,
    /// Prefixes of labels and annotations that a primary gets from its target, separated by commas; * for all
    #[arg(long, action = ArgAction::Set, value_delimiter = ',', default_value = "", hide_default_value = true)]
    pub(super) include_label_prefix: Vec<String>,
    /// The one namespace that is served [default: all]
    #[arg(long, default_value = "", hide_default_value = true)]
    pub(super) namespace: String,
    /// What routes the traffic of Canaries that do not say it
    #[arg(long, default_value = "istio")]
    pub(super) mesh_provider: String,
    /// Labels of which the first that a workload is selected by tells its pods, separated by commas
    #[arg(long, action = ArgAction::Set, value_delimiter = ',', default_value = "app,name,app.kubernetes.io/name")]
    pub(super) selector_labels: Vec<String>,
    /// Prefix of the NGINX ingress controller's annotations
    #[arg(long, default_value = "nginx.ingress.kubernetes.io")]
    pub(super) ingress_annotations_prefix: String,
    /// Ingress class of Contour's objects
    #[arg(long, default_value = "", hide_default_value = true)]
    pub(super) ingress_class: String,
    /// Take part in the election of one leader among several copies
    #[arg(long, num_args = 0..=1, require_equals = true, default_value_t = false, default_missing_value = "true", action = ArgAction::Set)]
    pub(super) enable_leader_election: bool,
    /// Namespace of the leader's lease
    #[arg(long, default_value = "kube-system")]
    pub(super) leader_election_namespace: String,
    /// Copy ConfigMaps and Secrets for the primary, and watch them
    #[arg(long, num_args = 0..=1, require_equals = true, default_value_t = true, default_missing_value = "true", action = ArgAction::Set)]
    pub(super) enable_config_tracking: bool,
    /// Environment of Canaries with several analyses [default: the label serin.dev/analysis-variant of their namespace]
    #[arg(long, default_value = "", hide_default_value = true)]
    pub(super) analysis_variant: String,
    /// Name of the cluster, in alerts
    #[arg(long, default_value = "", hide_default_value = true)]
    pub(super) cluster_name: String,
    /// Refuse Canaries that name objects of other namespaces
    #[arg(long, num_args = 0..=1, require_equals = true, default_value_t = false, default_missing_value = "true", action = ArgAction::Set)]
    pub(super) no_cross_namespace_refs: bool,
    /// Not needed: nothing is looked at again without a reason
    #[arg(long, hide = true, value_parser = duration)]
    control_loop_interval: Option<GoDuration>,
    /// Not needed: as many Canaries are looked at as are due
    #[arg(long, hide = true, allow_negative_numbers = true)]
    threadiness: Option<i64>,
    /// Not needed
    #[arg(long, hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    zap_replace_globals: Option<bool>,
}

fn duration(text: &str) -> Result<GoDuration, String> {
    GoDuration::parse(text).map_err(|error| error.to_string())
}

/// What Go's client takes 0 for.
const QPS_OF_ZERO: f64 = 5.0;
const BURST_OF_ZERO: u32 = 10;

impl FlaggerArgs {
    /// Requests a second to the API, and at once, with the meaning that Go's client gives to the flags.
    pub(super) fn requests(&self) -> anyhow::Result<(f64, u32)> {
        let qps = match self.kubeconfig_qps {
            qps if qps < 0.0 => return Ok((f64::INFINITY, 1)),
            0.0 => QPS_OF_ZERO,
            qps => qps,
        };
        let burst = u32::try_from(self.kubeconfig_burst).map_err(|_| {
            anyhow::anyhow!(
                "-kubeconfig-burst {}: with a limit not one request may be sent then; leave the flag out, or say \
                 -kubeconfig-qps=-1 for no limit",
                self.kubeconfig_burst
            )
        })?;
        Ok((qps, if burst == 0 { BURST_OF_ZERO } else { burst }))
    }
}

fn number(text: &str) -> Result<f64, String> {
    text.parse::<f64>().ok().filter(|number| number.is_finite()).ok_or_else(|| "must be a number".to_owned())
}

/// `words` with a second hyphen before each of Go's flags.
pub(crate) fn with_two_hyphens(words: impl Iterator<Item = OsString>) -> impl Iterator<Item = OsString> {
    words.map(|word| {
        let text = word.to_string_lossy();
        let is_long = text.strip_prefix('-').is_some_and(|rest| {
            rest.len() > 1 && rest.starts_with(|first: char| first.is_ascii_alphabetic())
        });
        if is_long { OsString::from(format!("-{text}")) } else { word }
    })
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: FlaggerArgs,
    }

    #[test]
    fn no_flag_is_needed_and_an_empty_file_is_none() {
        for words in [&["flagger"][..], &["flagger", "--kubeconfig", "", "--kubeconfig-service-mesh="]] {
            let args = Line::try_parse_from(words).map(|line| line.args).unwrap();
            assert_eq!(
                (args.kubeconfig.as_str(), args.kubeconfig_service_mesh.as_str()),
                ("", ""),
                "{words:?}"
            );
        }
    }

    #[test]
    fn an_encoding_that_is_none_is_refused_by_name() {
        let error =
            Line::try_parse_from(["flagger", "--zap-encoding=xml"]).map(|line| line.args).unwrap_err();
        assert!(error.to_string().contains("--zap-encoding"), "{error}");
    }

    #[test]
    fn limits_mean_what_gos_client_takes_them_for() {
        for (line, expected) in [
            ("", Some((600.0, 1200))),
            ("-kubeconfig-qps=100 -kubeconfig-burst 250", Some((100.0, 250))),
            ("-kubeconfig-qps 0.5", Some((0.5, 1200))),
            ("-kubeconfig-qps=-1", Some((f64::INFINITY, 1))),
            ("-kubeconfig-qps -1 -kubeconfig-burst -1", Some((f64::INFINITY, 1))),
            ("-kubeconfig-qps 0 -kubeconfig-burst 0", Some((5.0, 10))),
            ("-kubeconfig-burst=-1", None),
        ] {
            let words = format!("flagger {line}");
            let words = with_two_hyphens(words.split_whitespace().map(OsString::from));
            let requests = Line::try_parse_from(words).unwrap().args.requests();
            match expected {
                Some(expected) => assert_eq!(requests.unwrap(), expected, "{line}"),
                None => {
                    assert!(
                        requests.unwrap_err().to_string().starts_with("-kubeconfig-burst -1: "),
                        "{line}"
                    );
                }
            }
        }
        for nonsense in
            ["--kubeconfig-qps=x", "--kubeconfig-qps=NaN", "--kubeconfig-qps=inf", "--kubeconfig-burst=x"]
        {
            let error =
                Line::try_parse_from(["flagger", nonsense]).map(|line| line.args).unwrap_err().to_string();
            assert!(error.contains("--kubeconfig-"), "{nonsense}: {error}");
        }
    }

    #[test]
    fn gos_flags_are_read() {
        let line = "flagger -kubeconfig k -mesh-provider=linkerd -enable-leader-election -enable-config-tracking=false \
            -include-label-prefix=a,b -selector-labels app,name -threadiness 4 --port 9 -zap-replace-globals=true \
            -control-loop-interval 5s -log-level=debug";
        let words = with_two_hyphens(line.split_whitespace().map(OsString::from));
        let args = Line::try_parse_from(words).map(|line| line.args).unwrap();
        assert_eq!((args.mesh_provider.as_str(), args.port), ("linkerd", 9));
        assert!(args.enable_leader_election && !args.enable_config_tracking);
        assert_eq!(args.include_label_prefix, ["a", "b"]);
        assert_eq!(args.selector_labels, ["app", "name"]);
    }

    #[test]
    fn what_means_nothing_is_read_all_the_same() {
        for line in [
            "-control-loop-interval nonsense",
            "-control-loop-interval 5",
            "-threadiness two",
            "-zap-replace-globals=x",
        ] {
            let words = format!("flagger {line}");
            let words = with_two_hyphens(words.split_whitespace().map(OsString::from));
            let error = Line::try_parse_from(words).map(|line| line.args).unwrap_err().to_string();
            let flag = line.split([' ', '=']).next().unwrap();
            assert!(error.contains(flag), "{line}: {error}");
        }
    }

    #[test]
    fn of_a_flag_that_is_given_twice_the_last_one_counts() {
        let line = "flagger -port 1 -port=2 -version -version -enable-leader-election -enable-leader-election=false \
            -selector-labels a,b -selector-labels c -include-label-prefix=a --include-label-prefix=b -threadiness 1 -threadiness 2";
        let words = with_two_hyphens(line.split_whitespace().map(OsString::from));
        let args = Line::try_parse_from(words).map(|line| line.args).unwrap();
        assert_eq!((args.port, args.version, args.enable_leader_election), (2, true, false));
        assert_eq!(
            (args.selector_labels, args.include_label_prefix),
            (vec!["c".to_owned()], vec!["b".to_owned()])
        );
    }
}
