//! What Canaries measure, on a real Prometheus: every query that is built in, for every provider, and queries of templates.
//! usage: canary-metrics FOLDER PORT
//!
//! Held, by the code that plans for Canaries and no other: a query parses and evaluates; its value is the canary's alone and is
//! the one that was shown; a canary that fails every request succeeds in 0 %; where there are no series there are no values,
//! and the reason that is told is the one.

mod series;

use std::{collections::BTreeMap, path::Path, time::Duration};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::json;
use serin_api::{flagger::Canary, lenient};
use serin_calls::{Caller as _, Http, Limits};
use serin_e2e::prometheus;
use serin_kernel::{Answer, Moment, Question};
use serin_metrics::{
    Sample,
    builtin::{self, Builtin, Source},
    explain,
    names::Names,
    provider::{self, Inquiry, Place, Step, prometheus_at},
};

use series::{DURATION, FAILING, FAMILIES, NAMESPACE, QUIET, RATE};

/// The span of the queries: several scrapes.
const INTERVAL: &str = "10s";
/// How long the first scrapes may take on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// A Prometheus, and who calls it.
struct Server {
    http: Http,
    address: String,
}

impl Server {
    /// Goes from step to step until `next` is done.
    async fn talk<T, E>(
        &self,
        query: &str,
        next: impl Fn(&Inquiry<'_>, &[Answer]) -> Result<Step<T>, E>,
    ) -> Result<Result<T, E>> {
        let (provider, place) = (prometheus_at(&self.address), Place::default());
        let mut answers = Vec::new();
        loop {
            let now = Moment::from(jiff::Timestamp::now());
            let inquiry = Inquiry {
                provider: &provider,
                secret: None,
                place: &place,
                asker: "test/podinfo/m",
                query,
                interval: INTERVAL,
                now,
            };
            match next(&inquiry, &answers) {
                Ok(Step::Done(done)) => return Ok(Ok(done)),
                Err(error) => return Ok(Err(error)),
                Ok(Step::Ask(Question::Call(call))) => {
                    answers.push(self.http.call(call).await.map_or_else(Answer::Failed, Answer::Reply));
                }
                Ok(Step::Ask(other) | Step::Share(other)) => bail!("{other:?}"),
            }
        }
    }

    async fn measure(&self, query: &str) -> Result<Sample> {
        self.talk(query, provider::measure).await?.with_context(|| query.to_owned())
    }

    /// Why a query has no values.
    async fn why(&self, query: &str) -> Result<String> {
        let sample = self.measure(query).await?;
        ensure!(matches!(sample, Sample::NoValues(_)), "{query} is {sample:?}");
        let next = |inquiry: &Inquiry<'_>, answers: &[Answer]| {
            Ok::<_, anyhow::Error>(explain::explain(inquiry, answers))
        };
        self.talk(query, next).await??.with_context(|| format!("no explanation of {query}"))
    }

