//! Houses that break one rule each: the rule must notice, and the good house must pass every rule.

use std::collections::BTreeSet;

use crate::house::{Crate, Dependency, File, House, Package};
use crate::rules::{RULES, is_permitted};

const MANIFEST: &str = "edition.workspace = true\n[lints]\nworkspace = true\n";

fn room(name: &str, room: &str, dependencies: &[&str]) -> Crate {
    Crate {
        name: name.into(),
        room: room.into(),
        description: Some("A room.".into()),
        license: Some("Apache-2.0".into()),
        dependencies: dependencies.iter().map(|d| Dependency { name: (*d).into(), dev: false }).collect(),
        manifest: MANIFEST.into(),
        root_file: format!("{room}/src/lib.rs"),
    }
}

fn file(path: &str, text: &str) -> File {
    File { path: path.into(), text: text.into() }
}

fn package(name: &str, version: &str) -> Package {
    Package { name: name.into(), version: version.into(), license: Some("MIT OR Apache-2.0".into()) }
}

/// A small house that keeps every rule.
fn good() -> House {
    let crates = vec![
        room("serin-kernel", "crates/core/kernel", &["serde"]),
        room("serin-traffic", "crates/core/traffic", &["serin-kernel"]),
        room("serin-rollout", "crates/core/rollout", &["serin-kernel", "serin-traffic"]),
        room("serin-canary", "crates/core/canary", &["serin-kernel"]),
        room("serin-cluster", "crates/edge/cluster", &["serin-kernel", "kube"]),
        room("serin-server", "crates/app/server", &["axum"]),
        room("serin", "crates/app/serin", &["serin-cluster", "serin-plane"]),
        room("serin-plane", "crates/proof/plane", &["axum", "kube"]),
        room("serin-e2e", "e2e", &["serin-plane", "kube"]),
    ];
    let code = "//! A room.\n".to_owned() + &"fn a() {}\n".repeat(12);
    let mut files: Vec<File> = crates.iter().map(|c| file(&c.root_file, &code)).collect();
    for c in crates.iter().filter(|c| c.room.starts_with("crates/core/")) {
        files.push(file(&format!("{}/clippy.toml", c.room), "disallowed-types = []\n"));
    }
    files.push(file(
        "ARCHITECTURE.md",
        "## The rooms\n```text\ncrates/\n  core/   pure\n    kernel/  words\n    traffic/ routers\n    rollout/ one\n    \
         canary/  two\n  edge/\n    cluster/ I/O\n  app/\n    server/  HTTP\n    serin/   the binary\n  proof/\n    \
         plane/   a cluster\ne2e/     on the real thing\n```\n",
    ));
    files.push(file("rust-toolchain.toml", "[toolchain]\nchannel = \"1.2.3\"\n"));
    files.push(file("Dockerfile", "FROM rust:1.2.3-slim AS build\nENV RUSTUP_TOOLCHAIN=1.2.3\n"));
    files.push(file(
        "deny.toml",
        "[licenses]\nallow = [\n  \"Apache-2.0\",\n  \"MIT\",\n]\n[bans]\ndeny = [\n  { crate = \"openssl-sys\", reason = \"C\" },\n]\n",
    ));
    let packages = [
        ("kube-core", "5.0.0"),
        ("kube-client", "5.0.0"),
        ("k8s-openapi", "0.29.0"),
        ("json-patch", "4.2.0"),
        ("rustls", "0.23.1"),
        ("ring", "0.17.1"),
        ("jiff", "0.2.1"),
    ];
    House { crates, files, packages: packages.map(|(n, v)| package(n, v)).to_vec() }
}

fn of<'a>(house: &'a mut House, name: &str) -> &'a mut Crate {
    house.crates.iter_mut().find(|c| c.name == name).unwrap()
}

fn add(house: &mut House, name: &str, dependency: &str) {
    of(house, name).dependencies.push(Dependency { name: dependency.into(), dev: false });
}

fn text<'a>(house: &'a mut House, path: &str) -> &'a mut String {
    &mut house.files.iter_mut().find(|f| f.path == path).unwrap().text
}

/// Breaks one rule of a good house.
type Break = fn(&mut House);

