//! The options of one metric: `analysisConfigurations.canary` read into types.
//!
//! A path is walked through nested objects; on the way a list stands for the values that its objects have there. What is
//! absent has a default; what has the wrong type fails the judgement, as it does in Kayenta.

use serde_json::{Map, Value};

use crate::config::Metric;

/// Which way a change is bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Direction {
    /// Only a rise.
    Increase,
    /// Only a fall.
    Decrease,
    /// Both; also what any other word means.
    #[default]
    Either,
}

impl Direction {
    /// The word in the configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Increase => "increase",
            Self::Decrease => "decrease",
            Self::Either => "either",
        }
    }
}

/// What becomes of values that are not numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum NanStrategy {
    /// They are left out; also what any other word means.
    #[default]
    Remove,
    /// They count as 0.
    Replace,
}

/// What a difference is measured with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Measure {
    /// The canary's mean over the baseline's; also what any other word means.
    #[default]
    MeanRatio,
    /// The common-language effect size: the share of pairs of values in which the canary's is larger.
    Cles,
}

/// How one metric is judged.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Options {
    /// Which way is bad.
    pub direction: Direction,
    /// What becomes of NaN.
    pub nan_strategy: NanStrategy,
    /// The multiple of the interquartile range beyond which values are removed; `None` keeps all.
    pub outlier_factor: Option<f64>,
    /// Whether a failure of this metric alone fails the canary.
    pub critical: bool,
    /// Whether missing data is a failure.
    pub must_have_data: bool,
    /// Whether it is left out of the score.
    pub muted: bool,
    /// What the thresholds below are compared with.
    pub measure: Measure,
    /// High from this effect on.
    pub allowed_increase: f64,
    /// Low up to this effect.
    pub allowed_decrease: f64,
    /// Critical from this effect on, if High.
    pub critical_increase: f64,
    /// Critical up to this effect, if Low.
    pub critical_decrease: f64,
}

/// An option that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path} must be {wanted}, and is {found}")]
pub struct Mistyped {
    /// Where it stands, from the metric on.
    pub path: String,
    /// What belongs there.
    pub wanted: &'static str,
    /// What is there.
    pub found: String,
}

/// Characters of a wrong value that an error shows.
const SHOWN_CHARS_MAX: usize = 60;
/// The default multiple of the interquartile range.
const OUTLIER_FACTOR: f64 = 3.0;

impl Options {
    /// Reads the options of `metric`.
    ///
    /// # Errors
    /// [`Mistyped`] for the first that has the wrong type.
    pub fn of(metric: &Metric) -> Result<Self, Mistyped> {
        let canary = metric.analysis_configurations.as_ref().and_then(|map| map.get("canary"));
        let read = Reader(canary.and_then(Option::as_ref));
        let measure = match read.word("effectSize.measure", "meanRatio")?.as_str() {
            "cles" => Measure::Cles,
            _ => Measure::MeanRatio,
        };
        let no_effect = if measure == Measure::Cles { 0.5 } else { 1.0 };
        let factor = read.number("outliers.outlierFactor", OUTLIER_FACTOR)?;
        Ok(Self {
            direction: match read.word("direction", "either")?.as_str() {
                "increase" => Direction::Increase,
                "decrease" => Direction::Decrease,
                _ => Direction::Either,
            },
            nan_strategy: match read.word("nanStrategy", "none")?.as_str() {
                "replace" => NanStrategy::Replace,
                _ => NanStrategy::Remove,
            },
            outlier_factor: (read.word("outliers.strategy", "none")? == "remove").then_some(factor),
            critical: read.flag("critical")?,
            must_have_data: read.flag("mustHaveData")?,
            muted: read.flag("muted")?,
            measure,
            allowed_increase: read.number("effectSize.allowedIncrease", no_effect)?,
            allowed_decrease: read.number("effectSize.allowedDecrease", no_effect)?,
            critical_increase: read.number("effectSize.criticalIncrease", no_effect)?,
            critical_decrease: read.number("effectSize.criticalDecrease", no_effect)?,
        })
    }
}

/// The options that are words: where, the words that mean something, and what any other counts as.
const WORDS: [(&str, &[&str], &str); 4] = [
    ("direction", &["increase", "decrease", "either"], "either"),
    ("nanStrategy", &["remove", "replace", "none"], "remove"),
    ("outliers.strategy", &["remove", "keep", "none"], "keep"),
    ("effectSize.measure", &["meanRatio", "cles"], "meanRatio"),
];
/// The options that are not words.
const OTHERS: [&str; 8] = [
    "critical",
    "mustHaveData",
    "muted",
    "outliers.outlierFactor",
    "effectSize.allowedIncrease",
    "effectSize.allowedDecrease",
    "effectSize.criticalIncrease",
    "effectSize.criticalDecrease",
];

