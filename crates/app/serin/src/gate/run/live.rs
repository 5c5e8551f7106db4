//! Counts from a Prometheus: the past first, then block after block.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use jiff::{SignedDuration, Timestamp};
use serin_gate::config::Config;
use serin_gate::intake::{Intake, Question, Stage, any, freeze, series};
use serin_gate::record::{Opening, Query};
use serin_kernel::Moment;
use serin_sources::Prometheus;

use super::book::{Book, Next};
use super::{RunArgs, queries, step_of};
use crate::{interrupt::interrupted, out};

/// Parts of the canary's share.
const WHOLE: f64 = 10_000.0;

/// What was judged until the verdict, the end or an interrupt; none when the interrupt came while the past was read.
pub(super) async fn judge(
    args: &RunArgs,
    mut config: Config,
    previous: Option<String>,
) -> Result<Option<Book>> {
    let source = args.source.connect()?.context("--prometheus is missing")?;
    // One wait for both parts, so that no interrupt between them is lost; it listens before anything is asked.
    let mut interrupt = std::pin::pin!(interrupted());
    let opened = tokio::select! {
        biased;
        stopped = &mut interrupt => {
            stopped.context("waiting for an interrupt")?;
            return Ok(None);
        }
        opened = open(args, &mut config, &source, previous) => opened?,
    };
    let (mut intakes, mut book, stop) = opened;
    let done = tokio::select! {
        biased;
        stopped = &mut interrupt => stopped.context("waiting for an interrupt"),
        done = go_on(args, &config, &source, &mut intakes, &mut book, stop) => done,
    };
    if done.is_err() {
        // What was seen until then is not lost.
        book.save()?;
    }
    done.map(|()| Some(book))
}

/// Reads the past, and begins the record; with the time at which to stop where nothing is followed.
async fn open(
    args: &RunArgs,
    config: &mut Config,
    source: &Prometheus,
    previous: Option<String>,
) -> Result<(Vec<Intake>, Book, Timestamp)> {
    let start = args.start.unwrap_or_else(Timestamp::now);
    // What is not followed is judged as far as its outcomes are known.
    let known = Timestamp::now() - SignedDuration::from_secs(config.queries.maturity().into());
    let stop = args.end.map_or(known, |end| end.min(known));
    ensure!(
        args.follow || start < stop,
        "--start {start} is not before --end {stop}: give the time of the release (outcomes are known until {known})"
    );
    let begin = start - SignedDuration::from_secs(config.queries.history.into());
    complete(config, source, begin, start).await?;
    let members = config.members().map_err(anyhow::Error::msg)?;
    let mut intakes: Vec<Intake> =
        members.iter().map(|member| member.intake(begin.into())).collect::<Result<_, _>>()?;
    let seen = ever_seen(config.intake(begin.into())?, source, start.into()).await?;
    tell(&mut intakes, &seen);
    // The block in which the canary began is the first that is judged.
    let length = i64::from(config.policy.block);
    let first = Moment::from_secs(start.as_second().div_euclid(length) * length);
    if args.end.is_none() {
        wait_until(config.queries.due(first).timestamp()).await;
    }
    let mut openings = Vec::with_capacity(members.len());
    for (member, intake) in members.iter().zip(&mut intakes) {
        let history = past(config, source, intake, first).await?;
        let mut recorded = queries(member);
        if let Some(query) = &args.weight_query {
            recorded.push(Query::new("", "weight", query));
        }
        let (policy, roster) = (config.policy.clone(), intake.roster().clone());
        openings.push(Opening { previous: None, policy, queries: recorded, roster, history });
    }
    let book = Book::open(previous, openings, config.groups.as_ref(), args.record.clone(), args.quiet)?;
    Ok((intakes, book, stop))
}

/// The past up to the first block that is judged.
async fn past(
    config: &Config,
    source: &Prometheus,
    intake: &mut Intake,
    first: Moment,
) -> Result<Vec<serin_gate::Block>> {
    let lag = SignedDuration::from_secs(config.queries.lag.into());
    let mut history = Vec::new();
    while intake.next() < first {
        let before = intake.next();
        // No block is sealed that ends after `first`.
        history.extend(ask(intake, source, (first.timestamp() + lag).into(), &Stage::default()).await?);
        ensure!(before < intake.next(), "the past ends at {before}, and the release begins at {first}");
    }
    Ok(without_joined(history))
}

/// What one member was seen to count is misspelt for none.
fn tell(intakes: &mut [Intake], seen: &[usize]) {
    for intake in intakes {
        for metric in seen {
            intake.was_seen(*metric);
        }
    }
}

/// Block after block until a verdict, the deadline or the end of what is asked for.
async fn go_on(
    args: &RunArgs,
    config: &Config,
    source: &Prometheus,
    intakes: &mut [Intake],
    book: &mut Book,
    stop: Timestamp,
) -> Result<()> {
    let length = SignedDuration::from_secs(config.policy.block.into());
    let lag = SignedDuration::from_secs(config.queries.lag.into());
    let mut latest = None;
    loop {
        let start = intakes.first().context("a gate has an intake")?.next().timestamp();
        let end = start + length;
        if args.follow {
            wait_until(config.queries.due(end.into()).timestamp()).await;
        } else if stop < end {
            return Ok(());
        }
        // One block at a time, as of its own moment also when many are due: each may be of another step.
        let stage = match (stage(args, config, source, start, end).await, latest) {
            (Ok(stage), _) => stage,
            // It worked before, so it is the source that fails and not the query: the release stays where it was, and of the
            // router nothing is known.
            (Err(error), Some(known)) => {
                out::complain(format_args!("{start}: {error:#}"));
                Stage { step: known, ..Stage::default() }
            }
            (Err(error), None) => return Err(error),
        };
        latest = Some(stage.step);
        let mut blocks = Vec::with_capacity(intakes.len());
        for intake in intakes.iter_mut() {
            blocks.extend(ask(intake, source, (end + lag).into(), &stage).await?);
        }
        let seen: Vec<usize> = intakes.iter().flat_map(Intake::seen).collect();
        tell(intakes, &seen);
        if book.look(&blocks)? == Next::Decided {
            return Ok(());
        }
        if args.follow {
            book.save_when_due()?;
        }
    }
}

