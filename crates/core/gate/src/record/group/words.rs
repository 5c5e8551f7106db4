//! A group's verdicts and their reasons in words.

use super::super::words::{cause, hold};
use crate::{
    group::{Combined, GroupVerdict, NoWorse, Terms},
    hold::Hold,
    policy::Policy,
};

/// The name of the member at a place.
#[must_use]
pub fn member_name(terms: &Terms, place: usize) -> String {
    let name = terms.members.get(place).map_or_else(|| format!("number {place}"), Clone::clone);
    format!("{} {name}", terms.label)
}

/// How the members' evidence became one, and why.
#[must_use]
pub fn combined(how: Combined, terms: &Terms) -> String {
    match how {
        Combined::Product => "multiplied, as members have no pods in common and share nothing".to_owned(),
        Combined::AverageForShared => format!("averaged, as members share {}", terms.shared.join(", ")),
        Combined::AverageForPods => {
            "averaged, as members have pods of the same name, which may be the same pods".to_owned()
        }
    }
}

/// Why that verdict, in sentences.
#[must_use]
pub fn group_reasons(verdict: &GroupVerdict, policy: &Policy, terms: &Terms) -> Vec<String> {
    let of = |member: Option<usize>, said: String, together: &str| match member {
        Some(place) => format!("{}: {said}", member_name(terms, place)),
        None => format!("{together}{said}"),
    };
    match verdict {
        GroupVerdict::Pass => vec![match terms.no_worse {
            NoWorse::Together => {
                "every guard metric is shown to be no worse than its margin, by all members together"
                    .to_owned()
            }
            NoWorse::Each => {
                "every guard metric is shown to be no worse than its margin, in each member".to_owned()
            }
        }],
        GroupVerdict::Fail(causes) => {
            causes.iter().map(|one| of(one.member, cause(&one.cause, policy), "all together: ")).collect()
        }
        GroupVerdict::Hold(one) => {
            let together = if matches!(one.hold, Hold::MinimumTime { .. }) { "" } else { "all together: " };
            vec![of(one.member, hold(&one.hold, policy, None), together)]
        }
    }
}
