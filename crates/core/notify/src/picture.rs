//! The picture of a release: each metric over the looks of its run, against its limits.
//!
//! Properties: it can be read on a phone, 360 points wide, on its own ground in light and dark; what was not measured is a
//! gap, never a line; a value beyond its limit is told by its form too, not by its colour alone.

use serde::{Deserialize, Serialize};
use serin_picture::pen::{add, cut, escape, tenth, text};

/// The width of a picture in its own units. A phone shows it in 360 points, so that letters of 24 units are 12 points high.
const WIDTH: f64 = 720.0;
/// Pixels of a picture's width: sharp also where a point has three.
pub const PIXELS: u32 = 1080;
const SIDE: f64 = 28.0;
/// Metrics of a picture; the others are counted.
pub const PANELS_MAX: usize = 8;
/// Letters of a line in the sizes that are used.
const TITLE_CHARS: usize = 34;
const LINE_CHARS: usize = 50;
const NAME_CHARS: usize = 28;
/// The height of a panel: its name, its plot, and the space below.
const NAME_HEIGHT: f64 = 40.0;
const PLOT_HEIGHT: f64 = 150.0;
/// The space beside a plot for the words of its limits: nothing is written over what was measured.
const GUTTER: f64 = 164.0;
const LABEL_CHARS: usize = 12;
const LABEL_HEIGHT: f64 = 26.0;
/// The part of a plot's height above and below all that is drawn in it.
const AIR: f64 = 0.12;
/// Points that are marked one by one; of more there is the line alone, and those beyond a limit.
const DOTS_MAX: usize = 40;

/// On which ground a picture is drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Theme {
    /// White.
    #[default]
    Light,
    /// Black.
    Dark,
}

/// What a look found of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Look {
    /// A value within the limits.
    Within(f64),
    /// A value beyond one.
    Beyond([f64; 1]),
    /// It asked, and there was no value: the field is always true.
    NoValue(bool),
    /// It did not ask, or nobody knows any more.
    Gap,
}

/// One metric.
#[derive(Clone, Debug, PartialEq)]
pub struct Panel<'a> {
    /// Its name.
    pub name: &'a str,
    /// What its values are counted in; empty where nobody says it.
    pub unit: &'a str,
    /// The lowest good value.
    pub min: Option<f64>,
    /// The highest good value.
    pub max: Option<f64>,
    /// What the looks found, the first one first.
    pub looks: &'a [Look],
}

/// All that is in a picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Card<'a> {
    /// Name of the Canary.
    pub name: &'a str,
    /// Its namespace.
    pub namespace: &'a str,
    /// The phase of the release.
    pub phase: &'a str,
    /// Whether that is a good one.
    pub is_good: bool,
    /// The metrics.
    pub panels: &'a [Panel<'a>],
    /// How many metrics there are besides.
    pub more: usize,
    /// Looks that stand for one in the panels.
    pub looks_in_one: u32,
    /// Whether looks before a restart are not known.
    pub is_partial: bool,
}

/// The colours, light and dark: each text has a contrast of at least 4.5 to its ground.
fn style(theme: Theme) -> String {
    let [ink, dim, good, bad, back, grid, beyond, line] = match theme {
        Theme::Light => {
            ["#1f2328", "#59636e", "#116329", "#b3121d", "#ffffff", "#d8dee4", "#b3121d1f", "#0757b0"]
        }
        Theme::Dark => {
            ["#f0f6fc", "#a9b1ba", "#56d364", "#ff7b72", "#161b22", "#3d444d", "#ff7b7230", "#79c0ff"]
        }
    };
    format!(
        "text{{font-family:'DejaVu Sans',system-ui,sans-serif;fill:{ink}}}.dim{{fill:{dim}}}.good{{fill:{good}}}\
         .bad{{fill:{bad}}}.back{{fill:{back}}}.grid{{stroke:{grid};fill:none;stroke-width:1.5}}.beyond{{fill:{beyond}}}\
         .limit{{stroke:{bad};fill:none;stroke-width:2;stroke-dasharray:8 5}}.line{{stroke:{line};fill:none;stroke-width:4}}\
         .dot{{fill:{line}}}.breach{{stroke:{bad};fill:{back};stroke-width:5}}"
    )
}

