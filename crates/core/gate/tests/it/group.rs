//! Several members judged as one: a separately written oracle, and a simulation of zones.

use proptest::prelude::*;
use serin_gate::{
    Arm, Block, Cause, Cell, Flags, Gate, Hold, Look, Pod, Policy, Roster, Seen, Shelf, Trouble, Value,
    Verdict, Word,
    group::{Combined, Group, GroupCause, GroupHold, GroupLook, GroupVerdict, NoWorse, Terms},
    policy::Class,
    record::{
        GroupOpening, GroupRecord, GroupRecorder, Judged, Opening, Query, Refusal, read_any, verify_group,
    },
};

use crate::ground::{BLOCK, block, metric, policy};

/// Random numbers that are the same in every run.
struct Dice(u64);

impl Dice {
    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A Poisson number with a small mean.
    fn poisson(&mut self, mean: f64) -> u64 {
        let (limit, mut product, mut count) = ((-mean).exp(), self.unit(), 0);
        while limit < product {
            product *= self.unit();
            count += 1;
        }
        count
    }
}

/// A zone: its pods and the requests of each in a block.
#[derive(Clone, Copy)]
struct Zone {
    stable: u32,
    canary: u32,
    requests: u64,
}

const SMALL: Zone = Zone { stable: 2, canary: 1, requests: 20 };
const ERRORS: f64 = 0.02;

impl Zone {
    fn times(self, factor: u32) -> Self {
        Self { stable: self.stable * factor, canary: self.canary * factor, ..self }
    }

    fn roster(self, name: &str) -> Roster {
        let pod = |arm, word: &str, place| Pod { name: format!("{name}-{word}-{place}"), arm };
        let stable = (0..self.stable).map(|place| pod(Arm::Stable, "stable", place));
        Roster {
            pods: stable.chain((0..self.canary).map(|place| pod(Arm::Canary, "canary", place))).collect(),
        }
    }

    fn block(self, number: i64, ratio: Option<f64>, dice: &mut Dice) -> Block {
        let mut cell = |pod: u32, ratio: f64| {
            let x = dice.poisson(ERRORS * ratio * self.requests as f64).min(self.requests);
            Cell { pod, flags: Flags::default(), value: Value::Count { x, n: self.requests } }
        };
        let mut cells: Vec<Cell> = (0..self.stable).map(|pod| cell(pod, 1.0)).collect();
        if let Some(ratio) = ratio {
            cells.extend((0..self.canary).map(|pod| cell(self.stable + pod, ratio)));
        }
        block(number, vec![Seen::Cells(cells)])
    }

    fn past(self, dice: &mut Dice) -> Vec<Block> {
        (-60..0).map(|number| self.block(number, None, dice)).collect()
    }
}

fn terms(members: usize, shared: &[&str], no_worse: NoWorse) -> Terms {
    Terms {
        label: "zone".to_owned(),
        members: (0..members).map(|place| format!("z{place}")).collect(),
        shared: shared.iter().map(|&name| name.to_owned()).collect(),
        no_worse,
    }
}

fn opened(policy: &Policy, terms: &Terms, zone: Zone, dice: &mut Dice) -> Group {
    let pasts: Vec<Vec<Block>> = terms.members.iter().map(|_| zone.past(dice)).collect();
    let rosters = terms.members.iter().map(|name| zone.roster(name));
    let pasts = rosters.zip(pasts.iter().map(Vec::as_slice)).collect();
    Group::open(policy.clone(), terms.clone(), pasts).unwrap()
}

/// The evidence of some members as one, in plain numbers and not in logarithms.
fn plain(values: &[f64], combined: Combined) -> f64 {
    match combined {
        Combined::Product => values.iter().product(),
        _ => values.iter().sum::<f64>() / values.len() as f64,
    }
}

