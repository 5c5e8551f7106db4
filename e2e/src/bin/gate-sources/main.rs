//! What the gate reads from a real Prometheus, held against an exporter that knows what it showed. usage: gate-sources FOLDER PORT
//! env `SERIN_BIN`, whose `gate lint` is asked about the same metrics
//!
//! Each scrape of a pod counts seven requests, one of them an error, and six durations. So every block must hold seven
//! times as many requests as errors, in whole numbers, whatever the scrapes were: an extrapolated or half-counted one
//! would not. One pod begins anew; the errors of another appear late; two pods are scraped as text and two as protobuf,
//! with native histograms of two schemas.

mod exporter;

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use jiff::Timestamp;
use serin_e2e::prometheus::Running;
use serin_gate::block::{Block, Cell, Roster, Seen, Value};
use serin_gate::config::{Config, Overrides};
use serin_gate::intake::{Intake, Stage, any, freeze, series};
use serin_gate::policy::Kind;
use serin_sources::{Access, Limits, Prometheus};

/// Blocks that must be whole, and how long that may take on a busy machine.
const BLOCKS: usize = 8;
const PATIENCE: Duration = Duration::from_mins(2);

const CONFIG: &str = r#"
scrapeInterval: 1s
block: 2s
lag: 2s
warmUp: 0s
arms: {stable: {track: stable}, canary: {track: canary}}
metrics:
- {name: errors, events: 'shop_requests_total{code="500"}', exposure: shop_requests_total}
- {name: classic, histogram: shop_classic_seconds, edges: [0.25, 1]}
- {name: native, histogram: shop_native_seconds}
- {name: level, gauge: shop_level}
"#;

#[tokio::main]
async fn main() -> Result<()> {
    let mut words = std::env::args().skip(1);
    let (Some(folder), Some(port)) = (words.next(), words.next()) else {
        bail!("usage: gate-sources FOLDER PORT")
    };
    let pods = exporter::serve().await?;
    let folder = Path::new(&folder);
    let _running = prometheus(folder, &port, &pods)?;
    let source = Prometheus::new(&format!("http://127.0.0.1:{port}"), &Access::default(), Limits::default())?;
    let mut config = Config::read(CONFIG, &Overrides::default())?;
    tokio::time::timeout(PATIENCE, wait(&source)).await.context("no samples in time")??;
    learn(&source, &mut config).await?;
    let from = Timestamp::now();
    let intake = config.intake(from.into())?;
    let (roster, blocks) =
        tokio::time::timeout(PATIENCE, follow(&source, intake)).await.context("no blocks in time")??;
    judge(&roster, &blocks)?;
    lint(folder, &port)?;
    println!("gate-sources: {} blocks of {} pods are what was shown", blocks.len(), roster.pods.len());
    Ok(())
}

/// `serin gate lint` finds nothing but the one stable pod that has a native histogram, and what is misspelt.
fn lint(folder: &Path, port: &str) -> Result<()> {
    let serin = std::env::var("SERIN_BIN").context("SERIN_BIN names the program under test")?;
    let url = format!("http://127.0.0.1:{port}");
    for (name, text, wanted) in [
        ("gate.yaml", CONFIG.to_owned(), &["native one-pod"][..]),
        (
            "other.yaml",
            CONFIG
                .replace("shop_requests_total,", "shop_request_total,")
                .replace("scrapeInterval: 1s", "scrapeInterval: 2s")
                .replace("shop_requests_total}", "shop_requests_totals}"),
            &["absent-series", "scrape-interval"],
        ),
        (
            "level.yaml",
            CONFIG.replace("gauge: shop_level", "gauge: shop_requests_total"),
            &["counter-as-gauge"],
        ),
    ] {
        let path = folder.join(name);
        std::fs::write(&path, text)?;
        let output = Command::new(&serin)
            .args(["gate", "lint", "-o", "json", "--prometheus", &url, "-c"])
            .arg(&path)
            .output()
            .with_context(|| serin.clone())?;
        ensure!(output.status.code() == Some(1), "{name}: {output:?}");
        let found: Vec<serde_json::Value> = serde_json::from_slice(&output.stdout)?;
        let words: Vec<String> =
            found.iter().map(|one| format!("{} {}", one["metric"], one["rule"]).replace('"', "")).collect();
        for word in wanted {
            ensure!(words.iter().any(|have| have.ends_with(word)), "{name}: no {word} among {words:?}");
        }
        ensure!(name != "gate.yaml" || words == ["native one-pod"], "{words:?}");
    }
    Ok(())
}

fn prometheus(folder: &Path, port: &str, pods: &str) -> Result<Running> {
    let job = |pod: &str| {
        let track = if pod.starts_with('c') { "canary" } else { "stable" };
        format!(
            "  - {{job_name: {pod}, metrics_path: /{pod}, static_configs: [{{targets: [\"{pods}\"], labels: {{pod: {pod}, \
             track: {track}}}}}]}}\n"
        )
    };
    let jobs: String = exporter::PODS.iter().map(|(pod, ..)| job(pod)).collect();
    let text = format!("global: {{scrape_interval: 1s, scrape_timeout: 1s}}\nscrape_configs:\n{jobs}");
    serin_e2e::prometheus::start(folder, port, &text, &["--enable-feature=native-histograms"])
}

