//! `serin judge`: a canary judged from files, without a cluster.
//!
//! Arguments, files and exit codes; the rule is in `core/judge`, the reports are in `core/report`.

mod args;
mod documents;
mod fetch;
mod lines;
mod trouble;

use std::fs::File;
use std::io::{BufReader, BufWriter, IsTerminal};
use std::path::Path;
use std::process::ExitCode;

use serin_judge::{Judge, Outcome};
use serin_report::judgement::{View, explain, harmless, html, markdown, terminal};
use serin_report::paint::Paint;

use crate::{out, progress::Progress};
use args::Format;
pub(crate) use args::JudgeArgs;
use documents::{Configuration, Documents};
use trouble::Trouble;

/// The width of a report where no terminal says its own, and the bounds of what is taken from one.
const WIDTH: u16 = 100;
const WIDTH_MIN: u16 = 60;
const WIDTH_MAX: u16 = 140;
/// What is read or written at once.
const BUFFER_BYTES: usize = 256 << 10;
/// Warnings that are told: more would hide the report.
const WARNINGS_MAX: usize = 20;
/// The most of one message: names in it may be of any length.
const SAID_CHARS_MAX: usize = 2000;

/// Runs the command.
pub(crate) async fn run(args: &JudgeArgs) -> ExitCode {
    let done = match &args.jsonl {
        Some(path) => tokio::task::block_in_place(|| judge_many(path)),
        None => judge(args).await,
    };
    done.unwrap_or_else(|trouble| {
        tell("Error", &trouble.to_string());
        trouble.code()
    })
}

/// Ends a call of `serin judge` whose arguments are wrong. None for other commands, and for what is no error.
pub(crate) fn refuse(error: &clap::Error) -> Option<ExitCode> {
    let is_mine = std::env::args_os().nth(1).is_some_and(|word| word == "judge");
    if !is_mine || !error.use_stderr() {
        return None;
    }
    // Nothing can be done when standard error is gone too.
    drop(error.print());
    Some(trouble::USAGE.into())
}

async fn judge(args: &JudgeArgs) -> Result<ExitCode, Trouble> {
    let configuration = tokio::task::block_in_place(|| Configuration::read(args))?;
    let documents = match (&args.prometheus, &args.pairs) {
        (Some(address), _) => fetch::fetch(configuration, address, args).await?,
        (None, Some(path)) => tokio::task::block_in_place(|| Documents::read(configuration, path, args))?,
        (None, None) => return Err(Trouble::Usage("--pairs is missing".to_owned())),
    };
    let mut progress = Progress::new("pairs judged");
    let total = documents.pairs().len();
    let judged = tokio::task::block_in_place(|| {
        Judge::default().judge_told(&documents.input, &mut |done| progress.tell(done, total))
    });
    progress.end();
    // All that is wrong is told, also beside the one thing for which there is no verdict.
    let remarks = documents.remarks();
    for remark in remarks.iter().take(WARNINGS_MAX) {
        tell("Warning", remark);
    }
    if WARNINGS_MAX < remarks.len() {
        tell("Warning", &format!("{} more of these are not shown", remarks.len() - WARNINGS_MAX));
    }
    let judgement = judged.map_err(|error| documents.trouble(&error))?;
    let view = View {
        config: &documents.input.canary_config,
        thresholds: documents.thresholds(),
        pairs: documents.pairs(),
        judgement: &judgement,
    };
    let text = match (&args.explain, args.output) {
        (Some(metric), _) => explain(&view, metric).ok_or_else(|| documents.unknown(metric))?,
        (None, Format::Text) => terminal(&view, paint(), width()),
        (None, Format::Html) => html(&view),
        (None, Format::Markdown) => markdown(&view),
        (None, Format::Json) => {
            serde_json::to_string_pretty(&judgement).map_err(|error| Trouble::Output(error.to_string()))?
                + "\n"
        }
    };
    print(text.as_bytes())?;
    Ok(match judgement.outcome(documents.pairs()) {
        Outcome::Pass => 0,
        Outcome::Fail => 1,
        Outcome::Marginal => 2,
        Outcome::NoEvidence => 3,
    }
    .into())
}

fn judge_many(path: &Path) -> Result<ExitCode, Trouble> {
    let workers = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let mut progress = Progress::new("lines read");
    let sink = BufWriter::with_capacity(BUFFER_BYTES, std::io::stdout());
    let tally = if documents::is_stdin(path) {
        let source = BufReader::with_capacity(BUFFER_BYTES, std::io::stdin());
        lines::judge_lines(source, sink, workers, &mut progress)
    } else {
        let failed = |error: std::io::Error| Trouble::NoInput(format!("{}: {error}", path.display()));
        let source = BufReader::with_capacity(BUFFER_BYTES, File::open(path).map_err(failed)?);
        lines::judge_lines(source, sink, workers, &mut progress)
    };
    progress.end();
    let name = documents::name(path);
    let lines::Tally { lines, failed } = tally.map_err(|trouble| match trouble {
        Trouble::NoInput(why) => Trouble::NoInput(format!("{name}: {why}")),
        other => other,
    })?;
    if 0 < failed {
        return Err(Trouble::Data(format!("{name}: {failed} of {lines} lines could not be judged")));
    }
    Ok(ExitCode::SUCCESS)
}

/// Says something on standard error; what it quotes of users' text cannot move the cursor or fill the screen.
fn tell(what: &str, text: &str) {
    let text: String = text.chars().take(SAID_CHARS_MAX).collect();
    out::complain(format_args!("{what}: {}", harmless(&text)));
}

/// Writes to standard output. A reader that has gone away (`serin judge … | head`) does not change the exit code.
fn print(text: &[u8]) -> Result<(), Trouble> {
    out::offer(text).map_err(|unwritten| Trouble::Output(unwritten.to_string()))
}

fn paint() -> Paint {
    let is_wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    if is_wanted && std::io::stdout().is_terminal() { Paint::Colour } else { Paint::Plain }
}

fn width() -> usize {
    let size = std::io::stdout().is_terminal().then(crossterm::terminal::size).and_then(Result::ok);
    size.map_or(WIDTH, |(columns, _)| columns.clamp(WIDTH_MIN, WIDTH_MAX)).into()
}
