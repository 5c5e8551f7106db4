//! What the commands for people share that also are plugins of kubectl: kubectl's flags and connection, usage in its layout,
//! refusals in the words of Go's flags, output as text, JSON or YAML.

mod global;
pub(crate) mod live;
pub(crate) mod output;
mod usage;

use std::{ffi::OsString, process::ExitCode};

use clap::{
    Arg, ArgAction, Command, CommandFactory, FromArgMatches, ValueEnum,
    builder::BoolishValueParser,
    error::{ContextKind, ContextValue, ErrorKind},
};
use serde_json::json;
use serin_cluster::{access::Connection, direct::Direct};

pub(crate) use global::{AccessFlags, Global};

use crate::out;

/// A command under two names.
pub(crate) struct Plugin {
    /// Name of the binary when kubectl calls it as a plugin.
    pub(crate) name: &'static str,
    /// What people type then.
    pub(crate) called: &'static str,
    /// Whether a wrong number of words is told in a line: Argo's plugin prints its whole usage, and nothing else.
    pub(crate) says_which: bool,
}

/// How data is printed where a verb has more to say than one line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Json,
    Yaml,
}

/// Runs a plugin under the name `program` with the arguments after it.
pub(crate) async fn run<A: CommandFactory + FromArgMatches>(
    (plugin, program): (&Plugin, &str),
    arguments: impl IntoIterator<Item = OsString>,
    verbs: impl AsyncFnOnce(A) -> anyhow::Result<ExitCode>,
) -> ExitCode {
    let command = with_go_booleans(A::command());
    let words: Vec<OsString> = std::iter::once(OsString::from(program)).chain(arguments).collect();
    let parsed = match command.clone().try_get_matches_from(&words) {
        Ok(matches) => A::from_arg_matches(&matches),
        Err(error) => Err(error),
    };
    match parsed {
        Ok(arguments) => out::ended(verbs(arguments).await),
        Err(error) => {
            let refusal = refuse(plugin, program, command, &words, &error);
            if !refusal.err.is_empty() {
                out::complain(refusal.err.trim_end_matches('\n'));
            }
            out::ended(out::offer(refusal.out.as_bytes()).map(|()| refusal.code).map_err(Into::into))
        }
    }
}

/// The API that kubectl's flags name, and the namespace; `agent` is who asks.
pub(crate) async fn connect(global: &Global, agent: &str) -> anyhow::Result<(Direct, String)> {
    for (flag, why) in global.ignored() {
        out::complain(format_args!("--{flag} is ignored: {why}"));
    }
    let agent = format!("{agent}/{}", env!("CARGO_PKG_VERSION"));
    let Connection { client, namespace, .. } = global.access.access().connect(&agent).await?;
    Ok((Direct::new(client), namespace))
}

/// The completion script of a plugin, by whichever name it was asked for: shells complete the names of programs.
pub(crate) fn completion<A: CommandFactory>(
    plugin: &Plugin,
    shell: clap_complete::Shell,
) -> anyhow::Result<String> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut A::command(), plugin.name, &mut script);
    Ok(String::from_utf8(script)?)
}

/// Prints the version of a plugin.
pub(crate) fn version(plugin: &Plugin, short: bool, format: Option<Format>) -> anyhow::Result<()> {
    let version = format!("v{}+serin", env!("CARGO_PKG_VERSION"));
    let platform = format!("{}/{}", std::env::consts::OS, std::env::consts::ARCH);
    let line = format!("{}: {version}", plugin.name);
    let text = if short { line } else { format!("{line}\n  Platform: {platform}") };
    output::print(format, &json!({"version": version, "platform": platform}), &text)
}

/// A switch may be given as `--watch`, `--watch=true` and `--watch=false`, as Go's flags are.
pub(crate) fn with_go_booleans(command: Command) -> Command {
    let switch = |arg: Arg| match arg.get_action() {
        ArgAction::SetTrue => arg
            .action(ArgAction::Set)
            .value_parser(BoolishValueParser::new())
            .num_args(0..=1)
            .require_equals(true)
            .default_value("false")
            .default_missing_value("true"),
        _ => arg,
    };
    command.mut_args(switch).mut_subcommands(with_go_booleans)
}

