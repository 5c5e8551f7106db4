//! The evidence record: what it holds, and that nothing in it can be changed unseen.

use serin_gate::{
    Block, Cell, Gate, Look, Policy, Seen, Shelf, Value, Verdict, Word,
    record::{Opening, Query, ReadError, Record, Recorder, Refusal, verify},
};

use crate::ground::{block, cells, metric, past, policy, roster, steady};

pub(crate) fn opening(policy: Policy) -> Opening {
    let history = past(policy.metrics.len());
    let query = |metric: &serin_gate::policy::Metric| {
        Query::new(&metric.name, "events", "errors_total{code=~\"5..\"}")
    };
    let queries = policy.metrics.iter().map(query).collect();
    Opening { previous: None, policy, queries, roster: roster(), history }
}

pub(crate) fn begun(opening: &Opening) -> (Gate, Recorder) {
    let gate = Gate::open(opening.policy.clone(), opening.roster.clone(), &opening.history).unwrap();
    let recorder = Recorder::new(opening.clone(), &gate);
    (gate, recorder)
}

pub(crate) fn judged(opening: &Opening, blocks: &[Block]) -> Record {
    let (mut gate, mut recorder) = begun(opening);
    let mut shelf = Shelf::default();
    for block in blocks {
        let look = gate.look(block, &mut shelf);
        recorder.add(block, &look, &gate).unwrap();
    }
    recorder.finish(&gate, &mut shelf)
}

pub(crate) fn blocks(count: i64, every: i64, metrics: usize) -> Vec<Block> {
    let canary = move |number: i64| move |pod: u32| (steady(number, pod, every), 40 + u64::from(pod));
    let seen = |number| cells(|pod| (steady(number, pod, 4), 50), Some(&canary(number)));
    (0..count).map(|number| block(number, vec![seen(number); metrics])).collect()
}

/// Numbers without a pattern, the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % end
    }
}

#[test]
fn a_record_is_verified_from_its_integers_and_says_what_was_judged() {
    let opening = opening(policy(vec![metric("errors"), metric("timeouts")]));
    let record = judged(&opening, &blocks(20, 1, 2));
    let bytes = record.to_bytes();
    let verified = verify(&bytes).unwrap();
    assert_eq!(verified.record, record);
    assert_eq!(verified.ties, []);
    assert_eq!(Record::read(&bytes).unwrap(), record);
    assert_eq!(record.outcome.verdict.as_ref().unwrap().word(), Word::Fail);
    assert_eq!(record.outcome.rule, "harm-evidence");
    assert!(record.outcome.reasons[0].starts_with("errors: it is worse than the tolerated ratio of 1.1"));
    let words: Vec<Word> = record.marks.iter().map(|mark| record.looks[mark.look].verdict.word()).collect();
    assert_eq!(
        words,
        [Word::Hold, Word::Fail, Word::Fail],
        "marks at the first, at each new verdict, at the last"
    );
    let last = &record.marks[2];
    assert_eq!((last.look, last.metrics[0].counts[0]), (19, [60, 20 * 123, 50, 20 * 500]));
    let (low, high) = last.metrics[0].intervals[0].unwrap().ratios();
    assert!(low > 1.1 && high > 4.0, "{low} {high}");
    // One line for each part, and the hash is that of all lines but the last.
    let text = String::from_utf8(bytes).unwrap();
    assert_eq!(text.lines().count(), 16, "{text}");
    assert!(text.ends_with(&format!("\"hash\":\"{}\"}}\n", verified.hash)));
}

