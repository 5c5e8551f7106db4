//! Messages that nobody waits for.
//!
//! Property: those of one object to one receiver arrive in the order in which they were posted, or not at all; a receiver
//! that hangs holds up its own messages of that object alone; what cannot be sent is counted and told, never kept for ever.
//!
//! Mechanics: each pair of object and receiver is a lane with a queue and one sender, which ends with the queue. A
//! message is tried again for a while, then lost; a full lane loses its oldest. What came of a message that has a topic is
//! told to whoever hears the outbox.

use std::{
    collections::{HashMap, VecDeque},
    fmt,
    sync::Arc,
    time::Duration,
};

use parking_lot::Mutex;
use serin_kernel::{Answer, Call, Heard, Key, Reply};
use tokio::time::{sleep, timeout};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{Caller, address};

/// The waits before a message is tried again: three minutes and a half in all, the time in which a receiver is
/// restarted. News that is older than that is none.
const WAITS: [Duration; 4] =
    [Duration::from_secs(5), Duration::from_secs(20), Duration::from_mins(1), Duration::from_secs(125)];
/// The longest that a receiver may ask to be left alone before a message is tried again; news is older than that soon.
const LEFT_ALONE_MAX: Duration = Duration::from_mins(5);
/// Messages that wait in one lane: a release tells some dozens of events.
const LANE_MAX: usize = 64;
/// Messages that wait in all: at some kilobytes each, some tens of megabytes.
const ALL_MAX: usize = 10_000;

/// An object and the scheme and host of a receiver.
type Lane = (Key, String);

/// Hears what came of an object's messages.
pub type Hearer = Arc<dyn Fn(&Key, Heard) + Send + Sync>;

/// Sends what is posted. Cloning is cheap; clones are the same outbox.
#[derive(Clone)]
pub struct Outbox {
    caller: Arc<dyn Caller>,
    hearer: Option<Hearer>,
    state: Arc<Mutex<State>>,
    senders: TaskTracker,
    /// Cancelled when there is no time left to wait for better days.
    hurry: CancellationToken,
}

/// How an attempt has ended.
struct Ended {
    /// Why the message has not arrived, and whether that may pass.
    failure: Option<(String, bool)>,
    /// How long the receiver wants to be left alone.
    retry_after: Duration,
    answer: Answer,
}

#[derive(Debug, Default)]
struct State {
    lanes: HashMap<Lane, VecDeque<Call>>,
    posted: Posted,
}

/// What became of the messages so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Posted {
    /// Taken by their receivers.
    pub sent: u64,
    /// Attempts after the first.
    pub retried: u64,
    /// Given up.
    pub lost: u64,
    /// Not yet under way.
    pub waiting: usize,
}

impl Outbox {
    /// An empty outbox that sends through `caller`.
    #[must_use]
    pub fn new(caller: Arc<dyn Caller>) -> Self {
        let (senders, hurry) = (TaskTracker::new(), CancellationToken::new());
        Self { caller, hearer: None, state: Arc::default(), senders, hurry }
    }

    /// The same, which tells `hearer` what came of messages with a topic.
    #[must_use]
    pub fn heard_by(self, hearer: Hearer) -> Self {
        Self { hearer: Some(hearer), ..self }
    }

    /// Takes `calls` of the object `from`, to be sent after what it has posted before to the same receiver. Needs a
    /// running tokio runtime.
    pub fn post(&self, from: &Key, calls: Vec<Call>) {
        for call in calls {
            let lane = (from.clone(), address::shown(&call.url));
            if self.state.lock().take_in(&lane, call) {
                let outbox = self.clone();
                self.senders.spawn(async move { outbox.send_all(&lane).await });
            }
        }
    }

    /// What became of the messages so far.
    #[must_use]
    pub fn posted(&self) -> Posted {
        self.state.lock().posted
    }

