//! Counts from a file: CSV or lines of JSON, already per block, made into the same blocks as scrapes are.
//!
//! Property: every number of the file is in exactly one cell, or the file is refused with the line and the column.

mod blocks;
mod csv;
mod groups;
mod json;
mod row;
#[cfg(test)]
mod tests;

pub use groups::{Member, together};
use row::{Row, What};

use super::edges::{self, same};
use crate::block::Arm;
use crate::policy::{Kind, Policy};

/// Characters of a wrong cell that an error shows.
pub(super) const SHOWN_CHARS_MAX: usize = 60;

/// Why a file gives no blocks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    /// A line is wrong.
    #[error("line {line}: {message}")]
    Line {
        /// The line, from 1.
        line: u64,
        /// The column, what is in it, and what must be.
        message: String,
    },
    /// The file as a whole does not fit the policy.
    #[error("{0}")]
    Whole(String),
}

/// The rows of a file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rows {
    rows: Vec<Row>,
}

impl Rows {
    /// Reads CSV: the first line names the columns time, metric, arm and pod, and of step, weight, events, exposure, edge and
    /// value those that are needed.
    ///
    /// # Errors
    /// [`FileError`] for the first line that cannot be.
    pub fn from_csv(text: &[u8]) -> Result<Self, FileError> {
        csv::read(text).map(|rows| Self { rows })
    }

    /// Reads one JSON object for each line, with the names of the columns as keys, and for a histogram
    /// `"above": {"0.25": 12}` in place of events and edge.
    ///
    /// # Errors
    /// [`FileError`] for the first line that cannot be.
    pub fn from_json_lines(text: &[u8]) -> Result<Self, FileError> {
        json::read(text).map(|rows| Self { rows })
    }

    /// Completes the policy: edges that it does not name are chosen from the stable version's rows. `thresholds` are those
    /// of each metric.
    ///
    /// # Errors
    /// [`FileError::Whole`] when there is nothing to choose from.
    pub fn freeze(&self, policy: &mut Policy, thresholds: &[Vec<f64>]) -> Result<(), FileError> {
        for (index, metric) in policy.metrics.iter_mut().enumerate() {
            let of = self.rows.iter().filter(|row| row.metric == metric.name && row.arm == Arm::Stable);
            match &mut metric.kind {
                Kind::Latency { edges, thresholds: places } if edges.is_empty() => {
                    let mut sums: Vec<(f64, u64, u64)> = Vec::new();
                    for row in of {
                        let What::Latency { exposure, above } = &row.what else { continue };
                        for (edge, count) in above {
                            match sums.iter_mut().find(|(other, ..)| same(*other, *edge)) {
                                Some((_, above, total)) => {
                                    (*above, *total) =
                                        (above.saturating_add(*count), total.saturating_add(*exposure));
                                }
                                None => sums.push((*edge, *count, *exposure)),
                            }
                        }
                    }
                    sums.sort_by(|a, b| a.0.total_cmp(&b.0));
                    let total = sums.iter().map(|(.., total)| *total).max().unwrap_or(0);
                    let counts: Vec<(f64, u64)> =
                        sums.iter().map(|(edge, above, _)| (*edge, *above)).collect();
                    let named = thresholds.get(index).map_or(&[][..], Vec::as_slice);
                    (*edges, *places) = edges::choose(&counts, total, named)
                        .map_err(|error| FileError::Whole(format!("metric {:?}: {error}", metric.name)))?;
                }
                Kind::Gauge { offset } if *offset == 0 => {
                    let levels: Vec<f64> = of
                        .filter_map(|row| if let What::Gauge(value) = row.what { Some(value) } else { None })
                        .collect();
                    let usual = levels.iter().sum::<f64>() / levels.len().max(1) as f64;
                    *offset = (usual.abs() * 1e4).round().clamp(1.0, 9e18) as i64;
                }
                _ => {}
            }
        }
        Ok(())
    }
}
