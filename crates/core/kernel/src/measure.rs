//! What a planner wants measured, for `/metrics`.

/// One number, by its metric's name and labels.
#[derive(Clone, Debug, PartialEq)]
pub struct Measure {
    /// Name of the metric.
    pub name: &'static str,
    /// Labels, in the order in which they are shown.
    pub labels: Vec<(&'static str, String)>,
    /// The number, and how it is taken.
    pub reading: Reading,
}

/// How a number is taken into its metric.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reading {
    /// The value now.
    Gauge(f64),
    /// So much more since it was counted last.
    Count(f64),
    /// One observation of a distribution.
    Observe(f64),
    /// One observation of a distribution: the seconds that this pass takes, which only who carries it out knows.
    Elapsed,
}
