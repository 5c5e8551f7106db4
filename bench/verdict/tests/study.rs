//! The study itself, in small: results that depend on nothing but their key, and a gate that keeps its promises with a
//! wide margin. It fails only if the method is broken; the tables are made with many more rollouts.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;

use serin_verdict_study::catalogue::{World, worlds};
use serin_verdict_study::cell::Tally;
use serin_verdict_study::study::{self, Plan, RESULTS};
use serin_verdict_study::{compare, picture, table};

fn named(name: &str) -> World {
    worlds().into_iter().find(|world| world.name == name).expect("a world of that name")
}

fn plan(cells: Vec<(World, f64)>, runs: u64, threads: usize) -> Plan {
    Plan { cells, runs, seed: 20, threads, set: Vec::new() }
}

/// Bounds in percent: FAIL at least and at most, PASS at least and at most.
type Bounds = (f64, f64, f64, f64);
const GOOD: Bounds = (0.0, 3.0, 0.0, 100.0);
const AT_MARGIN: Bounds = (0.0, 100.0, 0.0, 6.0);
const BAD: Bounds = (100.0, 100.0, 0.0, 0.0);
/// Rollouts of each cell.
const RUNS: u64 = 200;

#[test]
fn the_gate_keeps_its_promises_in_small() {
    let table: [(&str, f64, Bounds); 18] = [
        ("base: iid Poisson, 100 rps, 10 %", 1.0, (0.0, 3.0, 90.0, 100.0)),
        ("base: iid Poisson, 100 rps, 10 %", 2.0, (90.0, 100.0, 0.0, 6.0)),
        ("base: iid Poisson, 100 rps, 10 %", 5.0, BAD),
        ("bursts mean 3", 1.0, GOOD),
        ("bursts mean 3", 2.0, AT_MARGIN),
        ("bursts mean 3", 5.0, BAD),
        ("pods CV 0.5, 3 of 30", 1.0, GOOD),
        ("pods CV 0.5, 3 of 30", 2.0, AT_MARGIN),
        ("pods CV 0.5, 3 of 30", 5.0, (85.0, 100.0, 0.0, 0.0)),
        ("weights 5-25-50", 1.0, (0.0, 3.0, 90.0, 100.0)),
        ("weights 5-25-50", 2.0, (90.0, 100.0, 0.0, 6.0)),
        ("weights 5-25-50", 5.0, BAD),
        ("scraped counters", 1.0, GOOD),
        ("scraped counters", 2.0, AT_MARGIN),
        ("scraped counters", 5.0, BAD),
        ("uneven load", 1.0, GOOD),
        ("uneven load", 2.0, AT_MARGIN),
        ("uneven load", 5.0, BAD),
    ];
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    for (name, ratio, bounds) in table {
        // The gate alone: its rivals' rules are checked elsewhere, and cost most of the time.
        let world = World { rivals: None, ..named(name) };
        let outcomes = plan(Vec::new(), RUNS, threads).play(&world, ratio, &|_| {}).unwrap();
        let said: Vec<_> = outcomes.iter().filter_map(|outcome| outcome.said[0]).collect();
        let gate = Tally::of(&said);
        let percent = |hits: u64| 100.0 * hits as f64 / gate.runs as f64;
        let (fail, pass) = (percent(gate.fail), percent(gate.pass));
        assert!(
            bounds.0 <= fail && fail <= bounds.1 && bounds.2 <= pass && pass <= bounds.3,
            "{name} at {ratio}: FAIL {fail} %, PASS {pass} %, outside {bounds:?}"
        );
    }
}

#[test]
fn results_do_not_depend_on_threads_and_what_is_there_is_not_played_again() {
    let cells = || vec![(named("CV 0.3 + burst 3 + AR 0.9"), 1.5), (named("gauge, AR 0.9"), 1.15)];
    let (one, three) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let text = |folder: &tempfile::TempDir| fs::read_to_string(folder.path().join(RESULTS)).unwrap();
    assert_eq!(plan(cells(), 20, 1).run(one.path()).unwrap(), 2);
    assert_eq!(plan(cells(), 20, 3).run(three.path()).unwrap(), 2);
    let whole = text(&one);
    assert_eq!(whole, text(&three));

    assert_eq!(plan(cells(), 20, 2).run(one.path()).unwrap(), 0, "both cells are there");
    assert_eq!(text(&one), whole);
    let more = Plan { set: vec!["tolerated=1.2".parse().unwrap()], ..plan(cells(), 20, 2) };
    assert_eq!(more.run(three.path()).unwrap(), 2, "another policy is another cell");

    // A crash in the middle of the second line.
    fs::write(one.path().join(RESULTS), &whole[..whole.len() - 40]).unwrap();
    assert_eq!(plan(cells(), 20, 2).run(one.path()).unwrap(), 1);
    let (again, before) = (study::latest(study::read(one.path()).unwrap()), whole.lines());
    let before: Vec<serin_verdict_study::cell::Cell> =
        before.map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(again, study::latest(before));
}

#[test]
fn pages_have_every_cell_and_name_what_is_broken() {
    let folder = tempfile::tempdir().unwrap();
    let cells = [1.0, 2.0].map(|ratio| (named("bursts mean 3"), ratio)).to_vec();
    plan(cells, 10, 2).run(folder.path()).unwrap();
    let mut cells = study::latest(study::read(folder.path()).unwrap());
    let page = table::page(&cells);
    assert_eq!(page.matches("| bursts mean 3 |").count(), 3, "the headline and two rows: {page}");
    assert!(page.ends_with("None.\n"), "{page}");
    let svg = picture::svg(&cells);
    assert!(
        svg.starts_with("<svg") && svg.ends_with("</svg>\n") && svg.contains("prefers-color-scheme:dark")
    );
    assert!(compare::page(&cells, &cells).ends_with("0 of 2 rows differ beyond chance.\n"));

    let gate = |cells: &mut table::Cells| {
        let cell = cells.get_mut(&("bursts mean 3".to_owned(), 2000)).unwrap();
        let gate = cell.judges.get_mut("serin").unwrap();
        (gate.fail, gate.pass) = (0, 10);
    };
    let before = cells.clone();
    gate(&mut cells);
    let page = table::page(&cells);
    assert!(page.contains("| bursts mean 3 | 2 | wrongful PASS ≤ 5 % | 100.0 (72.2-100.0) % |"), "{page}");
    assert!(compare::page(&before, &cells).contains("more PASS"));
}

#[test]
fn a_setting_that_is_none_is_refused_with_those_that_are() {
    for (text, says) in
        [("tolerated", "NAME=NUMBER"), ("tau=0", "tolerated, margin"), ("margin=x", "no number")]
    {
        let error = text.parse::<study::Set>().unwrap_err();
        assert!(format!("{error:#}").contains(says), "{error:#}");
    }
}
