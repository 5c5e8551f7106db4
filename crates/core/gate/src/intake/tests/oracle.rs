//! Against a slow world in which it is known when each event happened.
//!
//! Events happen one by one at known milliseconds, the counter is restarted and scraped at known ones, and some scrapes are
//! lost. From those alone it follows which events a block must hold: those after the scrape before and up to its last one.

use proptest::prelude::*;

use super::*;

/// One pod's life, in milliseconds after [`T`] from -15 s on.
#[derive(Clone, Debug)]
struct Life {
    /// Requests; every third is an error.
    requests: Vec<i64>,
    restarts: Vec<i64>,
    /// The phase of its scrapes, and those that are lost.
    phase: i64,
    lost: Vec<bool>,
}

const BLOCKS: i64 = 12;
const SCRAPE: i64 = 15_000;

fn life() -> impl Strategy<Value = Life> {
    let time = -SCRAPE..BLOCKS * SCRAPE;
    let scrapes = BLOCKS as usize + 1;
    (
        prop::collection::vec(time.clone(), 0..150),
        prop::collection::vec(time, 0..3),
        1..SCRAPE - 1,
        prop::collection::vec(prop::bool::weighted(0.25), scrapes..=scrapes),
    )
        .prop_map(|(mut requests, mut restarts, phase, lost)| {
            requests.sort_unstable();
            restarts.sort_unstable();
            Life { requests, restarts, phase, lost }
        })
}

impl Life {
    fn scrapes(&self) -> Vec<i64> {
        let times = (-1..BLOCKS).map(|index| index * SCRAPE + self.phase);
        times.zip(&self.lost).filter(|(_, lost)| !**lost).map(|(at, _)| at).collect()
    }

    fn errors(&self) -> Vec<i64> {
        self.requests.iter().copied().step_by(3).collect()
    }

    /// What the counter of these events shows at `at`: those since the last restart.
    fn shows(&self, events: &[i64], at: i64) -> f64 {
        let from = self.restarts.iter().rev().find(|restart| **restart <= at).copied().unwrap_or(i64::MIN);
        events.iter().filter(|event| from < **event && **event <= at).count() as f64
    }

    fn series(&self, pod: &str, events: &[i64]) -> Series {
        let mut one = series(pod, "", &[]);
        one.samples = self.scrapes().into_iter().map(|at| (T * 1000 + at, self.shows(events, at))).collect();
        one
    }

    /// Events of each block: each pair of scrapes is looked at, one event at a time.
    fn wanted(&self, events: &[i64]) -> Vec<u64> {
        let mut blocks = vec![0; BLOCKS as usize];
        let scrapes = self.scrapes();
        for pair in scrapes.windows(2) {
            let (from, to) = (pair[0], pair[1]);
            let apart = to.div_euclid(SCRAPE) - from.div_euclid(SCRAPE);
            if to < 0 || 2 < apart {
                continue;
            }
            // Between two scrapes with restarts, what was counted before the last of them cannot be known; and a restart
            // that leaves the counter no lower cannot be seen.
            let (before, after) = (self.shows(events, from), self.shows(events, to));
            blocks[to.div_euclid(SCRAPE) as usize] =
                if after < before { after as u64 } else { (after - before) as u64 };
        }
        blocks
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn every_block_holds_what_happened_between_its_scrapes(life in life(), portion in 1_i64..200) {
        let mut world = World::new(COUNT);
        world.intake.was_seen(0);
        let (errors, requests) = (life.series("c1", &life.errors()), life.series("c1", &life.requests));
        let end = BLOCKS * 15 + 30;
        let mut found = vec![(0, 0); BLOCKS as usize];
        for now in (0..=end).filter(|now| now % portion == 0 || *now == end) {
            let known = |series: &Series| {
                let mut series = series.clone();
                series.samples.retain(|(at, _)| *at <= (T + now) * 1000);
                series
            };
            world.take(now, vec![known(&errors)], vec![known(&requests)]);
            for block in world.intake.seal(Moment::from_secs(T + now), &Stage::default()).unwrap() {
                let index = (block.start.as_secs() - T) / 15;
                if let Seen::Cells(cells) = &block.metrics[0] {
                    for cell in cells {
                        let Value::Count { x, n } = cell.value else { panic!() };
                        found[index as usize] = (x, n);
                    }
                }
            }
        }
        let wanted: Vec<(u64, u64)> =
            life.wanted(&life.errors()).into_iter().zip(life.wanted(&life.requests)).collect();
        prop_assert_eq!(found, wanted);
    }
}
