//! Rows of CSV.

use csv::StringRecord;

use super::row::{Row, Texts, checked, too_many};
use super::{FileError, SHOWN_CHARS_MAX};

/// The columns, and whether each file has them.
const COLUMNS: [(&str, bool); 11] = [
    ("time", true),
    ("metric", true),
    ("arm", true),
    ("pod", false),
    ("step", false),
    ("events", false),
    ("exposure", false),
    ("edge", false),
    ("value", false),
    ("weight", false),
    ("group", false),
];

pub(super) fn read(text: &[u8]) -> Result<Vec<Row>, FileError> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).trim(csv::Trim::All).from_reader(text);
    let mut record = StringRecord::new();
    if !reader.read_record(&mut record).map_err(|error| of_reader(&error))? {
        let message = format!("the file is empty: the first line names the columns {}", names());
        return Err(FileError::Line { line: 1, message });
    }
    let places = columns(&record)?;
    let mut rows = Vec::new();
    while reader.read_record(&mut record).map_err(|error| of_reader(&error))? {
        too_many(&rows)?;
        let cell = |column: usize| places[column].and_then(|place| record.get(place)).unwrap_or_default();
        let texts = Texts {
            line: record.position().map_or(0, csv::Position::line),
            time: cell(0),
            metric: cell(1),
            arm: cell(2),
            pod: cell(3),
            step: cell(4),
            events: cell(5),
            exposure: cell(6),
            edge: cell(7),
            value: cell(8),
            weight: cell(9),
            group: cell(10),
            above: None,
        };
        rows.push(texts.row()?);
    }
    checked(rows)
}

fn names() -> String {
    COLUMNS.map(|(name, _)| name).join(",")
}

fn columns(header: &StringRecord) -> Result<[Option<usize>; 11], FileError> {
    let wrong = |message: String| FileError::Line { line: 1, message };
    let mut places = [None; 11];
    for (index, name) in header.iter().enumerate() {
        let name = name.trim_start_matches('\u{feff}').to_ascii_lowercase();
        let Some(column) = COLUMNS.iter().position(|(known, _)| *known == name) else {
            let shown: String = name.chars().take(SHOWN_CHARS_MAX).collect();
            return Err(wrong(format!(
                "{shown:?} is no column: the first line must name some of {}",
                names()
            )));
        };
        if places[column].replace(index).is_some() {
            return Err(wrong(format!("the column {name:?} is there twice")));
        }
    }
    let missing = COLUMNS.iter().zip(&places).find(|((_, is_needed), place)| *is_needed && place.is_none());
    match missing {
        Some(((name, _), _)) => {
            Err(wrong(format!("the column {name:?} is missing: the columns are {}", names())))
        }
        None => Ok(places),
    }
}

fn of_reader(error: &csv::Error) -> FileError {
    let line = error.position().map_or(1, csv::Position::line);
    let message = match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("there are {len} cells, and the first line names {expected_len} columns")
        }
        csv::ErrorKind::Utf8 { .. } => "the text is not UTF-8".to_owned(),
        _ => error.to_string(),
    };
    FileError::Line { line, message }
}
