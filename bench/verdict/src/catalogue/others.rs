//! Worlds of histograms, levels, splits, and next to no errors.

use super::{BASE_STAGE, Section, Settings, World};
use crate::judge::{Feed, Watched};
use crate::world::{Count, Gauge, Latency, Law, Sessions, Shift, Stage, Step, Wander};

pub(super) fn latency() -> Vec<World> {
    let world = |name, pods: bool, ratios, shift| World {
        name,
        section: Section::Latency,
        says: "",
        ratios,
        stage: Stage { past: 30, ..BASE_STAGE },
        law: Law::Latency(Latency {
            rps: 100.0,
            pod_sd: if pods { 0.05 } else { 0.0 },
            shared: if pods { Wander { memory: 0.9, sd: 0.1 } } else { Wander::NONE },
            shift,
        }),
        settings: Settings { floor: 0.002, ..Settings::COUNT },
        rivals: Some(Feed::Minutes),
    };
    let part = Shift::Part(0.01);
    vec![
        world("equal pods, shift of all", false, &[1.0, 1.2, 1.5], Shift::All),
        world("equal pods, 1 % of requests slower", false, &[10.0], part),
        world("pod sd 5 %, shared AR 0.9 sd 10 %, shift of all", true, &[1.0, 1.2, 1.5], Shift::All),
        world("pod sd 5 %, shared AR 0.9 sd 10 %, 1 % of requests slower", true, &[10.0], part),
    ]
}

pub(super) fn gauge() -> Vec<World> {
    let world = |name, memory, trend, pod_variation, pods| World {
        name,
        section: Section::Gauge,
        says: "",
        ratios: &[1.0, 1.15, 1.3, 1.5, 2.0],
        stage: match pods {
            1 => Stage { steps: &[Step { weight: 0.1, pods: 1 }], ..BASE_STAGE },
            10 => Stage { steps: &[Step { weight: 0.1, pods: 10 }], ..BASE_STAGE },
            _ => BASE_STAGE,
        },
        law: Law::Gauge(Gauge { noise: Wander { memory, sd: 0.2 }, trend, pod_variation }),
        settings: Settings { tolerated: 1.05, margin: 1.3, ..Settings::COUNT },
        rivals: Some(Feed::Minutes),
    };
    vec![
        world("gauge, iid noise sd 20 %", 0.0, 0.0, 0.0, 3),
        world("gauge, AR 0.6", 0.6, 0.0, 0.0, 3),
        world("gauge, AR 0.9", 0.9, 0.0, 0.0, 3),
        world("gauge, AR 0.97", 0.97, 0.0, 0.0, 3),
        world("gauge, AR 0.9, shared trend 30 %", 0.9, 0.3, 0.0, 3),
        world("gauge, AR 0.9, trend, pods CV 0.1", 0.9, 0.3, 0.1, 3),
        world("gauge, AR 0.9, trend, pods CV 0.2", 0.9, 0.3, 0.2, 3),
        world("gauge, AR 0.9, trend, CV 0.2, 1 canary pod", 0.9, 0.3, 0.2, 1),
        world("gauge, AR 0.9, trend, CV 0.2, 10 canary pods", 0.9, 0.3, 0.2, 10),
    ]
}

const FIVE: &[Step] = &[Step { weight: 0.05, pods: 3 }];
const TEN: &[Step] = &[Step { weight: 0.1, pods: 3 }];
const SEVENTY: &[Step] = &[Step { weight: 0.7, pods: 3 }];

