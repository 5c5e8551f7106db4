//! Which version a target is at.

use serde_json::{Map, Value, json};
use serin_workload::{FNV_OFFSET, canonical, encode, fnv1a};

use super::{Shape, Target, knative, scale::without_zero};

/// Tells our hashes from Flagger's, whose alphabet has no 1, and this way of hashing from a later one.
const PREFIX: &str = "s1";
/// Letters behind the prefix: as many as the largest number has digits, so that clients that look for a hash find one.
const LETTERS: usize = 10;
/// What stands for the digit 0 in that alphabet.
const ZERO: char = '4';
/// What Kubernetes fills in or hands out in a Service, whatever its version.
const HANDED_OUT: [&str; 6] = [
    "clusterIPs",
    "ipFamilies",
    "ipFamilyPolicy",
    "healthCheckNodePort",
    "internalTrafficPolicy",
    "externalTrafficPolicy",
];
/// What it fills in when nothing is said.
const SERVICE_DEFAULTS: [(&str, &str); 2] = [("type", "ClusterIP"), ("sessionAffinity", "None")];
/// The address of a Service that has none, which is a choice, unlike every other.
const HEADLESS: &str = "None";

/// Whether a hash in `status` is one of ours. One that Flagger left cannot be computed again;
/// [`Target::is_promoted`] tells whether it means the target as it is.
#[must_use]
pub fn is_own_hash(hash: &str) -> bool {
    hash.starts_with(PREFIX)
}

fn name(text: &str) -> String {
    let letters = encode(fnv1a(FNV_OFFSET, text.as_bytes()));
    let zeros = LETTERS.saturating_sub(letters.len());
    std::iter::repeat_n(ZERO, zeros).fold(PREFIX.to_owned(), |name, zero| name + &zero.to_string()) + &letters
}

impl Target<'_> {
    /// The hash of the version that the target is at, for `status.lastAppliedSpec`: twelve letters and digits.
    #[must_use]
    pub fn revision(&self) -> String {
        match self.shape {
            Shape::Deployment | Shape::DaemonSet => self.hash_of(self.template()),
            Shape::Service => name(&service(self.body.get("spec").unwrap_or(&Value::Null)).to_string()),
            Shape::Knative => name(knative::latest(&self.body).unwrap_or_default()),
        }
    }

    /// The hash of a template that the target has or had.
    pub(super) fn hash_of(&self, template: &Value) -> String {
        let mut own = template.clone();
        if self.shape == Shape::DaemonSet {
            without_zero(&mut own);
        }
        name(&canonical(&own).to_string())
    }
}

/// What a Service says, without what it was given.
pub(super) fn service(spec: &Value) -> Value {
    let mut own: Map<String, Value> = spec.as_object().cloned().unwrap_or_default();
    own.retain(|field, value| {
        let is_default =
            SERVICE_DEFAULTS.iter().any(|(name, text)| name == field && value.as_str() == Some(text));
        let is_address = field == "clusterIP" && value.as_str() != Some(HEADLESS);
        !HANDED_OUT.contains(&field.as_str()) && !is_default && !is_address
    });
    for port in own.get_mut("ports").and_then(Value::as_array_mut).into_iter().flatten() {
        let number = port.get("port").cloned();
        if let Some(port) = port.as_object_mut() {
            port.retain(|field, value| {
                let is_default = (field == "protocol" && value.as_str() == Some("TCP"))
                    || (field == "targetPort" && Some(&*value) == number.as_ref());
                field != "nodePort" && !is_default
            });
        }
    }
    canonical(&json!({ "service": own }))
}
