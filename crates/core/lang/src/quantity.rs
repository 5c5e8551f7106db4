//! Kubernetes quantities: two texts are the same amount or they are not, whatever their spelling.
//!
//! `1000m`, `1` and `1.0` ask for the same CPU, and an API server or a client may rewrite one as the other.
//! Pod templates are compared to find the ReplicaSet that runs them, so amounts are compared by value:
//! an exact count of billionths. As in Kubernetes, anything finer than a billionth is rounded away from
//! zero and anything beyond 2^63-1 is that largest amount.

/// An amount, exact in billionths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Quantity {
    nanos: i128,
}

/// Why a text is no quantity.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QuantityError {
    /// The text is not a number with a known suffix.
    #[error(
        "quantity {0:?} must be a number with an optional suffix (n u m k M G T P E, Ki Mi Gi Ti Pi Ei) or exponent"
    )]
    Syntax(String),
    /// More digits than the exact arithmetic holds.
    #[error("quantity {0:?} has more than {DIGITS_MAX} significant digits")]
    TooPrecise(String),
}

/// Significant digits that are read. Nineteen digits times 2^60 stay below 2^127, so every step is exact;
/// 2^63-1, the largest amount there is, has nineteen.
pub const DIGITS_MAX: usize = 19;
/// The largest amount, 2^63-1, in billionths.
const NANOS_MAX: i128 = i64::MAX as i128 * 1_000_000_000;

impl Quantity {
    /// Reads a quantity.
    ///
    /// # Errors
    /// The text is no quantity, or has more than [`DIGITS_MAX`] significant digits.
    pub fn parse(text: &str) -> Result<Self, QuantityError> {
        let syntax = || QuantityError::Syntax(text.to_owned());
        let (negative, unsigned) = match text.as_bytes().first() {
            Some(b'-') => (true, &text[1..]),
            Some(b'+') => (false, &text[1..]),
            _ => (false, text),
        };
        let end = unsigned.find(|c: char| c != '.' && !c.is_ascii_digit()).unwrap_or(unsigned.len());
        let (number, suffix) = unsigned.split_at(end);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
            return Err(syntax());
        }
        let (tens, twos) = suffix_powers(suffix).ok_or_else(syntax)?;
        let fraction = fraction.trim_end_matches('0');
        let digits = format!("{whole}{fraction}");
        let digits = digits.trim_start_matches('0');
        let significant = digits.trim_end_matches('0');
        if DIGITS_MAX < significant.len() {
            return Err(QuantityError::TooPrecise(text.to_owned()));
        }
        let mantissa: i128 =
            if significant.is_empty() { 0 } else { significant.parse().map_err(|_| syntax())? };
        let trailing = (digits.len() - significant.len()) as i64;
        let nanos = scale(mantissa << twos, tens + trailing - fraction.len() as i64 + 9);
        Ok(Self { nanos: if negative { -nanos } else { nanos } })
    }

    /// The amount in billionths.
    #[must_use]
    pub const fn nanos(self) -> i128 {
        self.nanos
    }

    /// Whether two texts are the same amount; texts that are no quantities are compared as they stand.
    #[must_use]
    pub fn same(left: &str, right: &str) -> bool {
        if left == right {
            return true;
        }
        matches!((Self::parse(left), Self::parse(right)), (Ok(left), Ok(right)) if left == right)
    }
}

/// The powers of ten and of two that a suffix stands for.
fn suffix_powers(suffix: &str) -> Option<(i64, u32)> {
    Some(match suffix {
        "n" => (-9, 0),
        "u" => (-6, 0),
        "m" => (-3, 0),
        "" => (0, 0),
        "k" => (3, 0),
        "M" => (6, 0),
        "G" => (9, 0),
        "T" => (12, 0),
        "P" => (15, 0),
        "E" => (18, 0),
        "Ki" => (0, 10),
        "Mi" => (0, 20),
        "Gi" => (0, 30),
        "Ti" => (0, 40),
        "Pi" => (0, 50),
        "Ei" => (0, 60),
        _ => {
            let exponent = suffix.strip_prefix(['e', 'E'])?;
            (i64::from(exponent.parse::<i32>().ok()?), 0)
        }
    })
}

/// `value × 10^tens`, rounded up and at most [`NANOS_MAX`].
fn scale(value: i128, tens: i64) -> i128 {
    if value == 0 {
        return 0;
    }
    let power = u32::try_from(tens.unsigned_abs()).ok().and_then(|tens| 10_i128.checked_pow(tens));
    let scaled = match (0 <= tens, power) {
        (true, Some(power)) => value.checked_mul(power).unwrap_or(NANOS_MAX),
        (true, None) => NANOS_MAX,
        (false, Some(power)) => value / power + i128::from(value % power != 0),
        (false, None) => 1,
    };
    scaled.min(NANOS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_amount_are_equal() {
        for group in [
            vec!["1", "1.0", "1000m", "1e0", "1E0", "+1", "01", "1.", "1000000u", "1000000000n", "0.001k"],
            vec!["0.001", "1m", "1e-3", ".001", "1000u"],
            vec!["0", "0m", "0Ki", "-0", "0e99999"],
            vec!["1Ki", "1024", "1.024k", "1024000m"],
            vec!["1.5Gi", "1536Mi", "1610612736"],
            vec!["0.5Mi", "512Ki", "524288"],
            vec!["1E", "1e18", "1000P", "1000000000000000000"],
            vec!["-2", "-2000m"],
            vec!["9223372036854775807", "1e30", "8Ei", "99E", "1e2000000000"],
            vec!["1n", "0.1n", "1e-20", "0.00000000000000000001", "1e-2000000000"],
        ] {
            for text in &group {
                assert!(Quantity::same(group[0], text), "{} and {text}", group[0]);
                assert_eq!(Quantity::parse(group[0]), Quantity::parse(text), "{} and {text}", group[0]);
            }
        }
    }

    #[test]
    fn different_amounts_differ_and_are_ordered() {
        let ascending = ["-1", "0", "1n", "1u", "1m", "999m", "1", "1k", "1Ki", "1M", "1Mi", "1G", "1Gi"];
        for pair in ascending.windows(2) {
            assert!(Quantity::parse(pair[0]).unwrap() < Quantity::parse(pair[1]).unwrap(), "{pair:?}");
            assert!(!Quantity::same(pair[0], pair[1]), "{pair:?}");
        }
    }

    #[test]
    fn other_texts_are_refused_but_still_compare_as_texts() {
        for text in ["", ".", "-", "m", "1mm", "1K", "1ki", "1e", "1e1.5", "1..0", "1.2.3", "0x10", "1 ", "½"]
        {
            assert_eq!(Quantity::parse(text), Err(QuantityError::Syntax(text.to_owned())));
            assert!(Quantity::same(text, text));
            assert!(!Quantity::same(text, "1"));
        }
        assert!(matches!(Quantity::parse("1.00000000000000000001"), Err(QuantityError::TooPrecise(_))));
    }

    proptest::proptest! {
        #[test]
        fn milli_and_decimal_spellings_agree(millis in 0_u32..10_000_000) {
            let decimal = format!("{}.{:03}", millis / 1000, millis % 1000);
            let milli = format!("{millis}m");
            proptest::prop_assert!(Quantity::same(&decimal, &milli));
        }

        #[test]
        fn no_text_panics(text in "[-+.0-9eEkKmMi]{0,60}") {
            let _ = Quantity::parse(&text);
        }
    }
}
