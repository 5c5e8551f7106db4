//! The verbs and flags of `serin canary`.

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::plugin::Global;

/// See and steer the Canaries of a cluster
#[derive(Parser)]
#[command(name = "canary", disable_help_subcommand = true, disable_version_flag = true)]
pub(super) struct Arguments {
    #[command(subcommand)]
    pub(super) verb: Verb,
    #[command(flatten)]
    pub(super) global: Global,
    /// Print the result as json or yaml; a list also as wide
    #[arg(short, long, global = true, value_enum, value_name = "string")]
    pub(super) output: Option<Output>,
    /// What routes the traffic of Canaries that do not say it: the controller's own flag
    #[arg(long, global = true, value_name = "string", default_value = "istio")]
    pub(super) mesh_provider: String,
}

/// What to do. The order is that of the help screen.
#[derive(Subcommand)]
pub(super) enum Verb {
    /// Take the new version back
    #[command(
        override_usage = "abort CANARY",
        after_help = "  # Take the new version of podinfo back: the phase becomes Failed\n  {p} abort podinfo -n test"
    )]
    Abort(Say),
    /// Open a gate for this revision, whatever its web hook says
    #[command(
        override_usage = "approve CANARY",
        after_help = "  # Open the gate that is waited for\n  {p} approve podinfo -n test\n\n  # Open a gate by its name, also one to come\n  {p} approve podinfo -n test --gate promotion-gate"
    )]
    Approve(Say),
    /// Generate completion script
    #[command(override_usage = "completion [bash|zsh|fish|powershell]")]
    Completion {
        #[arg(value_enum, hide = true)]
        shell: clap_complete::Shell,
    },
    /// Show a Canary with what stands around it
    #[command(
        override_usage = "get CANARY",
        after_help = "  # Show a Canary\n  {p} get podinfo -n test\n\n  # Watch it\n  {p} get podinfo -n test -w"
    )]
    Get(Get),
    /// List Canaries
    #[command(
        override_usage = "list",
        after_help = "  # List the Canaries of all namespaces\n  {p} list -A\n\n  # With strategy, steps, revision and controller\n  {p} list -o wide"
    )]
    List(List),
    /// Leave the rest of the analysis out and promote the new version
    #[command(
        override_usage = "promote CANARY",
        after_help = "  # Promote the new version of podinfo as soon as its pods are there\n  {p} promote podinfo -n test"
    )]
    Promote(Say),
    /// Print version
    #[command(override_usage = "version")]
    Version {
        /// print just the version number
        #[arg(long)]
        short: bool,
    },
    /// Say why a release stands where it stands, and what to do
    #[command(
        override_usage = "why CANARY",
        after_help = "  # Why does it not go on?\n  {p} why podinfo -n test"
    )]
    Why(Name),
}

#[derive(Args)]
pub(super) struct Name {
    #[arg(value_name = "CANARY")]
    pub(super) name: String,
}

#[derive(Args)]
pub(super) struct List {
    /// Include all namespaces
    #[arg(short = 'A', long)]
    pub(super) all_namespaces: bool,
}

#[derive(Args)]
pub(super) struct Get {
    #[arg(value_name = "CANARY")]
    pub(super) name: String,
    /// Do not colorize output
    #[arg(long)]
    pub(super) no_color: bool,
    /// Stop watching after so many seconds
    #[arg(long, value_name = "int", default_value_t = 0, hide_default_value = true)]
    pub(super) timeout_seconds: u64,
    /// Draw it again whenever something changes
    #[arg(short, long)]
    pub(super) watch: bool,
}

/// A word to a run.
#[derive(Args)]
pub(super) struct Say {
    #[arg(value_name = "CANARY")]
    pub(super) name: String,
    /// Approve: the name of the gate's web hook; the gate that is waited for if absent
    #[arg(long, value_name = "string")]
    pub(super) gate: Option<String>,
    /// How long to wait for the controller to hear it; 0s for not at all
    #[arg(short, long, value_name = "duration", default_value = "30s")]
    pub(super) timeout: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Output {
    Json,
    Yaml,
    Wide,
}
