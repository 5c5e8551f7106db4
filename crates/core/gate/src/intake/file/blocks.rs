//! Rows of pods and blocks, made into blocks.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::super::edges::same;
use super::super::seal::Names;
use super::row::{PERCENT, Row, What};
use super::{FileError, Rows};
use crate::block::{Arm, Block, Cell, Flags, Part, Roster, Seen, Trouble, Value};
use crate::engine::is_too_much;
use crate::policy::{Kind, Metric, Policy};

/// Blocks of one file: a month of blocks of 15 seconds.
pub(super) const BLOCKS_MAX: i64 = 200_000;

/// The rows of one block.
#[derive(Debug, Default)]
struct Gathered<'a> {
    step: u32,
    weight: Option<u32>,
    metrics: BTreeMap<usize, Pods<'a>>,
}

/// The cells of a metric in one block, by pod.
type Pods<'a> = BTreeMap<&'a str, (Arm, Sum)>;

/// One cell while its rows come together.
#[derive(Debug, Default)]
struct Sum {
    line: u64,
    x: u64,
    n: u64,
    /// The line that counts: a cell has one.
    counted: Option<u64>,
    /// What is above each edge, and the line that says so.
    above: BTreeMap<usize, (u64, u64)>,
    level: f64,
    samples: u32,
}

impl Rows {
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
            if !row.group.is_empty() {
                let message =
                    "and gate.yaml has no `groups`: name its members there, or leave the column out";
                return Err(wrong(format!("group is {:?}, {message}", row.group)));
            }
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
            sum.add(row, &policy.metrics[index], policy.block).map_err(wrong)?;
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

impl Sum {
    /// Takes in one row. Counts that are there twice are no larger counts: the file is refused, and nothing is guessed.
    fn add(&mut self, row: &Row, metric: &Metric, block: u32) -> Result<(), String> {
        match (&row.what, &metric.kind) {
            (What::Count { events, exposure }, Kind::Count) => {
                if let Some(line) = self.counted.replace(row.line) {
                    return Err(twice("the count is", line, row, block));
                }
                if metric.is_share && is_too_much(*events, *exposure) {
                    return Err(format!(
                        "events are {events}, and exposure only {exposure}: count both of the same requests, or write \
                         share: false for {:?} in gate.yaml if they are different things",
                        row.metric
                    ));
                }
                (self.x, self.n) = (*events, *exposure);
            }
            (What::Latency { exposure, above }, Kind::Latency { edges, .. }) => {
                // Rows of one edge each repeat the exposure, and a histogram in one row has it once.
                self.n = self.n.max(*exposure);
                for (edge, count) in above {
                    // Edges that are not judged may be there.
                    let Some(place) = edges.iter().position(|other| same(*other, *edge)) else { continue };
                    if let Some((_, line)) = self.above.insert(place, (*count, row.line)) {
                        return Err(twice(&format!("edge {edge} is"), line, row, block));
                    }
                }
            }
            (What::Gauge(value), Kind::Gauge { .. }) => {
                self.level += value;
                self.samples += 1;
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
}

/// What is said of a row that another one, in `line`, has said already.
fn twice(what: &str, line: u64, row: &Row, block: u32) -> String {
    let length = i64::from(block) * 1000;
    let start = Timestamp::from_millisecond(row.at.div_euclid(length) * length);
    let start = start.map_or_else(|error| error.to_string(), |start| start.to_string());
    format!(
        "{what} there twice for metric {:?} and pod {:?} in the block of {block}s that begins at {start}, before in line \
         {line}: write one row with the sum of both, and the name of its pod in each row",
        row.metric, row.pod
    )
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
                        .map(|(count, _)| *count)
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
