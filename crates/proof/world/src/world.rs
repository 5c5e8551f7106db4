//! One world, from its first object to the rest at its end.

use std::{
    sync::{
        Arc, LazyLock,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use serde_json::Value;
use serin_api::kinds;
use serin_cluster::{Cluster, KubeApi, Lock, LockTimes, Role, Settings};
use serin_engine::{Engine, Options};
use serin_kernel::{Operator, Requirement, Selector};
use serin_nodes::{Addresses, NodeDouble};
use serin_plane::Plane;
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;

use crate::{
    Broken,
    fault::{FaultLayer, Life, Rates, Side, Weather},
    feature::lender_manifest,
    hand::{Hand, collection},
    judge::Judge,
    mirror::Mirror,
    seed::Seed,
    shape::{self, Shape},
};

/// Virtual time begins here.
const EPOCH: &str = "2026-01-01T00:00:00Z";
/// Until a crashed controller is started again: a container restarts in about this time.
const RESTART_MAX_MS: u64 = 10_000;

/// Longer than the controller's own, for the sake of the hour of rest.
const LOCK_TIMES: LockTimes = LockTimes {
    lease_duration: Duration::from_secs(80),
    renew_deadline: Duration::from_secs(50),
    retry_period: Duration::from_secs(20),
};

/// The definition of the Rollout, made once for all worlds.
static DEFINITION: LazyLock<Option<Value>> = LazyLock::new(|| {
    let is_rollout = |definition: &Value| definition["spec"]["names"]["kind"] == "Rollout";
    serin_api::crds().into_iter().find(is_rollout)
});

/// A world that runs.
pub struct World {
    /// A hand on its API.
    pub hand: Hand,
    /// Its faults.
    pub weather: Arc<Weather>,
    plane: Plane,
    clock_off_sec: Arc<AtomicI64>,
    seed: Seed,
    stop: CancellationToken,
    leaders: Arc<Mutex<Vec<Running>>>,
    is_elected: bool,
    keepers: Vec<JoinHandle<()>>,
}

/// How a world begins.
#[derive(Clone, Debug)]
pub struct Beginning {
    /// The Rollout.
    pub shape: Shape,
    /// Faults.
    pub rates: Rates,
    /// A write around which to crash.
    pub crash_at: Option<(u64, Side)>,
    /// Whether pods fail by themselves.
    pub pods_fail: bool,
}

/// A controller that runs.
struct Running {
    life: Arc<Life>,
    engine: Engine,
    stop: CancellationToken,
}

impl Running {
    fn end(&self) {
        self.life.end();
        self.engine.halt();
        self.stop.cancel();
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.stop.cancel();
        self.leaders.lock().iter().for_each(Running::end);
        self.keepers.iter().for_each(JoinHandle::abort);
    }
}

impl World {
    /// Makes a world and starts everything in it.
    ///
    /// # Errors
    /// When the world itself is defective.
    pub async fn begin(seed: Seed, beginning: &Beginning) -> Result<Self, Broken> {
        let began = Instant::now();
        let epoch: Timestamp = EPOCH.parse().map_err(|_| Broken::world("the epoch"))?;
        let clock: Arc<dyn Fn() -> Timestamp + Send + Sync> = Arc::new(move || {
            epoch
                .saturating_add(SignedDuration::try_from(began.elapsed()).unwrap_or_default())
                .unwrap_or(epoch)
        });
        let number = seed.child("plane").dice().between(1, 1 << 40);
        let plane = Plane::new(serin_plane::Options {
            clock: clock.clone(),
            seed: Some(number),
            ..Default::default()
        });
        let (hand, stop) = (Hand::new(plane.clone()), CancellationToken::new());
        furnish(&hand, &beginning.shape).await?;
        let workloads = serin_workloads::Options { clock: clock.clone(), schedule: true };
        tokio::spawn(serin_workloads::run(plane.client(), workloads, stop.clone()));
        let nodes = serin_nodes::Options {
            ready_delay: Duration::from_secs(1),
            addresses: Addresses::None,
            clock,
            ..Default::default()
        };
        let started = NodeDouble::start(plane.client(), nodes, stop.clone()).await;
        started.map_err(|error| Broken::world(&error.to_string()))?;
        let mirror = Mirror::open(&plane).await;
        let weather = Arc::new(Weather {
            dice: Mutex::new(seed.child("weather").dice()),
            rates: Mutex::new(beginning.rates),
            crash_at: Mutex::new(beginning.crash_at),
            writes: Mutex::default(),
            requests: Mutex::default(),
            judge: Mutex::new(Judge::new(mirror, beginning.shape.clone(), beginning.pods_fail)),
            trace: Mutex::default(),
            began,
        });
        let mut world = Self {
            hand,
            weather,
            plane,
            clock_off_sec: Arc::default(),
            seed,
            stop,
            leaders: Arc::default(),
            keepers: Vec::new(),
            is_elected: beginning.shape.features.elected,
        };
        world.keep_alive("controller", "restarts")?;
        if world.is_elected {
            world.keep_alive("standby", "restarts of the standby")?;
        }
        Ok(world)
    }

    /// Starts a controller, and another one each time it ends by itself.
    fn keep_alive(&mut self, name: &'static str, restarts: &str) -> Result<(), Broken> {
        let starter = Starter { is_elected: self.is_elected, ..self.starter() };
        let first = starter.start(name)?;
        let mut life = first.life.clone();
        self.leaders.lock().push(first);
        let leaders = self.leaders.clone();
        let mut dice = self.seed.child(restarts).dice();
        self.keepers.push(tokio::spawn(async move {
            loop {
                life.crashed.notified().await;
                leaders
                    .lock()
                    .iter()
                    .filter(|running| Arc::ptr_eq(&running.life, &life))
                    .for_each(Running::end);
                sleep(dice.millis(0, RESTART_MAX_MS)).await;
                let Ok(next) = starter.start(name) else { return };
                life = next.life.clone();
                leaders.lock().push(next);
            }
        }));
        Ok(())
    }

    fn starter(&self) -> Starter {
        Starter {
            plane: self.plane.clone(),
            weather: self.weather.clone(),
            clock_off_sec: self.clock_off_sec.clone(),
            seed: self.seed,
            is_elected: false,
        }
    }

    /// Lets a second controller work for a while.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn second_leader(&self, lasts: Duration) -> Result<(), Broken> {
        let second = self.starter().start("second")?;
        let (life, leaders) = (second.life.clone(), self.leaders.clone());
        leaders.lock().push(second);
        tokio::spawn(async move {
            sleep(lasts).await;
            leaders.lock().iter().filter(|running| Arc::ptr_eq(&running.life, &life)).for_each(Running::end);
        });
        Ok(())
    }

    /// Sets the controller's clock so many seconds off.
    pub fn clock_off(&self, seconds: i64) {
        self.clock_off_sec.store(seconds, Ordering::Release);
    }

    /// Ends all faults.
    pub fn calm(&self) {
        *self.weather.rates.lock() = Rates::default();
        self.clock_off(0);
    }

    /// Objects that any controller of this world has frozen.
    #[must_use]
    pub fn frozen(&self) -> Vec<String> {
        let leaders = self.leaders.lock();
        let frozen = leaders.iter().flat_map(|running| running.engine.snapshot().frozen);
        frozen.map(|(reason, count)| format!("{reason} {count}")).collect()
    }

    /// What is broken so far, with what happened last.
    ///
    /// # Errors
    /// Each rule that was broken.
    pub fn verdict(&self) -> Result<(), Broken> {
        let mut broken = self.weather.judge.lock().broken().to_vec();
        broken.extend(self.frozen());
        if broken.is_empty() { Ok(()) } else { Err(Broken { rules: broken, trace: self.trace() }) }
    }

    /// What happened.
    #[must_use]
    pub fn trace(&self) -> Vec<String> {
        self.weather.trace.lock().clone()
    }
}

/// Starts controllers.
struct Starter {
    plane: Plane,
    weather: Arc<Weather>,
    clock_off_sec: Arc<AtomicI64>,
    seed: Seed,
    /// Whether it leads only while it has the lease.
    is_elected: bool,
}

impl Starter {
    fn start(&self, name: &str) -> Result<Running, Broken> {
        let life = Arc::new(Life::default());
        let layer = FaultLayer {
            plane: self.plane.service(),
            life: life.clone(),
            weather: self.weather.clone(),
            name: name.to_owned(),
        };
        self.weather.note(&format!("{name} starts"));
        let api = Arc::new(KubeApi::new(kube::Client::new(layer, shape::NAMESPACE)));
        let stop = CancellationToken::new();
        let cluster = Cluster::new(api, self.settings(), stop.clone());
        let planners = serin_rollout::planners(serin_rollout::Settings::default());
        let engine = Engine::new(cluster.clone(), planners, &Options::default())
            .map_err(|error| Broken::world(&error.to_string()))?;
        let (runs, until) = (engine.clone(), stop.clone());
        if self.is_elected {
            let lock = Lock {
                cluster,
                namespace: shape::NAMESPACE.to_owned(),
                name: "serin".to_owned(),
                identity: format!("{name} {:?}", self.weather.began.elapsed()),
                times: LOCK_TIMES,
            };
            tokio::spawn(lead(lock, runs, until, life.clone()));
        } else {
            tokio::spawn(async move { runs.run(until).await });
        }
        Ok(Running { life, engine, stop })
    }

    /// As the controller sets itself up, on a clock that can be put wrong.
    fn settings(&self) -> Settings {
        let (began, off) = (self.weather.began, self.clock_off_sec.clone());
        let epoch: Timestamp = EPOCH.parse().unwrap_or_default();
        let mut settings = Settings::new(Arc::new(move || {
            let shift = SignedDuration::try_from(began.elapsed()).unwrap_or_default()
                + SignedDuration::from_secs(off.load(Ordering::Acquire));
            epoch.saturating_add(shift).unwrap_or(epoch).into()
        }));
        let ours = Requirement {
            key: "rollouts-pod-template-hash".to_owned(),
            operator: Operator::Exists,
            values: Vec::new(),
        };
        settings.selectors.insert(kinds::REPLICA_SET, Selector { requirements: vec![ours] });
        settings.seed = self.seed.child("jitter").dice().between(0, u64::from(u32::MAX));
        settings
    }
}

/// Stands for election, leads when it is elected, and ends when it has lost the lease: as the controller does.
async fn lead(lock: Lock, engine: Engine, stop: CancellationToken, life: Arc<Life>) {
    let (told, mut roles) = watch::channel(Role::Waiting { leader: None });
    let election = stop.clone();
    tokio::spawn(async move { lock.run(election, told).await });
    let settled = roles.wait_for(|role| !matches!(role, Role::Waiting { .. })).await;
    if settled.is_ok_and(|role| *role == Role::Leading) {
        let running = engine.run(stop.clone());
        tokio::pin!(running);
        tokio::select! {
            biased;
            () = &mut running => return,
            _ = roles.wait_for(|role| *role == Role::Lost) => engine.halt(),
        }
        running.await;
    }
    if !stop.is_cancelled() {
        life.crash();
    }
}

async fn furnish(hand: &Hand, shape: &Shape) -> Result<(), Broken> {
    let definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    let definition = DEFINITION.as_ref().ok_or_else(|| Broken::world("no definition"))?;
    let mut codes = vec![hand.create(definitions, definition).await];
    if shape.routed {
        for role in ["canary", "stable"] {
            codes.push(hand.create(&collection("services"), &shape::service_manifest(role)).await);
        }
        for name in shape.features.ingresses() {
            codes.push(hand.create(&collection("ingresses"), &shape::ingress_manifest(name)).await);
        }
    }
    if shape.features.lender.is_some() {
        codes.push(hand.create(&collection("deployments"), &lender_manifest(shape.replicas)).await);
    }
    codes.push(hand.create(&collection("replicasets"), &shape::foreign_manifest()).await);
    codes.push(hand.create(&collection("rollouts"), &shape.rollout()).await);
    if codes.iter().all(|code| *code == 201) {
        Ok(())
    } else {
        Err(Broken::world(&format!("the first objects are refused: {codes:?}")))
    }
}
