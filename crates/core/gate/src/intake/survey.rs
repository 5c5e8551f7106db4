//! What a metric's history decides before the rollout begins: the edges of a histogram, and the offset of a level.

use std::collections::BTreeSet;

use super::answer::{Series, number};
use super::edges::{self, EdgesError, same};
use super::feed::{readings, sort};
use super::reading::Reading;
use crate::block::Arm;
use crate::config::{Arms, Query, Source};
use crate::policy::{Kind, Metric};

/// A native histogram with more edges is looked at in a coarser schema: neighbours say the same.
const EDGES_MAX: usize = 320;
/// The offset of a level: a part of the usual one.
const OFFSET: f64 = 0.01;

/// Why a history decides nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FreezeError {
    /// The edges cannot be chosen.
    #[error("metric {metric:?}: {error}")]
    Edges {
        /// The metric.
        metric: String,
        /// Why.
        #[source]
        error: EdgesError,
    },
    /// The history cannot be read.
    #[error("metric {metric:?}: {why}")]
    Unusable {
        /// The metric.
        metric: String,
        /// What is wrong.
        why: String,
    },
}

/// Completes a metric from the raw samples of its history: what the configuration names stays.
///
/// # Errors
/// [`FreezeError`] when the history of a histogram has no edges to choose from, or a named threshold is none of them.
pub fn freeze(
    metric: &mut Metric,
    query: &Query,
    arms: &Arms,
    history: &[Series],
) -> Result<(), FreezeError> {
    let unusable = |why: String| FreezeError::Unusable { metric: metric.name.clone(), why };
    let is_open = match &metric.kind {
        Kind::Count => false,
        Kind::Latency { edges, .. } => edges.is_empty(),
        Kind::Gauge { offset } => *offset == 0,
    };
    if !is_open {
        return Ok(());
    }
    let sorted = sort(history.to_vec(), arms).map_err(unusable)?;
    let stable = sorted.into_iter().filter(|((_, arm), _)| *arm == Arm::Stable);
    let stable: Vec<Vec<Series>> = stable.map(|(_, series)| series).collect();
    if let Source::Latency { thresholds, .. } = &query.source {
        let candidates = candidates(&stable.concat());
        let mut sum = Reading::zero(candidates.len());
        for pod in stable {
            for samples in readings(pod, &candidates).map_err(unusable)?.into_values() {
                let samples: Vec<Reading> = samples.into_values().flatten().collect();
                samples.windows(2).for_each(|pair| sum.add(&pair[1].since(&pair[0]).0));
            }
        }
        let counts = candidates.iter().zip(&sum.above).filter_map(|(edge, above)| Some((*edge, (*above)?)));
        let counts: Vec<(f64, u64)> = counts.collect();
        let (edges, places) = edges::choose(&counts, sum.total, thresholds)
            .map_err(|error| FreezeError::Edges { metric: metric.name.clone(), error })?;
        metric.kind = Kind::Latency { edges, thresholds: places };
    } else {
        // The level of a pod is the sum of its series, as in a block.
        let levels: Vec<f64> = stable.iter().map(|pod| pod.iter().filter_map(mean).sum()).collect();
        let usual = levels.iter().sum::<f64>() / levels.len().max(1) as f64;
        metric.kind = Kind::Gauge { offset: (OFFSET * usual.abs() * 1e6).round().clamp(1.0, 9e18) as i64 };
    }
    Ok(())
}

fn mean(series: &Series) -> Option<f64> {
    let values: Vec<f64> =
        series.samples.iter().map(|(_, value)| *value).filter(|value| value.is_finite()).collect();
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// The edges that may be chosen: those of the buckets, or the ends of the coarsest native schema that was seen.
fn candidates(series: &[Series]) -> Vec<f64> {
    let named: BTreeSet<&String> = series.iter().filter_map(|one| one.labels.get("le")).collect();
    let mut classic: Vec<f64> =
        named.into_iter().filter_map(|le| number(le).ok()).filter(|le| le.is_finite()).collect();
    if !classic.is_empty() {
        classic.retain(|le| 0.0 < *le);
        classic.sort_by(f64::total_cmp);
        classic.dedup_by(|a, b| same(*a, *b));
        return classic;
    }
    let natives = || series.iter().flat_map(|one| &one.histograms).map(|(_, native)| native);
    let mut schema = natives().filter(|native| !native.buckets.is_empty()).map(|native| native.schema).min();
    while let Some(coarsest) = schema {
        let mut edges: Vec<f64> = natives().flat_map(|native| native.downscaled(coarsest).edges()).collect();
        edges.sort_by(f64::total_cmp);
        edges.dedup_by(|a, b| same(*a, *b));
        if edges.len() <= EDGES_MAX {
            return edges;
        }
        schema = Some(coarsest - 1);
    }
    Vec::new()
}
