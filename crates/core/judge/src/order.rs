//! The order in which Kayenta adds up the scores of groups.
//!
//! The last bit of a sum depends on its order, and a score half-way between two hundredths falls to one side by that bit.
//! Kayenta keeps groups in maps of Scala 2.12, so the order is theirs: up to four groups lie as in its mutable hash table of
//! 16 buckets, from the last bucket to the first and in each the latest entry first; more lie as in its hash trie, by five
//! bits of the hash at a time, the lowest first. Groups of equal hash are taken latest first.

use std::cmp::Reverse;

/// More groups than this are in a trie.
const SMALL_MAX: usize = 4;

/// The places of `names`, which are in the order of their first mention, in Kayenta's order.
pub(crate) fn of_groups<'a>(names: impl Iterator<Item = Option<&'a str>>) -> Vec<usize> {
    let hashes: Vec<u32> = names.map(hash).collect();
    let mut places: Vec<usize> = (0..hashes.len()).collect();
    if hashes.len() <= SMALL_MAX {
        places.sort_unstable_by_key(|place| Reverse((bucket(hashes[*place]), *place)));
    } else {
        places.sort_unstable_by_key(|place| (path(hashes[*place]), Reverse(*place)));
    }
    places
}

/// Java's hash of a text; 0 for none.
fn hash(name: Option<&str>) -> u32 {
    let step = |hash: u32, unit: u16| hash.wrapping_mul(31).wrapping_add(u32::from(unit));
    name.unwrap_or_default().encode_utf16().fold(0, step)
}

/// The bucket of a hash: its bytes are mixed, turned by the four bits that count buckets, and the highest four are taken.
fn bucket(hash: u32) -> u32 {
    const FACTOR: u32 = 0x9e37_75cd;
    let mixed = hash.wrapping_mul(FACTOR).swap_bytes().wrapping_mul(FACTOR);
    mixed.rotate_right(4) >> 28
}

/// The way through the trie: five bits of the mixed hash at each level.
fn path(hash: u32) -> [u32; 7] {
    let mut mixed = hash.wrapping_add(!(hash << 9));
    mixed ^= mixed >> 14;
    mixed = mixed.wrapping_add(mixed << 4);
    mixed ^= mixed >> 10;
    [0, 5, 10, 15, 20, 25, 30].map(|level| mixed >> level & 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_lie_in_buckets_and_many_in_a_trie() {
        let ordered = |names: &[&'static str]| {
            let places = of_groups(names.iter().copied().map(Some));
            places.into_iter().map(|place| names[place]).collect::<Vec<_>>()
        };
        // As Kayenta answered.
        assert_eq!(ordered(&["c", "b", "e", "d"]), ["e", "b", "d", "c"]);
        assert_eq!(ordered(&["b", "c", "e", "a", "d"]), ["e", "a", "b", "c", "d"]);
        // Their hashes are equal.
        assert_eq!(ordered(&["Aa", "BB"]), ["BB", "Aa"]);
    }
}
