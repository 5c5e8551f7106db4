//! Letters that nobody has met before, from values that nobody has met before: core draws no random numbers.

use crate::desk::Desk;

/// Letters of a cookie's value, as many as Flagger's have.
const LENGTH: usize = 10;
const ALPHABET: &[u8; 52] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

/// Values for the cookies of the new and of the promoted version: others for each Canary and each run.
pub(crate) fn letters(desk: &Desk<'_>) -> (String, String) {
    let meta = desk.observed.object.meta();
    let seed =
        format!("{}/{}/{}", meta.uid, desk.status.last_applied_spec, desk.now.timestamp().as_nanosecond());
    (spelled(&format!("{seed}/canary")), spelled(&format!("{seed}/primary")))
}

/// `seed` as letters: FNV-1a, stirred once for each letter.
fn spelled(seed: &str) -> String {
    let mut state = seed.bytes().fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)
    });
    let letter = |_| {
        state =
            (state ^ (state >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9).wrapping_add(0x9E37_79B9_7F4A_7C15);
        let index = usize::try_from((state >> 33) % 52).unwrap_or(0);
        char::from(ALPHABET[index])
    };
    (0..LENGTH).map(letter).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_seeds_give_other_letters() {
        let words: std::collections::BTreeSet<_> = (0..1000).map(|n| spelled(&n.to_string())).collect();
        assert_eq!(words.len(), 1000);
        assert!(
            words.iter().all(|word| word.len() == LENGTH && word.chars().all(|c| c.is_ascii_alphabetic()))
        );
    }
}
