//! The plugin: the verbs of `kubectl argo rollouts`, also as `serin rollouts` where there is no kubectl.
//!
//! Property: the same arguments print the same lines and end with the same exit codes as Argo's own plugin, so that
//! scripts need no change. stdout is data, stderr is talk.

mod args;
mod output;
mod usage;
mod verbs;

use std::{ffi::OsString, process::ExitCode};

use clap::{CommandFactory, FromArgMatches, error::ErrorKind};

use args::Arguments;

/// Name of the binary when kubectl calls it as a plugin.
pub(crate) const PLUGIN: &str = "kubectl-argo-rollouts";

/// Runs the plugin under the name `program` with the arguments after it.
pub(crate) async fn run(program: &str, arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let command = Arguments::command();
    let words: Vec<OsString> = std::iter::once(OsString::from(program)).chain(arguments).collect();
    let parsed = match command.clone().try_get_matches_from(&words) {
        Ok(matches) => Arguments::from_arg_matches(&matches),
        Err(error) => Err(error),
    };
    match parsed {
        Ok(arguments) => match verbs::run(program, arguments).await {
            Ok(code) => code,
            Err(error) => {
                eprintln!("Error: {error:#}");
                ExitCode::FAILURE
            }
        },
        Err(error) => refuse(program, command, &words, &error),
    }
}

/// What is printed for arguments that cannot be run: help on stdout, usage for a wrong number of words, and one line
/// for anything else.
fn refuse(program: &str, mut command: clap::Command, words: &[OsString], error: &clap::Error) -> ExitCode {
    command.build();
    let path: Vec<String> = words.iter().skip(1).map(|word| word.to_string_lossy().into_owned()).collect();
    match error.kind() {
        ErrorKind::DisplayHelp => {
            print!("{}", usage::help(program, &command, &path));
            ExitCode::SUCCESS
        }
        ErrorKind::MissingRequiredArgument
        | ErrorKind::MissingSubcommand
        | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
        | ErrorKind::TooManyValues
        | ErrorKind::TooFewValues => {
            eprint!("{}", usage::usage(program, &command, &path));
            ExitCode::FAILURE
        }
        _ => {
            let text = error.to_string();
            let line = text.lines().next().unwrap_or_default();
            eprintln!("Error: {}", line.trim_start_matches("error: "));
            ExitCode::FAILURE
        }
    }
}
