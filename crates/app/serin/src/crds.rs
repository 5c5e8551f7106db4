//! `serin crds`: what must be installed before a Rollout or a Canary can be created.

use std::process::ExitCode;

use anyhow::Context;

use crate::out;

/// Print the custom resource definitions, for kubectl apply -f -
#[derive(clap::Args, Debug)]
pub(crate) struct CrdsArgs {
    /// Those of Flagger's kinds and of analysis variants instead of those of Argo Rollouts'
    #[arg(long)]
    flagger: bool,
}

/// Prints the definitions as YAML documents.
pub(crate) fn print(args: &CrdsArgs) -> anyhow::Result<ExitCode> {
    let mut text = String::new();
    let definitions = if args.flagger { serin_api::flagger::crds() } else { serin_api::crds() };
    for definition in definitions {
        text.push_str("---\n");
        text.push_str(&serde_saphyr::to_string(&definition).context("writing YAML")?);
    }
    out::write(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}