/// What the rule says of members' looks, written anew: the word, and who is named.
fn oracle(looks: &[Look], whole: &Policy, terms: &Terms) -> (Word, Vec<Option<usize>>) {
    let combined = if terms.shared.is_empty() { Combined::Product } else { Combined::AverageForShared };
    let counting: Vec<usize> =
        (0..whole.metrics.len()).filter(|metric| whole.metrics[*metric].class != Class::Note).collect();
    let trusted = |look: &Look, metric: usize| {
        !matches!(
            look.metrics[metric].hold,
            Some(Hold::ProviderError { .. } | Hold::SeriesAbsent { .. } | Hold::Stale { .. })
        )
    };
    let bar = counting.len() as f64 / (whole.alpha / 2.0);
    let mut named = Vec::new();
    for &metric in &counting {
        let values: Vec<f64> = looks
            .iter()
            .map(|look| {
                let e = look.metrics[metric].harm.exp();
                if trusted(look, metric) { e } else { e.min(1.0) }
            })
            .collect();
        if plain(&values, combined) >= bar {
            named.push(None);
        }
    }
    for (member, look) in looks.iter().enumerate() {
        if let Verdict::Fail(causes) = &look.verdict {
            named.extend(causes.iter().map(|_| Some(member)));
        }
    }
    if !named.is_empty() {
        return (Word::Fail, named);
    }
    for &metric in &counting {
        if let Some(member) = looks.iter().position(|look| !trusted(look, metric)) {
            return (Word::Hold, vec![Some(member)]);
        }
        let is_idle = |look: &Look| matches!(look.metrics[metric].hold, Some(Hold::NoExposure { .. }));
        if looks.iter().all(is_idle) {
            return (Word::Hold, vec![None]);
        }
    }
    let is_shown = counting.iter().all(|&metric| {
        let values: Vec<f64> = looks.iter().map(|look| look.metrics[metric].no_worse.exp()).collect();
        let value = match terms.no_worse {
            NoWorse::Together => plain(&values, combined),
            NoWorse::Each => values.iter().copied().fold(f64::INFINITY, f64::min),
        };
        whole.metrics[metric].class != Class::Guard || value >= 1.0 / whole.beta
    });
    let is_old = looks.iter().all(|look| look.step_seconds >= whole.steps[0].minimum);
    (if is_shown && is_old { Word::Pass } else { Word::Hold }, vec![None])
}

fn named(look: &GroupLook) -> Vec<Option<usize>> {
    match &look.verdict {
        GroupVerdict::Fail(causes) => causes.iter().map(|cause| cause.member).collect(),
        // Who lacks pods is told beyond what the rule says.
        GroupVerdict::Pass | GroupVerdict::Hold(GroupHold { hold: Hold::UnderPowered { .. }, .. }) => {
            vec![None]
        }
        GroupVerdict::Hold(hold) => vec![hold.member],
    }
}

/// One member's block of the property test: what happens to the source, and the counts.
fn drawn() -> impl Strategy<Value = (bool, [u64; 3], bool)> {
    (prop::bool::weighted(0.04), [0..4u64, 0..4u64, 0..9u64], prop::bool::weighted(0.1))
}

