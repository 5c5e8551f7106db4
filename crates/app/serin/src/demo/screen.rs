//! The live view: a picture that is redrawn on a terminal, a line for each change elsewhere.

use std::{io::IsTerminal, time::Duration};

use jiff::Timestamp;
use serin_api::kinds::{POD, REPLICA_SET, ROLLOUT};
use serin_cluster::{
    Client,
    direct::{Direct, Following},
};
use serin_report::{
    live::{Requests, bars, live},
    paint::{Paint, clip},
    rollout::{Info, Snapshot},
};
use tokio::time::{Interval, interval};

use super::client::SteadyClient;
use crate::out;

/// How often the picture is drawn: fast enough to look alive.
const REFRESH: Duration = Duration::from_millis(250);
/// Lines of news that are on the screen rather than what was said, and the most of them.
const NEWS_MIN: usize = 4;
const NEWS_MAX: usize = 14;

/// The size of a terminal that does not say it.
const SIZE: (usize, usize) = (80, 24);
/// The width of what is no terminal.
const COLUMNS: usize = 100;

/// The size of a terminal, and how many lines were said: what moves everything when it changes.
type Frame = ((usize, usize), usize);

/// Where a story is told: a terminal, whose picture is redrawn, or a file, which gets lines.
pub(super) struct Paper {
    tick: Interval,
    is_terminal: bool,
    said: Vec<String>,
    /// The last picture, with the size of the terminal and the number of lines that were said.
    drawn: Option<(String, Frame)>,
}

impl Paper {
    pub(super) fn new() -> Self {
        let is_terminal = std::io::stdout().is_terminal();
        Self { tick: interval(REFRESH), is_terminal, said: Vec::new(), drawn: None }
    }

    /// Whether to colour.
    pub(super) fn paint(&self) -> Paint {
        if self.is_terminal && std::env::var_os("NO_COLOR").is_none() { Paint::Colour } else { Paint::Plain }
    }

    /// Whether there is a picture.
    pub(super) fn is_terminal(&self) -> bool {
        self.is_terminal
    }

    /// How many characters a line may have.
    pub(super) fn columns(&self) -> usize {
        if self.is_terminal { size().0 } else { COLUMNS }
    }

    /// Says something that stays above the picture, as far as there is room.
    pub(super) fn say(&mut self, text: &str) -> anyhow::Result<()> {
        self.said.extend(text.split('\n').map(str::to_owned));
        // Where there is a picture it is the next one that shows it.
        if self.drawn.is_none() { Ok(out::say(text)?) } else { Ok(()) }
    }

    /// Waits for the next frame.
    pub(super) async fn turn(&mut self) {
        self.tick.tick().await;
    }

    /// Draws a picture below what was said, and the latest of the news below it.
    pub(super) fn draw(&mut self, picture: &str, news: &[String]) -> anyhow::Result<()> {
        let size = size();
        let picture = fit(&self.said, picture, news, size);
        let frame = (size, self.said.len());
        let clear = match &self.drawn {
            Some((drawn, of)) if *of == frame && *drawn == picture => return Ok(()),
            // What is written over does not flicker.
            Some((_, of)) if *of == frame => "",
            _ => "\u{1b}[2J",
        };
        let lines = picture.lines().fold(String::new(), |text, line| text + "\u{1b}[K" + line + "\n");
        out::write(format!("{clear}\u{1b}[H{lines}\u{1b}[J").as_bytes())?;
        self.drawn = Some((picture, frame));
        Ok(())
    }
}

/// Columns and rows of the terminal.
fn size() -> (usize, usize) {
    let known = crossterm::terminal::size().ok().filter(|(columns, rows)| 0 < *columns && 0 < *rows);
    known.map_or(SIZE, |(columns, rows)| (columns.into(), rows.into()))
}

