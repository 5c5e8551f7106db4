//! What is done to a series before it is judged: NaN, then outliers.

use serin_stats::outliers::{Refused, interquartile};

use crate::options::{NanStrategy, Options};

/// Puts what is left of `series` into `kept`, in its order, and says how much went.
///
/// # Errors
/// [`Refused`] for an outlier factor that is not above zero.
pub(crate) fn preprocess(series: &[f64], options: &Options, kept: &mut Vec<f64>) -> Result<Gone, Refused> {
    kept.clear();
    let holes = series.iter().filter(|value| value.is_nan()).count();
    match options.nan_strategy {
        NanStrategy::Replace => {
            kept.extend(series.iter().map(|value| if value.is_nan() { 0.0 } else { *value }));
        }
        NanStrategy::Remove => kept.extend(series.iter().filter(|value| !value.is_nan())),
    }
    let before = kept.len();
    if let Some(factor) = options.outlier_factor {
        let mut marks = interquartile(kept, factor, true)?.into_iter();
        kept.retain(|_| !marks.next().unwrap_or(false));
    }
    Ok(Gone { holes, outliers: before - kept.len() })
}

/// What was taken out of a series, or replaced in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Gone {
    /// Values that were not numbers.
    pub(crate) holes: usize,
    /// Outliers that were removed.
    pub(crate) outliers: usize,
}
