//! The story: one application in three namespaces, a new version of each, and how far each gets.

use std::{fmt::Write as _, time::Duration};

use anyhow::{Context, bail};
use serde_json::json;
use serin_api::kinds::DEPLOYMENT;
use serin_cluster::direct::{Change, Direct};
use serin_report::{
    live::{Requests, bars},
    paint::{Hue, Paint, icon},
};
use tokio::time::{Instant, timeout};

use super::{
    act::{ACTS, APP, Act, INTERVAL_SECONDS},
    stand_ins::{Lines, StandIns},
    told::Told,
    watcher::Watcher,
};
use crate::demo::{
    client::{SteadyClient, reached},
    cluster::Cluster,
    screen::Paper,
    story::{NAMESPACE, this_program},
};
use crate::out;

/// Requests per second to each application: enough to count a weight within one interval.
const RATE: u32 = 20;
/// The applications are initialized by then, or never.
const START_MAX: Duration = Duration::from_mins(1);
/// How long the old version serves alone, and how long the end is looked at.
const LOOK: Duration = Duration::from_secs(3);
/// The longest release has eight looks after its first; one that takes this long hangs.
const RELEASES_MAX: Duration = Duration::from_secs(15 * INTERVAL_SECONDS as u64);

/// A story on its way.
pub(super) struct Story<'a> {
    cluster: &'a Cluster,
    stand_ins: &'a StandIns,
    api: Direct,
    watcher: Watcher,
    paper: Paper,
    clients: Vec<SteadyClient>,
    /// What has happened.
    pub(super) told: Told,
    news: Vec<String>,
    /// Lines of the chat and of the load tester that were shown.
    shown: [usize; 2],
    /// Whether it goes on after the releases, until somebody ends it.
    lasts: bool,
    /// Whether the releases are over.
    pub(super) has_ended: bool,
}

impl<'a> Story<'a> {
    /// A story that ends by itself if that is wanted, or if nobody looks on.
    pub(super) fn new(cluster: &'a Cluster, stand_ins: &'a StandIns, auto: bool) -> Self {
        let paper = Paper::new();
        Self {
            lasts: paper.is_terminal() && !auto,
            has_ended: false,
            cluster,
            stand_ins,
            api: Direct::new(cluster.client()),
            watcher: Watcher::new(cluster.client()),
            paper,
            clients: Vec::new(),
            told: Told::default(),
            news: Vec::new(),
            shown: [0; 2],
        }
    }

    /// Tells it to its end, if it has one.
    pub(super) async fn tell_all(&mut self) -> anyhow::Result<()> {
        self.begin().await?;
        self.release().await?;
        if self.lasts { self.go_on().await } else { Ok(()) }
    }

    /// Applies the applications, waits until each has its primary, and sends users there.
    pub(super) async fn begin(&mut self) -> anyhow::Result<()> {
        self.introduce()?;
        for act in &ACTS {
            let namespace =
                json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": act.namespace}});
            self.api.create(NAMESPACE, "", &namespace).await?;
            for (kind, object) in act.objects(&self.stand_ins.places)? {
                let created = self.api.create(kind, act.namespace, &object).await;
                created.with_context(|| format!("creating the {} in {}", kind.kind, act.namespace))?;
            }
        }
        let begun = timeout(START_MAX, async {
            self.until(Told::all_initialized).await?;
            for act in &ACTS {
                reached(self.stand_ins.gateway, act.host).await;
            }
            Ok::<_, anyhow::Error>(())
        });
        begun.await.with_context(|| format!("the applications do not serve after {START_MAX:?}"))??;
        let gateway = self.stand_ins.gateway;
        self.clients = ACTS.iter().map(|act| SteadyClient::start(gateway, act.host, RATE)).collect();
        self.look().await
    }

