//! `serin gate run`, `serin verify` and `serin explain` as a user runs them.

#![allow(clippy::unwrap_used)] // also in what the tests share

#[path = "../fake/mod.rs"]
mod fake;
mod groups;

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use serde_json::{Value, json};
use serin_gate::record::Record;
use serin_gate::{Block, Seen};

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
        ("empty.csv", "\n".to_owned()),
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
        ("worse.csv", 1, "✖ FAIL", "errors: it is worse than the tolerated ratio of 1,"),
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

#[test]
fn a_record_is_explained_in_every_form() {
    let folder = folder();
    assert_eq!(judged(folder.path(), "worse.csv").0, 1);
    let explain =
        |arguments: &[&str]| serin(folder.path(), &[&["explain", "record.json"], arguments].concat());
    for (format, wanted) in [
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
    for format in ["html", "svg", "png", "markdown", "json"] {
        let (code, out, error) = said(&explain(&["errors", "-o", format]));
        assert!(
            code == 2 && out.is_empty() && error.contains("\"errors\" is explained as text only"),
            "{error}"
        );
    }
    let (_, help, _) = said(&explain(&["--help"]));
    assert!(help.contains("Explain this metric, in plain words: as text only"), "{help}");
    let (code, _, error) = said(&explain(&["latency"]));
    assert!(code == 2 && error.contains("no metric \"latency\": the record has errors"), "{error}");
}

#[test]
fn what_is_no_record_is_an_error_of_one_line_and_not_a_record_that_differs() {
    let folder = folder();
    assert_eq!(judged(folder.path(), "equal.csv").0, 0);
    let whole = std::fs::read(folder.path().join("record.json")).unwrap();
    std::fs::write(folder.path().join("half.json"), &whole[..whole.len() / 2]).unwrap();
    std::fs::write(folder.path().join("other.json"), "{\"a\": 1}\n").unwrap();
    for (file, code, wanted) in [
        (
            "equal.csv",
            2,
            "Error: equal.csv: it is no evidence record: it is no JSON object, and begins with \"time,",
        ),
        (
            "empty.csv",
            2,
            "Error: empty.csv: it is no evidence record: it is empty; give the file that serin gate run",
        ),
        (
            "other.json",
            2,
            "Error: other.json: it is no evidence record: it is JSON without a `format`; give the file",
        ),
        ("absent.json", 2, "Error: absent.json: No such file"),
        (
            "half.json",
            1,
            "half.json: does not hold: it is an evidence record that was changed or cut short: ",
        ),
    ] {
        let (got, out, error) = said(&serin(folder.path(), &["verify", file]));
        let text = out + &error;
        assert!(got == code && text.starts_with(wanted) && text.lines().count() == 1, "{file}: {got} {text}");
    }
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
        text.replacen("\"tolerated\":1.0", "\"tolerated\":1.2", 1),
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
        (&[][..], "<--counts <FILE>|--prometheus <URL>>"),
        (&["--counts", "equal.csv", "--prometheus", "http://127.0.0.1:9"], "cannot be used with"),
        (&["--counts", "empty.csv"], "empty.csv: it is empty: write a first line that names the columns"),
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

/// Raw counters of six stable pods with 95 requests in each scrape interval, and of two of the canary, which begin at
/// `start` with 15 requests and have 95 from `raised` on: shares of 5 % and 25 %. One in forty fails.
/// The query `share` gives the canary's share, and nothing before `start`.
fn shop(scrape: i64, start: i64, raised: i64) -> String {
    let counter = move |pod: i64, place: i64, is_errors: bool| {
        let (start, raised) = (start / scrape, raised / scrape);
        let requests = match (pod < 6, place < raised) {
            (true, _) => 95 * place,
            (false, true) => 15 * (place - start),
            (false, false) => 15 * (raised - start) + 95 * (place - raised),
        };
        // Of all requests one in forty fails, and of the pods each at another time.
        let count = if is_errors { (requests + 7 * pod) / 40 } else { requests };
        (pod < 6 || start <= place).then_some(count)
    };
    fake::serve(move |url| {
        let query = fake::parameter(url, "query");
        let at = fake::parameter(url, "time").parse::<jiff::Timestamp>().unwrap().as_second();
        let answer = |kind: &str, result: Vec<Value>| {
            (200, json!({"status": "success", "data": {"resultType": kind, "result": result}}))
        };
        // The shaky one has no answer for half a minute.
        if query == "share" || query == "shaky" {
            let share = if at < raised { "0.05" } else { "0.25" };
            if query == "shaky" && (start + 60..start + 90).contains(&at) {
                return answer("vector", vec![]);
            }
            let one = json!({"metric": {}, "value": [at, share]});
            return answer("vector", if at < start { vec![] } else { vec![one] });
        }
        let Some(window) = query.rsplit_once('[').and_then(|(_, rest)| rest.strip_suffix("s]")) else {
            return answer("vector", vec![json!({"metric": {}, "value": [at, "1"]})]);
        };
        // The zone that a query asks for has pods of its own.
        let zone = ["a", "b"].into_iter().find(|zone| query.contains(&format!("zone=\"{zone}\"")));
        let oldest = at - window.parse::<i64>().unwrap();
        let series = |pod: i64| {
            let value = |place: i64| {
                let count = counter(pod, place, query.contains("code="))?;
                Some(json!([place * scrape, count.to_string()]))
            };
            let values: Vec<Value> =
                (oldest.div_euclid(scrape) + 1..=at.div_euclid(scrape)).filter_map(value).collect();
            let track = if pod < 6 { "stable" } else { "canary" };
            let labels = json!({"track": track, "pod": format!("{track}-{pod}{}", zone.unwrap_or(""))});
            (!values.is_empty()).then(|| json!({"metric": labels, "values": values}))
        };
        answer("matrix", (0..8).filter_map(series).collect())
    })
}

fn with_queries(head: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let text = format!(
        "{head}
arms: {{stable: {{track: stable}}, canary: {{track: canary}}}}
warmUp: 0s
metrics:
- name: errors
  events: requests_total{{code=\"500\"}}
  exposure: requests_total
"
    );
    std::fs::write(folder.path().join("gate.yaml"), text).unwrap();
    folder
}

fn record(folder: &Path) -> Record {
    assert_eq!(said(&serin(folder, &["verify", "record.json"])).0, 0);
    Record::read(&std::fs::read(folder.join("record.json")).unwrap()).unwrap()
}

#[test]
fn a_past_release_is_judged_from_start_to_end_at_the_steps_of_its_weight() {
    // 2026-01-31T12:00:00Z, and the second step in the middle of a block.
    let start = 1_769_860_800;
    let address = format!("http://{}", shop(15, start, start + 310));
    // A past of more than the hour that is asked for at once.
    let folder = with_queries("history: 90m\nsteps: [{weight: 5, minimum: 1m}, {weight: 25, minimum: 2m}]");
    let run = |more: &[&str]| {
        let times = ["--start", "2026-01-31T12:00:00Z", "--end", "2026-01-31T12:30:00Z"];
        let arguments = ["gate", "run", "-c", "gate.yaml", "--record", "record.json", "--prometheus"];
        said(&serin(folder.path(), &[&arguments[..], &[&address], &times, more].concat()))
    };
    let (code, out, looks) = run(&["--weight-query", "share"]);
    assert!(code == 0 && out.starts_with("✔ PASS"), "{out}{looks}");
    let judged = record(folder.path());
    let stages: Vec<(u32, Option<u32>)> =
        judged.blocks.iter().map(|block| (block.step, block.weight)).collect();
    assert_eq!(stages[..20], [(0, Some(500)); 20]);
    assert_eq!(stages[20], (0, None));
    assert!(21 < stages.len() && stages[21..].iter().all(|stage| *stage == (1, Some(2500))), "{stages:?}");
    let is_whole =
        |block: &Block, pods: usize| matches!(&block.metrics[0], Seen::Cells(cells) if cells.len() == pods);
    assert_eq!(judged.opening.history.len(), 360);
    // The first block of the past has no sample before it to count from.
    assert!(judged.opening.history[1..].iter().all(|block| is_whole(block, 6)));
    assert!(judged.blocks[1..].iter().all(|block| is_whole(block, 8)));
    // Without a weight it stays at the first step, whose PASS is not the last word.
    let (code, ..) = run(&[]);
    let judged = record(folder.path());
    assert_eq!((code, judged.blocks.len()), (3, 120));
    assert!(judged.blocks.iter().all(|block| (block.step, block.weight) == (0, None)));
    // A share that cannot be had for a while leaves the release where it was.
    let (code, out, looks) = run(&["--weight-query", "shaky"]);
    assert!(code == 0 && looks.contains("--weight-query"), "{out}{looks}");
    let stages: Vec<(u32, Option<u32>)> =
        record(folder.path()).blocks.iter().map(|block| (block.step, block.weight)).collect();
    assert_eq!((stages[4], stages[5], stages[7]), ((0, None), (0, None), (0, Some(500))));
    let (code, _, error) = run(&["--weight-query", "requests_total[1s]"]);
    assert!(code == 2 && error.contains("--weight-query"), "{error}");
}

/// A judgement that goes on, with its looks on a pipe.
fn follow(folder: &Path, more: &[&str]) -> Child {
    let arguments = ["gate", "run", "-c", "gate.yaml", "--record", "record.json", "--follow"];
    Command::new(env!("CARGO_BIN_EXE_serin"))
        .args(arguments)
        .args(["--weight-query", "share"])
        .args(more)
        .current_dir(folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn interrupt(child: &Child) {
    let kill = format!("kill -INT {}", child.id());
    assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
}

#[test]
fn no_block_is_looked_at_before_its_outcomes_are_known() {
    let now = jiff::Timestamp::now();
    let ago = |seconds: i64| (now - jiff::SignedDuration::from_secs(seconds)).to_string();
    let start = now.as_second() - 20;
    let address = format!("http://{}", shop(1, start, start));
    let folder = with_queries(
        "block: 1s\nscrapeInterval: 1s\nlag: 2s\nhistory: 40s\ndeadline: 11m\nsteps: [{weight: 25, minimum: 5m}]",
    );
    let path = folder.path().join("gate.yaml");
    let text = std::fs::read_to_string(&path).unwrap() + "  maturity: 15s\n";
    std::fs::write(path, text).unwrap();
    let mut child = follow(folder.path(), &["--prometheus", &address, "--start", &ago(20)]);
    for line in BufReader::new(child.stderr.take().unwrap()).lines().take(4) {
        let line = line.unwrap();
        let end: jiff::Timestamp = line.split(' ').next().unwrap().parse().unwrap();
        let age = jiff::Timestamp::now().duration_since(end);
        assert!(jiff::SignedDuration::from_secs(17) <= age, "{line}: {age}");
    }
    interrupt(&child);
    assert_eq!(child.wait().unwrap().code(), Some(3));
    // What is past is judged as far as outcomes are known, whatever its end.
    let arguments = ["gate", "run", "-qc", "gate.yaml", "--record", "record.json", "--prometheus", &address];
    let (code, out, error) =
        said(&serin(folder.path(), &[&arguments[..], &["--start", &ago(40), "--end", &ago(0)]].concat()));
    assert_eq!(code, 3, "{out}{error}");
    let blocks = record(folder.path()).blocks.len();
    assert!((24..35).contains(&blocks), "{blocks} of 40 blocks are older than 15 s");
}

#[test]
fn an_interrupt_leaves_a_record_of_what_was_judged_and_late_blocks_have_their_own_steps() {
    let now = jiff::Timestamp::now().as_second();
    // A release that began half a minute ago and went on to the second step ten seconds ago.
    let (start, raised) = (now - 30, now - 10);
    let address = format!("http://{}", shop(1, start, raised));
    let folder = with_queries(
        "block: 1s\nscrapeInterval: 1s\nlag: 2s\nhistory: 40s\ndeadline: 11m\n\
         steps: [{weight: 5, minimum: 5m}, {weight: 25, minimum: 5m}]",
    );
    let began = jiff::Timestamp::from_second(start).unwrap().to_string();
    let mut child = follow(folder.path(), &["--prometheus", &address, "--start", &began]);
    let mut looks = BufReader::new(child.stderr.take().unwrap()).lines();
    // The blocks of the half minute are there at once.
    let seen: Vec<String> = looks.by_ref().take(24).map(Result::unwrap).collect();
    assert_eq!(seen.len(), 24, "{seen:?}");
    interrupt(&child);
    let more = looks.count();
    let mut out = String::new();
    child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(3), "{out}");
    assert!(out.starts_with("~ HOLD"), "{out}");
    let judged = record(folder.path());
    assert_eq!(judged.looks.len(), 24 + more);
    let stages: Vec<(u32, Option<u32>)> =
        judged.blocks.iter().map(|block| (block.step, block.weight)).collect();
    assert_eq!(stages[..20], [(0, Some(500)); 20]);
    assert!(stages[20..].iter().all(|stage| *stage == (1, Some(2500))), "{stages:?}");
}

#[test]
fn an_interrupt_while_the_past_is_read_says_that_there_is_no_record() {
    let (asked, was_asked) = std::sync::mpsc::channel();
    let (_never, answer) = std::sync::mpsc::channel::<()>();
    let address = format!(
        "http://{}",
        fake::serve(move |_| {
            asked.send(()).unwrap();
            // It ends with the test.
            let _ = answer.recv();
            (503, json!({}))
        })
    );
    let folder = with_queries("");
    let child = Command::new(env!("CARGO_BIN_EXE_serin"))
        .args(["gate", "run", "-c", "gate.yaml", "--record", "record.json", "--follow"])
        .args(["--prometheus", &address])
        .current_dir(folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    was_asked.recv_timeout(std::time::Duration::from_mins(1)).unwrap();
    assert!(
        Command::new("sh").args(["-c", &format!("kill -INT {}", child.id())]).status().unwrap().success()
    );
    let (code, out, error) = said(&child.wait_with_output().unwrap());
    assert_eq!((code, &*out), (130, ""), "{error}");
    assert_eq!(error, "interrupted while the past was read: nothing was judged, and no record was written\n");
    assert!(!folder.path().join("record.json").exists());
}
