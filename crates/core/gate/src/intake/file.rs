//! Counts from a file: CSV or lines of JSON, already per block, made into the same blocks as scrapes are.
//!
//! Property: every number of the file is in exactly one cell, or the file is refused with the line and the column.

mod csv;
mod json;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::edges::{self, same};
use super::seal::Names;
use crate::block::{Arm, Block, Cell, Flags, Part, Roster, Seen, Trouble, Value};
use crate::policy::{Kind, Policy};

/// Rows of one file. More would not fit into memory as blocks either.
const ROWS_MAX: usize = 20_000_000;
/// Blocks of one file: a month of blocks of 15 seconds.
const BLOCKS_MAX: i64 = 200_000;
/// Parts of 10,000 in a percent.
const PERCENT: f64 = 100.0;
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

/// One row.
#[derive(Clone, Debug, PartialEq)]
struct Row {
    line: u64,
    at: i64,
    step: u32,
    /// The canary's confirmed share, in parts of 10,000.
    weight: Option<u32>,
    metric: String,
    arm: Arm,
    pod: String,
    what: What,
}

#[derive(Clone, Debug, PartialEq)]
enum What {
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

/// The rows of a file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rows {
    rows: Vec<Row>,
}

/// The rows of one block.
#[derive(Debug, Default)]
struct Gathered<'a> {
    step: u32,
    weight: Option<u32>,
    metrics: BTreeMap<usize, Pods<'a>>,
}

/// The cells of a metric in one block, by pod.
type Pods<'a> = BTreeMap<&'a str, (Arm, Sum)>;

/// One cell while its rows are added.
#[derive(Debug, Default)]
struct Sum {
    line: u64,
    x: u64,
    n: u64,
    above: BTreeMap<usize, u64>,
    level: f64,
    samples: u32,
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

    /// The blocks, from the first to the last, and the pods; the edges of all histograms must be chosen.
    ///
    /// # Errors
    /// [`FileError`] for rows that do not fit the policy.
    pub fn blocks(&self, policy: &Policy) -> Result<(Roster, Vec<Block>), FileError> {
        let length = i64::from(policy.block) * 1000;
        let metrics: BTreeMap<&str, usize> =
            policy.metrics.iter().enumerate().map(|(index, metric)| (&*metric.name, index)).collect();
        let mut grid: BTreeMap<i64, Gathered<'_>> = BTreeMap::new();
        for row in &self.rows {
            let wrong = |message: String| FileError::Line { line: row.line, message };
            let index = *metrics.get(&*row.metric).ok_or_else(|| {
                let known: Vec<&str> = metrics.keys().take(20).copied().collect();
                wrong(format!(
                    "metric is {:?}, which gate.yaml does not have: it has {}",
                    row.metric,
                    known.join(", ")
                ))
            })?;
            let of = grid
                .entry(row.at.div_euclid(length))
                .or_insert_with(|| Gathered { step: row.step, ..Gathered::default() });
            of.agrees(row)
                .map_err(|message| wrong(format!("{message} in the same block of {}s", policy.block)))?;
            let pods = of.metrics.entry(index).or_default();
            let (arm, sum) = pods.entry(&*row.pod).or_insert_with(|| (row.arm, Sum::default()));
            if *arm != row.arm {
                return Err(wrong(format!("pod {:?} is canary and stable: a pod has one arm", row.pod)));
            }
            sum.line = row.line;
            add(sum, &row.what, &policy.metrics[index].kind).map_err(wrong)?;
        }
        let (Some(first), Some(last)) =
            (grid.first_key_value().map(|(at, _)| *at), grid.last_key_value().map(|(at, _)| *at))
        else {
            return Err(FileError::Whole("the file has no rows".to_owned()));
        };
        if BLOCKS_MAX <= last - first {
            return Err(FileError::Whole(format!(
                "from the first row to the last there are {} blocks of {}s, and {BLOCKS_MAX} are read at most: look for a \
                 wrong `time`, or take a longer block",
                last - first + 1,
                policy.block
            )));
        }
        let mut names = Names::default();
        let mut blocks = Vec::new();
        let mut step = 0;
        for at in first..=last {
            let joined = names.roster.pods.len();
            let mut of = grid.remove(&at).unwrap_or_else(|| Gathered { step, ..Gathered::default() });
            step = of.step;
            let kinds = policy.metrics.iter().enumerate();
            let seen = kinds.map(|(index, metric)| {
                seen(of.metrics.remove(&index).unwrap_or_default(), &metric.kind, &mut names)
            });
            let metrics = seen.collect::<Result<_, _>>()?;
            let start = Timestamp::from_millisecond(at * length)
                .map_err(|error| FileError::Whole(error.to_string()))?
                .into();
            let joined = names.roster.pods[joined..].to_vec();
            blocks.push(Block { start, step, weight: of.weight, joined, health: None, metrics });
        }
        Ok((names.roster, blocks))
    }
}

