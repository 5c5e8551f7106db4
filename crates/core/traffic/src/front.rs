//! What stands before two versions of a workload, in the words of no router.

use std::collections::BTreeMap;

use serde_json::Value;
use serin_kernel::{Owner, Weight};
use serin_lang::int_or_string::IntOrString;

pub use affinity::{Affinity, Cookies, Letters};

pub(crate) mod affinity;

/// The names, addresses and wishes from which a provider makes its objects whole.
///
/// Parts that every provider passes on unread, or reads in its own way, are JSON in the shape of Istio's API, which is the
/// shape that manifests have: `matches`, `trial`, `headers`, `cors`, `policy`.
#[derive(Clone, Debug, Default, PartialEq)]
#[allow(clippy::struct_excessive_bools, reason = "each is a wish of its own in users' manifests")]
pub struct Front {
    /// Who controls what is created; none where the objects live in another cluster than their owner.
    pub owner: Option<Owner>,
    /// Where the Services and the workload are.
    pub namespace: String,
    /// The Service that users call.
    pub apex: String,
    /// The Service of the version that has proved itself.
    pub primary: String,
    /// The Service of the version under trial.
    pub canary: String,
    /// The workload under trial.
    pub target: String,
    /// What tells the pods of the workload.
    pub selector: Selector,
    /// Where the Services listen.
    pub port: Port,
    /// Host names that users call.
    pub hosts: Vec<String>,
    /// Gateways by name.
    pub gateways: Vec<String>,
    /// Gateways by reference: `ParentReference`s of the Gateway API.
    pub gateway_refs: Vec<Value>,
    /// Whether another route hands the requests on, so that hosts and gateways are its business.
    pub delegation: bool,
    /// Which requests are meant at all: `HTTPMatchRequest`s.
    pub matches: Vec<Value>,
    /// Which of them meet the version under trial; empty when a share of all does.
    pub trial: Vec<Value>,
    /// What the request is rewritten to.
    pub rewrite: Option<Rewrite>,
    /// How long a request may take.
    pub timeout: Option<String>,
    /// How long one try of a request may take.
    pub backend_timeout: Option<String>,
    /// How often a request is tried again.
    pub retries: Option<Retries>,
    /// Headers that are added, set and removed.
    pub headers: Option<Value>,
    /// Which foreign origins may call.
    pub cors: Option<Value>,
    /// Connection pools, load balancing, outlier detection, TLS.
    pub policy: Option<Value>,
    /// Where requests are copied to at all times: `{backendRef}`s.
    pub mirrors: Vec<Value>,
    /// The share of requests that is copied to the version under trial; all of them when absent or 0.
    pub mirror_percent: Option<u32>,
    /// Whether the trial is counted in iterations rather than in weights.
    pub iterative: bool,
    /// Whether an iteration is over: all that a provider without routes of its own can tell.
    pub iterated: bool,
    /// What the workload itself calls, where a mesh wants to know it.
    pub backends: Vec<String>,
    /// The mesh, where there can be several.
    pub mesh: Option<String>,
    /// Whether the proxies write an access log, where the mesh's objects say so.
    pub access_log: bool,
    /// The object with the users' traffic that is copied: an Ingress or a route.
    pub source: Option<String>,
    /// The upstream whose settings are copied.
    pub upstream: Option<Upstream>,
    /// Metadata of the apex, which routing objects have too.
    pub metadata: Metadata,
    /// How users stay with the version that they met.
    pub affinity: Option<Affinity>,
    /// Annotations by which objects are marked.
    pub marks: Marks,
    /// What is set for all fronts alike.
    pub settings: Settings,
}

/// What tells the pods of a workload: those under trial have `key: value`, the proven ones `key: value-primary`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selector {
    /// Name of the label.
    pub key: String,
    /// Its value.
    pub value: String,
}

/// Where the Services listen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Port {
    /// Its number.
    pub number: u16,
    /// Its name.
    pub name: Option<String>,
    /// The pods' port; the same number if absent or 0.
    pub target: Option<IntOrString>,
    /// What is spoken there.
    pub app_protocol: Option<String>,
    /// Whether further ports of the pods are served too.
    pub discovery: bool,
}

