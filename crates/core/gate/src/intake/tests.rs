//! What scrapes become: section 2.1 row by row, then everything else that can happen to a counter.

mod oracle;
mod table;

use serin_kernel::Moment;

use super::*;
use crate::block::{Flags, Part as Absence, Value};
use crate::config::Overrides;

/// A moment on the grid of blocks, in seconds.
const T: i64 = 1_800_000_000;

/// A configuration with one metric of these keys, blocks and scrapes of 15 s, no warm-up.
fn config(keys: &str) -> Config {
    let text = format!(
        "warmUp: 0s\narms: {{stable: {{track: stable}}, canary: {{track: canary}}}}\nmetrics: [{{name: m, {keys}}}]\n"
    );
    Config::read(&text, &Overrides::default()).unwrap()
}

const COUNT: &str = "events: e, exposure: r";

/// An intake with what goes in and comes out in short form; times are seconds after [`T`].
struct World {
    intake: Intake,
}

impl World {
    fn new(keys: &str) -> Self {
        Self::of(&config(keys))
    }

    fn of(config: &Config) -> Self {
        let intake = config.intake(Moment::from_secs(T)).unwrap();
        Self { intake }
    }

    /// Asks everything at `at`, with these answers for events and exposure.
    fn take(&mut self, at: i64, mut events: Vec<Series>, mut exposure: Vec<Series>) {
        let questions = self.intake.questions(Moment::from_secs(T + at)).unwrap();
        for question in questions {
            let series =
                std::mem::take(if question.part == Part::Events { &mut events } else { &mut exposure });
            self.intake.take(&question, series).unwrap();
        }
    }

    /// Seals what can be sealed at `now`: one word for each block.
    fn seal(&mut self, now: i64) -> Vec<String> {
        let blocks = self.intake.seal(Moment::from_secs(T + now), &Stage::default()).unwrap();
        let roster = self.intake.roster();
        blocks.iter().map(|block| word(&block.metrics[0], roster)).collect()
    }
}

/// `pod x/n` with letters for what is odd, or the trouble.
fn word(seen: &Seen, roster: &crate::block::Roster) -> String {
    let cells = match seen {
        Seen::Trouble(trouble) => return format!("{trouble:?}"),
        Seen::Cells(cells) => cells,
    };
    let flags = |flags: &Flags| {
        let odd = [("warm", u64::from(flags.warm)), ("gap", flags.gap.into())].into_iter();
        let words = odd.filter(|(_, is)| 0 < *is).map(|(name, _)| format!(" {name}"));
        let counts = [("resets", flags.resets.into()), ("late", flags.late), ("nan", flags.nan.into())];
        let counts = counts.into_iter().chain([("lost", flags.lost.into())]).filter(|(_, count)| 0 < *count);
        words.chain(counts.map(|(name, count)| format!(" {name}{count}"))).collect::<String>()
    };
    let cells: Vec<String> = cells
        .iter()
        .map(|cell| {
            let value = match &cell.value {
                Value::Count { x, n } => format!("{x}/{n}"),
                Value::Latency { n, above } => format!("{above:?}/{n}"),
                Value::Gauge { micro, samples } => format!("{micro}u of {samples}"),
            };
            format!("{} {value}{}", roster.pods[cell.pod as usize].name, flags(&cell.flags))
        })
        .collect();
    cells.join("; ")
}

/// A series of a pod, whose first letter is its arm (c or s), with further labels `k=v`; times are seconds after [`T`].
fn series(pod: &str, labels: &str, samples: &[(i64, f64)]) -> Series {
    let track = if pod.starts_with('c') { "canary" } else { "stable" };
    let mut all: BTreeMap<String, String> =
        [("pod", pod), ("track", track)].map(|(k, v)| (k.to_owned(), v.to_owned())).into();
    for label in labels.split(',').filter(|label| !label.is_empty()) {
        let (key, value) = label.split_once('=').unwrap();
        all.insert(key.to_owned(), value.to_owned());
    }
    let samples = samples.iter().map(|(at, value)| ((T + at) * 1000, *value)).collect();
    Series { labels: all, samples, histograms: Vec::new() }
}

/// A counter scraped every 15 s from -10 s on.
fn every(values: &[f64]) -> Vec<(i64, f64)> {
    values.iter().enumerate().map(|(index, value)| (15 * index as i64 - 10, *value)).collect()
}

