//! Errors among requests.

use serin_gate::{Cell, Flags, Value};

use super::{BLOCK_SECONDS, Now, Scrape, Unfold, scrape::Counters};
use crate::dice::Dice;

/// What a service with errors does. [`Count::BASE`] is the plainest one; worlds differ from it field by field.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Count {
    /// Requests a second, both arms together.
    pub rps: f64,
    /// Share of requests that fail.
    pub share: f64,
    /// The canary's share in place of the stable one's times the ratio.
    pub canary_share: Option<f64>,
    /// Metrics, each with errors of its own among the same requests. The canary is worse in the first.
    pub metrics: usize,
    /// How the rate of errors wanders, for all pods together.
    pub shared: Wander,
    /// How each pod's rate wanders alone.
    pub own: Wander,
    /// Amplitude of a wave that all pods share, its phase at random.
    pub diurnal: f64,
    /// The wave's length.
    pub wave_minutes: f64,
    /// Coefficient of variation of pods' lasting rates.
    pub pod_variation: f64,
    /// How errors clump, on the stable version and on the canary.
    pub clumps: [Clumps; 2],
    /// How the requests spread over pods and time.
    pub load: Load,
    /// What a clump hits.
    pub nodes: Nodes,
    /// Users who stay with one version.
    pub users: Option<Users>,
    /// Mean time in blocks after which an error is counted (its request at once).
    pub delay: f64,
    /// What new pods do.
    pub warm: Option<Warm>,
    /// What becomes of the counters on their way.
    pub scrape: Scrape,
    /// How the past differs.
    pub before: Past,
}

/// A wandering log rate: AR(1) from block to block.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Wander {
    /// Correlation of one block with the next.
    pub memory: f64,
    /// Its lasting standard deviation.
    pub sd: f64,
}

/// Sizes of clumps of errors.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Clumps {
    /// Every error comes alone.
    Single,
    /// Geometric from 1 on, with that mean.
    Geometric(f64),
    /// At least `k` with probability `k^-tail`; what a pod has no requests for goes on in its next blocks.
    Pareto {
        /// The exponent.
        tail: f64,
        /// The mean that it has.
        mean: f64,
    },
}

/// Where the requests go.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Load {
    /// Coefficient of variation of pods' parts.
    pub pod_variation: f64,
    /// How all traffic wanders.
    pub shared: Wander,
}

/// What a clump hits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nodes {
    /// One pod.
    Apart,
    /// All pods of a node of so many; the canary's are spread over the nodes.
    Spread(u32),
    /// The same, and the canary has a node of its own.
    Alone(u32),
}

/// A few users cause much of the errors, for hours, and the router keeps each with one version.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Users {
    /// How many there are at a time.
    pub count: f64,
    /// How long each goes on, on average.
    pub hours: f64,
    /// Their part of all errors.
    pub part: f64,
}

/// A pod is worse when it is new.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Warm {
    /// Its rate at the start, over the lasting one.
    pub times: f64,
    /// The time in which the excess falls to a third (1/e), in seconds.
    pub fades: f64,
    /// Until when its cells are marked as warming, in seconds.
    pub marked: u32,
}

/// How the time before the rollout was unlike the rollout.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Past {
    /// Traffic, over that of the rollout.
    pub rps: f64,
    /// Rate of errors, over that of the rollout.
    pub share: f64,
    /// Nothing clumps in it.
    pub is_calm: bool,
    /// Its pods' rates are not those of the rollout.
    pub is_stale: bool,
}

impl Wander {
    /// No wandering.
    pub const NONE: Self = Self { memory: 0.0, sd: 0.0 };

    fn first(self, dice: &mut Dice) -> f64 {
        if self.sd == 0.0 { 0.0 } else { self.sd * dice.normal() }
    }

    fn next(self, state: &mut f64, dice: &mut Dice) -> f64 {
        if self.sd == 0.0 {
            return 1.0;
        }
        *state = self.memory * *state + (1.0 - self.memory * self.memory).sqrt() * self.sd * dice.normal();
        // Mean 1 over time.
        (*state - self.sd * self.sd / 2.0).exp()
    }
}

