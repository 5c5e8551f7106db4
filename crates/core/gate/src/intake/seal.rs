//! One block of one metric: what its pods' scrapes add up to, or why there is nothing to judge (section 2.1 of the method).

use std::collections::BTreeMap;

use super::Part;
use super::feed::{Feed, PodFeed, Shape};
use super::reading::Reading;
use crate::block::{self, Cell, Flags, Pod, Roster, Seen, Trouble, Value};

/// A pod that was not seen for so long is forgotten.
const FORGOTTEN: i64 = 3_600_000;
/// The counts of a gap are told with the block after it, when no more than one block lies between two scrapes.
const BLOCKS_APART_MAX: i64 = 2;
/// Fewer common edges say nothing of where the observations lie.
const EDGES_MIN: usize = 2;

/// A block, in milliseconds, with what is the same for all metrics.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub(super) start: i64,
    pub(super) end: i64,
    pub(super) scrape: i64,
    pub(super) warm_up: i64,
    pub(super) begin: i64,
    pub(super) now: i64,
}

impl Span {
    fn length(&self) -> i64 {
        self.end - self.start
    }

    /// Whether scrapes at these times leave more than one and a half intervals of the block unseen.
    fn has_gap(&self, times: impl Iterator<Item = i64>) -> bool {
        let mut last = self.start;
        for time in times.chain([self.end]) {
            if 3 * self.scrape < 2 * (time - last) {
                return true;
            }
            last = time;
        }
        false
    }
}

/// One pod's part of a block.
struct Closed {
    events: Reading,
    exposure: u64,
    flags: Flags,
    is_seen: bool,
    has_events: bool,
}

/// Seals `span` for one metric.
pub(super) fn seal(feed: &mut Feed, span: &Span, starts: &BTreeMap<String, i64>, names: &mut Names) -> Seen {
    let source = of_source(feed, span);
    if feed.shape == Shape::Gauge {
        let cells = levels(feed, span, starts, names);
        return match (source, cells) {
            (Some(trouble), _) | (None, Err(trouble)) => Seen::Trouble(trouble),
            (None, Ok(cells)) if cells.is_empty() => Seen::Trouble(Trouble::Absent(block::Part::All)),
            (None, Ok(cells)) => Seen::Cells(cells),
        };
    }
    let (main, shape, edges) = (feed.main(), feed.shape, feed.edges.len());
    if let Some(trouble) = source {
        // What such a block holds is not counted; where its counters stood is, as after a gap.
        feed.pods
            .values_mut()
            .flat_map(|pod| pod.tracks.values_mut())
            .for_each(|track| drop(track.split(span.end)));
        return Seen::Trouble(trouble);
    }
    let mut rows: Vec<(String, Closed)> = Vec::new();
    for (name, pod) in &mut feed.pods {
        if let Some(closed) = close(pod, span, main, shape, starts.get(name).copied(), edges) {
            rows.push((name.clone(), closed));
        }
    }
    let is_seen = rows.iter().any(|(_, row)| row.is_seen);
    let has_events = rows.iter().any(|(_, row)| row.has_events);
    let is_odd = rows.iter().any(|(_, row)| 0 < row.flags.nan);
    let trouble = match (is_seen || is_odd, has_events) {
        (false, true) if shape == Shape::Count => Some(block::Part::Denominator),
        // Pods that were there a moment ago miss a scrape; without any, there is nothing.
        (false, _) if rows.is_empty() => Some(block::Part::All),
        _ if !feed.is_known => Some(block::Part::NumeratorNeverSeen),
        _ => None,
    };
    if let Some(part) = trouble {
        return Seen::Trouble(Trouble::Absent(part));
    }
    let lost = (0..edges)
        .filter(|edge| rows.iter().any(|(_, row)| row.is_seen && row.events.above[*edge].is_none()));
    let lost: Vec<usize> = lost.collect();
    if shape == Shape::Latency && edges - lost.len() < EDGES_MIN {
        return Seen::Trouble(Trouble::Absent(block::Part::Edges));
    }
    let mut cells = Vec::with_capacity(rows.len());
    for (name, mut row) in rows {
        row.flags.lost = lost.iter().fold(0, |mask, edge| mask | 1 << edge);
        let value = match shape {
            Shape::Latency => {
                let above = row.events.above.iter().enumerate();
                let kept =
                    above.filter(|(edge, _)| !lost.contains(edge)).map(|(_, above)| above.unwrap_or(0));
                Value::Latency { n: row.events.total, above: kept.collect() }
            }
            _ => Value::Count { x: row.events.total, n: row.exposure },
        };
        let arm = feed.pods[&name].arm;
        match names.place(name, arm) {
            Ok(pod) => cells.push(Cell { pod, flags: row.flags, value }),
            Err(trouble) => return Seen::Trouble(trouble),
        }
    }
    feed.pods
        .retain(|_, pod| pod.newest().or(pod.seen).or(pod.first).is_none_or(|at| span.end - at < FORGOTTEN));
    cells.sort_by_key(|cell| cell.pod);
    Seen::Cells(cells)
}

