//! The house keeps its own rules.
//!
//! `cargo metadata` and the sources are read; nothing is installed and nothing is fetched. A rule that never complains
//! is worth nothing, so each is also tried on a house that breaks it (`samples.rs`).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod house;
mod rules;
mod samples;

use std::{collections::BTreeSet, process::Command};

use house::House;

#[test]
fn the_house_keeps_every_rule() {
    let house = House::read().unwrap();
    let mut complaints = Vec::new();
    for (name, rule) in rules::RULES {
        complaints.extend(rule(&house).into_iter().map(|complaint| format!("  {name}: {complaint}")));
    }
    assert!(complaints.is_empty(), "{} complaints:\n{}", complaints.len(), complaints.join("\n"));
}

/// Otherwise `make demo` after `make test` builds the dependencies once more, for minutes. A feature that tests alone
/// need is switched on in the workspace's Cargo.toml.
#[test]
fn the_binary_alone_is_built_from_what_the_tests_are_built_from() {
    let tree = |which: &[&str]| {
        let host = house::host().unwrap();
        let common = ["tree", "--offline", "--prefix", "none", "--format", "{p} {f}", "--target", &host];
        let output = Command::new(env!("CARGO")).args(common).args(which).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().map(|line| line.trim_end_matches(" (*)").to_owned()).collect::<BTreeSet<_>>()
    };
    let alone = tree(&["--package", "serin", "--edges", "normal,build"]);
    let together = tree(&["--workspace", "--edges", "normal,build,dev"]);
    let other: Vec<_> = alone.difference(&together).collect();
    assert!(50 < alone.len() && other.is_empty(), "with other features when built alone: {other:#?}");
}

#[test]
fn the_whole_house_is_read() {
    let house = House::read().unwrap();
    assert!(house.crates.iter().any(|c| c.room == "crates/core/kernel"));
    assert!(10 <= house.crates.len(), "only {} crates", house.crates.len());
    assert!(100 < house.packages.len(), "only {} packages", house.packages.len());
    assert!(house.files.iter().any(|f| f.path == "Cargo.toml"));
}
