//! Blocks without data: each reason with what it makes of a judgement.

use serin_gate::{Hold, Seen, Trouble, block::Part, record::verify};

use crate::ground::{metric, policy};
use crate::record::{blocks, judged, opening};

/// What a trouble comes to: the reason to hold, its words, whether it mutes every metric, and whether it stops the clock.
type Wanted = (&'static str, &'static str, bool, bool);

const MISSING: &str = "series-absent";

fn table() -> [(Trouble, Wanted); 8] {
    let mixed = "a series belongs to no version, to both, or is there twice: pod=a";
    let never = "its events were never seen, for any version: is the query right?";
    let uncounted = "what its events are counted against is not there";
    let edges = "its histograms have fewer than two edges in common";
    let nothing = "nothing was counted in either version: is there traffic, and are the data of this time?";
    let stale = "its newest data are too old, or too much came too late";
    let skew = "the source's clock is 9 s behind the gate's";
    [
        (Trouble::Provider("503".to_owned()), ("provider-error", "the source fails: 503", false, true)),
        (Trouble::ArmsMixed("pod=a".to_owned()), ("arms-mixed", mixed, true, false)),
        (Trouble::Absent(Part::NumeratorNeverSeen), (MISSING, never, false, false)),
        (Trouble::Absent(Part::Denominator), (MISSING, uncounted, false, false)),
        (Trouble::Absent(Part::Edges), (MISSING, edges, false, false)),
        (Trouble::Absent(Part::All), ("no-exposure", nothing, false, false)),
        (Trouble::Stale, ("stale", stale, false, true)),
        (Trouble::ClockSkew(-9), ("clock-skew", skew, false, false)),
    ]
}

#[test]
fn each_trouble_holds_with_its_reason_and_its_words_and_is_recorded() {
    for (trouble, (name, words, mutes, stops)) in table() {
        let mut all = blocks(3, 2, 1);
        for block in &mut all[1..] {
            block.metrics = vec![Seen::Trouble(trouble.clone())];
        }
        let record = judged(&opening(policy(vec![metric("errors")])), &all);
        assert_eq!(verify(&record.to_bytes()).unwrap().record, record, "{trouble:?}");
        let reason = |look: usize| record.looks[look].metrics[0].hold.as_ref();
        // One failure of a source is no reason yet.
        let is_provider = matches!(trouble, Trouble::Provider(_));
        assert_ne!(reason(1).map(Hold::name) == Some(name), is_provider, "{trouble:?}");
        let hold = reason(2).unwrap();
        assert_eq!(
            (hold.name(), hold.mutes_all(), hold.stops_the_clock()),
            (name, mutes, stops),
            "{trouble:?}"
        );
        assert_eq!((record.outcome.reasons, &*record.outcome.rule), (vec![format!("errors: {words}")], name));
        // A block of the step counts towards its least time, unless the clock stands still. A first failure stops nothing.
        let seconds = record.looks[2].step_seconds;
        let counted = if is_provider {
            30
        } else if stops {
            15
        } else {
            45
        };
        assert_eq!(seconds, counted, "{trouble:?}");
    }
}
