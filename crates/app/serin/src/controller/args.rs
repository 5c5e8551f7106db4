//! The flags of `serin controller`: Argo's names, so that an installation's arguments need no change.

use std::{net::IpAddr, time::Duration};

use clap::{Arg, ArgAction, ArgMatches, Args, Command, ValueEnum, error::Error};

use crate::plugin::AccessFlags;

/// Flags of Argo's controller that mean nothing here: whether each takes a value, and why it is not needed.
const IGNORED: &[(&str, bool, &str)] = &[
    ("alb-ingress-classes", true, "there is no ALB router yet"),
    ("alb-tag-key-resource-id", true, "there is no ALB router yet"),
    ("alb-verify-weight", false, "there is no ALB router yet"),
    ("ambassador-api-version", true, "there is no Ambassador router yet"),
    ("analysis-threads", true, "there is no analysis yet"),
    ("appmesh-crd-version", true, "there is no App Mesh router yet"),
    ("aws-target-group-binding-api-version", true, "there is no ALB router yet"),
    ("aws-verify-target-group", false, "there is no ALB router yet"),
    ("controllers", true, "all controllers that exist run"),
    ("disable-compression", false, "answers are never compressed"),
    ("enable-pprof-address", true, "there is no Go profile to serve"),
    ("ephemeral-metadata-threads", true, "metadata is written by the passes of a Rollout"),
    ("ephemeral-metadata-update-pod-retries", true, "what is refused is tried again by the next pass"),
    ("experiment-threads", true, "there are no experiments yet"),
    ("ingress-api-version", true, "networking.k8s.io/v1 is used"),
    ("ingress-threads", true, "Ingresses are written by the passes of a Rollout"),
    ("istio-api-version", true, "there is no Istio router yet"),
    ("kloglevel", true, "there is no klog; use --loglevel"),
    ("nginx-ingress-classes", true, "the router is chosen by the Rollout"),
    ("request-timeout", true, "every request has its own limit"),
    ("rollout-resync", true, "nothing is planned again without a reason"),
    ("self-service-notification-enabled", false, "there are no notifications yet"),
    ("service-threads", true, "Services are written by the passes of a Rollout"),
    ("traefik-api-group", true, "there is no Traefik router yet"),
    ("traefik-api-version", true, "there is no Traefik router yet"),
    ("traffic-split-api-version", true, "there is no SMI router yet"),
];

/// Serve Rollouts of a cluster
#[derive(Args, Debug)]
pub(crate) struct ControllerArgs {
    /// Serve only the namespace of the context, or of --namespace
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value_t = false, default_missing_value = "true", action = ArgAction::Set)]
    pub(super) namespaced: bool,
    /// Serve only objects whose label argo-rollouts.argoproj.io/controller-instance-id has this value [default: only objects without that label]
    #[arg(long, value_name = "ID", default_value = "", hide_default_value = true)]
    pub(super) instance_id: String,
    /// Least important lines that are logged
    #[arg(long, value_enum, default_value_t = Level::Info)]
    pub(super) loglevel: Level,
    /// How lines are logged
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(super) logformat: Format,
    /// IPv4 or IPv6 address on which /metrics and /healthz are served; :: is every address of both kinds, 0.0.0.0 of IPv4 alone
    #[arg(long, value_name = "ADDRESS", default_value_t = serin_server::EVERYWHERE)]
    pub(super) bind_address: IpAddr,
    /// Port of /metrics
    #[arg(long = "metricsPort", alias = "metricsport", value_name = "PORT", default_value_t = 8090)]
    pub(super) metrics_port: u16,
    /// Port of /healthz
    #[arg(long = "healthzPort", value_name = "PORT", default_value_t = 8080)]
    pub(super) healthz_port: u16,
    /// Requests a second to the API, after a burst
    #[arg(long, default_value_t = 600.0, value_parser = positive)]
    pub(super) qps: f64,
    /// Requests at once to the API
    #[arg(long, default_value_t = 1200, value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) burst: u32,
    /// Rollouts that are worked on at the same time
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(super) rollout_threads: u16,
    /// Take part in the election of one leader among several copies, by a lease in the namespace of --namespace or of the pod
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value_t = true, default_missing_value = "true", action = ArgAction::Set)]
    pub(super) leader_elect: bool,
    /// How long others wait after the leader's last sign of life
    #[arg(long, value_name = "DURATION", default_value = "15s", value_parser = duration)]
    pub(super) leader_election_lease_duration: Duration,
    /// How long a leader tries to give a sign of life before it gives up
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = duration)]
    pub(super) leader_election_renew_deadline: Duration,
    /// Between two signs of life
    #[arg(long, value_name = "DURATION", default_value = "2s", value_parser = duration)]
    pub(super) leader_election_retry_period: Duration,
    #[command(flatten)]
    pub(super) access: AccessFlags,
    #[command(flatten)]
    pub(super) ignored: Ignored,
}

/// Least important lines that are logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Level {
    /// Everything.
    #[value(alias = "trace")]
    Debug,
    /// What was done and why.
    Info,
    /// What went wrong and will be tried again.
    #[value(alias = "warning")]
    Warn,
    /// What a person must look at.
    #[value(aliases = ["fatal", "panic"])]
    Error,
}

/// How lines are logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Text,
    /// For machines.
    Json,
}

