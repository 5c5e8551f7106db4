//! The live view: a picture that is redrawn on a terminal, a line for each change elsewhere.

use std::{io::IsTerminal, time::Duration};

use jiff::Timestamp;
use serin_api::kinds::{POD, REPLICA_SET, ROLLOUT};
use serin_cluster::{
    Client,
    direct::{Direct, Following},
};
use serin_report::{
    live::{Requests, live},
    paint::Paint,
    rollout::{Info, Snapshot},
};
use tokio::time::{Interval, interval};

use super::client::SteadyClient;

/// How often the picture is drawn: fast enough to look alive.
const REFRESH: Duration = Duration::from_millis(250);

/// Where a story is told: a terminal, whose picture is redrawn, or a file, which gets lines.
pub(super) struct Paper {
    tick: Interval,
    is_terminal: bool,
    said: Vec<String>,
}

impl Paper {
    pub(super) fn new() -> Self {
        Self { tick: interval(REFRESH), is_terminal: std::io::stdout().is_terminal(), said: Vec::new() }
    }

    /// Whether to colour.
    pub(super) fn paint(&self) -> Paint {
        if self.is_terminal && std::env::var_os("NO_COLOR").is_none() { Paint::Colour } else { Paint::Plain }
    }

    /// Whether there is a picture.
    pub(super) fn is_terminal(&self) -> bool {
        self.is_terminal
    }

    /// Says something that stays on the screen.
    pub(super) fn say(&mut self, text: &str) {
        println!("{text}");
        self.said.push(text.to_owned());
    }

    /// Waits for the next frame.
    pub(super) async fn turn(&mut self) {
        self.tick.tick().await;
    }

    /// Draws a picture below what was said.
    pub(super) fn draw(&self, picture: &str) {
        print!("\u{1b}[H\u{1b}[2J{}\n\n{picture}", self.said.join("\n"));
        let _ = std::io::Write::flush(&mut std::io::stdout());
    }
}

/// Follows the demo's objects and shows them.
pub(super) struct Screen {
    rollouts: Following,
    sets: Following,
    pods: Following,
    paper: Paper,
    last_line: String,
}

impl Screen {
    /// A screen for the application in `namespace`.
    pub(super) fn new(client: Client, namespace: &str) -> Self {
        let api = Direct::new(client);
        Self {
            rollouts: api.follow(ROLLOUT, namespace, None),
            sets: api.follow(REPLICA_SET, namespace, None),
            pods: api.follow(POD, namespace, None),
            paper: Paper::new(),
            last_line: String::new(),
        }
    }

    /// Whether to colour.
    pub(super) fn paint(&self) -> Paint {
        self.paper.paint()
    }

    /// Says something that stays on the screen.
    pub(super) fn say(&mut self, text: &str) {
        self.paper.say(text);
    }

    /// Waits for the next frame and shows it: what was shown of the Rollout, once there is one.
    pub(super) async fn next(&mut self, client: Option<&SteadyClient>) -> anyhow::Result<Option<Info>> {
        self.paper.turn().await;
        let seen = (self.rollouts.objects()?, self.sets.objects()?, self.pods.objects()?);
        let (Some(rollouts), Some(replica_sets), Some(pods)) = seen else { return Ok(None) };
        let Some(rollout) = rollouts.into_iter().next() else { return Ok(None) };
        let now = Timestamp::now().as_second();
        let info = Info::new(&Snapshot { rollout, replica_sets, pods, now });
        self.show(&info, &client.map(SteadyClient::requests).unwrap_or_default());
        Ok(Some(info))
    }

    fn show(&mut self, info: &Info, requests: &Requests) {
        if self.paper.is_terminal() {
            self.paper.draw(&live(info, requests, self.paint()));
            return;
        }
        let line = format!("{}  step {}  weight {}", info.status, info.step, info.actual_weight);
        if line != self.last_line {
            println!("{line}  ({} requests, {} failed)", requests.count(), requests.failed);
            self.last_line = line;
        }
    }
}
