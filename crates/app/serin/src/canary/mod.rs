//! `serin canary`: what stands with the Canaries of a cluster and why, and a person's word to their runs. Also a plugin of
//! kubectl: `kubectl canary`.
//!
//! Ends with 0 when what was asked for was shown or done, and with 1 otherwise: also when there was nothing to approve, to
//! promote or to abort, and when no controller has heard the word in time. stdout is data, stderr is talk.

mod args;
mod see;
mod tell;

use std::{ffi::OsString, process::ExitCode};

use anyhow::{anyhow, bail};
use serde_json::Value;
use serin_api::kinds::CANARY;
use serin_canary::{Settings, words};
use serin_cluster::direct::{Direct, DirectError};
use serin_kernel::{Key, Kind, Object, Observed};

use crate::{
    out,
    plugin::{self, Format, Plugin, output},
};
use args::{Arguments, Output, Verb};

/// The names of the plugin.
pub(crate) const PLUGIN: Plugin =
    Plugin { name: "kubectl-canary", called: "kubectl canary", says_which: true };
const EVENT: Kind = Kind::namespaced("", "v1", "Event", "events");

/// Runs the plugin under the name `program` with the arguments after it.
pub(crate) async fn run(program: &str, arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let called = if program == PLUGIN.name { PLUGIN.called } else { program };
    plugin::run((&PLUGIN, program), arguments, async |arguments| verbs(arguments, called).await).await
}

async fn verbs(arguments: Arguments, called: &str) -> anyhow::Result<ExitCode> {
    let is_wide = arguments.output == Some(Output::Wide);
    let format = match arguments.output {
        None | Some(Output::Wide) => None,
        Some(Output::Json) => Some(Format::Json),
        Some(Output::Yaml) => Some(Format::Yaml),
    };
    if is_wide && !matches!(arguments.verb, Verb::List(_)) {
        bail!("--output wide is for list: use json or yaml, or leave it out");
    }
    let session = async || -> anyhow::Result<Session> {
        let (api, namespace) = plugin::connect(&arguments.global, "serin-canary").await?;
        let settings = Settings { mesh_provider: arguments.mesh_provider.clone(), ..Settings::default() };
        Ok(Session { api, namespace, format, settings })
    };
    match &arguments.verb {
        Verb::List(list) => see::list(&session().await?, list.all_namespaces, is_wide).await?,
        Verb::Get(get) => see::get(&session().await?, get).await?,
        Verb::Why(name) => see::why(&session().await?, &name.name, called).await?,
        Verb::Approve(word) => tell::tell(&session().await?, words::Verb::Approve, word).await?,
        Verb::Promote(word) => tell::tell(&session().await?, words::Verb::Promote, word).await?,
        Verb::Abort(word) => tell::tell(&session().await?, words::Verb::Abort, word).await?,
        Verb::Completion { shell } => output::write(&plugin::completion::<Arguments>(&PLUGIN, *shell)?)?,
        Verb::Version { short } => plugin::version(&PLUGIN, *short, format)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// A connected command.
struct Session {
    api: Direct,
    namespace: String,
    format: Option<Format>,
    settings: Settings,
}

impl Session {
    fn key(&self, name: &str) -> Key {
        CANARY.key(self.namespace.clone(), name)
    }

    /// The Canary `name`.
    async fn canary(&self, name: &str) -> anyhow::Result<Value> {
        self.api.get(&self.key(name)).await.map_err(|error| match error {
            error if error.is_not_found() => {
                anyhow!("canary \"{name}\" not found in namespace \"{}\"", self.namespace)
            }
            error => error.into(),
        })
    }

    /// A Canary with those of `keys` that are there and may be seen.
    async fn observe(&self, canary: &Value, keys: Vec<Key>) -> anyhow::Result<Observed> {
        let mut found = Vec::new();
        for key in keys {
            // A kind that the cluster does not have is not found either.
            match self.api.get(&key).await {
                Ok(mut value) => {
                    value["kind"] = key.kind.kind.into();
                    found.push(Object::new(key.kind, &value)?);
                }
                Err(error) if error.is_not_found() => {}
                Err(DirectError::Api { code: 403, message }) => {
                    out::complain(format_args!("{key} cannot be seen: {message}"));
                }
                Err(error) => return Err(anyhow!(error).context(format!("reading {key}"))),
            }
        }
        Ok(Observed::new(Object::new(CANARY, canary)?, found))
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::plugin::{refuse, with_go_booleans};

    #[test]
    fn a_word_too_few_or_too_many_is_told_in_a_line() {
        for (line, what, command) in [
            ("get", "CANARY is missing", "get"),
            ("why -n test", "CANARY is missing", "why"),
            ("promote a b", "\"b\" is a word too many", "promote"),
        ] {
            let words: Vec<OsString> =
                ["serin canary"].into_iter().chain(line.split(' ')).map(OsString::from).collect();
            let command_line = with_go_booleans(Arguments::command());
            let error = command_line.clone().try_get_matches_from(&words).map(|_| ()).unwrap_err();
            let refusal = refuse(&PLUGIN, "serin canary", command_line, &words, &error);
            let expected = format!("Error: {what}\nRun 'serin canary {command} --help' for usage.\n");
            assert_eq!((refusal.err, refusal.code), (expected, ExitCode::FAILURE), "{line}");
        }
    }
}
