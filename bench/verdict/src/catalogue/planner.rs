//! How long a verdict takes, in the cases that the planner's figures are compared with.

use serin_gate::policy::Class;

use super::{BASE_STAGE, Section, Settings, World};
use crate::world::{Clumps, Count, Law, Stage, Step};

const AT_5: &[Step] = &[Step { weight: 0.05, pods: 2 }];
const AT_10: &[Step] = &[Step { weight: 0.1, pods: 3 }];
const AT_25: &[Step] = &[Step { weight: 0.25, pods: 8 }];
const AT_50: &[Step] = &[Step { weight: 0.5, pods: 15 }];
const MINUTES: u32 = 240;

/// Errors a minute of both arms when the canary is as good; weight; the canary's ratio (1 asks for PASS, others for FAIL);
/// mean clump; variation of pods.
type Case = (&'static str, f64, &'static [Step], &'static [f64], f64, f64);
const CASES: [Case; 27] = [
    ("plan 12/min at 5 %: FAIL 1.5x", 12.0, AT_5, &[1.5], 1.0, 0.0),
    ("plan 12/min at 5 %: FAIL 2x", 12.0, AT_5, &[2.0], 1.0, 0.0),
    ("plan 6/min at 5 %: FAIL 3x", 6.0, AT_5, &[3.0], 1.0, 0.0),
    ("plan 6/min at 5 %: FAIL 5x", 6.0, AT_5, &[5.0], 1.0, 0.0),
    ("plan 12/min at 5 %: PASS", 12.0, AT_5, &[1.0], 1.0, 0.0),
    ("plan 12/min at 10 %: FAIL 1.5x", 12.0, AT_10, &[1.5], 1.0, 0.0),
    ("plan 12/min at 10 %: FAIL 2x", 12.0, AT_10, &[2.0], 1.0, 0.0),
    ("plan 6/min at 10 %: FAIL 3x", 6.0, AT_10, &[3.0], 1.0, 0.0),
    ("plan 6/min at 10 %: FAIL 5x", 6.0, AT_10, &[5.0], 1.0, 0.0),
    ("plan 12/min at 10 %: PASS", 12.0, AT_10, &[1.0], 1.0, 0.0),
    ("plan 12/min at 25 %: FAIL 1.5x", 12.0, AT_25, &[1.5], 1.0, 0.0),
    ("plan 12/min at 25 %: FAIL 2x", 12.0, AT_25, &[2.0], 1.0, 0.0),
    ("plan 6/min at 25 %: FAIL 3x", 6.0, AT_25, &[3.0], 1.0, 0.0),
    ("plan 6/min at 25 %: FAIL 5x", 6.0, AT_25, &[5.0], 1.0, 0.0),
    ("plan 12/min at 25 %: PASS", 12.0, AT_25, &[1.0], 1.0, 0.0),
    ("plan 12/min at 50 %: FAIL 1.5x", 12.0, AT_50, &[1.5], 1.0, 0.0),
    ("plan 12/min at 50 %: FAIL 2x", 12.0, AT_50, &[2.0], 1.0, 0.0),
    ("plan 6/min at 50 %: FAIL 3x", 6.0, AT_50, &[3.0], 1.0, 0.0),
    ("plan 6/min at 50 %: FAIL 5x", 6.0, AT_50, &[5.0], 1.0, 0.0),
    ("plan 12/min at 50 %: PASS", 12.0, AT_50, &[1.0], 1.0, 0.0),
    ("plan 36/min at 10 %, burst 3: FAIL 2x", 36.0, AT_10, &[2.0], 3.0, 0.0),
    ("plan 18/min at 10 %, burst 3: FAIL 5x", 18.0, AT_10, &[5.0], 3.0, 0.0),
    ("plan 36/min at 10 %, burst 3: PASS", 36.0, AT_10, &[1.0], 3.0, 0.0),
    ("plan 6/min at 25 %, CV 0.3: FAIL 3x", 6.0, AT_25, &[3.0], 1.0, 0.3),
    ("plan 6/min at 25 %, CV 0.3: FAIL 5x", 6.0, AT_25, &[5.0], 1.0, 0.3),
    ("plan 12/min at 50 %, CV 0.3: PASS", 12.0, AT_50, &[1.0], 1.0, 0.3),
    ("plan 12/min at 50 %, CV 0.3: FAIL 2x", 12.0, AT_50, &[2.0], 1.0, 0.3),
];

pub(super) fn planner() -> Vec<World> {
    let world = |(name, a_minute, steps, ratios, mean, pod_variation): Case| {
        let clumps = if mean > 1.0 { [Clumps::Geometric(mean); 2] } else { Count::BASE.clumps };
        let settings = Settings { minimum: 0, ..Settings::COUNT };
        World {
            name,
            section: Section::Planner,
            says: "",
            ratios,
            stage: Stage { steps, minutes: MINUTES, ..BASE_STAGE },
            law: Law::Count(Count { share: a_minute / 6000.0, clumps, pod_variation, ..Count::BASE }),
            // Only the verdict that is asked for may end a rollout.
            settings: if ratios == [1.0] {
                Settings { alpha: 1e-9, ..settings }
            } else {
                Settings { class: Class::Watch, ..settings }
            },
            rivals: None,
        }
    };
    CASES.into_iter().map(world).collect()
}
