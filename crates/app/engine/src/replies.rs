//! Answers to an object's messages that its planner has not seen yet. Pure.
//!
//! Property: they are few, short and young, whatever is answered and whether or not anybody comes for them; one is given
//! again when the pass that saw it was stopped.

use std::{collections::VecDeque, time::Duration};

use serin_kernel::{Answer, Heard};
use tokio::time::Instant;

/// Answers that wait for one object: a release has some dozens of messages.
const REPLIES_MAX: usize = 32;
/// Bytes of an answer that are kept: what a planner must know of one is some names and numbers.
const BYTES_MAX: usize = 16 << 10;
/// The age at which an answer is none: nobody has come for it, because the object is frozen or its passes are stopped.
const AGE_MAX: Duration = Duration::from_mins(10);

/// The answers of one object, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Replies {
    waiting: VecDeque<(Instant, Heard)>,
}

impl Replies {
    /// Takes in what came at `now`; the oldest gives way when there are too many.
    pub(crate) fn take_in(&mut self, mut heard: Heard, now: Instant) {
        match &mut heard.answer {
            Answer::Reply(reply) => shorten(&mut reply.body),
            Answer::Failed(why) => shorten(why),
            Answer::Object(_) | Answer::Text(_) => {}
        }
        self.waiting.push_back((now, heard));
        self.bound();
    }

    /// Whether none waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Gives all that are young at `now`, for a pass.
    pub(crate) fn give(&mut self, now: Instant) -> Vec<(Instant, Heard)> {
        let young = |(at, _): &(Instant, Heard)| now.saturating_duration_since(*at) < AGE_MAX;
        std::mem::take(&mut self.waiting).into_iter().filter(young).collect()
    }

    /// Takes back what a pass that was stopped had been given.
    pub(crate) fn take_back(&mut self, given: Vec<(Instant, Heard)>) {
        given.into_iter().rev().for_each(|one| self.waiting.push_front(one));
        self.bound();
    }

    fn bound(&mut self) {
        let surplus = self.waiting.len().saturating_sub(REPLIES_MAX);
        self.waiting.drain(..surplus);
    }
}

fn shorten(text: &mut String) {
    let mut end = text.len().min(BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
}

#[cfg(test)]
mod tests {
    use serin_kernel::Reply;

    use super::*;

    fn heard(topic: usize, body: &str) -> Heard {
        Heard { topic: topic.to_string(), answer: Answer::Reply(Reply::new(200, body)) }
    }

    fn topics(given: &[(Instant, Heard)]) -> Vec<usize> {
        given.iter().map(|(_, heard)| heard.topic.parse().unwrap()).collect()
    }

    #[test]
    fn answers_are_few_short_and_young() {
        let (mut replies, start) = (Replies::default(), Instant::now());
        for topic in 0..REPLIES_MAX + 3 {
            replies.take_in(
                heard(topic, &"\u{e4}".repeat(BYTES_MAX)),
                start + Duration::from_secs(topic as u64),
            );
        }
        let given = replies.give(start + AGE_MAX + Duration::from_secs(4));
        assert_eq!(topics(&given), (5..REPLIES_MAX + 3).collect::<Vec<_>>());
        let Answer::Reply(reply) = &given[0].1.answer else { panic!("a reply") };
        assert_eq!(reply.body.len(), BYTES_MAX);
        assert!(replies.give(start).is_empty());
    }

    #[test]
    fn what_a_stopped_pass_was_given_comes_again_before_what_is_newer() {
        let (mut replies, now) = (Replies::default(), Instant::now());
        replies.take_in(heard(1, ""), now);
        replies.take_in(heard(2, ""), now);
        let given = replies.give(now);
        replies.take_in(heard(3, ""), now);
        replies.take_back(given);
        assert_eq!(topics(&replies.give(now)), [1, 2, 3]);
    }
}
