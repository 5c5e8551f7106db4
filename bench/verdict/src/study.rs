//! The runner: cells one after the other, each on all threads, written down as soon as they are done.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader, IsTerminal as _, Write as _};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use serin_gate::{Policy, Shelf};

use crate::catalogue::World;
use crate::cell::{Cell, Key};
use crate::dice::hashed;
use crate::engine;
use crate::rollout::{self, Outcome};

/// Rollouts that a thread takes at a time.
const CHUNK: usize = 8;
/// The file of results in the study's folder.
pub const RESULTS: &str = "results.jsonl";

/// What to play.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The worlds, and the ratios of each.
    pub cells: Vec<(World, f64)>,
    /// Rollouts of each cell.
    pub runs: u64,
    /// The seed.
    pub seed: u64,
    /// Threads.
    pub threads: usize,
    /// What differs in every policy.
    pub set: Vec<Set>,
}

/// A number of the policy, for every world.
#[derive(Clone, Debug, PartialEq)]
pub struct Set {
    name: String,
    value: f64,
}

/// What can be set, and how.
type Setter = (&'static str, fn(&mut Policy, f64));
const SETTERS: [Setter; 7] = [
    ("tolerated", |policy, value| policy.metrics.iter_mut().for_each(|metric| metric.tolerated = value)),
    ("margin", |policy, value| policy.metrics.iter_mut().for_each(|metric| metric.margin = value)),
    ("floor", |policy, value| policy.metrics.iter_mut().for_each(|metric| metric.floor = value)),
    ("alpha", |policy, value| policy.alpha = value),
    ("beta", |policy, value| policy.beta = value),
    ("minimum", |policy, value| {
        policy.steps.iter_mut().for_each(|step| step.minimum = (value * 60.0) as u32);
    }),
    ("exposure", |policy, value| policy.minimum_exposure = value as u64),
];

impl std::str::FromStr for Set {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let names = || SETTERS.map(|(name, _)| name).join(", ");
        let (name, value) = text
            .split_once('=')
            .with_context(|| format!("`{text}`: write NAME=NUMBER, with one of {}", names()))?;
        if SETTERS.iter().all(|(known, _)| *known != name) {
            bail!("`{name}` cannot be set: one of {}", names());
        }
        let value = value.parse().with_context(|| format!("`{value}` is no number"))?;
        Ok(Self { name: name.to_owned(), value })
    }
}

impl Plan {
    fn policy(&self, world: &World) -> Policy {
        let mut policy = world.policy();
        for set in &self.set {
            for (_, setter) in SETTERS.iter().filter(|(name, _)| *name == set.name) {
                setter(&mut policy, set.value);
            }
        }
        policy
    }

    fn key(&self, world: &World, ratio: f64, engine: &str) -> Key {
        let setup = format!("{world:?} {:?}", self.policy(world));
        Key {
            world: world.name.to_owned(),
            ratio,
            setup: format!("{:016x}", hashed(&setup)),
            engine: engine.to_owned(),
            seed: self.seed,
            runs: self.runs,
        }
    }

