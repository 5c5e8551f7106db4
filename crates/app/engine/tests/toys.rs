//! The engine serves two kinds that it has never heard of, and none of them can hold up the other.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use futures::{future::BoxFuture, stream::BoxStream};
use serde_json::{Value, json};
use serin_cluster::{Api, Call, Cluster, Failure, Listed, Scope, Seen, Settings, clock};
use serin_engine::{Engine, Options};
use serin_kernel::{
    Act, Answer, Answers, Ask, Change, Event, Freeze, Interest, Key, Kind, Measure, Method, Moment, Object,
    Observed, Plan, Planner, Propagation, Question, Reading, Write,
};
use serin_memory::MemoryApi;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

const TOY: Kind = Kind::namespaced("toys.example", "v1", "Toy", "toys");
const PART: Kind = Kind::namespaced("toys.example", "v1", "Part", "parts");
const ALARM: Kind = Kind::namespaced("toys.example", "v1", "Alarm", "alarms");

/// Keeps `spec.size` parts, and writes how many there are. `spec.mood` makes it misbehave.
#[derive(Default)]
struct Toys {
    plans: Arc<AtomicU32>,
}

/// Says something once, and writes down what it is answered; a word to nobody is answered by nobody.
fn talk(observed: &Observed) -> Act {
    let (toy, size) = (&observed.object, &observed.object.value()["spec"]["size"]);
    let mut act = Act { keep: Some(json!("said")), ..Act::default() };
    if let Some(serin_kernel::Heard { topic, answer: Answer::Reply(reply) }) = observed.replies.first() {
        let status = json!({"status": {"heard": format!("{topic}: {}", reply.body)}});
        act.writes.push(Write::same(toy, Change::MergeStatus(status)));
    } else if observed.kept.is_none() {
        let call = |to: &str| serin_kernel::Call::new(Method::Post, format!("http://{to}/"));
        act.calls = vec![call("nobody").about("a question"), call("echo").about("a word")];
    }
    act.writes.push(Write::same(toy, Change::MergeStatus(json!({"status": {"parts": size}}))));
    act
}

/// Wants nothing for an hour, whether or not it talks.
fn settle(observed: &Observed, mood: &str, now: Moment) -> Act {
    let act = if mood == "settled" { Act::default() } else { talk(observed) };
    Act { wake: Some(now.plus(Duration::from_hours(1))), is_settled: true, ..act }
}

/// Counts one and shows one, and writes.
fn count(toy: &Object) -> Act {
    let measure = |name, reading| Measure { name, labels: Vec::new(), reading };
    Act {
        measures: vec![measure("toys_done", Reading::Count(1.0)), measure("toys_now", Reading::Gauge(1.0))],
        writes: vec![Write::same(toy, Change::MergeStatus(json!({"status": {"parts": 0}})))],
        ..Act::default()
    }
}

impl Planner for Toys {
    fn kind(&self) -> Kind {
        TOY
    }

    fn interests(&self, _: &Object) -> Vec<Interest> {
        vec![Interest::Owned(PART)]
    }

    /// The part that the toy names, and those that parts name.
    fn further_interests(&self, observed: &Observed) -> Vec<Interest> {
        let bodies = std::iter::once(observed.object.value()).chain(observed.all(PART).map(Object::value));
        bodies
            .filter_map(|body| Some(Interest::Named(PART.key("n", body["spec"]["next"].as_str()?))))
            .collect()
    }

    fn depth(&self, object: &Object) -> usize {
        object.value()["spec"]["depth"].as_u64().unwrap_or(1) as usize
    }