/// The picture as SVG.
#[must_use]
pub fn svg(card: &Card, theme: Theme) -> String {
    let mut body = String::new();
    let mut y = 56.0;
    text(&mut body, SIDE, y, 34, "bold", &cut(card.name, TITLE_CHARS));
    y += 38.0;
    let (mark, class) = if card.is_good { ("✔", "good") } else { ("✖", "bad") };
    text(&mut body, SIDE, y, 26, &format!("bold {class}"), &format!("{mark} {}", card.phase));
    text(&mut body, WIDTH - SIDE, y, 24, "dim end", &cut(card.namespace, NAME_CHARS));
    for panel in card.panels.iter().take(PANELS_MAX) {
        y += 24.0;
        add(&mut body, format_args!("<path class=\"grid\" d=\"M{SIDE} {y}H{}\"/>", WIDTH - SIDE));
        add(&mut body, format_args!("<g transform=\"translate(0 {y})\">"));
        draw(&mut body, panel);
        body.push_str("</g>");
        y += NAME_HEIGHT + PLOT_HEIGHT;
    }
    for line in footer(card) {
        y += 34.0;
        text(&mut body, SIDE, y, 22, "dim", &cut(&line, LINE_CHARS));
    }
    y += 26.0;
    let style = style(theme);
    let label = escape(&alt(card));
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {y}\" width=\"{WIDTH}\" height=\"{y}\" role=\"img\" \
         aria-label=\"{label}\"><style>{style}</style><rect class=\"back\" width=\"{WIDTH}\" height=\"{y}\"/>{body}</svg>\n"
    )
}

/// The picture in words, for those who do not see it.
#[must_use]
pub fn alt(card: &Card) -> String {
    let panel = |panel: &Panel| {
        let last = panel.looks.iter().rev().find(|look| **look != Look::Gap);
        let breaches = panel.looks.iter().filter(|look| is_breach(**look)).count();
        let last = last.map_or_else(|| "not measured".to_owned(), |look| said(*look, panel.unit));
        format!("{} {last}, beyond its limit in {breaches} of {} looks", panel.name, panel.looks.len())
    };
    let panels: Vec<String> = card.panels.iter().take(PANELS_MAX).map(panel).collect();
    let all = format!("{}.{} {}: {}", card.name, card.namespace, card.phase, panels.join("; "));
    cut(&all, 900)
}

fn footer(card: &Card) -> Vec<String> {
    let looks = card.panels.iter().map(|panel| panel.looks.len()).max().unwrap_or(0);
    let mut lines = vec![match card.looks_in_one {
        0 | 1 => format!("{looks} looks, the last one to the right"),
        many => format!("{looks} points of {many} looks, the worst of each"),
    }];
    if card.panels.iter().flat_map(|panel| panel.looks).any(|look| *look == Look::Gap) {
        lines.push("A gap: not asked in that look".to_owned());
    }
    if card.is_partial {
        lines.push("Looks before a restart are not known".to_owned());
    }
    if 0 < card.more {
        lines.push(format!("and {} more metrics", card.more));
    }
    lines
}

fn is_breach(look: Look) -> bool {
    matches!(look, Look::Beyond(_) | Look::NoValue(_))
}

/// A look's finding in words.
fn said(look: Look, unit: &str) -> String {
    match look {
        Look::Within(value) | Look::Beyond([value]) => format!("{}{unit}", number(value)),
        Look::NoValue(_) => "no values".to_owned(),
        Look::Gap => String::new(),
    }
}

/// One panel, its top left corner at the origin.
fn draw(body: &mut String, panel: &Panel) {
    text(body, SIDE, 34.0, 26, "bold", &cut(panel.name, NAME_CHARS));
    if let Some(last) = panel.looks.iter().rev().find(|look| **look != Look::Gap) {
        let (mark, class) = if is_breach(*last) { ("✖", "bad") } else { ("✔", "good") };
        let words = format!("{mark} {}", said(*last, panel.unit));
        text(body, WIDTH - SIDE, 34.0, 26, &format!("bold end {class}"), &words);
    }
    let scale = Scale::of(panel);
    let (top, bottom) = (NAME_HEIGHT + 8.0, NAME_HEIGHT + PLOT_HEIGHT - 8.0);
    let y = |value: f64| tenth(bottom - scale.share(value) * (bottom - top));
    let wide = WIDTH - 2.0 * SIDE - GUTTER;
    for (limit, from, to) in
        [(panel.max, top, panel.max.map_or(top, y)), (panel.min, panel.min.map_or(bottom, y), bottom)]
    {
        let (Some(limit), height) = (limit, tenth((to - from).max(0.0))) else { continue };
        add(
            body,
            format_args!(
                "<rect class=\"beyond\" x=\"{SIDE}\" y=\"{from}\" width=\"{wide}\" height=\"{height}\"/>\
                 <path class=\"limit\" d=\"M{SIDE} {0}h{wide}\"/>",
                y(limit)
            ),
        );
    }
    let last = panel.looks.len().saturating_sub(1).max(1) as f64;
    let inset = 16.0;
    let x = |place: usize| tenth(SIDE + inset + place as f64 / last * (wide - 2.0 * inset));
    curve(body, panel.looks, x, y);
    marks(body, panel.looks, (x, y), bottom);
    for (at, words) in labels(panel, y) {
        text(body, WIDTH - SIDE, at.clamp(top + 8.0, bottom), 22, "dim end", &words);
    }
}

