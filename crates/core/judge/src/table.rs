//! Pairs from a table of text (CSV): one row for each value, with the columns `time`, `metric`, `arm` and `value` in any order.
//!
//! Rows may come in any order: a series is sorted by time. Nothing is made up: a time without a row is no value, and only an
//! empty cell or `NaN` is one that is missing.

use csv::StringRecord;
use indexmap::IndexMap;
use jiff::Timestamp;

use crate::input::Pair;
use crate::read::Unreadable;

/// Pairs read from a table.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    /// A pair for each metric, in the order in which the table first names them.
    pub pairs: Vec<Pair>,
    /// The line that first names each metric.
    pub lines: Vec<u64>,
    /// What is odd about the series.
    pub remarks: Vec<String>,
}

/// The columns, and what is in them.
const COLUMNS: [(&str, &str); 4] = [
    ("time", "2026-01-31T12:00:00Z, or a number"),
    ("metric", "its name in the configuration"),
    ("arm", "canary or baseline"),
    ("value", "a number; empty for none"),
];
/// Characters of a wrong cell that an error shows.
const SHOWN_CHARS_MAX: usize = 60;
/// A step longer than this many usual ones is a gap.
const GAP: f64 = 1.5;

#[derive(Clone, Copy, PartialEq)]
struct Point {
    time: f64,
    value: f64,
    line: u64,
}

/// The points of both arms: canary, baseline.
type Arms = [Vec<Point>; 2];
const ARMS: [&str; 2] = ["canary", "baseline"];

impl Table {
    /// Reads a table.
    ///
    /// # Errors
    /// [`Unreadable`] for the first line that does not belong there.
    pub fn from_csv(text: &[u8]) -> Result<Self, Unreadable> {
        let mut reader = csv::ReaderBuilder::new().has_headers(false).trim(csv::Trim::All).from_reader(text);
        let mut record = StringRecord::new();
        if !reader.read_record(&mut record).map_err(|error| of_reader(&error))? {
            return Err(at(1, format!("the file is empty: the first line names the columns {}", names())));
        }
        let columns = columns(&record)?;
        let mut metrics: IndexMap<String, (u64, Arms)> = IndexMap::new();
        let mut is_dated = None;
        while reader.read_record(&mut record).map_err(|error| of_reader(&error))? {
            let line = record.position().map_or(0, csv::Position::line);
            let cell = |column: usize| record.get(columns[column]).unwrap_or_default();
            let (time, dated) = time(cell(0)).ok_or_else(|| wrong(line, 0, cell(0)))?;
            if *is_dated.get_or_insert(dated) != dated {
                let message = format!("time is {:?}, a date among numbers or a number among dates", cell(0));
                return Err(at(line, message));
            }
            let arm = arm(cell(2)).ok_or_else(|| wrong(line, 2, cell(2)))?;
            let value = value(cell(3)).ok_or_else(|| wrong(line, 3, cell(3)))?;
            if cell(1).is_empty() {
                return Err(wrong(line, 1, ""));
            }
            let (_, arms) = metrics.entry(cell(1).to_owned()).or_insert_with(|| (line, Arms::default()));
            arms[arm].push(Point { time, value, line });
        }
        if metrics.is_empty() {
            return Err(at(2, "there is no row below the names of the columns".to_owned()));
        }
        let mut table = Self::default();
        for (name, (line, mut arms)) in metrics {
            for (arm, points) in arms.iter_mut().enumerate() {
                points.sort_by(|a, b| a.time.total_cmp(&b.time));
                check(&name, ARMS[arm], line, points)?;
                table.remarks.extend(gaps(&name, ARMS[arm], points));
            }
            let values = |points: &[Point]| Some(points.iter().map(|point| point.value).collect());
            let (experiment, control) = (values(&arms[0]), values(&arms[1]));
            table.pairs.push(Pair { name, experiment, control, ..Pair::default() });
            table.lines.push(line);
        }
        Ok(table)
    }
}

fn names() -> String {
    COLUMNS.map(|(name, _)| name).join(",")
}

fn at(line: u64, message: String) -> Unreadable {
    Unreadable { place: format!("line {line}"), message }
}

