//! The compatible interval allocates nothing once its memory has grown to the size of the samples.

use serin_stats::compatible::Workspace;
use serin_stats::noise::Noise;

/// Samples with and without ties, of several sizes.
fn pairs() -> Vec<(Vec<f64>, Vec<f64>)> {
    let mut noise = Noise::new(1);
    let mut series = |points: usize, step: f64| -> Vec<f64> {
        (0..points).map(|_| (noise.gaussian() / step).round() * step).collect()
    };
    [(60, 60), (360, 300), (1440, 1440), (7, 900)]
        .into_iter()
        .flat_map(|(n, m)| [1e-9, 0.25].map(|step| (n, m, step)))
        .map(|(n, m, step)| (series(n, step), series(m, step)))
        .collect()
}

#[test]
fn a_warm_workspace_allocates_nothing() {
    let (pairs, mut work) = (pairs(), Workspace::default());
    let mut judge = || {
        for (x, y) in &pairs {
            assert!(work.compare(x, y).is_some_and(|mut both| both.interval(0.98).is_ok()));
        }
    };
    let cold = allocation_counter::measure(&mut judge);
    let warm = allocation_counter::measure(&mut judge);
    assert!(0 < cold.count_total, "nothing was counted");
    assert_eq!(warm.count_total, 0, "allocations of a warm workspace");
}
