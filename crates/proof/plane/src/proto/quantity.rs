//! The one spelling of a quantity: whatever the client wrote, an API server gives this one back.
//!
//! The largest suffix of the text's own family that leaves a whole number; what is less than 1024 or no whole number is
//! decimal, whatever its family. A real server also rounds what is finer than a thousandth up in lists of resources; here
//! it stays.

use serin_lang::quantity::{Quantity, QuantityError};

/// What Go says of a text that is none.
const PATTERN: &str =
    "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
const NANOS: i128 = 1_000_000_000;
const DECIMAL: [&str; 10] = ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"];
const BINARY: [&str; 7] = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];

/// The canonical spelling.
///
/// # Errors
/// The text is no quantity.
pub(super) fn canonical(text: &str) -> Result<String, String> {
    let nanos = match Quantity::parse(text.trim()) {
        Ok(quantity) => quantity.nanos(),
        Err(QuantityError::Syntax(_)) => return Err(PATTERN.to_owned()),
        // More digits than are counted here: as it was written.
        Err(QuantityError::TooPrecise(_)) => return Ok(text.to_owned()),
    };
    if nanos == 0 {
        return Ok("0".to_owned());
    }
    let is_whole = nanos % NANOS == 0 && 1024 * NANOS <= nanos.abs();
    if text.ends_with('i') && is_whole {
        let (value, steps) = without(nanos / NANOS, 1024, BINARY.len() - 1);
        return Ok(format!("{value}{}", BINARY[steps]));
    }
    let (value, steps) = without(nanos, 1000, DECIMAL.len() - 1);
    let is_exponent = text.ends_with(|last: char| last.is_ascii_digit()) && text.contains(['e', 'E']);
    let suffix = match i32::try_from(steps).unwrap_or_default() * 3 - 9 {
        0 if is_exponent => String::new(),
        exponent if is_exponent => format!("e{exponent}"),
        _ => DECIMAL[steps].to_owned(),
    };
    let spelling = format!("{value}{suffix}");
    // What is canonical but for a large E stays as it was written.
    Ok(if is_exponent && spelling == text.replace('E', "e") { text.to_owned() } else { spelling })
}

/// Takes a factor out as often as it is there, `most` times at most.
fn without(mut value: i128, factor: i128, most: usize) -> (i128, usize) {
    let mut steps = 0;
    while steps < most && value % factor == 0 {
        value /= factor;
        steps += 1;
    }
    (value, steps)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_amount_has_the_spelling_that_a_real_api_server_gives_back() {
        for (text, expected) in [
            ("1", "1"),
            ("0.001", "1m"),
            ("1m", "1m"),
            ("1000m", "1"),
            ("1.5", "1500m"),
            ("100", "100"),
            ("1000", "1k"),
            ("1500", "1500"),
            ("0", "0"),
            ("0.0Gi", "0"),
            ("-2000", "-2k"),
            ("1024", "1024"),
            ("64Mi", "64Mi"),
            ("1024Mi", "1Gi"),
            ("0.5Gi", "512Mi"),
            ("1.5Ki", "1536"),
            ("0.5Ki", "512"),
            ("1e3", "1e3"),
            ("12e5", "1200e3"),
            ("1E3", "1E3"),
            ("12E5", "1200e3"),
            ("1000E0", "1e3"),
            ("0.5E3", "500"),
            ("2E", "2E"),
            ("1E-3", "1E-3"),
            ("1500Mi", "1500Mi"),
        ] {
            assert_eq!(canonical(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_quantity_is_refused() {
        for text in ["lots", "", "1 Gi", "1.2.3", "Mi"] {
            assert!(canonical(text).is_err_and(|error| error.contains("regular expression")), "{text}");
        }
    }
}
