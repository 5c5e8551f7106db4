use super::*;
use crate::block::{Block, Part, Roster, Seen, Trouble, Value};
use crate::config::{Config, Overrides};

fn config(metrics: &str) -> Config {
    let text = format!("arms: {{stable: {{t: s}}, canary: {{t: c}}}}\nmetrics: [{metrics}]\n");
    Config::read(&text, &Overrides::default()).unwrap()
}

const COUNT: &str = "{name: errors, kind: count}";

fn blocks(rows: Result<Rows, FileError>, metrics: &str) -> Result<(Roster, Vec<Block>), FileError> {
    let mut policy = config(metrics).policy;
    let rows = rows?;
    rows.freeze(&mut policy, &[])?;
    rows.blocks(&policy)
}

#[test]
fn a_row_is_a_cell_and_blocks_between_rows_are_there() {
    let csv = b"time,metric,arm,pod,events,exposure\n\
        2027-01-15T08:00:14Z,errors,canary,c1,3,30\n\
        1800000000,errors,stable,s1,0,100\n\
        2027-01-15T08:00:45Z,errors,stable,s1,3,70\n";
    let (roster, blocks) = blocks(Rows::from_csv(csv), COUNT).unwrap();
    let names: Vec<&str> = roster.pods.iter().map(|pod| &*pod.name).collect();
    assert_eq!((names, blocks.len()), (vec!["c1", "s1"], 4));
    assert_eq!(blocks[0].start.to_string(), "2027-01-15T08:00:00Z");
    assert_eq!(blocks[0].joined, roster.pods);
    let Seen::Cells(cells) = &blocks[0].metrics[0] else { panic!() };
    assert_eq!(
        [&cells[0].value, &cells[1].value],
        [&Value::Count { x: 3, n: 30 }, &Value::Count { x: 0, n: 100 }]
    );
    assert_eq!(blocks[1].metrics[0], Seen::Trouble(Trouble::Absent(Part::All)));
}

#[test]
fn counts_that_are_there_twice_are_refused_with_line_metric_pod_and_block() {
    let count = |at: &str, pod: &str| format!("{at},errors,canary,{pod},1,10,\n");
    let head = "time,metric,arm,pod,events,exposure,edge\n";
    let wanted = |line: u64, what: &str, metric: &str, pod: &str, before: u64| {
        format!(
            "line {line}: {what} there twice for metric {metric:?} and pod {pod:?} in the block of 15s that begins at \
             2027-01-15T08:00:00Z, before in line {before}: write one row with the sum of both, and the name of its pod in \
             each row"
        )
    };
    let metrics = "{name: errors, kind: count}, {name: lat, kind: latency, edges: [0.25, 1]}";
    let of = |rows: &str| blocks(Rows::from_csv(format!("{head}{rows}").as_bytes()), metrics);
    let (first, inside) = ("2027-01-15T08:00:00Z", "2027-01-15T08:00:14Z");
    for (rows, wanted) in [
        (count(first, "a") + &count(first, "a"), wanted(3, "the count is", "errors", "a", 2)),
        (
            count(first, "a") + &count(first, "b") + &count(inside, "a"),
            wanted(4, "the count is", "errors", "a", 2),
        ),
        (count(first, "") + &count(first, ""), wanted(3, "the count is", "errors", "(canary)", 2)),
        (
            ["lat,canary,a,1,10,0.25", "lat,canary,a,0,10,1", "lat,canary,a,1,10,0.25"]
                .map(|row| format!("{first},{row}\n"))
                .concat(),
            wanted(4, "edge 0.25 is", "lat", "a", 2),
        ),
    ] {
        assert_eq!(of(&rows).unwrap_err().to_string(), wanted);
    }
    let json = r#"{"time": 1800000000, "metric": "errors", "arm": "canary", "pod": "a", "events": 1, "exposure": 10}"#;
    let read = blocks(Rows::from_json_lines(format!("{json}\n{json}\n").as_bytes()), metrics);
    assert_eq!(read.unwrap_err().to_string(), wanted(2, "the count is", "errors", "a", 1));
    // Another block, another pod and another metric are other counts.
    let other = format!("{first},lat,canary,a,1,10,0.25\n{first},lat,canary,a,0,10,1\n");
    let apart = count(first, "a") + &count("2027-01-15T08:00:15Z", "a") + &count(first, "b") + &other;
    assert_eq!(of(&apart).unwrap().1.len(), 2);
}