fn of_reader(error: &csv::Error) -> Unreadable {
    let line = error.position().map_or(1, csv::Position::line);
    match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            at(line, format!("there are {len} cells, and the first line names {expected_len} columns"))
        }
        csv::ErrorKind::Utf8 { .. } => at(line, "the text is not UTF-8".to_owned()),
        _ => at(line, error.to_string()),
    }
}

fn wrong(line: u64, column: usize, cell: &str) -> Unreadable {
    let shown: String = cell.chars().take(SHOWN_CHARS_MAX).collect();
    let (name, wanted) = COLUMNS[column];
    at(line, format!("{name} is {shown:?}: it must be {wanted}"))
}

/// Where each column of [`COLUMNS`] is.
fn columns(header: &StringRecord) -> Result<[usize; 4], Unreadable> {
    let names: Vec<String> =
        header.iter().map(|name| name.trim_start_matches('\u{feff}').to_ascii_lowercase()).collect();
    let wanted = self::names();
    if let Some(strange) = names.iter().find(|name| !COLUMNS.iter().any(|(known, _)| known == name)) {
        let shown: String = strange.chars().take(SHOWN_CHARS_MAX).collect();
        return Err(at(1, format!("{shown:?} is no column: the first line must name {wanted}")));
    }
    let mut places = [0; 4];
    for (place, (known, _)) in places.iter_mut().zip(COLUMNS) {
        let mut found = names.iter().enumerate().filter(|(_, name)| *name == known).map(|(index, _)| index);
        *place = found.next().ok_or_else(|| {
            at(1, format!("the column {known:?} is missing: the first line must name {wanted}"))
        })?;
        if found.next().is_some() {
            return Err(at(1, format!("the column {known:?} is there twice")));
        }
    }
    Ok(places)
}

/// Seconds, and whether the cell was a date.
fn time(cell: &str) -> Option<(f64, bool)> {
    match cell.parse::<f64>() {
        Ok(number) => number.is_finite().then_some((number, false)),
        Err(_) => cell.parse::<Timestamp>().ok().map(|time| (time.as_nanosecond() as f64 / 1e9, true)),
    }
}

fn arm(cell: &str) -> Option<usize> {
    match cell.to_ascii_lowercase().as_str() {
        "canary" | "experiment" => Some(0),
        "baseline" | "control" => Some(1),
        _ => None,
    }
}

/// A number as programs write it; infinities and NaN by the words of JSON's texts and of Prometheus.
fn value(cell: &str) -> Option<f64> {
    match cell {
        "" | "NaN" | "nan" => Some(f64::NAN),
        "Infinity" | "+Inf" | "Inf" | "inf" => Some(f64::INFINITY),
        "-Infinity" | "-Inf" | "-inf" => Some(f64::NEG_INFINITY),
        cell => cell.parse().ok().filter(|value: &f64| value.is_finite()),
    }
}

fn check(metric: &str, arm: &str, line: u64, points: &[Point]) -> Result<(), Unreadable> {
    if points.is_empty() {
        let remedy = "if there was no data, write one with an empty value";
        return Err(at(line, format!("metric {metric:?} has no row of the {arm}: {remedy}")));
    }
    match points.windows(2).find(|pair| pair[1].time <= pair[0].time) {
        None => Ok(()),
        Some(pair) => {
            let (first, second) = (pair[0].line.min(pair[1].line), pair[0].line.max(pair[1].line));
            Err(at(second, format!("metric {metric:?} has the time of line {first} for the {arm} already")))
        }
    }
}

