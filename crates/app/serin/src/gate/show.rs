//! `serin explain` and `serin verify`: a record in words and pictures, and whether it holds.

use std::fmt::Write as _;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail, ensure};
use clap::{Args, ValueEnum};
use serin_gate::record::{
    BYTES_MAX, Difference, Judged, ReadError, Record, Refusal, Verified, VerifiedGroup, is_group, verify,
    verify_group,
};
use serin_report::judgement::harmless;
use serin_report::paint::Paint;
use serin_report::verdict;

use super::files;
use crate::out;

/// The width of a report where no terminal says its own, and the bounds of what is taken from one.
const WIDTH: u16 = 100;
const WIDTH_MIN: u16 = 60;
const WIDTH_MAX: u16 = 140;
/// Pixels of a picture: twice what a phone shows.
const PIXELS: u32 = 1080;
/// The exit code of a record that does not hold.
const DIFFERS: u8 = 1;

/// Print what an evidence record says: the whole, or one metric in plain words
#[derive(Args)]
#[command(
    after_help = "Example:\n  $ serin explain record.json\n  $ serin explain record.json errors\n  $ serin explain record.json \
                        -o png > verdict.png\n\nExit codes: 0 printed, 2 it could not be."
)]
pub(crate) struct ExplainArgs {
    /// The record that serin gate run wrote; - is standard input
    record: PathBuf,
    /// Explain this metric, in plain words: as text only, without -o
    metric: Option<String>,
    /// Of a group, this member's own record
    #[arg(long, value_name = "NAME")]
    member: Option<String>,
    /// What to print of the whole; a single metric has text only
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    output: Format,
}

/// Come to a record's verdict again, from its integers alone
#[derive(Args)]
#[command(
    after_help = "Several records are a chain: each names the hash of the one before it.\n\nExit codes: 0 all of it follows \
                        from the evidence, 1 something does not or was cut short, 2 a file could not be read or is no record."
)]
pub(crate) struct VerifyArgs {
    /// The records; - is standard input
    #[arg(required = true)]
    records: Vec<PathBuf>,
}

/// What is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// A report for the terminal
    Text,
    /// One page with pictures, which needs nothing else
    Html,
    /// A picture
    Svg,
    /// The same picture as pixels
    Png,
    /// For a pull request
    Markdown,
    /// For programs
    Json,
}

impl Format {
    /// Whether it draws.
    pub(super) fn is_picture(self) -> bool {
        matches!(self, Self::Html | Self::Svg | Self::Png)
    }
}

/// Runs `serin explain`.
pub(crate) fn explain(args: &ExplainArgs) -> ExitCode {
    ended(tokio::task::block_in_place(|| {
        let record = match (read_any(&args.record)?, &args.member) {
            (Judged::One(record), None) => *record,
            (Judged::One(_), Some(member)) => {
                bail!("--member {member:?}: the record is that of a single gate, which has no members")
            }
            (Judged::Group(group), Some(member)) => {
                let place = group.terms.members.iter().position(|name| name == member);
                let known =
                    || format!("--member {member:?}: the members are {}", group.terms.members.join(", "));
                group.members.get(place.with_context(known)?).cloned().with_context(known)?
            }
            (Judged::Group(group), None) => {
                let names = || group.terms.members.join(", ");
                ensure!(
                    args.metric.is_none(),
                    "a metric is explained for one member: add --member ({})",
                    names()
                );
                print(&judged(&Judged::Group(group), args.output)?)?;
                return Ok(ExitCode::SUCCESS);
            }
        };
        let text = match &args.metric {
            Some(metric) if args.output == Format::Text => {
                let known: Vec<&str> =
                    record.opening.policy.metrics.iter().map(|metric| &*metric.name).collect();
                let unknown = || {
                    if known.contains(&metric.as_str()) {
                        format!("{metric:?}: the record has no look yet")
                    } else {
                        format!("there is no metric {metric:?}: the record has {}", known.join(", "))
                    }
                };
                verdict::explain(&record, metric, width()).with_context(unknown)?.into_bytes()
            }
            Some(metric) => bail!("{metric:?} is explained as text only: leave out -o, or the metric"),
            None => whole(&record, args.output)?,
        };
        print(&text)?;
        Ok(ExitCode::SUCCESS)
    }))
}

