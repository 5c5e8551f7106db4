//! Durations as manifests write them: a text has the same length here as in Go, or is refused.
//!
//! Clients, templates and other controllers read the same fields with Go's `time.ParseDuration`, so a
//! second grammar would make two tools disagree about one manifest. The grammar is a sign, then one or
//! more pairs of a decimal number and a unit (`ns`, `us`, `µs`, `ms`, `s`, `m`, `h`); a bare `0` needs no
//! unit; there are no days. The range is that of a signed 64-bit count of nanoseconds, and whatever leaves
//! it is an error, never a wrapped number.

use std::fmt;

use crate::int_or_string::IntOrString;

/// A signed length of time in whole nanoseconds, about ±292 years.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GoDuration {
    nanos: i64,
}

/// Why a text is no duration. The messages are Go's own, because users search for them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// The text does not follow the grammar, or the length does not fit.
    #[error("time: invalid duration {0:?}")]
    Invalid(String),
    /// A number has no unit behind it.
    #[error("time: missing unit in duration {0:?}")]
    MissingUnit(String),
    /// A unit that Go does not know, such as `d`.
    #[error("time: unknown unit {unit:?} in duration {text:?}")]
    UnknownUnit {
        /// The unit as written.
        unit: String,
        /// The whole text.
        text: String,
    },
    /// The pause is longer than Kubernetes can store in whole seconds.
    #[error("duration {0:?} is longer than 2147483647 seconds")]
    TooLong(String),
}

/// The largest magnitude, 2^63: only the negative end of the range reaches it.
const MAGNITUDE_MAX: u64 = 1 << 63;
/// Nanoseconds of each unit.
const MICROSECOND: u64 = 1_000;
const MILLISECOND: u64 = 1_000 * MICROSECOND;
const SECOND: u64 = 1_000 * MILLISECOND;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;

impl GoDuration {
    /// A duration of `nanos` nanoseconds.
    #[must_use]
    pub const fn from_nanos(nanos: i64) -> Self {
        Self { nanos }
    }

    /// Whole nanoseconds.
    #[must_use]
    pub const fn nanos(self) -> i64 {
        self.nanos
    }

    /// Whole seconds, cut towards zero.
    #[must_use]
    pub const fn seconds(self) -> i64 {
        self.nanos / SECOND as i64
    }

    /// Reads a duration by Go's grammar.
    ///
    /// # Errors
    /// The text does not follow the grammar or the length does not fit; the message is Go's.
    pub fn parse(text: &str) -> Result<Self, DurationError> {
        let invalid = || DurationError::Invalid(text.to_owned());
        let (negative, mut rest) = match text.as_bytes().first() {
            Some(b'-') => (true, &text[1..]),
            Some(b'+') => (false, &text[1..]),
            _ => (false, text),
        };
        if rest == "0" {
            return Ok(Self::default());
        }
        if rest.is_empty() {
            return Err(invalid());
        }
        let mut total: u64 = 0;
        while !rest.is_empty() {
            let (part, after) = one_part(rest, text)?;
            total = total.checked_add(part).filter(|sum| *sum <= MAGNITUDE_MAX).ok_or_else(invalid)?;
            rest = after;
        }
        match (negative, total) {
            (true, MAGNITUDE_MAX) => Ok(Self::from_nanos(i64::MIN)),
            (true, _) => Ok(Self::from_nanos(-(total as i64))),
            (false, MAGNITUDE_MAX) => Err(invalid()),
            (false, _) => Ok(Self::from_nanos(total as i64)),
        }
    }
}

/// As Go prints it: `1h0m0s`, `1.5s`, `300ms`, `0s`.
impl fmt::Display for GoDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let magnitude = self.nanos.unsigned_abs();
        let sign = if self.nanos < 0 { "-" } else { "" };
        if magnitude == 0 {
            return f.write_str("0s");
        }
        if magnitude < SECOND {
            let (unit, name) = match magnitude {
                MILLISECOND.. => (MILLISECOND, "ms"),
                MICROSECOND.. => (MICROSECOND, "µs"),
                _ => (1, "ns"),
            };
            return write!(f, "{sign}{}{name}", decimal(magnitude, unit));
        }
        f.write_str(sign)?;
        let hours = magnitude / HOUR;
        if 0 < hours {
            write!(f, "{hours}h")?;
        }
        if MINUTE <= magnitude {
            write!(f, "{}m", magnitude % HOUR / MINUTE)?;
        }
        write!(f, "{}s", decimal(magnitude % MINUTE, SECOND))
    }
}

