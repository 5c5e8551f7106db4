//! The transcript of Flagger's load tester, as requests and what came of each.

/// A heading, and the rows below it.
#[derive(Debug)]
pub(crate) struct Section {
    pub(crate) title: String,
    pub(crate) rows: Vec<Row>,
}

/// One request and what came of it.
#[derive(Debug, Default)]
pub(crate) struct Row {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) body: String,
    /// Status and body; none when the connection was dropped.
    pub(crate) answer: Option<(u16, String)>,
    pub(crate) kind: String,
    pub(crate) lines: Vec<String>,
}

pub(crate) fn read(text: &str) -> Vec<Section> {
    let mut sections: Vec<Section> = Vec::new();
    for line in text.lines() {
        if let Some(title) = line.strip_prefix("## ") {
            sections.push(Section { title: title.to_owned(), rows: Vec::new() });
            continue;
        }
        let Some(section) = sections.last_mut() else { continue };
        if let Some(request) = line.strip_prefix("- `") {
            section.rows.push(request_of(request));
            continue;
        }
        let Some(row) = section.rows.last_mut() else { continue };
        if let Some(result) = line.strip_prefix("  -> **") {
            (row.answer, row.kind) = answer_of(result);
        } else if let Some(said) = line.strip_prefix("  log: ") {
            row.lines.push(said.to_owned());
        } else if let Some(last) = row.lines.last_mut().filter(|_| !line.starts_with('(')) {
            // A message of several lines, and blank ones between sections.
            last.push('\n');
            last.push_str(line);
        }
    }
    for line in sections.iter_mut().flat_map(|section| &mut section.rows).flat_map(|row| &mut row.lines) {
        line.truncate(line.trim_end_matches('\n').len());
    }
    sections
}

fn request_of(text: &str) -> Row {
    let (line, rest) = text.split_once('`').unwrap();
    let (method, path) = line.split_once(' ').unwrap();
    let body = rest.strip_prefix(" `").and_then(|rest| rest.split_once('`')).map_or("", |(body, _)| body);
    Row { method: method.to_owned(), path: path.to_owned(), body: body.to_owned(), ..Row::default() }
}

fn answer_of(text: &str) -> (Option<(u16, String)>, String) {
    let (result, rest) = text.rsplit_once("** ").unwrap();
    // Behind the type there may be the seconds that it took.
    let kind = if rest.starts_with("text/") { "text/plain; charset=utf-8" } else { "" };
    let answer =
        result.split_once(' ').and_then(|(status, body)| Some((status.parse().ok()?, unquoted(body))));
    (answer, kind.to_owned())
}

/// A text as Python writes it.
pub(crate) fn unquoted(text: &str) -> String {
    let mut letters = text[1..text.len() - 1].chars();
    let mut plain = String::new();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => match letters.next() {
                Some('n') => plain.push('\n'),
                Some('r') => plain.push('\r'),
                Some('t') => plain.push('\t'),
                Some(other) => plain.push(other),
                None => {}
            },
            other => plain.push(other),
        }
    }
    plain
}
