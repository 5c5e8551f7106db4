//! The verbs and flags, as Argo's plugin has them.

use clap::{Args, Parser, Subcommand};

use crate::plugin::{Format, Global};

/// Manage Argo Rollouts
#[derive(Parser)]
#[command(name = "rollouts", disable_help_subcommand = true, disable_version_flag = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) verb: Verb,
    #[command(flatten)]
    pub(crate) global: Global,
    /// Log level for kubectl argo rollouts
    #[arg(long, global = true, value_name = "string", default_value = "info")]
    loglevel: Option<String>,
    /// Print the result as json or yaml
    #[arg(short, long, global = true, value_enum, value_name = "string", hide = true)]
    pub(crate) output: Option<Format>,
}

/// What to do. The order is that of the help screen.
#[derive(Subcommand)]
pub(crate) enum Verb {
    /// Abort a rollout
    #[command(
        override_usage = "abort ROLLOUT_NAME",
        after_help = "  # Abort a rollout\n  {p} abort guestbook"
    )]
    Abort(Names),
    /// Generate completion script
    #[command(override_usage = "completion [bash|zsh|fish|powershell]")]
    Completion {
        #[arg(value_enum, hide = true)]
        shell: clap_complete::Shell,
    },
    /// Get details about rollouts
    #[command(
        override_usage = "get <rollout> ROLLOUT_NAME",
        after_help = "  # Get a rollout\n  {p} get rollout guestbook\n\n  # Watch a rollouts progress\n  {p} get rollout guestbook -w"
    )]
    #[command(subcommand)]
    Get(Get),
    /// List rollouts
    #[command(override_usage = "list <rollout>", after_help = "  # List rollouts\n  {p} list rollouts")]
    #[command(subcommand)]
    List(List),
    /// Pause a rollout
    #[command(
        override_usage = "pause ROLLOUT_NAME",
        after_help = "  # Pause a rollout\n  {p} pause guestbook"
    )]
    Pause(Names),
    /// Promote a rollout
    #[command(
        override_usage = "promote ROLLOUT_NAME",
        after_help = "  # Promote a paused rollout\n  {p} promote guestbook\n\n  # Fully promote a rollout, skipping analysis, pauses, and steps\n  {p} promote guestbook --full"
    )]
    Promote(Promote),
    /// Restart the pods of a rollout
    #[command(
        override_usage = "restart ROLLOUT",
        after_help = "  # Restart the pods of a rollout in now\n  {p} restart ROLLOUT_NAME\n\n  # Restart the pods of a rollout in ten seconds\n  {p} restart ROLLOUT_NAME --in 10s"
    )]
    Restart(Restart),
    /// Retry a rollout
    #[command(
        override_usage = "retry <rollout> ROLLOUT_NAME",
        after_help = "  # Retry an aborted rollout\n  {p} retry rollout guestbook"
    )]
    #[command(subcommand)]
    Retry(Retry),
    /// Update various values on resources
    #[command(
        override_usage = "set <image> RESOURCE",
        after_help = "  # Set rollout image\n  {p} set image my-rollout demo=argoproj/rollouts-demo:yellow"
    )]
    #[command(subcommand)]
    Set(Set),
    /// Show the status of a rollout
    #[command(
        override_usage = "status ROLLOUT_NAME",
        after_help = "  # Watch the rollout until it succeeds\n  {p} status guestbook\n\n  # Show the rollout status\n  {p} status guestbook --watch=false\n\n  # Watch the rollout until it succeeds, fail if it takes more than 60 seconds\n  {p} status --timeout 60s guestbook"
    )]
    Status(Status),
    /// Undo a rollout
    #[command(
        override_usage = "undo ROLLOUT_NAME",
        after_help = "  # Undo a rollout\n  {p} undo guestbook\n\n  # Undo a rollout revision 3\n  {p} undo guestbook --to-revision=3"
    )]
    Undo(Undo),
    /// Print version
    #[command(
        override_usage = "version",
        after_help = "  # Get full version info\n  {p} version\n\n  # Get just plugin version number\n  {p} version --short"
    )]
    Version {
        /// print just the version number
        #[arg(long)]
        short: bool,
    },
}

/// One or more rollouts.
#[derive(Args)]
pub(crate) struct Names {
    #[arg(required = true, value_name = "ROLLOUT_NAME")]
    pub(crate) names: Vec<String>,
}

#[derive(Subcommand)]
pub(crate) enum Get {
    /// Get details about a rollout
    #[command(
        visible_aliases = ["ro", "rollouts"],
        override_usage = "rollout ROLLOUT_NAME",
        after_help = "  # Get a rollout\n  {p} get rollout guestbook\n\n  # Watch progress of a rollout\n  {p} get rollout guestbook -w"
    )]
    Rollout(GetRollout),
}

