//! The plugin: the verbs of `kubectl argo rollouts`, also as `serin rollouts` where there is no kubectl.
//!
//! Property: the same arguments print the same lines and end with the same exit codes as Argo's own plugin, so that
//! scripts need no change. stdout is data, stderr is talk.

mod args;
mod verbs;

use std::{ffi::OsString, process::ExitCode};

use args::Arguments;

use crate::plugin::{self, Plugin};

/// The names of the plugin.
pub(crate) const PLUGIN: Plugin =
    Plugin { name: "kubectl-argo-rollouts", called: "kubectl argo rollouts", says_which: false };

/// Runs the plugin under the name `program` with the arguments after it.
pub(crate) async fn run(program: &str, arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    plugin::run::<Arguments>((&PLUGIN, program), arguments, verbs::run).await
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::plugin::{Refusal, completion, refuse, with_go_booleans};

    fn refused(line: &str) -> Refusal {
        let words: Vec<OsString> =
            [PLUGIN.name].into_iter().chain(line.split(' ')).map(OsString::from).collect();
        let command = with_go_booleans(Arguments::command());
        let error = command.clone().try_get_matches_from(&words).expect_err(line);
        refuse(&PLUGIN, PLUGIN.name, command, &words, &error)
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
            let words = [PLUGIN.name].into_iter().chain(line.split(' '));
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
            let words = [PLUGIN.name].into_iter().chain(line.split(' '));
            let parsed = with_go_booleans(Arguments::command()).try_get_matches_from(words);
            assert!(parsed.is_ok(), "{line}: {parsed:?}");
        }
    }

    #[test]
    fn every_shell_gets_a_completion_script() {
        for shell in ["bash", "zsh", "fish", "powershell"] {
            let script = completion::<Arguments>(&PLUGIN, shell.parse().expect(shell)).expect(shell);
            assert!(script.contains(PLUGIN.name) && script.contains("promote"), "{shell}");
        }
    }
}
