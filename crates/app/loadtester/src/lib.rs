//! The load tester that web hooks of a `Canary` call: gates, tasks, and load of its own.
//!
//! Property: a request ends with an answer, whatever it brings; a task ends within its time with all that it started; and what
//! clients of Flagger's load tester rely on (paths, metadata, status, bodies, log lines) is as it was recorded from it, but
//! for what `docs/loadtester.md` lists.
//!
//! Mechanics: [`Tester::answer`] takes a whole request and gives a whole answer. `payload` reads what is sent, `gates` keeps
//! what was opened, `task` says what the metadata ask for, and `run` does it: `process` for programs of the machine,
//! `concord` and `ngrinder` for servers that test elsewhere, `load` for requests of our own.
//!
//! What this crate does not do: judge a release. A load's result is told, and what follows from it is the caller's business.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod concord;
mod door;
mod gates;
mod http;
mod load;
mod log;
mod ngrinder;
mod payload;
mod process;
mod report;
mod run;
mod task;
mod tester;

pub use door::{Door, DoorError};
pub use gates::Gates;
pub use log::{Encoding, Level, Log};
pub use tester::{BODY_BYTES_MAX, Settings, Tester, serve};