/// A remark when times are missing between others.
fn gaps(metric: &str, arm: &str, points: &[Point]) -> Option<String> {
    let steps: Vec<f64> = points.windows(2).map(|pair| pair[1].time - pair[0].time).collect();
    let usual = serin_stats::describe::median(&steps);
    let is_gap = |step: &f64| GAP * usual < *step;
    let count = steps.iter().filter(|step| is_gap(step)).count();
    let first = points.get(steps.iter().position(is_gap)?)?.line;
    Some(format!(
        "metric {metric:?}: times are missing from the {arm} in {count} places, first after line {first}: they are \
         left out, not filled"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_in_any_order_make_series_in_time() {
        let text = "value,arm,metric,time\n3,canary,cpu,2026-01-01T00:02:00Z\n1,canary,cpu,2026-01-01T00:00:00Z\n\
                    ,canary,cpu,2026-01-01T00:01:00Z\n7,Baseline,cpu,2026-01-01T00:00:00Z\n\
                    5,experiment,\"a, b\",2026-01-01T00:00:00Z\n6,control,\"a, b\",2026-01-01T00:00:00Z\n";
        let table = Table::from_csv(text.as_bytes()).unwrap();
        assert_eq!((table.pairs.len(), &*table.lines, table.remarks.len()), (2, &[2, 6][..], 0));
        let canary = table.pairs[0].experiment.clone().unwrap();
        assert_eq!((canary[0], canary[1].is_nan(), canary[2]), (1.0, true, 3.0));
        assert_eq!((table.pairs[1].name.as_str(), &table.pairs[1].control), ("a, b", &Some(vec![6.0])));
    }

    #[test]
    fn what_is_wrong_has_its_line() {
        let long = "x".repeat(1000);
        for (rows, wanted) in [
            ("", "line 1: the file is empty: the first line names the columns time,metric,arm,value"),
            (
                "time,metric,side,value\n",
                "line 1: \"side\" is no column: the first line must name time,metric,arm,value",
            ),
            (
                "time,metric,arm\n",
                "line 1: the column \"value\" is missing: the first line must name time,metric,arm,value",
            ),
            ("time,metric,arm,value,arm\n", "line 1: the column \"arm\" is there twice"),
            ("time,metric,arm,value\n", "line 2: there is no row below the names of the columns"),
            (
                "time,metric,arm,value\n0,m,canary\n",
                "line 2: there are 3 cells, and the first line names 4 columns",
            ),
            (
                "time,metric,arm,value\nnoon,m,canary,1\n",
                "line 2: time is \"noon\": it must be 2026-01-31T12:00:00Z, or a number",
            ),
            (
                "time,metric,arm,value\n0,m,green,1\n",
                "line 2: arm is \"green\": it must be canary or baseline",
            ),
            (
                "time,metric,arm,value\n0,m,canary,1e999\n",
                "line 2: value is \"1e999\": it must be a number; empty for none",
            ),
            (
                "time,metric,arm,value\n0,,canary,1\n",
                "line 2: metric is \"\": it must be its name in the configuration",
            ),
            (
                "time,metric,arm,value\n0,m,canary,1\n2026-01-01T00:00:00Z,m,canary,1\n",
                "line 3: time is \"2026-01-01T00:00:00Z\", a date among numbers or a number among dates",
            ),
            (
                "time,metric,arm,value\n0,m,canary,1\n1,m,canary,1\n0,m,canary,2\n0,m,control,2\n",
                "line 4: metric \"m\" has the time of line 2 for the canary already",
            ),
            (
                "time,metric,arm,value\n0,m,canary,1\n",
                "line 2: metric \"m\" has no row of the baseline: if there was no data, write one with an empty value",
            ),
            (
                &format!("time,metric,arm,value\n0,m,{long},1\n"),
                &format!("line 2: arm is \"{}\": it must be canary or baseline", &long[..60]),
            ),
        ] {
            assert_eq!(Table::from_csv(rows.as_bytes()).unwrap_err().to_string(), wanted, "{rows}");
        }
        let error = Table::from_csv(b"time,metric,arm,value\n0,\xff,canary,1\n").unwrap_err();
        assert_eq!(error.to_string(), "line 2: the text is not UTF-8");
    }

    #[test]
    fn gaps_are_told_of_and_not_filled() {
        let rows = [0, 60, 120, 300, 360].map(|time| format!("{time},m,canary,1\n"));
        let text = format!("time,metric,arm,value\n0,m,control,1\n{}", rows.concat());
        let table = Table::from_csv(text.as_bytes()).unwrap();
        assert_eq!(table.pairs[0].experiment.as_ref().unwrap().len(), 5);
        assert_eq!(
            table.remarks,
            [
                "metric \"m\": times are missing from the canary in 1 places, first after line 5: they are left out, not filled"
            ]
        );
    }
}