#[test]
fn increments_are_differences_of_scrapes_and_nothing_is_extrapolated() {
    let mut world = World::new(COUNT);
    let events = vec![series("c1", "code=500", &every(&[5.0, 7.0, 7.0, 10.0]))];
    let exposure = vec![series("c1", "", &every(&[100.0, 150.0, 190.0, 260.0]))];
    world.take(50, events, exposure);
    assert_eq!(world.seal(44), [""; 0], "the lag has not passed");
    assert_eq!(world.seal(90), ["c1 2/50", "c1 0/40", "c1 3/70", "Stale"]);
    let roster = &world.intake.roster().pods;
    assert_eq!((roster.len(), roster[0].arm), (1, crate::block::Arm::Canary));
}

#[test]
fn several_series_of_a_pod_are_summed() {
    let mut world = World::new(COUNT);
    let two = |a: &[f64], b: &[f64]| {
        vec![
            series("s1", "path=a", &every(a)),
            series("s1", "path=b", &every(b)),
            series("c1", "", &every(b)),
        ]
    };
    world.take(45, two(&[0.0, 1.0], &[0.0, 2.0]), two(&[0.0, 10.0], &[0.0, 20.0]));
    assert_eq!(world.seal(45), ["c1 2/20; s1 3/30"]);
}

#[test]
fn after_a_reset_the_whole_value_is_counted() {
    let mut world = World::new(COUNT);
    let (events, exposure) = (every(&[9.0, 1.0, 3.0]), every(&[900.0, 30.0, 50.0]));
    world.take(60, vec![series("c1", "", &events)], vec![series("c1", "", &exposure)]);
    assert_eq!(world.seal(60), ["c1 1/30 resets1", "c1 2/20"]);
}

#[test]
fn the_first_sample_of_a_pod_counts_in_full_only_when_its_start_says_so() {
    for (start, wanted) in
        [(None, "c1 0/0"), (Some(-3600), "c1 0/0"), (Some(-16), "c1 0/0"), (Some(-15), "c1 4/40")]
    {
        let mut world = World::new(COUNT);
        if let Some(start) = start {
            world.intake.pod_started("c1", Moment::from_secs(T + start));
        }
        world.take(
            60,
            vec![series("c1", "", &[(5, 4.0), (20, 5.0)])],
            vec![series("c1", "", &[(5, 40.0), (20, 60.0)])],
        );
        assert_eq!(world.seal(60), [wanted, "c1 1/20"], "{start:?}");
    }
}

#[test]
fn a_numerator_whose_label_appears_late_was_zero_before() {
    let mut world = World::new(COUNT);
    let exposure = |values| vec![series("c1", "code=200", &every(values))];
    world.take(45, vec![series("s1", "", &every(&[0.0]))], exposure(&[100.0, 150.0]));
    assert_eq!(world.seal(45), ["c1 0/50"]);
    // The errors are among the requests too, under a label that is as new.
    let errors = series("c1", "code=500", &[(20, 25.0)]);
    let mut all = exposure(&[100.0, 150.0, 160.0]);
    all.push(errors.clone());
    world.take(60, vec![errors], all);
    assert_eq!(world.seal(60), ["c1 25/35"]);
}

#[test]
fn a_missing_scrape_tells_its_counts_with_the_next_block() {
    let mut world = World::new(COUNT);
    let samples = |values: &[(i64, f64)]| vec![series("c1", "", values)];
    let at = [(-10, 0.0), (5, 10.0), (35, 40.0), (50, 50.0)];
    world.take(90, samples(&at), samples(&at));
    assert_eq!(world.seal(90), ["c1 10/10", "c1 0/0 gap", "c1 30/30", "c1 10/10"]);
}

#[test]
fn a_longer_gap_is_dropped_on_both_sides() {
    let mut world = World::new(COUNT);
    let samples = |values: &[(i64, f64)]| vec![series("c1", "", values), series("s1", "", &every(&[0.0; 8]))];
    let at = [(-10, 0.0), (5, 10.0), (50, 400.0), (65, 410.0)];
    world.take(110, samples(&at), samples(&at));
    let canary: Vec<String> = world
        .seal(110)
        .iter()
        .map(|word| word.split("; ").find(|cell| cell.starts_with('c')).unwrap_or("-").to_owned())
        .collect();
    assert_eq!(canary, ["c1 10/10", "c1 0/0 gap", "-", "c1 0/0 gap", "c1 10/10"]);
}