/// The limits in words beside the plot, each at the height of its line; two that are near each other are kept apart.
fn labels(panel: &Panel, y: impl Fn(f64) -> f64) -> Vec<(f64, String)> {
    let label = |name: &str, limit: Option<f64>| {
        let limit = limit?;
        let words = format!("{name} {}{}", number(limit), panel.unit);
        let words = if words.len() <= LABEL_CHARS { words } else { format!("{name} {}", number(limit)) };
        Some((y(limit) + 8.0, words))
    };
    let (mut high, mut low) = (label("max", panel.max), label("min", panel.min));
    if let (Some(high), Some(low)) = (&mut high, &mut low) {
        let missing = (LABEL_HEIGHT - (low.0 - high.0)).max(0.0) / 2.0;
        (high.0, low.0) = (high.0 - missing, low.0 + missing);
    }
    high.into_iter().chain(low).collect()
}

/// The line through what was measured; it is broken where nothing was.
fn curve(body: &mut String, looks: &[Look], x: impl Fn(usize) -> f64, y: impl Fn(f64) -> f64) {
    let mut path = String::new();
    let mut is_drawn = false;
    for (place, look) in looks.iter().enumerate() {
        let (Look::Within(value) | Look::Beyond([value])) = *look else {
            is_drawn = false;
            continue;
        };
        add(&mut path, format_args!("{}{} {}", if is_drawn { 'L' } else { 'M' }, x(place), y(value)));
        is_drawn = true;
    }
    if !path.is_empty() {
        add(body, format_args!("<path class=\"line\" d=\"{path}\"/>"));
    }
}

/// A dot for each value, a ring for each beyond its limit, a cross where there was no value.
fn marks(
    body: &mut String,
    looks: &[Look],
    (x, y): (impl Fn(usize) -> f64, impl Fn(f64) -> f64),
    bottom: f64,
) {
    for (place, look) in looks.iter().enumerate() {
        match *look {
            Look::Within(value) => {
                let before = place.checked_sub(1).map(|before| looks[before]);
                let after = looks.get(place + 1).copied();
                let is_alone = [before, after]
                    .iter()
                    .all(|it| it.is_none_or(|it| matches!(it, Look::Gap | Look::NoValue(_))));
                if looks.len() <= DOTS_MAX || is_alone {
                    add(
                        body,
                        format_args!(
                            "<circle class=\"dot\" cx=\"{}\" cy=\"{}\" r=\"6\"/>",
                            x(place),
                            y(value)
                        ),
                    );
                }
            }
            Look::Beyond([value]) => add(
                body,
                format_args!("<circle class=\"breach\" cx=\"{}\" cy=\"{}\" r=\"9\"/>", x(place), y(value)),
            ),
            Look::NoValue(_) => text(body, x(place), bottom - 4.0, 26, "bold middle bad", "✖"),
            Look::Gap => {}
        }
    }
}

/// What a plot's height shows.
struct Scale {
    low: f64,
    high: f64,
}

impl Scale {
    fn of(panel: &Panel) -> Self {
        let values = panel.looks.iter().filter_map(|look| match *look {
            Look::Within(value) | Look::Beyond([value]) => Some(value),
            _ => None,
        });
        let all = values.chain(panel.min).chain(panel.max).filter(|value| value.is_finite());
        let (low, high) = all
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (value.min(low), value.max(high)));
        if high < low {
            return Self { low: 0.0, high: 1.0 };
        }
        // One value alone is shown in the middle.
        let span = if low < high { high - low } else { low.abs().max(1.0) };
        let air = (span * AIR).min(f64::MAX / 4.0);
        Self { low: (low - air).max(f64::MIN / 4.0), high: (high + air).min(f64::MAX / 4.0) }
    }

    fn share(&self, value: f64) -> f64 {
        let share = (value - self.low) / (self.high - self.low);
        if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.5 }
    }
}

