//! The picture for the README: false FAIL and wrongful PASS of the gate and its rivals, world by world.
//!
//! Legible at 800 pixels, in light and dark. Marks differ in shape as well as in colour. The scale is that of square roots,
//! so that half a percent and half of all rollouts both have room.

use std::fmt::Write as _;

use crate::catalogue::{Section, World, worlds};
use crate::cell::{Cell, Tally};
use crate::study::thousandths;
use crate::table::{Cells, HEADLINE};

const WIDTH: f64 = 800.0;
const LABELS: f64 = 262.0;
const PANEL: f64 = 235.0;
const GAP: f64 = 28.0;
const ROW: f64 = 19.0;
const TOP: f64 = 78.0;
/// The promise, in percent.
const PROMISED: f64 = 5.0;
const TICKS: [f64; 6] = [0.0, 1.0, 5.0, 20.0, 50.0, 100.0];
/// By judge: name, class and shape around 0.
const MARKS: [(&str, &str, &str); 4] = [
    ("kayenta", "Kayenta", "M0-5L5 0L0 5L-5 0Z"),
    ("flagger", "Flagger", "M0-5L5 4L-5 4Z"),
    ("argo", "Argo", "M-4-4H4V4H-4Z"),
    ("serin", "Serin", "M-5 0A5 5 0 1 1 5 0A5 5 0 1 1-5 0Z"),
];
const STYLE: &str = "text{font:12px system-ui,-apple-system,'Segoe UI',sans-serif;fill:#1f2328}.h{font-weight:600;font-size:13px}\
.s{fill:#59636e}.g{stroke:#d1d9e0}.p{stroke:#cf222e;stroke-dasharray:4 3}.b{fill:#818b981f}\
.serin{fill:#0550ae}.kayenta{fill:#bc4c00}.flagger{fill:#1a7f37}.argo{fill:#8250df}\
@media(prefers-color-scheme:dark){text{fill:#f0f6fc}.s{fill:#9198a1}.g{stroke:#3d444d}.p{stroke:#ff7b72}\
.serin{fill:#58a6ff}.kayenta{fill:#f0883e}.flagger{fill:#3fb950}.argo{fill:#bc8cff}}";

/// What is counted of a judge.
type Hits = fn(&Tally) -> u64;

/// One row: the world, equal versions, and at the margin.
type Row<'a> = (World, &'a Cell, &'a Cell);

/// The picture as SVG. Worlds that have no row for equal versions and one at the margin, with rivals, are not in it.
#[must_use]
pub fn svg(cells: &Cells) -> String {
    let groups = [
        ("Worlds that defaults rest on", rows(cells, |world| HEADLINE.contains(&world.name))),
        ("Worlds that nothing was tuned on", rows(cells, |world| world.section == Section::Untuned)),
    ];
    let lines: usize =
        groups.iter().filter(|(_, rows)| !rows.is_empty()).map(|(_, rows)| rows.len() + 1).sum();
    let bottom = TOP + lines as f64 * ROW;
    let mut svg = String::new();
    let _ = writeln!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" role=\"img\" \
         aria-label=\"How often Serin, Kayenta, Flagger and Argo Rollouts are wrong, in percent of simulated rollouts\"><style>{STYLE}</style>",
        height = bottom + 30.0
    );
    legend(&mut svg);
    let panels = [LABELS, LABELS + PANEL + GAP];
    for (left, title) in
        panels.iter().zip(["rolled back although equal, %", "promoted although twice as bad, %"])
    {
        axis(&mut svg, *left, bottom, title);
    }
    let mut y = TOP;
    for (title, rows) in groups.iter().filter(|(_, rows)| !rows.is_empty()) {
        y += ROW;
        let _ = writeln!(svg, "<text class=\"h\" x=\"8\" y=\"{:.1}\">{title}</text>", y - 6.0);
        for (place, row) in rows.iter().enumerate() {
            line(&mut svg, row, y, place % 2 == 0, panels);
            y += ROW;
        }
    }
    svg.push_str("</svg>\n");
    svg
}

fn rows(cells: &Cells, is_meant: impl Fn(&World) -> bool) -> Vec<Row<'_>> {
    let row = |world: World| {
        let at = |ratio: f64| cells.get(&(world.name.to_owned(), thousandths(ratio)));
        let (good, bad) = (at(1.0)?, at(world.settings.margin)?);
        good.judge("kayenta").is_some().then_some((world, good, bad))
    };
    worlds().into_iter().filter(is_meant).filter_map(row).collect()
}

fn x(percent: f64) -> f64 {
    PANEL * (percent / 100.0).sqrt()
}

fn legend(svg: &mut String) {
    let _ = writeln!(svg, "<text class=\"h\" x=\"8\" y=\"20\">Wrong verdicts, simulated</text>");
    for (place, (class, name, shape)) in [3, 0, 1, 2].into_iter().map(|judge| MARKS[judge]).enumerate() {
        let left = LABELS + 8.0 + 92.0 * place as f64;
        let _ = writeln!(
            svg,
            "<path class=\"{class}\" d=\"{shape}\" transform=\"translate({left} 16)\"/><text x=\"{}\" y=\"20\">{name}</text>",
            left + 11.0
        );
    }
    let left = LABELS + 8.0 + 92.0 * 4.0;
    let _ = writeln!(
        svg,
        "<path class=\"p\" d=\"M{} 16h18\"/><text class=\"s\" x=\"{}\" y=\"20\">promised: 5 %</text>",
        left - 6.0,
        left + 18.0
    );
}

fn axis(svg: &mut String, left: f64, bottom: f64, title: &str) {
    let _ = writeln!(svg, "<text x=\"{left}\" y=\"48\">{title}</text>");
    for tick in TICKS {
        let at = left + x(tick);
        let _ = writeln!(
            svg,
            "<path class=\"g\" d=\"M{at:.1} {TOP}V{bottom}\"/><text class=\"s\" text-anchor=\"middle\" x=\"{at:.1}\" y=\"{:.1}\">{tick}</text>\
             <text class=\"s\" text-anchor=\"middle\" x=\"{at:.1}\" y=\"{:.1}\">{tick}</text>",
            TOP - 8.0,
            bottom + 16.0
        );
    }
    let _ = writeln!(svg, "<path class=\"p\" d=\"M{:.1} {TOP}V{bottom}\"/>", left + x(PROMISED));
}

fn line(svg: &mut String, (world, good, bad): &Row<'_>, y: f64, is_shaded: bool, panels: [f64; 2]) {
    if is_shaded {
        let _ = writeln!(svg, "<rect class=\"b\" x=\"0\" y=\"{y:.1}\" width=\"{WIDTH}\" height=\"{ROW}\"/>");
    }
    let name = world.name.replace('&', "&amp;").replace("+-", "±");
    let _ = writeln!(svg, "<text x=\"8\" y=\"{:.1}\">{name}</text>", y + 13.5);
    let sides: [(&Cell, Hits); 2] = [(good, |tally| tally.fail), (bad, |tally| tally.pass)];
    for (left, (cell, hits)) in panels.iter().zip(sides) {
        for (judge, _, shape) in MARKS {
            let Some(tally) = cell.judge(judge) else { continue };
            let at = left + x(100.0 * hits(tally) as f64 / tally.runs.max(1) as f64);
            let _ = writeln!(
                svg,
                "<path class=\"{judge}\" d=\"{shape}\" transform=\"translate({at:.1} {:.1})\"/>",
                y + ROW / 2.0
            );
        }
    }
}
