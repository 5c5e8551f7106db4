//! What a watch sees of Canaries: in which phase each is, when its run began and ended, and each step of it.

use std::collections::BTreeMap;
use std::time::Instant;

use serde_json::Value;

use crate::watch::Note;

/// All Canaries of a namespace.
#[derive(Debug, Default)]
pub(super) struct Runs {
    runs: BTreeMap<String, Run>,
}

#[derive(Debug)]
struct Run {
    /// Phase, weight and iterations.
    step: (String, i64, i64),
    /// When each step of the run was seen, from `Progressing` on.
    steps: Vec<Instant>,
}

/// What all runs took together.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Course {
    /// Seconds from the first step of each run to its last, sorted.
    pub(super) run_s: Vec<f64>,
    /// Steps that were seen, the first of each run included.
    pub(super) steps: usize,
}

impl Note for Runs {
    fn note(&mut self, name: String, value: &Value, now: Instant) {
        let status = &value["status"];
        let phase = status["phase"].as_str().unwrap_or_default().to_owned();
        let number = |field: &str| status[field].as_i64().unwrap_or(0);
        let step = (phase, number("canaryWeight"), number("iterations"));
        let run =
            self.runs.entry(name).or_insert_with(|| Run { step: Default::default(), steps: Vec::new() });
        let begins = step.0 == "Progressing" && run.steps.is_empty();
        if step != run.step && (begins || !run.steps.is_empty()) {
            run.steps.push(now);
        }
        run.step = step;
    }
}

impl Runs {
    /// How many are in this phase.
    pub(super) fn in_phase(&self, phase: &str) -> usize {
        self.runs.values().filter(|run| run.step.0 == phase).count()
    }

    /// What the runs took.
    pub(super) fn course(&self) -> Course {
        let took = |run: &Run| Some((*run.steps.last()? - *run.steps.first()?).as_secs_f64());
        let mut run_s: Vec<f64> = self.runs.values().filter_map(took).collect();
        run_s.sort_by(f64::total_cmp);
        Course { run_s, steps: self.runs.values().map(|run| run.steps.len()).sum() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::time::Duration;

    #[test]
    fn a_run_lasts_from_progressing_to_its_last_step_and_each_change_is_a_step() {
        let (mut runs, begin) = (Runs::default(), Instant::now());
        for (second, phase, weight) in [
            (0, "Initialized", 0),
            (5, "Progressing", 0),
            (6, "Progressing", 0),
            (15, "Progressing", 50),
            (25, "Promoting", 50),
            (35, "Succeeded", 0),
        ] {
            let value = json!({"status": {"phase": phase, "canaryWeight": weight}});
            runs.note("a".into(), &value, begin + Duration::from_secs(second));
        }
        runs.note("b".into(), &json!({"status": {"phase": "Initialized"}}), begin);
        assert_eq!((runs.in_phase("Succeeded"), runs.in_phase("Initialized")), (1, 1));
        assert_eq!(runs.course(), Course { run_s: vec![30.0], steps: 4 });
    }
}
