//! A weight as whole pods, without a router.

use super::{Counts, Whole, narrow};

/// The canary and stable counts whose ratio comes closest to `weight`.
///
/// One pod more than `whole.replicas` is used when surging is allowed and brings the ratio closer. A weight strictly
/// between nothing and everything gives each side at least one pod whenever two pods can run (surge included). Equally
/// close options: the one with more canary pods, then the smaller total, which is the order they are tried in.
///
/// The rule is Argo's, which states it in floats; here errors are compared as fractions, by cross-multiplication. Both
/// give the same counts for all numbers of pods up to 300 on the scales 100 and 1000 (a test holds it). That includes
/// Argo's answer where no option is allowed, everything stable: without a surge, 2 pods at 75, 5 at 90, 10 at 95, 25 at
/// 98 and 50 at 99.
#[must_use]
pub fn approximate(whole: Whole, weight: u32, surge: u32) -> Counts {
    let (replicas, max, wanted) = (u64::from(whole.replicas), whole.scale(), u64::from(weight));
    if replicas == 0 {
        return Counts::default();
    }
    let product = replicas * wanted;
    let (up, down) = (product.div_ceil(max), product / max);
    let zero_allowed = wanted == max || wanted == 0 || (replicas == 1 && surge == 0);
    let down_allowed = |total: u64| !is_tied(total * wanted, max) && (down != 0 || zero_allowed);

    let options = [
        (up, replicas, up < replicas || zero_allowed),
        (down, replicas, down_allowed(replicas)),
        (up, replicas + 1, surge > 0),
        (down, replicas + 1, surge > 0 && down_allowed(replicas + 1)),
    ];
    // The error |canary/total - wanted/max| has numerator |canary·max - wanted·total| over total·max.
    let error = |canary: u64, total: u64| u128::from((canary * max).abs_diff(wanted * total));
    let closest = options.into_iter().filter(|&(_, _, allowed)| allowed).reduce(|best, option| {
        let closer =
            error(option.0, option.1) * u128::from(best.1) < error(best.0, best.1) * u128::from(option.1);
        if closer { option } else { best }
    });
    let (canary, total, _) = closest.unwrap_or((0, replicas, true));
    Counts { canary: narrow(canary), stable: narrow(total.saturating_sub(canary)) }
}

/// Whether `product / max` lies exactly between two whole numbers.
fn is_tied(product: u64, max: u64) -> bool {
    (product % max) * 2 == max
}