/// The length in seconds of a canary pause: an integer is seconds, a text that is an integer is seconds,
/// any other text is a Go duration cut to whole seconds.
///
/// # Errors
/// The text is neither, or the length does not fit 32 bits. A negative length is returned as it is:
/// whether it is allowed is for the validation to say.
pub fn pause_seconds(value: &IntOrString) -> Result<i32, DurationError> {
    let text = match value {
        IntOrString::Int(seconds) => return Ok(*seconds),
        IntOrString::Text(text) => text,
    };
    if let Ok(seconds) = text.parse::<i32>() {
        return Ok(seconds);
    }
    let seconds = GoDuration::parse(text)?.seconds();
    i32::try_from(seconds).map_err(|_| DurationError::TooLong(text.clone()))
}

/// Reads one number with its unit from the front of `rest`; `text` is the whole, for messages.
fn one_part<'a>(rest: &'a str, text: &str) -> Result<(u64, &'a str), DurationError> {
    let invalid = || DurationError::Invalid(text.to_owned());
    let (whole_digits, rest) = split_digits(rest);
    let (fraction_digits, rest) = match rest.strip_prefix('.') {
        Some(after) => split_digits(after),
        None => ("", rest),
    };
    if whole_digits.is_empty() && fraction_digits.is_empty() {
        return Err(invalid());
    }
    let whole = if whole_digits.is_empty() { 0 } else { whole_digits.parse().map_err(|_| invalid())? };
    let end = rest.find(|c: char| c == '.' || c.is_ascii_digit()).unwrap_or(rest.len());
    let (name, rest) = rest.split_at(end);
    if name.is_empty() {
        return Err(DurationError::MissingUnit(text.to_owned()));
    }
    let unit = unit_nanos(name)
        .ok_or_else(|| DurationError::UnknownUnit { unit: name.to_owned(), text: text.to_owned() })?;
    let nanos = unit.checked_mul(whole).filter(|nanos| *nanos <= MAGNITUDE_MAX).ok_or_else(invalid)?;
    let nanos = nanos + fraction_nanos(fraction_digits, unit);
    if nanos <= MAGNITUDE_MAX { Ok((nanos, rest)) } else { Err(invalid()) }
}

/// Nanoseconds of `0.<digits>` units, cut, in double precision as Go counts them (`0.3333333333333333333h`
/// is twenty minutes). Digits beyond 63 bits are ignored.
fn fraction_nanos(digits: &str, unit: u64) -> u64 {
    let mut value: u64 = 0;
    let mut scale = 1.0_f64;
    for digit in digits.bytes().map(|byte| u64::from(byte - b'0')) {
        if (MAGNITUDE_MAX - 1) / 10 < value {
            break;
        }
        value = value * 10 + digit;
        scale *= 10.0;
    }
    (value as f64 * (unit as f64 / scale)) as u64
}

fn split_digits(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()))
}

fn unit_nanos(name: &str) -> Option<u64> {
    Some(match name {
        "ns" => 1,
        // Both the micro sign (U+00B5) and the Greek letter mu (U+03BC) are in use.
        "us" | "\u{b5}s" | "\u{3bc}s" => MICROSECOND,
        "ms" => MILLISECOND,
        "s" => SECOND,
        "m" => MINUTE,
        "h" => HOUR,
        _ => return None,
    })
}

