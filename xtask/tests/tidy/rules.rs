//! The rules of the house, one function each: a house in, complaints out, an empty list when it is kept.

use std::collections::{BTreeMap, BTreeSet};

use crate::house::{Crate, Dependency, File, House, ends_with_rs};

/// Names of packages that do I/O, run tasks or draw random numbers: the core names none of them.
const NOT_IN_CORE: [&str; 16] = [
    "kube",
    "k8s-openapi",
    "tokio",
    "tokio-util",
    "futures",
    "axum",
    "reqwest",
    "hyper",
    "hyper-util",
    "tower",
    "rand",
    "rustls",
    "parking_lot",
    "tracing",
    "prometheus",
    "async-trait",
];
/// Dialects: what two of them share lives in `kernel`, `traffic` or `lang`.
const DIALECTS: [&str; 3] = ["serin-rollout", "serin-canary", "serin-pipeline"];
/// A file of more lines than this, tests left out, has more than one thing to say.
const FILE_LINES_MAX: usize = 600;
/// A crate with fewer lines of code than this is an empty room.
const CRATE_CODE_LINES_MIN: usize = 10;
/// Packages that must have one version in the build, and which: a second one means types that do not fit together.
const VERSION_KNOT: [(&str, &str); 7] = [
    ("kube-core", "5."),
    ("kube-client", "5."),
    ("k8s-openapi", "0.29."),
    ("json-patch", "4."),
    ("rustls", "0.23."),
    ("ring", "0.17."),
    ("jiff", "0.2."),
];

pub(crate) type Rule = fn(&House) -> Vec<String>;

/// Every rule by its name.
pub(crate) const RULES: [(&str, Rule); 20] = [
    ("every room is in ARCHITECTURE.md and the other way round", rooms_are_on_the_map),
    ("a crate depends only on rooms above it on the map", dependencies_point_up),
    ("only app/serin uses proof outside tests", proof_stays_out_of_production),
    ("the core names nothing that does I/O", core_names_no_io),
    ("the core has no async", core_has_no_async),
    ("only edge/cluster and proof name kube", kube_stays_at_the_edge),
    ("only app/server and proof name axum", axum_stays_in_the_server),
    ("only app/loadtester and proof start programs of the machine", programs_stay_in_the_load_tester),
    ("a dialect never names another, and traffic names none", dialects_do_not_meet),
    ("every pure crate has the same clippy.toml", core_shares_one_clippy),
    ("every crate says what it is, under which licence, with the house's lints", crates_have_their_papers),
    ("no crate is empty", no_room_is_empty),
    ("nothing is left undone in the code", nothing_left_undone),
    ("no test is switched off", no_test_is_switched_off),
    ("the image is built with the toolchain of the repository", one_toolchain),
    ("files stop at 600 lines without tests", files_stay_short),
    ("no file names a path of one machine", no_machine_paths),
    ("no file names a package registry's host", no_registry_hosts),
    ("the version knot holds", the_version_knot_holds),
    ("every package has a licence that deny.toml allows, and none is banned", packages_are_permitted),
];

/// The rooms that ARCHITECTURE.md draws under "## The rooms", in its order.
fn rooms_on_the_map(house: &House) -> Vec<String> {
    let text = house.text("ARCHITECTURE.md");
    let Some((_, section)) = text.split_once("## The rooms") else { return Vec::new() };
    let Some(drawing) = section.split("```").nth(1) else { return Vec::new() };
    let mut rooms = Vec::new();
    let mut layer = "";
    for line in drawing.lines() {
        let depth = line.len() - line.trim_start().len();
        // `bench/verdict/` at the left edge is a room inside another.
        let word = line.split_whitespace().next().unwrap_or_default();
        let Some(name) = word.strip_suffix('/') else { continue };
        let is_nested = name.contains('/');
        let is_letter = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '/';
        if name.is_empty() || (is_nested && depth > 0) || !name.chars().all(is_letter) {
            continue;
        }
        match depth {
            0 if name != "crates" => rooms.push(name.to_owned()),
            2 => layer = name,
            4 => rooms.push(format!("crates/{layer}/{name}")),
            _ => {}
        }
    }
    rooms
}

