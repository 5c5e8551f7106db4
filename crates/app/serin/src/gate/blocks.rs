//! Blocks of the past: from a Prometheus, span by span, or from a file of counts.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use jiff::{SignedDuration, Timestamp};
use serin_gate::config::Config;
use serin_gate::intake::{Intake, Question, Series, Stage, any, freeze, series};
use serin_gate::policy::Kind;
use serin_gate::{Block, Roster, Seen};
use serin_sources::Prometheus;

use super::{files, run};
use crate::progress::Progress;

/// Questions under way at once: enough to hide the distance, few enough for a Prometheus that others need too.
const QUESTIONS: usize = 4;
/// Cells that are held: some gigabytes.
const CELLS_MAX: usize = 30_000_000;
/// The longest past, which is also what a block may be away from another in a file.
const LONGEST: SignedDuration = SignedDuration::from_hours(31 * 24);

/// Blocks in order, and every pod in them.
pub(super) struct Blocks {
    pub(super) roster: Roster,
    pub(super) blocks: Vec<Block>,
}

/// Everything between `from` and `until`. Edges of histograms and offsets of levels that the configuration leaves open are
/// chosen from the first `history` of it.
pub(super) async fn fetch(
    config: &mut Config,
    source: &Prometheus,
    from: Timestamp,
    until: Timestamp,
) -> Result<Blocks> {
    let span = until.duration_since(from);
    ensure!(
        SignedDuration::ZERO < span,
        "the past from {from} to {until} has no length: give the earlier time first"
    );
    ensure!(
        span <= LONGEST,
        "the past from {from} to {until} is longer than 31 days: take a shorter one, the latest days say most"
    );
    let now = Timestamp::now();
    ensure!(from < now, "the past from {from} on lies in the future: it is {now}");
    complete(config, source, from, until).await?;
    let mut intake = config.intake(from.into())?;
    for question in intake.ever_questions(until.into()) {
        let answer = source.query(&question.query, question.at.timestamp()).await;
        let answer = answer.with_context(|| question.query.clone())?;
        if let (true, Some(metric)) =
            (any(&answer.body).with_context(|| question.query.clone())?, question.metric)
        {
            intake.was_seen(metric);
        }
    }
    let lag = SignedDuration::from_secs(config.queries.lag.into());
    // What is past has arrived and has its outcomes, unless it is very recent.
    let until = until.min(now - lag - SignedDuration::from_secs(config.queries.maturity().into()));
    let (mut blocks, mut cells) = (Vec::new(), 0);
    let (length, whole) = (i64::from(config.policy.block), span.as_secs() / i64::from(config.policy.block));
    let mut progress = Progress::new("blocks read from Prometheus");
    while intake.next().timestamp() + SignedDuration::from_secs(length) <= until {
        let before = intake.next();
        let new = next_span(&mut intake, source, until + lag).await?;
        ensure!(
            before < intake.next(),
            "lag is {}s, and with it nothing of an hour can be sealed: write a shorter one",
            config.queries.lag
        );
        cells += new.iter().map(held).sum::<usize>();
        ensure!(
            cells <= CELLS_MAX,
            "the past has more than {CELLS_MAX} counts (pods × metrics × blocks), and they are held in memory: take a shorter \
             past, or a longer block in gate.yaml"
        );
        blocks.extend(new);
        progress.tell(blocks.len(), usize::try_from(whole).unwrap_or(0));
    }
    progress.end();
    Ok(Blocks { roster: intake.roster().clone(), blocks })
}

/// Asks for the next hour, or what there is of it, and seals it.
async fn next_span(intake: &mut Intake, source: &Prometheus, now: Timestamp) -> Result<Vec<Block>> {
    let questions = intake.questions(now.into())?;
    let at = questions.first().context("no metric has a query")?.at;
    let mut answers =
        stream::iter(questions.iter().map(|question| answered(source, question))).buffered(QUESTIONS);
    let mut all = Vec::with_capacity(questions.len());
    while let Some(series) = answers.try_next().await? {
        all.push(series);
    }
    drop(answers);
    for (question, series) in questions.iter().zip(all) {
        intake.take(question, series)?;
    }
    Ok(intake.seal(at, &Stage::default())?)
}

async fn answered(source: &Prometheus, question: &Question) -> Result<Vec<Series>> {
    let place = || question.query.clone();
    let answer = source.query(&question.query, question.at.timestamp()).await.with_context(place)?;
    series(&answer.body).with_context(place)
}

fn held(block: &Block) -> usize {
    let cells = |seen: &Seen| if let Seen::Cells(cells) = seen { cells.len() } else { 0 };
    block.metrics.iter().map(cells).sum()
}

/// Chooses what the configuration leaves open, from raw samples.
async fn complete(config: &mut Config, source: &Prometheus, from: Timestamp, until: Timestamp) -> Result<()> {
    let history = SignedDuration::from_secs(config.queries.history.into());
    let asking = config.intake(from.into())?;
    for question in asking.questions(until.min(from + history).into())? {
        let Some(place) = question.metric else { continue };
        if matches!(config.policy.metrics[place].kind, Kind::Count) {
            continue;
        }
        let found = answered(source, &question).await?;
        let (metric, query) = (&mut config.policy.metrics[place], &config.queries.metrics[place]);
        freeze(metric, query, &config.queries.arms, &found)?;
    }
    Ok(())
}

/// All of a file of counts: CSV, or lines of JSON.
pub(super) fn read(config: &mut Config, path: &Path) -> Result<Blocks> {
    let rows = run::counts(path)?;
    let name = || files::name(path);
    let thresholds = run::thresholds(config);
    rows.freeze(&mut config.policy, &thresholds).with_context(name)?;
    let (roster, blocks) = rows.blocks(&config.policy).with_context(name)?;
    Ok(Blocks { roster, blocks })
}
