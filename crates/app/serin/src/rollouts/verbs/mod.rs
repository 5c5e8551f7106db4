//! The verbs: connect, let the pure command decide, write, say so.

mod get;
mod list;
mod status;
mod version;
mod write;

use std::process::ExitCode;

use anyhow::anyhow;
use clap::CommandFactory;
use serde_json::Value;
use serin_api::kinds::ROLLOUT;
use serin_cluster::access::Connection;
use serin_cluster::direct::{Direct, DirectError};
use serin_kernel::{Key, Kind};

use super::args::{Arguments, Format, Get, Global, List, Retry, Set, Verb};
use super::{PLUGIN, output};

/// A connected command.
pub(super) struct Session {
    pub(super) api: Direct,
    pub(super) namespace: String,
    pub(super) format: Option<Format>,
}

impl Session {
    async fn open(global: &Global) -> anyhow::Result<Self> {
        let agent = concat!("serin-rollouts/", env!("CARGO_PKG_VERSION"));
        let Connection { client, namespace, .. } = global.access().connect(agent).await?;
        Ok(Self { api: Direct::new(client), namespace, format: global.output })
    }

    /// The key of an object in the command's namespace.
    pub(super) fn key(&self, kind: Kind, name: &str) -> Key {
        kind.key(self.namespace.clone(), name)
    }

    /// The Rollout `name`; its absence is told as the plugin's lister tells it.
    pub(super) async fn rollout(&self, name: &str) -> anyhow::Result<Value> {
        self.api.get(&self.key(ROLLOUT, name)).await.map_err(|error| absent(name, error))
    }
}

/// The plugin reads through a lister, whose errors name the kind and not the resource.
pub(super) fn absent(name: &str, error: DirectError) -> anyhow::Error {
    if error.is_not_found() { anyhow!("rollout.argoproj.io \"{name}\" not found") } else { error.into() }
}

/// The completion script of the plugin, by whichever name it was asked for: shells complete the names of programs.
pub(super) fn completion(shell: clap_complete::Shell) -> anyhow::Result<String> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), PLUGIN, &mut script);
    Ok(String::from_utf8(script)?)
}

/// Runs one verb.
pub(super) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let global = &arguments.global;
    let session = async || Session::open(global).await;
    match arguments.verb {
        Verb::Version { short } => version::print(short, global.output)?,
        Verb::Completion { shell } => output::write(&completion(shell)?)?,
        Verb::Get(Get::Rollout(arguments)) => return get::rollout(session().await?, &arguments).await,
        Verb::List(List::Rollouts(arguments)) => return list::rollouts(session().await?, &arguments).await,
        Verb::Status(arguments) => return status::status(session().await?, &arguments).await,
        Verb::Abort(arguments) => write::abort(&session().await?, &arguments.names).await?,
        Verb::Retry(Retry::Rollout(arguments)) => write::retry(&session().await?, &arguments.names).await?,
        Verb::Pause(arguments) => write::pause(&session().await?, &arguments.names).await?,
        Verb::Restart(arguments) => write::restart(&session().await?, &arguments).await?,
        Verb::Promote(arguments) => write::promote(&session().await?, &arguments).await?,
        Verb::Set(Set::Image(arguments)) => write::set_image(&session().await?, &arguments).await?,
        Verb::Undo(arguments) => write::undo(&session().await?, &arguments).await?,
    }
    Ok(ExitCode::SUCCESS)
}
