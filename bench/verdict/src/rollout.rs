//! One rollout of a world, judged by everyone.

use anyhow::Result;
use serin_gate::{Policy, Shelf, Word};

use crate::catalogue::World;
use crate::dice::{hashed, mixed};
use crate::judge::{Argo, Flagger, Judge, Kayenta, Series, Serin};
use crate::world::Play;

/// Who judges, in the order of the columns.
pub const JUDGES: [&str; 4] = ["serin", "kayenta", "flagger", "argo"];

/// What one judge said, and after which block; HOLD when it said nothing till the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Said {
    /// The verdict.
    pub word: Word,
    /// Blocks that it took.
    pub blocks: u32,
}

/// What came of one rollout.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outcome {
    /// By judge; none for one that has no part in this world.
    pub said: [Option<Said>; JUDGES.len()],
    /// What the gate divided by at its last look.
    pub phi: f64,
    /// Why the gate held to the end, or by which rule it said FAIL.
    pub why: Option<&'static str>,
}

/// The seed of a run: of the study's own, the world, the ratio and the run.
#[must_use]
pub fn seed(study: u64, world: &World, ratio: f64, run: u64) -> u64 {
    mixed(mixed(mixed(study, hashed(world.name)), ratio.to_bits()), run)
}

/// Plays one rollout until everyone has said something, or to its end.
///
/// # Errors
/// When the gate refuses the policy.
pub fn play(world: &World, policy: &Policy, ratio: f64, seed: u64, shelf: &mut Shelf) -> Result<Outcome> {
    let (mut play, roster, past) = Play::begin(&world.law, world.stage, ratio, seed);
    let mut serin = Serin::open(policy.clone(), roster, &past, world.settings.watched, shelf)?;
    let mut rivals = rivals(world);
    let mut said: [Option<Said>; JUDGES.len()] = [None; JUDGES.len()];
    let mut series = Series::default();
    let is_open = |said: Option<Said>| said.is_none_or(|said| said.word == Word::Hold);
    while let Some((block, arms)) = play.next_block() {
        series.push(arms);
        let blocks = series.len() as u32;
        let mut all = std::iter::once(Some(&mut serin as &mut dyn Judge))
            .chain(rivals.iter_mut().map(|rival| rival.as_mut().map(|rival| &mut **rival as &mut dyn Judge)));
        for said in &mut said {
            if let (true, Some(judge)) = (is_open(*said), all.next().flatten()) {
                *said = Some(Said { word: judge.look(&block, &series), blocks });
            }
        }
        if said
            .iter()
            .zip([true, rivals[0].is_some(), rivals[1].is_some(), rivals[2].is_some()])
            .all(|(said, there)| !there || !is_open(*said))
        {
            break;
        }
    }
    Ok(Outcome { said, phi: serin.phi, why: serin.why })
}

fn rivals(world: &World) -> [Option<Box<dyn Judge>>; 3] {
    let Some(feed) = world.rivals else { return [None, None, None] };
    let reading = world.reading();
    let kayenta: Box<dyn Judge> = Box::new(Kayenta::new(reading, feed, world.metrics()));
    match world.limit() {
        Some(limit) => [
            Some(kayenta),
            Some(Box::new(Flagger::new(reading, feed, limit))),
            Some(Box::new(Argo::new(reading, feed, limit))),
        ],
        None => [Some(kayenta), None, None],
    }
}
