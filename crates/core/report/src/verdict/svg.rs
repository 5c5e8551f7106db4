//! The pictures: the ratio with its interval, the evidence in time, and a card of the whole that can be read on a phone.
//!
//! Colours are classes. A page defines them for light and dark; a card brings its own.

use serin_gate::{Word, record::Record};

use serin_picture::pen::{cut, tenth, text};

use super::{Row, icon, paths, ratio, reasons, rows, span, word};
use crate::judgement::say;

/// The width of a picture, in its own units. A phone shows it in 360 points, so that letters of 24 units are 12 points high.
const WIDTH: f64 = 720.0;
const SIDE: f64 = 28.0;
/// Metrics of a card: those that say most.
const METRICS_MAX: usize = 4;
/// Lines of the reasons of a card, and characters of each.
const REASON_LINES_MAX: usize = 4;
const REASON_CHARS: usize = 46;
const TITLE_CHARS: usize = 26;
/// Octaves of the axis of ratios, to either side.
const OCTAVES: f64 = 3.0;
/// The part of its bar that evidence is drawn from and up to.
const LOW: f64 = -1.0;
const HIGH: f64 = 2.0;
/// Points of a path: more would lie within one unit of the picture.
const POINTS_MAX: usize = 600;

/// The colours of a card.
const STYLE: &str = "text{font-family:'DejaVu Sans',system-ui,sans-serif;fill:#1f2328}.dim{fill:#59636e}.good{fill:#116329}\
.bad{fill:#b3121d}.unsure{fill:#7d4e00}.back{fill:#ffffff}.grid{stroke:#d8dee4;fill:none;stroke-width:1.5}\
.barline{stroke:#1f2328;fill:none;stroke-width:2;stroke-dasharray:8 5}.harm{stroke:#b3121d;fill:none;stroke-width:4}\
.safe{stroke:#0757b0;fill:none;stroke-width:4;stroke-dasharray:10 5}.harmtext{fill:#b3121d}.safetext{fill:#0757b0}\
.tolerated{fill:#6e778126}.beyond{fill:#b3121d1f}.interval{stroke:#1f2328;stroke-width:4;fill:none}.best{fill:#1f2328}";

/// The card: verdict, reasons, and the metrics that say most.
#[must_use]
pub fn svg(record: &Record) -> String {
    let verdict = word(record);
    let mut body = String::new();
    let mut y = 64.0;
    text(
        &mut body,
        SIDE,
        y,
        44,
        &format!("bold {}", class_of(verdict)),
        &format!("{} {}", icon(verdict).0, verdict.as_str()),
    );
    y += 12.0;
    let reasons = say::wrap(&reasons(record), REASON_CHARS, 0);
    for line in reasons.lines().take(REASON_LINES_MAX) {
        y += 32.0;
        text(&mut body, SIDE, y, 24, "", &cut(line, REASON_CHARS + 4));
    }
    let rows = rows(record);
    for row in most_telling(&rows) {
        y += 30.0;
        say::add(&mut body, format_args!("<path class=\"grid\" d=\"M{SIDE} {y}H{}\"/>", WIDTH - SIDE));
        y += 38.0;
        let (mark, standing, hue) = row.standing();
        text(&mut body, SIDE, y, 26, "bold", &cut(&row.title(), TITLE_CHARS));
        text(
            &mut body,
            WIDTH - SIDE,
            y,
            24,
            &format!("end bold {}", class_of_hue(hue)),
            &format!("{mark} {standing}"),
        );
        y += 12.0;
        body.push_str(&at(y, &ratio_of(row)));
        y += RATIO_HEIGHT;
        body.push_str(&at(y, &evidence(record, row)));
        y += EVIDENCE_HEIGHT;
    }
    if METRICS_MAX < rows.len() {
        y += 34.0;
        let more = format!("and {} more metrics", rows.len() - METRICS_MAX);
        text(&mut body, SIDE, y, 22, "dim", &more);
    }
    for line in say::wrap(&span(record), REASON_CHARS + 6, 0).lines() {
        y += 34.0;
        text(&mut body, SIDE, y, 22, "dim", line);
    }
    y += 28.0;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {y}\" width=\"{WIDTH}\" height=\"{y}\" role=\"img\" \
         aria-label=\"{}\"><style>{STYLE}</style><rect class=\"back\" width=\"{WIDTH}\" height=\"{y}\"/>{body}</svg>\n",
        verdict.as_str()
    )
}

