//! The judgement, and how it reads as JSON: Kayenta's `CanaryJudgeResult`.

use indexmap::IndexMap;
use serde::ser::{Serialize, SerializeMap, SerializeStruct, Serializer};
use serin_stats::describe::Summary;

use crate::classify::Classification;
use crate::evidence::Evidence;
use crate::score::Score;
use crate::wire::Text;

/// The judgement on a canary.
#[derive(Clone, Debug, PartialEq)]
pub struct Judgement {
    /// The pairs, in their order.
    pub results: Vec<PairResult>,
    /// The score and its groups.
    pub score: Score,
}

/// The judgement on one pair.
#[derive(Clone, Debug, PartialEq)]
pub struct PairResult {
    /// The metric's name.
    pub name: String,
    /// The pair's identifier.
    pub id: Option<String>,
    /// The pair's tags.
    pub tags: Option<IndexMap<String, Option<Text>>>,
    /// The groups in which it counts.
    pub groups: Vec<Option<String>>,
    /// What was found.
    pub found: Classification,
    /// The canary's values, preprocessed.
    pub experiment: Summary,
    /// The baseline's.
    pub control: Summary,
    /// Whether it is left out of the score.
    pub muted: bool,
    /// What Kayenta does not tell.
    pub evidence: Evidence,
}

impl PairResult {
    /// The reason in Kayenta's words.
    #[must_use]
    pub fn reason(&self) -> Option<String> {
        self.found.reason(&self.name)
    }
}

/// The score of one group.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupScore {
    /// Its name; Kayenta allows null.
    pub name: Option<String>,
    /// The percentage of its counted results that pass, not rounded; 0 without data.
    pub score: f64,
    /// Whether a result counts in it.
    pub has_data: bool,
}

/// A number as JSON: what JSON has no number for is a text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Json(pub(crate) f64);

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            value if value.is_finite() => serializer.serialize_f64(value),
            value if value.is_nan() => serializer.serialize_str("NaN"),
            value if 0.0 < value => serializer.serialize_str("Infinity"),
            _ => serializer.serialize_str("-Infinity"),
        }
    }
}

struct Stats(Summary);

impl Serialize for Stats {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(5))?;
        map.serialize_entry("min", &Json(self.0.min))?;
        map.serialize_entry("max", &Json(self.0.max))?;
        map.serialize_entry("mean", &Json(self.0.mean))?;
        map.serialize_entry("std", &Json(self.0.std))?;
        map.serialize_entry("count", &self.0.count)?;
        map.end()
    }
}

/// One key over a value.
struct Under<'a, T>(&'a str, T);

impl<T: Serialize> Serialize for Under<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry(self.0, &self.1)?;
        map.end()
    }
}

impl Serialize for PairResult {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("name", &self.name)?;
        if let Some(tags) = &self.tags {
            map.serialize_entry("tags", tags)?;
        }
        if let Some(id) = &self.id {
            map.serialize_entry("id", id)?;
        }
        map.serialize_entry("classification", self.found.label.as_str())?;
        if let Some(reason) = self.reason() {
            map.serialize_entry("classificationReason", &reason)?;
        }
        map.serialize_entry("groups", &self.groups)?;
        map.serialize_entry("experimentMetadata", &Under("stats", Stats(self.experiment)))?;
        map.serialize_entry("controlMetadata", &Under("stats", Stats(self.control)))?;
        map.serialize_entry("resultMetadata", &Metadata(self))?;
        map.serialize_entry("critical", &self.found.critical)?;
        map.serialize_entry("muted", &self.muted)?;
        map.end()
    }
}

/// `ratio`, which is Kayenta's, and what Serin adds.
struct Metadata<'a>(&'a PairResult);

impl Serialize for Metadata<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if let Some(ratio) = self.0.found.ratio {
            map.serialize_entry("ratio", &Json(ratio))?;
        }
        crate::evidence::write(self.0, &mut map)?;
        map.end()
    }
}

impl Serialize for GroupScore {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if let Some(name) = &self.name {
            map.serialize_entry("name", name)?;
        }
        map.serialize_entry("score", &Json(self.score))?;
        map.serialize_entry("classification", "")?;
        map.serialize_entry("classificationReason", "")?;
        map.end()
    }
}

impl Serialize for Judgement {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut result = serializer.serialize_struct("CanaryJudgeResult", 4)?;
        result.serialize_field("judgeName", crate::judge::NAME)?;
        result.serialize_field("results", &self.results)?;
        result.serialize_field("groupScores", &self.score.groups)?;
        result.serialize_field("score", &Total(&self.score))?;
        result.end()
    }
}

struct Total<'a>(&'a Score);

impl Serialize for Total<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(3))?;
        map.serialize_entry("score", &Json(self.0.score))?;
        map.serialize_entry("classification", self.0.verdict.as_str())?;
        map.serialize_entry("classificationReason", &self.0.reason)?;
        map.end()
    }
}