/// The flags given that mean nothing here, each with the reason.
#[derive(Debug)]
pub(super) struct Ignored(pub(super) Vec<(&'static str, &'static str)>);

impl Args for Ignored {
    fn augment_args(command: Command) -> Command {
        IGNORED.iter().fold(command, |command, &(name, takes_value, why)| {
            let arg = Arg::new(name).long(name).hide(true).help(why).action(ArgAction::Append);
            command.arg(if takes_value { arg } else { arg.num_args(0..=1).require_equals(true) })
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl clap::FromArgMatches for Ignored {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let given = IGNORED.iter().filter(|(name, ..)| matches.contains_id(name));
        Ok(Self(given.map(|&(name, _, why)| (name, why)).collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

fn positive(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() && 0.0 < number => Ok(number),
        _ => Err("must be a number above 0".to_owned()),
    }
}

/// Durations as Go's flags take them: `15s`, `1m30s`, `500ms`.
fn duration(text: &str) -> Result<Duration, String> {
    let bad = || format!("`{text}` is not a duration such as 15s or 1m30s");
    let found = serin_lang::duration::GoDuration::parse(text).map_err(|_| bad())?;
    u64::try_from(found.nanos()).map(Duration::from_nanos).map_err(|_| bad())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: ControllerArgs,
    }

    fn parse(words: &str) -> Result<ControllerArgs, Error> {
        let words = std::iter::once("controller").chain(words.split_whitespace());
        Line::try_parse_from(words).map(|line| line.args)
    }

    #[test]
    fn every_flag_of_argos_controller_is_accepted() {
        let line = "--rollout-resync 900 --namespaced --instance-id a --loglevel debug --logformat json --kloglevel 2 \
            --metricsPort 1 --healthzPort 2 --qps 40 --burst 80 --rollout-threads 10 --experiment-threads 10 \
            --analysis-threads 30 --service-threads 10 --ingress-threads 10 --ephemeral-metadata-threads 10 \
            --ephemeral-metadata-update-pod-retries 3 --aws-target-group-binding-api-version v --alb-tag-key-resource-id t \
            --istio-api-version v1 --ambassador-api-version v --traffic-split-api-version v --traefik-api-group g \
            --traefik-api-version v --ingress-api-version v --appmesh-crd-version v --alb-ingress-classes alb \
            --nginx-ingress-classes nginx --nginx-ingress-classes other --aws-verify-target-group --alb-verify-weight=false \
            --leader-elect=false --leader-election-lease-duration 1m0s --leader-election-renew-deadline 40s \
            --leader-election-retry-period 5s --self-service-notification-enabled --controllers analysis \
            --enable-pprof-address localhost:1 --kubeconfig f --context c --cluster c --user u --namespace n --server s \
            --token t --certificate-authority f --client-certificate f --client-key f --tls-server-name n \
            --insecure-skip-tls-verify --as u --as-group g --as-group h --as-uid i --disable-compression --request-timeout 0";
        let args = parse(line).unwrap();
        assert!(args.namespaced && !args.leader_elect);
        assert_eq!(args.leader_election_lease_duration, Duration::from_mins(1));
        assert_eq!(args.ignored.0.len(), IGNORED.len(), "{:?}", args.ignored.0);
        assert_eq!(parse("--metricsport 7").unwrap().metrics_port, 7);
        let access = args.access.access();
        assert_eq!(access.impersonate_groups, ["g", "h"]);
        assert_eq!((access.client_key, access.cluster), (Some("f".to_owned()), Some("c".to_owned())));
    }

    #[test]
    fn the_flags_of_a_connection_are_those_of_kubectl_with_the_same_help() {
        let help = |command: clap::Command| -> std::collections::BTreeMap<String, String> {
            let arguments = command.get_arguments().filter(|arg| !arg.is_hide_set());
            let flag = |arg: &Arg| Some((arg.get_long()?.to_owned(), arg.get_help()?.to_string()));
            arguments.filter_map(flag).collect()
        };
        let controller = help(ControllerArgs::augment_args(clap::Command::new("c")));
        let kubectl = help(AccessFlags::augment_args(clap::Command::new("k")));
        assert_eq!(kubectl.len(), 15);
        assert!(kubectl.iter().all(|(flag, help)| controller.get(flag) == Some(help)));
        for words in ["-s s -n n", "--insecure-skip-tls-verify=1", "--insecure-skip-tls-verify=false"] {
            assert!(parse(words).is_ok(), "{words}");
        }
    }

    #[test]
    fn the_bind_address_is_of_either_kind() {
        for (words, address) in [
            ("", "::"),
            ("--bind-address 0.0.0.0", "0.0.0.0"),
            ("--bind-address 127.0.0.1", "127.0.0.1"),
            ("--bind-address ::", "::"),
            ("--bind-address=::1", "::1"),
        ] {
            assert_eq!(parse(words).unwrap().bind_address.to_string(), address, "{words}");
        }
    }

    #[test]
    fn nonsense_is_refused_by_name() {
        for words in [
            "--qps 0",
            "--qps x",
            "--burst 0",
            "--leader-election-lease-duration 5",
            "--loglevel loud",
            "--bind-address localhost",
            "--bind-address 127.0.0.1:80",
            "--password x",
            "--nope",
        ] {
            let error = parse(words).unwrap_err().to_string();
            assert!(error.contains(words.split_whitespace().next().unwrap()), "{words}: {error}");
        }
    }
}
