//! What `get rollout`, `list rollouts` and `status` show: [`Info`] gathered from the objects, then rendered.

mod info;
mod list;
mod status;
mod tree;

pub use info::{Image, Info, PodInfo, ReplicaSetInfo, Snapshot};
pub use list::{Listing, list};
pub use status::{Status, status};
pub use tree::{details, tree};
