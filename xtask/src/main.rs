//! Code generation. Generated files are committed, so that users need no Rust to install; `--check` tells whether a
//! committed file is what would be generated now.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context as _, bail};

const USAGE: &str = "usage: cargo xtask crds [--check]
  crds   writes manifests/crds.yaml from the types in serin-api; with --check only compares";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments[..] {
        ["crds"] => crds().and_then(|content| write(&path(), &content)),
        ["crds", "--check"] => crds().and_then(|content| check(&path(), &content)),
        _ => Err(anyhow::anyhow!(USAGE)),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../manifests/crds.yaml")
}

/// The definitions as one file of several documents.
fn crds() -> anyhow::Result<String> {
    let documents = serde_saphyr::to_string_multiple(&serin_api::crds()).context("definitions as YAML")?;
    Ok(format!("# Made by `cargo xtask crds` from crates/core/api; do not edit.\n---\n{documents}"))
}

fn write(path: &Path, content: &str) -> anyhow::Result<()> {
    std::fs::write(path, content).with_context(|| format!("writing {}", path.display()))
}

fn check(path: &Path, content: &str) -> anyhow::Result<()> {
    let committed = std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    if committed != content {
        bail!("{} is not what the types say: run `cargo xtask crds` and commit it", path.display());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_committed_definitions_are_those_of_the_types() {
        let checked = super::crds().and_then(|content| super::check(&super::path(), &content));
        assert!(checked.is_ok(), "{checked:?}");
    }
}
