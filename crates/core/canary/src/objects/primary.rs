//! The primary: the workload of the promoted version, made once and changed at each promotion.
//!
//! Property: it is as large as users need at every moment, and its pods are replaced exactly when what they run or are
//! configured with has changed: its `flagger-id` is computed from both, so that promoting twice is promoting once.

use serde_json::{Map, Value, json};
use serin_api::diff::merge_diff;
use serin_kernel::{Change, Object, Write};
use serin_workload::canonical;
use sha2::{Digest, Sha256};

use super::{
    Shape, Target, Trouble,
    configs::Configs,
    json::{count, pick, text},
    knative,
    metadata::{FLAGGER_ID, all, included, owner},
    promoted::Source,
    revision,
    services::sync_copy,
    template::{set_text, without_id},
};

/// What a Deployment's primary has of it beside the template.
const DEPLOYMENT_FIELDS: [&str; 4] =
    ["progressDeadlineSeconds", "minReadySeconds", "revisionHistoryLimit", "strategy"];
/// What a DaemonSet's primary has of it beside the template.
const DAEMON_SET_FIELDS: [&str; 3] = ["minReadySeconds", "revisionHistoryLimit", "updateStrategy"];
/// The only way in which a DaemonSet's pods are replaced without somebody deleting them.
const ROLLING_UPDATE: &str = "RollingUpdate";
/// Annotations that the workload's own controller keeps.
const CONTROLLERS_OWN: [&str; 2] = ["deployment.kubernetes.io/", "deprecated.daemonset."];

/// How a primary is made.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Made {
    /// The writes: configuration before the workload that reads it. None when there is a primary.
    pub writes: Vec<Write>,
    /// What people have to know of it.
    pub warning: Option<String>,
}

