//! Many judgements: a line of JSON in, a line of JSON out, in the same order, on all cores.
//!
//! Memory stays flat however long the input is: lines have a longest, queues are bounded, and the bytes that are under way
//! have a budget. Line `n` goes to worker `n` modulo their number, and answers are taken from the workers in turn: so the
//! order needs no numbers and no sorting.

use std::io::{BufRead, Write};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};

use parking_lot::{Condvar, Mutex};
use serde_json::json;
use serin_judge::{Input, Judge};

use super::trouble::Trouble;
use crate::progress::Progress;

/// The longest line: some six million values.
const LINE_BYTES_MAX: usize = 64 << 20;
/// The most bytes of lines that are read and not yet answered, unless one line alone is longer.
const BYTES_UNDER_WAY_MAX: usize = 64 << 20;
/// Lines that wait for one worker. Enough that one long line does not let the others run dry.
const QUEUE: usize = 64;

/// What came of all lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) lines: usize,
    pub(super) failed: usize,
}

struct Line {
    number: usize,
    text: Text,
}

/// A line's text.
type Text = Result<Vec<u8>, TooLong>;

/// In place of a line that is too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct TooLong;

struct Answer {
    text: Vec<u8>,
    is_failed: bool,
    /// The length of the line that is answered.
    bytes: usize,
}

/// Judges each line of `source` and writes the answers to `sink`. Blank lines are passed over.
pub(super) fn judge_lines(
    source: impl BufRead,
    sink: impl Write + Send,
    workers: usize,
    progress: &mut Progress,
) -> Result<Tally, Trouble> {
    let budget = Budget::default();
    std::thread::scope(|scope| {
        let (mut queues, mut answers) = (Vec::new(), Vec::new());
        for _ in 0..workers.max(1) {
            let (queue, lines) = sync_channel::<Line>(QUEUE);
            let (answer, answered) = sync_channel::<Answer>(QUEUE);
            scope.spawn(move || work(&lines, &answer));
            queues.push(queue);
            answers.push(answered);
        }
        let budget = &budget;
        let writer = scope.spawn(move || {
            let written = write(&answers, sink, budget);
            budget.close();
            written
        });
        let read = read(source, &queues, budget, progress);
        drop(queues);
        let written = writer.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        // What is wrong with the input is told first; a reader that has gone away is no trouble.
        read.and(written)
    })
}

fn read(
    mut source: impl BufRead,
    queues: &[SyncSender<Line>],
    budget: &Budget,
    progress: &mut Progress,
) -> Result<(), Trouble> {
    let mut number = 0;
    let mut turns = queues.iter().cycle();
    loop {
        let failed = |error: std::io::Error| Trouble::NoInput(format!("after line {number}: {error}"));
        let Some(text) = next_line(&mut source, LINE_BYTES_MAX).map_err(failed)? else { return Ok(()) };
        number += 1;
        if text.as_ref().is_ok_and(|text| text.iter().all(u8::is_ascii_whitespace)) {
            continue;
        }
        progress.tell(number, 0);
        let is_open = budget.take(text.as_ref().map_or(0, Vec::len));
        let Some(queue) = turns.next().filter(|_| is_open) else { return Ok(()) };
        if queue.send(Line { number, text }).is_err() {
            return Ok(());
        }
    }
}

/// The next line without its end; none at the end of the input.
fn next_line(source: &mut impl BufRead, longest: usize) -> std::io::Result<Option<Text>> {
    let mut line = Ok(Vec::new());
    let mut has_begun = false;
    loop {
        let buffer = match source.fill_buf() {
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            buffer => buffer?,
        };
        if buffer.is_empty() {
            return Ok(has_begun.then_some(line));
        }
        has_begun = true;
        let end = buffer.iter().position(|byte| *byte == b'\n');
        let part = &buffer[..end.unwrap_or(buffer.len())];
        if line.as_ref().is_ok_and(|line| longest < line.len() + part.len()) {
            line = Err(TooLong);
        }
        if let Ok(line) = &mut line {
            line.extend_from_slice(part);
        }
        let used = end.map_or(buffer.len(), |end| end + 1);
        source.consume(used);
        if end.is_some() {
            return Ok(Some(line));
        }
    }
}

fn work(lines: &Receiver<Line>, answers: &SyncSender<Answer>) {
    let mut judge = Judge::default();
    for Line { number, text } in lines {
        let bytes = text.as_ref().map_or(0, Vec::len);
        let judged = match text {
            Err(TooLong) => {
                Err(format!("the line is longer than {} MiB, which is the most", LINE_BYTES_MAX >> 20))
            }
            Ok(text) => one(&mut judge, &text, number),
        };
        let is_failed = judged.is_err();
        let mut text =
            judged.unwrap_or_else(|error| json!({"error": error, "line": number}).to_string().into_bytes());
        text.push(b'\n');
        if answers.send(Answer { text, is_failed, bytes }).is_err() {
            return;
        }
    }
}

fn one(judge: &mut Judge, text: &[u8], number: usize) -> Result<Vec<u8>, String> {
    let input = Input::from_json(text, number).map_err(|error| error.to_string())?;
    let judgement = judge.judge(&input).map_err(|error| error.to_string())?;
    serde_json::to_vec(&judgement).map_err(|error| error.to_string())
}