    /// Plays the rollouts of one cell; `heard` is told how many are done.
    ///
    /// # Errors
    /// When the gate refuses the policy.
    pub fn play(&self, world: &World, ratio: f64, heard: &(dyn Fn(usize) + Sync)) -> Result<Vec<Outcome>> {
        let policy = self.policy(world);
        let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::with_capacity(self.runs as usize)));
        let work = || -> Result<()> {
            let mut priors = Shelf::default();
            loop {
                let from = next.fetch_add(CHUNK, Ordering::Relaxed);
                let until = (from + CHUNK).min(self.runs as usize);
                if from >= until {
                    return Ok(());
                }
                for run in from..until {
                    let seed = rollout::seed(self.seed, world, ratio, run as u64);
                    let outcome = rollout::play(world, &policy, ratio, seed, &mut priors)?;
                    let mut done = done.lock().map_err(|_| anyhow::anyhow!("another thread stopped"))?;
                    done.push((run, outcome));
                    heard(done.len());
                }
            }
        };
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..self.threads.max(1)).map(|_| scope.spawn(work)).collect();
            threads.into_iter().try_for_each(|thread| {
                thread
                    .join()
                    .unwrap_or_else(|_| bail!("a thread stopped in {:?} at ratio {ratio}", world.name))
            })
        })?;
        let mut done = done.into_inner().unwrap_or_default();
        done.sort_by_key(|(run, _)| *run);
        Ok(done.into_iter().map(|(_, outcome)| outcome).collect())
    }

    /// Plays every cell that is not in the folder yet.
    ///
    /// # Errors
    /// When the folder cannot be read or written, or the gate refuses a policy.
    pub fn run(&self, folder: &Path) -> Result<usize> {
        std::fs::create_dir_all(folder).with_context(|| format!("{}: cannot be made", folder.display()))?;
        let path = folder.join(RESULTS);
        let done = read(folder)?;
        let mut file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path)
            .with_context(|| format!("{}: cannot be written", path.display()))?;
        end_line(&path, &mut file)?;
        let engine = engine::fingerprint()?;
        let keyed = self.cells.iter().map(|(world, ratio)| (world, *ratio, self.key(world, *ratio, &engine)));
        let open: Vec<_> = keyed.filter(|(_, _, key)| done.iter().all(|cell| cell.key != *key)).collect();
        eprintln!("{} of {} cells are there already", self.cells.len() - open.len(), self.cells.len());
        let began = Instant::now();
        for (place, (world, ratio, key)) in open.iter().enumerate() {
            let progress = Progress {
                world: world.name,
                ratio: *ratio,
                place,
                cells: open.len(),
                runs: self.runs,
                began,
            };
            let outcomes = self.play(world, *ratio, &|done| progress.tell(done))?;
            let line = serde_json::to_string(&Cell::of(key.clone(), &outcomes))?;
            writeln!(file, "{line}")
                .and_then(|()| file.flush())
                .with_context(|| format!("{}", path.display()))?;
        }
        if !open.is_empty() && std::io::stderr().is_terminal() {
            eprintln!();
        }
        Ok(open.len())
    }
}

/// A line cut short by a crash is ended, so that the next one stands alone.
fn end_line(path: &Path, file: &mut File) -> Result<()> {
    let bytes = std::fs::read(path)?;
    if bytes.last().is_some_and(|last| *last != b'\n') {
        writeln!(file)?;
    }
    Ok(())
}

/// The cells in a folder. A line that was cut short is passed over: its cell is played again.
///
/// # Errors
/// When the file is there and cannot be read.
pub fn read(folder: &Path) -> Result<Vec<Cell>> {
    let path = folder.join(RESULTS);
    if !path.exists() {
        return Ok(Vec::new());
    }
    let file = File::open(&path).with_context(|| format!("{}", path.display()))?;
    let mut cells = Vec::new();
    for line in BufReader::new(file).lines() {
        if let Ok(cell) = serde_json::from_str::<Cell>(&line?) {
            cells.push(cell);
        }
    }
    Ok(cells)
}

/// The latest cell of each world and ratio, by the world's name and the ratio in thousandths.
#[must_use]
pub fn latest(cells: Vec<Cell>) -> BTreeMap<(String, u64), Cell> {
    cells.into_iter().map(|cell| ((cell.key.world.clone(), thousandths(cell.key.ratio)), cell)).collect()
}

/// A ratio as a key.
#[must_use]
pub fn thousandths(ratio: f64) -> u64 {
    (ratio * 1000.0).round() as u64
}

struct Progress<'a> {
    world: &'a str,
    ratio: f64,
    place: usize,
    cells: usize,
    runs: u64,
    began: Instant,
}

impl Progress<'_> {
    /// On a terminal one line that is written over again at every hundredth of the cell; else a line for each cell.
    fn tell(&self, done: usize) {
        let is_terminal = std::io::stderr().is_terminal();
        let every = if is_terminal { (self.runs / 100).max(1) } else { self.runs };
        if !(done as u64).is_multiple_of(every) {
            return;
        }
        let finished = self.place as f64 + done as f64 / self.runs as f64;
        let seconds = self.began.elapsed().as_secs_f64();
        let left = seconds / finished * (self.cells as f64 - finished) / 60.0;
        let (start, end) = if is_terminal { ("\r\x1b[K", "") } else { ("", "\n") };
        eprint!(
            "{start}{}/{} {} r={} {done}/{} rollouts; {:.1} min so far, about {left:.0} min left{end}",
            self.place + 1,
            self.cells,
            self.world,
            self.ratio,
            self.runs,
            seconds / 60.0,
        );
    }
}
