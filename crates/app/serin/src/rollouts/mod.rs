//! The plugin: the verbs of `kubectl argo rollouts`, also as `serin rollouts` where there is no kubectl.
//!
//! Property: the same arguments print the same lines and end with the same exit codes as Argo's own plugin, so that
//! scripts need no change. stdout is data, stderr is talk.

mod args;
mod output;
mod usage;
mod verbs;

use std::{ffi::OsString, process::ExitCode};

use clap::{
    Arg, ArgAction, Command, CommandFactory, FromArgMatches,
    builder::BoolishValueParser,
    error::{ContextKind, ContextValue, ErrorKind},
};

use args::Arguments;

/// Name of the binary when kubectl calls it as a plugin.
pub(crate) const PLUGIN: &str = "kubectl-argo-rollouts";

/// Runs the plugin under the name `program` with the arguments after it.
pub(crate) async fn run(program: &str, arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let command = with_go_booleans(Arguments::command());
    let words: Vec<OsString> = std::iter::once(OsString::from(program)).chain(arguments).collect();
    let parsed = match command.clone().try_get_matches_from(&words) {
        Ok(matches) => Arguments::from_arg_matches(&matches),
        Err(error) => Err(error),
    };
    match parsed {
        Ok(arguments) => match verbs::run(arguments).await {
            Ok(code) => code,
            Err(error) => {
                eprintln!("Error: {error:#}");
                ExitCode::FAILURE
            }
        },
        Err(error) => {
            let refusal = refuse(program, command, &words, &error);
            print!("{}", refusal.out);
            eprint!("{}", refusal.err);
            refusal.code
        }
    }
}