    /// Waits until all is sent, for at most `limit`, and says how many messages were lost meanwhile. Nothing waits for
    /// better days any more: each message has one more attempt.
    pub async fn drained(&self, limit: Duration) -> u64 {
        let before = self.posted().lost;
        self.hurry.cancel();
        self.senders.close();
        let in_time = timeout(limit, self.senders.wait()).await.is_ok();
        let posted = self.posted();
        // Besides those that wait, each lane has one under way.
        let left = if in_time { 0 } else { posted.waiting + self.senders.len() };
        let lost = posted.lost - before + left as u64;
        if lost > 0 {
            tracing::warn!(lost, "messages could not be sent before the end");
        }
        lost
    }

    async fn send_all(&self, lane: &Lane) {
        loop {
            let next = self.state.lock().next(lane);
            let Some(mut call) = next else { return };
            let topic = call.topic.take();
            let (is_sent, answer) = self.send(lane, call).await;
            {
                let posted = &mut self.state.lock().posted;
                *(if is_sent { &mut posted.sent } else { &mut posted.lost }) += 1;
            }
            if let (Some(topic), Some(hearer)) = (topic, &self.hearer) {
                hearer(&lane.0, Heard { topic, answer });
            }
        }
    }

    /// Whether the message has arrived, and the last answer.
    async fn send(&self, (object, to): &Lane, call: Call) -> (bool, Answer) {
        let mut waits = WAITS.iter();
        loop {
            let is_last = self.hurry.is_cancelled();
            let Ended { failure, retry_after, answer } = ended(&call, self.caller.call(call.clone()).await);
            let Some((why, passes)) = failure else { return (true, answer) };
            let wait = waits.next().filter(|_| passes && !is_last);
            let Some(wait) = wait.map(|wait| retry_after.min(LEFT_ALONE_MAX).max(*wait)) else {
                tracing::warn!(%object, to, "a message is lost: {why}");
                return (false, answer);
            };
            tracing::info!(%object, to, ?wait, "a message is tried again: {why}");
            self.state.lock().posted.retried += 1;
            tokio::select! {
                () = sleep(wait) => {}
                () = self.hurry.cancelled() => {}
            }
        }
    }
}

impl fmt::Debug for Outbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbox").field("state", &self.state).finish_non_exhaustive()
    }
}

fn ended(call: &Call, outcome: Result<Reply, String>) -> Ended {
    let reply = match outcome {
        Ok(reply) => reply,
        Err(why) => {
            let failure = Some((why.clone(), true));
            return Ended { failure, retry_after: Duration::ZERO, answer: Answer::Failed(why) };
        }
    };
    let failure = match reply.status {
        200..300 => call.receipt.refusal(&reply),
        status => Some((format!("{status}: {}", reply.body), Reply::is_retryable(status))),
    };
    Ended { failure, retry_after: reply.retry_after.unwrap_or_default(), answer: Answer::Reply(reply) }
}

impl State {
    /// Takes a message in; whether its lane needs a sender.
    fn take_in(&mut self, lane: &Lane, call: Call) -> bool {
        let is_full = ALL_MAX <= self.posted.waiting;
        let is_new = !self.lanes.contains_key(lane);
        let queue = self.lanes.entry(lane.clone()).or_default();
        if call.latest_only {
            let before = queue.len();
            queue.retain(|waiting| !waiting.latest_only || waiting.topic != call.topic);
            self.posted.waiting -= before - queue.len();
        }
        queue.push_back(call);
        self.posted.waiting += 1;
        if is_full || LANE_MAX < queue.len() {
            queue.pop_front();
            self.posted.waiting -= 1;
            self.posted.lost += 1;
            tracing::warn!(object = %lane.0, to = lane.1, "a message is lost: too many wait before it");
        }
        is_new
    }

    /// The next message of `lane`, which is taken away when there is none.
    fn next(&mut self, lane: &Lane) -> Option<Call> {
        let Some(call) = self.lanes.get_mut(lane)?.pop_front() else {
            self.lanes.remove(lane);
            return None;
        };
        self.posted.waiting -= 1;
        Some(call)
    }
}