fn write(answers: &[Receiver<Answer>], mut sink: impl Write, budget: &Budget) -> Result<Tally, Trouble> {
    let mut tally = Tally::default();
    let failed = |error: &std::io::Error| Trouble::Output(format!("writing to standard output: {error}"));
    for turn in answers.iter().cycle() {
        let answer = match turn.try_recv() {
            // Whoever reads along gets what there is before we wait.
            Err(TryRecvError::Empty) => match sink.flush() {
                Ok(()) => turn.recv().ok(),
                Err(error) => return if is_gone(&error) { Ok(tally) } else { Err(failed(&error)) },
            },
            answer => answer.ok(),
        };
        // Lines go to the workers in turn: the first that has none left is the end.
        let Some(answer) = answer else { break };
        tally.lines += 1;
        tally.failed += usize::from(answer.is_failed);
        match sink.write_all(&answer.text) {
            Err(error) if is_gone(&error) => return Ok(tally),
            written => written.map_err(|error| failed(&error))?,
        }
        budget.give(answer.bytes);
    }
    match sink.flush() {
        Err(error) if !is_gone(&error) => Err(failed(&error)),
        _ => Ok(tally),
    }
}

fn is_gone(error: &std::io::Error) -> bool {
    error.kind() == std::io::ErrorKind::BrokenPipe
}

/// The bytes under way, and whether anybody still wants them.
#[derive(Default)]
struct Budget {
    state: Mutex<(usize, bool)>,
    changed: Condvar,
}

impl Budget {
    /// Waits until `bytes` may be under way too; false when nothing is wanted any more.
    fn take(&self, bytes: usize) -> bool {
        let mut state = self.state.lock();
        while !state.1 && 0 < state.0 && BYTES_UNDER_WAY_MAX < state.0 + bytes {
            self.changed.wait(&mut state);
        }
        state.0 += bytes;
        !state.1
    }

    fn give(&self, bytes: usize) {
        self.state.lock().0 -= bytes;
        self.changed.notify_one();
    }

    fn close(&self) {
        self.state.lock().1 = true;
        self.changed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn line(points: usize) -> String {
        let values: Vec<usize> = (0..points).collect();
        json!({
            "canaryConfig": {"classifier": {}, "metrics": [{"name": "m", "groups": []}]},
            "scoreThresholds": {"pass": 95, "marginal": 75},
            "metricSetPairList": [{"name": "m", "values": {"experiment": values, "control": [1, 2, 3]}}],
        })
        .to_string()
    }

    fn run(source: &str, workers: usize) -> (Tally, Vec<Value>) {
        let mut sink = Vec::new();
        let tally = judge_lines(source.as_bytes(), &mut sink, workers, &mut Progress::new("lines")).unwrap();
        let answers = String::from_utf8(sink).unwrap();
        (tally, answers.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
    }

    #[test]
    fn answers_come_in_the_order_of_the_lines() {
        // Long and short ones by turns, so that workers overtake each other.
        let sizes: Vec<usize> = (0..600).map(|i| if i % 7 == 0 { 400 } else { 4 + i % 5 }).collect();
        let source: Vec<String> = sizes.iter().map(|size| line(*size)).collect();
        for workers in [1, 2, 5] {
            let (tally, answers) = run(&source.join("\n"), workers);
            assert_eq!(tally, Tally { lines: 600, failed: 0 });
            let count =
                |answer: &Value| answer["results"][0]["experimentMetadata"]["stats"]["count"].as_u64();
            let counts: Vec<usize> = answers.iter().map(|answer| count(answer).unwrap() as usize).collect();
            assert_eq!(counts, sizes, "{workers} workers");
        }
    }

    #[test]
    fn a_bad_line_is_answered_in_its_place() {
        let source = format!("{}\n\n{{\"canaryConfig\": 5}}\r\n{{}}\n{}", line(3), &line(3)[..60]);
        let (tally, answers) = run(&source, 2);
        assert_eq!(tally, Tally { lines: 4, failed: 3 });
        assert!(answers[0]["error"].is_null() && answers[1]["line"] == 3 && answers[3]["line"] == 5);
        let text = answers[1]["error"].as_str().unwrap();
        assert!(text.starts_with("line 3 column 18, at canaryConfig: invalid type"), "{text}");
        assert_eq!(answers[2]["error"], "metricSetPairList is missing: a list of pairs, which may be empty");
    }

    #[test]
    fn a_line_that_is_too_long_is_passed_over() {
        let mut source = std::io::BufReader::with_capacity(3, &b"12345\n123456\n\n1"[..]);
        let mut next = || next_line(&mut source, 5).unwrap();
        assert_eq!(next(), Some(Ok(b"12345".to_vec())));
        assert_eq!(next(), Some(Err(TooLong)));
        assert_eq!((next(), next(), next()), (Some(Ok(vec![])), Some(Ok(b"1".to_vec())), None));
    }

    #[test]
    fn a_sink_that_is_closed_ends_the_work_quietly() {
        struct Closed;
        impl Write for Closed {
            fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
                Err(std::io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        // Endless input.
        let text = format!("{}\n", line(3));
        let endless = std::io::BufReader::new(Endless { text: text.into_bytes(), at: 0 });
        let tally = judge_lines(endless, Closed, 2, &mut Progress::new("lines")).unwrap();
        assert_eq!(tally.lines, 1);
    }

    struct Endless {
        text: Vec<u8>,
        at: usize,
    }

    impl std::io::Read for Endless {
        fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
            for byte in &mut *into {
                *byte = self.text[self.at];
                self.at = (self.at + 1) % self.text.len();
            }
            Ok(into.len())
        }
    }
}
