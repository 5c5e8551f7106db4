//! Worlds of errors among requests.

use super::{BASE_STAGE, RATIOS, Section, Settings, World};
use crate::judge::Feed;
use crate::world::{Clumps, Count, Law, Stage, Step, Wander};

const BASE: Count = Count::BASE;
const BURST3: [Clumps; 2] = [Clumps::Geometric(3.0); 2];
const BURST10: [Clumps; 2] = [Clumps::Geometric(10.0); 2];
const AR9: Wander = Wander { memory: 0.9, sd: 0.5 };
const HARD: Count = Count { shared: AR9, pod_variation: 0.3, clumps: BURST3, ..BASE };

/// One canary pod has 3⅓ % of the traffic, three have 10 %, ten a third.
const ONE_POD: Stage = Stage { steps: &[Step { weight: 1.0 / 30.0, pods: 1 }], ..BASE_STAGE };
const TEN_PODS: Stage = Stage { steps: &[Step { weight: 1.0 / 3.0, pods: 10 }], ..BASE_STAGE };
pub(super) const STEPS: Stage = Stage {
    steps: &[Step { weight: 0.05, pods: 2 }, Step { weight: 0.25, pods: 8 }, Step { weight: 0.5, pods: 15 }],
    ..BASE_STAGE
};

const WORLD: World = World {
    name: "base: iid Poisson, 100 rps, 10 %",
    section: Section::Single,
    says: "",
    ratios: RATIOS,
    stage: BASE_STAGE,
    law: Law::Count(BASE),
    settings: Settings::COUNT,
    rivals: Some(Feed::Minutes),
};

#[expect(clippy::large_types_passed_by_value, reason = "a table is made of them, once")]
const fn world(name: &'static str, count: Count) -> World {
    World { name, law: Law::Count(count), ..WORLD }
}

const fn pods(name: &'static str, pod_variation: f64, stage: Stage) -> World {
    World { stage, ..world(name, Count { pod_variation, ..BASE }) }
}

/// Traffic at which the canary has so many requests a minute.
const fn sparse(name: &'static str, a_minute: f64, clumps: [Clumps; 2]) -> World {
    world(name, Count { rps: a_minute / 6.0, clumps, ..BASE })
}

const fn alone(name: &'static str, mean: f64) -> World {
    let clumps = [Clumps::Single, Clumps::Geometric(mean)];
    World { ratios: &[1.0, 2.0], ..world(name, Count { clumps, ..BASE }) }
}

pub(super) fn single() -> Vec<World> {
    let windows = |name, every| World { rivals: Some(Feed::Windows(every)), ..world(name, BASE) };
    vec![
        WORLD,
        world("AR(1) 0.6 shared, sd 0.5", Count { shared: Wander { memory: 0.6, sd: 0.5 }, ..BASE }),
        world("AR(1) 0.9 shared, sd 0.5", Count { shared: AR9, ..BASE }),
        world("bursts mean 3", Count { clumps: BURST3, ..BASE }),
        world("bursts mean 10", Count { clumps: BURST10, ..BASE }),
        world("diurnal trend +-60 %", Count { diurnal: 0.6, ..BASE }),
        pods("pods CV 0.3, 1 of 30", 0.3, ONE_POD),
        pods("pods CV 0.3, 3 of 30", 0.3, BASE_STAGE),
        pods("pods CV 0.3, 10 of 30", 0.3, TEN_PODS),
        pods("pods CV 0.5, 1 of 30", 0.5, ONE_POD),
        pods("pods CV 0.5, 3 of 30", 0.5, BASE_STAGE),
        pods("pods CV 0.5, 10 of 30", 0.5, TEN_PODS),
        world("pod-own AR(1) 0.97 sd 0.5", Count { own: Wander { memory: 0.97, sd: 0.5 }, ..BASE }),
        world("CV 0.3 + burst 3 + AR 0.9", HARD),
        windows("rivals on rate[5m] @1m", 4),
        windows("rivals on rate[5m] @15s", 1),
        sparse("1 canary requests/check", 1.0, BASE.clumps),
        sparse("3 canary requests/check", 3.0, BASE.clumps),
        sparse("10 canary requests/check", 10.0, BASE.clumps),
        sparse("30 canary requests/check", 30.0, BASE.clumps),
        sparse("10 canary req/check, burst 3", 10.0, BURST3),
        sparse("30 canary req/check, burst 10", 30.0, BURST10),
        world("high traffic 10 000 rps", Count { rps: 10_000.0, ..BASE }),
        world("high traffic 10 000 rps, CV 0.3", Count { rps: 10_000.0, pod_variation: 0.3, ..BASE }),
        alone("canary alone bursts 3", 3.0),
        alone("canary alone bursts 10", 10.0),
    ]
}

pub(super) fn metrics() -> Vec<World> {
    let many = |name, metrics| World {
        section: Section::Metrics,
        ratios: &[1.0, 2.0, 5.0],
        ..world(name, Count { metrics, ..BASE })
    };
    vec![
        many("5 metrics", 5),
        many("10 metrics", 10),
        many("20 metrics", 20),
        World {
            law: Law::Count(Count { metrics: 10, ..HARD }),
            ..many("10 metrics, AR 0.9 CV 0.3 burst 3", 10)
        },
        World {
            rivals: Some(Feed::Windows(1)),
            ratios: &[1.0, 2.0],
            ..many("10 metrics, rate[5m] @15s for rivals", 10)
        },
    ]
}

pub(super) fn steps() -> Vec<World> {
    let stepped = |name, count| World {
        section: Section::Steps,
        stage: STEPS,
        settings: Settings { minimum: 5, ..Settings::COUNT },
        ..world(name, count)
    };
    let late = |name, count| World {
        stage: Stage { bad_from: 2, ..STEPS },
        ratios: &[1.5, 2.0, 5.0],
        ..stepped(name, count)
    };
    let varied = |pod_variation| Count { pod_variation, ..BASE };
    vec![
        stepped("weights 5-25-50", BASE),
        stepped("weights 5-25-50, CV 0.3", varied(0.3)),
        stepped("weights 5-25-50, CV 0.5", varied(0.5)),
        stepped("weights 5-25-50, burst 3 AR 0.9 CV 0.3", HARD),
        late("weights 5-25-50, harm only from step 3", BASE),
        late("weights 5-25-50, harm only from step 3, CV 0.3", varied(0.3)),
    ]
}

pub(super) fn settings() -> Vec<World> {
    let set = |name, settings, base: World| World {
        name,
        section: Section::Settings,
        settings,
        ratios: &[1.0, 1.5, 2.0],
        ..base
    };
    let strict = Settings { margin: 1.5, ..Settings::COUNT };
    let tolerating = |tolerated| Settings { tolerated, ..Settings::COUNT };
    let unrivalled = World { rivals: None, ..WORLD };
    vec![
        set("strict margin r1=1.5: base", strict, WORLD),
        set("strict r1=1.5: bursts 3", strict, world("", Count { clumps: BURST3, ..BASE })),
        set("strict r1=1.5: CV 0.3, 10 of 30", strict, pods("", 0.3, TEN_PODS)),
        set(
            "strict r1=1.5: weights 5-25-50, CV 0.3",
            Settings { minimum: 5, ..strict },
            pods("", 0.3, STEPS),
        ),
        set("r0=1.1: base", tolerating(1.1), unrivalled),
        set("r0=1.25: base", tolerating(1.25), unrivalled),
    ]
}
