//! Comparing two recordings of the same session: what differs by nature becomes a placeholder, what differs by decision is
//! on a list with its number in the specification, everything else is a complaint.

use std::fmt::Write as _;

use regex::Regex;

use anyhow::Result;

/// A difference that was decided: lines that only one side may have.
#[derive(Clone, Copy, Debug)]
pub struct Accepted {
    /// The number in the specification's lists of defects, and why no client is hurt.
    pub reason: &'static str,
    /// Part of the name of the files that it is about.
    pub file: &'static str,
    /// The lines, after placeholders were put in.
    pub line: &'static str,
}

/// Every difference that was decided.
pub const ACCEPTED: &[Accepted] = &[
    Accepted {
        reason: "17.4: the template is not written back, so no `resources: {}` and no second generation",
        file: "",
        line: r"^ *resources: \{\}$",
    },
    Accepted {
        reason: "17.4: the template is not written back, so no default of the API is added to it",
        file: "",
        line: r"^ *protocol: TCP$",
    },
    Accepted {
        reason: "17.1: an aborted canary's Service stays with stable; the recording caught it on its way back",
        file: "11-aborted",
        line: r"^demo-canary selector ",
    },
    Accepted {
        reason: "time: the 30 s of the first ReplicaSet's delay had passed when the slower controller was looked at",
        file: "14-after-retry",
        line: r"^(Images:|  (demo:red|Current:|Ready:|Available:|HPAReplicas:|availableReplicas:|readyReplicas:|replicas:)|[ │├└─⧉□]+ demo-HASH1|demo  Canary  Paused)",
    },
    Accepted {
        reason: "17.9: a restart ends with its last pod, not 30 s later, so twelve seconds after it the rollout is done",
        file: "23-after-restart",
        line: r"^((Status|Message):|demo  Canary|⟳ demo|│  └──|  (Current|Ready|Available|demo:yellow|HPAReplicas|availableReplicas|readyReplicas|replicas|message|reason|status|phase|restartedAt))",
    },
    Accepted {
        reason: "17.4: no write of our own counts as a generation",
        file: "",
        line: r#"^ *(generation: \d+|observedGeneration: "\d+")$"#,
    },
    Accepted {
        reason: "17.2: no event is dropped by a spam filter, so more of them are there",
        file: "events",
        line: r"^Rollout +(Normal|Warning) +\w+ +x\d+ ",
    },
    Accepted {
        reason: "17.6: no event says that the weight was updated to nothing",
        file: "events",
        line: r"^Rollout +Normal +TrafficWeightUpdated +x\d+ Traffic weight updated$",
    },
    Accepted {
        reason: "17.1: the canary Service is not written hundreds of times, so observed generations of ReplicaSets differ",
        file: "",
        line: r"^demo-HASH\d+ spec ",
    },
    Accepted { reason: "the version is ours", file: "25-version", line: "." },
];

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

/// Whether a difference in a file was decided.
pub fn is_accepted(file: &str, difference: &Difference) -> Result<bool> {
    for accepted in ACCEPTED.iter().filter(|accepted| file.contains(accepted.file)) {
        if Regex::new(accepted.line)?.is_match(difference.line()) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The complaints about one file of the session.
pub fn compare(file: &str, recorded: &[String], ours: &[String]) -> Result<String> {
    let keep = |lines: &[String]| -> Vec<String> {
        // ReplicaSet events come from Kubernetes itself, side by side with the controller's: their order says nothing.
        let ours = |line: &&String| !(file.contains("events") && line.starts_with("ReplicaSet"));
        lines.iter().filter(ours).cloned().collect()
    };
    let mut out = String::new();
    for difference in differences(&keep(recorded), &keep(ours)) {
        if !is_accepted(file, &difference)? {
            match &difference {
                Difference::Missing(line) => writeln!(out, "  - {line}")?,
                Difference::Extra(line) => writeln!(out, "  + {line}")?,
            }
        }
    }
    Ok(out)
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
    fn only_decided_differences_are_accepted() {
        for (file, line, accepted) in [
            ("03-paused-25", "        resources: {}", true),
            ("03-paused-25", "  generation: 3", true),
            ("03-paused-25", "  phase: Paused", false),
            ("events", "Rollout  Normal  RolloutPaused  x1 Rollout is paused (CanaryPauseStep)", true),
            ("events", "Deployment  Normal  ScalingReplicaSet  x1 Scaled up", false),
            ("03-paused-25", "Rollout Normal RolloutPaused x1 a", false),
        ] {
            let difference = Difference::Extra(line.into());
            assert_eq!(is_accepted(file, &difference).unwrap(), accepted, "{file}: {line}");
        }
    }

    #[test]
    fn differences_name_each_line_that_one_side_lacks() {
        let text = |lines: &str| lines.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let found = differences(&text("a b c d"), &text("a c x d"));
        assert_eq!(found, [Difference::Missing("b".into()), Difference::Extra("x".into())]);
        assert_eq!(differences(&text("a b"), &text("a b")), []);
    }
}
