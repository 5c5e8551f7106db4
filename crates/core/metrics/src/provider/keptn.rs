//! Keptn, by its objects in the cluster.

use serin_kernel::{Answer, Kind, Question};

use super::{Inquiry, Step, number};
use crate::sample::excerpt;
use crate::{Error, Sample};

const METRIC: Kind = Kind::namespaced("metrics.keptn.sh", "v1", "KeptnMetric", "keptnmetrics");

/// `keptnmetric/namespace/name`. An `analysis/...` would be created, waited for and removed, which no question does.
pub(super) fn measure(inquiry: &Inquiry<'_>, answers: &[Answer]) -> Result<Step<Sample>, Error> {
    let query = inquiry.query.trim().to_lowercase();
    let parts: Vec<&str> = query.split('/').collect();
    let (namespace, name) = match parts[..] {
        ["keptnmetric", namespace, name] if !namespace.is_empty() && !name.is_empty() => (namespace, name),
        ["analysis", ..] => {
            let remedy = "use keptnmetric/namespace/name, and limits of the Canary".to_owned();
            return Err(Error::Unsupported {
                what: format!("the query {:?} to keptn", excerpt(&query)),
                remedy,
            });
        }
        _ => {
            let remedy = format!("{:?} is not keptnmetric/namespace/name: write it so", excerpt(&query));
            return Err(Error::field("spec.query", remedy));
        }
    };
    match answers.first() {
        None => Ok(Step::Ask(Question::Read(METRIC.key(namespace, name)))),
        Some(Answer::Object(Some(object))) => {
            let whole = object.value();
            match &whole["status"]["value"] {
                serde_json::Value::Null => Ok(Step::Done(Sample::none())),
                serde_json::Value::String(text) if text.is_empty() => Ok(Step::Done(Sample::none())),
                value => Ok(Step::Done(Sample::of(number(value, "status.value")?))),
            }
        }
        Some(Answer::Object(None)) => {
            let remedy = format!("there is no KeptnMetric {name} in {namespace}: create it");
            Err(Error::field("spec.query", excerpt(&remedy)))
        }
        Some(Answer::Failed(why)) => Err(Error::Unanswered(excerpt(why))),
        Some(Answer::Reply(_)) => Err(Error::Unanswered("an object was answered with a reply".to_owned())),
    }
}