#[test]
fn more_events_than_exposure_have_their_line_unless_they_are_no_part_of_it() {
    let head = "time,metric,arm,pod,events,exposure\n0,errors,canary,a,1,10\n";
    let of = |row: &str, metric: &str| blocks(Rows::from_csv(format!("{head}{row}\n").as_bytes()), metric);
    let error = of("15,errors,canary,a,100,40", COUNT).unwrap_err().to_string();
    assert!(
        error.starts_with("line 3: events are 100, and exposure only 40: count both")
            && error.contains("share: false"),
        "{error}"
    );
    assert!(of("15,errors,canary,a,100,40", "{name: errors, kind: count, share: false}").is_ok());
    // Requests that were under way are counted when they end.
    assert!(of("15,errors,canary,a,12,10", COUNT).is_ok());
}

#[test]
fn both_forms_say_the_same() {
    let metrics =
        "{name: errors, kind: count}, {name: lat, kind: latency, edges: [0.25, 1]}, {name: mem, kind: gauge}";
    let csv = b"time,metric,arm,pod,step,events,exposure,edge,value\n\
        1800000000,errors,canary,,2,1,10,,\n\
        1800000000,lat,canary,,2,20,100,0.25,\n\
        1800000000,lat,canary,,2,5,100,1,\n\
        1800000000,mem,stable,,2,,,,1.5\n";
    let json = br#"{"time": "2027-01-15T08:00:00Z", "metric": "errors", "arm": "canary", "step": 2, "events": 1, "exposure": 10}

        {"time": 1800000000, "metric": "lat", "arm": "canary", "step": 2, "exposure": 100, "above": {"0.25": 20, "1.0": 5, "9": 0}}
        {"time": 1800000000, "metric": "mem", "arm": "stable", "step": 2, "value": 1.5}"#;
    let read = blocks(Rows::from_csv(csv), metrics).unwrap();
    assert_eq!(read, blocks(Rows::from_json_lines(json), metrics).unwrap());
    assert_eq!((read.1.len(), read.1[0].step, &*read.0.pods[0].name), (1, 1, "(canary)"));
    let Seen::Cells(cells) = &read.1[0].metrics[1] else { panic!() };
    assert_eq!(cells[0].value, Value::Latency { n: 100, above: vec![20, 5] });
}

#[test]
fn edges_that_are_not_named_are_chosen_from_the_stable_rows() {
    let row = |arm: &str, edge: f64, events: u32| format!("0,lat,{arm},,{edge},{events},1000\n");
    let mut csv = "time,metric,arm,pod,edge,events,exposure\n".to_owned();
    for arm in ["stable", "canary"] {
        for (edge, events) in [(0.1, 900), (0.5, 200), (1.0, 50), (5.0, 0), (10.0, 0)] {
            csv += &row(arm, edge, events);
        }
    }
    let rows = Rows::from_csv(csv.as_bytes()).unwrap();
    let mut policy = config("{name: lat, kind: latency}").policy;
    rows.freeze(&mut policy, &[vec![0.5]]).unwrap();
    assert_eq!(policy.metrics[0].kind, Kind::Latency { edges: vec![0.5, 1.0, 5.0], thresholds: vec![0] });
    let error = rows.freeze(&mut config("{name: lat, kind: latency}").policy, &[vec![0.7]]).unwrap_err();
    assert!(error.to_string().ends_with("take 0.5 or 1"), "{error}");
}