/// Runs `serin verify`.
pub(crate) fn check(args: &VerifyArgs) -> ExitCode {
    ended(tokio::task::block_in_place(|| {
        let mut before: Option<String> = None;
        let mut holds = true;
        for path in &args.records {
            let name = files::name(path);
            let bytes = files::bytes(path, BYTES_MAX as u64)?;
            let mut said = String::new();
            match verified(&bytes) {
                Ok(verified) => {
                    let _ = writeln!(
                        said,
                        "{name}: verified: {}, from the integers alone\n  sha256 {}",
                        verified.what, verified.hash
                    );
                    for tie in &verified.ties {
                        let _ = writeln!(said, "  {tie}");
                    }
                    let previous = &verified.previous;
                    if before.is_some() && *previous != before {
                        holds = false;
                        let named = previous.as_deref().unwrap_or("none");
                        let _ =
                            writeln!(said, "  previous: it names {named}, which is not the record before it");
                    }
                    before = Some(verified.hash);
                }
                Err(Refusal::Unread(error @ ReadError::Damaged(_))) => {
                    holds = false;
                    let _ = writeln!(said, "{name}: does not hold: {}", harmless(&error.to_string()));
                    before = None;
                }
                Err(Refusal::Unread(error)) => return Err(error).context(name),
                Err(Refusal::Differs(differences)) => {
                    holds = false;
                    let _ = writeln!(said, "{name}: does not hold: {} differences", differences.len());
                    for difference in &differences {
                        let _ = writeln!(said, "  {}", harmless(&difference.to_string()));
                    }
                    before = None;
                }
            }
            print(said.as_bytes())?;
        }
        Ok(if holds { ExitCode::SUCCESS } else { DIFFERS.into() })
    }))
}

/// What is told of a record that holds.
struct Held {
    what: String,
    hash: String,
    previous: Option<String>,
    ties: Vec<Difference>,
}

/// Comes to a record of either form again.
fn verified(bytes: &[u8]) -> Result<Held, Refusal> {
    if is_group(bytes) {
        let VerifiedGroup { record, hash, ties } = verify_group(bytes)?;
        let word = record.outcome.verdict.as_ref().map_or("no verdict", |verdict| verdict.word().as_str());
        let (rule, looks, members) = (&record.outcome.rule, record.looks.len(), record.members.len());
        let what = format!("{word} ({rule}) after {looks} blocks of each of {members} members");
        return Ok(Held { what, hash, previous: record.previous, ties });
    }
    let Verified { record, hash, ties } = verify(bytes)?;
    let word = record.outcome.verdict.as_ref().map_or("no verdict", |verdict| verdict.word().as_str());
    let what = format!("{word} ({}) after {} blocks", record.outcome.rule, record.blocks.len());
    Ok(Held { what, hash, previous: record.opening.previous, ties })
}

fn ended(done: Result<ExitCode>) -> ExitCode {
    done.unwrap_or_else(|error| {
        out::complain(format_args!("Error: {}", harmless(&format!("{error:#}"))));
        super::CANNOT.into()
    })
}

/// A record of either form whose hash is that of its bytes.
pub(super) fn read_any(path: &Path) -> Result<Judged> {
    let bytes = files::bytes(path, BYTES_MAX as u64)?;
    serin_gate::record::read_any(&bytes).with_context(|| files::name(path))
}

/// The whole record of either form.
pub(super) fn judged(record: &Judged, format: Format) -> Result<Vec<u8>> {
    let group = match record {
        Judged::One(record) => return whole(record, format),
        Judged::Group(group) => group,
    };
    Ok(match format {
        Format::Text => verdict::group_terminal(group, paint_of(&std::io::stdout()), width()).into_bytes(),
        Format::Markdown => verdict::group_markdown(group).into_bytes(),
        Format::Json => verdict::group_json(group).into_bytes(),
        Format::Html | Format::Svg | Format::Png => bail!(
            "a picture is of one member: serin explain RECORD --member {} -o …; of the group there are text, markdown and json",
            group.terms.members.first().map_or("NAME", String::as_str)
        ),
    })
}

/// The whole record.
fn whole(record: &Record, format: Format) -> Result<Vec<u8>> {
    Ok(match format {
        Format::Text => verdict::terminal(record, paint_of(&std::io::stdout()), width()).into_bytes(),
        Format::Html => verdict::html(record).into_bytes(),
        Format::Svg => verdict::svg(record).into_bytes(),
        Format::Png => serin_picture::png(&verdict::svg(record), PIXELS)?,
        Format::Markdown => verdict::markdown(record).into_bytes(),
        Format::Json => verdict::json(record).into_bytes(),
    })
}

/// Writes to standard output. A reader that has gone away does not change the exit code.
pub(super) fn print(text: &[u8]) -> Result<()> {
    Ok(out::offer(text)?)
}

pub(super) fn paint_of(stream: &impl IsTerminal) -> Paint {
    let is_wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    if is_wanted && stream.is_terminal() { Paint::Colour } else { Paint::Plain }
}

fn width() -> usize {
    let size = std::io::stdout().is_terminal().then(crossterm::terminal::size).and_then(Result::ok);
    size.map_or(WIDTH, |(columns, _)| columns.clamp(WIDTH_MIN, WIDTH_MAX)).into()
}
