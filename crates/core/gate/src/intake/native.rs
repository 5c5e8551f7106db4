//! Native histograms: buckets whose ends are powers of 2^(2^-schema), so that two neighbours of a finer schema are exactly
//! one bucket of the next coarser one.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::answer::{AnswerError, number};
use super::reading::{Reading, whole};

/// The schemas that Prometheus knows.
const SCHEMAS: std::ops::RangeInclusive<i32> = -4..=8;
/// How far, in buckets, an end may be from where it belongs: it has gone through text.
const SLACK: f64 = 1e-4;

/// One native histogram as it was scraped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Native {
    /// The ends of its buckets are 2^(i/2^schema).
    pub schema: i32,
    /// All observations.
    pub count: u64,
    /// Observations up to and including 2^(i/2^schema) and above the end before, by i: those above the zero bucket.
    pub buckets: BTreeMap<i32, u64>,
}

/// As Prometheus writes it into an answer.
#[derive(Deserialize)]
#[serde(expecting = "a native histogram (an object)")]
pub(super) struct Shape {
    count: String,
    #[serde(default)]
    buckets: Vec<(i32, String, String, String)>,
}

impl Native {
    /// What an answer says. The schema is that of its widest positive bucket.
    pub(super) fn of(shape: &Shape) -> Result<Self, AnswerError> {
        let wrong = |what: String| AnswerError::Unreadable(format!("native histogram: {what}"));
        let count = |text: &str| whole(number(text)?).map_err(|why| wrong(format!("count {text} {why}")));
        let mut ends = Vec::new();
        for (_, lower, upper, observed) in &shape.buckets {
            let (lower, upper) = (number(lower)?, number(upper)?);
            // The zero bucket and those below zero lie under every edge.
            if 0.0 < lower && lower < upper && upper.is_finite() {
                ends.push((lower, upper, count(observed)?));
            }
        }
        let schema_of = |lower: f64, upper: f64| -(upper / lower).log2().log2().round() as i32;
        let schema =
            ends.iter().map(|(lower, upper, _)| schema_of(*lower, *upper)).min().unwrap_or(*SCHEMAS.end());
        if !SCHEMAS.contains(&schema) {
            return Err(wrong(format!("its buckets are of schema {schema}, and -4 to 8 are known")));
        }
        let mut buckets = BTreeMap::new();
        for (_, upper, observed) in ends {
            let index =
                index(upper, schema).ok_or_else(|| wrong(format!("{upper} is no end of a bucket")))?;
            *buckets.entry(index).or_default() += observed;
        }
        Ok(Self { schema, count: count(&shape.count)?, buckets })
    }

    /// The same observations in the buckets of a coarser schema: pairs are merged, which loses nothing else.
    #[must_use]
    pub fn downscaled(&self, schema: i32) -> Self {
        let shift = (self.schema - schema).clamp(0, 31);
        let mut buckets = BTreeMap::new();
        for (index, count) in &self.buckets {
            // Bucket i ends at its upper end: the merged one at the next end of the coarser schema, upwards.
            *buckets.entry(-(-i64::from(*index)).div_euclid(1 << shift) as i32).or_default() += count;
        }
        Self { schema: self.schema - shift, count: self.count, buckets }
    }

    /// Observations above `edge`; none when the edge lies inside a bucket.
    #[must_use]
    pub fn above(&self, edge: f64) -> Option<u64> {
        let index = index(edge, self.schema)?;
        Some(self.buckets.range(index + 1..).map(|(_, count)| count).sum())
    }

    /// The ends of all buckets from the first to the last, ascending.
    #[must_use]
    pub fn edges(&self) -> Vec<f64> {
        let (Some((first, _)), Some((last, _))) =
            (self.buckets.first_key_value(), self.buckets.last_key_value())
        else {
            return Vec::new();
        };
        (first - 1..=*last).map(|index| end(index, self.schema)).collect()
    }

    pub(super) fn reading(&self, edges: &[f64]) -> Reading {
        Reading { total: self.count, above: edges.iter().map(|edge| self.above(*edge)).collect() }
    }
}

fn end(index: i32, schema: i32) -> f64 {
    2f64.powf(f64::from(index) * 2f64.powi(-schema))
}

/// The bucket that ends at `edge`.
fn index(edge: f64, schema: i32) -> Option<i32> {
    let exact = edge.log2() * 2f64.powi(schema);
    let index = exact.round();
    ((exact - index).abs() < SLACK && index.abs() < 1e6).then_some(index as i32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn native(schema: i32, buckets: &[(i32, u64)]) -> Native {
        let count = buckets.iter().map(|(_, count)| count).sum();
        Native { schema, count, buckets: buckets.iter().copied().collect() }
    }

    #[test]
    fn pairs_of_buckets_are_merged_exactly() {
        let fine = native(1, &[(-3, 1), (-2, 2), (-1, 4), (0, 8), (1, 16), (2, 32), (3, 64)]);
        assert_eq!(fine.downscaled(0), native(0, &[(-1, 3), (0, 12), (1, 48), (2, 64)]));
        assert_eq!(fine.downscaled(-1), native(-1, &[(0, 15), (1, 112)]));
        for schema in [0, -1] {
            let coarse = fine.downscaled(schema);
            for edge in coarse.edges() {
                assert_eq!(coarse.above(edge), fine.above(edge), "{edge}");
            }
        }
    }

    #[test]
    fn an_edge_inside_a_bucket_has_no_count() {
        let coarse = native(0, &[(0, 5), (1, 7)]);
        assert_eq!((coarse.above(1.0), coarse.above(2.0), coarse.above(0.25)), (Some(7), Some(0), Some(12)));
        assert_eq!(coarse.above(2f64.sqrt()), None);
        assert_eq!(native(1, &[(0, 5), (1, 3), (2, 4)]).above(2f64.sqrt()), Some(4));
    }

    #[test]
    fn an_answer_is_read_with_its_schema_and_the_zero_bucket_lies_below_everything() {
        let json = r#"{"count":"14","sum":"3","buckets":[[1,"-2","-1","1"],[3,"-0.001","0.001","2"],
            [0,"0.7071067811865475","1","4"],[0,"1","1.414213562373095","7"]]}"#;
        let read = Native::of(&serde_json::from_str(json).unwrap()).unwrap();
        assert_eq!(read, Native { schema: 1, count: 14, buckets: [(0, 4), (1, 7)].into() });
        assert_eq!((read.above(1.0), read.above(0.5)), (Some(7), Some(11)));
        for (json, wanted) in [
            (r#"{"count":"1.5"}"#, "count 1.5 is no whole number"),
            (r#"{"count":"x"}"#, "\"x\" is no number"),
            (r#"{"count":"1","buckets":[[0,"1","1.3","1"]]}"#, "1.3 is no end of a bucket"),
        ] {
            let error = Native::of(&serde_json::from_str(json).unwrap()).unwrap_err().to_string();
            assert!(error.contains(wanted), "{error}");
        }
    }
}