#[test]
fn what_is_wrong_is_told_with_its_line_and_column() {
    let head = "time,metric,arm,pod,events,exposure,edge,value\n";
    for (row, wanted) in [
        ("x,errors,canary,,1,2,,", "line 2: time is \"x\": it must be 2026-01-31T12:00:00Z"),
        ("1e99,errors,canary,,1,2,,", "line 2: time is \"1e99\""),
        ("0,,canary,,1,2,,", "line 2: metric is \"\""),
        (
            "0,other,canary,,1,2,,",
            "line 2: metric is \"other\", which gate.yaml does not have: it has errors",
        ),
        ("0,errors,blue,,1,2,,", "line 2: arm is \"blue\": it must be canary or stable"),
        ("0,errors,canary,,1.5,2,,", "line 2: events is \"1.5\": it must be a whole number"),
        ("0,errors,canary,,1,-2,,", "line 2: exposure is \"-2\""),
        ("0,errors,canary,,,2,,", "line 2: events is \"\""),
        ("0,errors,canary,,1,2,,3", "line 2: value is \"3\": it must be empty beside events"),
        ("0,errors,canary,,,,,3", "line 2: the metric counts events"),
        ("0,errors,canary,,1,2,0.5,", "line 2: the metric counts events"),
        ("0,errors,canary,,1,2,", "line 2: there are 7 cells, and the first line names 8 columns"),
        ("0,errors,canary,a,1,2,,\n0,errors,stable,a,1,2,,", "line 3: pod \"a\" is canary and stable"),
        ("0,errors,canary,,1,2,,\n99999999999,errors,canary,,1,2,,", "look for a wrong `time`"),
        ("", "there are no rows"),
    ] {
        let error =
            blocks(Rows::from_csv(format!("{head}{row}\n").as_bytes()), COUNT).unwrap_err().to_string();
        assert!(error.contains(wanted), "{row}: {error}");
    }
    for (csv, wanted) in [
        ("", "the file is empty"),
        ("time,metric,arm,colour\n", "\"colour\" is no column"),
        ("time,metric\n", "the column \"arm\" is missing"),
        ("time,metric,arm,time\n", "the column \"time\" is there twice"),
    ] {
        let error = Rows::from_csv(csv.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(wanted), "{error}");
    }
    for (json, wanted) in [
        ("\n{\"time\": 0", "line 2: column 10: EOF while parsing"),
        (r#"{"time":0,"metric":"errors","arm":"canary","colour":1}"#, "unknown field `colour`"),
        (r#"{"time":0,"metric":"errors"}"#, "missing field `arm`"),
        (r#"{"time":0,"metric":"errors","arm":"canary","events":true,"exposure":1}"#, "events is \"true\""),
        (
            r#"{"time":0,"metric":"errors","arm":"canary","exposure":1,"above":{"x":1}}"#,
            "above has the edge \"x\"",
        ),
    ] {
        let error = Rows::from_json_lines(json.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(wanted), "{error}");
    }
}

#[test]
fn the_weight_is_that_of_the_rows_that_say_it() {
    let head = "time,metric,arm,pod,events,exposure,weight\n";
    let rows = "0,errors,canary,,0,9,\n0,errors,stable,,0,9,12.5\n15,errors,stable,,0,9,\n45,errors,stable,,0,9,100\n";
    let weights = |rows: Result<Rows, FileError>| -> Vec<Option<u32>> {
        blocks(rows, COUNT).unwrap().1.iter().map(|block| block.weight).collect()
    };
    let wanted = [Some(1250), None, None, Some(10_000)];
    assert_eq!(weights(Rows::from_csv(format!("{head}{rows}").as_bytes())), wanted);
    let json =
        br#"{"time": 0, "metric": "errors", "arm": "stable", "weight": 12.5, "events": 0, "exposure": 9}"#;
    assert_eq!(weights(Rows::from_json_lines(json)), wanted[..1]);
    for (rows, wanted) in [
        (
            "0,errors,canary,,0,9,101\n",
            "line 2: weight is \"101\": it must be the canary's confirmed share in percent",
        ),
        ("0,errors,canary,,0,9,x\n", "line 2: weight is \"x\""),
        ("0,errors,canary,,0,9,NaN\n", "line 2: weight is \"NaN\""),
        (
            "0,errors,canary,,0,9,5\n9,errors,canary,,0,9,25\n",
            "line 3: weight is 25, and 5 (leave it empty where it changes) in the same block of 15s",
        ),
    ] {
        let read = blocks(Rows::from_csv(format!("{head}{rows}").as_bytes()), COUNT);
        let error = read.unwrap_err().to_string();
        assert!(error.contains(wanted), "{rows}: {error}");
    }
}

#[test]
fn histograms_must_be_whole() {
    let metrics = "{name: lat, kind: latency, edges: [0.25, 1]}";
    let head = "time,metric,arm,pod,edge,events,exposure\n";
    for (rows, wanted) in [
        ("0,lat,canary,,0.25,1,10\n", "line 2: edge 1 is missing for pod \"(canary)\""),
        ("0,lat,canary,,1,1,10\n0,lat,canary,,1,1,10\n", "line 3: edge 1 is there twice"),
        (
            "0,lat,canary,,0.25,11,10\n0,lat,canary,,1,1,10\n",
            "events are 11, more than all observations (exposure 10)",
        ),
    ] {
        let error =
            blocks(Rows::from_csv(format!("{head}{rows}").as_bytes()), metrics).unwrap_err().to_string();
        assert!(error.contains(wanted), "{error}");
    }
}