/// What fits on a screen, whose last row is left for the cursor: the picture first, then some news, then the end of what was
/// said, then the rest of the news. What was said is there to be copied: its lines stay whole, however many rows they take.
fn fit(said: &[String], picture: &str, news: &[String], (columns, rows): (usize, usize)) -> String {
    let mut room = rows.saturating_sub(1);
    let picture: Vec<String> = picture.lines().take(room).map(|line| clip(line, columns)).collect();
    room -= picture.len();
    let some = news.len().min(NEWS_MIN).min(room);
    // An empty line sets it off.
    let (mut taken, mut first) = (1, said.len());
    for line in said.iter().rev() {
        taken += line.chars().count().div_ceil(columns).max(1);
        if room - some < taken {
            break;
        }
        first -= 1;
    }
    let mut lines = said[first..].to_vec();
    if !lines.is_empty() {
        room -= 1 + lines.iter().map(|line| line.chars().count().div_ceil(columns).max(1)).sum::<usize>();
        lines.push(String::new());
    }
    let latest = news.len().saturating_sub(room.min(NEWS_MAX));
    lines.extend(picture.into_iter().chain(news[latest..].iter().map(|line| clip(line, columns))));
    lines.iter().fold(String::new(), |text, line| text + line + "\n")
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

    /// A bar for each version.
    pub(super) fn bars(&self, requests: &Requests) -> String {
        bars(requests, self.paper.paint(), self.paper.columns())
    }

    /// Says something that stays on the screen.
    pub(super) fn say(&mut self, text: &str) -> anyhow::Result<()> {
        self.paper.say(text)
    }

    /// Waits for the next frame and shows it: what was shown of the Rollout, once there is one.
    pub(super) async fn next(&mut self, client: Option<&SteadyClient>) -> anyhow::Result<Option<Info>> {
        self.paper.turn().await;
        let seen = (self.rollouts.objects()?, self.sets.objects()?, self.pods.objects()?);
        let (Some(rollouts), Some(replica_sets), Some(pods)) = seen else { return Ok(None) };
        let Some(rollout) = rollouts.into_iter().next() else { return Ok(None) };
        let now = Timestamp::now().as_second();
        let info = Info::new(&Snapshot { rollout, replica_sets, pods, now });
        self.show(&info, &client.map(SteadyClient::requests).unwrap_or_default())?;
        Ok(Some(info))
    }

    fn show(&mut self, info: &Info, requests: &Requests) -> anyhow::Result<()> {
        if self.paper.is_terminal() {
            let picture = live(info, requests, self.paper.paint(), self.paper.columns());
            return self.paper.draw(&picture, &[]);
        }
        let line = format!("{}  step {}  weight {}", info.status, info.step, info.actual_weight);
        if line != self.last_line {
            out::say(format_args!("{line}  ({} requests, {} failed)", requests.count(), requests.failed))?;
            self.last_line = line;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(name: &str, count: usize, width: usize) -> Vec<String> {
        (0..count).map(|at| format!("{name}{at} {}", "x".repeat(width))).collect()
    }

    #[test]
    fn a_picture_fits_every_terminal() {
        let (said, news) = (lines("said", 9, 90), lines("news", 30, 130));
        let picture = lines("picture", 12, 70).join("\n");
        for columns in [1, 20, 60, 80, 200] {
            for rows in [1, 2, 5, 13, 14, 18, 24, 45, 80] {
                let text = fit(&said, &picture, &news, (columns, rows));
                let shown: Vec<&str> = text.lines().collect();
                let taken: usize =
                    shown.iter().map(|line| line.chars().count().div_ceil(columns).max(1)).sum();
                assert!(taken < rows, "{columns} x {rows}: {text}");
                let wide = |line: &&&str| !line.starts_with("said") && columns < line.chars().count();
                assert!(!shown.iter().any(|line| wide(&line)), "{columns} x {rows}: {text}");
                let pictured = shown.iter().filter(|line| line.starts_with("picture")).count();
                assert!(columns < 20 || pictured == 12.min(rows - 1), "{columns} x {rows}: {text}");
            }
        }
    }

    #[test]
    fn the_end_of_what_was_said_and_of_the_news_has_the_room_that_is_left() {
        let begin = |text: &str| -> Vec<String> {
            text.lines().map(|line| line.split(' ').next().unwrap().to_owned()).collect()
        };
        let (said, news) = (lines("said", 4, 1), lines("news", 9, 1));
        let shown = |rows, news: &[String]| begin(&fit(&said, "picture", news, (80, rows)));
        assert_eq!(
            shown(9, &news),
            ["said2", "said3", "", "picture", "news5", "news6", "news7", "news8"][..]
        );
        let all = shown(30, &news);
        assert_eq!(
            (all.len(), all[0].as_str(), all[5].as_str(), all[6].as_str()),
            (15, "said0", "picture", "news0")
        );
        assert_eq!(shown(3, &[]), ["picture"]);
        assert_eq!(shown(4, &[]), ["said3", "", "picture"]);
    }
}
