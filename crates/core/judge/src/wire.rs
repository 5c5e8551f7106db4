//! Reading JSON with the leniency of Kayenta's reader (Jackson): what it takes for a number or a text is taken here.

use std::fmt;

use serde::Serialize;
use serde::de::{Deserialize, Deserializer, Error, Visitor};

/// A number: a JSON number, a number as text, `"NaN"` and the infinities as text, and null or an empty text for 0.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Number(pub(crate) f64);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NumberVisitor).map(Number)
    }
}

struct NumberVisitor;

impl Visitor<'_> for NumberVisitor {
    type Value = f64;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a number, \"NaN\", \"Infinity\" or \"-Infinity\"")
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<f64, E> {
        Ok(value)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<f64, E> {
        Ok(value as f64)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<f64, E> {
        Ok(value as f64)
    }

    fn visit_unit<E: Error>(self) -> Result<f64, E> {
        Ok(0.0)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<f64, E> {
        match text.trim() {
            "" => Ok(0.0),
            "NaN" => Ok(f64::NAN),
            "Infinity" | "INF" | "+Infinity" | "+INF" => Ok(f64::INFINITY),
            "-Infinity" | "-INF" => Ok(f64::NEG_INFINITY),
            text => number(text).ok_or_else(|| E::custom(format_args!("{text:?} is not a number"))),
        }
    }
}

/// A decimal number. Words that Rust takes for numbers ("inf", "nan") are none.
fn number(text: &str) -> Option<f64> {
    text.bytes().all(|c| c.is_ascii_digit() || b"+-.eE".contains(&c)).then(|| text.parse().ok()).flatten()
}

/// A text: a JSON text, number or boolean.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Text(pub String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextVisitor).map(Text)
    }
}

struct TextVisitor;

impl Visitor<'_> for TextVisitor {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<String, E> {
        Ok(text.to_owned())
    }

    fn visit_string<E: Error>(self, text: String) -> Result<String, E> {
        Ok(text)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<String, E> {
        Ok(value.to_string())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<String, E> {
        Ok(value.to_string())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<String, E> {
        Ok(value.to_string())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<String, E> {
        Ok(format!("{value:?}"))
    }
}

/// Fields that read with these types and are handed on as plain ones.
pub(crate) mod plain {
    use super::{Number, Text};
    use serde::{Deserialize, Deserializer};

    pub(crate) fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
        Option::<Text>::deserialize(deserializer).map(|text| text.map(|text| text.0))
    }

    /// Entries may be null.
    pub(crate) fn texts<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Vec<Option<String>>>, D::Error> {
        let texts = Option::<Vec<Option<Text>>>::deserialize(deserializer)?;
        Ok(texts.map(|texts| texts.into_iter().map(|text| text.map(|text| text.0)).collect()))
    }

    pub(crate) fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
        Number::deserialize(deserializer).map(|number| number.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_counts_as_a_number() {
        for (json, wanted) in [
            ("1", Some(1.0)),
            ("-0.0", Some(-0.0)),
            ("null", Some(0.0)),
            ("\"\"", Some(0.0)),
            ("\" 2.5 \"", Some(2.5)),
            ("\"-Infinity\"", Some(f64::NEG_INFINITY)),
            ("\"abc\"", None),
            ("\"inf\"", None),
            ("true", None),
            ("[1]", None),
        ] {
            let read = serde_json::from_str::<Number>(json).ok().map(|number| number.0);
            assert_eq!(read.map(f64::to_bits), wanted.map(f64::to_bits), "{json}");
        }
        assert!(serde_json::from_str::<Number>("\"NaN\"").unwrap().0.is_nan());
    }
}