    /// Releases, and waits until each release has come to an end.
    pub(super) async fn release(&mut self) -> anyhow::Result<()> {
        self.tell(
            "",
            &format!(
                "each has {RATE} requests a second; now kubectl set image deployment/{APP} in all three"
            ),
        )?;
        for act in &ACTS {
            let image = format!("{APP}:{}", act.new);
            let patch =
                json!([{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": image}]);
            let key = DEPLOYMENT.key(act.namespace, APP);
            self.api.change(&key, &Change::Json(patch)).await.context("setting the new image")?;
        }
        // Whoever looks on may hold one up for as long as he likes.
        let limit = if self.lasts { Duration::MAX } else { RELEASES_MAX };
        match timeout(limit, self.until(Told::all_ended)).await {
            Ok(ended) => ended?,
            Err(_elapsed) => bail!("the releases have not ended after {limit:?}: {}", self.told.standings()),
        }
        self.has_ended = true;
        self.look().await
    }

    /// Goes on showing what happens, for whoever looks on and tries things.
    pub(super) async fn go_on(&mut self) -> anyhow::Result<()> {
        let verdict = self.verdict().unwrap_or_else(|error| format!("Error: {error:#}"));
        self.paper.say(&format!(
            "\n{verdict} The releases are over. The cluster stays until Ctrl-C: release another version, which fails one request in five:\n  \
             kubectl -n test set image deployment/{APP} podinfod={APP}:3.2.0-error20"
        ))?;
        self.until(|_| false).await
    }

    /// Sends no more requests, waits for the answers, and says how many each version has given.
    pub(super) async fn finish(&mut self) -> anyhow::Result<()> {
        let mut text = String::new();
        for (client, act) in self.clients.iter().zip(&ACTS) {
            let requests = client.finish().await;
            let bars = bars(&requests, self.paper.paint(), self.paper.columns());
            // Writing to a String cannot fail.
            let _ = writeln!(text, "\n{}: {}\n{}", act.namespace, act.title, bars.trim_end());
            let standing = self.told.of(act).standing;
            self.told.look(act, standing, requests);
        }
        Ok(out::write(text.as_bytes())?)
    }

    /// Whether every release ended as it should and no request has failed.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        let client = |act: &Act| ACTS.iter().position(|it| it.namespace == act.namespace);
        self.told.check(|act| self.clients.get(client(act)?)?.first_failure())
    }

    /// What it comes to, in a sentence; an error where something did not go as it should.
    pub(super) fn verdict(&self) -> anyhow::Result<String> {
        self.check()?;
        let is_ours = |act: &&Act| self.told.of(act).by_hand.is_none();
        let taken: Vec<&str> = ACTS.iter().filter(|act| !is_ours(act)).map(|act| act.namespace).collect();
        let others = if taken.is_empty() {
            String::new()
        } else {
            format!(" but perhaps in {}, which somebody has taken in hand", taken.join(", "))
        };
        Ok(format!("No request failed{others}."))
    }

    /// Whether to colour.
    pub(super) fn paint(&self) -> Paint {
        self.paper.paint()
    }

    fn introduce(&mut self) -> anyhow::Result<()> {
        let StandIns { places, gateway, .. } = self.stand_ins;
        let (kubeconfig, serin) = (self.cluster.kubeconfig().display(), this_program());
        let end =
            if self.lasts { "Ctrl-C ends the demo." } else { "It ends by itself after a minute and a half." };
        self.paper.say(&format!(
            "API server   KUBECONFIG={kubeconfig}\ngateway      http://{gateway}  (Host: {})\nPrometheus   http://{}\n\n\
             One application in three namespaces, each with a Canary. A look every {INTERVAL_SECONDS} s, not every minute. A machine may \
             lack curl and hey:\nbash asks for the token, and the load tester sends the load itself. {end}\n",
            ACTS[0].host, places.prometheus
        ))?;
        if !self.paper.is_terminal() {
            for act in &ACTS {
                self.paper.say(&format!("{:<7} {}", act.namespace, act.title))?;
            }
            self.paper.say("")?;
        }
        self.paper.say(&format!(
            "In a second terminal:\n\n  export KUBECONFIG={kubeconfig}\n  {serin} canary list -A\n  \
             {serin} canary why {APP} -n test-a\n  {serin} canary abort {APP} -n test\n  kubectl -n test describe canary {APP}"
        ))?;
        if self.paper.is_terminal() { Ok(()) } else { self.paper.say("") }
    }

    /// Shows what happens until `is_enough`.
    async fn until(&mut self, is_enough: impl Fn(&Told) -> bool) -> anyhow::Result<()> {
        while !is_enough(&self.told) {
            self.frame().await?;
        }
        Ok(())
    }

    /// Shows what happens for a while.
    async fn look(&mut self) -> anyhow::Result<()> {
        let end = Instant::now() + LOOK;
        while Instant::now() < end {
            self.frame().await?;
        }
        Ok(())
    }

    async fn frame(&mut self) -> anyhow::Result<()> {
        self.paper.turn().await;
        let requests: Vec<Requests> = (0..ACTS.len())
            .map(|at| self.clients.get(at).map(SteadyClient::requests).unwrap_or_default())
            .collect();
        for happened in self.watcher.news()? {
            let Some(at) = ACTS.iter().position(|act| act.namespace == happened.namespace) else { continue };
            if let Some(share) = self.told.hear(&ACTS[at], &happened, &requests[at]) {
                let (weight, percent) = (share.weight, share.percent());
                let text = format!(
                    "  at weight {weight}, {} of {} requests reached {}: {percent:.1} %",
                    share.new, share.all, ACTS[at].new
                );
                self.tell(&happened.namespace, &text)?;
            }
            let mark = if happened.is_warning { "! " } else { "" };
            self.tell(&happened.namespace, &format!("{mark}{}", happened.message))?;
        }
        let mut standings = self.watcher.standings()?;
        for (act, requests) in ACTS.iter().zip(requests) {
            let standing = standings.remove(act.namespace).unwrap_or_default();
            self.told.look(act, standing, requests);
        }
        self.shown = [
            self.overhear("Slack", &self.stand_ins.chat, self.shown[0])?,
            self.overhear("tester", &self.stand_ins.complaints, self.shown[1])?,
        ];
        if self.paper.is_terminal() {
            let picture = self.picture();
            self.paper.draw(&picture, &self.news)?;
        }
        Ok(())
    }

    /// Tells what others have said since the first `shown` of their lines.
    fn overhear(&mut self, who: &str, lines: &Lines, shown: usize) -> anyhow::Result<usize> {
        let all = lines.lock().clone();
        for line in &all[shown..] {
            self.tell(who, line)?;
        }
        Ok(all.len())
    }

    /// Tells a piece of news.
    fn tell(&mut self, who: &str, text: &str) -> anyhow::Result<()> {
        let line = format!("{who:<7} {text}");
        if !self.paper.is_terminal() {
            return Ok(out::say(line)?);
        }
        self.news.push(line);
        Ok(())
    }

    fn picture(&self) -> String {
        let (paint, columns) = (self.paper.paint(), self.paper.columns());
        let mut text = String::new();
        for act in &ACTS {
            let seen = self.told.of(act);
            let (mark, hue) = mark(&seen.standing.phase);
            // Writing to a String cannot fail.
            let _ = writeln!(
                text,
                "{} {:<6} {}: {}, weight {}\n{}",
                paint.paint(hue, mark),
                act.namespace,
                act.title,
                seen.standing,
                seen.standing.weight,
                bars(&seen.requests, paint, columns).trim_end()
            );
        }
        text
    }
}

/// The icon of a Canary's phase.
fn mark(phase: &str) -> (&'static str, Option<Hue>) {
    match phase {
        "Initialized" | "Succeeded" => icon("Healthy"),
        "Failed" => icon("Failed"),
        _ => icon("Progressing"),
    }
}

/// What to do next, on a cluster of one's own.
pub(super) fn farewell() -> String {
    let serin = this_program();
    format!(
        "On a cluster of yours, in Flagger's place (docs/flagger.md begins with the image, and says what differs):\n\n  \
         {serin} crds --flagger | kubectl apply -f -\n  kubectl create namespace flagger-system\n  \
         kubectl apply -n flagger-system -f manifests/flagger.yaml"
    )
}
