//! What is planned for: the lines of evidence of a policy, with what their past says of rates, bursts and pods.

use serde::Serialize;
use serin_stats::ratio::{dispersion, math::log, pods};

use super::Service;
use crate::{
    block::{Arm, Block, Cell, Roster, Seen, Value},
    decide,
    engine::Gate,
    policy::{Class, Kind, Metric, Policy, PolicyError},
};

/// One line of evidence: a metric, or one edge of a histogram.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Subject {
    /// What it is called.
    pub name: String,
    /// Its margins, floor and class.
    pub metric: Metric,
    /// What is known of the service.
    pub service: Service,
    /// The evidence that FAIL needs, as a logarithm.
    pub fail_bar: f64,
    /// The evidence that PASS needs, as a logarithm.
    pub pass_bar: f64,
}

/// A metric that cannot be planned for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Skipped {
    /// The metric.
    pub name: String,
    /// Why, and what to do.
    pub why: String,
}

/// The lines of a policy.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Survey {
    /// Those that can be planned for.
    pub subjects: Vec<Subject>,
    /// The others.
    pub skipped: Vec<Skipped>,
}

/// What a person says of a service of which nothing was measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Given {
    /// Requests per minute, both versions together, above 0.
    pub requests_per_minute: f64,
    /// The share of them that are events, above 0.
    pub event_rate: f64,
    /// φ, at least 1; none when it is not known.
    pub phi: Option<f64>,
    /// How far apart the rates of equal pods are (coefficient of variation); none when it is not known.
    pub pod_spread: Option<f64>,
    /// Pods of the stable version, at least 1.
    pub stable_pods: f64,
}

impl Given {
    /// The service. What is not known is what the gate takes for granted without a past.
    #[must_use]
    pub fn service(&self) -> Service {
        let phi = self.phi.unwrap_or(dispersion::PRIOR_PHI);
        let likely = log_spread(self.pod_spread.unwrap_or(dispersion::PRIOR_SPREAD));
        Service {
            exposure: self.requests_per_minute,
            rate: self.event_rate,
            phi,
            likely_phi: phi,
            between_pods: self.pod_spread.map_or(dispersion::unknown().between_pods, log_spread),
            likely_between_pods: likely,
            stable_pods: self.stable_pods,
            is_per_pod: false,
        }
    }
}

/// The standard deviation of the logarithm of what varies by this coefficient.
fn log_spread(variation: f64) -> f64 {
    (variation * variation).ln_1p().sqrt()
}

/// The bars of a metric of a policy: FAIL, PASS.
#[must_use]
pub fn bars(policy: &Policy, metric: &Metric) -> (f64, f64) {
    let counting = policy.metrics.iter().filter(|metric| metric.class != Class::Note);
    let all: f64 = counting.map(|metric| metric.weight).sum();
    (decide::harm_bar(policy.alpha, all, metric.weight), decide::pass_bar(policy.beta))
}