/// Those that FAIL first, then those that keep it from PASS, then the others.
fn most_telling<'a>(rows: &'a [Row<'a>]) -> Vec<&'a Row<'a>> {
    let rank = |row: &&Row| match row.standing().1 {
        "worse" => 0,
        "no worse" | "no alarm" => 2,
        "only reported" => 3,
        _ => 1,
    };
    let mut sorted: Vec<&Row> = rows.iter().collect();
    sorted.sort_by_key(rank);
    sorted.truncate(METRICS_MAX);
    sorted
}

fn at(y: f64, body: &str) -> String {
    format!("<g transform=\"translate(0 {y})\">{body}</g>")
}

const RATIO_HEIGHT: f64 = 96.0;

/// The ratio of one metric on its axis, between what is tolerated and the margin.
pub(super) fn ratio_of(row: &Row) -> String {
    const MIDDLE: f64 = 40.0;
    const BOTTOM: f64 = 60.0;
    let x = |value: f64| {
        let share = (value.log2() / OCTAVES).clamp(-1.0, 1.0) / 2.0 + 0.5;
        tenth(SIDE + share * (WIDTH - 2.0 * SIDE))
    };
    let mut body = String::new();
    let (tolerated, margin) = (row.metric.tolerated, row.margin);
    // The side that is worse is to the right, or to the left when fewer are worse.
    let (worse_from, worse_to) =
        if row.metric.down_is_bad { (x(0.0625), x(1.0 / margin)) } else { (x(margin), x(16.0)) };
    let (good_from, good_to) =
        if row.metric.down_is_bad { (x(1.0 / tolerated), x(16.0)) } else { (x(0.0625), x(tolerated)) };
    for (class, from, to) in [("tolerated", good_from, good_to), ("beyond", worse_from, worse_to)] {
        let width = tenth((to - from).max(0.0));
        say::add(
            &mut body,
            format_args!(
                "<rect class=\"{class}\" x=\"{from}\" y=\"14\" width=\"{width}\" height=\"{}\"/>",
                BOTTOM - 14.0
            ),
        );
    }
    for (tick, label, anchor) in [
        (0.125, "⅛", "middle"),
        (0.25, "¼", "middle"),
        (0.5, "½", "middle"),
        (1.0, "1", "middle"),
        (2.0, "2", "middle"),
        (4.0, "4", "middle"),
        (8.0, "8×", "middle"),
    ] {
        say::add(&mut body, format_args!("<path class=\"grid\" d=\"M{} 14V{BOTTOM}\"/>", x(tick)));
        text(&mut body, x(tick), BOTTOM + 24.0, 22, &format!("dim {anchor}"), label);
    }
    if let Some((best, (low, high))) = row.ratio() {
        let (from, to) = (x(low), x(high));
        say::add(
            &mut body,
            format_args!(
                "<path class=\"interval\" d=\"M{from} {MIDDLE}H{to}M{from} {}v20M{to} {}v20\"/>",
                MIDDLE - 10.0,
                MIDDLE - 10.0
            ),
        );
        say::add(
            &mut body,
            format_args!("<circle class=\"best\" cx=\"{}\" cy=\"{MIDDLE}\" r=\"9\"/>", x(best)),
        );
        let label = format!("× {}", ratio(best));
        let (at, anchor) =
            if best < 1.0 { (x(best).max(SIDE), "") } else { (x(best).min(WIDTH - SIDE), "end") };
        let at = at.clamp(SIDE, WIDTH - SIDE);
        text(&mut body, at, 18.0, 22, &format!("bold {anchor}"), &label);
    } else {
        text(&mut body, WIDTH / 2.0, MIDDLE + 8.0, 22, "dim middle", "no data yet");
    }
    body
}

const EVIDENCE_HEIGHT: f64 = 190.0;