impl Clumps {
    fn mean(self) -> f64 {
        match self {
            Self::Single => 1.0,
            Self::Geometric(mean) | Self::Pareto { mean, .. } => mean,
        }
    }

    fn size(self, dice: &mut Dice) -> u64 {
        match self {
            Self::Single => 1,
            Self::Geometric(mean) => dice.geometric(mean),
            Self::Pareto { tail, .. } => dice.pareto(tail),
        }
    }

    /// Errors of a block in which `mean` are to be expected.
    fn errors(self, mean: f64, dice: &mut Dice) -> u64 {
        let clumps = dice.poisson(mean / self.mean());
        (0..clumps).map(|_| self.size(dice)).sum()
    }
}

impl Count {
    /// 100 requests a second, of which 0.5 % fail, each alone.
    pub const BASE: Self = Self {
        rps: 100.0,
        share: 0.005,
        canary_share: None,
        metrics: 1,
        shared: Wander::NONE,
        own: Wander::NONE,
        diurnal: 0.0,
        wave_minutes: 180.0,
        pod_variation: 0.0,
        clumps: [Clumps::Single; 2],
        load: Load { pod_variation: 0.0, shared: Wander::NONE },
        nodes: Nodes::Apart,
        users: None,
        delay: 0.0,
        warm: None,
        scrape: Scrape::IDEAL,
        before: Past { rps: 1.0, share: 1.0, is_calm: false, is_stale: false },
    };

    pub(super) fn unfold(&self, stable: u32, pods: u32, dice: &mut Dice) -> Unfolding {
        let tracks = (0..self.metrics).map(|_| Track::new(self, pods, dice)).collect();
        let parts = (0..pods).map(|_| dice.lognormal(self.load.pod_variation)).collect();
        let phase = dice.unit();
        let load = self.load.shared.first(dice);
        let counters = Counters::new(self.scrape, pods, self.metrics);
        Unfolding {
            law: *self,
            stable,
            tracks,
            parts,
            phase,
            load,
            counters,
            joined: vec![None; pods as usize],
            is_past: true,
        }
    }
}

/// State of one metric.
struct Track {
    shared: f64,
    own: Vec<f64>,
    lasting: Vec<f64>,
    /// Errors that a pod has not had requests for yet, or that are not counted yet.
    waiting: Vec<u64>,
    /// What users of each arm add to, the stable one first.
    crowds: [Vec<User>; 2],
}

struct User {
    weight: f64,
    /// Blocks until they leave.
    left: f64,
}

impl Track {
    fn new(law: &Count, pods: u32, dice: &mut Dice) -> Self {
        Self {
            shared: law.shared.first(dice),
            own: (0..pods).map(|_| law.own.first(dice)).collect(),
            lasting: (0..pods).map(|_| dice.lognormal(law.pod_variation)).collect(),
            waiting: vec![0; pods as usize],
            crowds: [Vec::new(), Vec::new()],
        }
    }
}

/// A count world at work.
pub(super) struct Unfolding {
    law: Count,
    stable: u32,
    tracks: Vec<Track>,
    parts: Vec<f64>,
    phase: f64,
    load: f64,
    counters: Counters,
    /// The block in which each pod of the canary was first there.
    joined: Vec<Option<i64>>,
    is_past: bool,
}

impl Unfold for Unfolding {
    fn block(&mut self, now: Now, dice: &mut Dice) -> Vec<Vec<Cell>> {
        let is_past = now.block < 0;
        if self.is_past && !is_past {
            self.begin(dice);
        }
        self.is_past = is_past;
        let requests = self.requests(now, dice);
        (0..self.tracks.len()).map(|metric| self.metric(metric, now, &requests, dice)).collect()
    }
}

impl Unfolding {
    fn begin(&mut self, dice: &mut Dice) {
        if self.law.before.is_stale {
            for track in &mut self.tracks {
                track.lasting.iter_mut().for_each(|rate| *rate = dice.lognormal(self.law.pod_variation));
            }
        }
    }