fn rooms_are_on_the_map(house: &House) -> Vec<String> {
    let map: BTreeSet<String> = rooms_on_the_map(house).into_iter().collect();
    let real: BTreeSet<String> = house.crates.iter().map(|c| c.room.clone()).collect();
    let missing = real.difference(&map).map(|room| format!("{room} is not drawn in ARCHITECTURE.md"));
    let gone = map.difference(&real).map(|room| format!("ARCHITECTURE.md draws {room}, which is no crate"));
    missing.chain(gone).collect()
}

fn dependencies_point_up(house: &House) -> Vec<String> {
    let map = rooms_on_the_map(house);
    let place: BTreeMap<&str, usize> = house
        .crates
        .iter()
        .filter_map(|c| Some((c.name.as_str(), map.iter().position(|room| *room == c.room)?)))
        .collect();
    let mut complaints = Vec::new();
    for c in house.crates.iter().filter(|c| c.room != "crates/app/serin") {
        for d in normal(c) {
            let (Some(mine), Some(theirs)) = (place.get(c.name.as_str()), place.get(d.name.as_str())) else {
                continue;
            };
            if mine < theirs {
                complaints.push(format!("{} depends on {}, a room below it", c.name, d.name));
            }
        }
    }
    complaints
}

fn proof_stays_out_of_production(house: &House) -> Vec<String> {
    let proof: BTreeSet<&str> =
        house.crates.iter().filter(|c| is_proof(c)).map(|c| c.name.as_str()).collect();
    complain(
        house,
        |c| c.room.starts_with("crates/") && !is_proof(c) && c.room != "crates/app/serin",
        |c, d| {
            proof
                .contains(d.name.as_str())
                .then(|| format!("{} depends on {} outside its tests", c.name, d.name))
        },
    )
}

fn core_names_no_io(house: &House) -> Vec<String> {
    complain(house, is_core, |c, d| {
        NOT_IN_CORE.contains(&d.name.as_str()).then(|| format!("{} depends on {}", c.name, d.name))
    })
}

fn core_has_no_async(house: &House) -> Vec<String> {
    let mut complaints = Vec::new();
    for c in house.crates.iter().filter(|c| is_core(c)) {
        for file in house.sources(&c.room) {
            for (number, line) in code_lines(&file.text) {
                if line.contains("async fn") || line.contains("async move") || line.contains(".await") {
                    complaints.push(format!("{}:{number}: async in the core", file.path));
                }
            }
        }
    }
    complaints
}

fn kube_stays_at_the_edge(house: &House) -> Vec<String> {
    let may = |c: &Crate| is_proof(c) || ["crates/edge/cluster", "e2e", "bench"].contains(&c.room.as_str());
    complain(
        house,
        |c| !may(c),
        |c, d| {
            let kube = d.name == "kube" || d.name == "k8s-openapi" || d.name.starts_with("kube-");
            (kube && !d.dev).then(|| format!("{} depends on {}", c.name, d.name))
        },
    )
}

fn axum_stays_in_the_server(house: &House) -> Vec<String> {
    complain(
        house,
        |c| !is_proof(c) && c.room != "crates/app/server",
        |c, d| (d.name == "axum").then(|| format!("{} depends on axum", c.name)),
    )
}

/// A program that is started needs a time limit, a bounded output and an end of its whole group: one place knows how.
fn programs_stay_in_the_load_tester(house: &House) -> Vec<String> {
    let mut complaints = Vec::new();
    let may = |c: &Crate| is_proof(c) || c.room == "crates/app/loadtester";
    for c in house.crates.iter().filter(|c| c.room.starts_with("crates/") && !may(c)) {
        for file in house.sources(&c.room).filter(|file| !is_test_file(&file.path)) {
            for (number, line) in code_lines(without_tests(&file.text)) {
                if line.contains("process::") && line.contains("Command") {
                    complaints.push(format!("{}:{number}: a program of the machine is started", file.path));
                }
            }
        }
    }
    complaints
}

fn dialects_do_not_meet(house: &House) -> Vec<String> {
    let mut complaints = Vec::new();
    let from = |c: &&Crate| DIALECTS.contains(&c.name.as_str()) || c.name == "serin-traffic";
    for c in house.crates.iter().filter(from) {
        for d in c.dependencies.iter().filter(|d| DIALECTS.contains(&d.name.as_str())) {
            complaints.push(format!("{} depends on the dialect {}", c.name, d.name));
        }
    }
    complaints
}