/// A number for the eye: as many digits as tell it from its neighbours.
pub(crate) fn number(value: f64) -> String {
    let size = value.abs();
    let digits = match size {
        _ if size >= 1000.0 || size == 0.0 => 0,
        _ if size >= 100.0 => 1,
        _ if size >= 1.0 => 2,
        _ if size >= 0.001 => 4,
        _ => return format!("{value:.2e}"),
    };
    if size >= 1e9 {
        return format!("{value:.3e}");
    }
    let text = format!("{value:.digits$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn panel(looks: &[Look]) -> Panel<'_> {
        Panel { name: "error <rate>", unit: "%", min: None, max: Some(1.0), looks }
    }

    fn card<'a>(panels: &'a [Panel<'a>]) -> Card<'a> {
        Card {
            name: "podinfo",
            namespace: "test",
            phase: "Failed",
            is_good: false,
            panels,
            more: 0,
            looks_in_one: 1,
            is_partial: false,
        }
    }

    #[test]
    fn what_was_not_measured_is_a_gap_and_what_is_beyond_a_limit_is_a_ring() {
        let looks =
            [Look::Within(0.5), Look::Within(0.6), Look::Gap, Look::Beyond([2.0]), Look::NoValue(true)];
        let panels = [panel(&looks)];
        let drawn = svg(&card(&panels), Theme::Light);
        let line = drawn.split("class=\"line\" d=\"").nth(1).unwrap().split('"').next().unwrap();
        assert_eq!((line.matches('M').count(), line.matches('L').count()), (2, 1), "{line}");
        for (what, count) in [("class=\"breach\"", 1), ("class=\"dot\"", 2), (">✖<", 1), ("A gap: not", 1)]
        {
            assert_eq!(drawn.matches(what).count(), count, "{what}");
        }
        assert!(
            drawn.contains("error &lt;rate&gt;") && drawn.contains("✖ no values") && drawn.contains("max 1%")
        );
        assert_eq!(
            alt(&card(&panels)),
            "podinfo.test Failed: error <rate> no values, beyond its limit in 2 of 5 looks"
        );
    }

    #[test]
    fn light_and_dark_differ_in_colours_alone() {
        let panels = [panel(&[Look::Within(0.5)])];
        let drawn = [Theme::Light, Theme::Dark].map(|theme| svg(&card(&panels), theme));
        let body = |text: &str| text.split("</style>").nth(1).unwrap().to_owned();
        assert_ne!(drawn[0], drawn[1]);
        assert_eq!(body(&drawn[0]), body(&drawn[1]));
    }

    #[test]
    fn every_text_can_be_read_on_its_ground() {
        let channel = |hex: &str| {
            let value = f64::from(u8::from_str_radix(hex, 16).unwrap()) / 255.0;
            if value <= 0.03928 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        let light = |hex: &str| {
            0.2126 * channel(&hex[1..3]) + 0.7152 * channel(&hex[3..5]) + 0.0722 * channel(&hex[5..7])
        };
        for theme in [Theme::Light, Theme::Dark] {
            let style = style(theme);
            let of = |class: &str| {
                let rest = style.split(class).nth(1).unwrap();
                rest.split("fill:").nth(1).unwrap()[..7].to_owned()
            };
            let back = light(&of(".back{"));
            for class in ["text{", ".dim{", ".good{", ".bad{"] {
                let ink = light(&of(class));
                let contrast = (ink.max(back) + 0.05) / (ink.min(back) + 0.05);
                assert!(4.5 <= contrast, "{theme:?} {class} {contrast}");
            }
        }
    }

    #[test]
    fn no_value_makes_a_picture_that_is_none() {
        for looks in [
            vec![],
            vec![Look::Gap; 3],
            vec![Look::Beyond([f64::MAX]), Look::Beyond([f64::MIN])],
            vec![Look::Within(0.0); 2],
            vec![Look::Beyond([f64::NAN]), Look::Beyond([f64::INFINITY])],
            vec![Look::Within(1e-300)],
        ] {
            let panels = [Panel { min: Some(-1e300), ..panel(&looks) }, panel(&looks)];
            let drawn = svg(&card(&panels), Theme::Dark);
            let shapes = drawn.split("</style>").nth(1).unwrap();
            let coordinates = shapes.split('"').skip(1).step_by(2);
            assert!(coordinates.clone().all(|it| !it.contains("NaN") && !it.contains("inf")), "{looks:?}");
        }
    }

    #[test]
    fn words_of_limits_are_kept_apart() {
        let panel = Panel { min: Some(4.0), max: Some(5.0), ..panel(&[]) };
        let far = labels(&panel, |value| 100.0 - value * 10.0);
        assert_eq!(far, [(50.0, "max 5%".to_owned()), (76.0, "min 4%".to_owned())]);
        let wide = Panel { unit: " milliseconds", min: None, ..panel };
        assert_eq!(labels(&wide, |value| value), [(13.0, "max 5".to_owned())]);
    }

    #[test]
    fn numbers_are_short() {
        for (value, expected) in [
            (99.5, "99.5"),
            (100.0, "100"),
            (0.0, "0"),
            (0.012_345, "0.0123"),
            (1234.5, "1234"),
            (512.34, "512.3"),
            (-2.0, "-2"),
            (1e12, "1.000e12"),
            (1e-9, "1.00e-9"),
        ] {
            assert_eq!(number(value), expected);
        }
    }
}
