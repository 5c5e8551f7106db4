//! How long one pair of series takes: the compatible interval, a whole judgement, and the exact interval.
//!
//! `cargo bench -p serin-bench --features criterion --bench judge`. Series are lognormal, seeded, and of the sizes that Kayenta's judge was
//! measured with; JSON is left out, as it was there.
#![allow(clippy::unwrap_used, missing_docs)]

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use serin_judge::{Input, Judge};
use serin_stats::compatible::Workspace;
use serin_stats::exact;
use serin_stats::noise::Noise;

/// Points a side.
const SIZES: [usize; 3] = [60, 360, 1440];
/// Metrics of one run.
const METRICS: usize = 10;
/// Different runs: the same one again and again is learnt by the processor, and looks faster than it is.
const RUNS: usize = 20;
const CONFIDENCE: f64 = 0.98;

fn series(noise: &mut Noise, points: usize) -> Vec<f64> {
    (0..points).map(|_| noise.gaussian().exp()).collect()
}

fn pairs(points: usize, count: usize) -> Vec<(Vec<f64>, Vec<f64>)> {
    let mut noise = Noise::new(points as u64);
    (0..count).map(|_| (series(&mut noise, points), series(&mut noise, points))).collect()
}

fn run(pairs: &[(Vec<f64>, Vec<f64>)]) -> Input {
    let metric = |i: usize| {
        serde_json::json!({"name": format!("m{i}"), "groups": ["g"],
                           "analysisConfigurations": {"canary": {"direction": "increase"}}})
    };
    let pair = |(i, (x, y)): (usize, &(Vec<f64>, Vec<f64>))| serde_json::json!({"name": format!("m{i}"), "id": "p", "tags": {}, "values": {"experiment": x, "control": y}});
    serde_json::from_value(serde_json::json!({
        "canaryConfig": {"name": "bench", "applications": ["a"],
            "metrics": (0..METRICS).map(metric).collect::<Vec<_>>(), "classifier": {"groupWeights": {"g": 100}}},
        "scoreThresholds": {"pass": 95, "marginal": 75},
        "metricSetPairList": pairs.iter().enumerate().map(pair).collect::<Vec<_>>(),
    }))
    .unwrap()
}

fn compatible(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("compatible interval");
    for points in SIZES {
        let pairs = pairs(points, 64);
        let (mut work, mut next) = (Workspace::default(), pairs.iter().cycle());
        group.bench_function(BenchmarkId::from_parameter(points), |bencher| {
            bencher.iter(|| {
                let (x, y) = next.next().unwrap();
                work.compare(x, y).unwrap().interval(CONFIDENCE).unwrap()
            });
        });
    }
    group.finish();
}

fn judgement(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("judgement of ten metrics");
    group.throughput(Throughput::Elements(METRICS as u64));
    for points in SIZES {
        let inputs: Vec<Input> = pairs(points, RUNS * METRICS).chunks(METRICS).map(run).collect();
        let (mut judge, mut next) = (Judge::default(), inputs.iter().cycle());
        group.bench_function(BenchmarkId::from_parameter(points), |bencher| {
            bencher.iter(|| judge.judge(next.next().unwrap()).unwrap());
        });
    }
    group.finish();
}

fn exact_interval(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("exact interval");
    group.sample_size(10);
    for points in [1_000, 10_000, 100_000] {
        let pair = pairs(points, 1).remove(0);
        group.bench_function(BenchmarkId::from_parameter(points), |bencher| {
            bencher.iter(|| exact::interval(&pair.0, &pair.1, CONFIDENCE).unwrap());
        });
    }
    group.finish();
}

criterion_group!(benches, compatible, judgement, exact_interval);
criterion_main!(benches);
