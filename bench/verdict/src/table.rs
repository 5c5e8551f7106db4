//! The page: every cell, grouped, with intervals, and the list of promises that do not hold.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::catalogue::{Promise, Section, World, worlds};
use crate::cell::{Cell, Tally};
use crate::wilson;

/// Cells by world and ratio in thousandths.
pub type Cells = BTreeMap<(String, u64), Cell>;

/// Worlds that the page begins with: those in which tools differ most.
pub const HEADLINE: [&str; 16] = [
    "base: iid Poisson, 100 rps, 10 %",
    "AR(1) 0.9 shared, sd 0.5",
    "diurnal trend +-60 %",
    "bursts mean 3",
    "bursts mean 10",
    "pods CV 0.3, 3 of 30",
    "pods CV 0.5, 3 of 30",
    "pods CV 0.5, 10 of 30",
    "rivals on rate[5m] @15s",
    "10 metrics, rate[5m] @15s for rivals",
    "10 metrics, AR 0.9 CV 0.3 burst 3",
    "20 metrics",
    "1 canary requests/check",
    "30 canary requests/check",
    "high traffic 10 000 rps",
    "high traffic 10 000 rps, CV 0.3",
];

/// A share in percent with its interval.
#[must_use]
pub fn percent(hits: u64, runs: u64) -> String {
    let (low, high) = wilson::interval(hits, runs);
    format!("{:.1} ({:.1}-{:.1})", 100.0 * hits as f64 / runs.max(1) as f64, 100.0 * low, 100.0 * high)
}

/// The whole page body.
#[must_use]
pub fn page(cells: &Cells) -> String {
    let mut page = String::new();
    preamble(&mut page, cells);
    headline(&mut page, cells);
    for section in Section::ALL.into_iter().filter(|section| *section != Section::Planner) {
        self::section(&mut page, section, cells);
    }
    broken(&mut page, cells);
    page
}

fn preamble(page: &mut String, cells: &Cells) {
    let runs: std::collections::BTreeSet<u64> = cells.values().map(|cell| cell.key.runs).collect();
    let engines: std::collections::BTreeSet<&str> =
        cells.values().map(|cell| cell.key.engine.as_str()).collect();
    let list = |words: Vec<String>| words.join(", ");
    let _ = writeln!(
        page,
        "Rollouts of each row: {}. Engine {}. Percent with Wilson's 95 % interval; minutes as median/90th percentile of the\n\
         rollouts with that verdict. r is how much worse the canary really is.\n",
        list(runs.iter().map(u64::to_string).collect()),
        list(engines.iter().map(|engine| format!("`{engine}`")).collect()),
    );
}

fn get<'a>(cells: &'a Cells, world: &World, ratio: f64) -> Option<&'a Cell> {
    cells.get(&(world.name.to_owned(), crate::study::thousandths(ratio)))
}

fn headline(page: &mut String, cells: &Cells) {
    let worlds = worlds();
    let share = |cell: &Cell, judge: &str, of: fn(&Tally) -> u64| {
        cell.judge(judge)
            .map_or("-".to_owned(), |tally| format!("{:.1}", 100.0 * of(tally) as f64 / tally.runs as f64))
    };
    let timed = |cell: &Cell, judge: &str| {
        let minutes = cell.judge(judge).and_then(|tally| tally.fail_minutes);
        share(cell, judge, |tally| tally.fail)
            + &minutes.map_or(String::new(), |(median, _)| format!(" ({median:.1})"))
    };
    let mut rows = String::new();
    for world in HEADLINE.iter().filter_map(|name| worlds.iter().find(|world| world.name == *name)) {
        let (Some(good), Some(bad)) = (get(cells, world, 1.0), get(cells, world, 2.0)) else { continue };
        let judges = ["serin", "kayenta", "flagger", "argo"];
        let _ = write!(rows, "| {} |", world.name);
        let columns = (judges.map(|judge| share(good, judge, |tally| tally.fail)).into_iter())
            .chain(judges.map(|judge| timed(bad, judge)))
            .chain(judges.map(|judge| share(bad, judge, |tally| tally.pass)))
            .chain([share(good, "serin", |tally| tally.pass)]);
        let _ = writeln!(rows, " {} |", columns.collect::<Vec<_>>().join(" | "));
    }
    if rows.is_empty() {
        return;
    }
    page.push_str(
        "## Beside its rivals\n\nPercent of rollouts. \"False\" is FAIL on equal versions, \"found\" FAIL at twice the errors (median minutes), \"let\n\
         through\" PASS at twice the errors.\n\n\
         | world | false: Serin | Kayenta | Flagger | Argo | found: Serin | Kayenta | Flagger | Argo | let through: Serin | Kayenta | Flagger | Argo | Serin PASS if good |\n\
         |---|---|---|---|---|---|---|---|---|---|---|---|---|---|\n",
    );
    page.push_str(&rows);
}