/// Where a record is not what follows from its evidence.
fn differences(bytes: &[u8]) -> Vec<serin_gate::record::Difference> {
    match verify(bytes) {
        Err(Refusal::Differs(differences)) => differences,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_no_record_is_told_apart_from_one_that_is_not_whole() {
    let whole = judged(&opening(policy(vec![metric("errors")])), &blocks(6, 2, 1)).to_bytes();
    let mend = "; give the file that serin gate run --record wrote";
    let other = |what: &str| format!("it is no evidence record: {what}{mend}");
    let told = |bytes: &[u8]| match verify(bytes) {
        Err(Refusal::Unread(error)) => (error.to_string(), matches!(error, ReadError::Damaged(_))),
        other => panic!("{other:?}"),
    };
    for (bytes, wanted) in [
        (&b" \n"[..], other("it is empty")),
        (b"time,metric\n1,2\n", other("it is no JSON object, and begins with \"time,metric\"")),
        (b"{\"a\": 1}", other("it is JSON without a `format`")),
        (b"[1]", other("it is no JSON object, and begins with \"[1]\"")),
        (b"\xff\x00", other("it is no JSON object, and begins with \"\u{fffd}\u{fffd}\"")),
        (
            b"{\"format\": \"x\"}",
            "its format is \"x\", and \"serin.gate.record/1\" is read: give the file that serin gate run --record wrote"
                .to_owned(),
        ),
    ] {
        assert_eq!(told(bytes), (wanted, false));
    }
    let (error, is_damaged) = told(&whole[..whole.len() / 2]);
    assert!(
        is_damaged && error.starts_with("it is an evidence record that was changed or cut short"),
        "{error}"
    );
}

#[test]
fn a_record_of_nothing_is_valid() {
    let record = judged(&opening(policy(vec![metric("errors")])), &[]);
    assert_eq!(verify(&record.to_bytes()).unwrap().record, record);
    assert_eq!((record.outcome.verdict, record.what_if), (None, None));
}

#[test]
fn every_changed_bit_is_found() {
    let bytes = judged(&opening(policy(vec![metric("errors")])), &blocks(6, 2, 1)).to_bytes();
    let mut dice = Dice(7);
    for _ in 0..1000 {
        let (at, bit) = (dice.below(bytes.len()), dice.below(8));
        let mut changed = bytes.clone();
        changed[at] ^= 1 << bit;
        assert!(verify(&changed).is_err(), "bit {bit} of byte {at}");
    }
}

fn counts_of(cell: &mut Cell) -> Vec<&mut u64> {
    match &mut cell.value {
        Value::Count { x, n } => vec![x, n],
        Value::Latency { n, above } => std::iter::once(n).chain(above).collect(),
        Value::Gauge { .. } => Vec::new(),
    }
}

#[test]
fn every_changed_count_is_found_although_the_hash_was_mended() {
    let record = judged(&opening(policy(vec![metric("errors")])), &blocks(6, 2, 1));
    let mut dice = Dice(11);
    let mut seen_by_numbers = 0;
    for _ in 0..1000 {
        let mut forged = record.clone();
        let blocks = if dice.below(2) == 0 { &mut forged.blocks } else { &mut forged.opening.history };
        let count = blocks.len();
        let block = &mut blocks[dice.below(count)];
        let Seen::Cells(cells) = &mut block.metrics[0] else { panic!() };
        let count = cells.len();
        let mut counts = counts_of(&mut cells[dice.below(count)]);
        let one = dice.below(counts.len());
        *counts[one] = if dice.below(2) == 0 { *counts[one] + 1 } else { counts[one].saturating_sub(1) };
        if forged == record {
            continue;
        }
        let differences = differences(&forged.to_bytes());
        assert!(differences.iter().all(|difference| difference.path != "hash"), "{differences:?}");
        let is_number = |path: &str| !path.contains("inputs");
        seen_by_numbers += usize::from(differences.iter().any(|difference| is_number(&difference.path)));
    }
    assert!(seen_by_numbers > 700, "the numbers themselves told only {seen_by_numbers}");
}

#[test]
fn what_was_said_cannot_be_changed_either() {
    let record = judged(&opening(policy(vec![metric("errors")])), &blocks(20, 1, 1));
    let forge = |change: &dyn Fn(&mut Record)| {
        let mut forged = record.clone();
        change(&mut forged);
        differences(&forged.to_bytes())
    };
    let paths = |differences: Vec<serin_gate::record::Difference>| -> Vec<String> {
        differences.into_iter().map(|difference| difference.path).collect()
    };
    let verdict = paths(forge(&|record| record.outcome.verdict = Some(Verdict::Pass)));
    assert_eq!(verdict, ["outcome.verdict.verdict", "outcome.verdict.why"]);
    assert_eq!(paths(forge(&|record| record.looks[3].metrics[0].harm += 1e-9)), ["looks[3].metrics[0].harm"]);
    assert_eq!(paths(forge(&|record| record.past[0][0].phi = 1.5)), ["past[0][0].phi"]);
    let tolerated = paths(forge(&|record| record.opening.policy.metrics[0].tolerated = 1.2));
    assert!(tolerated.contains(&"looks[0].metrics[0].harm".to_owned()), "{tolerated:?}");
    assert!(
        paths(forge(&|record| record.opening.queries[0].text.push('x')))
            .contains(&"queries[0].sha256".to_owned())
    );
    assert!(paths(forge(&|record| record.engine = "other".to_owned())).contains(&"engine".to_owned()));
    assert!(
        paths(forge(&|record| record.what_if.as_mut().unwrap().metrics[0].passing_margin = Some(150)))
            .contains(&"whatIf.metrics[0].passingMargin".to_owned())
    );
}

/// To the bit: a look's numbers as they are in memory.
fn bits(look: &Look) -> Vec<u64> {
    let numbers = look.metrics.iter().flat_map(|metric| {
        [metric.harm, metric.no_worse, metric.phi, metric.spread, metric.canary_pods, metric.stable_pods]
    });
    numbers.map(f64::to_bits).collect()
}

#[test]
fn a_run_that_is_split_at_any_block_goes_on_to_the_bit() {
    let opening = opening(policy(vec![metric("errors")]));
    let all = blocks(16, 3, 1);
    let whole = judged(&opening, &all);
    let (mut gate, _) = begun(&opening);
    let mut shelf = Shelf::default();
    let looks: Vec<Look> = all.iter().map(|block| gate.look(block, &mut shelf)).collect();
    for split in 0..all.len() {
        let (mut gate, mut recorder) = begun(&opening);
        let mut shelf = Shelf::default();
        for (place, block) in all.iter().enumerate() {
            if place == split {
                let saved = serde_json::to_vec(&(&gate, &recorder)).unwrap();
                (gate, recorder) = serde_json::from_slice(&saved).unwrap();
                shelf = Shelf::default();
            }
            let look = gate.look(block, &mut shelf);
            assert_eq!(bits(&look), bits(&looks[place]), "split at {split}, block {place}");
            assert_eq!(look, looks[place]);
            recorder.add(block, &look, &gate).unwrap();
        }
        assert_eq!(recorder.finish(&gate, &mut shelf).to_bytes(), whole.to_bytes(), "split at {split}");
    }
}

#[test]
fn an_hour_of_ten_metrics_on_thirty_pods_stays_small() {
    let names: Vec<_> = (0..10).map(|place| metric(&format!("metric-{place}"))).collect();
    let mut opening = opening(policy(names));
    let pod = |place: usize| serin_gate::Pod {
        name: format!("shop-6d4cf56db6-{place:05}"),
        arm: if place < 27 { serin_gate::Arm::Stable } else { serin_gate::Arm::Canary },
    };
    opening.roster.pods = (0..30).map(pod).collect();
    let mut dice = Dice(3);
    let mut seen = |pods: usize| {
        let cell = |pod: usize, dice: &mut Dice| Cell {
            pod: pod as u32,
            flags: serin_gate::Flags::default(),
            value: Value::Count { x: dice.below(4) as u64, n: 1000 + dice.below(120) as u64 },
        };
        Seen::Cells((0..pods).map(|pod| cell(pod, &mut dice)).collect())
    };
    opening.history = (-240..0).map(|number| block(number, (0..10).map(|_| seen(27)).collect())).collect();
    let blocks: Vec<Block> =
        (0..240).map(|number| block(number, (0..10).map(|_| seen(30)).collect())).collect();
    let record = judged(&opening, &blocks);
    let bytes = record.to_bytes();
    assert!(bytes.len() < 700_000, "{} bytes", bytes.len());
    assert!(verify(&bytes).is_ok());
}

#[test]
fn what_is_no_record_is_told_so() {
    let good =
        String::from_utf8(judged(&opening(policy(vec![metric("errors")])), &blocks(2, 2, 1)).to_bytes())
            .unwrap();
    for (text, wanted) in [
        (String::new(), "it is empty"),
        ("{}".to_owned(), "without a `format`"),
        ("{\"format\":\"other\"}".to_owned(), "\"other\""),
        ("[".repeat(100_000), "no JSON object"),
        (good.replacen("\"policy\":", "\"polity\":", 1), "polity"),
        (good.replacen("\"alpha\":0.05", "\"alpha\":\"much\"", 1), "policy.alpha"),
        (good.replacen("[2,{\"cells\"", "[18446744073709551615,{\"cells\"", 1), "blocks"),
        (good.clone() + "x", "trailing"),
    ] {
        let error = Record::read(text.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(wanted), "{error}");
        assert!(error.len() < 400, "{error}");
        assert!(verify(text.as_bytes()).is_err());
    }
    // Another way to write the same, with its hash mended, is not the record's text.
    let body = good.rsplit_once("\"hash\"").unwrap().0.replacen("\"alpha\":0.05", "\"alpha\":0.050", 1);
    let mended = format!("{body}\"hash\":\"{}\"}}\n", Query::new("", "", &body).sha256);
    let differences = differences(mended.as_bytes());
    assert!(differences[0].path.contains("written otherwise"), "{differences:?}");
}

#[test]
fn a_block_without_all_metrics_is_not_recorded() {
    let opening = opening(policy(vec![metric("errors"), metric("timeouts")]));
    let (mut gate, mut recorder) = begun(&opening);
    let short = &blocks(1, 4, 1)[0];
    let look = gate.look(short, &mut Shelf::default());
    let error = recorder.add(short, &look, &gate).unwrap_err().to_string();
    assert!(error.contains("1 metrics, and the policy 2"), "{error}");
    assert_eq!(recorder.looks().len(), 0);
}