fn core_shares_one_clippy(house: &House) -> Vec<String> {
    let texts: BTreeMap<String, &str> = house
        .crates
        .iter()
        .filter(|c| is_core(c))
        .map(|c| format!("{}/clippy.toml", c.room))
        .map(|path| {
            let text = house.text(&path);
            (path, text)
        })
        .collect();
    let first = texts.values().next().copied().unwrap_or_default();
    texts
        .iter()
        .filter_map(|(path, text)| match *text {
            "" => Some(format!("{path} is missing")),
            text if text != first => Some(format!("{path} differs from its sisters")),
            _ => None,
        })
        .collect()
}

fn crates_have_their_papers(house: &House) -> Vec<String> {
    let mut complaints = Vec::new();
    for c in &house.crates {
        let mut want = |held: bool, what: &str| {
            if !held {
                complaints.push(format!("{}: {what}", c.name));
            }
        };
        let manifest: String = c.manifest.split_whitespace().collect();
        want(c.description.as_deref().is_some_and(|d| !d.is_empty()), "no description");
        want(c.license.as_deref() == Some("Apache-2.0"), "not licensed as Apache-2.0");
        want(manifest.contains("[lints]workspace=true"), "does not take the workspace's lints");
        want(manifest.contains("edition.workspace=true"), "does not take the workspace's edition");
        want(
            house.text(&c.root_file).trim_start().starts_with("//!"),
            "its root module has no documentation",
        );
    }
    complaints
}

fn no_room_is_empty(house: &House) -> Vec<String> {
    let code = |c: &Crate| {
        house.sources(&c.room).map(|file| code_lines(&file.text).count()).sum::<usize>()
            + house
                .files
                .iter()
                .filter(|file| {
                    file.path.starts_with(&format!("{}/tests/", c.room)) && ends_with_rs(&file.path)
                })
                .map(|file| code_lines(&file.text).count())
                .sum::<usize>()
    };
    house
        .crates
        .iter()
        .filter(|c| code(c) < CRATE_CODE_LINES_MIN)
        .map(|c| format!("{} is empty: fill it or take it away", c.room))
        .collect()
}

fn nothing_left_undone(house: &House) -> Vec<String> {
    // Written in halves: this file is read too.
    tokens(house, &[concat!("todo", "!("), concat!("unimplemented", "!("), concat!("dbg", "!(")])
}

fn no_test_is_switched_off(house: &House) -> Vec<String> {
    tokens(house, &[concat!("#[ig", "nore"), concat!("#[should", "_panic")])
}

fn files_stay_short(house: &House) -> Vec<String> {
    house
        .files
        .iter()
        .filter(|file| ends_with_rs(&file.path) && !is_test_file(&file.path))
        .filter_map(|file| {
            let lines = without_tests(&file.text).lines().count();
            (FILE_LINES_MAX < lines).then(|| format!("{} has {lines} lines without its tests", file.path))
        })
        .collect()
}

fn no_machine_paths(house: &House) -> Vec<String> {
    let paths =
        [concat!("/ro", "ot/"), concat!("/Us", "ers/"), concat!("/wo", "rk/"), concat!("/var/tmp", "/t/")];
    anywhere(house, &paths, "a path of one machine")
}

fn no_registry_hosts(house: &House) -> Vec<String> {
    let hosts = [
        concat!("crates", ".io"),
        concat!("pypi", ".org"),
        concat!("proxy.golang", ".org"),
        concat!("sum.golang", ".org"),
        concat!("registry.npmjs", ".org"),
    ];
    anywhere(house, &hosts, "a package registry's host (settings of the machine decide which one is used)")
}

fn the_version_knot_holds(house: &House) -> Vec<String> {
    let mut complaints = Vec::new();
    for (name, start) in VERSION_KNOT {
        let versions: BTreeSet<&str> =
            house.packages.iter().filter(|p| p.name == name).map(|p| p.version.as_str()).collect();
        if versions.len() != 1 || !versions.iter().all(|v| v.starts_with(start)) {
            complaints.push(format!("{name} must have one version {start}x, it has {versions:?}"));
        }
    }
    complaints
}

fn packages_are_permitted(house: &House) -> Vec<String> {
    let deny = house.text("deny.toml");
    let allowed = quoted(deny, "allow = [", |_| true);
    let banned = quoted(deny, "deny = [", |before| before.trim_end().ends_with("crate ="));
    let mut complaints = Vec::new();
    if allowed.is_empty() || banned.is_empty() {
        complaints.push("deny.toml has no allow or deny list".to_owned());
    }
    for p in &house.packages {
        let permitted = p.license.as_deref().is_some_and(|license| is_permitted(license, &allowed));
        if !permitted {
            complaints.push(format!("{} {} has licence {:?}", p.name, p.version, p.license));
        }
        if banned.contains(p.name.as_str()) {
            complaints.push(format!("{} {} is banned by deny.toml", p.name, p.version));
        }
    }
    complaints
}

