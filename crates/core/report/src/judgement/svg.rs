//! The pictures of a page: series in time, distributions, an interval on an axis.
//!
//! Colours are classes that the page defines, so that one picture does for light and dark. Canary and baseline differ by
//! more than colour: the baseline's line is dashed.

use serin_judge::Compared;

use super::plot::{condense, range};
use super::say;

/// The size of a picture, in its own units, and the room for labels at its left, right and lower edge.
const WIDTH: f64 = 640.0;
const LEFT: f64 = 58.0;
const RIGHT: f64 = 14.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 20.0;
/// Points of one line: more would lie within one unit of the picture.
const POINTS_MAX: usize = 500;
/// Up to so many points are marked one by one.
const MARKED_MAX: usize = 120;
const BINS: usize = 24;
/// The ends of the text of a tick stay inside the picture.
const EDGE: f64 = 30.0;

/// A scale from values to places.
struct Scale {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
}

impl Scale {
    /// None when the values do not span anything that could be drawn.
    fn over((low, high): (f64, f64), from: f64, to: f64) -> Option<Self> {
        let room = if low < high { (high - low) * 0.05 } else { low.abs().max(1.0) * 0.1 };
        let (low, high) = (low - room, high + room);
        (low < high && (high - low).is_finite()).then_some(Self { low, high, from, to })
    }

    fn place(&self, value: f64) -> f64 {
        let share = ((value - self.low) / (self.high - self.low)).clamp(0.0, 1.0);
        ((self.from + share * (self.to - self.from)) * 10.0).round() / 10.0
    }

    /// Three to six round values.
    fn ticks(&self) -> Vec<f64> {
        let span = self.high - self.low;
        let power = 10_f64.powf((span / 3.0).log10().floor());
        let step =
            [5.0, 2.0, 1.0].into_iter().map(|n| n * power).find(|step| 3.0 * step <= span).unwrap_or(span);
        let first = (self.low / step).ceil() * step;
        let tick = |n: u32| first + f64::from(n) * step;
        (0..8)
            .map(tick)
            .filter(|value| *value <= self.high)
            .map(|v| if v.abs() < step * 1e-9 { 0.0 } else { v })
            .collect()
    }
}

/// Both series in time.
pub(super) fn series(canary: &[f64], baseline: &[f64]) -> Option<String> {
    const HEIGHT: f64 = 170.0;
    let y = Scale::over(range(&[canary, baseline])?, HEIGHT - BOTTOM, TOP)?;
    let longest = canary.len().max(baseline.len());
    let x = Scale { low: 0.0, high: longest.saturating_sub(1).max(1) as f64, from: LEFT, to: WIDTH - RIGHT };
    let mut body = String::new();
    for tick in y.ticks() {
        let (at, text) = (y.place(tick), say::number(tick));
        say::add(
            &mut body,
            format_args!(
                "<path class=grid d=\"M{LEFT} {at}H{}\"/><text x={} y={} class=end>{text}</text>",
                WIDTH - RIGHT,
                LEFT - 6.0,
                at + 4.0
            ),
        );
    }
    let bottom = HEIGHT - 4.0;
    say::add(&mut body, format_args!("<text x={LEFT} y={bottom}>1</text>"));
    say::add(&mut body, format_args!("<text x={} y={bottom} class=end>{longest}</text>", WIDTH - RIGHT));
    for (class, side) in [("baseline", baseline), ("canary", canary)] {
        body.push_str(&line(class, side, &x, &y));
    }
    Some(picture("The values of both sides in time", HEIGHT, &body))
}

fn line(class: &str, side: &[f64], x: &Scale, y: &Scale) -> String {
    let values = condense(side, POINTS_MAX);
    let stretch = side.len() as f64 / values.len().max(1) as f64;
    let (mut path, mut marks, mut is_down) = (String::new(), String::new(), false);
    for (index, value) in values.iter().enumerate() {
        if !value.is_finite() {
            is_down = false;
            continue;
        }
        let (at, height) = (x.place(index as f64 * stretch), y.place(*value));
        say::add(&mut path, format_args!("{}{at} {height}", if is_down { 'L' } else { 'M' }));
        is_down = true;
        if side.len() <= MARKED_MAX {
            say::add(&mut marks, format_args!("<circle class={class} cx={at} cy={height} r=2 />"));
        }
    }
    format!("<path class=\"line {class}\" d=\"{path}\"/>{marks}")
}

/// How the values of both sides are distributed, with their means.
pub(super) fn distributions(canary: &[f64], baseline: &[f64]) -> Option<String> {
    const HEIGHT: f64 = 130.0;
    let x = Scale::over(range(&[canary, baseline])?, LEFT, WIDTH - RIGHT)?;
    let counts = |side: &[f64]| {
        let mut bins = [0_usize; BINS];
        for value in side.iter().filter(|value| value.is_finite()) {
            let share = (value - x.low) / (x.high - x.low);
            bins[((share * BINS as f64) as usize).min(BINS - 1)] += 1;
        }
        // Shares, so that sides of different length compare.
        let total = bins.iter().sum::<usize>().max(1);
        bins.map(|count| count as f64 / total as f64)
    };
    let sides = [("baseline", baseline, counts(baseline)), ("canary", canary, counts(canary))];
    let highest = sides.iter().flat_map(|(_, _, bins)| bins.iter().copied()).fold(0.0, f64::max);
    let y = Scale { low: 0.0, high: highest, from: HEIGHT - BOTTOM, to: TOP };
    let mut body = axis(&x, HEIGHT);
    for (class, side, bins) in sides {
        let mut path = format!("M{LEFT} {}", HEIGHT - BOTTOM);
        let width = (x.to - x.from) / BINS as f64;
        for (index, share) in bins.iter().enumerate() {
            let end = ((LEFT + (index + 1) as f64 * width) * 10.0).round() / 10.0;
            say::add(&mut path, format_args!("V{}H{end}", y.place(*share)));
        }
        say::add(&mut path, format_args!("V{}Z", HEIGHT - BOTTOM));
        say::add(&mut body, format_args!("<path class=\"area {class}\" d=\"{path}\"/>"));
        let finite: Vec<f64> = side.iter().copied().filter(|value| value.is_finite()).collect();
        // The mean of nothing is none, and so is one whose sum is beyond all numbers.
        let mean = serin_stats::describe::mean(&finite);
        if mean.is_finite() {
            let (mean, bottom) = (x.place(mean), HEIGHT - BOTTOM);
            say::add(&mut body, format_args!("<path class=\"line {class}\" d=\"M{mean} {TOP}V{bottom}\"/>"));
        }
    }
    Some(picture("How the values of both sides are distributed, with their means", HEIGHT, &body))
}

