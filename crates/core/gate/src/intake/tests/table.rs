//! Absent is not zero, and zero is not absent: the rows of section 2.1, each by its name; then histograms.

use super::*;

fn both(events: &[f64], exposure: &[f64]) -> Vec<String> {
    let of = |values: &[f64]| if values.is_empty() { vec![] } else { vec![series("c1", "", &every(values))] };
    let mut world = World::new(COUNT);
    world.take(45, of(events), of(exposure));
    world.seal(45)
}

#[test]
fn an_absent_numerator_beside_a_denominator_that_grows_is_zero_when_it_was_ever_seen() {
    let mut world = World::new(COUNT);
    world.intake.was_seen(0);
    world.take(45, vec![], vec![series("c1", "", &every(&[0.0, 50.0]))]);
    assert_eq!(world.seal(45), ["c1 0/50"]);
}

#[test]
fn an_absent_numerator_is_zero_when_the_user_says_that_zero_is_ok() {
    let mut world = World::new("events: e, exposure: r, zeroOk: true");
    world.take(45, vec![], vec![series("c1", "", &every(&[0.0, 50.0]))]);
    assert_eq!(world.seal(45), ["c1 0/50"]);
}

#[test]
fn an_absent_numerator_that_was_never_seen_may_be_a_misspelt_query() {
    assert_eq!(both(&[], &[0.0, 50.0]), [format!("{:?}", Trouble::Absent(Absence::NumeratorNeverSeen))]);
    // Any arm will do.
    let mut world = World::new(COUNT);
    world.take(45, vec![series("s1", "", &every(&[7.0, 7.0]))], vec![series("c1", "", &every(&[0.0, 50.0]))]);
    assert_eq!(world.seal(45), ["c1 0/50; s1 0/0 gap"]);
}

#[test]
fn a_numerator_without_a_denominator_is_trouble() {
    assert_eq!(both(&[0.0, 5.0], &[]), ["Absent(Denominator)"]);
}

#[test]
fn nothing_at_all_is_no_exposure() {
    assert_eq!(both(&[], &[]), ["Absent(All)"]);
}

#[test]
fn a_denominator_that_stands_still_is_a_cell_without_exposure() {
    assert_eq!(both(&[3.0, 3.0], &[50.0, 50.0]), ["c1 0/0"]);
}

#[test]
fn what_is_not_a_number_drops_the_cell_on_both_sides_and_is_counted() {
    for odd in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        for (events, exposure) in [([0.0, odd, 5.0], [0.0, 50.0, 90.0]), ([0.0, 2.0, 5.0], [0.0, odd, 90.0])]
        {
            let mut world = World::new(COUNT);
            world.take(
                60,
                vec![series("c1", "", &every(&events))],
                vec![series("c1", "", &every(&exposure))],
            );
            assert_eq!(world.seal(60), ["c1 0/0 gap nan1", "c1 5/90"]);
        }
    }
}

#[test]
fn a_total_failure_is_plain_data() {
    assert_eq!(both(&[0.0, 50.0], &[0.0, 50.0]), ["c1 50/50"]);
}

