//! `compare-story RECORDED OURS`: compares two folders of one recorded session and prints what was not decided.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use serin_e2e::story::{
    Normaliser, compare, compare_events, listed_events, never_written_back, traced_events,
};

/// The Rollout's events at the end of the session.
const EVENTS: &str = "events.txt";
/// Every change during the session, in order.
const TRACE: &str = "trace.jsonl";

fn main() -> ExitCode {
    match run() {
        Ok(0) => ExitCode::SUCCESS,
        Ok(files) => {
            println!("story: {files} files differ from the recording");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<usize> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [recorded, ours] = &arguments[..] else { bail!("usage: compare-story RECORDED OURS") };
    let mut names: Vec<_> = std::fs::read_dir(recorded)
        .with_context(|| format!("reading {recorded}"))?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| Path::new(name).extension().is_some_and(|ending| ending == "txt"))
        .collect();
    names.sort(); // the session's order, which numbers the hashes alike
    let read = |folder: &str, name: &str| {
        let path = Path::new(folder).join(name);
        std::fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))
    };
    let (mut theirs, mut own) = (Normaliser::new()?, Normaliser::new()?);
    let mut complaints = Vec::new();
    for name in names {
        let recorded = theirs.lines(&never_written_back(&read(recorded, &name)?)?);
        let ours = own.lines(&read(ours, &name)?);
        let said = if name == EVENTS {
            compare_events(&listed_events(&recorded)?, &listed_events(&ours)?)?
        } else {
            compare(&name, &recorded, &ours)?
        };
        complaints.push((name, said));
    }
    let recorded = theirs.lines(&traced_events(&read(recorded, TRACE)?)?);
    let ours = own.lines(&traced_events(&read(ours, TRACE)?)?);
    complaints.push((TRACE.to_owned(), compare_events(&recorded, &ours)?));
    complaints.retain(|(_, said)| !said.is_empty());
    for (name, said) in &complaints {
        println!("{name}:\n{said}");
    }
    Ok(complaints.len())
}