#[derive(Args)]
pub(crate) struct GetRollout {
    #[arg(value_name = "ROLLOUT_NAME")]
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) watch: Watch,
}

#[derive(Args)]
#[allow(clippy::struct_field_names)] // The flag is called so.
pub(crate) struct Watch {
    /// Do not colorize output
    #[arg(long)]
    pub(crate) no_color: bool,
    /// Timeout after specified seconds
    #[arg(long, value_name = "int", default_value_t = 0, hide_default_value = true)]
    pub(crate) timeout_seconds: u64,
    /// Watch live updates to the rollout
    #[arg(short, long)]
    pub(crate) watch: bool,
}

#[derive(Subcommand)]
pub(crate) enum List {
    /// List rollouts
    #[command(
        visible_aliases = ["ro", "rollout"],
        override_usage = "rollouts",
        after_help = "  # List rollouts\n  {p} list rollouts\n\n  # List rollouts from all namespaces\n  {p} list rollouts --all-namespaces\n\n  # List rollouts and watch for changes\n  {p} list rollouts --watch"
    )]
    Rollouts(ListRollouts),
}

#[derive(Args)]
pub(crate) struct ListRollouts {
    /// Include all namespaces
    #[arg(short = 'A', long)]
    pub(crate) all_namespaces: bool,
    /// Only show rollout with specified name
    #[arg(long, value_name = "string")]
    pub(crate) name: Option<String>,
    /// Print timestamps on updates
    #[arg(long)]
    pub(crate) timestamps: bool,
    /// Watch for changes
    #[arg(short, long)]
    pub(crate) watch: bool,
}

#[derive(Args)]
pub(crate) struct Promote {
    #[arg(value_name = "ROLLOUT_NAME")]
    pub(crate) name: String,
    /// Perform a full promotion, skipping analysis, pauses, and steps
    #[arg(long)]
    pub(crate) full: bool,
    /// DEPRECATED: skip all remaining steps (use --full)
    #[arg(short = 'a', long, hide = true)]
    pub(crate) skip_all_steps: bool,
    /// DEPRECATED: skip the current step
    #[arg(short = 'c', long, hide = true)]
    pub(crate) skip_current_step: bool,
}

#[derive(Args)]
pub(crate) struct Restart {
    #[arg(required = true, value_name = "ROLLOUT_NAME")]
    pub(crate) names: Vec<String>,
    /// Amount of time before a restart. (e.g. 30s, 5m, 1h)
    #[arg(short = 'i', long = "in", value_name = "string")]
    pub(crate) after: Option<String>,
}

#[derive(Subcommand)]
pub(crate) enum Retry {
    /// Retry an aborted rollout
    #[command(
        visible_aliases = ["ro", "rollouts"],
        override_usage = "rollout ROLLOUT_NAME",
        after_help = "  # Retry an aborted rollout\n  {p} retry rollout guestbook"
    )]
    Rollout(Names),
}

#[derive(Subcommand)]
pub(crate) enum Set {
    /// Update the image of a rollout
    #[command(
        override_usage = "image ROLLOUT_NAME CONTAINER=IMAGE",
        after_help = "  # Set rollout image\n  {p} set image my-rollout demo=argoproj/rollouts-demo:yellow"
    )]
    Image(SetImage),
}

#[derive(Args)]
pub(crate) struct SetImage {
    #[arg(value_name = "ROLLOUT_NAME")]
    pub(crate) name: String,
    #[arg(required = true, value_name = "CONTAINER=IMAGE")]
    pub(crate) images: Vec<String>,
}

#[derive(Args)]
pub(crate) struct Status {
    #[arg(value_name = "ROLLOUT_NAME")]
    pub(crate) name: String,
    /// The length of time to watch before giving up. Zero means wait forever
    #[arg(short, long, value_name = "duration", default_value = "0s", hide_default_value = true)]
    pub(crate) timeout: String,
    /// Watch the status of the rollout until it's done
    #[arg(short, long, num_args = 0..=1, require_equals = true, default_value_t = true, default_missing_value = "true", action = clap::ArgAction::Set)]
    pub(crate) watch: bool,
}

#[derive(Args)]
pub(crate) struct Undo {
    #[arg(value_name = "ROLLOUT_NAME")]
    pub(crate) name: String,
    #[arg(
        long,
        value_name = "int",
        default_value_t = 0,
        hide_default_value = true,
        help = "The revision to rollback to. Default to 0 (last revision)."
    )]
    pub(crate) to_revision: u64,
}
