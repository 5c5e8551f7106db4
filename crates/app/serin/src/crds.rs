//! `serin crds`: what must be installed before a Rollout can be created.

use std::{
    io::{ErrorKind, Write},
    process::ExitCode,
};

use anyhow::Context;

/// Prints the definitions as YAML documents.
pub(crate) fn print() -> anyhow::Result<ExitCode> {
    let mut text = String::new();
    for definition in serin_api::crds() {
        text.push_str("---\n");
        text.push_str(&serde_saphyr::to_string(&definition).context("writing YAML")?);
    }
    match std::io::stdout().write_all(text.as_bytes()) {
        // Whoever reads has seen enough.
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error).context("writing to stdout"),
        _ => Ok(ExitCode::SUCCESS),
    }
}