#[test]
fn a_series_that_appears_during_a_gap_is_not_counted_in_full() {
    let mut world = World::new(COUNT);
    let exposure = [(-10, 0.0), (5, 10.0), (65, 400.0), (80, 410.0)];
    world.take(
        125,
        vec![series("c1", "code=500", &[(65, 300.0), (80, 301.0)])],
        vec![series("c1", "", &exposure)],
    );
    assert_eq!(world.seal(125).split_off(4), ["c1 0/0 gap", "c1 1/10"]);
}

#[test]
fn within_a_long_block_a_gap_is_flagged_and_its_counts_stay() {
    let mut config = config(COUNT);
    config.policy.block = 60;
    let mut world = World::of(&config);
    let samples =
        [(-10, 0.0), (5, 5.0), (20, 20.0), (50, 50.0), (65, 65.0), (80, 80.0), (95, 95.0), (110, 110.0)];
    let both = || vec![series("c1", "", &samples)];
    world.take(150, both(), both());
    assert_eq!(world.seal(150), ["c1 50/50 gap", "c1 60/60"]);
}

#[test]
fn a_sealed_block_is_not_opened_again_and_what_came_late_is_told() {
    let mut world = World::new(COUNT);
    let samples = |values: &[(i64, f64)]| vec![series("c1", "", values)];
    world.take(45, samples(&[(-10, 0.0), (5, 10.0)]), samples(&[(-10, 0.0), (5, 10.0)]));
    world.take(75, samples(&[(-10, 0.0), (5, 10.0)]), samples(&[(-10, 0.0), (5, 10.0)]));
    assert_eq!(world.seal(75), ["c1 10/10", "c1 0/0 gap", "Absent(All)"]);
    let late = [(5, 10.0), (20, 25.0), (35, 37.0)];
    world.take(90, samples(&late), samples(&late));
    assert_eq!(world.seal(90), ["c1 0/0 gap late27"]);
    // Repeated answers tell nothing again, and the counter goes on from what is new.
    let on = [(20, 25.0), (35, 37.0), (65, 70.0), (80, 90.0)];
    world.take(120, samples(&on), samples(&on));
    assert_eq!(world.seal(120), ["c1 0/0 gap", "c1 20/20"]);
}

#[test]
fn the_same_answers_in_any_portions_give_the_same_blocks() {
    let samples: Vec<(i64, f64)> = (0..40).map(|i| (15 * i - 10, f64::from(i as i32 * i as i32))).collect();
    let both = |until: i64| {
        let known: Vec<(i64, f64)> = samples.iter().copied().filter(|(at, _)| *at <= until).collect();
        vec![series("c1", "", &known)]
    };
    let mut whole = World::new(COUNT);
    whole.take(600, both(600), both(600));
    let wanted = whole.seal(600);
    assert_eq!(wanted.len(), 38);
    for step in [1, 7, 15, 31] {
        let mut parts = World::new(COUNT);
        let mut found = Vec::new();
        for now in (0..=600).filter(|now| now % step == 0 || *now == 600) {
            parts.take(now, both(now), both(now));
            found.extend(parts.seal(now));
        }
        assert_eq!(found, wanted, "every {step} s");
    }
}

#[test]
fn a_young_pod_is_recorded_as_warm() {
    let mut config = config(COUNT);
    config.queries.warm_up = 30;
    let mut world = World::of(&config);
    let late = |from: i64| (0..8).map(|i| (from + 15 * i, f64::from(i as i32))).collect::<Vec<_>>();
    let all =
        || vec![series("s1", "", &late(-10)), series("c1", "", &late(20)), series("c2", "", &late(-10))];
    world.intake.pod_started("c2", Moment::from_secs(T - 20));
    world.take(125, all(), all());
    let found = world.seal(125);
    assert_eq!(found[0], "c2 1/1 warm; s1 1/1");
    assert!(
        found[1].contains("c1 0/0 warm") && found[3].contains("c1 1/1 warm") && !found[4].contains("warm"),
        "{found:?}"
    );
}