#[test]
fn whether_events_were_ever_seen_is_asked_only_while_it_is_not_known() {
    let mut world = World::new(COUNT);
    let now = Moment::from_secs(T);
    let questions = world.intake.ever_questions(now);
    assert_eq!(
        questions.iter().map(|question| &*question.query).collect::<Vec<_>>(),
        ["count(last_over_time(e[14d]))"]
    );
    let body = |result: &str| {
        format!(r#"{{"status":"success","data":{{"resultType":"vector","result":[{result}]}}}}"#).into_bytes()
    };
    assert_eq!(any(&body("")), Ok(false));
    assert_eq!(any(&body(r#"{"metric":{},"value":[1,"3"]}"#)), Ok(true));
    assert!(any(br#"{"status":"success","data":{"resultType":"matrix","result":[]}}"#).is_err());
    world.intake.was_seen(0);
    assert_eq!(world.intake.ever_questions(now), []);
    assert_eq!(World::new("events: e, perPodTime: true").intake.ever_questions(now), []);
}

/// A classic histogram of one pod: for each scrape the counts up to these ends and of all.
fn classic(pod: &str, ends: &[&str], scrapes: &[(i64, &[f64])]) -> Vec<Series> {
    let of = |(index, le): (usize, &&str)| {
        let samples: Vec<(i64, f64)> = scrapes.iter().map(|(at, counts)| (*at, counts[index])).collect();
        series(pod, &format!("le={le}"), &samples)
    };
    ends.iter().enumerate().map(of).collect()
}

const EDGES: &str = "histogram: h, edges: [0.1, 0.5, 1]";

#[test]
fn a_classic_histogram_counts_what_lies_above_each_edge() {
    let mut world = World::new(EDGES);
    let ends = ["0.1", "0.25", "0.5", "1.0", "+Inf"];
    let scrapes: [(i64, &[f64]); 2] =
        [(-10, &[1.0, 1.0, 1.0, 1.0, 1.0]), (5, &[51.0, 61.0, 81.0, 91.0, 101.0])];
    world.take(45, classic("c1", &ends, &scrapes), vec![]);
    assert_eq!(world.seal(45), ["c1 [50, 20, 10]/100"]);
}

#[test]
fn a_reset_that_one_bucket_hides_is_a_reset_of_all() {
    let mut world = World::new(EDGES);
    let ends = ["0.1", "0.5", "1", "+Inf"];
    let scrapes: [(i64, &[f64]); 2] = [(-10, &[0.0, 0.0, 0.0, 100.0]), (5, &[101.0, 101.0, 101.0, 101.0])];
    world.take(45, classic("c1", &ends, &scrapes), vec![]);
    assert_eq!(world.seal(45), ["c1 [0, 0, 0]/101 resets1"]);
}

#[test]
fn of_buckets_that_change_only_the_common_edges_are_counted_and_one_is_none() {
    let counts: [(i64, &[f64]); 2] = [(-10, &[0.0, 0.0, 0.0]), (5, &[5.0, 7.0, 10.0])];
    let mut world = World::new(EDGES);
    let mut all = classic("c1", &["0.1", "1", "+Inf"], &counts);
    all.extend(classic("s1", &["0.1", "0.5", "1", "+Inf"], &[(-10, &[0.0; 4]), (5, &[1.0, 2.0, 3.0, 4.0])]));
    world.take(45, all, vec![]);
    assert_eq!(world.seal(45), ["c1 [5, 3]/10 lost2; s1 [3, 1]/4 lost2"]);
    let mut world = World::new(EDGES);
    world.take(45, classic("c1", &["0.1", "2", "+Inf"], &counts), vec![]);
    assert_eq!(world.seal(45), ["Absent(Edges)"]);
}

#[test]
fn a_histogram_without_its_last_bucket_is_refused_by_name() {
    let mut world = World::new(EDGES);
    world.take(45, classic("c1", &["0.1", "0.5"], &[(5, &[1.0, 2.0])]), vec![]);
    assert!(world.seal(45)[0].contains("has no bucket le=\\\"+Inf\\\""));
}

#[test]
fn a_native_histogram_of_a_finer_schema_is_merged_and_one_of_a_coarser_loses_its_edges() {
    let native = |schema, buckets: &[(i32, u64)]| Native {
        schema,
        count: buckets.iter().map(|(_, count)| count).sum(),
        buckets: buckets.iter().copied().collect(),
    };
    let pod = |pod: &str, histograms: [Native; 2]| {
        let mut one = series(pod, "", &[]);
        one.histograms = histograms.into_iter().zip([-10, 5]).map(|(h, at)| ((T + at) * 1000, h)).collect();
        one
    };
    let fine = pod("c1", [native(1, &[(2, 1)]), native(1, &[(0, 5), (1, 3), (2, 5), (3, 2)])]);
    let coarse = pod("s1", [native(0, &[(0, 1)]), native(0, &[(0, 5), (1, 8), (2, 2)])]);
    let mut world = World::new("histogram: h, edges: [1, 2, 4]");
    world.take(45, vec![fine.clone(), coarse], vec![]);
    assert_eq!(world.seal(45), ["c1 [9, 2, 0]/14; s1 [10, 2, 0]/14"]);
    // In mid-course the canary is scraped in a schema that has only every second edge.
    let coarser = pod("s1", [native(-1, &[(0, 1)]), native(-1, &[(0, 5), (1, 10)])]);
    let mut world = World::new("histogram: h, edges: [1, 2, 4]");
    world.take(45, vec![fine, coarser], vec![]);
    assert_eq!(world.seal(45), ["c1 [9, 0]/14 lost2; s1 [10, 0]/14 lost2"]);
}

#[test]
fn the_history_chooses_edges_and_offsets() {
    let config = config("histogram: h, thresholds: [1]");
    let mut metric = config.policy.metrics[0].clone();
    let ends = ["0.1", "0.5", "1", "5", "10", "+Inf"];
    let history =
        classic("s1", &ends, &[(0, &[0.0; 6]), (15, &[200.0, 700.0, 900.0, 1000.0, 1000.0, 1000.0])]);
    freeze(&mut metric, &config.queries.metrics[0], &config.queries.arms, &history).unwrap();
    assert_eq!(metric.kind, Kind::Latency { edges: vec![0.5, 1.0, 5.0], thresholds: vec![1] });
    let error =
        freeze(&mut config.policy.metrics[0].clone(), &config.queries.metrics[0], &config.queries.arms, &[]);
    assert!(error.unwrap_err().to_string().contains("has 0 edges"));
    let config = self::config("gauge: g");
    let mut metric = config.policy.metrics[0].clone();
    let history = [series("s1", "", &[(0, 100.0), (15, 300.0)]), series("s2", "", &[(0, 400.0)])];
    freeze(&mut metric, &config.queries.metrics[0], &config.queries.arms, &history).unwrap();
    assert_eq!(metric.kind, Kind::Gauge { offset: 3_000_000 });
}

#[test]
fn an_answer_is_read_or_refused_with_what_is_wrong() {
    let body = br#"{"status":"success","data":{"resultType":"matrix","result":[
        {"metric":{"__name__":"e","pod":"c1"},"values":[[1800000000.123,"5"],[1800000015,"NaN"]]},
        {"metric":{"__name__":"h"},"histograms":[[1800000000,{"count":"3","sum":"2","buckets":[[0,"1","2","3"]]}]]}]}}"#;
    let read = answer::series(body).unwrap();
    assert_eq!(read[0].samples[0], (T * 1000 + 123, 5.0));
    assert!(read[0].samples[1].1.is_nan());
    assert_eq!(read[1].histograms[0].1, Native { schema: 0, count: 3, buckets: [(1, 3)].into() });
    for (body, wanted) in [
        ("<html>", "not one of Prometheus"),
        ("", "not one of Prometheus"),
        ("[]", "its status is \"\""),
        ("7", "an object with status and data"),
        (r#"{"status":"error","error":"bad query"}"#, "Prometheus says: bad query"),
        (r#"{"status":"success"}"#, "it has no data"),
        (r#"{"status":"success","data":{"resultType":"vector","result":[]}}"#, "is a \"vector\""),
        (r#"{"status":"success","data":{"resultType":"matrix","result":{}}}"#, "not one of Prometheus"),
        (
            r#"{"status":"success","data":{"resultType":"matrix","result":[{"values":[[1,"x"]]}]}}"#,
            "\"x\" is no number",
        ),
        (
            r#"{"status":"success","data":{"resultType":"matrix","result":[{"values":[[1e30,"1"]]}]}}"#,
            "is no time",
        ),
    ] {
        let error = answer::series(body.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(wanted), "{body}: {error}");
    }
}