impl Gathered<'_> {
    /// Takes the weight of a row that says one; what differs from the rows before it.
    fn agrees(&mut self, row: &Row) -> Result<(), String> {
        if self.step != row.step {
            return Err(format!("step is {}, and {}", row.step + 1, self.step + 1));
        }
        let Some(weight) = row.weight else { return Ok(()) };
        let before = *self.weight.get_or_insert(weight);
        if before == weight {
            return Ok(());
        }
        let percent = |weight: u32| f64::from(weight) / PERCENT;
        Err(format!(
            "weight is {}, and {} (leave it empty where it changes)",
            percent(weight),
            percent(before)
        ))
    }
}

fn add(sum: &mut Sum, what: &What, kind: &Kind) -> Result<(), String> {
    match (what, kind) {
        (What::Count { events, exposure }, Kind::Count) => {
            sum.x = sum.x.saturating_add(*events);
            sum.n = sum.n.saturating_add(*exposure);
        }
        (What::Latency { exposure, above }, Kind::Latency { edges, .. }) => {
            // Rows of one edge each repeat the exposure, and a histogram in one row has it once.
            sum.n = sum.n.max(*exposure);
            for (edge, count) in above {
                // Edges that are not judged may be there.
                let Some(place) = edges.iter().position(|other| same(*other, *edge)) else { continue };
                if sum.above.insert(place, *count).is_some() {
                    return Err(format!(
                        "edge {edge} is there twice for this pod and block: write the sum of both"
                    ));
                }
            }
        }
        (What::Gauge(value), Kind::Gauge { .. }) => {
            sum.level += value;
            sum.samples += 1;
        }
        (_, Kind::Count) => return Err("the metric counts events: write events and exposure".to_owned()),
        (_, Kind::Latency { .. }) => {
            return Err(
                "the metric is a histogram: write edge, events (above it) and exposure (all)".to_owned()
            );
        }
        (_, Kind::Gauge { .. }) => return Err("the metric is a gauge: write value".to_owned()),
    }
    Ok(())
}

fn seen(cells: Pods<'_>, kind: &Kind, names: &mut Names) -> Result<Seen, FileError> {
    if cells.is_empty() {
        return Ok(Seen::Trouble(Trouble::Absent(Part::All)));
    }
    let mut all = Vec::with_capacity(cells.len());
    for (name, (arm, sum)) in cells {
        let wrong = |message: String| FileError::Line { line: sum.line, message };
        let value = match kind {
            Kind::Count => Value::Count { x: sum.x, n: sum.n },
            Kind::Gauge { .. } => {
                let micro = (sum.level / f64::from(sum.samples.max(1)) * 1e6).round();
                if i64::MAX as f64 <= micro.abs() {
                    return Err(wrong(format!(
                        "value {micro} millionths is too large: give it in a larger unit"
                    )));
                }
                Value::Gauge { micro: micro as i64, samples: sum.samples }
            }
            Kind::Latency { edges, .. } => {
                let above = edges.iter().enumerate().map(|(place, edge)| {
                    sum.above
                        .get(&place)
                        .copied()
                        .ok_or_else(|| wrong(format!("edge {edge} is missing for pod {name:?}")))
                });
                let above: Vec<u64> = above.collect::<Result<_, _>>()?;
                if let Some(more) = above.iter().find(|above| sum.n < **above) {
                    return Err(wrong(format!(
                        "events are {more}, more than all observations (exposure {})",
                        sum.n
                    )));
                }
                Value::Latency { n: sum.n, above }
            }
        };
        let pod = names
            .place(name.to_owned(), arm)
            .map_err(|_| wrong(format!("pod {name:?} is canary and stable")))?;
        all.push(Cell { pod, flags: Flags::default(), value });
    }
    all.sort_by_key(|cell| cell.pod);
    Ok(Seen::Cells(all))
}

/// The cells of a row as text, from either form.
#[derive(Clone, Debug, Default)]
struct Texts<'a> {
    line: u64,
    time: &'a str,
    metric: &'a str,
    arm: &'a str,
    pod: &'a str,
    step: &'a str,
    weight: &'a str,
    events: &'a str,
    exposure: &'a str,
    edge: &'a str,
    value: &'a str,
    above: Option<Vec<(f64, u64)>>,
}

/// Up to here a floating-point number holds every count.
const COUNT_MAX: u64 = 1 << 53;

impl Texts<'_> {
    fn row(self) -> Result<Row, FileError> {
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

fn checked(rows: Vec<Row>) -> Result<Vec<Row>, FileError> {
    let mut arms: BTreeMap<&str, Arm> = BTreeMap::new();
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    for row in &rows {
        seen.insert(&row.metric);
        if *arms.entry(&row.pod).or_insert(row.arm) != row.arm {
            let message = format!("pod {:?} is canary and stable: a pod has one arm", row.pod);
            return Err(FileError::Line { line: row.line, message });
        }
    }
    if seen.is_empty() {
        return Err(FileError::Whole("there are no rows".to_owned()));
    }
    Ok(rows)
}

fn too_many(rows: &[Row]) -> Result<(), FileError> {
    if rows.len() < ROWS_MAX {
        return Ok(());
    }
    Err(FileError::Whole(format!("there are more than {ROWS_MAX} rows: sum them by pod and block first")))
}