    /// A metric that is known by its name, as a Canary's check takes it.
    async fn builtin(&self, builtin: Builtin, source: &Source, names: &Names) -> Result<Sample> {
        let query = source.query(builtin, names);
        let mut sample = self.measure(&query.text).await?;
        if let (Sample::NoValues(_), Some(total)) = (&sample, &query.total) {
            sample = builtin::of_total(&self.measure(total).await?);
        }
        Ok(source.in_unit(builtin, sample))
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let mut words = std::env::args().skip(1);
    let (Some(folder), Some(port)) = (words.next(), words.next()) else {
        bail!("usage: canary-metrics FOLDER PORT")
    };
    let proxies = series::serve().await?;
    let config = format!(
        "global: {{scrape_interval: 1s, scrape_timeout: 1s}}\nscrape_configs:\n- {{job_name: proxies, static_configs: \
         [{{targets: [\"{proxies}\"]}}]}}\n"
    );
    let _running = prometheus::start(Path::new(&folder), &port, &config, &[])?;
    let server = Server { http: Http::new(Limits::default()), address: format!("http://127.0.0.1:{port}") };
    tokio::time::timeout(PATIENCE, scraped(&server)).await.context("no scrapes in time")?;
    let mut providers = 0;
    for family in &FAMILIES {
        for provider in family.providers {
            check(&server, provider, family.requests).await.with_context(|| (*provider).to_owned())?;
            providers += 1;
        }
    }
    templates(&server).await.context("templates")?;
    println!("canary-metrics: {providers} providers measure what was shown, and say why where nothing was");
    Ok(())
}

/// Waits until everything was scraped a few times.
async fn scraped(server: &Server) {
    loop {
        let count = server.measure("min(count_over_time(istio_requests_total[10s]))").await;
        if matches!(count, Ok(Sample::Value(count)) if 4.0 <= count) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// The Canary that the series are of.
fn canary(provider: &str, namespace: &str) -> Canary {
    let target = if provider == "knative" {
        json!({"apiVersion": "serving.knative.dev/v1", "kind": "Service", "name": "podinfo"})
    } else {
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "podinfo"})
    };
    let canary = json!({
        "metadata": {"name": "podinfo", "namespace": namespace},
        "spec": {
            "provider": provider, "targetRef": target, "service": {"name": "web", "port": 80},
            "ingressRef": {"name": "edge"}, "routeRef": {"name": "r"},
        },
    });
    lenient::<Canary>(canary).value
}

async fn check(server: &Server, provider: &str, requests: &str) -> Result<()> {
    let of = |namespace: &str| {
        let canary = canary(provider, namespace);
        let names = Names::of(&canary, Some("podinfo-00002")).within(INTERVAL, &BTreeMap::new());
        (Source::of(&canary, "istio"), names)
    };
    let near = |sample: &Sample, wanted: f64| matches!(sample, Sample::Value(value) if (value / wanted - 1.0).abs() < 1e-9);
    let (source, names) = of(NAMESPACE);
    let rate = server.builtin(Builtin::SuccessRate, &source, &names).await?;
    ensure!(near(&rate, RATE), "request-success-rate is {rate:?}, not {RATE}");
    let duration = server.builtin(Builtin::Duration, &source, &names).await?;
    ensure!(near(&duration, DURATION), "request-duration is {duration:?}, not {DURATION}");
    let (source, names) = of(FAILING);
    let rate = server.builtin(Builtin::SuccessRate, &source, &names).await?;
    ensure!(rate == Sample::Value(0.0), "a canary that fails every request has the rate {rate:?}");
    let (source, names) = of(QUIET);
    for builtin in [Builtin::SuccessRate, Builtin::Duration] {
        let sample = server.builtin(builtin, &source, &names).await?;
        ensure!(matches!(sample, Sample::NoValues(_)), "without series {builtin:?} is {sample:?}");
        let why = server.why(&source.query(builtin, &names).text).await?;
        println!("{provider}: {builtin:?}: {why}");
        // The nearest series are those of the other namespaces.
        ensure!([NAMESPACE, FAILING].iter().any(|namespace| why.contains(namespace)), "{why}");
        ensure!(builtin == Builtin::Duration || why.contains(requests), "{why}");
    }
    Ok(())
}

/// Queries of people, and what is wrong with them.
async fn templates(server: &Server) -> Result<()> {
    let variables = BTreeMap::from([("code".to_owned(), "5.*".to_owned())]);
    let names = Names::of(&canary("istio", NAMESPACE), None).within(INTERVAL, &variables);
    let query = names.render(
        "100 - sum(\n  rate(\n    istio_requests_total{\n      reporter=\"destination\",\n      destination_workload_namespace=\"{{ namespace }}\",\n      \
         destination_workload=~\"{{ target }}\",\n      response_code!~\"{{ variables.code }}\"\n    }[{{ interval }}]\n  )\n)\n/\nsum(\n  \
         rate(\n    istio_requests_total{\n      reporter=\"destination\",\n      destination_workload_namespace=\"{{ namespace }}\",\n      \
         destination_workload=~\"{{ target }}\"\n    }[{{ interval }}]\n  )\n) * 100",
    )?;
    let sample = server.measure(&query).await?;
    ensure!(matches!(sample, Sample::Value(value) if (value - (100.0 - RATE)).abs() < 1e-9), "{sample:?}");
    let selected = |metric: &str, workload: &str, span: &str| {
        format!(
            "histogram_quantile(0.99, sum(rate({metric}{{reporter=\"destination\", \
             destination_workload_namespace=\"{NAMESPACE}\", {workload}}}[{span}])) by (le))"
        )
    };
    let metric = "istio_request_duration_milliseconds_bucket";
    for (query, wanted) in [
        (
            selected("istio_request_duration_seconds_bucket", "destination_workload=~\"podinfo\"", INTERVAL),
            "istio_request_duration_milliseconds_bucket",
        ),
        (
            selected(metric, "destination_service_name=~\"podinfo\"", INTERVAL),
            "have no label destination_service_name, where destination_service_name=~\"podinfo\" is asked for; they have \
             destination_workload=\"podinfo\"",
        ),
        (
            selected(metric, "destination_workload=~\"web\"", INTERVAL),
            "would match but for destination_workload=~\"web\": there, destination_workload is \"podinfo\" or \"podinfo-primary\"",
        ),
        (
            selected(metric, "destination_workload=~\"podinfo\"", "500ms"),
            "no value over 500ms: a window needs two scrapes of one series",
        ),
        (
            "sum(rate(shop_orders_total[1m]))".to_owned(),
            "there is no metric shop_orders_total, and none with a name like it",
        ),
    ] {
        let why = server.why(&query).await?;
        println!("template: {why}");
        ensure!(why.contains(wanted), "{query}: {why}");
    }
    let wrong =
        server.talk("sum(rate(", provider::measure).await?.err().context("a broken query has a value")?;
    ensure!(wrong.to_string().contains("Status 400 Bad Request"), "{wrong}");
    let several = server.talk("istio_requests_total", provider::measure).await?.err();
    ensure!(several.is_some_and(|error| error.to_string().contains("series: istio_requests_total{")));
    Ok(())
}
