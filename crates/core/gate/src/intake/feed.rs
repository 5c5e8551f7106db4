//! The samples of one metric: sorted by pod, made into counts, or told as trouble.

use std::collections::{BTreeMap, BTreeSet};

use super::Part;
use super::answer::Series;
use super::edges::same;
use super::reading::{Reading, whole};
use super::track::Track;
use crate::block::{Arm, Trouble};
use crate::config::{Arms, Exposure, Query, Source};

pub(super) type Labels = BTreeMap<String, String>;

/// Characters of a series' labels that are told.
const LABELS_CHARS_MAX: usize = 300;

/// What the cells of a metric are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// Two counters.
    Count,
    /// A counter against the time that its pods are there.
    PodTime,
    /// A histogram.
    Latency,
    /// A level.
    Gauge,
}

/// One metric.
#[derive(Clone, Debug)]
pub(super) struct Feed {
    pub(super) name: String,
    pub(super) shape: Shape,
    pub(super) edges: Vec<f64>,
    /// The numerator was seen at some time, for some arm, or never seeing it is plausible.
    pub(super) is_known: bool,
    pub(super) pods: BTreeMap<String, PodFeed>,
    /// What is wrong with the newest answers.
    pub(super) trouble: BTreeMap<Part, Trouble>,
    /// Up to when the source has answered.
    pub(super) answered: BTreeMap<Part, i64>,
    pub(super) failure: Option<String>,
}

/// One pod of a metric.
#[derive(Clone, Debug)]
pub(super) struct PodFeed {
    pub(super) arm: Arm,
    /// Its first scrape, and the last one that was sealed.
    pub(super) first: Option<i64>,
    pub(super) seen: Option<i64>,
    /// Exposure that came too late and is in no block yet.
    pub(super) late: u64,
    pub(super) tracks: BTreeMap<(Part, Labels), Track>,
    pub(super) levels: BTreeMap<Labels, BTreeMap<i64, Option<f64>>>,
}

impl Feed {
    pub(super) fn new(name: &str, query: &Query, edges: Vec<f64>) -> Self {
        let shape = match &query.source {
            Source::Count { exposure: Some(Exposure::PodTime), .. } => Shape::PodTime,
            Source::Count { .. } => Shape::Count,
            Source::Latency { .. } => Shape::Latency,
            Source::Gauge { .. } => Shape::Gauge,
        };
        Self {
            name: name.to_owned(),
            shape,
            edges,
            is_known: query.zero_ok || shape != Shape::Count,
            pods: BTreeMap::new(),
            trouble: BTreeMap::new(),
            answered: BTreeMap::new(),
            failure: None,
        }
    }

    /// The part whose scrapes say that a pod was seen: what is counted against, where there is such a thing.
    pub(super) fn main(&self) -> Part {
        if self.shape == Shape::Count { Part::Exposure } else { Part::Events }
    }

    pub(super) fn failed(&mut self, why: &str) {
        self.failure = Some(why.to_owned());
    }

    /// Takes an answer in; `open` is the first moment that is not sealed, and whether nothing is sealed yet.
    pub(super) fn take(&mut self, part: Part, at: i64, series: Vec<Series>, arms: &Arms, open: (i64, bool)) {
        self.failure = None;
        self.trouble.remove(&part);
        let answered = self.answered.entry(part).or_insert(at);
        *answered = at.max(*answered);
        match sort(series, arms).and_then(|sorted| self.same_arms(sorted)) {
            Err(labels) => drop(self.trouble.insert(part, Trouble::ArmsMixed(labels))),
            Ok(sorted) if self.shape == Shape::Gauge => self.levels(sorted, open.0),
            Ok(sorted) => {
                let grouped: Result<Vec<_>, String> = sorted
                    .into_iter()
                    .map(|(pod, series)| Ok((pod, readings(series, &self.edges)?)))
                    .collect();
                match grouped {
                    Err(why) => drop(self.trouble.insert(part, Trouble::Provider(why))),
                    Ok(grouped) => grouped.into_iter().for_each(|((pod, arm), groups)| {
                        self.counts(part, &pod, arm, groups, open);
                    }),
                }
            }
        }
    }

