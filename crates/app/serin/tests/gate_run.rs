//! `serin gate run`, `serin verify` and `serin explain` as a user runs them.

#![allow(clippy::unwrap_used)] // also in what the tests share

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Output};

const CONFIG: &str = "arms: {stable: {track: stable}, canary: {track: canary}}
steps: [{weight: 25, minimum: 1m}]
metrics:
- {name: errors, kind: count}
";

fn serin(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_serin")).args(arguments).current_dir(folder).output().unwrap()
}

fn said(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

/// Six stable pods with an error in every other block, and three of the canary with `errors` in each `every`th block.
fn csv(first: i64, blocks: i64, canary: Option<(i64, u64, u64)>) -> String {
    let mut text = "time,metric,arm,pod,events,exposure\n".to_owned();
    for number in first..first + blocks {
        let seconds = 1_700_000_010 + number * 15;
        for pod in 0..6 {
            let events = u64::from((number + pod).rem_euclid(2) == 0);
            writeln!(text, "{seconds},errors,stable,stable-{pod},{events},100").unwrap();
        }
        for pod in 0..3 {
            let Some((every, errors, exposure)) = canary else { continue };
            let events = if (number + pod).rem_euclid(every) == 0 { errors } else { 0 };
            writeln!(text, "{seconds},errors,canary,canary-{pod},{events},{exposure}").unwrap();
        }
    }
    text
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [
        ("gate.yaml", CONFIG.to_owned()),
        ("past.csv", csv(-120, 120, None)),
        ("equal.csv", csv(0, 160, Some((2, 1, 100)))),
        ("worse.csv", csv(0, 160, Some((1, 2, 100)))),
        ("silent.csv", csv(0, 40, Some((2, 0, 0)))),
    ] {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

fn judged(folder: &Path, counts: &str) -> (i32, String, String) {
    let arguments = ["gate", "run", "--config", "gate.yaml", "--counts", counts];
    said(&serin(folder, &[&arguments[..], &["--history", "past.csv", "--record", "record.json"]].concat()))
}

#[test]
fn equal_passes_worse_fails_and_silent_holds_each_with_its_code_and_a_record_that_is_verified() {
    let folder = folder();
    for (counts, code, word, why) in [
        ("equal.csv", 0, "✔ PASS", "every guard metric is shown to be no worse"),
        ("worse.csv", 1, "✖ FAIL", "errors: it is worse than the tolerated ratio of 1.1"),
        ("silent.csv", 3, "~ HOLD", "errors: nothing was counted"),
    ] {
        let (got, out, looks) = judged(folder.path(), counts);
        assert_eq!(got, code, "{counts}: {out}{looks}");
        assert!(out.starts_with(word) && out.contains(why), "{out}");
        assert!(
            looks.lines().all(|line| line.starts_with("2023-11-14T") && line.contains("errors worse")),
            "{looks}"
        );
        let (got, out, _) = said(&serin(folder.path(), &["verify", "record.json"]));
        assert_eq!(got, 0, "{out}");
        assert!(out.contains(&format!("record.json: verified: {}", &word[word.len() - 4..])), "{out}");
    }
}

#[test]
fn a_record_is_explained_in_every_form() {
    let folder = folder();
    assert_eq!(judged(folder.path(), "worse.csv").0, 1);
    let explain =
        |arguments: &[&str]| serin(folder.path(), &[&["explain", "record.json"], arguments].concat());
    for (format, wanted) in [
/// A file of counts with a share in each row.
fn with_weight(csv: &str, weight: &str) -> String {
    let mut lines = csv.lines();
    let head = lines.next().unwrap();
    lines.fold(format!("{head},weight\n"), |text, line| format!("{text}{line},{weight}\n"))
}

#[test]
fn with_the_weight_of_a_file_a_black_hole_fails_and_a_wrong_split_holds() {
    let folder = folder();
    for (from, weight, code, why) in [
        ("silent.csv", "33.3", 1, "answered nothing for 60 s"),
        ("equal.csv", "33.3", 0, "every guard metric is shown to be no worse"),
        ("equal.csv", "10", 3, "the router does not do"),
    ] {
        let text = std::fs::read_to_string(folder.path().join(from)).unwrap();
        std::fs::write(folder.path().join("weighted.csv"), with_weight(&text, weight)).unwrap();
        let (got, out, looks) = judged(folder.path(), "weighted.csv");
        assert!(got == code && out.contains(why), "{from} at {weight}: {got} {out}{looks}");
        assert_eq!(said(&serin(folder.path(), &["verify", "record.json"])).0, 0);
    }
}

        ("text", "✖ FAIL"),
        ("html", "<!doctype html>"),
        ("svg", "<svg"),
        ("markdown", "### ✖ FAIL"),
        ("json", "{"),
    ] {
        let (code, out, _) = said(&explain(&["-o", format]));
        assert!(code == 0 && out.starts_with(wanted), "{format}: {out}");
    }
    let picture = explain(&["-o", "png"]);
    assert!(picture.stdout.starts_with(b"\x89PNG"));
    let (code, out, _) = said(&explain(&["errors"]));
    assert!(code == 0 && out.starts_with("errors: worse\n") && out.contains("FAIL needs 20"), "{out}");
    let (code, _, error) = said(&explain(&["latency"]));
    assert!(code == 2 && error.contains("no metric \"latency\": the record has errors"), "{error}");
}

#[test]
fn records_are_a_chain_and_one_that_was_changed_is_told() {
    let folder = folder();
    let run = |counts: &str, more: &[&str]| {
        let arguments = ["gate", "run", "-q", "-c", "gate.yaml", "--history", "past.csv", "--counts", counts];
        said(&serin(folder.path(), &[&arguments[..], more].concat())).0
    };
    assert_eq!(run("equal.csv", &["--record", "one.json"]), 0);
    assert_eq!(run("worse.csv", &["--record", "two.json", "--previous", "one.json"]), 1);
    assert_eq!(said(&serin(folder.path(), &["verify", "one.json", "two.json"])).0, 0);
    let (code, out, _) = said(&serin(folder.path(), &["verify", "two.json", "one.json"]));
    assert!(code == 1 && out.contains("which is not the record before it"), "{out}");
    let text = std::fs::read_to_string(folder.path().join("two.json")).unwrap();
    std::fs::write(
        folder.path().join("forged.json"),
        text.replacen("\"tolerated\":1.1", "\"tolerated\":1.2", 1),
    )
    .unwrap();
    let (code, out, _) = said(&serin(folder.path(), &["verify", "forged.json"]));
    assert!(code == 1 && out.contains("  hash: stored") && out.contains("looks[0].metrics[0].harm"), "{out}");
    let (code, _, error) = said(&serin(folder.path(), &["explain", "forged.json"]));
    assert!(code == 2 && error.contains("it was changed after it was written"), "{error}");
}

#[test]
fn what_cannot_be_judged_says_why() {
    let folder = folder();
    let run = |arguments: &[&str]| {
        said(&serin(folder.path(), &[&["gate", "run", "-c", "gate.yaml"], arguments].concat()))
    };
    for (arguments, wanted) in [
        (&[][..], "--counts"),
        (&["--counts", "absent.csv"], "absent.csv"),
        (&["--counts", "gate.yaml"], "gate.yaml: line 1"),
        (&["--counts", "equal.csv", "--record", "no/such/record.json"], "--record no/such/record.json"),
        (&["--counts", "equal.csv", "--previous", "gate.yaml"], "no evidence record"),
        (&["--prometheus", "http://127.0.0.1:9", "--end", "2026-01-01T00:00:00Z"], "--start"),
    ] {
        let (code, _, error) = run(arguments);
        assert!(code == 2 && error.contains(wanted), "{arguments:?}: {code} {error}");
    }
}

/// The example of the help, as it is printed there.
#[test]
fn the_help_is_an_example_that_works() {
    let folder = tempfile::tempdir().unwrap();
    let (_, help, _) = said(&serin(folder.path(), &["gate", "run", "--help"]));
    let file = |name: &str| {
        let text =
            help.split(&format!("cat > {name} <<'END'\n")).nth(1).unwrap().split("  END").next().unwrap();
        std::fs::write(folder.path().join(name), text.replace("\n  ", "\n").trim_start_matches("  "))
            .unwrap();
    };
    file("gate.yaml");
    file("counts.csv");
    let (code, out, error) = said(&serin(
        folder.path(),
        &["gate", "run", "--config", "gate.yaml", "--counts", "counts.csv", "--record", "record.json"],
    ));
    assert_eq!(code, 1, "{out}{error}");
    assert_eq!(said(&serin(folder.path(), &["verify", "record.json"])).0, 0);
    assert_eq!(said(&serin(folder.path(), &["explain", "record.json", "errors"])).0, 0);
}