fn section(page: &mut String, section: Section, cells: &Cells) {
    let worlds: Vec<World> = worlds().into_iter().filter(|world| world.section == section).collect();
    let rows: Vec<(&World, &Cell)> = worlds
        .iter()
        .flat_map(|world| {
            let of = cells.iter().filter(|((name, _), _)| name == world.name);
            of.map(move |(_, cell)| (world, cell)).collect::<Vec<_>>()
        })
        .collect();
    if rows.is_empty() {
        return;
    }
    let _ = writeln!(page, "\n## {}\n", section.title());
    for world in worlds.iter().filter(|world| !world.says.is_empty()) {
        let _ = writeln!(page, "- **{}**: {}", world.name, world.says);
    }
    if section == Section::Split {
        page.push_str(
            "FAIL stands for HOLD `split-wrong`, which blocks everything; it may come wrongly in 0.1 %.\n",
        );
    }
    page.push_str(
        "\n| world | r | Serin FAIL % | min | PASS % | min | HOLD % | held for, failed by | Kayenta FAIL % | min | Flagger FAIL % | min | Argo FAIL % | min | φ |\n\
         |---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|\n",
    );
    for (world, cell) in rows {
        row(page, world, cell);
    }
}

fn row(page: &mut String, world: &World, cell: &Cell) {
    let times = |times: Option<(f64, f64)>| times.map_or("-".to_owned(), |(m, p)| format!("{m:.1}/{p:.1}"));
    let none = Tally::default();
    let gate = cell.judge("serin").unwrap_or(&none);
    let mut why: Vec<(&String, &u64)> = cell.holds.iter().collect();
    // FAIL by evidence goes without saying.
    why.extend(cell.fails.iter().filter(|(name, _)| *name != "evidence"));
    why.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    let why: Vec<String> = why.iter().map(|(name, count)| format!("{name} {count}")).collect();
    let _ = write!(
        page,
        "| {} | {} | {} | {} | {} | {} | {:.1} | {} |",
        world.name,
        cell.key.ratio,
        percent(gate.fail, gate.runs),
        times(gate.fail_minutes),
        percent(gate.pass, gate.runs),
        times(gate.pass_minutes),
        100.0 * gate.hold() as f64 / gate.runs.max(1) as f64,
        why.join(", "),
    );
    for judge in ["kayenta", "flagger", "argo"] {
        match cell.judge(judge) {
            Some(tally) => {
                let _ =
                    write!(page, " {} | {} |", percent(tally.fail, tally.runs), times(tally.fail_minutes));
            }
            None => page.push_str(" - | - |"),
        }
    }
    let _ = writeln!(page, " {:.1} |", cell.phi);
}

/// Every row in which a promise is broken by point estimate.
#[must_use]
pub fn breaches(cells: &Cells) -> Vec<(World, &Cell, Promise)> {
    let mut breaches = Vec::new();
    for world in worlds() {
        for cell in cells.iter().filter(|((name, _), _)| name == world.name).map(|(_, cell)| cell) {
            let (Some(promise), Some(gate)) = (world.promise(cell.key.ratio), cell.judge("serin")) else {
                continue;
            };
            let (hits, limit) = match promise {
                Promise::SeldomFail(limit) => (gate.fail, limit),
                Promise::SeldomPass(limit) => (gate.pass, limit),
            };
            if hits as f64 > limit * gate.runs as f64 {
                breaches.push((world, cell, promise));
            }
        }
    }
    breaches
}

fn broken(page: &mut String, cells: &Cells) {
    page.push_str("\n## Where a promise does not hold\n\nEvery row above its bound by point estimate; none is left out.\n\n");
    let breaches = breaches(cells);
    if breaches.is_empty() {
        page.push_str("None.\n");
        return;
    }
    page.push_str("| world | r | promised | measured |\n|---|---|---|---|\n");
    for (world, cell, promise) in breaches {
        let none = Tally::default();
        let gate = cell.judge("serin").unwrap_or(&none);
        let (what, limit, hits) = match promise {
            Promise::SeldomFail(limit) => ("false FAIL", limit, gate.fail),
            Promise::SeldomPass(limit) => ("wrongful PASS", limit, gate.pass),
        };
        let measured = percent(hits, gate.runs);
        let _ = writeln!(
            page,
            "| {} | {} | {what} ≤ {} % | {measured} % |",
            world.name,
            cell.key.ratio,
            100.0 * limit
        );
    }
}

/// Times to a verdict in the planner's cases.
#[must_use]
pub fn planner(cells: &Cells) -> String {
    let mut page = String::from(
        "| case | rollouts | reached % | median min | 90 % within min | mean φ |\n|---|---|---|---|---|---|\n",
    );
    for world in worlds().into_iter().filter(|world| world.section == Section::Planner) {
        for cell in cells.iter().filter(|((name, _), _)| name == world.name).map(|(_, cell)| cell) {
            let Some(gate) = cell.judge("serin") else { continue };
            let within = |minutes: Option<f64>| {
                minutes.map_or(format!(">{}", world.stage.minutes), |minutes| format!("{minutes:.1}"))
            };
            let _ = writeln!(
                page,
                "| {} | {} | {} | {} | {} | {:.2} |",
                world.name,
                gate.runs,
                percent(gate.fail + gate.pass, gate.runs),
                within(gate.half),
                within(gate.most),
                cell.phi
            );
        }
    }
    page
}
