use serde_json::json;
use serin_api::lenient;

use super::*;

const PHASES: [&str; 12] = [
    "",
    "Initializing",
    "Initialized",
    "Waiting",
    "Progressing",
    "WaitingPromotion",
    "Promoting",
    "Finalising",
    "Succeeded",
    "Failed",
    "Terminating",
    "Terminated",
];

fn canary(phase: &str) -> Canary {
    let hook = |name: &str, kind: &str| json!({"name": name, "type": kind, "url": "http://h"});
    let hooks = [
        hook("load", "rollout"),
        hook("promotion", "confirm-promotion"),
        hook("start", "confirm-rollout"),
        hook("growth", "confirm-traffic-increase"),
        hook("twice", "confirm-traffic-increase"),
        hook("twice", "confirm-promotion"),
    ];
    let status = if phase.is_empty() { json!({}) } else { json!({ "phase": phase }) };
    let target = json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"});
    let spec = json!({"targetRef": target, "analysis": {"webhooks": hooks}});
    lenient(json!({"metadata": {"name": "web"}, "spec": spec, "status": status})).value
}

fn word(verb: Verb, gate: Option<&str>) -> Word {
    Word { verb, revision: "s1a".to_owned(), gate: gate.map(str::to_owned), by: "jane".to_owned() }
}

/// `now` or `later` with what is allowed, or why nothing is.
fn told(canary: &Canary, word: &Word) -> String {
    let allowed = |granted: Granted| {
        let mut all: Vec<String> = granted.gates.into_keys().collect();
        all.extend(granted.promote.map(|by| format!("promote by {by}")));
        all.extend(granted.abort.map(|by| format!("abort by {by}")));
        all.join(" ")
    };
    match effect(canary, word) {
        Ok(Effect::Now(granted)) => format!("now {}", allowed(granted)),
        Ok(Effect::Later(granted)) => format!("later {}", allowed(granted)),
        Err(why) => why,
    }
}

/// What each of eight words does in the phases of a run.
const RUNS: [(&str, [&str; 8]); 5] = [
    (
        "Waiting",
        [
            "now confirm-rollout/start",
            "now confirm-rollout/start",
            "later confirm-traffic-increase/growth",
            "later confirm-promotion/promotion",
            "later confirm-traffic-increase/twice",
            "no gate is called \"load\"; its gates are promotion (confirm-promotion), start (confirm-rollout), growth \
             (confirm-traffic-increase), twice (confirm-traffic-increase), twice (confirm-promotion)",
            "now promote by jane",
            "now abort by jane",
        ],
    ),
    (
        "Progressing",
        [
            "now confirm-traffic-increase/growth confirm-traffic-increase/twice",
            "it is Progressing: gate \"start\" is behind it",
            "now confirm-traffic-increase/growth",
            "later confirm-promotion/promotion",
            "now confirm-traffic-increase/twice",
            "no gate is called \"load\"; its gates are",
            "now promote by jane",
            "now abort by jane",
        ],
    ),
    (
        "WaitingPromotion",
        [
            "now confirm-promotion/promotion confirm-promotion/twice",
            "it is WaitingPromotion: gate \"start\" is behind it",
            "it is WaitingPromotion: gate \"growth\" is behind it",
            "now confirm-promotion/promotion",
            "now confirm-promotion/twice",
            "no gate is called \"load\"; its gates are",
            "now promote by jane",
            "now abort by jane",
        ],
    ),
    ("Promoting", ENDING),
    ("Finalising", ENDING),
];

/// The same when the promotion has begun.
const ENDING: [&str; 8] = [
    "no gate is left",
    "no gate is left",
    "no gate is left",
    "no gate is left",
    "no gate is left",
    "no gate is left",
    "it is being promoted already",
    "the primary has the new version already; to go back, give Deployment web its earlier version",
];