/// What is wrong with the source as a whole.
fn of_source(feed: &Feed, span: &Span) -> Option<Trouble> {
    if let Some(trouble) = feed.trouble.values().next() {
        return Some(trouble.clone());
    }
    let newest = feed.pods.values().filter_map(PodFeed::newest).max();
    if let Some(ahead) = newest.map(|at| at - span.now).filter(|ahead| span.length() < 2 * ahead) {
        return Some(Trouble::ClockSkew(ahead / 1000));
    }
    let parts: &[Part] =
        if feed.shape == Shape::Count { &[Part::Events, Part::Exposure] } else { &[Part::Events] };
    if parts.iter().all(|part| feed.answered.get(part).is_some_and(|at| span.end <= *at)) {
        return None;
    }
    Some(feed.failure.clone().map_or(Trouble::Stale, Trouble::Provider))
}

/// Closes a block of one pod; none when there is nothing to tell of it.
fn close(
    pod: &mut PodFeed,
    span: &Span,
    main: Part,
    shape: Shape,
    start: Option<i64>,
    edges: usize,
) -> Option<Closed> {
    let taken: Vec<_> =
        pod.tracks.iter_mut().map(|((part, _), track)| (*part, track.split(span.end), track)).collect();
    let mut times: Vec<i64> = Vec::new();
    let (mut nan, mut has_events) = (0, false);
    for (part, samples, _) in &taken {
        nan += samples.values().filter(|reading| reading.is_none()).count() as u32;
        has_events |= *part == Part::Events && !samples.is_empty();
        if *part == main {
            times.extend(samples.keys());
        }
    }
    times.sort_unstable();
    let mut flags = Flags { nan, gap: span.has_gap(times.iter().copied()), ..Flags::default() };
    let nothing = Reading::zero(edges);
    let mut closed = Closed { events: nothing.clone(), exposure: 0, flags, is_seen: false, has_events };
    let (Some(first), Some(last), 0) = (times.first().copied(), times.last().copied(), nan) else {
        // Nothing of it counts now, on neither side: its counters are compared when it is seen again.
        let is_recent = pod.seen.is_some_and(|seen| span.end - seen <= BLOCKS_APART_MAX * span.length());
        closed.flags.late = std::mem::take(&mut pod.late);
        closed.flags.gap = true;
        closed.flags.warm = is_warm(pod.first, start, span);
        let is_told = is_recent || 0 < nan || 0 < closed.flags.late || has_events;
        return is_told.then_some(closed);
    };
    let length = span.length();
    let is_lost =
        pod.seen.is_some_and(|seen| BLOCKS_APART_MAX < first.div_euclid(length) - seen.div_euclid(length));
    let known = pod.seen.filter(|_| !is_lost);
    // A pod that began a moment ago was at zero then; of another one, what came before its first scrape is not known.
    let is_fresh =
        known.is_none() && start.is_some_and(|start| span.start - length <= start && start <= first);
    let since = known.unwrap_or(first);
    let mut sums = BTreeMap::from([(Part::Events, nothing.clone()), (Part::Exposure, nothing)]);
    for (part, samples, track) in taken {
        let is_new = |at: i64| is_fresh || since < at;
        if let (Some(amount), Some(sum)) = (track.seal(samples, is_lost, is_new), sums.get_mut(&part)) {
            sum.add(&amount.reading);
            flags.resets = flags.resets.max(amount.resets);
        }
    }
    flags.gap |= is_lost;
    flags.late = std::mem::take(&mut pod.late);
    if known.is_some() {
        // They are in this block after all: its counters went on from the last sealed sample.
        flags.late = 0;
    }
    flags.warm = is_warm(pod.first, start, span);
    let from = known.or(start.filter(|_| is_fresh)).unwrap_or(first);
    pod.seen = Some(last);
    closed.exposure = match shape {
        Shape::PodTime => u64::try_from(last - from).unwrap_or(0),
        _ => sums.remove(&Part::Exposure).unwrap_or_default().total,
    };
    closed.events = sums.remove(&Part::Events).unwrap_or_default();
    closed.flags = flags;
    closed.is_seen = true;
    Some(closed)
}

