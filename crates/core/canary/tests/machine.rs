//! What is made around a target, and how runs go: against what Flagger's controller was recorded to do, and in situations
//! that no recording has.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]
#![allow(clippy::disallowed_methods, reason = "recordings are read from files")]
#![allow(clippy::redundant_closure_for_method_calls, reason = "a method's path is of one lifetime")]

#[path = "look/adoption.rs"]
mod adoption;
#[path = "look/asked.rs"]
mod asked;
#[path = "look/chats.rs"]
mod chats;
#[path = "look/cluster.rs"]
mod cluster;
#[path = "look/course.rs"]
mod course;
#[path = "look/edits.rs"]
mod edits;
#[path = "look/explained.rs"]
mod explained;
#[path = "look/guard.rs"]
mod guard;
#[path = "look/leftover.rs"]
mod leftover;
#[path = "look/mishaps.rs"]
mod mishaps;
#[path = "look/mutants.rs"]
mod mutants;
#[path = "look/properties.rs"]
mod properties;
#[path = "look/rivals.rs"]
mod rivals;
#[path = "look/servers.rs"]
mod servers;
#[path = "look/stopped.rs"]
mod stopped;
#[path = "look/theirs.rs"]
mod theirs;
#[path = "look/transcripts.rs"]
mod transcripts;
#[path = "look/words.rs"]
mod words;

#[path = "look/variants.rs"]
mod variants;

#[path = "objects/configs.rs"]
mod configs;
#[path = "objects/hostile.rs"]
mod hostile;
#[path = "objects/knative.rs"]
mod knative;
#[path = "objects/primary.rs"]
mod primary;
#[path = "objects/readiness.rs"]
mod readiness;
#[path = "objects/recorded.rs"]
mod recorded;
#[path = "objects/release.rs"]
mod release;
#[path = "objects/revision.rs"]
mod revision;
#[path = "objects/scalers.rs"]
mod scalers;
#[path = "objects/services.rs"]
mod services;
#[path = "objects/world.rs"]
mod world;
