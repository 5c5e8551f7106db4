//! Get and list: pages of one consistent past, by version.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::cluster::{Cluster, Place};
use crate::request::{Query, VersionMatch};
use crate::status::Refusal;
use crate::store::Key;

/// One page of a list.
pub(crate) struct Page {
    pub(crate) items: Vec<Arc<Value>>,
    pub(crate) version: u64,
    pub(crate) continue_token: Option<String>,
    pub(crate) remaining: Option<usize>,
}

impl Cluster {
    /// One page of a collection.
    pub(crate) fn list(&self, place: &Place, query: &Query) -> Result<Page, Refusal> {
        query.fields.check(&place.resource)?;
        let current = self.store.version();
        let token = query.continue_token.as_deref().map(Token::read).transpose()?;
        if token.as_ref().is_some_and(|token| current < token.version) {
            return Err(Refusal::bad_request("continue key is not valid: it names a version yet to come"));
        }
        let (version, after) = match (&token, query.version) {
            (Some(token), _) => (token.version, Some(&token.after)),
            (None, Some(asked)) if current < asked => {
                return Err(Refusal::version_in_the_future(asked, current));
            }
            (None, Some(asked)) if query.version_match == Some(VersionMatch::Exact) => (asked, None),
            _ => (current, None),
        };
        let past;
        let mut objects: Box<dyn Iterator<Item = (&Key, &Arc<Value>)>> = if version == current {
            Box::new(self.store.list(&place.resource, &place.key.namespace))
        } else {
            past = self
                .store
                .at(&place.resource, &place.key.namespace, version)
                .map_err(|too_old| expired(token.is_some(), version, too_old.oldest))?;
            Box::new(past.iter())
        };
        let unselected = query.labels.is_none() && query.fields.is_everything();
        let mut items = Vec::new();
        let mut last = None;
        for (key, object) in objects.by_ref() {
            if after.is_some_and(|after| key <= after) || !selected(query, object) {
                continue;
            }
            if query.limit == Some(items.len()) {
                let token = Token { version, after: last.unwrap_or_else(|| key.clone()) };
                let remaining = unselected.then(|| objects.count() + 1);
                let continue_token = Some(token.write());
                return Ok(Page { items, version, continue_token, remaining });
            }
            last = Some(key.clone());
            items.push(object.clone());
        }
        Ok(Page { items, version, continue_token: None, remaining: None })
    }
}

/// Whether an object satisfies the request's selectors.
pub(crate) fn selected(query: &Query, object: &Value) -> bool {
    query.labels.as_ref().is_none_or(|labels| labels.matches(&object["metadata"]["labels"]))
        && query.fields.matches(object)
}

fn expired(paging: bool, asked: u64, oldest: u64) -> Refusal {
    if paging {
        Refusal::expired(
            "The provided continue parameter is too old to display a consistent list result. You \
             must start a new list without the continue parameter.",
        )
    } else {
        Refusal::too_old(asked, oldest)
    }
}

/// Where a page ended, opaque to the client.
struct Token {
    version: u64,
    after: Key,
}

impl Token {
    fn read(text: &str) -> Result<Token, Refusal> {
        let refuse = || Refusal::bad_request("continue key is not valid");
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| refuse())?;
        let value: Value = serde_json::from_slice(&bytes).map_err(|_| refuse())?;
        let version = value["rv"].as_u64().ok_or_else(refuse)?;
        let part = |name: &str| value[name].as_str().ok_or_else(refuse);
        Ok(Token { version, after: Key::new(part("namespace")?, part("name")?) })
    }

    fn write(&self) -> String {
        let value = json!({
            "v": "meta.k8s.io/v1", "rv": self.version,
            "namespace": self.after.namespace, "name": self.after.name,
        });
        URL_SAFE_NO_PAD.encode(value.to_string())
    }
}