impl Target<'_> {
    /// Makes the primary if there is none.
    ///
    /// One that was deleted is made of what was promoted last; when nobody knows that any more, of the target, with a
    /// warning. Copies of the configuration that are still there stay as they are.
    ///
    /// # Errors
    /// A ConfigMap or Secret is missing, or the target is not one that a primary can be made of.
    pub fn create(&self) -> Result<Made, Trouble> {
        match self.shape {
            Shape::Knative => Ok(Made { writes: knative::adopt(self)?, warning: None }),
            _ if self.primary().is_some() => Ok(Made::default()),
            Shape::Service => {
                let copy = self.service_copy(&self.canary.primary_name());
                let warning = if let Source::Present(warning) = self.source() { warning } else { None };
                Ok(Made { writes: vec![Write::new(self.primary_key(), Change::Create(copy))], warning })
            }
            Shape::Deployment | Shape::DaemonSet => {
                self.create_workload().map_err(|it| it.while_doing(self.creating()))
            }
        }
    }

    /// Brings the primary to the target's version.
    ///
    /// # Errors
    /// A ConfigMap or Secret is missing, or the target is not one that a primary can be made of.
    pub fn promote(&self) -> Result<Vec<Write>, Trouble> {
        let Some(primary) = self.primary() else { return self.create_present() };
        match self.shape {
            Shape::Knative => Ok(knative::promote(self)),
            Shape::Service => {
                let copy = self.service_copy(&primary.meta().name);
                Ok(sync_copy(primary, &copy).into_iter().collect())
            }
            Shape::Deployment | Shape::DaemonSet => self.promote_workload(primary),
        }
    }

    /// Whether the primary runs what it would run if the target were promoted now, whoever has made it; what the
    /// copies of its configuration hold does not count.
    #[must_use]
    pub fn is_promoted(&self) -> bool {
        let Some(primary) = self.primary() else { return false };
        let body = primary.value();
        let spec = |field: &str| body.get("spec").and_then(|spec| spec.get(field));
        match self.shape {
            Shape::Knative => knative::is_promoted(&self.body, primary),
            Shape::Service => {
                let copy = self.service_copy(&primary.meta().name);
                let said = |body: &Value| revision::service(body.get("spec").unwrap_or(&Value::Null));
                said(&body) == said(&copy)
            }
            Shape::Deployment | Shape::DaemonSet => {
                let (Ok(configs), Some(is)) = (self.configs(), spec("template")) else { return false };
                let should =
                    self.primary_template(self.template(), |kind, name| configs.is_tracked(kind, name));
                canonical(&without_id(is)) == canonical(&without_id(&should))
            }
        }
    }

    /// What events say was being done.
    fn creating(&self) -> &'static str {
        if self.shape == Shape::DaemonSet { "createPrimaryDaemonSet" } else { "createPrimaryDeployment" }
    }

    fn create_present(&self) -> Result<Vec<Write>, Trouble> {
        match self.shape {
            Shape::Deployment | Shape::DaemonSet => {
                let configs = self.configs()?;
                let mut writes = self.copies(&configs, false);
                writes.push(self.create_of(&configs, None)?);
                Ok(writes)
            }
            _ => Ok(self.create()?.writes),
        }
    }

    fn create_workload(&self) -> Result<Made, Trouble> {
        let configs = self.configs()?;
        let (promoted, warning) = match self.source() {
            Source::Promoted(template) => (Some(template), None),
            Source::Present(warning) => (None, warning),
        };
        // A template that was promoted reads what was promoted with it; a new one what there is now.
        let is_rebuilt =
            promoted.is_some() || (warning.is_none() && !self.canary.status.last_promoted_spec.is_empty());
        let mut writes = self.copies(&configs, is_rebuilt);
        writes.push(self.create_of(&configs, promoted.as_ref())?);
        Ok(Made { writes, warning })
    }

    fn create_of(&self, configs: &Configs, promoted: Option<&Value>) -> Result<Write, Trouble> {
        let meta = self.object.meta();
        let mut spec = self.spec(promoted, configs)?;
        if self.shape == Shape::Deployment {
            spec.insert("replicas".to_owned(), json!(self.first_replicas()));
        }
        spec.insert("selector".to_owned(), json!({"matchLabels": {&self.label: self.primary_value()}}));
        let mut metadata = json!({
            "name": self.canary.primary_name(),
            "namespace": self.canary.metadata.namespace,
            "labels": self.own_labels(),
            "ownerReferences": [owner(self.canary)],
        });
        let annotations = all(&meta.annotations);
        if !annotations.is_empty() {
            metadata["annotations"] = Value::Object(annotations);
        }
        let kind = self.shape.kind();
        let body = json!({
            "apiVersion": kind.api_version(), "kind": kind.kind, "metadata": metadata, "spec": spec,
        });
        Ok(Write::new(self.primary_key(), Change::Create(body)))
    }

    fn promote_workload(&self, primary: &Object) -> Result<Vec<Write>, Trouble> {
        let configs = self.configs()?;
        let mut writes = self.copies(&configs, false);
        let mut spec = self.spec(None, &configs)?;
        let replicas = count(&self.body, "/spec/replicas");
        // Users are never left without pods because the target has none.
        if self.shape == Shape::Deployment && self.canary.spec.autoscaler_ref.is_none() && 0 < replicas {
            spec.insert("replicas".to_owned(), json!(replicas));
        }
        let body = primary.value();
        let fields: Vec<&str> =
            spec.keys().map(String::as_str).chain(self.fields().iter().copied()).collect();
        let before = json!({
            "metadata": {"labels": &primary.meta().labels, "annotations": &primary.meta().annotations},
            "spec": pick(body.get("spec"), &fields),
        });
        let kept = primary.meta().annotations.iter();
        let kept = kept.filter(|(key, _)| CONTROLLERS_OWN.iter().any(|own| key.starts_with(own)));
        let mut annotations: Map<_, _> = kept.map(|(key, value)| (key.clone(), json!(value))).collect();
        annotations.extend(included(&self.object.meta().annotations, &self.settings.include_labels));
        let after = json!({
            "metadata": {"labels": self.own_labels(), "annotations": annotations},
            "spec": spec,
        });
        let patch = merge_diff(&before, &after);
        writes.extend(patch.map(|patch| Write::unchanged(primary, Change::Merge(patch))));
        Ok(writes)
    }

    fn fields(&self) -> &'static [&'static str] {
        if self.shape == Shape::DaemonSet { &DAEMON_SET_FIELDS } else { &DEPLOYMENT_FIELDS }
    }

    /// What the primary has of the target: of its present version, or of the one that was promoted.
    fn spec(&self, promoted: Option<&Value>, configs: &Configs) -> Result<Map<String, Value>, Trouble> {
        let strategy = text(&self.body, "/spec/updateStrategy/type").unwrap_or_default();
        if self.shape == Shape::DaemonSet && !["", ROLLING_UPDATE].contains(&strategy) {
            let called = self.called();
            return Err(Trouble(format!("{called} must have {ROLLING_UPDATE} strategy but have {strategy}")));
        }
        let mut spec = pick(self.body.get("spec"), self.fields());
        let mut template = match promoted {
            Some(template) => {
                self.primary_template(template, |kind, name| self.has_copy(configs, kind, name))
            }
            None => self.primary_template(self.template(), |kind, name| configs.is_tracked(kind, name)),
        };
        let revision = promoted.map_or_else(|| self.revision(), |template| self.hash_of(template));
        set_text(&mut template, "annotations", FLAGGER_ID, &self.id(&revision, configs));
        spec.insert("template".to_owned(), template);
        Ok(spec)
    }

    fn own_labels(&self) -> Map<String, Value> {
        let mut labels = included(&self.object.meta().labels, &self.settings.include_labels);
        labels.insert(self.label.clone(), json!(self.primary_value()));
        labels
    }

    /// A UUID of the fourth version by its form, the same for the same Canary, revision and configuration.
    fn id(&self, revision: &str, configs: &Configs) -> String {
        let uid = &self.canary.metadata.uid;
        let text = format!("{uid} {revision} {:?}", configs.checksums());
        let mut bytes = [0_u8; 16];
        bytes.iter_mut().zip(Sha256::digest(text.as_bytes())).for_each(|(byte, drawn)| *byte = drawn);
        bytes[6] = (bytes[6] & 0x0f) | 0x40;
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        let hex: String = bytes.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
        format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
    }
}
