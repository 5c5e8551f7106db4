//! Comparing two recordings of the same session: what differs by nature becomes a placeholder, what differs by decision is
//! on a list with its number in the specification, everything else is a complaint.

use std::fmt::Write as _;

use anyhow::Result;
use regex::Regex;

mod accepted;

pub use accepted::{ACCEPTED, Accepted};

/// Puts placeholders for what differs between any two runs: times, ages, uids, versions, hashes and names of pods.
pub struct Normaliser {
    rules: Vec<(Regex, &'static str)>,
    hash: Regex,
    hashes: Vec<String>,
}

impl Normaliser {
    /// A normaliser; hashes are numbered in the order in which it meets them, so files go in in the session's order.
    pub fn new() -> Result<Self> {
        let rules = [
            (r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?Z", "TIME"),
            (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "UID"),
            (r"v\d+\.\d+\.\d+\+\w+", "VERSION"),
            (r#"resourceVersion: "\d+""#, r#"resourceVersion: "N""#),
            (r"currentStepHash: \w+", "currentStepHash: HASH"),
            (r#"("observedGeneration"): \d+"#, "$1: N"),
            (r"(HASH\d+)-[a-z0-9]{5}\b", "$1-POD"),
            (r"delay:(\d+[hms])+", "delay:AGE"),
            (r" (\d+[dhms])+( |$)", " AGE$2"),
            (r"(totalManualPauseDurationSeconds): \d+", "$1: N"),
            (r" {2,}", "  "),
            (r" +$", ""),
        ];
        let rules = rules.into_iter().map(|(from, to)| Ok((Regex::new(from)?, to))).collect::<Result<_>>()?;
        // The alphabet of hashes; a name of our own making is never spelled with it alone.
        Ok(Self {
            rules,
            hash: Regex::new(r"demo-([bcdfghjklmnpqrstvwxz2456789]{6,10})\b")?,
            hashes: Vec::new(),
        })
    }

    /// The lines of a text, with placeholders.
    pub fn lines(&mut self, text: &str) -> Vec<String> {
        for found in self.hash.captures_iter(text) {
            let hash = found[1].to_owned();
            if !self.hashes.contains(&hash) {
                self.hashes.push(hash);
            }
        }
        let line = |line: &str| {
            let mut line = line.to_owned();
            for (index, hash) in self.hashes.iter().enumerate() {
                line = line.replace(hash.as_str(), &format!("HASH{}", index + 1));
            }
            for (from, to) in &self.rules {
                line = from.replace_all(&line, *to).into_owned();
            }
            line
        };
        let mut lines: Vec<String> = text.lines().map(line).collect();
        sort_sections(&mut lines);
        lines
    }
}

/// The fields of a condition.
const CONDITION: [&str; 6] =
    ["lastTransitionTime:", "lastUpdateTime:", "message:", "reason:", "status:", "type:"];

/// ReplicaSets are listed by name, that is by hash, and conditions by the second of their last change: neither order says
/// anything.
fn sort_sections(lines: &mut [String]) {
    let mut index = 0;
    while index < lines.len() {
        if lines[index].trim() == "conditions:" {
            let from = index + 1;
            let inside = |line: &String| {
                CONDITION.iter().any(|key| line.trim_start_matches([' ', '-']).starts_with(key))
            };
            let to =
                lines[from..].iter().position(|line| !inside(line)).map_or(lines.len(), |end| from + end);
            sort_conditions(&mut lines[from..to]);
            index = to;
            continue;
        }
        if lines[index] == "== replica sets" {
            let from = index + 1;
            let to = lines[from..].iter().position(String::is_empty).map_or(lines.len(), |end| from + end);
            lines[from..to].sort();
            index = to;
        }
        index += 1;
    }
}

/// Conditions of five lines each, sorted by their last line, the type.
fn sort_conditions(lines: &mut [String]) {
    let is_start = |line: &String| line.trim_start().starts_with("- ");
    let mut conditions: Vec<Vec<String>> = Vec::new();
    for line in lines.iter() {
        match conditions.last_mut() {
            Some(condition) if !is_start(line) => condition.push(line.clone()),
            _ => conditions.push(vec![line.clone()]),
        }
    }
    conditions.sort_by(|a, b| a.last().cmp(&b.last()));
    for (place, line) in lines.iter_mut().zip(conditions.into_iter().flatten()) {
        *place = line;
    }
}

/// One line that only one side has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// Recorded, and not said by us.
    Missing(String),
    /// Said by us, and not recorded.
    Extra(String),
}

impl Difference {
    /// The line.
    #[must_use]
    pub fn line(&self) -> &str {
        match self {
            Self::Missing(line) | Self::Extra(line) => line,
        }
    }
}

/// The lines that only one side has, in order, by the longest common subsequence.
#[must_use]
pub fn differences(recorded: &[String], ours: &[String]) -> Vec<Difference> {
    let (n, m) = (recorded.len(), ours.len());
    let mut common = vec![vec![0_u32; m + 1]; n + 1];
    for i in (0..n).rev() {
        for j in (0..m).rev() {
            common[i][j] = if recorded[i] == ours[j] {
                common[i + 1][j + 1] + 1
            } else {
                common[i + 1][j].max(common[i][j + 1])
            };
        }
    }
    let (mut i, mut j, mut out) = (0, 0, Vec::new());
    while i < n || j < m {
        if i < n && j < m && recorded[i] == ours[j] {
            (i, j) = (i + 1, j + 1);
        } else if j == m || (i < n && common[i][j + 1] <= common[i + 1][j]) {
            out.push(Difference::Missing(recorded[i].clone()));
            i += 1;
        } else {
            out.push(Difference::Extra(ours[j].clone()));
            j += 1;
        }
    }
    out
}

/// The complaints about one picture or transcript of the session.
///
/// # Errors
/// When a complaint cannot be written.
pub fn compare(file: &str, recorded: &[String], ours: &[String]) -> Result<String> {
    let mut decided: Vec<(Difference, &str)> = Vec::new();
    for accepted in ACCEPTED.iter().filter(|accepted| accepted.file == file) {
        let missing = accepted.recorded.iter().map(|line| Difference::Missing((*line).to_owned()));
        let extra = accepted.ours.iter().map(|line| Difference::Extra((*line).to_owned()));
        decided.extend(missing.chain(extra).map(|difference| (difference, accepted.number)));
    }
    let mut out = String::new();
    for difference in differences(recorded, ours) {
        if let Some(place) = decided.iter().position(|(known, _)| *known == difference) {
            decided.swap_remove(place);
            continue;
        }
        match &difference {
            Difference::Missing(line) => writeln!(out, "  - {line}")?,
            Difference::Extra(line) => writeln!(out, "  + {line}")?,
        }
    }
    for (difference, number) in decided {
        writeln!(out, "  {number} is not seen: {}", difference.line())?;
    }
    Ok(out)
}

/// A17.4: a recorded picture as it were, had the controller not written the user's template back with defaults, which
/// raised the generation by one. A template that `undo` brought back from a ReplicaSet has all defaults on both sides.
///
/// # Errors
/// Never; the patterns are constant.
pub fn never_written_back(recorded: &str) -> Result<String> {
    let generation = Regex::new(r#"^(  generation: |  observedGeneration: ")(\d+)("?)$"#)?;
    let defaults = ["        resources: {}", "          protocol: TCP"];
    let is_written_by_user = !recorded.contains("terminationMessagePath");
    let mut text = String::new();
    for line in recorded.lines().filter(|line| !(is_written_by_user && defaults.contains(line))) {
        match generation.captures(line) {
            Some(found) => {
                let earlier = found[2].parse::<u64>()?.saturating_sub(1);
                writeln!(text, "{}{earlier}{}", &found[1], &found[3])?;
            }
            None => writeln!(text, "{line}")?,
        }
    }
    Ok(text)
}

/// The complaints about the Rollout's events, given as `Rollout Type Reason Message` in order.
///
/// A17.2: after 25 normal events the recorded controller lost every further one. So the first 25 must be the same in the
/// same order, and all warnings. Events of ReplicaSets come from Kubernetes itself.
///
/// # Errors
/// When a complaint cannot be written.
pub fn compare_events(recorded: &[String], ours: &[String]) -> Result<String> {
    let of = |events: &[String], kind: &str| -> Vec<String> {
        let prefix = format!("Rollout {kind} ");
        events.iter().filter(|event| event.starts_with(&prefix)).cloned().collect()
    };
    let mut out = String::new();
    for kind in ["Normal", "Warning"] {
        let (recorded, mut ours) = (of(recorded, kind), of(ours, kind));
        if recorded.is_empty() {
            writeln!(out, "  no {kind} event is recorded: nothing to compare with")?;
        }
        if kind == "Normal" {
            ours.truncate(recorded.len());
        }
        for difference in differences(&recorded, &ours) {
            match difference {
                Difference::Missing(line) => writeln!(out, "  - {line}")?,
                Difference::Extra(line) => writeln!(out, "  + {line}")?,
            }
        }
    }
    Ok(out)
}

/// The events of `events.txt`, whose repetitions are counted away.
///
/// # Errors
/// Never; the pattern is constant.
pub fn listed_events(lines: &[String]) -> Result<Vec<String>> {
    let form = Regex::new(r"^(\w+) +(\w+) +(\w+) +x\d+ (.*)$")?;
    Ok(lines.iter().map(|line| form.replace(line, "$1 $2 $3 $4").into_owned()).collect())
}

/// The events of `trace.jsonl`, each repetition for itself, in the order in which they were written.
///
/// # Errors
/// When a line is not JSON.
pub fn traced_events(trace: &str) -> Result<String> {
    let mut text = String::new();
    for line in trace.lines() {
        let change: serde_json::Value = serde_json::from_str(line)?;
        let field = |name: &str| change[name].as_str().unwrap_or_default().to_owned();
        if field("what") == "event" && field("change") != "DELETED" {
            let on = field("on");
            let kind = on.split('/').next().unwrap_or_default();
            writeln!(text, "{kind} {} {} {}", field("type"), field("reason"), field("message"))?;
        }
    }
    Ok(text)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        Normaliser::new().unwrap().lines(text)
    }

    #[test]
    fn what_differs_between_any_two_runs_becomes_a_placeholder() {
        for (text, wanted) in [
            ("  creationTimestamp: \"2026-11-21T07:21:47Z\"", "  creationTimestamp: \"TIME\""),
            ("  uid: 278c6fcd-63ef-40da-854d-7bceb7b6d9b2", "  uid: UID"),
            ("  resourceVersion: \"1035\"", "  resourceVersion: \"N\""),
            (
                "demo-f6d69c8cd-4g8fd  Pod  ✔ Running  5s   ready:1/1",
                "demo-HASH1-POD  Pod  ✔ Running  AGE  ready:1/1",
            ),
            (
                "⧉ demo-84dd7c785d  ReplicaSet  ✔ Healthy  1m5s  stable,delay:29s",
                "⧉ demo-HASH1  ReplicaSet  ✔ Healthy  AGE  stable,delay:AGE",
            ),
            ("NAME                KIND", "NAME  KIND"),
            ("          duration: 10s", "  duration: AGE"),
        ] {
            assert_eq!(lines(text), [wanted], "{text}");
        }
    }

    #[test]
    fn conditions_are_compared_by_type_not_by_second() {
        let condition =
            |kind: &str| format!("  - lastTransitionTime: x\n    status: \"True\"\n    type: {kind}\n");
        let text = |a: &str, b: &str| {
            format!("  conditions:\n{}{}  controllerPause: true\n", condition(a), condition(b))
        };
        assert_eq!(lines(&text("Paused", "Available")), lines(&text("Available", "Paused")));
        assert_eq!(lines(&text("Paused", "Available"))[7], "  controllerPause: true");
    }

    #[test]
    fn a_hash_keeps_its_number_through_the_files() {
        let mut normaliser = Normaliser::new().unwrap();
        assert_eq!(normaliser.lines("demo-f6d69c8cd")[0], "demo-HASH1");
        assert_eq!(normaliser.lines("demo-84dd7c785d f6d69c8cd")[0], "demo-HASH2 HASH1");
    }

    #[test]
    fn only_decided_differences_are_accepted_and_only_where_they_were_decided() {
        let own = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect::<Vec<String>>();
        for accepted in ACCEPTED {
            let (recorded, ours) = (own(accepted.recorded), own(accepted.ours));
            assert_eq!(compare(accepted.file, &recorded, &ours).unwrap(), "", "{}", accepted.number);
            assert!(!compare("03-paused-25.txt", &recorded, &ours).unwrap().is_empty());
            assert!(
                !compare(accepted.file, &recorded, &ours[1..]).unwrap().is_empty(),
                "one line is not said"
            );
            assert!(compare(accepted.file, &[], &[]).unwrap().contains(accepted.number));
            let mut more = ours.clone();
            more.push("  phase: Paused".into());
            assert_eq!(compare(accepted.file, &recorded, &more).unwrap(), "  +   phase: Paused\n");
        }
    }

    #[test]
    fn accepted_differences_are_in_the_list_for_users() {
        let list = include_str!("../../docs/differences.md");
        for number in ACCEPTED.iter().map(|accepted| accepted.number).chain(["A17.2", "A17.4"]) {
            assert!(list.contains(&format!("| {number} |")), "{number} is not in docs/differences.md");
        }
    }

    #[test]
    fn a_template_that_was_never_written_back_has_no_defaults_and_one_generation_less() {
        let text = "metadata:\n  generation: 3\nspec:\n          protocol: TCP\n        resources: {}\nstatus:\n  \
                    observedGeneration: \"3\"\nitems:\n    generation: 1\n";
        let wanted = "metadata:\n  generation: 2\nspec:\nstatus:\n  observedGeneration: \"2\"\nitems:\n    \
                      generation: 1\n";
        assert_eq!(never_written_back(text).unwrap(), wanted);
        let undone = "        resources: {}\n        terminationMessagePath: /dev/termination-log\n";
        assert_eq!(never_written_back(undone).unwrap(), undone);
    }

    #[test]
    fn events_agree_in_order_up_to_where_the_recording_was_cut() {
        let events =
            |text: &str| text.split(' ').map(|word| format!("Rollout Normal {word}")).collect::<Vec<_>>();
        let with_warning = |mut events: Vec<String>| {
            events.push("Rollout Warning RolloutAborted x".into());
            events
        };
        let recorded = with_warning(events("a b c"));
        for (ours, agrees) in [
            (with_warning(events("a b c")), true),
            (with_warning(events("a b c d a")), true),
            (with_warning(events("a c b")), false),
            (with_warning(events("a b b c")), false),
            (with_warning(events("a b")), false),
            (events("a b c"), false),
            (with_warning(with_warning(events("a b c"))), false),
        ] {
            assert_eq!(compare_events(&recorded, &ours).unwrap().is_empty(), agrees, "{ours:?}");
        }
        assert!(!compare_events(&[], &[]).unwrap().is_empty(), "an empty recording proves nothing");
    }

    #[test]
    fn both_lists_of_events_are_read_alike() {
        let listed = listed_events(&["Rollout  Normal  RolloutPaused  x3 Rollout is paused".into()]).unwrap();
        let line = r#"{"t": 1, "what": "event", "change": "MODIFIED", "on": "Rollout/demo", "type": "Normal", "reason": "RolloutPaused", "message": "Rollout is paused"}"#;
        assert_eq!(traced_events(line).unwrap().trim_end(), listed[0]);
    }

    #[test]
    fn differences_name_each_line_that_one_side_lacks() {
        let text = |lines: &str| lines.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let found = differences(&text("a b c d"), &text("a c x d"));
        assert_eq!(found, [Difference::Missing("b".into()), Difference::Extra("x".into())]);
        assert_eq!(differences(&text("a b"), &text("a b")), []);
    }
}