/// Waits until every pod was scraped a few times.
async fn wait(source: &Prometheus) -> Result<()> {
    loop {
        if let Ok(answer) = source.query("shop_level[30s]", Timestamp::now()).await {
            let have = series(&answer.body)?;
            if have.len() == exporter::PODS.len() && have.iter().all(|one| 4 <= one.samples.len()) {
                return Ok(());
            }
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Chooses edges from what is there, as before a rollout.
async fn learn(source: &Prometheus, config: &mut Config) -> Result<()> {
    let answer = source.query("shop_native_seconds[60s]", Timestamp::now()).await?;
    let date = answer.date.context("Prometheus does not tell its time")?;
    ensure!(date.duration_since(Timestamp::now()).as_secs().abs() < 5, "its clock says {date}");
    let history = series(&answer.body)?;
    ensure!(history.iter().all(|one| !one.histograms.is_empty()), "no native histograms: {history:?}");
    let arms = config.queries.arms.clone();
    for (metric, query) in config.policy.metrics.iter_mut().zip(&config.queries.metrics).skip(2).take(1) {
        freeze(metric, query, &arms, &history)?;
        let Kind::Latency { edges, .. } = &mut metric.kind else { bail!("{metric:?}") };
        // The stable pods' schema is 0: powers of two.
        ensure!(edges.iter().all(|edge| edge.log2().fract() == 0.0), "edges {edges:?}");
        ensure!(edges.contains(&0.5) && edges.contains(&2.0), "edges {edges:?}");
        *edges = vec![0.5, 2.0];
    }
    Ok(())
}

async fn follow(source: &Prometheus, mut intake: Intake) -> Result<(Roster, Vec<Block>)> {
    for question in intake.ever_questions(Timestamp::now().into()) {
        let was_seen = any(&source.query(&question.query, question.at.timestamp()).await?.body)?;
        ensure!(was_seen, "{} gives nothing", question.query);
    }
    ensure!(!any(&source.query("count(last_over_time(misspelt[14d]))", Timestamp::now()).await?.body)?);
    let mut blocks = Vec::new();
    while blocks.len() < BLOCKS {
        let now = Timestamp::now();
        for question in intake.questions(now.into())? {
            let answer = source.query(&question.query, question.at.timestamp()).await?;
            if let Some(date) = answer.date {
                intake.clocks(date.into(), Timestamp::now().into());
            }
            intake.take(&question, series(&answer.body)?)?;
        }
        blocks.extend(intake.seal(now.into(), &Stage::default())?);
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    Ok((intake.roster().clone(), blocks))
}

/// Every block holds whole scrapes, and all of them hold all scrapes.
fn judge(roster: &Roster, blocks: &[Block]) -> Result<()> {
    ensure!(roster.pods.len() == exporter::PODS.len(), "{roster:?}");
    let cells = |metric: usize| {
        blocks.iter().map(move |block| match &block.metrics[metric] {
            Seen::Cells(cells) => Ok((block, cells)),
            Seen::Trouble(trouble) => bail!("{}: {trouble:?}", block.start),
        })
    };
    let (mut resets, mut shows_errors) = (0, false);
    let mut scrapes = vec![0; roster.pods.len()];
    for row in cells(0) {
        let (block, row) = row?;
        for Cell { pod, value, flags } in row {
            let Value::Count { x, n } = value else { bail!("{value:?}") };
            let is_late = roster.pods[*pod as usize].name == exporter::LATE;
            let is_whole = n % 7 == 0 && (*x == n / 7 || (is_late && !shows_errors));
            ensure!(is_whole, "{}: pod {pod} has {x} of {n}, {flags:?}", block.start);
            // Once they are there, they are complete: the block in which they appear may hold a scrape without.
            shows_errors |= is_late && 0 < *x;
            scrapes[*pod as usize] += n / 7;
            resets += flags.resets;
        }
    }
    // Two scrapes for each block, and one more or less where the first and the last lie.
    let whole = 2 * blocks.len() as u64;
    ensure!(scrapes.iter().all(|count| (whole - 2..=whole + 2).contains(count)), "{scrapes:?} of {whole}");
    ensure!(shows_errors, "no late errors");
    ensure!(resets == 1, "{resets} resets");
    for metric in [1, 2] {
        let mut all = 0;
        for row in cells(metric) {
            let (block, row) = row?;
            for Cell { pod, value, flags } in row {
                let Value::Latency { n, above } = value else { bail!("{value:?}") };
                let is_whole = n % 6 == 0 && *above == [n / 2, n / 6];
                ensure!(is_whole, "{}: metric {metric}, pod {pod}: {above:?} of {n}, {flags:?}", block.start);
                all += n / 6;
            }
        }
        ensure!(0 < all, "metric {metric} is empty");
    }
    for row in cells(3) {
        for Cell { value, .. } in row?.1 {
            ensure!(matches!(value, Value::Gauge { micro: 2_500_000, samples } if 0 < *samples), "{value:?}");
        }
    }
    Ok(())
}
