//! Where words go: data to stdout, as text, JSON or YAML; colours only on a terminal.

use std::io::{IsTerminal, Write};

use anyhow::Context;
use serde::Serialize;
use serin_report::paint::Paint;

use super::Format;

/// Prints `text`, or `data` when a format was asked for.
pub(crate) fn print(format: Option<Format>, data: &impl Serialize, text: &str) -> anyhow::Result<()> {
    match format {
        None => write(text),
        Some(Format::Json) => write(&serde_json::to_string_pretty(data)?),
        Some(Format::Yaml) => write(&serde_saphyr::to_string(data).context("writing YAML")?),
    }
}

/// Writes lines to stdout. A reader that has gone away (`| head`) is the end, not an error.
pub(crate) fn write(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    let written = writeln!(out, "{}", text.trim_end_matches('\n')).and_then(|()| out.flush());
    match written {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => std::process::exit(0),
        other => other.context("writing to stdout"),
    }
}

/// Whether to colour.
pub(crate) fn paint(no_color: bool) -> Paint {
    let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
    let unwanted = no_color || dumb || std::env::var_os("NO_COLOR").is_some();
    if unwanted || !std::io::stdout().is_terminal() { Paint::Plain } else { Paint::Colour }
}

/// Clears the screen before a new picture, when there is a screen.
pub(crate) fn clear() {
    if std::io::stdout().is_terminal() {
        print!("\u{1b}[H\u{1b}[2J");
    }
}