/// A switch may be given as `--watch`, `--watch=true` and `--watch=false`, as Go's flags are.
fn with_go_booleans(command: Command) -> Command {
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
struct Refusal {
    out: String,
    err: String,
    code: ExitCode,
}

impl Refusal {
    fn error(text: &str) -> Self {
        Self { out: String::new(), err: format!("Error: {text}\n"), code: ExitCode::FAILURE }
    }
}

/// Arguments that cannot be run: help on stdout, usage for a wrong number of words, and for a wrong flag the line that
/// Go's flags have for it.
fn refuse(program: &str, mut command: Command, words: &[OsString], error: &clap::Error) -> Refusal {
    command.build();
    let path: Vec<String> = words.iter().skip(1).map(|word| word.to_string_lossy().into_owned()).collect();
    let usage = || Refusal {
        out: String::new(),
        err: usage::usage(program, &command, &path),
        code: ExitCode::FAILURE,
    };
    let said = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => text.as_str(),
        _ => "",
    };
    // Of `--timeout <duration>` the name alone.
    let flag = said(ContextKind::InvalidArg).split(' ').next().unwrap_or_default();
    let value = said(ContextKind::InvalidValue);
    match error.kind() {
        ErrorKind::DisplayHelp => {
            let out = usage::help(program, &command, &path);
            Refusal { out, err: String::new(), code: ExitCode::SUCCESS }
        }
        ErrorKind::InvalidSubcommand if said(ContextKind::InvalidSubcommand) == "help" => {
            let out = usage::help(program, &command, &path);
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

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(line: &str) -> Refusal {
        let words: Vec<OsString> = [PLUGIN].into_iter().chain(line.split(' ')).map(OsString::from).collect();
        let command = with_go_booleans(Arguments::command());
        let error = command.clone().try_get_matches_from(&words).expect_err(line);
        refuse(PLUGIN, command, &words, &error)
    }

    #[test]
    fn a_wrong_flag_is_told_in_the_words_of_gos_flags() {
        for (line, wanted) in [
            ("get rollout a --foo", "Error: unknown flag: --foo\n"),
            ("get rollout a -x", "Error: unknown shorthand flag: 'x' in -x\n"),
            ("status a --timeout", "Error: flag needs an argument: --timeout\n"),
            (
                "get rollout a -o xml",
                "Error: invalid argument \"xml\" for \"--output\": must be one of json, yaml\n",
            ),
            (
                "nope",
                "Error: unknown command \"nope\" for \"kubectl-argo-rollouts\"\nRun 'kubectl-argo-rollouts --help' for usage.\n",
            ),
        ] {
            assert_eq!(refused(line).err, wanted, "{line}");
        }
        let number = refused("undo a --to-revision=x").err;
        assert!(number.starts_with("Error: invalid argument \"x\" for \"--to-revision\" flag: "), "{number}");
    }

    #[test]
    fn a_wrong_number_of_words_prints_the_usage_of_the_command_alone() {
        for (line, command) in [
            ("abort", "abort ROLLOUT_NAME"),
            ("get", "get <rollout> ROLLOUT_NAME"),
            ("get nope", "get <rollout> ROLLOUT_NAME"),
            ("get rollout", "get rollout ROLLOUT_NAME"),
            ("get rollout a b", "get rollout ROLLOUT_NAME"),
            ("retry a", "retry <rollout> ROLLOUT_NAME"),
            ("promote a b", "promote ROLLOUT_NAME"),
            ("completion tcsh", "completion [bash|zsh|fish|powershell]"),
            ("set image a", "set image ROLLOUT_NAME CONTAINER=IMAGE"),
        ] {
            let refusal = refused(line);
            assert!(
                refusal.err.starts_with(&format!("Usage:\n  kubectl-argo-rollouts {command} [flags]\n")),
                "{line}: {}",
                refusal.err
            );
            assert_eq!(refusal.code, ExitCode::FAILURE, "{line}");
            assert!(refusal.out.is_empty(), "{line}");
        }
    }

    #[test]
    fn help_is_data_and_no_failure() {
        for line in
            ["--help", "help", "get --help", "help get", "-n a help get", "get rollout -h", "status --help"]
        {
            let refusal = refused(line);
            assert!(refusal.out.contains("\nUsage:\n"), "{line}");
            assert_eq!((refusal.err.as_str(), refusal.code), ("", ExitCode::SUCCESS), "{line}");
        }
        assert!(refused("help get").out.starts_with("Get details"), "the help of the command that was named");
    }

    #[test]
    fn switches_take_a_value_after_an_equals_sign() {
        let watches = |line: &str| {
            let words = [PLUGIN].into_iter().chain(line.split(' '));
            let matches = with_go_booleans(Arguments::command()).try_get_matches_from(words).expect(line);
            let (_, inner) = matches.subcommand().expect(line);
            inner.subcommand().map_or(inner, |(_, innermost)| innermost).get_flag("watch")
        };
        for (line, wanted) in [
            ("get rollout a", false),
            ("get rollout a -w", true),
            ("get rollout -w a", true),
            ("get rollout a --watch=true", true),
            ("get rollout a --watch=false", false),
            ("list rollouts -Aw", true),
            ("status a", true),
            ("status a -w", true),
            ("status a -w=false", false),
            ("status a --watch=false", false),
        ] {
            assert_eq!(watches(line), wanted, "{line}");
        }
    }

    #[test]
    fn shorthands_are_those_of_the_original() {
        for line in [
            "restart a -i 10m",
            "status a -t 5s",
            "promote a -c",
            "promote a -a",
            "list ro -A",
            "get ro a -w",
        ] {
            let words = [PLUGIN].into_iter().chain(line.split(' '));
            let parsed = with_go_booleans(Arguments::command()).try_get_matches_from(words);
            assert!(parsed.is_ok(), "{line}: {parsed:?}");
        }
    }

    #[test]
    fn every_shell_gets_a_completion_script() {
        for shell in ["bash", "zsh", "fish", "powershell"] {
            let script = verbs::completion(shell.parse().expect(shell)).expect(shell);
            assert!(script.contains(PLUGIN) && script.contains("promote"), "{shell}");
        }
    }
}
