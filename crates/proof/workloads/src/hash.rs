//! The pod-template-hash: a short name for a template.
//!
//! Kubernetes hashes Go's memory layout, which nobody else can repeat and nobody needs to: the hash names a
//! ReplicaSet, and templates are compared by meaning. So any stable hash of the meaning will do.

use crate::json::canonical;
use serde_json::Value;

/// No vowels and no digits that look like them, so that no hash spells a word (the alphabet Kubernetes uses for names).
const ALPHABET: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";

/// Ten characters for the meaning of `template`; another `collisions` count gives another hash.
pub(crate) fn template_hash(template: &Value, collisions: i64) -> String {
    let mut bytes = canonical(template).to_string().into_bytes();
    bytes.extend(collisions.to_le_bytes());
    // FNV-1a, 64 bit: stable over releases, and these are names, not secrets.
    let mut hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    (0..10)
        .map(|_| {
            let letter = char::from(ALPHABET[(hash % 27) as usize]);
            hash /= 27;
            letter
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_hash_follows_the_meaning_and_the_collision_count() {
        let template =
            json!({"spec": {"containers": [{"image": "a:1"}]}, "metadata": {"labels": {"b": "1", "a": "2"}}});
        let same = json!({"metadata": {"labels": {"a": "2", "b": "1"}, "annotations": {}}, "spec": {"containers": [{"image": "a:1"}]}});
        let other =
            json!({"spec": {"containers": [{"image": "a:2"}]}, "metadata": {"labels": {"b": "1", "a": "2"}}});
        assert_eq!(template_hash(&template, 0), template_hash(&same, 0));
        assert_ne!(template_hash(&template, 0), template_hash(&other, 0));
        assert_ne!(template_hash(&template, 0), template_hash(&template, 1));
        assert_eq!(template_hash(&template, 0).len(), 10);
    }
}
