//! Files that arguments name, with a limit and their name in what is said of them.

use std::io::Read as _;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};

fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// What a file is called.
pub(super) fn name(path: &Path) -> String {
    if is_stdin(path) { "standard input".to_owned() } else { path.display().to_string() }
}

/// All of a file, if it is no larger than `limit`.
pub(super) fn bytes(path: &Path, limit: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = if is_stdin(path) {
        std::io::stdin().lock().take(limit + 1).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(limit + 1).read_to_end(&mut bytes))
    };
    read.with_context(|| name(path))?;
    ensure!(
        bytes.len() as u64 <= limit,
        "{}: is larger than {} KiB, which is the most that is read",
        name(path),
        limit >> 10
    );
    Ok(bytes)
}

/// All of a file as text.
pub(super) fn text(path: &Path, limit: u64) -> Result<String> {
    let bytes = bytes(path, limit)?;
    String::from_utf8(bytes).with_context(|| format!("{}: it is not UTF-8", name(path)))
}

/// The line of a file that holds a secret; its contents are in no message.
pub(super) fn secret(path: &Path, limit: u64) -> Result<String> {
    let bytes = bytes(path, limit)?;
    let text = String::from_utf8(bytes).ok().with_context(|| format!("{}: it is not text", name(path)))?;
    let line = text.trim();
    ensure!(!line.is_empty() && !line.contains('\n'), "{}: it must hold one line, the secret", name(path));
    Ok(line.to_owned())
}
