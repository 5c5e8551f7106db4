//! The hash over a canary's steps, equal to Argo Rollouts' own.
//!
//! A change of this hash restarts an update, so an update that Argo's controller began must keep its hash when Serin
//! takes over. It is FNV-1a (32 bits) over the steps' JSON as Go writes it, in the alphabet that Kubernetes uses for
//! generated names. (The hash of the pod template cannot be had in the same way: it depends on every Kubernetes type
//! that Argo was built with. ReplicaSets are found by comparing templates instead.)

use super::CanaryStep;
use crate::wire::Wire;

/// Letters and digits that form no words.
const ALPHABET: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";
const FNV_OFFSET: u32 = 0x811c_9dc5;
const FNV_PRIME: u32 = 0x0100_0193;

/// The hash over `steps` as `status.currentStepHash` has it.
#[must_use]
pub fn steps_hash(steps: &[CanaryStep]) -> String {
    // Go writes a list that was never set as null.
    let text = if steps.is_empty() { "null".to_owned() } else { steps.to_vec().write().to_string() };
    safe_encode(fnv(go_escaped(&text).as_bytes()))
}

/// FNV-1a over `bytes`.
fn fnv(bytes: &[u8]) -> u32 {
    bytes.iter().fold(FNV_OFFSET, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(FNV_PRIME))
}

/// The decimal digits of `hash`, each byte as a letter of the alphabet.
fn safe_encode(hash: u32) -> String {
    let letter = |digit: u8| char::from(ALPHABET[usize::from(digit) % ALPHABET.len()]);
    hash.to_string().bytes().map(letter).collect()
}

/// Go's JSON escapes what HTML or JavaScript would read as markup; these only occur inside texts.
fn go_escaped(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    for character in json.chars() {
        match character {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                escaped.extend(format!("\\u{:04x}", u32::from(character)).chars());
            }
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lenient;
    use serde_json::json;

    #[test]
    fn the_hash_of_a_recorded_rollout_is_argos() {
        let steps = json!([
            {"setWeight": 25}, {"pause": {}}, {"setWeight": 50}, {"pause": {"duration": "10s"}},
            {"setWeight": 75}, {"pause": {"duration": "10s"}},
        ]);
        // From a cluster that Argo's controller ran.
        assert_eq!(steps_hash(&lenient::<Vec<CanaryStep>>(steps).value), "7485dd54cf");
    }

    #[test]
    fn texts_are_escaped_as_go_does() {
        assert_eq!(go_escaped("\"a<b>&\u{2028}\""), "\"a\\u003cb\\u003e\\u0026\\u2028\"");
    }
}
