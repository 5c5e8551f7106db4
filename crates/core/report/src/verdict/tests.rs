use serin_gate::{
    Arm, Block, Cell, Flags, Gate, Pod, Policy, Roster, Seen, Shelf, Value,
    policy::Step,
    record::{Opening, Query, Recorder},
};
use serin_kernel::Moment;

use super::*;
use crate::paint::Paint;

/// A judgement of errors and of a histogram, in which the canary has `bad` errors in each block; `names` are the users'.
fn record_of(blocks: i64, bad: u64, name: &str) -> Record {
    let steps = vec![Step { weight: 2500, minimum: 0 }];
    recorded(steps, blocks, name, |pod| Value::Count { x: if pod < 6 { 1 } else { bad }, n: 100 })
}

/// The same with other steps and other errors of each pod: six of the stable version, then three of the canary.
fn recorded(steps: Vec<Step>, blocks: i64, name: &str, errors: impl Fn(u32) -> Value) -> Record {
    let metric = |name: &str, kind: Kind| Metric { kind, ..Metric::guard(name) };
    let latency = Kind::Latency { edges: vec![0.25, 1.0], thresholds: vec![0] };
    let policy = Policy {
        block: 15,
        alpha: 0.05,
        beta: 0.05,
        steps,
        deadline: 3600,
        minimum_exposure: 50,
        blackhole: 60,
        split: None,
        metrics: vec![metric(name, Kind::Count), metric("latency", latency)],
    };
    let pod = |place: u32| Pod {
        name: format!("{name}-{place}"),
        arm: if place < 6 { Arm::Stable } else { Arm::Canary },
    };
    let block = |number: i64, pods: u32| {
        let cells = |of: &dyn Fn(u32) -> Value| {
            Seen::Cells((0..pods).map(|pod| Cell { pod, flags: Flags::default(), value: of(pod) }).collect())
        };
        let slow = u64::from((number + 7) % 2 == 0);
        Block {
            start: Moment::from_secs((1_000_000 + number) * 15),
            step: 0,
            weight: None,
            joined: Vec::new(),
            health: None,
            metrics: vec![cells(&errors), cells(&|_| Value::Latency { n: 100, above: vec![8 + slow, slow] })],
        }
    };
    let opening = Opening {
        previous: None,
        policy,
        queries: vec![Query::new(name, "events", name)],
        roster: Roster { pods: (0..9).map(pod).collect() },
        history: (-60..0).map(|number| block(number, 6)).collect(),
    };
    let mut gate = Gate::open(opening.policy.clone(), opening.roster.clone(), &opening.history).unwrap();
    let mut recorder = Recorder::new(opening, &gate);
    let mut shelf = Shelf::default();
    for number in 0..blocks {
        let block = block(number, 9);
        let look = gate.look(&block, &mut shelf);
        recorder.add(&block, &look, &gate).unwrap();
    }
    recorder.finish(&gate, &mut shelf)
}

#[test]
fn the_terminal_says_what_was_judged_and_what_would_change_it() {
    let text = terminal(&record_of(12, 5, "errors"), Paint::Plain, 100);
    for wanted in [
        "✖ FAIL after 12 blocks, 3 min until 1970-06-23T14:43:00Z\n",
        "errors: it is worse than the tolerated ratio of 1.1",
        "✖ worse  errors  (guard)\n",
        "canary    180 of 3600 (5 %)\n",
        "stable    72 of 7200 (1 %)\n",
        "tolerated 1.1, margin 2",
        "latency (above 0.25)",
        "pod errors-7 carries",
        "for FAIL [████████████████████]",
    ] {
        assert!(text.contains(wanted), "{wanted:?} is not in\n{text}");
    }
    assert!(text.lines().all(|line| line.chars().count() <= 105), "{text}");
}

#[test]
fn an_early_step_is_told_with_the_margin_that_it_has_to_show() {
    let step = |weight: u32| Step { weight, minimum: 0 };
    let equal = |_| Value::Count { x: 1, n: 100 };
    let early = recorded(vec![step(500), step(2500)], 12, "errors", equal);
    let last = recorded(vec![step(2500)], 12, "errors", equal);
    for (record, limits, sentence, margin) in [
        (&early, "margin 3 in this step, 2 in the last one", "That it is not 3 times worse", 3.0),
        (&last, "tolerated 1.1, margin 2\n", "That it is not 2 times worse", 2.0),
    ] {
        let text = terminal(record, Paint::Plain, 200);
        assert!(text.contains(limits), "{text}");
        let text = explain(record, "errors", 200).unwrap();
        assert!(text.contains(sentence), "{text}");
        let row = format!("| 1.1 | {margin} |");
        assert!(markdown(record).contains(&row), "{}", markdown(record));
        assert!(
            html(record).contains(&format!("<td class=n>1.1<td class=n>{margin}<td")),
            "{}",
            html(record)
        );
        let value: serde_json::Value = serde_json::from_str(&json(record)).unwrap();
        assert_eq!(value["metrics"][0]["margin"], margin);
    }
}

