//! Contour: an `HTTPProxy` for the apex, which its user includes from a root proxy.

use serde_json::{Value, json};
use serin_kernel::{Key, Kind, Observed};

use super::{Route, existing, no_routes};
use crate::{Error, Front, Split, Wanted, cursor::Read, wanted::unless_zero};

const HTTP_PROXY: Kind = Kind::namespaced("projectcontour.io", "v1", "HTTPProxy", "httpproxies");
/// How long a connection may be idle when a time-out is asked for.
const IDLE: &str = "5m";
/// The header by which a Linkerd beside the proxy learns the destination.
const LINKERD: &str = "l5d-dst-override";

/// Contour.
pub(crate) struct Contour;

impl Route for Contour {
    fn keys(&self, front: &Front) -> Vec<Key> {
        vec![key(front)]
    }

    fn wanted(&self, front: &Front, split: Split, observed: &Observed) -> Result<Vec<Wanted>, Error> {
        let prefix = json!({"prefix": front.prefix()});
        let routes = if front.trial.is_empty() {
            vec![route(front, &[prefix], split)]
        } else {
            vec![route(front, &conditions(front), split), route(front, &[prefix], Split::PRIMARY)]
        };
        let spec = json!({"ingressClassName": front.settings.ingress_class, "routes": routes});
        let wanted = Wanted::new(key(front), spec)
            .dressed_as_apex(front)
            .adopting(self.read(front, observed).is_err());
        Ok(vec![wanted])
    }

    fn read(&self, front: &Front, observed: &Observed) -> Result<Split, Error> {
        let key = key(front);
        let read = Read::new(existing(observed, &key)?);
        if let Some(first) = read.at(&["spec", "routes"])?.items()?.first() {
            for service in first.at("services")?.items()? {
                if service.at("name")?.text()? == front.primary {
                    return Ok(Split::beside(service.at("weight")?.weight()?));
                }
            }
        }
        Err(no_routes(front, &key))
    }

    fn adopted(&self, front: &Front) -> Vec<Key> {
        vec![key(front)]
    }
}

fn key(front: &Front) -> Key {
    HTTP_PROXY.key(front.namespace.clone(), front.apex.clone())
}

fn route(front: &Front, conditions: &[Value], split: Split) -> Value {
    let service = |name: &str, weight: u32| {
        let address = format!("{name}.{}.svc.cluster.local:{}", front.namespace, front.port.number);
        json!({
            "name": name,
            "port": front.port.number,
            "requestHeadersPolicy": {"set": [{"name": LINKERD, "value": address}]},
            "weight": unless_zero(weight),
        })
    };
    json!({
        "conditions": conditions,
        "timeoutPolicy": front.timeout.as_ref().map(|response| json!({"response": response, "idle": IDLE})),
        "retryPolicy": front.retries.as_ref().map(|retries| json!({
            "count": retries.attempts,
            "perTryTimeout": retries.per_try_timeout,
            "retryOn": retries.events(),
        })),
        "services": [
            service(&front.primary, split.primary.0),
            service(&front.canary, split.canary.0),
        ],
    })
}

/// The conditions for requests that match: all of them must hold. Contour knows no beginnings and ends of headers, only
/// what they contain.
fn conditions(front: &Front) -> Vec<Value> {
    let condition = |(name, said): (&str, &Value)| {
        let text = |kind: &str| said.get(kind).and_then(Value::as_str).filter(|text| !text.is_empty());
        let contained = text("prefix").or(text("suffix"));
        let exact = text("exact").filter(|_| contained.is_none());
        json!({"prefix": front.prefix(), "header": {"name": name, "exact": exact, "contains": contained}})
    };
    front.trial_headers().into_iter().map(condition).collect()
}