    /// Requests of each pod.
    fn requests(&mut self, now: Now, dice: &mut Dice) -> Vec<u64> {
        let wander = self.law.load.shared.next(&mut self.load, dice);
        let before = if now.block < 0 { self.law.before.rps } else { 1.0 };
        let all = self.law.rps * f64::from(BLOCK_SECONDS) * before * wander;
        let parts = [false, true].map(|canary| {
            let of = now.pods().filter(|(_, is_canary)| *is_canary == canary);
            let (sum, count) =
                of.fold((0.0, 0.0), |(sum, count), (pod, _)| (sum + self.parts[pod as usize], count + 1.0));
            now.share(canary) * count / f64::max(sum, 1e-9)
        });
        now.pods()
            .map(|(pod, canary)| dice.poisson(all * self.parts[pod as usize] * parts[usize::from(canary)]))
            .collect()
    }

    fn metric(&mut self, metric: usize, now: Now, requests: &[u64], dice: &mut Dice) -> Vec<Cell> {
        let law = self.law;
        let is_past = now.block < 0;
        let track = &mut self.tracks[metric];
        let minutes = now.block as f64 * f64::from(BLOCK_SECONDS) / 60.0;
        let wave =
            1.0 + law.diurnal * (std::f64::consts::TAU * (minutes / law.wave_minutes + self.phase)).sin();
        let common =
            wave * law.shared.next(&mut track.shared, dice) * if is_past { law.before.share } else { 1.0 };
        let crowd = law.users.map_or([1.0; 2], |users| track.crowd(users, now, dice));
        let ratio = if metric == 0 { now.ratio } else { 1.0 };
        let canary_share = law.canary_share.unwrap_or(law.share * ratio);
        let rate = |track: &mut Track, pod: usize, canary: bool, dice: &mut Dice| {
            let share = if canary { canary_share } else { law.share };
            let own = if law.own.sd == 0.0 { 1.0 } else { law.own.next(&mut track.own[pod], dice) };
            share * common * crowd[usize::from(canary)] * track.lasting[pod] * own
        };
        let struck = struck(&law, now, requests, dice, |pod, canary, dice| rate(track, pod, canary, dice));
        let mut cells = Vec::with_capacity(requests.len());
        for (pod, canary) in now.pods() {
            let place = pod as usize;
            let n = requests[place];
            let clumps =
                if is_past && law.before.is_calm { Clumps::Single } else { law.clumps[usize::from(canary)] };
            let x = if let Some(struck) = &struck {
                struck[place]
            } else {
                let rate =
                    rate(track, place, canary, dice) * warming(&law, &mut self.joined, now, pod, canary);
                match clumps {
                    Clumps::Single => dice.binomial(n, rate.min(1.0)),
                    clumps => clumps.errors(n as f64 * rate, dice),
                }
            };
            let (x, n) = track.count(&law, clumps, place, x, n, dice);
            let mut flags = Flags::default();
            if let (Some(warm), true, Some(since)) = (law.warm, canary, self.joined[place]) {
                flags.warm = now.block - since < i64::from(warm.marked / BLOCK_SECONDS);
            }
            if let Some((x, n)) = self.counters.scrape(metric, place, x, n, &mut flags, dice) {
                cells.push(Cell { pod, flags, value: Value::Count { x, n } });
            }
        }
        debug_assert!(self.stable == now.stable, "the stable version keeps its pods");
        cells
    }
}

/// A new pod's rate over its lasting one.
fn warming(law: &Count, joined: &mut [Option<i64>], now: Now, pod: u32, canary: bool) -> f64 {
    let (Some(warm), true) = (law.warm, canary) else { return 1.0 };
    let since = *joined[pod as usize].get_or_insert(now.block);
    let age = (now.block - since) as f64 * f64::from(BLOCK_SECONDS);
    1.0 + (warm.times - 1.0) * (-age / warm.fades).exp()
}