/// Both evidences of one metric in time, each as a part of its bar.
pub(super) fn evidence(record: &Record, row: &Row) -> String {
    const TOP: f64 = 12.0;
    const BOTTOM: f64 = 150.0;
    const LEFT: f64 = SIDE + 60.0;
    let (harm, no_worse) = paths(record, row.place);
    let y = |value: f64| tenth(BOTTOM - (value.clamp(LOW, HIGH) - LOW) / (HIGH - LOW) * (BOTTOM - TOP));
    let x = |place: usize| {
        let last = harm.len().saturating_sub(1).max(1) as f64;
        tenth(LEFT + place as f64 / last * (WIDTH - SIDE - LEFT))
    };
    let mut body = String::new();
    say::add(&mut body, format_args!("<path class=\"grid\" d=\"M{LEFT} {0}H{1}\"/>", y(0.0), WIDTH - SIDE));
    say::add(
        &mut body,
        format_args!("<path class=\"barline\" d=\"M{LEFT} {0}H{1}\"/>", y(1.0), WIDTH - SIDE),
    );
    text(&mut body, LEFT - 8.0, y(1.0) + 8.0, 22, "dim end", "bar");
    text(&mut body, LEFT - 8.0, y(0.0) + 8.0, 22, "dim end", "0");
    for (class, path) in [("safe", &no_worse), ("harm", &harm)] {
        let step = path.len().div_ceil(POINTS_MAX).max(1);
        let last = path.len().saturating_sub(1);
        let shown = (0..path.len()).filter(|place| place % step == 0 || *place == last);
        let points: Vec<(usize, f64)> =
            shown.map(|place| (place, path[place])).filter(|(_, value)| value.is_finite()).collect();
        let mut line = String::new();
        for (number, (place, value)) in points.iter().enumerate() {
            say::add(
                &mut line,
                format_args!("{}{} {}", if number == 0 { 'M' } else { 'L' }, x(*place), y(*value)),
            );
        }
        match points[..] {
            [] => {}
            [(_, value)] => {
                say::add(&mut body, format_args!("<path class=\"{class}\" d=\"M{LEFT} {}h12\"/>", y(value)));
            }
            _ => say::add(&mut body, format_args!("<path class=\"{class}\" d=\"{line}\"/>")),
        }
    }
    let mut key = |class: &str, x: f64, words: &str| {
        say::add(&mut body, format_args!("<path class=\"{class}\" d=\"M{x} {}h28\"/>", BOTTOM + 22.0));
        text(&mut body, x + 36.0, BOTTOM + 30.0, 22, &format!("{class}text"), words);
    };
    key("harm", LEFT, "worse");
    if row.bars.no_worse.is_some() {
        key("safe", LEFT + 160.0, "no worse");
    }
    text(&mut body, WIDTH - SIDE, BOTTOM + 30.0, 22, "dim end", &format!("{} looks", harm.len()));
    body
}

/// A picture inside a page.
pub(super) fn inside(title: &str, height: f64, body: &str) -> String {
    format!("<svg viewBox=\"0 0 {WIDTH} {height}\" role=img aria-label=\"{title}\">{body}</svg>\n")
}

/// Both pictures of one metric, for a page.
pub(super) fn figures(record: &Record, row: &Row) -> [(&'static str, String); 2] {
    [
        (
            "the ratio of canary to stable with its interval; grey is tolerated, red is beyond the margin",
            inside("The ratio and its interval", RATIO_HEIGHT, &ratio_of(row)),
        ),
        (
            "the evidence after each look, as a part of its bar",
            inside("The evidence in time", EVIDENCE_HEIGHT, &evidence(record, row)),
        ),
    ]
}

pub(super) fn class_of(word: Word) -> &'static str {
    match word {
        Word::Pass => "good",
        Word::Fail => "bad",
        Word::Hold => "unsure",
    }
}

pub(super) fn class_of_hue(hue: crate::paint::Hue) -> &'static str {
    match hue {
        crate::paint::Hue::Green => "good",
        crate::paint::Hue::Red => "bad",
        crate::paint::Hue::Yellow => "unsure",
        crate::paint::Hue::Blue => "dim",
    }
}
