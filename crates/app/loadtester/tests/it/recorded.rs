//! Every request that was recorded from Flagger's load tester, asked again: status, body, content type and log lines are the
//! same, but for the mended rows below.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::Response;
use parking_lot::Mutex;
use regex::Regex;
use serin_loadtester::{Door, Settings};

use crate::{
    bench::{Bench, server, stubs},
    rows::{Row, read, unquoted},
};

/// Requests of the recording: none may be lost on the way here.
const REQUESTS: usize = 122;
/// Where the recorded server for Concord and nGrinder was.
const RECORDED_SERVER: &str = "http://127.0.0.1:19391";
/// Lines that the recording has of a request at most.
const LINES_MAX: usize = 6;

/// A row that differs on purpose: which, what we answer, the lines that we write, and why.
struct Mended {
    section: &'static str,
    /// Part of the body that was sent; the row of the section.
    body: &'static str,
    answer: (u16, &'static str),
    lines: &'static [&'static str],
    why: &'static str,
}

impl Mended {
    fn is_of(&self, section: &str, row: &Row) -> bool {
        section.starts_with(self.section) && row.body.contains(self.body)
            // The first question about the gate of rollback.x was before anything was opened.
            && (self.section != "Rollback" || row.answer.as_ref().is_some_and(|(status, _)| *status == 200))
    }
}

const UNKNOWN: &str = "an unknown type drops the connection";
const NO_COMMAND: &str = "a tool without a command runs an empty one";
const KNOWN_TYPES: &str =
    "is unknown: there are cmd, bash, helm, helmv3, kubectl, concord, ngrinder and load";

const MENDED: &[Mended] = &[
    Mended {
        section: "Rollback",
        body: r#""name": "rollback.x""#,
        answer: (403, "Forbidden"),
        lines: &["info: rollback.x.test gate check: approved false"],
        why: "the rollback gate of x and the gate of rollback.x are one",
    },
    Mended {
        section: "Task: bash",
        body: r#"{"type": "bash"}"#,
        answer: (400, "cmd not found in metadata"),
        lines: &[],
        why: NO_COMMAND,
    },
    Mended {
        section: "Task: helm",
        body: r#"{"type": "helm"}"#,
        answer: (400, "cmd not found in metadata"),
        lines: &[],
        why: NO_COMMAND,
    },
    Mended {
        section: "Task: helm",
        body: r#"{"type": "helmv3"}"#,
        answer: (400, "cmd not found in metadata"),
        lines: &[],
        why: NO_COMMAND,
    },
    Mended {
        section: "Task: helm",
        body: r#"{"type": "kubectl"}"#,
        answer: (400, "cmd not found in metadata"),
        lines: &[],
        why: NO_COMMAND,
    },
    Mended {
        section: "Unknown types",
        body: r#""type": "rollout""#,
        answer: (400, "type \"rollout\" in metadata "),
        lines: &[],
        why: UNKNOWN,
    },
    Mended {
        section: "Unknown types",
        body: r#""type": "nope""#,
        answer: (400, "type \"nope\" in metadata "),
        lines: &[],
        why: UNKNOWN,
    },
    Mended {
        section: "Unknown types",
        body: r#""type": "CMD""#,
        answer: (400, "type \"CMD\" in metadata "),
        lines: &[],
        why: UNKNOWN,
    },
    Mended {
        section: "Unknown types",
        body: r#""type": """#,
        answer: (400, "type \"\" in metadata "),
        lines: &[],
        why: UNKNOWN,
    },
];
/// The one row that is mended and looks like two others: the third whole request of a Concord process.
const NEVER_FINISHES: &str = "concord instanceID: abc is RUNNING after `pollTimeout` of 3s";

#[derive(Default)]
struct Fake {
    polls: i64,
    last: &'static str,
    seen: Vec<String>,
}