/// Requests a second, what the router was told, what it does, and requests of a session.
type Splits = (&'static str, &'static str, f64, &'static [Step], f64, f64);
const SPLITS: [Splits; 11] = [
    ("split 10 rps, 10 % as told", "split 10 rps, 10 % as told, no past", 10.0, TEN, 0.1, 1.0),
    (
        "split 10 rps, 10 % as told, sessions 20",
        "split 10 rps, 10 % as told, sessions 20, no past",
        10.0,
        TEN,
        0.1,
        20.0,
    ),
    (
        "split 100 rps, 10 % as told, sessions 20",
        "split 100 rps, 10 % as told, sessions 20, no past",
        100.0,
        TEN,
        0.1,
        20.0,
    ),
    (
        "split 100 rps, 5 % as told, sessions 50",
        "split 100 rps, 5 % as told, sessions 50, no past",
        100.0,
        FIVE,
        0.05,
        50.0,
    ),
    ("split 10 rps, 12 for 10 %", "split 10 rps, 12 for 10 %, no past", 10.0, TEN, 0.12, 1.0),
    ("split 10 rps, 15 for 10 %", "split 10 rps, 15 for 10 %, no past", 10.0, TEN, 0.15, 1.0),
    (
        "split 10 rps, 20 for 10 %, sessions 20",
        "split 10 rps, 20 for 10 %, sessions 20, no past",
        10.0,
        TEN,
        0.2,
        20.0,
    ),
    ("split 100 rps, 50 for 70 %", "split 100 rps, 50 for 70 %, no past", 100.0, SEVENTY, 0.5, 1.0),
    (
        "split 100 rps, 6.5 for 5 %, sessions 20",
        "split 100 rps, 6.5 for 5 %, sessions 20, no past",
        100.0,
        FIVE,
        0.065,
        20.0,
    ),
    ("split 1000 rps, 5.25 for 5 %", "split 1000 rps, 5.25 for 5 %, no past", 1000.0, FIVE, 0.0525, 1.0),
    ("split 1 rps, 30 for 10 %", "split 1 rps, 30 for 10 %, no past", 1.0, TEN, 0.3, 1.0),
];

pub(super) fn split() -> Vec<World> {
    let world = |name, past, rps, steps, real, mean| World {
        name,
        section: Section::Split,
        says: "",
        ratios: &[1.0],
        stage: Stage { steps, past, ..BASE_STAGE },
        law: Law::Split(Sessions { rps, mean, real }),
        settings: Settings { watched: Watched::Split, ..Settings::COUNT },
        rivals: None,
    };
    let both = |(name, without, rps, steps, real, mean): Splits| {
        [world(name, 60, rps, steps, real, mean), world(without, 0, rps, steps, real, mean)]
    };
    SPLITS.into_iter().flat_map(both).collect()
}

/// Requests a second, weight, the stable share and the canary's, and the floor.
type Zeros = (&'static str, f64, &'static [Step], f64, f64, f64);
const ZEROS: [Zeros; 12] = [
    ("zero: 10 rps, none at all", 10.0, TEN, 0.0, 0.0, 0.001),
    ("zero: 100 rps, none at all", 100.0, TEN, 0.0, 0.0, 0.001),
    ("zero: 100 rps, none at all, no floor", 100.0, TEN, 0.0, 0.0, 0.0),
    ("zero: 100 rps, canary 0.03 %", 100.0, TEN, 0.0, 0.0003, 0.001),
    ("zero: 100 rps, canary 0.1 %", 100.0, TEN, 0.0, 0.001, 0.001),
    ("zero: 100 rps, canary 0.2 %", 100.0, TEN, 0.0, 0.002, 0.001),
    ("zero: 100 rps, canary 1 %", 100.0, TEN, 0.0, 0.01, 0.001),
    ("zero: 10 rps, canary 1 %", 10.0, TEN, 0.0, 0.01, 0.001),
    ("zero: 10 rps at 5 %, canary 10 %", 10.0, FIVE, 0.0, 0.1, 0.001),
    ("zero: 100 rps at 5 %, both 0.001 %", 100.0, FIVE, 0.000_01, 0.000_01, 0.001),
    ("zero: 100 rps at 5 %, both 0.01 %", 100.0, FIVE, 0.000_1, 0.000_1, 0.001),
    ("zero: 1 rps, canary 50 %", 1.0, TEN, 0.0, 0.5, 0.001),
];

pub(super) fn zero() -> Vec<World> {
    let world = |(name, rps, steps, share, canary, floor): Zeros| World {
        name,
        section: Section::Zero,
        says: "",
        ratios: &[1.0],
        stage: Stage { steps, ..BASE_STAGE },
        law: Law::Count(Count { rps, share, canary_share: Some(canary), ..Count::BASE }),
        settings: Settings { floor, ..Settings::COUNT },
        rivals: None,
    };
    ZEROS.into_iter().map(world).collect()
}
