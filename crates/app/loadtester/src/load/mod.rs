//! Load of our own: requests at a rate that does not depend on how fast they are answered.
//!
//! Property: arrivals are an open loop. Each request has a moment at which it is due, and its latency counts from that moment,
//! whether it could be sent then or not: a server that stands still for a second makes a second's requests late, not one.
//! Requests that could not be sent at all are told, and count with the time that they have waited.
//!
//! Mechanics: `plan` reads the metadata; `fetch` and `scenario` bring what shall be sent; `top_up` decides the rate;
//! `generate` sends; `histogram` and `outcome` keep what came of it.

mod fetch;
mod generate;
mod histogram;
mod ledger;
mod outcome;
mod plan;
mod scenario;
mod template;
mod top_up;

use tokio::sync::watch;

use crate::tester::Shared;

pub(crate) use ledger::Ledger;
pub(crate) use outcome::Outcome;
pub(crate) use plan::Plan;

/// Makes the load of a plan.
pub(crate) async fn run(shared: &Shared, canary: &str, plan: &Plan) -> Result<Outcome, String> {
    let log = |text: String| shared.log.info(Some(canary), &text);
    let failed = |error: String| {
        shared.log.error(Some(canary), &format!("load failed {}: {error}", plan.what()));
        error
    };
    let prepared = prepare(shared, plan);
    let scenario = tokio::select! {
        prepared = prepared => prepared.map_err(failed)?,
        () = shared.stop.cancelled() => return Err("the load tester stops".to_owned()),
    };
    let ledger = ledger::of(&shared.ledgers, &format!("{canary} {}", plan.url));
    let (set, rate) = watch::channel(plan.rate.fixed().unwrap_or(0.0));
    let load = generate::run(plan, &scenario, rate, &ledger, &shared.stop);
    let outcome = match plan.rate.top_up() {
        None => load.await,
        Some(top_up) => {
            let present = top_up::present(top_up, &ledger).await.map_err(failed)?;
            if present.is_none() {
                let why = top_up::NO_NUMBER;
                shared.log.warn(Some(canary), &format!("load takes it that nobody makes requests: {why}"));
            }
            let present = present.unwrap_or(0.0);
            log(format!("load tops up {canary} from {present:.1} to {} requests per second", top_up.target));
            set.send_replace(top_up.missing(present));
            // The rate is kept as it is while it cannot be read.
            let following = top_up::follow(top_up, &ledger, &set, |why| {
                shared.log.warn(Some(canary), &format!("load keeps its rate: {why}"));
            });
            tokio::select! {
                outcome = load => outcome,
                never = following => match never {},
            }
        }
    };
    for (name, count) in outcome.counts() {
        shared.reports.requests(name, count);
    }
    if shared.stop.is_cancelled() && outcome.statuses.is_empty() {
        return Err(failed("the load tester stops, and nothing was answered".to_owned()));
    }
    log(format!("load finished {}: {}", plan.what(), outcome.line()));
    Ok(outcome)
}

async fn prepare(shared: &Shared, plan: &Plan) -> Result<scenario::Scenario, String> {
    let fetcher = fetch::Fetcher { path: shared.settings.path.as_deref(), stop: &shared.stop };
    let steps = match &plan.scenario {
        Some(source) => {
            let bytes = fetcher.fetch(source).await.map_err(|why| format!("scenario: {why}"))?;
            Some(scenario::steps(&bytes).map_err(|why| format!("scenario: {why}"))?)
        }
        None => None,
    };
    let rows = match &plan.data {
        Some(source) => {
            let bytes = fetcher.fetch(source).await.map_err(|why| format!("data: {why}"))?;
            scenario::rows(&bytes).map_err(|why| format!("data: {why}"))?
        }
        None => scenario::Rows::default(),
    };
    scenario::Scenario::new(plan, steps, rows)
}
