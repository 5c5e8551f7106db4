//! A family of worlds that no default was chosen on.

use super::{BASE_STAGE, Section, Settings, World};
use crate::judge::Feed;
use crate::world::{Clumps, Count, Law, Load, Nodes, Past, Scrape, Stage, Step, Users, Wander, Warm};

const BASE: Count = Count::BASE;
const BURST3: [Clumps; 2] = [Clumps::Geometric(3.0); 2];

const fn few(stable: u32) -> Stage {
    Stage { stable, steps: &[Step { weight: 0.1, pods: 1 }], ..BASE_STAGE }
}

#[expect(clippy::too_many_lines, reason = "a table: one entry for each world")]
pub(super) fn untuned() -> Vec<World> {
    let world = |name, says, count| World {
        name,
        section: Section::Untuned,
        says,
        ratios: &[1.0, 2.0, 5.0],
        stage: BASE_STAGE,
        law: Law::Count(count),
        settings: Settings::COUNT,
        rivals: Some(Feed::Minutes),
    };
    let small = |name, says, stable| World {
        stage: few(stable),
        ..world(name, says, Count { pod_variation: 0.3, ..BASE })
    };
    let pareto = |tail, mean| Count { clumps: [Clumps::Pareto { tail, mean }; 2], ..BASE };
    let before = |before| Count { clumps: BURST3, before, ..BASE };
    let nodes = |nodes| Count { nodes, clumps: BURST3, ..BASE };
    let same = BASE.before;
    vec![
        world(
            "Pareto bursts, tail 1.5",
            "Most outages are a request or two, a few last for minutes: clumps of mean 2.6 without a variance.",
            pareto(1.5, 2.612),
        ),
        world(
            "Pareto bursts, tail 1.2",
            "The same with a heavier tail: clumps of mean 5.6, of which single ones are a whole hour's errors.",
            pareto(1.2, 5.592),
        ),
        world(
            "clumps hit nodes of 5 pods",
            "A node's disk stalls, and every pod on it fails for a moment; the canary's pods are spread over the nodes.",
            nodes(Nodes::Spread(5)),
        ),
        world(
            "clumps hit nodes, canary on one of its own",
            "The same, and all of the canary's pods share one node.",
            nodes(Nodes::Alone(5)),
        ),
        world(
            "sticky users over hours",
            "70 % of errors come from 100 users at a time who go on for two hours, each kept with one version by the router.",
            Count { users: Some(Users { count: 100.0, hours: 2.0, part: 0.7 }), ..BASE },
        ),
        world(
            "calm history",
            "Errors come in bursts of 3, and did not in the hour before.",
            before(Past { is_calm: true, ..same }),
        ),
        world(
            "stale history",
            "The hour before was at night: a fifth of the traffic, half of the error rate, and other pods (CV 0.3).",
            Count {
                pod_variation: 0.3,
                before: Past { rps: 0.2, share: 0.5, is_calm: false, is_stale: true },
                ..BASE
            },
        ),
        World {
            stage: Stage { past: 0, ..BASE_STAGE },
            ..world(
                "no history, bursts 3",
                "A service that was never watched before; errors come in bursts of 3.",
                before(same),
            )
        },
        world(
            "delayed outcomes",
            "Failures are timeouts, counted a minute after their requests on average: the canary begins without those of before.",
            Count { delay: 4.0, ..BASE },
        ),
        small(
            "1 of 2 stable pods, CV 0.3",
            "A small service of two pods and one of the canary's; pods differ by 30 %.",
            2,
        ),
        small("1 of 3 stable pods, CV 0.3", "The same with three.", 3),
        small("1 of 5 stable pods, CV 0.3", "The same with five.", 5),
        world(
            "warm-up",
            "A new pod fails five times as often at first, which fades with a time constant of a minute; its first 2 minutes are marked.",
            Count { warm: Some(Warm { times: 5.0, fades: 60.0, marked: 120 }), ..BASE },
        ),
        world(
            "gaps and late scrapes",
            "3 % of scrapes are missing and come with the next one; in one cell in a hundred up to half comes after the block was sealed.",
            Count { scrape: Scrape { gap: 0.03, late: 0.01, ..Scrape::IDEAL }, ..BASE },
        ),
        world(
            "scraped counters",
            "Pods crash twice an hour; each crash brings 3 errors, and what was counted since the last scrape is lost in part.",
            Count { scrape: Scrape { reset: 1.0 / 120.0, last_words: 3.0, ..Scrape::IDEAL }, ..BASE },
        ),
        world(
            "uneven load",
            "The balancer gives pods unequal parts (CV 0.5), and all traffic wanders (AR 0.95, sd 0.5).",
            Count { load: Load { pod_variation: 0.5, shared: Wander { memory: 0.95, sd: 0.5 } }, ..BASE },
        ),
    ]
}