/// Whether a pod is younger than the warm-up. One whose beginning is not known began when it was first seen, unless it was
/// there from the first block on.
fn is_warm(first: Option<i64>, start: Option<i64>, span: &Span) -> bool {
    let appeared = first.filter(|first| span.begin + span.length() < *first);
    start.or(appeared).is_some_and(|start| span.start < start + span.warm_up)
}

fn levels(
    feed: &mut Feed,
    span: &Span,
    starts: &BTreeMap<String, i64>,
    names: &mut Names,
) -> Result<Vec<Cell>, Trouble> {
    let mut cells = Vec::new();
    for (name, pod) in &mut feed.pods {
        let (mut mean, mut samples, mut nan) = (0.0, 0, 0);
        let mut times: Vec<i64> = Vec::new();
        for level in pod.levels.values_mut() {
            let later = level.split_off(&span.end);
            let taken = std::mem::replace(level, later);
            let values: Vec<f64> = taken.values().flatten().copied().collect();
            nan += (taken.len() - values.len()) as u32;
            times.extend(taken.keys());
            if !values.is_empty() {
                mean += values.iter().sum::<f64>() / values.len() as f64;
                samples = samples.max(values.len() as u32);
            }
        }
        times.sort_unstable();
        let Some(last) = times.last() else { continue };
        pod.seen = Some(*last);
        // A mean of nothing is no level, and a level with holes in it is another level.
        if samples == 0 {
            continue;
        }
        let micro = (mean * 1e6).round();
        if i64::MAX as f64 <= micro.abs() {
            return Err(Trouble::Provider(format!(
                "pod {name}: a level of {mean} is too large: give it in a larger unit"
            )));
        }
        let start = starts.get(name).copied();
        let flags = Flags {
            nan,
            gap: span.has_gap(times.iter().copied()),
            warm: is_warm(pod.first, start, span),
            ..Flags::default()
        };
        let pod = names.place(name.clone(), pod.arm)?;
        cells.push(Cell { pod, flags, value: Value::Gauge { micro: micro as i64, samples } });
    }
    feed.pods.retain(|_, pod| pod.newest().or(pod.seen).is_none_or(|at| span.end - at < FORGOTTEN));
    cells.sort_by_key(|cell| cell.pod);
    Ok(cells)
}

/// The pods that were seen so far, and the place of each.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    pub(super) roster: Roster,
    places: BTreeMap<String, u32>,
}

impl Names {
    /// The place of a pod, which joins when it is new.
    pub(super) fn place(&mut self, name: String, arm: block::Arm) -> Result<u32, Trouble> {
        if let Some(place) = self.places.get(&name) {
            return if self.roster.pods[*place as usize].arm == arm {
                Ok(*place)
            } else {
                Err(Trouble::ArmsMixed(format!("pod {name} was on the other side before")))
            };
        }
        let place = self.roster.pods.len() as u32;
        self.places.insert(name.clone(), place);
        self.roster.pods.push(Pod { name, arm });
        Ok(place)
    }
}