/// The interval of the difference against the margin.
pub(super) fn interval(compared: &Compared) -> Option<String> {
    const HEIGHT: f64 = 74.0;
    const MIDDLE: f64 = 30.0;
    let interval = &compared.interval;
    let ends = [interval.lower, interval.upper, compared.margin, -compared.margin, 0.0, interval.estimate];
    if ends.iter().any(|end| !end.is_finite()) {
        return None;
    }
    let x = Scale::over(range(&[&ends])?, LEFT, WIDTH - RIGHT)?;
    let mut body = axis(&x, HEIGHT);
    let [from, to, lower, upper, best, zero] =
        [-compared.margin, compared.margin, interval.lower, interval.upper, interval.estimate, 0.0]
            .map(|value| x.place(value));
    let bottom = HEIGHT - BOTTOM;
    say::add(
        &mut body,
        format_args!(
            "<rect class=margin x={from} y={TOP} width={} height={} />",
            ((to - from).max(1.0) * 10.0).round() / 10.0,
            bottom - TOP
        ),
    );
    say::add(&mut body, format_args!("<path class=zero d=\"M{zero} {TOP}V{bottom}\"/>"));
    say::add(
        &mut body,
        format_args!(
            "<path class=interval d=\"M{lower} {MIDDLE}H{upper}M{lower} {}v14M{upper} {}v14\"/>",
            MIDDLE - 7.0,
            MIDDLE - 7.0
        ),
    );
    say::add(&mut body, format_args!("<circle class=best cx={best} cy={MIDDLE} r=5 />"));
    Some(picture("The interval of the difference, and the margin that it must clear", HEIGHT, &body))
}

/// Ticks and their values below a picture.
fn axis(x: &Scale, height: f64) -> String {
    let bottom = height - BOTTOM;
    let mut body = String::new();
    for tick in x.ticks() {
        let at = x.place(tick);
        let label = at.clamp(LEFT, WIDTH - EDGE);
        say::add(
            &mut body,
            format_args!(
                "<path class=grid d=\"M{at} {TOP}V{bottom}\"/><text x={label} y={} class=middle>{}</text>",
                height - 4.0,
                say::number(tick)
            ),
        );
    }
    body
}

fn picture(title: &str, height: f64, body: &str) -> String {
    format!("<svg viewBox=\"0 0 {WIDTH} {height}\" role=img aria-label=\"{title}\">{body}</svg>\n")
}

#[cfg(test)]
mod tests {
    use serin_stats::compatible::Interval;

    use super::*;

    #[test]
    fn ticks_are_round_and_inside() {
        for (low, high) in [(0.0, 1.0), (-3.0, 17.0), (24.0, 49.3), (1e-7, 3e-7), (1e12, 1.1e12), (5.0, 5.0)]
        {
            let scale = Scale::over((low, high), 0.0, 100.0).unwrap();
            let ticks = scale.ticks();
            assert!((2..=8).contains(&ticks.len()), "{low} {high}: {ticks:?}");
            assert!(ticks.iter().all(|tick| (scale.low..=scale.high).contains(tick)), "{ticks:?}");
        }
        assert!(Scale::over((f64::MIN, f64::MAX), 0.0, 1.0).is_none());
    }

    #[test]
    fn what_cannot_be_drawn_is_no_picture() {
        assert!(series(&[], &[]).is_none() && series(&[f64::NAN], &[f64::INFINITY]).is_none());
        assert!(distributions(&[f64::MAX, f64::MIN], &[0.0]).is_none());
        let interval = Interval { lower: f64::NAN, upper: 1.0, estimate: 1.0 };
        assert!(
            super::interval(&Compared { interval, margin: 1.0, effect: 1.0, has_noise: false }).is_none()
        );
    }

    #[test]
    fn a_hole_breaks_the_line_and_no_picture_holds_a_number_that_is_none() {
        let drawn = series(&[1.0, f64::NAN, 3.0, 4.0], &[2.0; 3]).unwrap();
        let line = drawn.split("line canary\" d=\"").nth(1).unwrap().split('"').next().unwrap();
        assert_eq!((line.matches('M').count(), line.matches('L').count()), (2, 1), "{line}");
        let long: Vec<f64> = (0..100_000).map(|i| f64::from(i % 97)).collect();
        let drawn = [series(&long, &long), distributions(&long, &[]), distributions(&[1e308; 3], &[0.0])];
        let drawn = drawn.map(Option::unwrap).concat();
        assert!(drawn.len() < 30_000 && !drawn.contains("NaN") && !drawn.contains("inf"), "{}", drawn.len());
    }
}
