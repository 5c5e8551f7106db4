//! Programs of the machine: run, bounded, and ended with all that they started.
//!
//! Property: a program ends within its time with everything in its process group, what it writes is read to the end and kept
//! up to a limit, and how it ended is told in Go's words.
//!
//! Mechanics: standard output and errors are one pipe, so that they stay in the order in which they were written. A program is
//! over when it has ended *and* nobody holds the pipe any more: what it left running in the background still counts.

use std::{
    ffi::OsStr,
    fmt::Write as _,
    io::ErrorKind,
    os::{fd::OwnedFd, unix::process::ExitStatusExt as _},
    path::Path,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::{
    io::AsyncReadExt as _,
    net::unix::pipe::Receiver,
    process::{Child, Command},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

/// How long a killed program may take to be gone: the kernel does it at once, unless the disk hangs or somebody who left the
/// group holds the pipe, and then nobody waits.
const KILL_GRACE: Duration = Duration::from_secs(1);
/// Bytes read at a time.
const CHUNK: usize = 16 << 10;

/// What is run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Program<'a> {
    pub(crate) name: &'a str,
    pub(crate) arguments: &'a [&'a str],
    /// `PATH`, if it is not ours.
    pub(crate) path: Option<&'a OsStr>,
    pub(crate) directory: Option<&'a Path>,
    pub(crate) environment: &'a [(&'a str, &'a str)],
}

/// How long it may take and how much of what it writes is kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) time: Duration,
    pub(crate) output_max: usize,
}

/// How it went.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Done {
    pub(crate) output: Vec<u8>,
    /// Bytes that were written after `output` was full.
    pub(crate) left_out: u64,
    /// Why it is no success.
    pub(crate) failure: Option<String>,
}

impl Done {
    fn failed(failure: String) -> Self {
        Self { failure: Some(failure), ..Self::default() }
    }

    /// What was written as text, with a word about what is missing.
    pub(crate) fn text(&self) -> String {
        let mut text = String::from_utf8_lossy(&self.output).into_owned();
        if 0 < self.left_out {
            let _ = write!(text, "\n… and {} bytes more", self.left_out);
        }
        text
    }
}

/// Runs a program until it ends, its time is over, or `stop`.
pub(crate) async fn run(program: &Program<'_>, limits: Limits, stop: &CancellationToken) -> Done {
    let (child, mut pipe) = match start(program) {
        Ok(started) => started,
        Err(error) => return Done::failed(not_started(program.name, &error)),
    };
    let mut group = Group::of(child);
    let mut done = Done::default();
    let ended = async {
        read(&mut pipe, limits.output_max, &mut done).await;
        group.child.wait().await
    };
    let status = tokio::select! {
        ended = timeout(limits.time, ended) => ended.ok(),
        () = stop.cancelled() => None,
    };
    let status = if let Some(status) = status {
        group.id = None;
        status
    } else {
        group.kill();
        // What was written up to now is in the pipe still.
        let _ = timeout(KILL_GRACE, read(&mut pipe, limits.output_max, &mut done)).await;
        let killed = timeout(KILL_GRACE, group.child.wait()).await;
        killed.unwrap_or_else(|_| Ok(ExitStatus::from_raw(Signal::KILL.as_raw())))
    };
    done.failure = match status {
        Ok(status) if status.success() => None,
        Ok(status) => Some(words(status)),
        Err(error) => Some(error.to_string()),
    };
    done
}

fn start(program: &Program<'_>) -> std::io::Result<(Child, Receiver)> {
    let (reader, writer) = std::io::pipe()?;
    let mut command = Command::new(program.name);
    command
        .args(program.arguments)
        .envs(program.environment.iter().copied())
        .stdin(Stdio::null())
        .stdout(writer.try_clone()?)
        .stderr(writer)
        .process_group(0)
        .kill_on_drop(true);
    if let Some(path) = program.path {
        command.env("PATH", path);
    }
    if let Some(directory) = program.directory {
        command.current_dir(directory);
    }
    // The command holds the end of the pipe that is written to: only without it does reading end.
    let child = command.spawn()?;
    drop(command);
    Ok((child, Receiver::from_owned_fd(OwnedFd::from(reader))?))
}

async fn read(pipe: &mut Receiver, output_max: usize, done: &mut Done) {
    let mut chunk = vec![0; CHUNK];
    while let Ok(count @ 1..) = pipe.read(&mut chunk).await {
        let room = output_max.saturating_sub(done.output.len()).min(count);
        done.output.extend_from_slice(&chunk[..room]);
        done.left_out += (count - room) as u64;
    }
}

/// A child and the group that it leads, which is killed when nobody waits for it any more.
struct Group {
    child: Child,
    id: Option<Pid>,
}

impl Group {
    fn of(child: Child) -> Self {
        let id = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        Self { child, id }
    }