#[test]
fn without_exposure_it_is_said_in_which_version_everywhere() {
    let steps = || vec![Step { weight: 2500, minimum: 0 }];
    let silent = |from: u32, to: u32| {
        move |pod: u32| Value::Count { x: 0, n: if (from..to).contains(&pod) { 0 } else { 100 } }
    };
    for (from, to, wanted) in [
        (6, 9, "errors: nothing was counted in the canary: does it get traffic?"),
        (0, 6, "errors: nothing was counted in the stable version: does it still get traffic?"),
        (
            0,
            9,
            "errors: nothing was counted in either version: is there traffic, and are the data of this time?",
        ),
    ] {
        let record = recorded(steps(), 3, "errors", silent(from, to));
        assert_eq!(record.outcome.reasons, [wanted]);
        for text in
            [terminal(&record, Paint::Plain, 200), explain(&record, "errors", 200).unwrap(), html(&record)]
        {
            assert!(text.contains(wanted), "{text}");
        }
    }
}

#[test]
fn a_metric_is_explained_in_words_with_its_evidence_in_time() {
    let record = record_of(40, 1, "errors");
    let text = explain(&record, "errors", 90).unwrap();
    assert!(text.lines().all(|line| line.chars().count() <= 95), "{text}");
    let text = text.replace('\n', " ");
    for wanted in [
        "errors: ",
        "The ratio that fits best is 1;",
        "PASS needs 20",
        "Pods of one version differ",
        " bar │",
        "o evidence of no worse",
    ] {
        assert!(text.contains(wanted), "{wanted:?} is not in\n{text}");
    }
    assert!(explain(&record, "latency", 90).unwrap().contains("Above 0.25, named: ratio 1"));
    assert_eq!(explain(&record, "nothing", 90), None);
}

#[test]
fn nothing_of_a_user_is_markup_and_nothing_comes_from_elsewhere() {
    let record = record_of(3, 5, "</title><script>alert('1')</script>\"\u{1b}[31m");
    let page = html(&record);
    let card = svg(&record);
    for forbidden in ["<script", "https:", "src=", "url(", "@import", "onload", "\u{1b}"] {
        assert!(!page.contains(forbidden) && !card.contains(forbidden), "{forbidden}");
        assert!(!markdown(&record).contains(forbidden), "{forbidden}");
    }
    assert_eq!((page.matches("</title>").count(), page.matches("<svg").count()), (1, 4));
    assert!(page.contains("prefers-color-scheme: dark"));
    assert!(!terminal(&record, Paint::Plain, 80).contains('\u{1b}'));
}

#[test]
fn a_record_without_a_look_has_a_report_too() {
    let record = record_of(0, 0, "errors");
    for text in
        [terminal(&record, Paint::Plain, 80), html(&record), svg(&record), markdown(&record), json(&record)]
    {
        assert!(text.contains("HOLD"), "{text}");
        assert!(!text.contains("NaN") && !text.contains("inf"), "{text}");
    }
    assert_eq!(explain(&record, "errors", 80), None);
}

#[test]
fn pictures_hold_only_numbers_and_stay_small() {
    for (blocks, bad) in [(1, 0), (1, 90), (300, 1), (30, 0)] {
        let card = svg(&record_of(blocks, bad, "errors"));
        assert!(!card.contains("NaN") && !card.contains("inf") && card.len() < 60_000, "{}", card.len());
    }
}

#[test]
fn the_json_says_the_same_for_programs() {
    let record = record_of(12, 5, "errors");
    let value: serde_json::Value = serde_json::from_str(&json(&record)).unwrap();
    assert_eq!((&value["verdict"], &value["rule"]), (&"FAIL".into(), &"harm-evidence".into()));
    assert_eq!(value["metrics"][0]["counts"]["canary"]["events"], 180);
    assert_eq!((value["looks"].as_array().unwrap().len(), value["hash"].as_str().unwrap().len()), (12, 64));
}

#[test]
fn numbers_read_well() {
    for (log_e, wanted) in
        [(0.0, "1"), (2.9957, "20"), (-1.0, "0.37"), (-9.0, "below 0.01"), (30.0, "10^13"), (7.0, "1097")]
    {
        assert_eq!(odds(log_e), wanted, "{log_e}");
    }
    for (seconds, wanted) in [(15, "15 s"), (180, "3 min"), (195, "3 min 15 s"), (7_260, "2 h 1 min")] {
        assert_eq!(time(seconds), wanted);
    }
}