    fn plan(&self, observed: &Observed, answers: &Answers, now: Moment) -> Plan {
        self.plans.fetch_add(1, Ordering::AcqRel);
        let (toy, body) = (&observed.object, observed.object.value());
        let mut act = Act::default();
        match body["spec"]["mood"].as_str() {
            Some("chain") => {
                let status = json!({"status": {"seen": observed.all(PART).count()}});
                act.writes.push(Write::same(toy, Change::MergeStatus(status)));
                return Plan::Act(act);
            }
            Some("panic") => panic!("a toy breaks"),
            Some(mood @ ("settled" | "settled-talk")) => return Plan::Act(settle(observed, mood, now)),
            Some("count") => return Plan::Act(count(toy)),
            Some("storm") => {
                let flip = !body["status"]["flip"].as_bool().unwrap_or(false);
                act.writes.push(Write::same(toy, Change::MergeStatus(json!({"status": {"flip": flip}}))));
                return Plan::Act(act);
            }
            Some("ask") => {
                let ask = Ask { id: answers.len().to_string(), question: Question::Read(PART.key("n", "x")) };
                return Plan::Ask(vec![ask]);
            }
            Some(mood @ ("ask-others" | "ask-echo")) if answers.is_empty() => {
                let host = mood.trim_start_matches("ask-");
                let call = serin_kernel::Call::new(Method::Get, format!("http://{host}/"));
                return Plan::Ask(vec![Ask { id: "x".to_owned(), question: Question::Call(call) }]);
            }
            Some("talk") => return Plan::Act(talk(observed)),
            Some("ask-file") if answers.is_empty() => {
                let path = body["spec"]["path"].as_str().unwrap_or_default().to_owned();
                return Plan::Ask(vec![Ask { id: "file".to_owned(), question: Question::File(path) }]);
            }
            Some("ask-once") if answers.is_empty() => {
                let question = Question::Read(PART.key("n", "x"));
                return Plan::Ask(vec![Ask { id: "x".to_owned(), question }]);
            }
            _ => {}
        }
        if let Some(Answer::Object(part)) = answers.get("x") {
            let status = json!({"status": {"seen": part.is_some()}});
            act.writes.push(Write::same(toy, Change::MergeStatus(status)));
            return Plan::Act(act);
        }
        if let Some(answer) = answers.get("file") {
            let status = json!({"status": {"answer": format!("{answer:?}")}});
            act.writes.push(Write::same(toy, Change::MergeStatus(status)));
            return Plan::Act(act);
        }
        let size = body["spec"]["size"].as_u64().unwrap_or(0);
        let parts: Vec<&Object> = observed.owned(PART).collect();
        for index in parts.len() as u64..size {
            let key = PART.key(&toy.meta().namespace, format!("{}-{index}", toy.meta().name));
            let owner = json!([{"apiVersion": TOY.api_version(), "kind": "Toy", "name": toy.meta().name, "uid": toy.meta().uid, "controller": true}]);
            let part = json!({"metadata": {"name": key.name, "ownerReferences": owner}});
            let event = Event::normal(toy.reference(), "PartCreated", format!("Created part {}", key.name));
            act.writes.push(Write::new(key, Change::Create(part)).telling(event));
        }
        for part in parts.iter().skip(size as usize) {
            act.writes.push(Write::same(part, Change::Delete(Propagation::Background)));
        }
        if let Some(refused) = &observed.refused {
            let status = json!({"status": {"problem": refused.message}});
            act.writes.insert(0, Write::same(toy, Change::MergeStatus(status)));
        }
        let labels = json!({"metadata": {"labels": {"size": size.to_string()}}});
        act.writes.push(Write::unchanged(toy, Change::Merge(labels)));
        act.writes.push(Write::unchanged(toy, Change::MergeStatus(json!({"status": {"parts": size}}))));
        Plan::Act(act)
    }

    fn freeze(&self, object: &Object, cause: &Freeze, _: Moment) -> Act {
        let status = json!({"status": {"frozen": format!("{cause:?}")}});
        Act { writes: vec![Write::same(object, Change::MergeStatus(status))], ..Act::default() }
    }
}

/// Writes when it rang, at `spec.at` seconds.
struct Alarms;

impl Planner for Alarms {
    fn kind(&self) -> Kind {
        ALARM
    }

    fn concerns(&self, object: &Object) -> bool {
        !object.meta().labels.contains_key("others")
    }