#[cfg(test)]
mod tests {
    use futures::future::BoxFuture;
    use serin_kernel::{Kind, Method, Receipt};
    use tokio::time::Instant;

    use super::*;

    /// Answers by the host: `ok`, a status, `busy` or `no` in a good one, `down` or `hangs`.
    #[derive(Debug, Default)]
    struct Fake(Mutex<Vec<(String, u64)>>, Mutex<Option<Instant>>);

    impl Caller for Fake {
        fn call(&self, call: Call) -> BoxFuture<'_, Result<Reply, String>> {
            let start = *self.1.lock().get_or_insert_with(Instant::now);
            self.0.lock().push((call.url.clone(), start.elapsed().as_secs()));
            Box::pin(async move {
                let host = call.url.trim_start_matches("http://").split('/').next().unwrap_or_default();
                match host {
                    "hangs" => std::future::pending().await,
                    "down" => Err("down".to_owned()),
                    "ok" => Ok(Reply::new(200, "")),
                    "busy" => Ok(Reply {
                        retry_after: Some(Duration::from_secs(40)),
                        ..Reply::new(200, r#"{"ok":false,"error":"busy"}"#)
                    }),
                    "no" => Ok(Reply::new(200, r#"{"ok":false,"error":"no"}"#)),
                    status => Ok(Reply::new(status[1..].parse().unwrap(), "")),
                }
            })
        }
    }

    fn key(name: &str) -> Key {
        let kind = Kind::namespaced("g", "v1", "Thing", "things");
        Key { kind, namespace: "n".to_owned(), name: name.to_owned() }
    }

    fn call(url: &str) -> Call {
        let receipt = Receipt::Unless { field: "ok", why: "error", passing: &["busy"] };
        Call { receipt, ..Call::new(Method::Post, url) }
    }

    fn outbox() -> (Outbox, Arc<Fake>) {
        let fake = Arc::new(Fake::default());
        (Outbox::new(fake.clone()), fake)
    }

    #[tokio::test(start_paused = true)]
    async fn what_may_pass_is_tried_for_a_while_and_the_rest_once() {
        for (host, times, lost) in [
            ("ok", vec![0], 0),
            ("down", vec![0, 5, 25, 85, 210], 1),
            ("s503", vec![0, 5, 25, 85, 210], 1),
            ("s403", vec![0], 1),
            // A good status whose body says otherwise, and a receiver that says how long it wants to be left alone.
            ("no", vec![0], 1),
            ("busy", vec![0, 40, 80, 140, 265], 1),
        ] {
            let (outbox, fake) = outbox();
            outbox.post(&key("a"), vec![call(&format!("http://{host}/secret"))]);
            sleep(Duration::from_mins(10)).await;
            let found: Vec<u64> = fake.0.lock().iter().map(|(_, second)| *second).collect();
            assert_eq!(found, times, "{host}");
            let retried = times.len() as u64 - 1;
            assert_eq!(outbox.posted(), Posted { sent: 1 - lost, retried, lost, waiting: 0 }, "{host}");
            assert!(outbox.state.lock().lanes.is_empty());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_lane_keeps_its_order_and_is_in_nobodys_way() {
        let (outbox, fake) = outbox();
        outbox.post(&key("a"), vec![call("http://hangs/1"), call("http://ok/1")]);
        outbox.post(&key("a"), vec![call("http://hangs/2"), call("http://ok/2")]);
        outbox.post(&key("b"), vec![call("http://ok/3")]);
        sleep(Duration::from_mins(1)).await;
        let found: Vec<String> = fake.0.lock().iter().map(|(url, _)| url.clone()).collect();
        let of = |host: &str| found.iter().filter(|url| url.contains(host)).cloned().collect::<Vec<_>>();
        assert_eq!(of("hangs"), ["http://hangs/1"]);
        assert_eq!(of("ok"), ["http://ok/1", "http://ok/2", "http://ok/3"]);
        assert_eq!(outbox.posted(), Posted { sent: 3, waiting: 1, ..Posted::default() });
    }

    #[tokio::test(start_paused = true)]
    async fn what_came_of_a_message_is_told_to_whoever_wants_to_know() {
        let (outbox, _) = outbox();
        let told = Arc::new(Mutex::new(Vec::new()));
        let log = told.clone();
        let outbox = outbox.heard_by(Arc::new(move |from: &Key, heard: Heard| {
            log.lock().push((from.name.clone(), heard));
        }));
        let asking = ["ok", "no", "down"].map(|host| call(&format!("http://{host}/")).about(host));
        outbox.post(&key("a"), asking.into_iter().chain([call("http://ok/")]).collect());
        sleep(Duration::from_mins(10)).await;
        let no = Reply::new(200, r#"{"ok":false,"error":"no"}"#);
        let expected = [
            ("ok", Answer::Reply(Reply::new(200, ""))),
            ("no", Answer::Reply(no)),
            ("down", Answer::Failed("down".to_owned())),
        ]
        .map(|(topic, answer)| ("a".to_owned(), Heard { topic: topic.to_owned(), answer }));
        assert_eq!(*told.lock(), expected);
    }

    #[tokio::test(start_paused = true)]
    async fn of_those_that_only_the_latest_counts_of_one_waits() {
        let (outbox, fake) = outbox();
        let at = |path: &str, topic: &str| Call {
            latest_only: true,
            ..call(&format!("http://s503/{path}")).about(topic)
        };
        let all =
            [call("http://s503/first"), at("1", "x"), at("2", "y"), call("http://s503/last"), at("3", "x")];
        outbox.post(&key("a"), all.into());
        assert_eq!(outbox.posted(), Posted { waiting: 4, ..Posted::default() });
        outbox.drained(Duration::from_secs(9)).await;
        let found: Vec<String> =
            fake.0.lock().iter().map(|(url, _)| url.replace("http://s503/", "")).collect();
        assert_eq!(found, ["first", "2", "last", "3"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_lane_loses_its_oldest() {
        let (outbox, fake) = outbox();
        let many = (0..=LANE_MAX + 2).map(|number| call(&format!("http://s503/{number}"))).collect();
        outbox.post(&key("a"), many);
        assert_eq!((outbox.posted().waiting, outbox.posted().lost), (LANE_MAX, 3));
        sleep(Duration::from_secs(1)).await;
        assert_eq!(fake.0.lock()[0].0, "http://s503/3");
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_outbox_takes_no_more_and_recovers() {
        let (outbox, _) = outbox();
        for number in 0..=ALL_MAX {
            outbox.post(&key(&number.to_string()), vec![call("http://ok/")]);
        }
        assert_eq!((outbox.posted().waiting, outbox.posted().lost), (ALL_MAX, 1));
        assert_eq!(outbox.drained(Duration::from_secs(1)).await, 0);
        assert_eq!(outbox.posted(), Posted { sent: ALL_MAX as u64, lost: 1, ..Posted::default() });
    }

    #[tokio::test(start_paused = true)]
    async fn the_end_waits_for_what_is_under_way_but_not_for_better_days() {
        let (outbox, fake) = outbox();
        outbox.post(&key("a"), vec![call("http://down/"), call("http://ok/")]);
        sleep(Duration::from_secs(1)).await;
        let start = Instant::now();
        assert_eq!(outbox.drained(Duration::from_secs(9)).await, 1);
        assert_eq!((start.elapsed(), fake.0.lock().len()), (Duration::ZERO, 3));
        outbox.post(&key("b"), vec![call("http://hangs/1"), call("http://hangs/2")]);
        assert_eq!(outbox.drained(Duration::from_secs(9)).await, 2);
        assert_eq!(start.elapsed(), Duration::from_secs(9));
    }
}
