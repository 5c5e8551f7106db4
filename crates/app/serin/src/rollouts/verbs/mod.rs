//! The verbs: connect, let the pure command decide, write, say so.

mod get;
mod list;
mod status;
mod write;

use std::process::ExitCode;

use anyhow::anyhow;
use serde_json::Value;
use serin_api::kinds::ROLLOUT;
use serin_cluster::direct::{Direct, DirectError};
use serin_kernel::{Key, Kind};

use super::PLUGIN;
use super::args::{Arguments, Get, List, Retry, Set, Verb};
use crate::plugin::{self, Format, Global, output};

/// A connected command.
pub(super) struct Session {
    pub(super) api: Direct,
    pub(super) namespace: String,
    pub(super) format: Option<Format>,
}

impl Session {
    async fn open(global: &Global, format: Option<Format>) -> anyhow::Result<Self> {
        let (api, namespace) = plugin::connect(global, "serin-rollouts").await?;
        Ok(Self { api, namespace, format })
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

/// Runs one verb.
pub(super) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let (global, format) = (&arguments.global, arguments.output);
    let session = async || Session::open(global, format).await;
    match arguments.verb {
        Verb::Version { short } => plugin::version(&PLUGIN, short, format)?,
        Verb::Completion { shell } => output::write(&plugin::completion::<Arguments>(&PLUGIN, shell)?)?,
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
