//! Floats as Go prints them, in messages that others have read and in templates.

/// The shortest digits that mean the number, as Go's `%v`: with an exponent from 1e+06 up and below 1e-4 down.
#[must_use]
pub fn shortest(float: f64) -> String {
    if !float.is_finite() {
        return named(float).to_owned();
    }
    let text = format!("{float:e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let power: i32 = exponent.parse().unwrap_or(0);
    if (-4..6).contains(&power) {
        return float.to_string();
    }
    format!("{digits}e{}{:02}", if power < 0 { '-' } else { '+' }, power.unsigned_abs())
}

/// So many digits behind the point, as Go's `%.2f`.
#[must_use]
pub fn fixed(float: f64, digits: usize) -> String {
    if float.is_finite() { format!("{float:.digits$}") } else { named(float).to_owned() }
}

fn named(float: f64) -> &'static str {
    if float.is_nan() {
        "NaN"
    } else if 0.0 < float {
        "+Inf"
    } else {
        "-Inf"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_float_is_printed_as_go_prints_it() {
        for (float, text) in [
            (5.0, "5"),
            (99.5, "99.5"),
            (-0.5, "-0.5"),
            (0.0, "0"),
            (999_999.0, "999999"),
            (1e6, "1e+06"),
            (12_345_678.0, "1.2345678e+07"),
            (1e21, "1e+21"),
            (1e100, "1e+100"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
            (f64::NAN, "NaN"),
        ] {
            assert_eq!(shortest(float), text);
        }
        assert_eq!([fixed(999.0, 2), fixed(f64::INFINITY, 2)], ["999.00", "+Inf"]);
    }
}