/// What stands in the options of `metric` and means nothing, with its place from the metric on. Kayenta passes over it, and a
/// slip of the pen is then a default.
pub(crate) fn odd(metric: &Metric) -> Vec<(String, String)> {
    let canary = metric.analysis_configurations.as_ref().and_then(|map| map.get("canary"));
    let Some(canary) = canary.and_then(Option::as_ref) else { return Vec::new() };
    let place = |path: &str| format!("analysisConfigurations.canary.{path}");
    let read = Reader(Some(canary));
    let mut odd = Vec::new();
    for (path, words, default) in WORDS {
        match read.find(path) {
            // A null is an error of its own.
            None | Some(Value::Null) => {}
            Some(Value::String(word)) if words.contains(&&*word) => {}
            Some(found) => {
                let Mistyped { found, .. } = mistyped(path, "", &found);
                let message = format!("{found} is none of {}: it counts as {default}", words.join(", "));
                odd.push((place(path), message));
            }
        }
    }
    let is_known = |path: &str| OTHERS.contains(&path) || WORDS.iter().any(|(known, ..)| *known == path);
    for (name, value) in canary {
        let nested = value.as_object().filter(|_| ["outliers", "effectSize"].contains(&&**name));
        let paths: Vec<String> = match nested {
            Some(nested) => nested.keys().map(|key| format!("{name}.{key}")).collect(),
            // The values of a list are looked through, wherever they come from.
            None if value.is_array() => Vec::new(),
            None => vec![name.clone()],
        };
        let strange = paths.into_iter().filter(|path| !is_known(path));
        odd.extend(
            strange.map(|path| (place(&path), "there is no such option: it changes nothing".to_owned())),
        );
    }
    odd
}

/// The object that options are read from; without one all have their defaults.
struct Reader<'a>(Option<&'a Map<String, Value>>);

impl Reader<'_> {
    /// A word; of a value of another type nothing but that it is none of the words that mean something.
    fn word(&self, path: &str, default: &str) -> Result<String, Mistyped> {
        match self.find(path) {
            None => Ok(default.to_owned()),
            Some(Value::Null) => Err(mistyped(path, "a text", &Value::Null)),
            Some(Value::String(text)) => Ok(text),
            Some(other) => Ok(other.to_string()),
        }
    }

    fn flag(&self, path: &str) -> Result<bool, Mistyped> {
        match self.find(path) {
            None | Some(Value::Null) => Ok(false),
            Some(Value::Bool(flag)) => Ok(flag),
            Some(other) => Err(mistyped(path, "true or false", &other)),
        }
    }

    /// A number; null is 0. Integers of more than 32 bits are refused, as Kayenta does.
    fn number(&self, path: &str, default: f64) -> Result<f64, Mistyped> {
        let found = match self.find(path) {
            None => return Ok(default),
            Some(Value::Null) => return Ok(0.0),
            Some(found) => found,
        };
        let number = match found.as_i64() {
            Some(integer) => i32::try_from(integer).ok().map(f64::from),
            None if found.is_u64() => None,
            None => found.as_f64(),
        };
        number.ok_or_else(|| mistyped(path, "a number (an integer within 32 bits, or a decimal)", &found))
    }

    fn find(&self, path: &str) -> Option<Value> {
        let names: Vec<&str> = path.split('.').collect();
        let (first, rest) = names.split_first()?;
        let found = self.0?.get(*first)?;
        rest.is_empty().then(|| found.clone()).or_else(|| lookup(found, rest))
    }
}

/// The value at the end of `names`; a list stands for those of its objects that have one.
fn lookup(value: &Value, names: &[&str]) -> Option<Value> {
    let Some((first, rest)) = names.split_first() else { return Some(value.clone()) };
    match value {
        Value::Object(map) => lookup(map.get(*first)?, rest),
        Value::Array(list) => {
            let found: Vec<Value> = list.iter().filter_map(|item| lookup(item, names)).collect();
            (!found.is_empty()).then_some(Value::Array(found))
        }
        _ => None,
    }
}

fn mistyped(path: &str, wanted: &'static str, found: &Value) -> Mistyped {
    let found = found.to_string().chars().take(SHOWN_CHARS_MAX).collect();
    Mistyped { path: format!("analysisConfigurations.canary.{path}"), wanted, found }
}
