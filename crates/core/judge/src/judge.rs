//! One judgement: every pair classified, then scored.

use serin_stats::describe::Summary;
use serin_stats::outliers;

use crate::classify::{self, Memory};
use crate::config::Metric;
use crate::evidence;
use crate::input::{Input, Pair};
use crate::options::{Mistyped, Options};
use crate::preprocess::preprocess;
use crate::result::{Judgement, PairResult};
use crate::score::score;

/// The name under which Kayenta knows this rule.
pub(crate) const NAME: &str = "NetflixACAJudge-v1.0";

/// Why there is no judgement. Kayenta fails the whole execution in these cases, and so nothing half-read is judged here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A pair names a metric that the configuration does not have.
    #[error("Could not find metric config for {name}")]
    UnknownMetric {
        /// The pair's name.
        name: String,
        /// The pair's place in the list.
        index: usize,
    },
    /// A pair has no series for a side.
    #[error("metricSetPairList[{index}].values.{side} is missing: an empty list says that there is no data")]
    MissingSide {
        /// The pair's place in the list.
        index: usize,
        /// `experiment` or `control`.
        side: &'static str,
    },
    /// The configuration lacks what the score needs.
    #[error("{path} is missing: {remedy}")]
    Missing {
        /// What is missing.
        path: String,
        /// What to write there.
        remedy: &'static str,
    },
    /// An option has the wrong type.
    #[error("metric {metric:?}: {source}")]
    Option {
        /// The metric's name.
        metric: String,
        /// Which, and what belongs there.
        source: Mistyped,
    },
    /// An option has a value that means nothing.
    #[error("metric {metric:?}: analysisConfigurations.canary.outliers.outlierFactor: {source}")]
    OutlierFactor {
        /// The metric's name.
        metric: String,
        /// Kayenta's text.
        source: outliers::Refused,
    },
}

/// A judge with memory that is used again: after the first judgements the arithmetic allocates nothing.
#[derive(Debug, Default)]
pub struct Judge {
    memory: Memory,
}

/// Judges `input` once; see [`Judge::judge`].
///
/// # Errors
/// [`Error`] when there is no judgement.
pub fn judge(input: &Input) -> Result<Judgement, Error> {
    Judge::default().judge(input)
}

impl Judge {
    /// Judges `input`: each pair by the configuration of the metric that it names, then the score.
    ///
    /// # Errors
    /// [`Error`] when there is no judgement. The first pair that cannot be judged decides which.
    pub fn judge(&mut self, input: &Input) -> Result<Judgement, Error> {
        self.judge_told(input, &mut |_| {})
    }

    /// Like [`Judge::judge`], and tells before each pair how many are done.
    ///
    /// # Errors
    /// [`Error`] when there is no judgement. The first pair that cannot be judged decides which.
    pub fn judge_told(&mut self, input: &Input, tell: &mut dyn FnMut(usize)) -> Result<Judgement, Error> {
        let config = &input.canary_config;
        let pairs = input.metric_set_pair_list.as_ref().ok_or_else(|| Error::Missing {
            path: "metricSetPairList".to_owned(),
            remedy: "a list of pairs, which may be empty",
        })?;
        let metrics = config.by_name();
        let pair = |(index, pair): (usize, &Pair)| {
            tell(index);
            let unknown = || Error::UnknownMetric { name: pair.name.clone(), index };
            self.pair(metrics.get(&*pair.name).ok_or_else(unknown)?, index, pair)
        };
        let mut results = pairs.iter().enumerate().map(pair).collect::<Result<Vec<_>, _>>()?;
        let classifier = config.classifier.as_ref().ok_or_else(|| Error::Missing {
            path: "canaryConfig.classifier".to_owned(),
            remedy: "{\"groupWeights\": {…}}, or {} for equal weights",
        })?;
        let thresholds = input.score_thresholds.ok_or_else(|| Error::Missing {
            path: "scoreThresholds".to_owned(),
            remedy: "{\"pass\": …, \"marginal\": …}",
        })?;
        let weights = classifier.group_weights.clone().unwrap_or_default();
        let score = score(&results, &weights, thresholds);
        evidence::of_groups(&mut results, &score, &weights);
        Ok(Judgement { results, score })
    }

    fn pair(&mut self, metric: &Metric, index: usize, pair: &Pair) -> Result<PairResult, Error> {
        let missing = |side| move || Error::MissingSide { index, side };
        let experiment = pair.experiment.as_deref().ok_or_else(missing("experiment"))?;
        let control = pair.control.as_deref().ok_or_else(missing("control"))?;
        let groups = groups(metric)?;
        let name = || pair.name.clone();
        let options = Options::of(metric).map_err(|source| Error::Option { metric: name(), source })?;
        let refused = |source| Error::OutlierFactor { metric: name(), source };
        let gone = (
            preprocess(experiment, &options, &mut self.memory.experiment).map_err(refused)?,
            preprocess(control, &options, &mut self.memory.control).map_err(refused)?,
        );
        let seed = || classify::seed(&pair.name, experiment, control);
        let found = classify::classify(&mut self.memory, &options, seed);
        let summaries = (Summary::of(&self.memory.experiment), Summary::of(&self.memory.control));
        let evidence = evidence::of_pair(&mut self.memory, &options, &found, summaries, gone, seed);
        Ok(PairResult {
            name: name(),
            id: pair.id.clone(),
            tags: pair.tags.clone(),
            groups: groups.to_vec(),
            found,
            experiment: summaries.0,
            control: summaries.1,
            muted: options.muted,
            evidence,
        })
    }
}

fn groups(metric: &Metric) -> Result<&[Option<String>], Error> {
    metric.groups.as_deref().ok_or_else(|| Error::Missing {
        path: format!("the field groups of metric {:?}", metric.name.as_deref().unwrap_or_default()),
        remedy: "a list of names, which may be empty",
    })
}