    /// A pod stays on its side.
    fn same_arms(&self, sorted: Sorted) -> Result<Sorted, String> {
        let changed = sorted.keys().find(|(pod, arm)| self.pods.get(pod).is_some_and(|old| old.arm != *arm));
        match changed {
            Some((pod, _)) => Err(format!("pod {pod} was on the other side before")),
            None => Ok(sorted),
        }
    }

    fn counts(&mut self, part: Part, pod: &str, arm: Arm, groups: Groups, (next, is_first): (i64, bool)) {
        let is_main = part == self.main();
        self.is_known |= part == Part::Events && groups.values().any(|samples| !samples.is_empty());
        let feed = self.pods.entry(pod.to_owned()).or_insert_with(|| PodFeed::new(arm));
        for (labels, samples) in groups {
            let track = feed.tracks.entry((part, labels)).or_default();
            for (at, reading) in samples {
                let is_scrape = is_main && reading.is_some();
                if is_scrape && (is_first || next <= at) {
                    feed.first = Some(feed.first.map_or(at, |first| first.min(at)));
                }
                if next <= at {
                    track.push(at, reading);
                } else if is_first {
                    if is_scrape {
                        feed.seen = feed.seen.max(Some(at));
                    }
                    track.push_before(at, reading);
                } else {
                    let more = track.push_late(at, reading.as_ref());
                    feed.late += if is_main { more } else { 0 };
                }
            }
        }
    }

    fn levels(&mut self, sorted: Sorted, next: i64) {
        for ((pod, arm), series) in sorted {
            let feed = self.pods.entry(pod).or_insert_with(|| PodFeed::new(arm));
            for Series { mut labels, samples, .. } in series {
                labels.remove("__name__");
                let level = feed.levels.entry(labels).or_default();
                for (at, value) in samples.into_iter().filter(|(at, _)| next <= *at) {
                    feed.first = Some(feed.first.map_or(at, |first| first.min(at)));
                    level.insert(at, value.is_finite().then_some(value));
                }
            }
        }
    }
}

impl PodFeed {
    fn new(arm: Arm) -> Self {
        Self { arm, first: None, seen: None, late: 0, tracks: BTreeMap::new(), levels: BTreeMap::new() }
    }

    pub(super) fn newest(&self) -> Option<i64> {
        let levels = self.levels.values().filter_map(|level| level.last_key_value().map(|(at, _)| *at));
        self.tracks.values().filter_map(Track::newest).chain(levels).max()
    }
}

pub(super) type Sorted = BTreeMap<(String, Arm), Vec<Series>>;
pub(super) type Groups = BTreeMap<Labels, BTreeMap<i64, Option<Reading>>>;

/// Series by pod and arm, or the labels of one that belongs nowhere.
pub(super) fn sort(series: Vec<Series>, arms: &Arms) -> Result<Sorted, String> {
    let mut sorted = Sorted::new();
    let mut seen: BTreeSet<&Labels> = BTreeSet::new();
    for one in &series {
        if !seen.insert(&one.labels) {
            return Err(format!("{} is there twice", shown(&one.labels)));
        }
    }
    for one in series {
        let arm = match (arms.canary.matches(&one.labels), arms.stable.matches(&one.labels)) {
            (true, false) => Arm::Canary,
            (false, true) => Arm::Stable,
            (true, true) => return Err(format!("{} is canary and stable", shown(&one.labels))),
            (false, false) => {
                return Err(format!(
                    "{} is neither canary ({}) nor stable ({})",
                    shown(&one.labels),
                    arms.canary,
                    arms.stable
                ));
            }
        };
        let Some(pod) = one.labels.get(&arms.pod).filter(|pod| !pod.is_empty()).cloned() else {
            return Err(format!("{} has no label {:?} that names its pod", shown(&one.labels), arms.pod));
        };
        sorted.entry((pod, arm)).or_default().push(one);
    }
    let mut pods: BTreeSet<&String> = BTreeSet::new();
    if let Some((pod, _)) = sorted.keys().find(|(pod, _)| !pods.insert(pod)) {
        return Err(format!("pod {pod} is canary and stable"));
    }
    Ok(sorted)
}

