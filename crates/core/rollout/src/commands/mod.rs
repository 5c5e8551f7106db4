//! What a person's commands write: pure, so that the command line and a dashboard do the same.
//!
//! Each command is the set of changes that Argo's own clients make for it, because scripts, Argo CD and dashboards make
//! them too and one controller must understand all of them.

mod image;
mod promote;
mod simple;
mod undo;

pub use image::{InvalidImage, UnknownContainer, parse_images, set_images};
pub use promote::{NotSkippable, Promotion, promote};
pub use simple::{abort, pause, restart, retry};
pub use undo::{NoRevision, Undo, undo};