/// What is said instead of running.
pub(crate) struct Refusal {
    pub(crate) out: String,
    pub(crate) err: String,
    pub(crate) code: ExitCode,
}

impl Refusal {
    fn error(text: &str) -> Self {
        Self { out: String::new(), err: format!("Error: {text}\n"), code: ExitCode::FAILURE }
    }
}

/// Arguments that cannot be run: help on stdout, usage for a wrong number of words, and for a wrong flag the line that
/// Go's flags have for it.
pub(crate) fn refuse(
    plugin: &Plugin,
    program: &str,
    mut command: Command,
    words: &[OsString],
    error: &clap::Error,
) -> Refusal {
    command.build();
    let names = (program, if program == plugin.name { plugin.called } else { program });
    let path: Vec<String> = words.iter().skip(1).map(|word| word.to_string_lossy().into_owned()).collect();
    let usage =
        || Refusal { out: String::new(), err: usage::usage(names, &command, &path), code: ExitCode::FAILURE };
    let said = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => text.as_str(),
        _ => "",
    };
    // Of `--timeout <duration>` the name alone.
    let flag = said(ContextKind::InvalidArg).split(' ').next().unwrap_or_default();
    let value = said(ContextKind::InvalidValue);
    match error.kind() {
        ErrorKind::DisplayHelp => {
            let out = usage::help(names, &command, &path);
            Refusal { out, err: String::new(), code: ExitCode::SUCCESS }
        }
        ErrorKind::InvalidSubcommand if said(ContextKind::InvalidSubcommand) == "help" => {
            let out = usage::help(names, &command, &path);
            Refusal { out, err: String::new(), code: ExitCode::SUCCESS }
        }
        ErrorKind::InvalidSubcommand if usage::is_root(&command, &path) => {
            let word = said(ContextKind::InvalidSubcommand);
            let advice = format!("Run '{program} --help' for usage.");
            Refusal::error(&format!("unknown command \"{word}\" for \"{program}\"\n{advice}"))
        }
        ErrorKind::UnknownArgument if flag.starts_with("--") => {
            Refusal::error(&format!("unknown flag: {flag}"))
        }
        ErrorKind::UnknownArgument if flag.starts_with('-') => {
            let letter = flag.chars().nth(1).unwrap_or_default();
            Refusal::error(&format!("unknown shorthand flag: '{letter}' in {flag}"))
        }
        ErrorKind::MissingRequiredArgument | ErrorKind::UnknownArgument if plugin.says_which => {
            let path = usage::path(program, &command, &path);
            Refusal::error(&format!("{}\nRun '{path} --help' for usage.", which(error, flag)))
        }
        ErrorKind::MissingRequiredArgument
        | ErrorKind::MissingSubcommand
        | ErrorKind::InvalidSubcommand
        | ErrorKind::UnknownArgument
        | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => usage(),
        ErrorKind::InvalidValue if flag.starts_with('<') => usage(),
        ErrorKind::InvalidValue if value.is_empty() => {
            Refusal::error(&format!("flag needs an argument: {flag}"))
        }
        ErrorKind::InvalidValue => {
            let known = match error.get(ContextKind::ValidValue) {
                Some(ContextValue::Strings(known)) => format!(": must be one of {}", known.join(", ")),
                _ => String::new(),
            };
            Refusal::error(&format!("invalid argument \"{value}\" for \"{flag}\"{known}"))
        }
        ErrorKind::ValueValidation => {
            let cause =
                std::error::Error::source(error).map(|cause| format!(": {cause}")).unwrap_or_default();
            Refusal::error(&format!("invalid argument \"{value}\" for \"{flag}\" flag{cause}"))
        }
        _ => {
            let text = error.to_string();
            let line = text.lines().next().unwrap_or_default();
            Refusal::error(line.trim_start_matches("error: "))
        }
    }
}

/// Which word is missing, or is one too many.
fn which(error: &clap::Error, flag: &str) -> String {
    match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::Strings(missing)) => {
            format!("{} is missing", missing.join(", ").replace(['<', '>'], ""))
        }
        _ => format!("\"{flag}\" is a word too many"),
    }
}