#[test]
fn a_clock_that_goes_back_seals_nothing_and_one_that_leaps_ahead_is_told() {
    let mut world = World::new(COUNT);
    let both = || vec![series("c1", "", &every(&[0.0, 1.0, 2.0]))];
    world.take(60, both(), both());
    assert_eq!(world.seal(60).len(), 2);
    assert_eq!(world.seal(-5000), [""; 0]);
    assert_eq!(world.seal(60), [""; 0]);
    let error = world.intake.seal(Moment::from_secs(T + 4_000_000_000), &Stage::default()).unwrap_err();
    assert!(error.to_string().contains("the clock leapt from"), "{error}");
    // A gap of hours is told, block by block.
    assert_eq!(world.seal(60 + 7200).len(), 480);
    let future = || vec![series("c1", "", &[(7300, 5.0), (8000, 6.0)])];
    world.take(7275, future(), future());
    assert_eq!(world.seal(7275), [format!("ClockSkew({})", 8000 - 7275)]);
}

#[test]
fn a_source_whose_clock_is_off_by_more_than_half_a_block_is_told() {
    let both = || vec![series("c1", "", &every(&[0.0, 1.0, 2.0, 3.0]))];
    let mut world = World::new(COUNT);
    world.take(75, both(), both());
    let now = Moment::from_secs(T + 75);
    for (ahead, wanted) in [(9, "ClockSkew(9)"), (-9, "ClockSkew(-9)"), (8, "c1 1/1")] {
        world.intake.clocks(Moment::from_secs(T + 75 + ahead), now);
        let blocks = world.intake.clone().seal(Moment::from_secs(T + 45), &Stage::default()).unwrap();
        let mut roster = world.intake.roster().clone();
        roster.pods.extend(blocks[0].joined.clone());
        assert_eq!(word(&blocks[0].metrics[0], &roster), wanted, "{ahead}");
    }
}

#[test]
fn what_is_no_count_is_refused_by_name() {
    for (value, wanted) in [(1.5, "no whole number"), (-1.0, "below zero"), (1e17, "2^53")] {
        let mut world = World::new(COUNT);
        world.take(
            45,
            vec![series("c1", "code=500", &[(5, value)])],
            vec![series("c1", "", &every(&[1.0, 2.0]))],
        );
        let found = world.seal(45);
        assert!(
            found[0].starts_with("Provider(")
                && found[0].contains("code=\\\"500\\\"")
                && found[0].contains(wanted),
            "{found:?}"
        );
    }
}

#[test]
fn a_numerator_above_its_denominator_is_told_as_it_is() {
    let mut world = World::new(COUNT);
    world.take(45, vec![series("c1", "", &every(&[0.0, 9.0]))], vec![series("c1", "", &every(&[0.0, 5.0]))]);
    assert_eq!(world.seal(45), ["c1 9/5"]);
}

#[test]
fn series_that_belong_to_no_arm_or_two_or_are_there_twice_are_told() {
    let strange = |key: &str, value: &str| {
        let mut one = series("c1", "", &every(&[0.0, 1.0]));
        one.labels.insert(key.to_owned(), value.to_owned());
        one
    };
    let plain = || series("c1", "", &every(&[0.0, 1.0]));
    for (exposure, wanted) in [
        (vec![strange("track", "blue")], "is neither canary (track=canary) nor stable (track=stable)"),
        (vec![strange("pod", "")], "has no label \\\"pod\\\" that names its pod"),
        (vec![plain(), plain()], "is there twice"),
        (vec![plain(), strange("track", "stable")], "pod c1 is canary and stable"),
    ] {
        let mut world = World::new(COUNT);
        world.take(45, vec![], exposure);
        let found = world.seal(45);
        assert!(found[0].starts_with("ArmsMixed(") && found[0].contains(wanted), "{found:?}");
    }
    let mut world = World::new(COUNT);
    world.take(45, vec![plain()], vec![plain()]);
    assert_eq!(world.seal(45), ["c1 1/1"]);
    world.take(60, vec![], vec![strange("track", "stable")]);
    assert_eq!(world.seal(60), ["ArmsMixed(\"pod c1 was on the other side before\")"]);
}