/// Every way to break a rule: its name, and what breaks it.
const BROKEN: [(&str, Break); 34] = [
    ("every room is in", |h| h.crates.push(room("serin-x", "crates/core/x", &[]))),
    ("every room is in", |h| h.crates.retain(|c| c.name != "serin-server")),
    ("a crate depends only on", |h| add(h, "serin-kernel", "serin-cluster")),
    ("a crate depends only on", |h| add(h, "serin-kernel", "serin-traffic")),
    ("only app/serin uses proof", |h| add(h, "serin-cluster", "serin-plane")),
    ("the core names nothing", |h| add(h, "serin-kernel", "tokio")),
    ("the core names nothing", |h| add(h, "serin-rollout", "kube")),
    ("the core has no async", |h| text(h, "crates/core/kernel/src/lib.rs").push_str("async fn wait() {}\n")),
    ("the core has no async", |h| text(h, "crates/core/kernel/src/lib.rs").push_str("let x = y.await;\n")),
    ("only edge/cluster and proof name kube", |h| add(h, "serin-server", "kube")),
    ("only edge/cluster and proof name kube", |h| add(h, "serin", "k8s-openapi")),
    ("only app/server and proof name axum", |h| add(h, "serin", "axum")),
    ("only app/loadtester and proof start", |h| {
        text(h, "crates/app/server/src/lib.rs").push_str("use std::process::Command;\n");
    }),
    ("a dialect never names", |h| add(h, "serin-canary", "serin-rollout")),
    ("a dialect never names", |h| add(h, "serin-traffic", "serin-rollout")),
    ("every pure crate has the same", |h| text(h, "crates/core/kernel/clippy.toml").push('#')),
    ("every pure crate has the same", |h| h.files.retain(|f| f.path != "crates/core/canary/clippy.toml")),
    ("every crate says what it is", |h| of(h, "serin").description = None),
    ("every crate says what it is", |h| of(h, "serin").license = Some("GPL-3.0".into())),
    ("every crate says what it is", |h| of(h, "serin").manifest.clear()),
    ("every crate says what it is", |h| *text(h, "e2e/src/lib.rs") = "fn main() {}\n".repeat(20)),
    ("no crate is empty", |h| *text(h, "e2e/src/lib.rs") = "//! Nothing yet.\n".repeat(20)),
    ("nothing is left undone", |h| text(h, "e2e/src/lib.rs").push_str(concat!("todo", "!()\n"))),
    ("the image is built with", |h| *text(h, "rust-toolchain.toml") = "channel = \"1.2.4\"\n".into()),
    ("the image is built with", |h| *text(h, "Dockerfile") = "FROM rust:1.2.3-slim\n".into()),
    ("the image is built with", |h| h.files.retain(|f| f.path != "Dockerfile")),
    ("no test is switched off", |h| text(h, "e2e/src/lib.rs").push_str(concat!("#[ig", "nore]\n"))),
    ("files stop at 600", |h| text(h, "e2e/src/lib.rs").push_str(&"fn a() {}\n".repeat(600))),
    ("no file names a path", |h| text(h, "e2e/src/lib.rs").push_str(concat!("// see /ro", "ot/notes\n"))),
    ("no file names a package registry", |h| text(h, "deny.toml").push_str(concat!("# pypi", ".org\n"))),
    ("the version knot holds", |h| h.packages.push(package("kube-core", "4.2.0"))),
    ("the version knot holds", |h| h.packages.retain(|p| p.name != "ring")),
    ("every package has a licence", |h| h.packages.push(Package { license: None, ..package("a", "1.0.0") })),
    ("every package has a licence", |h| h.packages.push(package("openssl-sys", "0.9.0"))),
];

#[test]
fn a_good_house_passes_every_rule() {
    for (name, rule) in RULES {
        assert_eq!(rule(&good()), Vec::<String>::new(), "{name}");
    }
}

#[test]
fn each_rule_notices_when_it_is_broken_and_no_other_rule_stays_untried() {
    for (index, (start, break_it)) in BROKEN.iter().enumerate() {
        let (name, rule) =
            RULES.iter().find(|(name, _)| name.starts_with(start)).expect("a rule of that name");
        let mut house = good();
        break_it(&mut house);
        assert!(!rule(&house).is_empty(), "sample {index}: '{name}' did not notice");
    }
    for (name, _) in RULES {
        assert!(
            BROKEN.iter().any(|(start, _)| name.starts_with(start)),
            "'{name}' is tried on no broken house"
        );
    }
}

#[test]
fn tests_and_unit_test_modules_do_not_count_as_length() {
    let (_, rule) = RULES.iter().find(|(name, _)| name.starts_with("files stop")).unwrap();
    let mut house = good();
    let long = "fn a() {}\n".repeat(700);
    house.files.push(file("e2e/tests/long.rs", &long));
    text(&mut house, "e2e/src/lib.rs").push_str(&["#[cfg(test)]\nmod tests {\n", &long, "}\n"].concat());
    assert_eq!(rule(&house), Vec::<String>::new());
}

#[test]
fn a_licence_expression_needs_one_of_each_or_and_all_of_each_and() {
    let allowed = BTreeSet::from(["MIT", "Apache-2.0", "ISC"]);
    for (license, permitted) in [
        ("MIT", true),
        ("MIT OR GPL-3.0", true),
        ("MIT/Apache-2.0", true),
        ("Apache-2.0 / MIT", true),
        ("GPL-3.0", false),
        ("GPL-3.0 OR MPL-2.0", false),
        ("Apache-2.0 AND ISC", true),
        ("Apache-2.0 AND MPL-2.0", false),
        ("(MIT OR Apache-2.0) AND ISC", true),
        ("(MIT OR Apache-2.0) AND Unicode-3.0", false),
    ] {
        assert_eq!(is_permitted(license, &allowed), permitted, "{license}");
    }
}