impl Track {
    /// What is counted in this block of `x` errors that happened in it.
    fn count(
        &mut self,
        law: &Count,
        clumps: Clumps,
        pod: usize,
        x: u64,
        n: u64,
        dice: &mut Dice,
    ) -> (u64, u64) {
        let waiting = &mut self.waiting[pod];
        if law.delay > 0.0 {
            *waiting += x;
            let due = dice.binomial(*waiting, 1.0 / (1.0 + law.delay));
            *waiting -= due;
            return (due, n.max(due));
        }
        if let Clumps::Pareto { .. } = clumps {
            let x = x + std::mem::take(waiting);
            let now = x.min(n);
            *waiting = x - now;
            return (now, n);
        }
        // A clump brings its own requests: they are retries and the like.
        (x, n.max(x))
    }

    /// How much users make of each arm's rate.
    fn crowd(&mut self, users: Users, now: Now, dice: &mut Dice) -> [f64; 2] {
        let shares = [1.0 - now.step.weight, now.step.weight];
        let life = users.hours * 3600.0 / f64::from(BLOCK_SECONDS);
        let mut rates = [0.0; 2];
        if now.block == 0 {
            // The router takes the canary's part of those who are there.
            let (moved, stay): (Vec<User>, Vec<User>) =
                std::mem::take(&mut self.crowds[0]).into_iter().partition(|_| dice.chance(now.step.weight));
            self.crowds = [stay, moved];
        }
        for (arm, share) in shares.into_iter().enumerate() {
            let crowd = &mut self.crowds[arm];
            let expected = users.count * share;
            // The first block of all finds them there already.
            let new = if crowd.is_empty() && now.block <= 0 { expected } else { expected / life };
            for _ in 0..dice.poisson(new) {
                crowd.push(User { weight: dice.gamma(0.5), left: dice.exponential(life) });
            }
            for user in crowd.iter_mut() {
                user.left -= 1.0;
            }
            crowd.retain(|user| user.left > 0.0);
            let sum: f64 = crowd.iter().map(|user| user.weight).sum();
            rates[arm] = 1.0 - users.part + users.part * sum / expected.max(1e-9);
        }
        rates
    }
}

/// Errors by pod when clumps hit nodes: each hit gives each pod of the node a clump of its own.
fn struck(
    law: &Count,
    now: Now,
    requests: &[u64],
    dice: &mut Dice,
    mut rate: impl FnMut(usize, bool, &mut Dice) -> f64,
) -> Option<Vec<u64>> {
    let (size, is_alone) = match law.nodes {
        Nodes::Apart => return None,
        Nodes::Spread(size) => (size, false),
        Nodes::Alone(size) => (size, true),
    };
    let node_of = |pod: u32, canary: bool| match (canary, is_alone) {
        (false, _) => pod / size,
        (true, false) => (pod - now.stable) % now.stable.div_ceil(size).max(1),
        (true, true) => u32::MAX,
    };
    let mut nodes: std::collections::BTreeMap<u32, Vec<(usize, f64)>> = std::collections::BTreeMap::new();
    for (pod, canary) in now.pods() {
        let mean = requests[pod as usize] as f64 * rate(pod as usize, canary, dice);
        nodes.entry(node_of(pod, canary)).or_default().push((pod as usize, mean));
    }
    let mut errors = vec![0; requests.len()];
    for pods in nodes.values() {
        let hits = pods.iter().map(|(_, mean)| mean).sum::<f64>() / pods.len() as f64 / law.clumps[0].mean();
        let all: f64 = pods.iter().map(|(_, mean)| mean).sum::<f64>().max(1e-12);
        for _ in 0..dice.poisson(hits) {
            for (pod, mean) in pods {
                // In proportion to its rate: a canary's pod that is worse has more of each hit.
                let mean_size = law.clumps[0].mean() * mean * pods.len() as f64 / all;
                errors[*pod] +=
                    if mean_size >= 1.0 { dice.geometric(mean_size) } else { dice.poisson(mean_size) };
            }
        }
    }
    Some(errors)
}