    fn interests(&self, _: &Object) -> Vec<Interest> {
        Vec::new()
    }

    fn plan(&self, observed: &Observed, _: &Answers, now: Moment) -> Plan {
        let body = observed.object.value();
        let at = Moment::from_secs(body["spec"]["at"].as_i64().unwrap());
        if body["status"]["rang"].is_i64() {
            return Plan::Act(Act::default());
        }
        if now < at {
            return Plan::Act(Act { wake: Some(at), ..Act::default() });
        }
        let rang = json!({"status": {"rang": now.as_secs()}});
        Plan::Act(Act {
            writes: vec![Write::unchanged(&observed.object, Change::MergeStatus(rang))],
            ..Act::default()
        })
    }

    fn freeze(&self, _: &Object, _: &Freeze, _: Moment) -> Act {
        Act::default()
    }
}

/// Never replies, but at `http://echo/`.
#[derive(Debug)]
struct Silent;

impl serin_calls::Caller for Silent {
    fn call(&self, call: serin_kernel::Call) -> BoxFuture<'_, Result<serin_kernel::Reply, String>> {
        if call.url == "http://echo/" {
            return Box::pin(async { Ok(serin_kernel::Reply::new(200, "a word back")) });
        }
        Box::pin(std::future::pending())
    }
}

struct World {
    api: MemoryApi,
    cluster: Cluster,
    engine: Engine,
    plans: Arc<AtomicU32>,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

/// Virtual time between two looks at a condition.
const POLL: Duration = Duration::from_millis(25);
const START: i64 = 1_700_000_000;

impl World {
    fn new(prepare: impl FnOnce(&MemoryApi)) -> Self {
        Self::behind(prepare, |api| Arc::new(api))
    }

    /// A world whose cluster reaches the API through `door`.
    fn behind(prepare: impl FnOnce(&MemoryApi), door: impl FnOnce(MemoryApi) -> Arc<dyn Api>) -> Self {
        Self::run(prepare, door, Options::default())
    }

    /// A world whose engine runs so, with a caller that mostly never replies.
    fn run(
        prepare: impl FnOnce(&MemoryApi),
        door: impl FnOnce(MemoryApi) -> Arc<dyn Api>,
        options: Options,
    ) -> Self {
        let api = MemoryApi::new();
        prepare(&api);
        let settings = Settings::new(clock::from_start(Moment::from_secs(START)));
        let stop = CancellationToken::new();
        let cluster = Cluster::new(door(api.clone()), settings, CancellationToken::new());
        let toys = Toys::default();
        let plans = toys.plans.clone();
        let planners: Vec<Box<dyn Planner>> = vec![Box::new(toys), Box::new(Alarms)];
        let options = Options { caller: Arc::new(Silent), ..options };
        let engine = Engine::new(cluster.clone(), planners, &options).unwrap();
        let (running, token) = (engine.clone(), stop.clone());
        let task = tokio::spawn(async move { running.run(token).await });
        Self { api, cluster, engine, plans, stop, task }
    }

    async fn until(&self, what: &str, key: &Key, test: impl Fn(&Value) -> bool) -> Value {
        let wait = async {
            loop {
                if let Some(value) = self.api.get(key).filter(&test) {
                    return value;
                }
                sleep(POLL).await;
            }
        };
        let found = timeout(Duration::from_mins(30), wait).await;
        found.unwrap_or_else(|_| panic!("never came: {what}; at last {:?}", self.api.get(key)))
    }

