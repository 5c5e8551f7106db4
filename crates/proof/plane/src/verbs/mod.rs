//! What each verb does to the cluster. Reading never changes it; every write goes through
//! [`write`](self::write), so that no verb can skip a rule.

pub(crate) mod collect;
pub(crate) mod delete;
pub(crate) mod read;
pub(crate) mod scale;
pub(crate) mod write;