/// `value / unit` as the shortest exact decimal; `unit` is a power of ten.
fn decimal(value: u64, unit: u64) -> String {
    let (whole, rest) = (value / unit, value % unit);
    if rest == 0 {
        return whole.to_string();
    }
    let width = unit.ilog10() as usize;
    format!("{whole}.{}", format!("{rest:0width$}").trim_end_matches('0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_has_the_length_that_go_gives_it() {
        for (text, nanos) in [
            ("0", 0),
            ("+0", 0),
            ("-0", 0),
            ("5s", 5_000_000_000),
            ("+5s", 5_000_000_000),
            ("-30s", -30_000_000_000),
            ("1478s", 1_478_000_000_000),
            ("5.0s", 5_000_000_000),
            ("5.s", 5_000_000_000),
            (".5s", 500_000_000),
            ("1.004s", 1_004_000_000),
            ("1.0040s", 1_004_000_000),
            ("100.00100s", 100_001_000_000),
            ("11us", 11_000),
            ("12\u{b5}s", 12_000),
            ("12\u{3bc}s", 12_000),
            ("13ms", 13_000_000),
            ("3h30m", 12_600_000_000_000),
            ("-1m30.5s", -90_500_000_000),
            ("10.5s4m", 250_500_000_000),
            ("1h2m3s4ms5us6ns", 3_723_004_005_006),
            ("52763797000ns", 52_763_797_000),
            ("0.3333333333333333333h", 1_200_000_000_000),
            ("9007199254740993ns", 9_007_199_254_740_993),
            ("9223372036854775807ns", i64::MAX),
            ("9223372036854775.807us", i64::MAX),
            ("-9223372036854775808ns", i64::MIN),
            ("-2562047h47m16.854775808s", i64::MIN),
            ("0.100000000000000000000h", 360_000_000_000),
            ("0.830103483285477580700h", 2_988_372_539_827),
        ] {
            assert_eq!(GoDuration::parse(text).map(GoDuration::nanos), Ok(nanos), "{text}");
        }
    }

    #[test]
    fn what_go_refuses_is_refused_with_its_words() {
        for (text, message) in [
            ("", r#"time: invalid duration """#),
            ("3", r#"time: missing unit in duration "3""#),
            ("1h5", r#"time: missing unit in duration "1h5""#),
            ("-", r#"time: invalid duration "-""#),
            ("s", r#"time: invalid duration "s""#),
            (".", r#"time: invalid duration ".""#),
            ("-.s", r#"time: invalid duration "-.s""#),
            ("+.s", r#"time: invalid duration "+.s""#),
            ("1 s", r#"time: unknown unit " s" in duration "1 s""#),
            ("1d", r#"time: unknown unit "d" in duration "1d""#),
            ("3000000h", r#"time: invalid duration "3000000h""#),
            ("9223372036854775808ns", r#"time: invalid duration "9223372036854775808ns""#),
            ("9223372036854775.808us", r#"time: invalid duration "9223372036854775.808us""#),
            ("-9223372036854775809ns", r#"time: invalid duration "-9223372036854775809ns""#),
            ("99999999999999999999999s", r#"time: invalid duration "99999999999999999999999s""#),
        ] {
            assert_eq!(GoDuration::parse(text).unwrap_err().to_string(), message);
        }
    }

    #[test]
    fn a_length_is_printed_as_go_prints_it() {
        for (nanos, text) in [
            (0, "0s"),
            (1, "1ns"),
            (1_100, "1.1µs"),
            (2_200_000, "2.2ms"),
            (3_300_000_000, "3.3s"),
            (245_000_000_000, "4m5s"),
            (245_001_000_000, "4m5.001s"),
            (18_367_001_000_000, "5h6m7.001s"),
            (480_000_000_001, "8m0.000000001s"),
            (3_600_000_000_000, "1h0m0s"),
            (i64::MAX, "2562047h47m16.854775807s"),
            (i64::MIN, "-2562047h47m16.854775808s"),
        ] {
            assert_eq!(GoDuration::from_nanos(nanos).to_string(), text);
        }
    }

    #[test]
    fn a_pause_is_seconds_or_a_duration() {
        let text = |text: &str| IntOrString::Text(text.to_owned());
        for (value, seconds) in [
            (IntOrString::Int(30), Ok(30)),
            (IntOrString::Int(-1), Ok(-1)),
            (text("30"), Ok(30)),
            (text("-5"), Ok(-5)),
            (text("1h30m"), Ok(5400)),
            (text("1999ms"), Ok(1)),
            (text("2147483648"), Err(DurationError::MissingUnit("2147483648".into()))),
            (text("2000000h"), Err(DurationError::TooLong("2000000h".into()))),
            (text("1d"), Err(DurationError::UnknownUnit { unit: "d".into(), text: "1d".into() })),
            (text(""), Err(DurationError::Invalid(String::new()))),
        ] {
            assert_eq!(pause_seconds(&value), seconds, "{value:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn what_is_printed_reads_back_as_the_same_length(nanos: i64) {
            let duration = GoDuration::from_nanos(nanos);
            // Below 2^53 nanoseconds per unit the double fraction is exact.
            proptest::prop_assert_eq!(GoDuration::parse(&duration.to_string()), Ok(duration));
        }

        #[test]
        fn no_text_panics(text in "[-+.0-9a-zµ ]{0,40}") {
            let _ = GoDuration::parse(&text);
        }
    }
}
