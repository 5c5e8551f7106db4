//! `serin crds`: what must be installed before a Rollout can be created.

use std::{io::Write, process::ExitCode};

use anyhow::Context;

/// Prints the definitions as YAML documents.
pub(crate) fn print() -> anyhow::Result<ExitCode> {
    let mut text = String::new();
    for definition in serin_api::crds() {
        text.push_str("---\n");
        text.push_str(&serde_saphyr::to_string(&definition).context("writing YAML")?);
    }
    std::io::stdout().write_all(text.as_bytes()).context("writing to stdout")?;
    Ok(ExitCode::SUCCESS)
}
