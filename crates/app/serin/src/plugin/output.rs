//! Where words go: data to stdout, as text, JSON or YAML; colours only on a terminal.

use std::io::IsTerminal;

use anyhow::Context;
use serde::Serialize;
use serin_report::paint::Paint;

use super::Format;
use crate::out;

/// Prints `text`, or `data` when a format was asked for.
pub(crate) fn print(format: Option<Format>, data: &impl Serialize, text: &str) -> anyhow::Result<()> {
    match format {
        None => write(text),
        Some(Format::Json) => write(&serde_json::to_string_pretty(data)?),
        Some(Format::Yaml) => write(&serde_saphyr::to_string(data).context("writing YAML")?),
    }
}

/// Writes lines to stdout.
pub(crate) fn write(text: &str) -> anyhow::Result<()> {
    Ok(out::say(text.trim_end_matches('\n'))?)
}

/// Whether to colour.
pub(crate) fn paint(no_color: bool) -> Paint {
    let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
    let unwanted = no_color || dumb || std::env::var_os("NO_COLOR").is_some();
    if unwanted || !std::io::stdout().is_terminal() { Paint::Plain } else { Paint::Colour }
}

/// Clears the screen before a new picture, when there is a screen.
pub(crate) fn clear() -> anyhow::Result<()> {
    let is_terminal = std::io::stdout().is_terminal();
    Ok(if is_terminal { out::write(b"\x1b[H\x1b[2J") } else { Ok(()) }?)
}