/// The labels of a series as PromQL writes them.
pub(super) fn shown(labels: &Labels) -> String {
    let name = labels.get("__name__").map_or("", String::as_str);
    let inner: Vec<String> =
        labels.iter().filter(|(label, _)| *label != "__name__").map(|(k, v)| format!("{k}={v:?}")).collect();
    format!("{name}{{{}}}", inner.join(",")).chars().take(LABELS_CHARS_MAX).collect()
}

/// Counters, classic and native histograms as readings at `edges`; the series of a classic histogram become one.
pub(super) fn readings(series: Vec<Series>, edges: &[f64]) -> Result<Groups, String> {
    let mut groups = Groups::new();
    let mut buckets: BTreeMap<Labels, BTreeMap<i64, Vec<(f64, f64)>>> = BTreeMap::new();
    let mut natives: Vec<(Labels, Vec<(i64, super::Native)>)> = Vec::new();
    for Series { mut labels, samples, histograms } in series {
        let name = labels.clone();
        labels.remove("__name__");
        if let Some(le) = (!edges.is_empty()).then(|| labels.remove("le")).flatten() {
            let le =
                super::answer::number(&le).map_err(|_| format!("{} has no number as le", shown(&name)))?;
            let group = buckets.entry(labels).or_default();
            for (at, value) in samples {
                group.entry(at).or_default().push((le, value));
            }
            continue;
        }
        if !histograms.is_empty() {
            natives.push((labels, histograms));
        } else if edges.is_empty() {
            let group = groups.entry(labels).or_default();
            for (at, value) in samples {
                group.insert(at, counted(value, &name)?.map(|total| Reading { total, above: Vec::new() }));
            }
        }
    }
    for (labels, group) in buckets {
        let read = |(at, row): (i64, Vec<(f64, f64)>)| Ok((at, classic(&row, edges, &labels)?));
        let samples = group.into_iter().map(read).collect::<Result<_, String>>()?;
        groups.insert(labels, samples);
    }
    for (labels, histograms) in natives {
        // A histogram that is scraped in both forms is counted once.
        groups.entry(labels).or_insert_with(|| {
            histograms.into_iter().map(|(at, native)| (at, Some(native.reading(edges)))).collect()
        });
    }
    Ok(groups)
}

fn counted(value: f64, labels: &Labels) -> Result<Option<u64>, String> {
    if !value.is_finite() {
        return Ok(None);
    }
    whole(value).map(Some).map_err(|why| format!("{} {value} {why}", shown(labels)))
}

/// One scrape of a classic histogram.
fn classic(row: &[(f64, f64)], edges: &[f64], labels: &Labels) -> Result<Option<Reading>, String> {
    let mut counts = Vec::with_capacity(row.len());
    for (le, value) in row {
        let Some(count) = counted(*value, labels)? else { return Ok(None) };
        counts.push((*le, count));
    }
    let total = counts.iter().find(|(le, _)| *le == f64::INFINITY).map(|(_, count)| *count);
    let total = total.ok_or_else(|| format!("{} has no bucket le=\"+Inf\"", shown(labels)))?;
    let above = edges.iter().map(|edge| {
        let below = counts.iter().find(|(le, _)| same(*le, *edge));
        below.map(|(_, below)| total.saturating_sub(*below))
    });
    Ok(Some(Reading { total, above: above.collect() }))
}
