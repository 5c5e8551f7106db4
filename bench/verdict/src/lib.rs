//! A study of how often the gate is wrong, and how soon it is right: seeded worlds, played thousands of times each.
//!
//! 1. A world is data; a rollout of it is a function of the world, the ratio and a seed, on however many threads.
//! 2. The gate and its rivals see the same events.
//! 3. A cell (one world at one ratio) is one line of the results; what is there is not played again.
//! 4. Where a promise does not hold, the page says so.

pub mod catalogue;
pub mod cell;
pub mod compare;
pub mod dice;
pub mod engine;
pub mod judge;
pub mod picture;
pub mod rollout;
pub mod study;
pub mod table;
pub mod wilson;
pub mod world;
