//! Code generation. Generated files are committed, so that users need no Rust to install; `--check` tells whether a
//! committed file is what would be generated now.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context as _, bail};
use serde_json::Value;

const USAGE: &str = "usage: cargo xtask crds [--check]
  crds   writes manifests/crds.yaml and manifests/flagger-crds.yaml from the types in serin-api; with --check only compares";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments[..] {
        ["crds"] => every(write),
        ["crds", "--check"] => every(check),
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

/// The generated files: each dialect has its own, since nobody has to install both.
fn files() -> [(&'static str, Vec<Value>); 2] {
    [("crds.yaml", serin_api::crds()), ("flagger-crds.yaml", serin_api::flagger::crds())]
}

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../manifests").join(name)
}

fn every(act: fn(&Path, &str) -> anyhow::Result<()>) -> anyhow::Result<()> {
    files().into_iter().try_for_each(|(name, definitions)| act(&path(name), &text(&definitions)?))
}

/// The definitions as one file of several documents.
fn text(definitions: &[Value]) -> anyhow::Result<String> {
    let documents = serde_saphyr::to_string_multiple(definitions).context("definitions as YAML")?;
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
    use serde_json::Value;

    /// The documents of an installation manifest.
    fn manifest(name: &str) -> Vec<Value> {
        let path = super::path(name);
        let read = std::fs::read_to_string(&path).map_err(anyhow::Error::from);
        let documents = read.and_then(|text| Ok(serde_saphyr::from_multiple(&text)?));
        documents.unwrap_or_else(|error: anyhow::Error| panic!("{}: {error:#}", path.display()))
    }

    /// What the controller may do, from the role called `serin` of a kind.
    fn rights(documents: &[Value], kind: &str) -> Value {
        let role = documents.iter().find(|it| it["kind"] == kind && it["metadata"]["name"] == "serin");
        role.map(|role| role["rules"].clone()).unwrap_or_default()
    }

    #[test]
    fn the_committed_definitions_are_those_of_the_types() {
        let checked = super::every(super::check);
        assert!(checked.is_ok(), "{checked:?}");
    }

    #[test]
    fn both_installations_give_the_controller_the_same_few_rights() {
        let (cluster, namespace) = (manifest("install.yaml"), manifest("namespace-install.yaml"));
        let rules = rights(&cluster, "ClusterRole");
        assert_eq!(rules, rights(&namespace, "Role"));
        assert!(rules.as_array().is_some_and(|rules| 5 < rules.len()));
        let text = rules.to_string();
        assert!(!text.contains('*') && !text.contains("secrets") && !text.contains("configmaps"), "{text}");
        let kinds = |documents: &[Value]| {
            documents.iter().any(|it| it["kind"].as_str().unwrap_or("").starts_with("Cluster"))
        };
        assert!(!kinds(&namespace), "an installation for one namespace has nothing of the cluster's");
    }
}