/// What a request is rewritten to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rewrite {
    /// The path.
    pub uri: Option<String>,
    /// The host.
    pub authority: Option<String>,
    /// Whether only the matched prefix of the path is replaced: `ReplacePrefixMatch`.
    pub kind: Option<String>,
}

/// How often a request is tried again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Retries {
    /// How often.
    pub attempts: u32,
    /// How long each try may take.
    pub per_try_timeout: Option<String>,
    /// After which failures, separated by commas.
    pub retry_on: Option<String>,
}

/// The upstream whose settings are copied.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Upstream {
    /// Its namespace, word for word.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

/// Labels and annotations that users want on an object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata {
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Annotations.
    pub annotations: BTreeMap<String, String>,
}

/// Annotations by which objects are marked. Their names belong to whoever makes the front.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// Tell GitOps tools to leave an object alone.
    pub left_alone: BTreeMap<String, String>,
    /// Holds what an adopted object was before.
    pub original: String,
    /// Holds the proven revision of a workload that keeps its revisions itself.
    pub revision: String,
}

/// What is set for all fronts alike.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// The ingress class, where routing objects name one.
    pub ingress_class: Option<String>,
    /// Prefix of the NGINX controller's annotations, without a slash.
    pub annotation_prefix: String,
}

/// How requests are split.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Split {
    /// The share of the proven version.
    pub primary: Weight,
    /// The share of the version under trial.
    pub canary: Weight,
    /// Whether the version under trial gets copies of requests, whose answers nobody sees.
    pub mirrored: bool,
}

impl Split {
    /// Everything to the proven version.
    pub const PRIMARY: Self = Self { primary: Weight::HUNDRED, canary: Weight::NONE, mirrored: false };

    /// A split without copies.
    #[must_use]
    pub const fn new(primary: u32, canary: u32) -> Self {
        Self { primary: Weight(primary), canary: Weight(canary), mirrored: false }
    }

    /// The rest of 100 beside the proven version's share, for providers whose objects are read so.
    pub(crate) const fn beside(primary: u32) -> Self {
        Self::new(primary, 100_u32.saturating_sub(primary))
    }

    /// Whether nobody gets anything.
    pub(crate) const fn is_void(self) -> bool {
        self.primary.0 == 0 && self.canary.0 == 0
    }
}

impl Retries {
    /// The failures after which there is another try, one by one.
    pub(crate) fn events(&self) -> Option<Vec<&str>> {
        let events = self.retry_on.as_deref().filter(|events| !events.is_empty())?;
        Some(events.split(',').collect())
    }
}

impl Front {
    /// The annotations of a routing object: those of the apex and the marks.
    pub(crate) fn annotations(&self) -> BTreeMap<String, String> {
        let mut annotations = self.metadata.annotations.clone();
        annotations.extend(self.marks.left_alone.clone());
        annotations
    }

    /// Whether what is routed is no HTTP.
    pub(crate) fn is_tcp(&self) -> bool {
        self.port.app_protocol.as_ref().is_some_and(|protocol| protocol.eq_ignore_ascii_case("tcp"))
    }

    /// The path prefix of the first match, for providers that know only prefixes.
    pub(crate) fn prefix(&self) -> &str {
        let prefix = self.matches.first().and_then(|first| first.pointer("/uri/prefix")?.as_str());
        prefix.filter(|prefix| !prefix.is_empty()).unwrap_or("/")
    }

    /// The header conditions of all trial matches in one list, by name and condition.
    pub(crate) fn trial_headers(&self) -> Vec<(&str, &Value)> {
        let headers = self.trial.iter().filter_map(|one| one.get("headers")?.as_object());
        headers.flatten().map(|(name, condition)| (name.as_str(), condition)).collect()
    }
}

/// Each trial match laid over each general one, which gives way where both say something of `fields`.
pub(crate) fn crossed(trial: &[Value], general: &[Value], fields: &[&str]) -> Vec<Value> {
    if general.is_empty() {
        return trial.to_vec();
    }
    let over = |upper: &Value, lower: &Value| {
        let mut both = lower.clone();
        for field in fields {
            if let (Some(both), Some(value)) = (both.as_object_mut(), upper.get(*field)) {
                both.insert((*field).to_owned(), value.clone());
            }
        }
        both
    };
    trial.iter().flat_map(|upper| general.iter().map(move |lower| over(upper, lower))).collect()
}
