//! `compare-story RECORDED OURS`: compares two folders of one recorded session and prints what was not decided.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use serin_e2e::story::{Normaliser, compare};

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
    let (mut theirs, mut own) = (Normaliser::new()?, Normaliser::new()?);
    let mut differ = 0;
    for name in names {
        let read = |folder: &str| {
            let path = Path::new(folder).join(&name);
            std::fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))
        };
        let complaints = compare(&name, &theirs.lines(&read(recorded)?), &own.lines(&read(ours)?))?;
        if !complaints.is_empty() {
            differ += 1;
            println!("{name}:\n{complaints}");
        }
    }
    Ok(differ)
}
