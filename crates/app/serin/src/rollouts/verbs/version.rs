//! `version`.

use serde_json::json;

use super::super::{PLUGIN, args::Format, output};

pub(super) fn print(short: bool, format: Option<Format>) -> anyhow::Result<()> {
    let version = format!("v{}+serin", env!("CARGO_PKG_VERSION"));
    let platform = format!("{}/{}", std::env::consts::OS, std::env::consts::ARCH);
    let line = format!("{PLUGIN}: {version}");
    let text = if short { line } else { format!("{line}\n  Platform: {platform}") };
    output::print(format, &json!({"version": version, "platform": platform}), &text)
}
