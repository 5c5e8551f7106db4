//! The gate's evidence on the path that counts follow on average.

use serin_stats::ratio::{
    absolute, combine,
    evidence::Tempered,
    grid::{self, LogLikelihood, Values},
    math::log,
    pods,
    prior::Hypotheses,
};

use super::{Goal, Question, Stage};

/// A bar that the mean path does not reach is not reached at any time before this.
pub(super) const LONGEST: f64 = 60.0 * 24.0 * 365.0;

/// A question with what does not change along its path.
pub(super) struct Path<'a> {
    question: &'a Question<'a>,
    goal: Goal,
    hypotheses: Hypotheses,
    /// The spread of the log ratio that the release's pods will most likely have.
    pub(super) likely_spread: f64,
    /// The spread that the gate allows for.
    spread: f64,
}

/// Sums of one stage at a moment.
struct Sums {
    x: f64,
    y: f64,
    share: f64,
    exposure: f64,
    minutes: f64,
}

impl<'a> Path<'a> {
    pub(super) fn new(question: &'a Question<'a>, goal: Goal) -> Self {
        let service = question.service;
        let spread = pods::spread(service.between_pods, question.canary_pods, service.stable_pods);
        let metric = question.metric;
        let hypotheses = Hypotheses::new(metric.tolerated, metric.margin, spread);
        let pods = 1.0 / question.canary_pods + 1.0 / service.stable_pods;
        Self { question, goal, hypotheses, likely_spread: service.likely_between_pods * pods.sqrt(), spread }
    }

    /// The stages that have begun by `minutes`, each with how long it has lasted.
    fn begun(&self, minutes: f64) -> Vec<(Stage, f64)> {
        let (mut left, mut begun) = (minutes, Vec::new());
        for (place, stage) in self.question.stages.iter().enumerate() {
            let is_last = place + 1 == self.question.stages.len();
            let lasted = if is_last { left } else { left.min(stage.minutes) };
            begun.push((*stage, lasted));
            left -= lasted;
            if left <= 0.0 {
                break;
            }
        }
        begun
    }

    fn sums(&self, stage: Stage, minutes: f64, ratio: f64) -> Sums {
        let service = self.question.service;
        let events = service.exposure * service.rate * minutes;
        Sums {
            x: events * stage.weight * ratio,
            y: events * (1.0 - stage.weight),
            share: stage.weight,
            exposure: service.exposure * stage.weight * minutes,
            minutes,
        }
    }

    /// How much a canary with this log ratio is known by `minutes`: N θ (1 - θ) over the stages that count.
    pub(super) fn information(&self, minutes: f64, eta: f64) -> f64 {
        let ratio = eta.exp();
        let of = |(stage, lasted): &(Stage, f64)| {
            let sums = self.sums(*stage, *lasted, ratio);
            let theta = sums.x / (sums.x + sums.y);
            (sums.x + sums.y) * theta * (1.0 - theta)
        };
        let begun = self.begun(minutes);
        match self.goal {
            Goal::Fail(_) => begun.iter().map(of).sum(),
            Goal::Pass => begun.last().map_or(0.0, of),
        }
    }

    /// The evidence for the verdict, of a canary whose counts show this log ratio.
    pub(super) fn evidence(&self, minutes: f64, eta: f64) -> f64 {
        let ratio = eta.exp();
        let begun = self.begun(minutes);
        let stages: Vec<Sums> =
            begun.iter().map(|(stage, lasted)| self.sums(*stage, *lasted, ratio)).collect();
        match self.goal {
            Goal::Fail(_) => self.harm(&stages),
            // The verdict is that of the last stage, on its own data.
            Goal::Pass if begun.len() < self.question.stages.len() => f64::NEG_INFINITY,
            Goal::Pass => stages.last().map_or(f64::NEG_INFINITY, |sums| self.no_worse(sums)),
        }
    }

    fn harm(&self, stages: &[Sums]) -> f64 {
        let phi = self.question.service.phi;
        let mut whole = LogLikelihood::default();
        let mut steps = Vec::new();
        for sums in stages {
            let (worst, second) = self.excesses(sums);
            let terms = terms(sums, -(worst - second));
            whole.add_terms(&terms);
            let mut step = LogLikelihood::default();
            step.add_terms(&terms);
            steps.push(Tempered::new(&step, phi).log_harm(&self.hypotheses));
        }
        let planned = self.question.stages.len();
        if planned <= 1 {
            return steps.first().copied().unwrap_or(0.0);
        }
        combine::restarted(Tempered::new(&whole, phi).log_harm(&self.hypotheses), &steps, planned)
    }

    fn no_worse(&self, sums: &Sums) -> f64 {
        let (metric, phi) = (self.question.metric, self.question.service.phi);
        let mut step = LogLikelihood::default();
        step.add_terms(&terms(sums, self.excesses(sums).0));
        let relative = Tempered::new(&step, phi).log_no_worse(&self.hypotheses);
        let below =
            || absolute::log_below(sums.x as u64, sums.exposure as u64, metric.floor, phi, self.spread);
        combine::halves(relative, (metric.floor > 0.0).then(below))
    }

    /// How far the canary's worst block and its second worst stand above expectation, on average: quantiles of the block's
    /// excess (Blom 1958), normal with a correction for skewness (Cornish & Fisher 1938).
    fn excesses(&self, sums: &Sums) -> (f64, f64) {
        let blocks = (sums.minutes / self.question.block).max(1.0);
        let odds = sums.share / (1.0 - sums.share) * self.question.metric.tolerated;
        let (x, y) = (sums.x / blocks, sums.y / blocks);
        let phi = self.question.service.likely_phi;
        let mean = x - odds * y;
        let variance = phi * (x + odds * odds * y);
        let deviation = variance.sqrt();
        // Clumps of φ on average give a third moment of φ² for each event, nearly.
        let skewness = phi * phi * x / (variance * deviation).max(f64::MIN_POSITIVE);
        let at = |rank: f64| {
            let place = ((blocks - rank - 0.375 + 1.0) / (blocks + 0.25)).clamp(0.01, 0.999_999);
            let z = serin_stats::normal::quantile(place);
            (mean + deviation * (z + skewness / 6.0 * (z * z - 1.0))).max(0.0)
        };
        let worst = at(1.0);
        (worst, if blocks < 2.0 { worst * (blocks - 1.0) } else { at(2.0) })
    }
}

/// What sums add to the likelihood with so many more events of the canary: the same formula as for counted blocks.
fn terms(sums: &Sums, more: f64) -> Values {
    let x = (sums.x + more).max(0.0);
    let one = grid::one_event(sums.share);
    std::array::from_fn(|j| {
        let eta = grid::log_ratio(j);
        // N log(1 - w + w e^η) is N (η - what one event adds).
        x * eta - (x + sums.y) * (eta - one[j])
    })
}

/// The log ratio against which the verdict is given.
pub(super) fn reference(question: &Question, goal: Goal) -> f64 {
    match goal {
        Goal::Fail(_) => log(question.metric.tolerated),
        Goal::Pass => log(question.metric.margin),
    }
}
