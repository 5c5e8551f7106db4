//! The first number from which on something holds.

/// The first number from `low` to `high` at which `holds`, which holds from some number on.
pub(super) fn first(low: u32, high: u32, mut holds: impl FnMut(u32) -> bool) -> Option<u32> {
    if low > high || !holds(high) {
        return None;
    }
    let (mut below, mut at) = (low, high);
    while below < at {
        let middle = below + (at - below) / 2;
        if holds(middle) { at = middle } else { below = middle + 1 }
    }
    Some(at)
}

/// The same where `high` is far and `holds` likely near.
pub(super) fn first_by_leaps(low: u32, high: u32, mut holds: impl FnMut(u32) -> bool) -> Option<u32> {
    if low > high {
        return None;
    }
    let (mut below, mut leap) = (low, 1);
    let mut at = low;
    while !holds(at) {
        if at == high {
            return None;
        }
        below = at + 1;
        at = at.saturating_add(leap).min(high);
        leap *= 2;
    }
    first(below, at, holds)
}
