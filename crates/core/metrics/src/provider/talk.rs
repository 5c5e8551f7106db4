//! A conversation with more than one server, told as one straight story.
//!
//! Mechanics: the story is told from its beginning with each answer more; where an answer is missing it stops with the
//! question.

use serin_kernel::{Answer, Call, Object, Question, Reply};

use super::http::accepted;
use super::{Step, Token};
use crate::Error;
use crate::sample::excerpt;

/// The answers so far, taken one after the other.
pub(super) struct Talk<'a> {
    answers: &'a [Answer],
    next: usize,
}

/// Why the story does not go on.
#[derive(Debug)]
pub(super) enum Stop {
    /// This has to be answered first.
    Ask(Box<Question>),
    /// This too, and the answer is good for whoever asks the same provider.
    Share(Box<Question>),
    /// It cannot.
    Wrong(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Wrong(error)
    }
}

/// Tells a story with the answers so far.
pub(super) fn tell<'a, T>(
    answers: &'a [Answer],
    story: impl FnOnce(&mut Talk<'a>) -> Result<T, Stop>,
) -> Result<Step<T>, Error> {
    match story(&mut Talk { answers, next: 0 }) {
        Ok(done) => Ok(Step::Done(done)),
        Err(Stop::Ask(question)) => Ok(Step::Ask(*question)),
        Err(Stop::Share(question)) => Ok(Step::Share(*question)),
        Err(Stop::Wrong(error)) => Err(error),
    }
}

impl<'a> Talk<'a> {
    fn ask(&mut self, question: Question, stop: fn(Box<Question>) -> Stop) -> Result<&'a Answer, Stop> {
        let answer = self.answers.get(self.next).ok_or_else(|| stop(Box::new(question)))?;
        self.next += 1;
        match answer {
            Answer::Failed(why) => Err(Error::Unanswered(excerpt(why)).into()),
            other => Ok(other),
        }
    }

    /// What a server answers, be it a refusal.
    pub(super) fn call(&mut self, call: Call) -> Result<&'a Reply, Stop> {
        replied(self.ask(Question::Call(call), Stop::Ask)?)
    }

    /// The body of an answer that is no refusal.
    pub(super) fn body(&mut self, call: Call) -> Result<&'a str, Stop> {
        Ok(accepted(self.call(call)?)?)
    }

    /// The same of a server that gives credentials.
    pub(super) fn credentials(&mut self, call: Call) -> Result<&'a str, Stop> {
        Ok(accepted(replied(self.ask(Question::Call(call), Stop::Share)?)?)?)
    }

    /// An object of the cluster, if it is there.
    pub(super) fn object(&mut self, key: serin_kernel::Key) -> Result<Option<&'a Object>, Stop> {
        match self.ask(Question::Read(key), Stop::Ask)? {
            Answer::Object(object) => Ok(object.as_ref()),
            _ => Err(Error::Unanswered("an object was answered with something else".to_owned()).into()),
        }
    }

    /// The token itself.
    pub(super) fn token(&mut self, token: &Token) -> Result<String, Stop> {
        match token {
            Token::Text(text) => Ok(text.trim().to_owned()),
            Token::File(path) => match self.ask(Question::File(path.clone()), Stop::Share)? {
                Answer::Text(text) => Ok(text.trim().to_owned()),
                _ => Err(Error::Unanswered("a file was answered with something else".to_owned()).into()),
            },
        }
    }
}

fn replied(answer: &Answer) -> Result<&Reply, Stop> {
    match answer {
        Answer::Reply(reply) => Ok(reply),
        _ => Err(Error::Unanswered("a call has no answer of a server".to_owned()).into()),
    }
}
