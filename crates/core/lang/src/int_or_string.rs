//! A number or a share, as Kubernetes writes it in one field: `3` or `"25%"`.
//!
//! A text is always a percentage, with or without its sign: `"25"` means 25 %, not 25 pods. That is a quirk
//! of the helper which Argo Rollouts uses, and manifests in use depend on it.

use std::fmt;

use serde_json::Value;

/// A field that is an integer or a text.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum IntOrString {
    /// A plain count.
    Int(i32),
    /// A text: a percentage, a duration or, in templates, an expression.
    Text(String),
}

/// A text that is no percentage.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid value {0:?}: must be an integer or a percentage such as \"25%\"")]
pub struct NotAPercentage(pub String);

impl IntOrString {
    /// Reads a JSON number (whole, 32 bits) or string; `None` for anything else.
    #[must_use]
    pub fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::String(text) => Some(Self::Text(text.clone())),
            Value::Number(number) => {
                let whole = number.as_i64().or_else(|| {
                    number
                        .as_f64()
                        .filter(|float| float.fract() == 0.0 && float.abs() < 1e15)
                        .map(|f| f as i64)
                })?;
                i32::try_from(whole).ok().map(Self::Int)
            }
            _ => None,
        }
    }

    /// The same JSON that it was read from.
    #[must_use]
    pub fn to_value(&self) -> Value {
        match self {
            Self::Int(count) => Value::from(*count),
            Self::Text(text) => Value::from(text.as_str()),
        }
    }

    /// The count, or the percentage as a bare number.
    ///
    /// # Errors
    /// The text is no whole number once its percent signs are gone.
    pub fn number(&self) -> Result<i32, NotAPercentage> {
        match self {
            Self::Int(count) => Ok(*count),
            Self::Text(text) => text.replace('%', "").parse().map_err(|_| NotAPercentage(text.clone())),
        }
    }

    /// A count as it is, or the percentage of `total`, rounded up or down to a whole number.
    ///
    /// # Errors
    /// The text is no whole number once its percent signs are gone.
    pub fn scaled(&self, total: i32, round_up: bool) -> Result<i32, NotAPercentage> {
        let number = self.number()?;
        if let Self::Int(count) = self {
            return Ok(*count);
        }
        let hundredths = i64::from(number) * i64::from(total);
        let down = hundredths.div_euclid(100);
        let scaled = if round_up && hundredths.rem_euclid(100) != 0 { down + 1 } else { down };
        Ok(i32::try_from(scaled).unwrap_or(if scaled < 0 { i32::MIN } else { i32::MAX }))
    }
}

impl Default for IntOrString {
    fn default() -> Self {
        Self::Int(0)
    }
}

impl fmt::Display for IntOrString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int(count) => write!(f, "{count}"),
            Self::Text(text) => f.write_str(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_text_is_a_percentage_with_or_without_its_sign() {
        for (value, total, up, down) in [
            (json!(3), 10, 3, 3),
            (json!("25%"), 10, 3, 2),
            (json!("25"), 10, 3, 2),
            (json!("1"), 10, 1, 0),
            (json!("0%"), 10, 0, 0),
            (json!("100%"), 7, 7, 7),
            (json!("150%"), 3, 5, 4),
            (json!("-5%"), 10, 0, -1),
            (json!("2147483647%"), i32::MAX, i32::MAX, i32::MAX),
        ] {
            let value = IntOrString::from_value(&value).unwrap();
            assert_eq!(value.scaled(total, true), Ok(up), "{value} of {total}, up");
            assert_eq!(value.scaled(total, false), Ok(down), "{value} of {total}, down");
        }
    }

    #[test]
    fn a_text_that_is_no_number_is_an_error_that_shows_it() {
        for text in ["", "%", "a quarter", "2.5%", "99999999999%"] {
            let value = IntOrString::Text(text.to_owned());
            assert_eq!(value.scaled(10, true), Err(NotAPercentage(text.to_owned())));
        }
    }

    #[test]
    fn other_json_is_not_read() {
        for value in [json!(null), json!(true), json!([1]), json!({}), json!(2.5), json!(3_000_000_000_i64)] {
            assert_eq!(IntOrString::from_value(&value), None, "{value}");
        }
        assert_eq!(IntOrString::from_value(&json!(2.0)), Some(IntOrString::Int(2)));
    }
}
