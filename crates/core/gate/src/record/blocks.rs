//! Blocks in little room: what repeats is counted, and each count is its difference from the same pod's last one.
//!
//! Property: blocks come back as they were, and there is one text for them: what was written otherwise comes back to
//! another text than it was.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serin_kernel::Moment;

use super::integers::{self, Reader};
use crate::block::{Block, Cell, Flags, Health, Pod, Seen, Trouble, Value};

/// The most blocks: a month of blocks of 15 seconds.
const BLOCKS_MAX: u64 = 200_000;
/// The most blocks times metrics that are read.
const SEEN_MAX: u64 = 5_000_000;
/// The most text of troubles that is read, each as often as it was there.
const TROUBLE_BYTES_MAX: u64 = 64 << 20;
/// The most that the counts of a metric amount to: sums of them stay far below 2^64.
const SUM_MAX: u64 = 1 << 61;
/// The most edges of one histogram.
const EDGES_MAX: u32 = 320;

/// Something and how many times in a row.
type Runs<T> = Vec<(u64, T)>;

/// Blocks, a column for each of their fields.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Packed {
    /// Seconds from the block before; of the first, since 1970.
    seconds: Runs<i64>,
    steps: Runs<u32>,
    weights: Runs<Option<u32>>,
    health: Runs<Option<Health>>,
    /// Pods that join, with the place of the block.
    joined: Vec<(u64, Vec<Pod>)>,
    metrics: Vec<Column>,
}

/// One metric in all blocks.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Column {
    seen: Runs<Layout>,
    counts: String,
    /// Flags, with the place of the cell in all of the column.
    odd: Vec<(u64, Flags)>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
enum Layout {
    Cells { pods: Vec<u32>, are: Runs<Form> },
    Trouble(Trouble),
}

