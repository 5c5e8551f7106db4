//! The house keeps its own rules.
//!
//! `cargo metadata` and the sources are read; nothing is installed and nothing is fetched. A rule that never complains
//! is worth nothing, so each is also tried on a house that breaks it (`samples.rs`).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod house;
mod rules;
mod samples;

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

#[test]
fn the_whole_house_is_read() {
    let house = House::read().unwrap();
    assert!(house.crates.iter().any(|c| c.room == "crates/core/kernel"));
    assert!(10 <= house.crates.len(), "only {} crates", house.crates.len());
    assert!(100 < house.packages.len(), "only {} packages", house.packages.len());
    assert!(house.files.iter().any(|f| f.path == "Cargo.toml"));
}