#[test]
fn a_source_that_fails_or_is_not_asked_is_told_and_counts_go_on_after_it() {
    let mut world = World::new(COUNT);
    let both = |values: &[f64]| vec![series("c1", "", &every(values))];
    world.take(45, both(&[0.0, 10.0]), both(&[0.0, 10.0]));
    assert_eq!(world.seal(45), ["c1 10/10"]);
    let questions = world.intake.questions(Moment::from_secs(T + 75)).unwrap();
    world.intake.failed(&questions[0], "500: no");
    assert_eq!(world.seal(75), ["c1 0/0 gap", "Absent(All)"], "the last answer reached as far");
    assert_eq!(world.seal(90), ["Provider(\"500: no\")"]);
    let values: Vec<f64> = (0..8).map(|i| 10.0 * f64::from(i)).collect();
    world.take(105, both(&values), both(&values));
    assert_eq!(world.seal(105), ["c1 0/0 gap late30"], "too far apart: dropped");
    world.take(120, both(&values), both(&values));
    assert_eq!(world.seal(120), ["c1 10/10"]);
    assert_eq!(world.seal(200), ["c1 10/10", "c1 0/0 gap", "Stale", "Stale", "Stale"]);
}

#[test]
fn a_million_series_are_refused_with_a_remedy() {
    let mut world = World::new(COUNT);
    let question = world.intake.questions(Moment::from_secs(T)).unwrap().remove(0);
    let many = vec![Series::default(); SERIES_MAX + 1];
    let error = world.intake.take(&question, many).unwrap_err().to_string();
    assert!(error.contains("100001 series") && error.contains("recording rule"), "{error}");
}

#[test]
fn time_is_an_exposure_too() {
    let mut world = World::new("events: restarts, perPodTime: true");
    let samples = [(-10, 3.0), (5, 3.0), (35, 4.0), (50, 4.0)];
    world.take(90, vec![series("c1", "", &samples)], vec![]);
    assert_eq!(world.seal(90), ["c1 0/15000", "c1 0/0 gap", "c1 1/30000", "c1 0/15000"]);
}

#[test]
fn a_gauge_is_the_mean_of_the_sum_of_a_pods_series() {
    let mut world = World::new("gauge: g");
    let all = vec![
        series("c1", "container=a", &[(2, 1.0), (9, 2.0), (20, f64::NAN)]),
        series("c1", "container=b", &[(2, 0.25), (9, 0.25)]),
        series("s1", "", &[(5, -3.0), (20, 4.0)]),
    ];
    world.take(75, all, vec![]);
    assert_eq!(world.seal(75), ["c1 1750000u of 2; s1 -3000000u of 1", "s1 4000000u of 1", "Absent(All)"]);
}

#[test]
fn the_questions_are_raw_selectors_with_a_window() {
    let mut world = World::new(COUNT);
    let queries = |world: &World, now: i64| -> Vec<String> {
        let questions = world.intake.questions(Moment::from_secs(T + now)).unwrap();
        questions.into_iter().map(|question| question.query).collect()
    };
    assert_eq!(queries(&world, 45), ["e[121s]", "r[121s]"]);
    world.take(45, vec![], vec![]);
    world.seal(45);
    assert_eq!(queries(&world, 60), ["e[121s]", "r[121s]"]);
    let far = world.intake.questions(Moment::from_secs(T + 20_000)).unwrap();
    assert_eq!((&*far[0].query, far[0].at), ("e[3676s]", Moment::from_secs(T + 15 + 3600)));
    let latency = World::new("histogram: 'h{a=\"b\"}', edges: [1, 2]");
    assert_eq!(queries(&latency, 45), [r#"{__name__="h(_bucket)?",a="b"}[121s]"#.replace("__=", "__=~")]);
    for (keys, wanted) in [
        ("events: 'rate(e[5m])', exposure: r", "it computes something"),
        ("events: 'e{', exposure: r", "at character 3"),
        ("events: 'e offset 5m', exposure: r", "it computes something"),
    ] {
        let error = config(keys).intake(Moment::EPOCH).unwrap_err().to_string();
        assert!(error.contains(wanted), "{error}");
    }
    let error =
        config("events: e").intake(Moment::EPOCH).unwrap().questions(Moment::EPOCH).unwrap_err().to_string();
    assert!(error.contains("no `exposure`"), "{error}");
}
