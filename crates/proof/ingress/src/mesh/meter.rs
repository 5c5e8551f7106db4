//! What the mesh has forwarded, as Istio's sidecars count it, and how it was at each of the last minutes' seconds.

use parking_lot::Mutex;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;
use tokio::time::Instant;

/// How often the counters are written down: what a Prometheus that scrapes so often would know.
pub(crate) const SCRAPE: Duration = Duration::from_secs(1);
/// How many times are kept: the longest window that anybody looks back over here is five minutes.
const SCRAPES_MAX: usize = 330;
/// Lines kept. Past it new ones are not counted, so that a route to ever new workloads cannot fill the memory.
const LINES_MAX: usize = 512;
/// Upper bounds of Istio's buckets in milliseconds.
const BUCKETS: [f64; 15] = [
    0.5, 1.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1_000.0, 2_500.0, 5_000.0, 10_000.0, 30_000.0,
    60_000.0,
];

/// Labels of a series, with its name.
pub(crate) type Labels = BTreeMap<String, String>;

/// One series: its labels, and its value at each time, in seconds since the start.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Series {
    pub(crate) labels: Labels,
    pub(crate) points: Vec<(f64, f64)>,
}

/// Who answered, and how.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Line {
    pub(crate) namespace: String,
    pub(crate) workload: String,
    pub(crate) service: String,
    pub(crate) code: u16,
}

#[derive(Clone, Debug, Default)]
struct Tally {
    requests: u64,
    milliseconds: f64,
    /// Of each bucket alone.
    buckets: [u64; BUCKETS.len()],
}

/// How durations are named: it changed with Istio 1.5.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Era {
    Seconds,
    Milliseconds,
}

#[derive(Debug)]
pub(crate) struct Meter {
    begun: Instant,
    now: Mutex<BTreeMap<Line, Tally>>,
    past: Mutex<VecDeque<(f64, BTreeMap<Line, Tally>)>>,
}

impl Meter {
    pub(crate) fn new() -> Self {
        Self { begun: Instant::now(), now: Mutex::default(), past: Mutex::default() }
    }

    /// Counts one answer.
    pub(crate) fn count(&self, line: Line, took: Duration) {
        let mut now = self.now.lock();
        if LINES_MAX <= now.len() && !now.contains_key(&line) {
            return;
        }
        let tally = now.entry(line).or_default();
        let milliseconds = took.as_secs_f64() * 1_000.0;
        tally.requests += 1;
        tally.milliseconds += milliseconds;
        if let Some(bucket) = BUCKETS.iter().position(|limit| milliseconds <= *limit) {
            tally.buckets[bucket] += 1;
        }
    }

    /// Seconds since the start.
    pub(crate) fn seconds(&self) -> f64 {
        self.begun.elapsed().as_secs_f64()
    }

    /// Writes down how the counters stand.
    pub(crate) fn scrape(&self) {
        let (at, now) = (self.seconds(), self.now.lock().clone());
        let mut past = self.past.lock();
        past.push_back((at, now));
        while SCRAPES_MAX < past.len() {
            past.pop_front();
        }
    }

    /// All series, with their values since `from`.
    pub(crate) fn series(&self, era: Era, from: f64) -> Vec<Series> {
        let past = self.past.lock();
        let mut series: BTreeMap<Labels, Vec<(f64, f64)>> = BTreeMap::new();
        for (at, lines) in past.iter().filter(|(at, _)| from <= *at) {
            for (line, tally) in lines {
                for (labels, value) in exposed(line, tally, era) {
                    series.entry(labels).or_default().push((*at, value));
                }
            }
        }
        series.into_iter().map(|(labels, points)| Series { labels, points }).collect()
    }
}

/// The series of one line.
fn exposed(line: &Line, tally: &Tally, era: Era) -> Vec<(Labels, f64)> {
    let (durations, unit) = match era {
        Era::Seconds => ("istio_request_duration_seconds", 1_000.0),
        Era::Milliseconds => ("istio_request_duration_milliseconds", 1.0),
    };
    let named = |name: &str, more: &[(&str, &str)]| -> Labels {
        let Line { namespace, workload, service, code } = line;
        let code = code.to_string();
        let address = format!("{service}.{namespace}.svc.cluster.local");
        let common = [
            ("__name__", name),
            ("reporter", "destination"),
            ("destination_workload", workload),
            ("destination_workload_namespace", namespace),
            ("destination_service", &address),
            ("request_protocol", "http"),
            ("response_code", &code),
        ];
        common.iter().chain(more).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    };
    let mut all = vec![(named("istio_requests_total", &[]), tally.requests as f64)];
    let bucket = format!("{durations}_bucket");
    let mut below = 0;
    for (limit, count) in BUCKETS.iter().zip(tally.buckets) {
        below += count;
        all.push((named(&bucket, &[("le", &(limit / unit).to_string())]), below as f64));
    }
    all.push((named(&bucket, &[("le", "+Inf")]), tally.requests as f64));
    all.push((named(&format!("{durations}_sum"), &[]), tally.milliseconds / unit));
    all.push((named(&format!("{durations}_count"), &[]), tally.requests as f64));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(code: u16) -> Line {
        Line { namespace: "ns".into(), workload: "app".into(), service: "app-canary".into(), code }
    }

    #[tokio::test(start_paused = true)]
    async fn series_are_named_and_counted_as_istio_does() {
        let meter = Meter::new();
        meter.scrape();
        tokio::time::advance(SCRAPE).await;
        for (code, took) in [(200, 3), (200, 30), (503, 700_000)] {
            meter.count(line(code), Duration::from_millis(took));
        }
        meter.scrape();
        for (era, name, limit) in [
            (Era::Milliseconds, "istio_request_duration_milliseconds_bucket", "5"),
            (Era::Seconds, "istio_request_duration_seconds_bucket", "0.005"),
        ] {
            let series = meter.series(era, 0.0);
            let of = |name: &str, label: &str, value: &str| {
                let found = series.iter().find(|series| {
                    series.labels["__name__"] == name
                        && series.labels.get(label).is_some_and(|it| it == value)
                });
                found.map(|series| series.points.clone()).unwrap_or_default()
            };
            assert_eq!(of("istio_requests_total", "response_code", "200"), [(1.0, 2.0)]);
            assert_eq!(of("istio_requests_total", "response_code", "503"), [(1.0, 1.0)]);
            assert_eq!(of(name, "le", limit), [(1.0, 1.0)], "{name}");
            assert_eq!(of(name, "le", "+Inf"), [(1.0, 2.0)], "{name}");
            assert!(meter.series(era, 1.5).is_empty());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn ever_new_workloads_and_old_times_cannot_fill_the_memory() {
        let meter = Meter::new();
        for number in 0..2 * LINES_MAX {
            meter.count(Line { workload: number.to_string(), ..line(200) }, SCRAPE);
        }
        assert_eq!(meter.now.lock().len(), LINES_MAX);
        meter.now.lock().clear();
        for _ in 0..2 * SCRAPES_MAX {
            meter.scrape();
        }
        assert_eq!(meter.past.lock().len(), SCRAPES_MAX);
    }
}