/// What answered for Concord and nGrinder when this was recorded, nGrinder's list in place of an object included.
async fn fake() -> (String, Arc<Mutex<Fake>>) {
    let fake = Arc::new(Mutex::new(Fake { last: "FINISHED", ..Fake::default() }));
    let state = fake.clone();
    let address = server(move |request| {
        let mut fake = state.lock();
        let (method, path) = (request.method().as_str(), request.uri().path());
        let header = |name: &str| request.headers().get(name).map_or("", |value| value.to_str().unwrap());
        let body = String::from_utf8_lossy(request.body());
        fake.seen.push(format!(
            "{method} {path} {} {} {body}",
            header("authorization"),
            header("content-type")
        ));
        let answer = if path == "/api/v1/process" {
            r#"{"instanceId": "abc", "ok": true}"#.to_owned()
        } else if path.starts_with("/api/v1/process/") {
            fake.polls += 1;
            let status = if 1 < fake.polls { fake.last } else { "RUNNING" };
            format!(r#"{{"instanceId": "abc", "status": "{status}"}}"#)
        } else if path.ends_with("clone_and_start") {
            r#"{"id": 42, "status": {"name": "READY", "category": "PREPARE"}}"#.to_owned()
        } else {
            r#"[{"id": 42, "status": {"name": "FINISHED", "category": "FINISHED"}}]"#.to_owned()
        };
        std::future::ready(Response::new(Bytes::from(answer)))
    })
    .await;
    (address, fake)
}

struct Replay {
    bench: Bench,
    server: String,
    fake: Arc<Mutex<Fake>>,
    key: String,
    /// Whole processes of Concord so far.
    whole: usize,
    used: Vec<bool>,
}

impl Replay {
    async fn row(&mut self, section: &str, row: &Row) {
        let what = format!("{section}: {} {} {}", row.method, row.path, row.body);
        let body = row.body.replace(RECORDED_SERVER, &self.server).replace("APIKEYFILE", &self.key);
        if section.starts_with("Task: concord")
            && row.lines.iter().any(|line| line.contains("calling endpoint"))
        {
            self.whole += 1;
            let mut fake = self.fake.lock();
            match self.whole {
                1 => {}
                2 => (fake.polls, fake.last) = (0, "FAILED"),
                _ => fake.polls = -100,
            }
        }
        let mended = MENDED.iter().position(|mended| mended.is_of(section, row));
        let (mut answer, mut lines) = (row.answer.clone(), row.lines.clone());
        // What an earlier process of Concord said while it went on without end.
        if section.starts_with("Task: ngrinder") {
            lines.retain(|line| !line.ends_with("canary="));
        }
        if let Some(index) = mended {
            self.used[index] = true;
            let mended = &MENDED[index];
            assert!(
                row.answer.as_ref().is_none_or(|(status, body)| (*status, body.as_str()) != mended.answer),
                "{what}: {}",
                mended.why
            );
            answer = Some((mended.answer.0, mended.answer.1.to_owned()));
            lines = mended.lines.iter().map(|line| (*line).to_owned()).collect();
            if mended.why == UNKNOWN {
                answer = Some((400, format!("{}{KNOWN_TYPES}", mended.answer.1)));
            }
        } else if answer.is_none() {
            answer = Some((500, NEVER_FINISHES.to_owned()));
        }
        let (status, text, kind) = self.bench.ask(&row.method, &row.path, &body).await;
        let text = text.replace(&self.key, "APIKEYFILE");
        assert_eq!(Some((status, text.clone())), answer, "{what}");
        assert_eq!(kind, if text.is_empty() { "" } else { "text/plain; charset=utf-8" }, "{what}");
        if mended.is_none() && row.answer.is_some() {
            assert_eq!(kind, row.kind, "{what}");
        }
        // An nGrinder whose answers cannot be read is asked again and again, in the row that starts it and behind it.
        let starts = lines.iter().any(|line| line.contains("clone_and_start"));
        let is_ngrinder = |line: &str| line.contains("perftest") || line.contains("json unmarshalling");
        let found = self.bench.lines(lines.len(), |line| !starts && is_ngrinder(line)).await;
        let is_open = starts || row.lines.len() == LINES_MAX;
        let compared = if is_open { lines.len().min(found.len()) } else { found.len() };
        let local =
            |line: &String| line.replace(&self.server, RECORDED_SERVER).replace(&self.key, "APIKEYFILE");
        let found: Vec<String> = found[..compared].iter().map(local).collect();
        assert_eq!(found, lines, "{what}");
    }

    /// What the recorded server received of a Concord process, and what ours did.
    fn received(&self, text: &str) {
        let boundary = Regex::new("[0-9a-f]{40,}").unwrap();
        let seen: Vec<String> = self
            .fake
            .lock()
            .seen
            .iter()
            .map(|seen| boundary.replace_all(seen, "<boundary>").into_owned())
            .collect();
        let recorded = text.lines().find_map(|line| line.strip_prefix("- POST /api/v1/process {")).unwrap();
        let form = recorded.split_once("} ").unwrap().1;
        let expected = format!(
            "POST /api/v1/process the-key multipart/form-data; boundary=<boundary> {}",
            unquoted(form)
        );
        assert_eq!(
            seen[..3],
            [expected.as_str(), "GET /api/v1/process/abc the-key  ", "GET /api/v1/process/abc the-key  "]
        );
        let started = seen.iter().find(|seen| seen.contains("clone_and_start")).unwrap();
        assert_eq!(started, "POST /perftest/api/100/clone_and_start Basic YWRtaW46YWRtaW4=  ");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_recorded_is_answered_again() {
    let Some(path) = serin_needs::shared("recorded/flagger/loadtester.md") else { return };
    let text = std::fs::read_to_string(path).unwrap();
    let sections = read(&text);
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key");
    std::fs::write(&key, "the-key").unwrap();
    let path = stubs(folder.path());
    let (server, fake) = fake().await;
    let bench = |change: &dyn Fn(&mut Settings)| {
        Bench::new(|settings| {
            settings.path = Some(path.clone());
            change(settings);
        })
    };
    let mut replay = Replay {
        bench: bench(&|_| {}),
        server,
        fake,
        key: key.display().to_string(),
        whole: 0,
        used: vec![false; MENDED.len()],
    };
    let mut asked = 0;
    for section in &sections {
        if section.title.starts_with("With -namespace-regexp") {
            replay.bench =
                bench(&|settings| settings.door = Door::new(Some("^team-a$"), None, None).unwrap());
        } else if section.title.starts_with("With -timeout") {
            replay.bench = bench(&|settings| settings.timeout = Duration::from_secs(1));
        } else if section.title.starts_with("What the fake") {
            break;
        }
        for row in &section.rows {
            replay.row(&section.title, row).await;
            asked += 1;
        }
    }
    assert_eq!(asked, REQUESTS);
    let unused: Vec<&str> =
        MENDED.iter().zip(&replay.used).filter(|(_, used)| !**used).map(|(m, _)| m.body).collect();
    assert!(unused.is_empty(), "no row for {unused:?}");
    replay.received(&text);
}