fn of_drawn(number: i64, metrics: usize, (is_broken, events, is_idle): (bool, [u64; 3], bool)) -> Block {
    let cell = |pod: usize| {
        let n = if is_idle { 0 } else { 40 };
        Cell { pod: pod as u32, flags: Flags::default(), value: Value::Count { x: events[pod].min(n), n } }
    };
    let seen = |metric: usize| {
        if is_broken && metric == 0 {
            return Seen::Trouble(Trouble::Provider("down".to_owned()));
        }
        Seen::Cells((0..3).map(cell).collect())
    };
    block(number, (0..metrics).map(seen).collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn the_group_says_what_its_members_say_together(
        worlds in prop::collection::vec(prop::collection::vec(drawn(), 2..5), 1..60),
        is_shared: bool,
        is_each: bool,
        has_note: bool,
        minimum in 0u32..300,
    ) {
        let members = worlds[0].len();
        let mut metrics = vec![metric("errors")];
        if has_note {
            let mut note = metric("note");
            note.class = Class::Note;
            metrics.push(note);
        }
        let mut whole = policy(metrics);
        whole.steps[0].minimum = minimum;
        whole.minimum_exposure = 0;
        let shared: &[&str] = if is_shared { &["database"] } else { &[] };
        let terms = terms(members, shared, if is_each { NoWorse::Each } else { NoWorse::Together });
        let mut dice = Dice(7);
        let mut group = opened(&whole, &terms, SMALL, &mut dice);
        // The members' own gates are kept beside it, with what is left for them of alpha.
        let mut dice = Dice(7);
        let pasts: Vec<Vec<Block>> = (0..members).map(|_| {
            let mut past = SMALL.past(&mut dice);
            for block in &mut past {
                let errors = block.metrics[0].clone();
                block.metrics.resize(whole.metrics.len(), errors);
            }
            past
        }).collect();
        let own = Policy { alpha: whole.alpha / (2.0 * members as f64), ..whole.clone() };
        let mut gates: Vec<Gate> = pasts.iter().zip(&terms.members)
            .map(|(past, name)| Gate::open(own.clone(), SMALL.roster(name), past).unwrap()).collect();
        if has_note {
            let rosters = terms.members.iter().map(|name| SMALL.roster(name));
            group = Group::open(whole.clone(), terms.clone(), rosters.zip(pasts.iter().map(Vec::as_slice)).collect()).unwrap();
        }
        let mut shelf = Shelf::default();
        for (number, world) in worlds.iter().enumerate().filter(|(_, world)| world.len() == members) {
            let blocks: Vec<Block> =
                world.iter().map(|one| of_drawn(number as i64, whole.metrics.len(), *one)).collect();
            let (look, looks) = group.look(&blocks, &mut shelf).unwrap();
            let alone: Vec<Look> =
                gates.iter_mut().zip(&blocks).map(|(gate, block)| gate.look(block, &mut shelf)).collect();
            prop_assert_eq!(&looks, &alone);
            // A member without any exposure so far holds the whole, which the counts here leave open only at the start.
            let is_unseen = matches!(&look.verdict, GroupVerdict::Hold(GroupHold { member: Some(_), hold: Hold::NoExposure { .. } }));
            if !is_unseen {
                prop_assert_eq!((look.verdict.word(), named(&look)), oracle(&alone, &whole, &terms), "{:?}", look);
            }
        }
    }
}

/// Plays until the first verdict: after how many blocks, and what.
fn play(group: &mut Group, zone: Zone, ratios: &[f64], most: i64, dice: &mut Dice) -> (i64, GroupLook) {
    let mut shelf = Shelf::default();
    for number in 0.. {
        let blocks: Vec<Block> = ratios.iter().map(|ratio| zone.block(number, Some(*ratio), dice)).collect();
        let (look, _) = group.look(&blocks, &mut shelf).unwrap();
        if look.verdict.word() != Word::Hold || number + 1 == most {
            return (number + 1, look);
        }
    }
    panic!("no block was played")
}

/// The same with one gate.
fn play_one(zone: Zone, ratio: f64, most: i64, policy: &Policy, dice: &mut Dice) -> (i64, Word) {
    let past = zone.past(dice);
    let mut gate = Gate::open(policy.clone(), zone.roster("one"), &past).unwrap();
    let mut shelf = Shelf::default();
    for number in 0..most {
        let word = gate.look(&zone.block(number, Some(ratio), dice), &mut shelf).verdict.word();
        if word != Word::Hold {
            return (number + 1, word);
        }
    }
    (most, Word::Hold)
}

const ZONES: usize = 10;
/// The most blocks of a judgement: ten minutes.
const MOST: i64 = 40;

/// One step without a least time, so that what decides is the evidence.
fn at_once() -> Policy {
    let mut policy = policy(vec![metric("errors")]);
    policy.steps[0].minimum = 0;
    policy
}

fn play_group(shared: &[&str], ratios: &[f64], dice: &mut Dice) -> (i64, GroupLook) {
    let mut group = opened(&at_once(), &terms(ratios.len(), shared, NoWorse::Together), SMALL, dice);
    play(&mut group, SMALL, ratios, MOST, dice)
}

/// How often a world comes to a word, and after how many blocks in the middle.
fn often(runs: u64, word: Word, of: impl Fn(&mut Dice) -> (i64, Word)) -> (f64, i64) {
    let ended: Vec<(i64, Word)> = (0..runs).map(|seed| of(&mut Dice(seed * 1_000_003))).collect();
    let mut blocks: Vec<i64> = ended.iter().map(|(blocks, _)| *blocks).collect();
    blocks.sort_unstable();
    let share = ended.iter().filter(|(_, one)| *one == word).count() as f64 / runs as f64;
    (share, blocks[blocks.len() / 2])
}

#[test]
fn ten_zones_of_which_none_could_decide_decide_together() {
    // Each zone has one pod of the canary; of its own evidence a margin of 2 needs two pods, however long one looks.
    let (alone, _) = often(60, Word::Pass, |dice| play_one(SMALL, 1.0, MOST, &at_once(), dice));
    assert!(alone < 0.4, "{alone} of single zones pass");
    for (ratio, word, least) in [(1.0, Word::Pass, 0.9), (2.0, Word::Fail, 0.4), (4.0, Word::Fail, 0.95)] {
        let (share, blocks) = often(60, word, |dice| {
            let (blocks, look) = play_group(&[], &[ratio; ZONES], dice);
            assert_eq!(look.combined, Combined::Product);
            (blocks, look.verdict.word())
        });
        let (of_one, sooner) =
            often(60, word, |dice| play_one(SMALL.times(10), ratio, MOST, &at_once(), dice));
        let (of_small, _) = often(60, word, |dice| play_one(SMALL, ratio, blocks, &at_once(), dice));
        let said = format!(
            "ratio {ratio}: together {share} after {blocks}, one of their size {of_one} after {sooner}, one zone {of_small}"
        );
        // Each zone pays for what it does not know of its pods and of the size of the defect.
        assert!(least <= share && blocks <= 4 * sooner, "{said}");
        assert!(ratio > 2.0 || of_small < share / 2.0, "{said}");
    }
}

#[test]
fn a_good_release_of_ten_zones_is_rolled_back_as_seldom_as_promised() {
    // Nothing passes, so that every block is another chance to be wrong.
    let (share, _) = often(400, Word::Fail, |dice| {
        let mut policy = at_once();
        policy.minimum_exposure = u64::MAX;
        let mut group = opened(&policy, &terms(ZONES, &[], NoWorse::Together), SMALL, dice);
        let (blocks, look) = play(&mut group, SMALL, &[1.0; ZONES], MOST, dice);
        (blocks, look.verdict.word())
    });
    assert!(share <= 0.05, "{share}");
}

#[test]
fn one_bad_zone_fails_the_group_by_its_veto() {
    let mut ratios = [1.0; ZONES];
    ratios[3] = 8.0;
    let (mut vetoes, runs) = (0, 40);
    for seed in 0..runs {
        // With `each` the other zones cannot outvote it before it has spoken.
        let dice = &mut Dice(seed * 77);
        let mut group = opened(&at_once(), &terms(ZONES, &[], NoWorse::Each), SMALL, dice);
        let (_, look) = play(&mut group, SMALL, &ratios, MOST, dice);
        let veto = GroupCause { member: Some(3), cause: Cause::Evidence { metric: 0 } };
        vetoes += u64::from(look.verdict == GroupVerdict::Fail(vec![veto]));
    }
    assert!(vetoes * 10 >= runs * 9, "{vetoes} of {runs}");
}

#[test]
fn what_is_shared_or_may_be_one_pod_is_averaged() {
    let (share, _) = often(20, Word::Pass, |dice| {
        let (blocks, look) = play_group(&["database"], &[1.0; ZONES], dice);
        assert_eq!(look.combined, Combined::AverageForShared);
        (blocks, look.verdict.word())
    });
    assert!(share < 0.3, "{share} pass on the average of zones that cannot decide");
    let dice = &mut Dice(5);
    let past = SMALL.past(dice);
    let same = (0..2).map(|_| (SMALL.roster("one"), past.as_slice())).collect();
    let group = Group::open(at_once(), terms(2, &[], NoWorse::Together), same).unwrap();
    assert_eq!(group.combined(), Combined::AverageForPods);
}

#[test]
fn a_member_that_was_never_seen_or_cannot_be_trusted_holds_the_whole_and_mutes_no_other() {
    let dice = &mut Dice(9);
    let mut group = opened(&at_once(), &terms(3, &[], NoWorse::Together), SMALL, dice);
    let mut shelf = Shelf::default();
    let mut look = |number: i64, ratios: [f64; 3], first: Option<Trouble>, silent: bool| {
        let mut blocks: Vec<Block> =
            ratios.iter().map(|ratio| SMALL.block(number, Some(*ratio), dice)).collect();
        if let Some(trouble) = first {
            blocks[0].metrics[0] = Seen::Trouble(trouble);
        }
        if let (true, Seen::Cells(cells)) = (silent, &mut blocks[1].metrics[0]) {
            cells.pop();
        }
        group.look(&blocks, &mut shelf).unwrap().0
    };
    let never = look(0, [1.0; 3], None, true);
    let wanted = GroupHold { member: Some(1), hold: Hold::NoExposure { metric: 0 } };
    assert_eq!(never.verdict, GroupVerdict::Hold(wanted));
    let mixed = look(1, [1.0; 3], Some(Trouble::ArmsMixed("pod x".to_owned())), false);
    assert!(
        matches!(
            &mixed.verdict,
            GroupVerdict::Hold(GroupHold { member: Some(0), hold: Hold::ArmsMixed { .. } })
        ),
        "{mixed:?}"
    );
    let mut last = None;
    for number in 2..MOST {
        last = Some(look(number, [1.0, 1.0, 16.0], Some(Trouble::ArmsMixed("pod x".to_owned())), false));
        if matches!(last, Some(GroupLook { verdict: GroupVerdict::Fail(_), .. })) {
            break;
        }
    }
    assert_eq!(
        last.map(|look| look.verdict.word()),
        Some(Word::Fail),
        "the first member's trouble mutes no other"
    );
}

#[test]
fn what_is_no_group_is_refused() {
    let open = |terms: Terms, pasts: usize| {
        let pasts = (0..pasts).map(|place| (SMALL.roster(&format!("z{place}")), &[][..])).collect();
        Group::open(at_once(), terms, pasts)
    };
    let message = |terms: Terms, pasts: usize| open(terms, pasts).unwrap_err().to_string();
    let two = || terms(2, &[], NoWorse::Together);
    assert!(message(terms(1, &[], NoWorse::Together), 1).contains("a group has 2 to 100"));
    assert!(message(two(), 3).contains("there are pasts or blocks of 3 members, and the group has 2"));
    let twice = Terms { members: vec!["a".to_owned(), "a".to_owned()], ..two() };
    assert!(message(twice, 2).contains("\"a\" is there twice"));
    let mut group = open(two(), 2).unwrap();
    let blocks = [SMALL.block(0, None, &mut Dice(1)), SMALL.block(1, None, &mut Dice(1))];
    let before = group.clone();
    let error = group.look(&blocks, &mut Shelf::default()).unwrap_err().to_string();
    assert!(error.contains("the block of \"z1\" begins at"), "{error}");
    assert_eq!(group, before);
    let last = group.look(&[blocks[0].clone(), blocks[0].clone()], &mut Shelf::default()).unwrap().0;
    assert_eq!((last.at.as_secs(), BLOCK), (blocks[0].start.as_secs() + i64::from(BLOCK), 15));
}

/// A judgement of three zones with its record.
fn recorded(ratios: [f64; 3], moments: i64) -> GroupRecord {
    let dice = &mut Dice(21);
    let terms = terms(3, &[], NoWorse::Together);
    let opening = |name: &String, dice: &mut Dice| Opening {
        previous: None,
        policy: at_once(),
        queries: vec![Query::new("errors", "events", "e_total")],
        roster: SMALL.roster(name),
        history: SMALL.past(dice),
    };
    let members = terms.members.iter().map(|name| opening(name, dice)).collect();
    let opening = GroupOpening { previous: Some("0f".repeat(32)), policy: at_once(), terms, members };
    let mut group = opening.group().unwrap();
    let mut recorder = GroupRecorder::new(opening, &group);
    let mut shelf = Shelf::default();
    for number in 0..moments {
        let blocks: Vec<Block> = ratios.iter().map(|ratio| SMALL.block(number, Some(*ratio), dice)).collect();
        let (look, looks) = group.look(&blocks, &mut shelf).unwrap();
        recorder.add(&blocks, (&look, &looks), &group).unwrap();
    }
    recorder.record(&group)
}

/// The text with another hash at its end: that of what it says now.
fn rehashed(text: &str) -> Vec<u8> {
    let (body, _) = text.trim_end().rsplit_once('\n').unwrap();
    let digits = Query::new("", "", &format!("{body}\n")).sha256;
    format!("{body}\n\"hash\":\"{digits}\"}}\n").into_bytes()
}

#[test]
fn the_record_of_a_group_is_come_to_again_from_its_members_integers() {
    for (ratios, moments, word) in
        [([1.0; 3], 0, None), ([1.0; 3], 12, Some(Word::Hold)), ([9.0; 3], 8, Some(Word::Fail))]
    {
        let record = recorded(ratios, moments);
        let bytes = record.to_bytes();
        assert_eq!(read_any(&bytes).unwrap(), Judged::Group(Box::new(record.clone())));
        let verified = verify_group(&bytes).unwrap();
        assert_eq!((verified.hash, verified.ties.len()), (record.hash(), 0));
        assert_eq!(verified.record.outcome.verdict.map(|verdict| verdict.word()), word);
        assert_eq!(record.members.len(), 3);
        for member in &record.members {
            assert!((member.opening.policy.alpha - 0.05 / 6.0).abs() < 1e-12);
            assert_eq!(member.blocks.len() as i64, moments);
        }
    }
}

#[test]
fn what_is_changed_in_the_record_of_a_group_is_told_with_its_member() {
    let text = String::from_utf8(recorded([2.0, 1.0, 1.0], 10).to_bytes()).unwrap();
    for (from, to, wanted) in [
        ("\"shared\":[]", "\"shared\":[\"database\"]", "looks[0].combined"),
        ("\"members\":[\"z0\",\"z1\"", "\"members\":[\"z1\",\"z0\"", ""),
        ("\"tolerated\":1.1", "\"tolerated\":1.2", "members[0].policy"),
        ("\"alpha\":0.05", "\"alpha\":0.06", "members[0].policy.alpha"),
        ("\"rule\":\"", "\"rule\":\"x", "outcome.rule"),
        ("z1-canary-0", "z1-canary-9", "members[1].hash"),
    ] {
        assert!(text.contains(from), "{from}");
        let forged = text.replacen(from, to, 1);
        // The names of the members stand for nothing but themselves.
        let found = match verify_group(&rehashed(&forged)) {
            Ok(_) => Vec::new(),
            Err(Refusal::Differs(found)) => found.iter().map(|one| one.path.clone()).collect::<Vec<_>>(),
            Err(Refusal::Unread(error)) => panic!("{from}: {error}"),
        };
        assert!(
            if wanted.is_empty() {
                found.is_empty()
            } else {
                found.iter().any(|path| path.starts_with(wanted))
            },
            "{from}: {found:?}"
        );
        let Err(Refusal::Differs(found)) = verify_group(forged.as_bytes()) else { panic!("{from}") };
        assert_eq!(found[0].path, "hash");
    }
    for broken in ["", "{}", &text[..text.len() / 2], &text.replacen("\"z2\"]", "\"z2\",\"z3\"]", 1)] {
        assert!(matches!(verify_group(broken.as_bytes()), Err(Refusal::Unread(_))), "{broken:.40}");
        assert!(read_any(broken.as_bytes()).is_err());
    }
}