/// Asks for everything that can be sealed at `now`, or an hour of it, and seals it.
async fn ask(
    intake: &mut Intake,
    source: &Prometheus,
    now: Moment,
    stage: &Stage,
) -> Result<Vec<serin_gate::Block>> {
    let questions = intake.questions(now)?;
    // What was not asked for has not come.
    let now = questions.iter().map(|question| question.at).min().unwrap_or(now);
    for question in questions {
        let before = Timestamp::now();
        match answered(source, &question).await {
            Ok((series, date)) => {
                intake.take(&question, series)?;
                if let Some(date) = date {
                    intake.clocks(date.into(), before.into());
                }
            }
            Err(error) => intake.failed(&question, &format!("{error:#}")),
        }
    }
    Ok(intake.seal(now, stage)?)
}

async fn answered(
    source: &Prometheus,
    question: &Question,
) -> Result<(Vec<serin_gate::intake::Series>, Option<Timestamp>)> {
    let answer = source.query(&question.query, question.at.timestamp()).await?;
    Ok((series(&answer.body)?, answer.date))
}

/// The metrics whose events were ever seen, in any member: they are no misspelt query.
async fn ever_seen(intake: Intake, source: &Prometheus, now: Moment) -> Result<Vec<usize>> {
    let mut seen = intake.seen();
    for question in intake.ever_questions(now) {
        let asked = || question.query.clone();
        let answer = source.query(&question.query, question.at.timestamp()).await.with_context(asked)?;
        seen.extend(question.metric.filter(|_| any(&answer.body).unwrap_or(false)));
    }
    Ok(seen)
}

/// Completes the policy from the past: edges of histograms and offsets of levels.
async fn complete(
    config: &mut Config,
    source: &Prometheus,
    begin: Timestamp,
    start: Timestamp,
) -> Result<()> {
    let span = SignedDuration::from_secs(config.queries.lag.into());
    let asking = config.intake((start - span).into())?;
    let window = (start.as_second() - begin.as_second()).max(1);
    for question in asking.questions(start.into())? {
        let Some(place) = question.metric else { continue };
        let Some((selector, _)) = question.query.rsplit_once('[') else { continue };
        let query = format!("{selector}[{window}s]");
        let metric = &mut config.policy.metrics[place];
        if matches!(metric.kind, serin_gate::policy::Kind::Count) {
            continue;
        }
        let answer = source.query(&query, start).await.with_context(|| query.clone())?;
        let found = series(&answer.body).with_context(|| query.clone())?;
        freeze(metric, &config.queries.metrics[place], &config.queries.arms, &found)?;
    }
    Ok(())
}

/// At which step the release was in a block. One in which the share changed belongs to the lower step, and says nothing of
/// the router.
async fn stage(
    args: &RunArgs,
    config: &Config,
    source: &Prometheus,
    start: Timestamp,
    end: Timestamp,
) -> Result<Stage> {
    let steps = &config.policy.steps;
    let given = args.step.unwrap_or(1) - 1;
    ensure!((given as usize) < steps.len(), "--step {}: gate.yaml has {} steps", given + 1, steps.len());
    let Some(query) = &args.weight_query else {
        return Ok(Stage { step: given, ..Stage::default() });
    };
    let at_end = share_at(query, source, end - SignedDuration::from_millis(1)).await?;
    // At the start of the first block there may be no share yet.
    let at_start = share_at(query, source, start).await.ok();
    let step = step_of(steps, at_start.unwrap_or(at_end).min(at_end));
    Ok(Stage { step, weight: at_start.filter(|share| *share == at_end), health: None })
}

async fn share_at(query: &str, source: &Prometheus, at: Timestamp) -> Result<u32> {
    let answer = source.query(query, at).await.context("--weight-query")?;
    share(&answer.body).with_context(|| format!("--weight-query {query}"))
}

/// The one number of an answer, a share from 0 to 1, in parts of 10,000.
fn share(body: &[u8]) -> Result<u32> {
    let value: serde_json::Value = serde_json::from_slice(body)?;
    let result = &value["data"]["result"];
    let one = match result.as_array().map(Vec::as_slice) {
        Some([one]) if one["value"].is_array() => &one["value"][1],
        Some([_, one]) => one,
        Some(many) => anyhow::bail!("{} values came, and one is needed: sum() them", many.len()),
        None => anyhow::bail!("it has no result"),
    };
    let share: f64 = one.as_str().context("its value is no number")?.parse()?;
    ensure!((0.0..=1.0).contains(&share), "{share} is no share from 0 to 1");
    Ok((share * WHOLE).round() as u32)
}

async fn wait_until(due: Timestamp) {
    let wait = Duration::try_from(due.duration_since(Timestamp::now())).unwrap_or_default();
    tokio::time::sleep(wait).await;
}

/// The pods of the past are all known before the first block that is judged.
fn without_joined(mut blocks: Vec<serin_gate::Block>) -> Vec<serin_gate::Block> {
    for block in &mut blocks {
        block.joined.clear();
    }
    blocks
}