/// Measures every metric from blocks of the past, as the gate does before a rollout. `is_per_pod` says of each metric whether
/// its exposure is the pods' time.
///
/// # Errors
/// When the policy cannot be kept.
pub fn survey(
    policy: &Policy,
    roster: &Roster,
    past: &[Block],
    is_per_pod: impl Fn(usize) -> bool,
) -> Result<Survey, PolicyError> {
    let gate = Gate::open(policy.clone(), roster.clone(), past)?;
    let mut survey = Survey::default();
    for (place, metric) in policy.metrics.iter().enumerate() {
        let mut skip = |why: &str| {
            survey.skipped.push(Skipped { name: metric.name.clone(), why: why.to_owned() });
        };
        match &metric.kind {
            _ if metric.class == Class::Note => skip("is a note: it decides nothing"),
            Kind::Gauge { .. } => {
                skip("is a gauge: plans are made for counts; serin gate backtest tells how long it takes");
            }
            Kind::Count | Kind::Latency { .. } => {
                let counted = Counted::of(past, roster, place, lines(&metric.kind), policy.block);
                if counted.stable_exposure == 0 {
                    skip("has no exposure in this past: look at its query with serin gate lint");
                    continue;
                }
                let (fail_bar, pass_bar) = bars(policy, metric);
                for edge in guarding(&metric.kind) {
                    let Some(state) = gate.lines(place).get(edge).copied() else { continue };
                    let service = Service {
                        exposure: counted.exposure as f64 / counted.minutes,
                        // A past without any event says that there is less than one in it.
                        rate: counted.events[edge].max(1) as f64 / counted.stable_exposure as f64,
                        phi: state.phi,
                        likely_phi: state.likely_phi,
                        between_pods: state.between_pods,
                        likely_between_pods: state.likely_between_pods,
                        stable_pods: counted.stable_pods,
                        is_per_pod: is_per_pod(place),
                    };
                    if counted.events[edge] == 0 {
                        let why = "has no event in this past: it is planned for as if there had been one";
                        survey.skipped.push(Skipped { name: of_edge(metric, edge), why: why.to_owned() });
                    }
                    survey.subjects.push(Subject {
                        name: of_edge(metric, edge),
                        metric: metric.clone(),
                        service,
                        // Harm of a histogram is the average over its edges, of which this one has a part.
                        fail_bar: fail_bar - log(share(&metric.kind, edge)),
                        pass_bar,
                    });
                }
            }
        }
    }
    Ok(survey)
}

fn lines(kind: &Kind) -> usize {
    if let Kind::Latency { edges, .. } = kind { edges.len() } else { 1 }
}

/// The edges that must be shown to be no worse.
fn guarding(kind: &Kind) -> Vec<usize> {
    match kind {
        Kind::Latency { thresholds, .. } if !thresholds.is_empty() => thresholds.clone(),
        kind => (0..lines(kind)).collect(),
    }
}

fn of_edge(metric: &Metric, edge: usize) -> String {
    match &metric.kind {
        Kind::Latency { edges, .. } => format!("{} above {}", metric.name, edges[edge]),
        Kind::Count | Kind::Gauge { .. } => metric.name.clone(),
    }
}

/// The part that an edge has in the evidence of harm: named ones share one half, as the gate joins them.
fn share(kind: &Kind, edge: usize) -> f64 {
    match kind {
        Kind::Latency { edges, thresholds }
            if thresholds.len() < edges.len() && thresholds.contains(&edge) =>
        {
            0.5 / thresholds.len() as f64
        }
        kind => 1.0 / lines(kind) as f64,
    }
}

/// Sums of one metric's past.
struct Counted {
    minutes: f64,
    exposure: u64,
    stable_exposure: u64,
    events: Vec<u64>,
    stable_pods: f64,
}

impl Counted {
    fn of(past: &[Block], roster: &Roster, place: usize, lines: usize, block: u32) -> Self {
        let mut pods = vec![0u64; roster.pods.len()];
        let (mut blocks, mut exposure, mut events) = (0u32, 0u64, vec![0u64; lines]);
        let is_stable =
            |cell: &Cell| roster.pods.get(cell.pod as usize).map(|pod| pod.arm) == Some(Arm::Stable);
        for seen in past.iter().filter_map(|block| block.metrics.get(place)) {
            let Seen::Cells(cells) = seen else { continue };
            blocks += 1;
            for cell in cells {
                let (n, above) = match &cell.value {
                    Value::Count { x, n } => (*n, std::slice::from_ref(x)),
                    Value::Latency { n, above } => (*n, above.as_slice()),
                    Value::Gauge { .. } => continue,
                };
                exposure = exposure.saturating_add(n);
                if is_stable(cell) && !cell.flags.warm {
                    pods[cell.pod as usize] += n;
                    events.iter_mut().zip(above).for_each(|(sum, x)| *sum += x);
                }
            }
        }
        Self {
            minutes: f64::from(blocks) * f64::from(block) / 60.0,
            exposure,
            stable_exposure: pods.iter().sum(),
            events,
            stable_pods: pods::effective(pods).max(1.0),
        }
    }
}
