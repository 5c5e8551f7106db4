//! One row, from the texts of its cells.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::{FileError, SHOWN_CHARS_MAX};
use crate::block::Arm;

/// Rows of one file. More would not fit into memory as blocks either.
const ROWS_MAX: usize = 20_000_000;
/// Parts of 10,000 in a percent.
pub(super) const PERCENT: f64 = 100.0;
/// Up to here a floating-point number holds every count.
const COUNT_MAX: u64 = 1 << 53;

/// One row.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Row {
    pub(super) line: u64,
    /// The member of a group; empty without groups.
    pub(super) group: String,
    pub(super) at: i64,
    pub(super) step: u32,
    /// The canary's confirmed share, in parts of 10,000.
    pub(super) weight: Option<u32>,
    pub(super) metric: String,
    pub(super) arm: Arm,
    pub(super) pod: String,
    pub(super) what: What,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum What {
    Count {
        events: u64,
        exposure: u64,
    },
    /// All observations, and those above some edges.
    Latency {
        exposure: u64,
        above: Vec<(f64, u64)>,
    },
    Gauge(f64),
}

/// The cells of a row as text, from either form.
#[derive(Clone, Debug, Default)]
pub(super) struct Texts<'a> {
    pub(super) line: u64,
    pub(super) group: &'a str,
    pub(super) time: &'a str,
    pub(super) metric: &'a str,
    pub(super) arm: &'a str,
    pub(super) pod: &'a str,
    pub(super) step: &'a str,
    pub(super) weight: &'a str,
    pub(super) events: &'a str,
    pub(super) exposure: &'a str,
    pub(super) edge: &'a str,
    pub(super) value: &'a str,
    pub(super) above: Option<Vec<(f64, u64)>>,
}

impl Texts<'_> {
    pub(super) fn row(self) -> Result<Row, FileError> {
        let wrong = |column: &str, cell: &str, wanted: &str| {
            let shown: String = cell.chars().take(SHOWN_CHARS_MAX).collect();
            FileError::Line {
                line: self.line,
                message: format!("{column} is {shown:?}: it must be {wanted}"),
            }
        };
        let count = |column: &str, cell: &str| {
            cell.parse::<u64>().ok().filter(|count| *count <= COUNT_MAX).ok_or_else(|| {
                wrong(column, cell, "a whole number from 0 to 2^53: counts are not rounded for you")
            })
        };
        let finite = |column: &str, cell: &str| {
            let number = cell.parse::<f64>().ok().filter(|number| number.is_finite());
            number.ok_or_else(|| wrong(column, cell, "a finite number"))
        };
        let arm = match self.arm {
            "canary" => Arm::Canary,
            "stable" | "baseline" => Arm::Stable,
            other => return Err(wrong("arm", other, "canary or stable")),
        };
        if self.metric.is_empty() {
            return Err(wrong("metric", "", "its name in gate.yaml"));
        }
        let what = match (self.value, self.edge, self.above) {
            ("", "", None) => What::Count {
                events: count("events", self.events)?,
                exposure: count("exposure", self.exposure)?,
            },
            ("", "", Some(above)) => What::Latency { exposure: count("exposure", self.exposure)?, above },
            ("", edge, None) => {
                let edge = finite("edge", edge)?;
                let events = count("events", self.events)?;
                What::Latency { exposure: count("exposure", self.exposure)?, above: vec![(edge, events)] }
            }
            (value, "", None) if self.events.is_empty() && self.exposure.is_empty() => {
                What::Gauge(finite("value", value)?)
            }
            (value, ..) => {
                return Err(wrong("value", value, "empty beside events, exposure, edge and above"));
            }
        };
        Ok(Row {
            line: self.line,
            group: self.group.to_owned(),
            at: time(self.time)
                .ok_or_else(|| wrong("time", self.time, "2026-01-31T12:00:00Z, or seconds since 1970"))?,
            step: if self.step.is_empty() {
                0
            } else {
                let number = self.step.parse::<u32>().ok().and_then(|number| number.checked_sub(1));
                number.ok_or_else(|| wrong("step", self.step, "the number of the plan's step, from 1"))?
            },
            weight: if self.weight.is_empty() {
                None
            } else {
                let percent =
                    self.weight.parse::<f64>().ok().filter(|percent| (0.0..=100.0).contains(percent));
                let wanted = "the canary's confirmed share in percent, from 0 to 100";
                let percent = percent.ok_or_else(|| wrong("weight", self.weight, wanted))?;
                Some((percent * PERCENT).round() as u32)
            },
            metric: self.metric.to_owned(),
            arm,
            // Without pods, each arm is one: how pods differ is then not known.
            pod: if self.pod.is_empty() { format!("({})", self.arm) } else { self.pod.to_owned() },
            what,
        })
    }
}

fn time(cell: &str) -> Option<i64> {
    let ms = match cell.parse::<f64>() {
        Ok(seconds) => (seconds * 1000.0).round(),
        Err(_) => cell.parse::<Timestamp>().ok()?.as_millisecond() as f64,
    };
    // The years 0 to 9999.
    (-62_167_219_200_000.0..253_402_300_800_000.0).contains(&ms).then_some(ms as i64)
}

pub(super) fn checked(rows: Vec<Row>) -> Result<Vec<Row>, FileError> {
    let mut arms: BTreeMap<(&str, &str), Arm> = BTreeMap::new();
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    for row in &rows {
        seen.insert(&row.metric);
        if *arms.entry((&row.group, &row.pod)).or_insert(row.arm) != row.arm {
            let message = format!("pod {:?} is canary and stable: a pod has one arm", row.pod);
            return Err(FileError::Line { line: row.line, message });
        }
    }
    if seen.is_empty() {
        return Err(FileError::Whole("there are no rows".to_owned()));
    }
    Ok(rows)
}

pub(super) fn too_many(rows: &[Row]) -> Result<(), FileError> {
    if rows.len() < ROWS_MAX {
        return Ok(());
    }
    Err(FileError::Whole(format!("there are more than {ROWS_MAX} rows: sum them by pod and block first")))
}