    /// The leader has not been waited for, so that the group's number cannot be somebody else's.
    fn kill(&mut self) {
        if let Some(id) = self.id.take() {
            // It may have ended by itself.
            let _ = kill_process_group(id, Signal::KILL);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Signals by the name that Go gives them.
const SIGNALS: [(Signal, &str); 9] = [
    (Signal::KILL, "killed"),
    (Signal::TERM, "terminated"),
    (Signal::INT, "interrupt"),
    (Signal::HUP, "hangup"),
    (Signal::QUIT, "quit"),
    (Signal::ABORT, "aborted"),
    (Signal::SEGV, "segmentation fault"),
    (Signal::PIPE, "broken pipe"),
    (Signal::FPE, "floating point exception"),
];

fn words(status: ExitStatus) -> String {
    let Some(signal) = status.signal() else {
        return format!("exit status {}", status.code().unwrap_or_default());
    };
    let name = SIGNALS.iter().find(|(known, _)| known.as_raw() == signal).map(|(_, name)| *name);
    let dumped = if status.core_dumped() { " (core dumped)" } else { "" };
    name.map_or_else(|| format!("signal: signal {signal}{dumped}"), |name| format!("signal: {name}{dumped}"))
}

fn not_started(program: &str, error: &std::io::Error) -> String {
    if error.kind() == ErrorKind::NotFound {
        return format!("exec: {program:?}: executable file not found in $PATH");
    }
    format!("fork/exec {program}: {error}")
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    const LIMITS: Limits = Limits { time: Duration::from_secs(30), output_max: 1000 };

    async fn bash(command: &str, limits: Limits, stop: &CancellationToken) -> Done {
        let arguments = ["-c", command];
        let program =
            Program { name: "bash", arguments: &arguments, path: None, directory: None, environment: &[] };
        run(&program, limits, stop).await
    }

    /// Whether a process that wrote its number is there, waiting for it to go for a bounded time.
    async fn is_gone(pid: &str) -> bool {
        for _ in 0..200 {
            // A zombie that nobody has waited for yet is gone too.
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            if stat.is_empty() || stat.contains(") Z ") {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        false
    }

    #[tokio::test]
    async fn how_it_ended_is_told_in_the_words_of_go() {
        let stop = CancellationToken::new();
        for (command, output, failure) in [
            ("echo a; echo b >&2; echo c", "a\nb\nc\n", None),
            ("printf x; exit 7", "x", Some("exit status 7")),
            ("kill -TERM $$", "", Some("signal: terminated")),
            ("kill -USR1 $$", "", Some("signal: signal 10")),
            ("cat", "", None),
        ] {
            let done = bash(command, LIMITS, &stop).await;
            assert_eq!((done.text().as_str(), done.failure.as_deref()), (output, failure), "{command}");
        }
        let none =
            Program { name: "no-such-thing", arguments: &[], path: None, directory: None, environment: &[] };
        let failure = run(&none, LIMITS, &stop).await.failure.unwrap();
        assert_eq!(failure, r#"exec: "no-such-thing": executable file not found in $PATH"#);
        assert!(bash("a\0b", LIMITS, &stop).await.failure.unwrap().starts_with("fork/exec bash: "));
    }

    #[tokio::test]
    async fn when_the_time_is_over_the_whole_group_is_killed() {
        let stop = CancellationToken::new();
        let limits = Limits { time: Duration::from_millis(300), ..LIMITS };
        let started = Instant::now();
        let done =
            bash("sleep 60 & echo $!; trap '' TERM; bash -c 'echo $$; sleep 60; true'", limits, &stop).await;
        assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
        assert_eq!(done.failure.as_deref(), Some("signal: killed"));
        let pids = done.text();
        assert_eq!(pids.lines().count(), 2, "{pids}");
        for pid in pids.lines() {
            assert!(is_gone(pid).await, "{pid} is still there");
        }
    }

    #[tokio::test]
    async fn what_was_left_in_the_background_counts_and_ends_in_time() {
        let limits = Limits { time: Duration::from_millis(300), ..LIMITS };
        let done = bash("sleep 60 & echo $!", limits, &CancellationToken::new()).await;
        assert!(is_gone(done.text().trim()).await);
        // Who leaves the group keeps the pipe, and is not waited for.
        let done = bash("setsid sleep 5 & echo on", limits, &CancellationToken::new()).await;
        assert_eq!(done.text(), "on\n");
    }

    #[tokio::test]
    async fn a_stop_or_a_lost_interest_kills_the_group() {
        let stop = CancellationToken::new();
        stop.cancel();
        assert_eq!(bash("sleep 60", LIMITS, &stop).await.failure.as_deref(), Some("signal: killed"));

        let file = tempfile::NamedTempFile::new().unwrap();
        let command = format!("echo $$ > {}; sleep 60; true", file.path().display());
        let task = tokio::spawn(async move { bash(&command, LIMITS, &CancellationToken::new()).await });
        let pid = loop {
            let text = std::fs::read_to_string(file.path()).unwrap();
            if text.ends_with('\n') {
                break text;
            }
            tokio::task::yield_now().await;
        };
        task.abort();
        assert!(is_gone(pid.trim()).await);
    }

    #[tokio::test]
    async fn a_flood_of_bytes_is_read_and_kept_up_to_the_limit() {
        let done = bash("head -c 3000000 /dev/zero", LIMITS, &CancellationToken::new()).await;
        assert_eq!((done.output.len(), done.left_out, done.failure.clone()), (1000, 2_999_000, None));
        assert!(done.text().ends_with("… and 2999000 bytes more"));
    }
}