#[test]
fn each_word_in_each_phase() {
    let said = [
        word(Verb::Approve, None),
        word(Verb::Approve, Some("start")),
        word(Verb::Approve, Some("growth")),
        word(Verb::Approve, Some("promotion")),
        word(Verb::Approve, Some("twice")),
        word(Verb::Approve, Some("load")),
        word(Verb::Promote, None),
        word(Verb::Abort, None),
    ];
    for phase in PHASES {
        let expected = RUNS.iter().find(|(name, _)| *name == phase).map(|(_, expected)| *expected);
        let resting = match phase {
            "" | "Initializing" => "it is not initialized yet",
            "Terminating" | "Terminated" => "it is being deleted",
            _ => "no new version is on its way",
        };
        for (word, expected) in said.iter().zip(expected.unwrap_or([resting; 8])) {
            let is = told(&canary(phase), word);
            let is_exact = expected.starts_with("now ") || expected.starts_with("later ");
            let is_so = if is_exact { is == expected } else { is.contains(expected) };
            assert!(is_so, "{phase} {word:?}: {is}, not {expected}");
            let mut suspended = canary(phase);
            suspended.spec.suspend = true;
            assert!(told(&suspended, word).contains("spec.suspend"), "{phase} {word:?}");
        }
    }
}

#[test]
fn a_gate_must_be_named_when_none_is_asked() {
    let mut canary = canary("Progressing");
    let hooks = &mut canary.spec.analysis.as_mut().unwrap().webhooks;
    hooks.retain(|hook| hook.name == "promotion");
    let is = told(&canary, &word(Verb::Approve, None));
    assert!(is.contains("its gates are promotion (confirm-promotion)"), "{is}");
    hooks_of(&mut canary).clear();
    assert!(told(&canary, &word(Verb::Approve, None)).ends_with("it has none"));
}

fn hooks_of(canary: &mut Canary) -> &mut Vec<CanaryWebhook> {
    &mut canary.spec.analysis.as_mut().unwrap().webhooks
}

#[test]
fn what_is_granted_opens_its_gates_and_no_others() {
    let canary = canary("Waiting");
    let hooks = &canary.spec.analysis.as_ref().unwrap().webhooks;
    let opened = |granted: &Granted| -> Vec<String> {
        let open = hooks.iter().filter(|hook| granted.opens(hook).is_some());
        open.map(|hook| format!("{}/{}", hook.kind, hook.name)).collect()
    };
    let mut granted = Granted::default();
    assert!(granted.is_empty() && opened(&granted).is_empty());
    let Ok(Effect::Later(more)) = effect(&canary, &word(Verb::Approve, Some("twice"))) else { panic!() };
    granted.add(more);
    assert_eq!(opened(&granted), ["confirm-traffic-increase/twice"]);
    let Ok(Effect::Now(more)) = effect(&canary, &word(Verb::Promote, None)) else { panic!() };
    granted.add(more);
    assert_eq!(opened(&granted).len(), 5, "all gates, but no hook that judges");
    assert!(!opened(&granted).contains(&"rollout/load".to_owned()));
    assert_eq!(Granted::parse(&json!(granted).to_string()), Some(granted));
}

#[test]
fn a_word_is_read_as_it_was_written_and_nothing_else_is_a_word() {
    for verb in [Verb::Approve, Verb::Promote, Verb::Abort] {
        for gate in [None, Some("a gate")] {
            let word = word(verb, gate);
            assert_eq!(Word::parse(&json!(word).to_string()), Ok(word));
        }
    }
    for text in ["", "abort", "{}", r#"{"word":"abort"}"#, r#"{"word":"stop","revision":"a"}"#, "[]", "null"]
    {
        let why = Word::parse(text).unwrap_err();
        assert!(why.starts_with(WORD) && why.contains("serin canary"), "{why}");
    }
    let why = Word::parse(r#"{"word":"abort","revision":"a","gates":1}"#).unwrap_err();
    assert!(why.contains("gates"), "{why}");
}