    /// Lets everything settle, and counts requests and plans from then on.
    async fn rest(&self) -> (Vec<String>, u32) {
        sleep(Duration::from_mins(2)).await;
        let _ = self.api.requests();
        self.plans.store(0, Ordering::Release);
        sleep(Duration::from_hours(1)).await;
        (self.api.requests(), self.plans.load(Ordering::Acquire))
    }
}

fn toy(name: &str) -> Key {
    TOY.key("n", name)
}

fn sized(size: u64) -> Value {
    json!({"spec": {"size": size}})
}

fn parts(value: &Value) -> Option<u64> {
    value["status"]["parts"].as_u64()
}

#[tokio::test(start_paused = true)]
async fn a_toy_becomes_what_it_should_be_and_then_costs_nothing() {
    let world = World::new(|api| api.put(&toy("a"), sized(3)));
    world.until("three parts", &toy("a"), |toy| parts(toy) == Some(3)).await;
    world.api.put(&toy("b"), sized(1));
    world.until("one part", &toy("b"), |toy| parts(toy) == Some(1)).await;
    world.api.take(&PART.key("n", "a-1"));
    let wait = async {
        while world.api.get(&PART.key("n", "a-2")).is_none() || world.api.all(PART).len() != 4 {
            sleep(POLL).await;
        }
    };
    timeout(Duration::from_mins(1), wait)
        .await
        .expect_err("a-2 exists, so creating it is refused, not doubled");
    world.api.edit(&toy("a"), |toy| toy["spec"]["size"] = json!(2));
    world.until("two parts", &toy("a"), |toy| parts(toy) == Some(2)).await;
    let (requests, plans) = world.rest().await;
    assert!(requests.iter().all(|request| request.starts_with("watch ")), "{requests:?}");
    assert_eq!(plans, 0);
    let (told, dropped) = world.cluster.events();
    assert_eq!((told.len(), dropped), (2, 0), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn a_message_that_asks_for_it_is_answered_once_and_one_that_is_not_answered_holds_nobody_up() {
    let world = World::new(|api| api.put(&toy("a"), json!({"spec": {"mood": "talk", "size": 1}})));
    let heard = |toy: &Value| toy["status"]["heard"] == json!("a word: a word back");
    world.until("the answer", &toy("a"), heard).await;
    world.api.edit(&toy("a"), |toy| toy["spec"]["size"] = json!(2));
    world.until("what was edited", &toy("a"), |toy| parts(toy) == Some(2)).await;
    assert_eq!(world.rest().await.1, 0, "an answer is given once");
    // An object that is gone is not woken by an answer, and is not planned again.
    world.api.take(&toy("a"));
    assert_eq!(world.rest().await.1, 0);
}

#[tokio::test(start_paused = true)]
async fn what_a_stopped_pass_has_said_and_counted_is_said_and_counted_when_it_is_carried_out() {
    let refused =
        || Failure::Refused { code: 403, reason: "Forbidden".to_owned(), message: "not you".to_owned() };
    let world = World::new(|_| ());
    world.cluster.ensure(TOY);
    sleep(Duration::from_secs(1)).await;
    world.api.fail_calls("toys", refused(), 3);
    world.api.put(&toy("a"), json!({"spec": {"mood": "talk", "size": 1}}));
    let heard = |toy: &Value| toy["status"]["heard"] == json!("a word: a word back");
    world.until("the answer", &toy("a"), heard).await;

    world.api.fail_calls("toys", refused(), 3);
    world.api.put(&toy("b"), json!({"spec": {"mood": "count"}}));
    world.until("the end", &toy("b"), |toy| parts(toy) == Some(0)).await;
    sleep(Duration::from_secs(1)).await;
    let measured = world.engine.snapshot().measured.series;
    let shown = |name: &str| measured[name].values().next().cloned();
    // The echo of the write is a pass more.
    assert_eq!(shown("toys_done"), Some(serin_engine::MeasuredValue::Counter(2.0)));
    assert_eq!(shown("toys_now"), Some(serin_engine::MeasuredValue::Gauge(1.0)));
}

#[tokio::test(start_paused = true)]
async fn two_writes_of_one_pass_to_one_object_do_not_conflict() {
    let world = World::new(|api| api.put(&toy("a"), sized(0)));
    world.until("both writes", &toy("a"), |toy| parts(toy) == Some(0)).await;
    let patches = world.api.requests().iter().filter(|request| request.starts_with("patch")).count();
    assert_eq!((patches, world.engine.snapshot().conflicts), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn a_timer_rings_at_its_time_and_a_second_kind_needs_nothing_of_the_engine() {
    let world = World::new(|api| {
        api.put(&ALARM.key("n", "late"), json!({"spec": {"at": START + 600}}));
        api.put(&ALARM.key("n", "soon"), json!({"spec": {"at": START + 60}}));
        api.put(&ALARM.key("n", "past"), json!({"spec": {"at": START - 60}}));
        api.put(
            &ALARM.key("n", "foreign"),
            json!({"metadata": {"labels": {"others": ""}}, "spec": {"at": START}}),
        );
    });
    for (name, at) in [("past", START), ("soon", START + 60), ("late", START + 600)] {
        let alarm =
            world.until("ring", &ALARM.key("n", name), |alarm| alarm["status"]["rang"].is_i64()).await;
        assert_eq!(alarm["status"]["rang"], json!(at), "{name}");
    }
    let lateness = &world.engine.snapshot().kinds["alarms"].lateness;
    assert_eq!((lateness.total(), lateness.counts[0]), (2, 2), "{lateness:?}");
    assert!(world.api.get(&ALARM.key("n", "foreign")).unwrap().get("status").is_none());
}

#[tokio::test(start_paused = true)]
async fn what_is_settled_hears_of_nothing_but_its_time_and_what_is_wanted_of_it() {
    let world = World::new(|api| api.put(&toy("a"), json!({"spec": {"mood": "settled"}})));
    let plans = async || {
        sleep(Duration::from_mins(1)).await;
        world.plans.load(Ordering::Acquire)
    };
    assert_eq!(plans().await, 1);
    let owner = json!([{"uid": world.api.get(&toy("a")).unwrap()["metadata"]["uid"], "controller": true}]);
    world.api.put(&PART.key("n", "p"), json!({"metadata": {"ownerReferences": owner}}));
    world.api.edit(&toy("a"), |toy| toy["status"] = json!({"of": "others"}));
    assert_eq!(plans().await, 1, "a part, and a status");
    world.api.edit(&toy("a"), |toy| toy["spec"]["size"] = json!(1));
    assert_eq!(plans().await, 2, "something else is wanted");
    sleep(Duration::from_hours(1)).await;
    assert_eq!(plans().await, 3, "its time has come");
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_heard_at_once_though_all_is_settled() {
    let world = World::new(|api| api.put(&toy("a"), json!({"spec": {"mood": "settled-talk"}})));
    sleep(Duration::from_mins(1)).await;
    assert_eq!(world.api.get(&toy("a")).unwrap()["status"]["heard"], json!("a word: a word back"));
    let plans = world.plans.load(Ordering::Acquire);
    world.api.edit(&toy("a"), |toy| toy["status"]["of"] = json!("others"));
    sleep(Duration::from_mins(1)).await;
    assert_eq!(world.plans.load(Ordering::Acquire), plans, "and then nothing again");
}

#[tokio::test(start_paused = true)]
async fn a_bad_object_is_frozen_says_so_and_thaws_when_it_is_changed() {
    for (mood, says) in [("panic", "a toy breaks"), ("storm", "Storm"), ("ask", "Endless")] {
        let world = World::new(|api| {
            api.put(&toy("bad"), json!({"spec": {"mood": mood}}));
            api.put(&toy("good"), sized(2));
        });
        let frozen = |toy: &Value| toy["status"]["frozen"].as_str().is_some_and(|cause| cause.contains(says));
        world.until(mood, &toy("bad"), frozen).await;
        world.until("the good one is served", &toy("good"), |toy| parts(toy) == Some(2)).await;
        let (requests, plans) = world.rest().await;
        assert!(requests.iter().all(|request| request.starts_with("watch ")), "{mood}: {requests:?}");
        assert_eq!(plans, 0, "{mood}");
        assert!(world.engine.snapshot().objects[&toy("bad")].frozen);
        world.api.edit(&toy("bad"), |toy| toy["spec"] = json!({"size": 1}));
        world.until("mended", &toy("bad"), |toy| parts(toy) == Some(1)).await;
        assert!(!world.engine.snapshot().objects[&toy("bad")].frozen);
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_named_by_what_is_named_is_seen_as_deep_as_the_planner_says() {
    for depth in 1..=3 {
        let world = World::new(|api| {
            for (name, next) in [("a", "b"), ("b", "c"), ("c", "d")] {
                api.put(&PART.key("n", name), json!({"spec": {"next": next}}));
            }
            api.put(&toy("t"), json!({"spec": {"mood": "chain", "next": "a", "depth": depth}}));
        });
        world.until("seen", &toy("t"), |toy| toy["status"]["seen"] == json!(depth)).await;
        // What is seen deep below wakes the planner too.
        if depth == 3 {
            world.api.edit(&PART.key("n", "b"), |part| part["spec"]["next"] = json!("none"));
            world.until("the chain is shorter", &toy("t"), |toy| toy["status"]["seen"] == 2).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn endless_questions_are_answered_so_many_times() {
    let world = World::new(|api| api.put(&toy("a"), json!({"spec": {"mood": "ask"}})));
    world.until("endless", &toy("a"), |toy| toy["status"]["frozen"].is_string()).await;
    let answered = world.api.requests().iter().filter(|request| *request == "get parts x").count();
    assert_eq!(
        answered,
        serin_kernel::ROUNDS_MAX as usize,
        "an answer that nobody will hear is not asked for"
    );
}

/// Panics in the middle of the first changes, as a defect outside every planner would.
struct Trapdoor {
    api: MemoryApi,
    opens: AtomicU32,
}

impl Api for Trapdoor {
    fn list<'a>(&'a self, scope: &'a Scope, next: Option<&'a str>) -> BoxFuture<'a, Result<Listed, Failure>> {
        self.api.list(scope, next)
    }

    fn watch<'a>(
        &'a self,
        scope: &'a Scope,
        since: &'a str,
        patience: Duration,
    ) -> BoxFuture<'a, Result<BoxStream<'static, Result<Seen, Failure>>, Failure>> {
        self.api.watch(scope, since, patience)
    }

    fn read<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Value, Failure>> {
        self.api.read(key)
    }

    fn call<'a>(&'a self, call: &'a Call) -> BoxFuture<'a, Result<Value, Failure>> {
        let opens = self.opens.fetch_update(Ordering::AcqRel, Ordering::Acquire, |left| left.checked_sub(1));
        assert!(call.target.kind != PART || opens.is_err(), "the floor gives way");
        self.api.call(call)
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_outside_planning_does_not_hold_an_object_up_for_ever() {
    let world = World::behind(
        |api| api.put(&toy("a"), sized(2)),
        |api| Arc::new(Trapdoor { api, opens: AtomicU32::new(3) }),
    );
    world.until("tried again", &toy("a"), |toy| parts(toy) == Some(2)).await;
    let stats = world.engine.snapshot();
    assert_eq!((stats.objects[&toy("a")].errors, stats.kinds["toys"].running), (3, 0));
}

#[tokio::test(start_paused = true)]
async fn a_planner_hears_of_a_servers_error_that_lasts() {
    let webhook =
        |code| Failure::Unreachable { code, message: "failed calling webhook".to_owned(), retry_after: None };
    for (case, failure, times, told) in [
        ("a hiccup", webhook(500), 4, false),
        ("a webhook that is down", webhook(500), 5, true),
        ("a server that is not there", webhook(503), 9, false),
        ("no answer", Failure::unreachable("cut"), 9, false),
    ] {
        let world = World::new(|_| ());
        world.cluster.ensure(PART);
        sleep(Duration::from_secs(1)).await;
        world.api.fail_calls("parts", failure, times);
        world.api.put(&toy("a"), sized(2));
        let done = world.until(case, &toy("a"), |toy| parts(toy) == Some(2)).await;
        let problem = done["status"].get("problem");
        assert_eq!(problem, told.then_some(&json!("failed calling webhook")), "{case}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_question_is_answered_past_the_cache() {
    let world = World::new(|api| api.put(&toy("a"), json!({"spec": {"mood": "ask-once"}})));
    world.until("no such part", &toy("a"), |toy| toy["status"]["seen"] == json!(false)).await;
    world.api.put(&PART.key("n", "x"), json!({}));
    world.api.edit(&toy("a"), |toy| toy["spec"]["again"] = json!(1));
    world.until("the part", &toy("a"), |toy| toy["status"]["seen"] == json!(true)).await;
}

#[tokio::test]
async fn a_file_of_the_controllers_own_is_an_answer() {
    let path = std::env::temp_dir().join(format!("serin-engine-{}", std::process::id()));
    std::fs::write(&path, "token").unwrap();
    let asking = |path: &str| json!({"spec": {"mood": "ask-file", "path": path}});
    let world = World::new(|api| api.put(&toy("a"), asking(path.to_str().unwrap())));
    let has = |text: &'static str| {
        move |toy: &Value| toy["status"]["answer"].as_str().is_some_and(|answer| answer.starts_with(text))
    };
    world.until("the text", &toy("a"), has("Text(\"token\")")).await;
    std::fs::remove_file(&path).unwrap();
    world.api.edit(&toy("a"), |toy| toy["spec"]["again"] = json!(1));
    world.until("why there is none", &toy("a"), has("Failed(")).await;
}

#[tokio::test(start_paused = true)]
async fn each_failure_is_survived() {
    let refusal =
        Failure::Refused { code: 403, reason: "Forbidden".to_owned(), message: "not you".to_owned() };
    let slow = Failure::Unreachable {
        code: 429,
        message: "later".to_owned(),
        retry_after: Some(Duration::from_secs(7)),
    };
    for (case, failure, times, at_least) in [
        ("conflict", Failure::Conflict { message: "changed".to_owned() }, 5, Duration::ZERO),
        ("refusal", refusal.clone(), 9, Duration::from_secs(1)),
        ("cut", Failure::unreachable("cut"), 9, Duration::from_secs(1)),
        ("retry after", slow, 2, Duration::from_secs(14)),
        ("not found", Failure::NotFound { message: "namespace gone".to_owned() }, 5, Duration::ZERO),
    ] {
        let world = World::new(|_| ());
        world.cluster.ensure(PART);
        sleep(Duration::from_secs(1)).await;
        world.api.fail_calls("parts", failure, times);
        let start = Instant::now();
        world.api.put(&toy("a"), sized(2));
        let done = world.until(case, &toy("a"), |toy| parts(toy) == Some(2)).await;
        assert!(
            at_least <= start.elapsed() && start.elapsed() < Duration::from_mins(2),
            "{case} {:?}",
            start.elapsed()
        );
        if case == "refusal" {
            assert_eq!(done["status"]["problem"], json!("not you"), "the planner hears of it");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn watches_may_be_cut_and_history_forgotten() {
    let world = World::new(|api| api.put(&toy("a"), sized(1)));
    world.until("start", &toy("a"), |toy| parts(toy) == Some(1)).await;
    for round in 2..20 {
        world.api.cut_watches();
        if round % 3 == 0 {
            sleep(Duration::from_millis(100)).await;
            world.api.put(&toy(&format!("new-{round}")), sized(1));
            world.api.take(&toy(&format!("new-{}", round - 3)));
            world.api.forget_history();
        }
        world.api.edit(&toy("a"), |toy| toy["spec"]["size"] = json!(round));
        world.until("grown", &toy("a"), |toy| parts(toy) == Some(round)).await;
    }
    sleep(Duration::from_mins(2)).await;
    assert_eq!(world.cluster.all(TOY).len(), 2, "deletions are found by listing again");
    assert_eq!(world.engine.snapshot().objects.len(), 2, "and forgotten");
}

#[tokio::test(start_paused = true)]
async fn a_kind_that_is_not_installed_counts_as_empty_until_it_is() {
    let world = World::new(|api| {
        api.set_absent(PART, true);
        api.put(&toy("a"), sized(0));
    });
    world.until("planned without parts", &toy("a"), |toy| parts(toy) == Some(0)).await;
    world.api.put(&PART.key("n", "old"), json!({}));
    world.api.set_absent(PART, false);
    sleep(Duration::from_mins(20)).await;
    assert_eq!(world.cluster.all(PART).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_planned_before_all_that_is_needed_is_known() {
    let world = World::new(|api| {
        api.put(&toy("a"), sized(1));
        api.put(
            &PART.key("n", "a-0"),
            json!({"metadata": {"ownerReferences": [{"uid": "uid-1", "controller": true}]}}),
        );
        api.fail_calls("parts", Failure::unreachable("starting"), 3);
    });
    world.until("after a while", &toy("a"), |toy| parts(toy) == Some(1)).await;
    let requests = world.api.requests();
    assert!(!requests.contains(&"create parts a-0".to_owned()), "{requests:?}");
}

#[tokio::test(start_paused = true)]
async fn stopping_finishes_the_passes_and_halting_ends_them() {
    let world = World::new(|api| api.put(&toy("a"), sized(1)));
    world.until("start", &toy("a"), |toy| parts(toy) == Some(1)).await;
    world.stop.cancel();
    timeout(Duration::from_secs(5), world.task).await.expect("it ends").unwrap();
    let world = World::new(|_| ());
    sleep(Duration::from_secs(1)).await;
    world.engine.halt();
    timeout(Duration::from_secs(5), world.task).await.expect("it ends").unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_question_that_nobody_answers_does_not_hold_up_the_end() {
    for halts in [false, true] {
        let asking = json!({"spec": {"size": 1, "mood": "ask-others"}});
        let world = World::new(|api| api.put(&toy("a"), asking));
        sleep(Duration::from_secs(1)).await;
        assert_eq!(
            (world.plans.load(Ordering::Acquire), world.engine.snapshot().kinds["toys"].running),
            (1, 1)
        );
        if halts {
            world.engine.halt();
        } else {
            world.stop.cancel();
        }
        timeout(Duration::from_secs(5), world.task).await.expect("it ends").unwrap();
        assert!(
            world.api.get(&toy("a")).unwrap()["status"].is_null(),
            "an unanswered question decides nothing"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_others_servers_leaves_the_place_to_others_as_many_as_may() {
    for (asking, waiting, is_done) in [(0, 1, false), (2, 3, false), (3, 3, true), (9, 3, true)] {
        let prepare = |api: &MemoryApi| {
            for name in ["a", "b", "c"] {
                api.put(&toy(name), json!({"spec": {"mood": "ask-others"}}));
            }
        };
        let options = Options { workers: 1, asking, ..Options::default() };
        let world = World::run(prepare, |api| Arc::new(api), options);
        sleep(Duration::from_secs(1)).await;
        world.api.put(&toy("d"), sized(2));
        sleep(Duration::from_mins(1)).await;
        let running = world.engine.snapshot().kinds["toys"].running;
        assert_eq!((running, world.plans.load(Ordering::Acquire) > 3), (waiting, is_done), "{asking}");
        assert_eq!(parts(&world.api.get(&toy("d")).unwrap()), is_done.then_some(2), "{asking}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_has_got_an_answer_goes_on_when_a_place_is_free() {
    let options = Options { workers: 1, asking: 5, ..Options::default() };
    let prepare = |api: &MemoryApi| {
        for index in 0..20 {
            api.put(&toy(&format!("t-{index}")), json!({"spec": {"mood": "ask-echo", "size": 1}}));
        }
    };
    let world = World::run(prepare, |api| Arc::new(api), options);
    for index in 0..20 {
        world.until("answered", &toy(&format!("t-{index}")), |toy| parts(toy) == Some(1)).await;
    }
    assert_eq!(world.engine.snapshot().kinds["toys"].running, 0);
}