/// Whether an SPDX expression can be met with the allowed licences: one of each `OR`, all of each `AND`.
///
/// Only the forms that packages use: `A OR B`, the old `A/B`, `A AND B`, and one level of parentheses.
pub(crate) fn is_permitted(license: &str, allowed: &BTreeSet<&str>) -> bool {
    let license = license.replace('/', " OR ");
    license.split(" AND ").all(|all| {
        let all = all.trim().trim_start_matches('(').trim_end_matches(')');
        all.split(" OR ").any(|one| allowed.contains(one.trim()))
    })
}

/// The quoted words of the list that starts with `start` and ends at the next line that is `]`.
fn quoted<'a>(text: &'a str, start: &str, keep: impl Fn(&str) -> bool) -> BTreeSet<&'a str> {
    let Some((_, rest)) = text.split_once(&format!("\n{start}")) else { return BTreeSet::new() };
    let list = rest.split("\n]").next().unwrap_or_default();
    list.lines()
        .filter_map(|line| {
            let mut parts = line.split('"');
            let before = parts.next()?;
            let word = parts.next()?;
            keep(before).then_some(word)
        })
        .collect()
}

fn is_core(c: &Crate) -> bool {
    c.room.starts_with("crates/core/")
}

fn one_toolchain(house: &House) -> Vec<String> {
    let toolchain = house.text("rust-toolchain.toml");
    let channel = toolchain.lines().find_map(|line| line.strip_prefix("channel = "));
    let Some(version) = channel.map(|channel| channel.trim_matches('"')) else {
        return vec!["rust-toolchain.toml names no channel".to_owned()];
    };
    let image = house.text("Dockerfile");
    let wanted = [format!("FROM rust:{version}-"), format!("RUSTUP_TOOLCHAIN={version}\n")];
    let missing = wanted.iter().filter(|line| !image.contains(line.as_str()));
    missing.map(|line| format!("Dockerfile has no `{}`", line.trim_end())).collect()
}

fn is_proof(c: &Crate) -> bool {
    c.room.starts_with("crates/proof/")
}

fn normal(c: &Crate) -> impl Iterator<Item = &Dependency> {
    c.dependencies.iter().filter(|d| !d.dev)
}

/// One complaint for each normal dependency of the chosen crates that `judge` does not like.
fn complain(
    house: &House,
    chosen: impl Fn(&Crate) -> bool,
    judge: impl Fn(&Crate, &Dependency) -> Option<String>,
) -> Vec<String> {
    let crates = house.crates.iter().filter(|c| chosen(c));
    crates.flat_map(|c| normal(c).filter_map(|d| judge(c, d)).collect::<Vec<_>>()).collect()
}

/// The numbered lines that are neither blank nor comments.
fn code_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().map(|(index, line)| (index + 1, line)).filter(|(_, line)| {
        let line = line.trim_start();
        !line.is_empty() && !line.starts_with("//")
    })
}

fn tokens(house: &House, tokens: &[&str]) -> Vec<String> {
    let mut complaints = Vec::new();
    for file in house.files.iter().filter(|file| ends_with_rs(&file.path)) {
        for (number, line) in code_lines(&file.text) {
            for token in tokens.iter().filter(|token| line.contains(**token)) {
                complaints.push(format!("{}:{number}: {token}", file.path));
            }
        }
    }
    complaints
}

fn anywhere(house: &House, words: &[&str], what: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    for File { path, text } in &house.files {
        for (index, line) in text.lines().enumerate() {
            if words.iter().any(|word| line.contains(word)) {
                complaints.push(format!("{path}:{}: {what}", index + 1));
            }
        }
    }
    complaints
}

fn is_test_file(path: &str) -> bool {
    path.contains("/tests/")
        || path.contains("/benches/")
        || path.ends_with("/tests.rs")
        || path.ends_with("_tests.rs")
}

/// The text up to the first unit-test module.
fn without_tests(text: &str) -> &str {
    text.split("#[cfg(test)]\nmod ").next().unwrap_or(text)
}
