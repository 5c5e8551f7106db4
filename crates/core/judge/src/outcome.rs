//! What a judgement comes to for whoever waits for it: Kayenta's verdict, or that there was nothing to base one on.
//!
//! Kayenta turns missing data into a verdict: now success, now failure. [`Outcome`] keeps the two apart. It changes neither
//! score nor label, which stay in the judgement as Kayenta has them.

use crate::classify::Rule;
use crate::input::Pair;
use crate::result::{Judgement, PairResult};
use crate::score::Verdict;

/// The verdict, if there is evidence for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The score reaches `pass`.
    Pass,
    /// The score reaches `marginal` only.
    Marginal,
    /// Neither.
    Fail,
    /// No metric that counts was compared: each had no data on a side, or no interval, or was muted.
    NoEvidence,
}

impl Outcome {
    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "Pass",
            Self::Marginal => "Marginal",
            Self::Fail => "Fail",
            Self::NoEvidence => "No evidence",
        }
    }
}

impl Judgement {
    /// What this judgement on `pairs` comes to. One metric with evidence is enough for a verdict.
    #[must_use]
    pub fn outcome(&self, pairs: &[Pair]) -> Outcome {
        let has_evidence = |(result, pair): (&PairResult, &Pair)| !result.muted && is_compared(result, pair);
        if !self.results.iter().zip(pairs).any(has_evidence) {
            return Outcome::NoEvidence;
        }
        match self.score.verdict {
            Verdict::Pass => Outcome::Pass,
            Verdict::Marginal => Outcome::Marginal,
            Verdict::Fail => Outcome::Fail,
        }
    }
}

/// Whether values of both sides were held against each other. Zeros that stand for missing values are none.
fn is_compared(result: &PairResult, pair: &Pair) -> bool {
    let is_there =
        |side: &Option<Vec<f64>>| side.as_ref().is_some_and(|side| side.iter().any(|value| !value.is_nan()));
    let is_ruled_out = matches!(
        result.found.rule,
        Rule::MissingFails | Rule::Missing | Rule::MissingReplaced | Rule::AllTied
    );
    !is_ruled_out && is_there(&pair.experiment) && is_there(&pair.control)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::input::Input;
    use crate::judge::judge;

    #[test]
    fn a_verdict_needs_one_metric_with_evidence() {
        let (full, none) = (json!([1, 2, 3, 4, 5, 6]), json!(["NaN", "NaN"]));
        for (case, options, pairs, wanted) in [
            ("nothing", json!({}), vec![], Outcome::NoEvidence),
            ("same", json!({}), vec![(&full, &full)], Outcome::Pass),
            ("a side is empty", json!({}), vec![(&full, &none)], Outcome::NoEvidence),
            ("must have data", json!({"mustHaveData": true}), vec![(&none, &full)], Outcome::NoEvidence),
            ("holes as zeros", json!({"nanStrategy": "replace"}), vec![(&none, &none)], Outcome::NoEvidence),
            ("muted", json!({"muted": true}), vec![(&full, &full)], Outcome::NoEvidence),
            ("one of two", json!({}), vec![(&full, &full), (&none, &full)], Outcome::Fail),
            ("one point a side", json!({}), vec![(&json!([1]), &json!([2]))], Outcome::NoEvidence),
        ] {
            let pair = |(x, y)| json!({"name": "m", "values": {"experiment": x, "control": y}});
            let pairs: Vec<_> = pairs.into_iter().map(pair).collect();
            let input: Input = serde_json::from_value(json!({
                "canaryConfig": {"classifier": {}, "metrics": [
                    {"name": "m", "groups": ["g"], "analysisConfigurations": {"canary": options}}]},
                "scoreThresholds": {"pass": 95, "marginal": 75},
                "metricSetPairList": pairs,
            }))
            .unwrap();
            let judgement = judge(&input).unwrap();
            assert_eq!(judgement.outcome(&input.metric_set_pair_list.unwrap()), wanted, "{case}");
        }
    }
}