impl Layout {
    fn text_bytes(&self) -> u64 {
        match self {
            Self::Trouble(Trouble::Provider(text) | Trouble::ArmsMixed(text)) => text.len() as u64,
            Self::Trouble(_) | Self::Cells { .. } => 0,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Form {
    Count,
    Latency(u32),
    Gauge,
}

fn push<T: PartialEq>(runs: &mut Runs<T>, value: T) {
    match runs.last_mut() {
        Some((count, last)) if *last == value => *count += 1,
        _ => runs.push((1, value)),
    }
}

/// The runs one by one, at most `most` of them.
fn expand<T: Clone>(runs: &Runs<T>, most: u64, what: &str) -> Result<Vec<T>, String> {
    let mut all = Vec::new();
    for (count, value) in runs {
        if *count > most - all.len() as u64 {
            return Err(format!("{what}: more than {most} in all"));
        }
        all.extend(std::iter::repeat_n(value, *count as usize).cloned());
    }
    Ok(all)
}

impl Form {
    fn of(value: &Value) -> (Self, Vec<u64>) {
        match value {
            Value::Count { x, n } => (Self::Count, vec![*x, *n]),
            Value::Latency { n, above } => {
                (Self::Latency(above.len() as u32), std::iter::once(n).chain(above).copied().collect())
            }
            Value::Gauge { micro, samples } => (Self::Gauge, vec![*micro as u64, u64::from(*samples)]),
        }
    }

    fn width(self) -> usize {
        match self {
            Self::Count | Self::Gauge => 2,
            Self::Latency(edges) => edges as usize + 1,
        }
    }

    fn value(self, numbers: &[u64]) -> Result<Value, String> {
        Ok(match (self, numbers) {
            (Self::Count, [x, n]) => Value::Count { x: *x, n: *n },
            (Self::Gauge, [micro, samples]) => {
                let samples = u32::try_from(*samples).map_err(|_| format!("{samples} samples"))?;
                Value::Gauge { micro: *micro as i64, samples }
            }
            (_, [n, above @ ..]) => Value::Latency { n: *n, above: above.to_vec() },
            (_, []) => return Err("a cell without numbers".to_owned()),
        })
    }
}

/// What is remembered of each pod's last cell.
type Last = BTreeMap<u32, (Form, Vec<u64>)>;

fn before(last: &Last, pod: u32, form: Form) -> Vec<u64> {
    match last.get(&pod) {
        Some((same, numbers)) if *same == form => numbers.clone(),
        _ => vec![0; form.width()],
    }
}

impl Packed {
    /// All blocks. Each has all metrics.
    pub(super) fn new(blocks: &[Block], metrics: usize) -> Self {
        let mut packed = Self { metrics: vec![Column::default(); metrics], ..Self::default() };
        let mut lasts = vec![Last::new(); metrics];
        let mut cells = vec![0; metrics];
        let mut until = 0;
        for (place, block) in blocks.iter().enumerate() {
            let start = block.start.as_secs();
            push(&mut packed.seconds, start.wrapping_sub(until));
            until = start;
            push(&mut packed.steps, block.step);
            push(&mut packed.weights, block.weight);
            push(&mut packed.health, block.health);
            if !block.joined.is_empty() {
                packed.joined.push((place as u64, block.joined.clone()));
            }
            let columns = packed.metrics.iter_mut().zip(&mut lasts).zip(&mut cells);
            for (((column, last), cell), seen) in columns.zip(&block.metrics) {
                column.add(seen, last, cell);
            }
        }
        packed
    }

    /// The blocks, each with `metrics` metrics.
    pub(super) fn blocks(&self, metrics: usize) -> Result<Vec<Block>, String> {
        if self.metrics.len() != metrics {
            return Err(format!("{} columns of metrics, of {metrics}", self.metrics.len()));
        }
        let gaps = expand(&self.seconds, BLOCKS_MAX, "seconds")?;
        let count = gaps.len() as u64;
        if count.saturating_mul(metrics as u64) > SEEN_MAX {
            return Err(format!("{count} blocks of {metrics} metrics: at most {SEEN_MAX} in all"));
        }
        let steps = expand(&self.steps, count, "steps")?;
        let weights = expand(&self.weights, count, "weights")?;
        let health = expand(&self.health, count, "health")?;
        if [steps.len(), weights.len(), health.len()].iter().any(|length| *length != gaps.len()) {
            return Err("the columns are not equally long".to_owned());
        }
        let troubles = self.metrics.iter().flat_map(|column| &column.seen);
        let bytes = troubles.map(|(count, layout)| count.saturating_mul(layout.text_bytes()));
        if bytes.fold(0, u64::saturating_add) > TROUBLE_BYTES_MAX {
            return Err("more text of troubles than is read".to_owned());
        }
        let mut columns = Vec::with_capacity(metrics);
        for (place, column) in self.metrics.iter().enumerate() {
            columns.push(column.seen(count).map_err(|why| format!("metrics[{place}]: {why}"))?.into_iter());
        }
        let mut joined: BTreeMap<u64, &Vec<Pod>> =
            self.joined.iter().map(|(place, pods)| (*place, pods)).collect();
        let mut until = 0i64;
        let mut blocks = Vec::with_capacity(gaps.len());
        for (place, gap) in gaps.into_iter().enumerate() {
            until = until.checked_add(gap).ok_or("a time beyond all times")?;
            blocks.push(Block {
                start: Moment::from_secs(until),
                step: steps[place],
                weight: weights[place],
                joined: joined.remove(&(place as u64)).cloned().unwrap_or_default(),
                health: health[place],
                metrics: columns.iter_mut().filter_map(Iterator::next).collect(),
            });
        }
        Ok(blocks)
    }
}

impl Column {
    fn add(&mut self, seen: &Seen, last: &mut Last, place: &mut u64) {
        let cells = match seen {
            Seen::Trouble(trouble) => return push(&mut self.seen, Layout::Trouble(trouble.clone())),
            Seen::Cells(cells) => cells,
        };
        let mut are = Vec::new();
        for cell in cells {
            let (form, numbers) = Form::of(&cell.value);
            push(&mut are, form);
            for (before, number) in before(last, cell.pod, form).iter().zip(&numbers) {
                integers::write(&mut self.counts, integers::difference(*before, *number));
            }
            last.insert(cell.pod, (form, numbers));
            if !cell.flags.is_plain() {
                self.odd.push((*place, cell.flags));
            }
            *place += 1;
        }
        push(&mut self.seen, Layout::Cells { pods: cells.iter().map(|cell| cell.pod).collect(), are });
    }

    fn seen(&self, blocks: u64) -> Result<Vec<Seen>, String> {
        let mut reader = Reader::new(&self.counts);
        let mut odd = self.odd.iter().copied().peekable();
        let (mut last, mut place, mut all, mut sum) = (Last::new(), 0, Vec::new(), 0u64);
        for (count, layout) in &self.seen {
            if *count > blocks - all.len() as u64 {
                return Err(format!("more than {blocks} blocks"));
            }
            let (pods, forms) = match layout {
                Layout::Trouble(trouble) => {
                    all.extend((0..*count).map(|_| Seen::Trouble(trouble.clone())));
                    continue;
                }
                Layout::Cells { pods, are } => (pods, expand(are, pods.len() as u64, "forms of cells")?),
            };
            if forms.len() != pods.len() || forms.iter().any(|form| form.width() > EDGES_MAX as usize + 1) {
                return Err("cells without a form, or with too many edges".to_owned());
            }
            for _ in 0..*count {
                let mut cells = Vec::with_capacity(pods.len());
                for (pod, form) in pods.iter().zip(&forms) {
                    let mut numbers = before(&last, *pod, *form);
                    for number in &mut numbers {
                        *number = integers::after(*number, reader.next()?);
                    }
                    let value = form.value(&numbers)?;
                    if *form != Form::Gauge {
                        sum = numbers.iter().fold(sum, |sum, number| sum.saturating_add(*number));
                    }
                    if sum > SUM_MAX {
                        return Err(format!("counts of more than {SUM_MAX} in all"));
                    }
                    last.insert(*pod, (*form, numbers));
                    let flags =
                        odd.next_if(|(at, _)| *at == place).map_or(Flags::default(), |(_, flags)| flags);
                    cells.push(Cell { pod: *pod, flags, value });
                    place += 1;
                }
                all.push(Seen::Cells(cells));
            }
        }
        if !reader.is_empty() || odd.peek().is_some() {
            return Err("counts or flags of more cells than there are".to_owned());
        }
        if all.len() as u64 != blocks {
            return Err(format!("{} blocks of {blocks}", all.len()));
        }
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::block::{Arm, Part};

    fn value() -> impl Strategy<Value = Value> {
        let number = || prop_oneof![0..4u64, 0..2000u64, 0..(1u64 << 53)];
        prop_oneof![
            (number(), number()).prop_map(|(x, n)| Value::Count { x, n }),
            (number(), proptest::collection::vec(number(), 0..4))
                .prop_map(|(n, above)| Value::Latency { n, above }),
            (any::<i64>(), any::<u32>()).prop_map(|(micro, samples)| Value::Gauge { micro, samples }),
        ]
    }

    fn seen() -> impl Strategy<Value = Seen> {
        let flags =
            (any::<bool>(), 0..3u32).prop_map(|(warm, resets)| Flags { warm, resets, ..Flags::default() });
        let cell = (0..5u32, flags, value()).prop_map(|(pod, flags, value)| Cell { pod, flags, value });
        prop_oneof![
            4 => proptest::collection::vec(cell, 0..5).prop_map(Seen::Cells),
            1 => prop_oneof![
                Just(Part::All),
                Just(Part::NumeratorNeverSeen),
                Just(Part::Denominator),
                Just(Part::Edges),
            ]
            .prop_map(|part| Seen::Trouble(Trouble::Absent(part))),
            1 => "[a-z]{0,5}".prop_map(|text| Seen::Trouble(Trouble::Provider(text))),
            1 => "[a-z]{0,5}".prop_map(|text| Seen::Trouble(Trouble::ArmsMixed(text))),
            1 => any::<i64>().prop_map(|seconds| Seen::Trouble(Trouble::ClockSkew(seconds))),
            1 => Just(Seen::Trouble(Trouble::Stale)),
        ]
    }

    fn block() -> impl Strategy<Value = Block> {
        let joined = proptest::collection::vec(Just(Pod { name: "a".to_owned(), arm: Arm::Canary }), 0..2);
        let seen = proptest::collection::vec(seen(), 2);
        (-5_000_000_000..5_000_000_000i64, 0..2u32, any::<Option<u32>>(), joined, seen).prop_map(
            |(start, step, weight, joined, metrics)| Block {
                start: Moment::from_secs(start),
                step,
                weight,
                joined,
                health: (step == 1).then_some(Health { pods: 3, crashing: 1 }),
                metrics,
            },
        )
    }

    proptest! {
        #[test]
        fn blocks_come_back_as_they_were(blocks in proptest::collection::vec(block(), 0..12)) {
            let packed = Packed::new(&blocks, 2);
            let text = serde_json::to_string(&packed).unwrap();
            let again: Packed = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(again.blocks(2).unwrap(), blocks);
        }
    }

    #[test]
    fn a_short_text_does_not_stand_for_endless_blocks() {
        let column = |seen| Column { seen, ..Column::default() };
        let many = |count: u64, layout: Layout| Packed {
            seconds: vec![(count, 15)],
            steps: vec![(count, 0)],
            weights: vec![(count, None)],
            health: vec![(count, None)],
            joined: Vec::new(),
            metrics: vec![column(vec![(count, layout)])],
        };
        let nothing = || Layout::Cells { pods: Vec::new(), are: Vec::new() };
        assert_eq!(many(7, nothing()).blocks(1).unwrap().len(), 7);
        let one = Layout::Cells { pods: vec![0], are: vec![(1, Form::Latency(u32::MAX))] };
        let mut huge = column(vec![(1, Layout::Cells { pods: vec![0], are: vec![(1, Form::Count)] })]);
        for number in [1, u64::MAX / 4] {
            integers::write(&mut huge.counts, integers::difference(0, number));
        }
        let long = Layout::Trouble(Trouble::Provider("x".repeat(10_000)));
        for (packed, wanted) in [
            (many(u64::MAX, nothing()), "more than 200000"),
            (many(3, one), "too many edges"),
            (many(3, Layout::Cells { pods: vec![0], are: vec![(1, Form::Count)] }), "end too early"),
            (many(100_000, long), "more text"),
            (Packed { metrics: vec![huge], ..many(1, nothing()) }, "in all"),
        ] {
            let error = packed.blocks(1).unwrap_err();
            assert!(error.contains(wanted), "{error}");
        }
    }
}
