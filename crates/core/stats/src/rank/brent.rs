//! Brent's root finder, in the variant of R's `uniroot` (netlib's `zeroin`) that Kayenta's judge takes its steps with.
//!
//! The function it is used on is a step function, so where it stops depends on every step before: none may be reordered.

/// Half of it, and four units in the last place, are the distance at which a bracket counts as found.
const TOLERANCE: f64 = 1e-4;
/// Passes before it gives up and answers where it is. Reached with infinite data only.
const PASSES_MAX: usize = 1001;

/// A root of `f` between `a` and `b`, where `f(a)` is `fa` and `f(b)` is `fb`. Without a change of sign it still ends,
/// somewhere between. Each point it asks for lies between the two ends of the bracket it has then, and brackets are nested.
///
/// # Errors
/// The first error of `f`.
pub(crate) fn root<E>(
    (mut a, mut b): (f64, f64),
    (mut fa, mut fb): (f64, f64),
    mut f: impl FnMut(f64) -> Result<f64, E>,
) -> Result<f64, E> {
    if is_zero(fa) {
        return Ok(a);
    }
    if is_zero(fb) {
        return Ok(b);
    }
    let (mut c, mut fc) = (a, fa);
    for _ in 0..PASSES_MAX {
        let previous = b - a;
        if fc.abs() < fb.abs() {
            (a, b, c) = (b, c, b);
            (fa, fb, fc) = (fb, fc, fb);
        }
        let tolerance = 2.0 * f64::EPSILON * b.abs() + TOLERANCE / 2.0;
        let half = (c - b) / 2.0;
        if half.abs() <= tolerance || is_zero(fb) {
            return Ok(b);
        }
        let mut step = half;
        if tolerance <= previous.abs() && fb.abs() < fa.abs() {
            step = interpolated((a, b, c), (fa, fb, fc), previous, tolerance).unwrap_or(half);
        }
        if step.abs() < tolerance {
            step = if 0.0 < step { tolerance } else { -tolerance };
        }
        (a, fa) = (b, fb);
        b += step;
        fb = f(b)?;
        if (0.0 < fb && 0.0 < fc) || (fb < 0.0 && fc < 0.0) {
            (c, fc) = (a, fa);
        }
    }
    Ok(b)
}

/// A step by the secant or by inverse quadratic interpolation, if it is short enough.
#[expect(clippy::many_single_char_names, reason = "the names of the literature")]
#[expect(clippy::float_cmp, reason = "whether there are two points or three is a matter of identity")]
fn interpolated(
    (a, b, c): (f64, f64, f64),
    (fa, fb, fc): (f64, f64, f64),
    previous: f64,
    tolerance: f64,
) -> Option<f64> {
    let cb = c - b;
    let (mut p, mut q);
    if a == c {
        let t = fb / fa;
        p = cb * t;
        q = 1.0 - t;
    } else {
        let (r, t1, t2) = (fa / fc, fb / fc, fb / fa);
        p = t2 * (cb * r * (r - t1) - (b - a) * (t1 - 1.0));
        q = (r - 1.0) * (t1 - 1.0) * (t2 - 1.0);
    }
    if 0.0 < p {
        q = -q;
    } else {
        p = -p;
    }
    let is_short = p < 0.75 * cb * q - (tolerance * q).abs() / 2.0 && p < (previous * q / 2.0).abs();
    is_short.then(|| p / q)
}

/// Equal to zero within one unit in the last place, which for doubles is the smallest subnormal.
fn is_zero(value: f64) -> bool {
    value.abs() <= f64::from_bits(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_smooth_root_is_found_and_points_stay_in_the_bracket() {
        let f = |x: f64| x * x * x - 2.0;
        let mut asked = Vec::new();
        let found = root((0.0, 2.0), (f(0.0), f(2.0)), |x| {
            asked.push(x);
            Ok::<_, ()>(f(x))
        });
        assert!((found.unwrap() - 2.0_f64.cbrt()).abs() < 1e-4);
        assert!(asked.len() < 20 && asked.iter().all(|x| (0.0..=2.0).contains(x)), "{asked:?}");
    }

    #[test]
    fn it_ends_without_a_root_too() {
        let ends = root((0.0, 1.0), (1.0, 2.0), |_| Ok::<_, ()>(1.5)).unwrap();
        assert!((0.0..=1.0).contains(&ends));
        let nan = root((0.0, f64::INFINITY), (1.0, -1.0), |_| Ok::<_, ()>(f64::NAN)).unwrap();
        assert!(nan.is_nan() || nan.is_infinite());
    }
}
