//! The decision rule: evidence of every metric in, one verdict out.

use serin_stats::ratio::math::log;

/// How one metric stands at a look.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Standing {
    /// log E of harm, over the whole rollout.
    pub harm: f64,
    /// log E of no harm, in this step alone.
    pub no_worse: f64,
    /// Its share of alpha; 0 for a metric that is only reported.
    pub weight: f64,
    /// Whether PASS needs it.
    pub is_guard: bool,
    /// Whether its data can be used.
    pub is_valid: bool,
}

/// What follows from the evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ruling {
    /// The metrics whose evidence of harm reached its bar.
    Fail(Vec<usize>),
    /// Every guard metric is shown to be no worse.
    Pass,
    /// A metric is not valid: the first such.
    Invalid(usize),
    /// It is too early for PASS.
    TooEarly,
    /// The guard metric with the least evidence; none without a guard metric.
    UnderPowered(Option<usize>),
}

/// The bar of a metric's evidence of harm: the weights of all metrics that may FAIL, over alpha times its own.
#[must_use]
pub fn harm_bar(alpha: f64, all_weights: f64, weight: f64) -> f64 {
    log(all_weights / (alpha * weight))
}

/// The bar of evidence of no harm.
#[must_use]
pub fn pass_bar(beta: f64) -> f64 {
    log(1.0 / beta)
}

/// Values are compared in steps of 2^-30, far above what the last bit of a sum may differ by.
#[must_use]
pub fn reaches(value: f64, bar: f64) -> bool {
    let steps = |v: f64| (v * f64::from(1u32 << 30)).round();
    steps(value) >= steps(bar)
}

/// FAIL before anything else, then what is invalid, then the time, then PASS. `is_muted` when nothing can be trusted.
#[must_use]
pub fn decide(alpha: f64, beta: f64, is_old_enough: bool, is_muted: bool, metrics: &[Standing]) -> Ruling {
    let all: f64 = metrics.iter().map(|metric| metric.weight).sum();
    let is_harmed = |metric: &Standing| {
        metric.is_valid && metric.weight > 0.0 && reaches(metric.harm, harm_bar(alpha, all, metric.weight))
    };
    let harmed: Vec<usize> = (0..metrics.len()).filter(|i| is_harmed(&metrics[*i])).collect();
    if !harmed.is_empty() && !is_muted {
        return Ruling::Fail(harmed);
    }
    if let Some(invalid) = metrics.iter().position(|metric| !metric.is_valid) {
        return Ruling::Invalid(invalid);
    }
    if !is_old_enough {
        return Ruling::TooEarly;
    }
    let guards = metrics.iter().enumerate().filter(|(_, metric)| metric.is_guard);
    let least = guards.min_by(|(_, a), (_, b)| a.no_worse.total_cmp(&b.no_worse));
    match least {
        Some((_, metric)) if reaches(metric.no_worse, pass_bar(beta)) => Ruling::Pass,
        least => Ruling::UnderPowered(least.map(|(index, _)| index)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn number(value: &Value) -> f64 {
        value.as_f64().or_else(|| value.as_str()?.parse().ok()).unwrap()
    }

    /// Vectors written from the formulas.
    #[test]
    fn the_rule_is_that_of_the_vectors() {
        let mut checked = 0;
        for line in include_str!("../../stats/testdata/gate-vectors.jsonl").lines() {
            let vector: Value = serde_json::from_str(line).unwrap();
            if vector["kind"] != "verdict" {
                continue;
            }
            let (input, expect) = (&vector["input"], &vector["expect"]);
            let standing = |metric: &Value| Standing {
                harm: number(&metric["log_e_harm"]),
                no_worse: number(&metric["log_e_noharm"]),
                weight: number(&metric["weight"]),
                is_guard: metric["guard"] == true,
                is_valid: metric["valid"] == true,
            };
            let metrics: Vec<Standing> = input["metrics"].as_array().unwrap().iter().map(standing).collect();
            let is_old_enough = input["minimum_time_reached"] == true;
            let ruling =
                decide(number(&input["alpha"]), number(&input["beta"]), is_old_enough, false, &metrics);
            let (word, fired) = match &ruling {
                Ruling::Fail(metrics) => ("FAIL", metrics.clone()),
                Ruling::Pass => ("PASS", Vec::new()),
                Ruling::Invalid(_) => ("HOLD:invalid", Vec::new()),
                Ruling::TooEarly => ("HOLD:minimum-time", Vec::new()),
                Ruling::UnderPowered(_) => ("HOLD:under-powered", Vec::new()),
            };
            assert_eq!(
                (word, serde_json::json!(fired)),
                (expect["verdict"].as_str().unwrap(), expect["metrics_fired"].clone()),
                "{line}"
            );
            checked += 1;
        }
        assert_eq!(checked, 40);
    }

    #[test]
    fn what_mutes_all_mutes_fail_too() {
        let harmed = Standing { harm: 50.0, no_worse: -9.0, weight: 1.0, is_guard: true, is_valid: true };
        assert_eq!(decide(0.05, 0.05, true, false, &[harmed]), Ruling::Fail(vec![0]));
        assert_eq!(decide(0.05, 0.05, true, true, &[harmed]), Ruling::UnderPowered(Some(0)));
    }

    #[test]
    fn without_a_guard_nothing_passes() {
        let watch = Standing { harm: -1.0, no_worse: 50.0, weight: 1.0, is_guard: false, is_valid: true };
        assert_eq!(decide(0.05, 0.05, true, false, &[watch]), Ruling::UnderPowered(None));
    }
}
