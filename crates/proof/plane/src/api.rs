//! One request, one answer: path and method choose a verb, the verb runs under the cluster's lock,
//! and the answer is written outside it in the shape the client accepts.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Method, Uri};
use serde_json::{Map, Value, json};

use crate::cluster::{Cluster, Place};
use crate::content::{self, Accepted, Shape};
use crate::convert;
use crate::kinds::KindInfo;
use crate::patch::{self, PatchError};
use crate::request::{Query, Target};
use crate::rules;
use crate::status::{Refusal, success};
use crate::store::Key;
use crate::table::{self, IncludeObject};
use crate::verbs::delete::{DeleteOptions, Deleted};
use crate::verbs::read::Page;
use crate::verbs::write::{Part, WriteOptions};

/// An answer before it is written.
pub(crate) enum Answer {
    /// One object of a kind.
    Object { code: u16, place: Place, object: Arc<Value> },
    /// A page of objects of a kind.
    List { place: Place, page: Page },
    /// A value that has one shape only.
    Plain { code: u16, value: Value },
    /// A watch to be opened.
    Watch { place: Place, query: Box<Query> },
}

/// A request, its body read.
pub(crate) struct Call<'a> {
    pub(crate) method: &'a Method,
    pub(crate) uri: &'a Uri,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: &'a Bytes,
}

/// Carries out a call on a resource path.
pub(crate) fn resource(cluster: &mut Cluster, call: &Call<'_>, target: &Target) -> Result<Answer, Refusal> {
    let query = Query::parse(call.uri.query().unwrap_or_default())?;
    let kind = cluster
        .registry
        .find(&target.group, &target.version, &target.plural)
        .ok_or_else(Refusal::no_such_resource)?;
    if kind.namespaced == target.namespace.is_empty()
        && !(kind.namespaced && target.name.is_empty() && *call.method == Method::GET)
    {
        return Err(Refusal::no_such_resource());
    }
    if kind.group.is_empty() && kind.plural == "endpoints" {
        let warning = "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice";
        cluster.warnings.push(warning.to_owned());
    }
    if content::media(call.headers) == "application/apply-patch+yaml" {
        return Err(Refusal::server_side_apply());
    }
    let place = Place::new(kind, Key::new(target.namespace.as_str(), target.name.as_str()));
    match (target.name.is_empty(), target.subresource.as_str()) {
        (true, _) => collection(cluster, call, place, query),
        (false, "") => object(cluster, call, place, query),
        (false, subresource) => self::subresource(cluster, call, place, &query, subresource),
    }
}

fn collection(cluster: &mut Cluster, call: &Call<'_>, place: Place, query: Query) -> Result<Answer, Refusal> {
    match *call.method {
        Method::GET if query.watch => watch(place, query),
        Method::GET => {
            let page = cluster.list(&place, &query)?;
            Ok(Answer::List { place, page })
        }
        Method::POST => {
            let object = cluster.create(&place, required_body(call)?, query.write())?;
            Ok(Answer::Object { code: 201, place, object })
        }
        Method::DELETE => {
            if !place.kind.verbs.contains(&"deletecollection") {
                return Err(Refusal::method_not_allowed());
            }
            let options = delete_options(call, &query)?;
            let page = cluster.list(&place, &query)?;
            for object in &page.items {
                let one = Place::new(place.kind.clone(), crate::store::key_of(object));
                match cluster.delete(&one, &options) {
                    // An earlier deletion of this very call may have taken it along.
                    Ok(_) => {}
                    Err(refusal) if refusal.code == 404 => {}
                    Err(refusal) => return Err(refusal),
                }
            }
            Ok(Answer::List { place, page })
        }
        _ => Err(Refusal::method_not_allowed()),
    }
}

fn object(cluster: &mut Cluster, call: &Call<'_>, place: Place, mut query: Query) -> Result<Answer, Refusal> {
    let answer = |place: Place, object| Ok(Answer::Object { code: 200, place, object });
    match *call.method {
        Method::GET if query.watch => {
            query.fields.and_name(&place.key.name);
            watch(place, query)
        }
        Method::GET => {
            let object = cluster.object(&place)?;
            answer(place, object)
        }
        Method::PUT => {
            let object = cluster.update(&place, required_body(call)?, Part::Main, query.write())?;
            answer(place, object)
        }
        Method::PATCH => {
            let object = patched(cluster, call, &place, Part::Main, query.write())?;
            answer(place, object)
        }
        Method::DELETE => {
            let options = delete_options(call, &query)?;
            delete(cluster, place, &options)
        }
        _ => Err(Refusal::method_not_allowed()),
    }
}

fn delete(cluster: &mut Cluster, place: Place, options: &DeleteOptions) -> Result<Answer, Refusal> {
    // These kinds answer a deletion with the object itself.
    let shows_object = place.kind.group.is_empty()
        && matches!(place.kind.plural.as_str(), "pods" | "services" | "serviceaccounts");
    match cluster.delete(&place, options)? {
        Deleted::Gone(object) if !shows_object => {
            let uid = object["metadata"]["uid"].as_str().unwrap_or_default();
            let value = success(place.about(), &place.key.name, uid);
            Ok(Answer::Plain { code: 200, value })
        }
        Deleted::Gone(object) | Deleted::Waiting(object) => Ok(Answer::Object { code: 200, place, object }),
    }
}

fn watch(place: Place, query: Query) -> Result<Answer, Refusal> {
    query.fields.check(&place.resource)?;
    Ok(Answer::Watch { place, query: Box::new(query) })
}

fn subresource(
    cluster: &mut Cluster,
    call: &Call<'_>,
    place: Place,
    query: &Query,
    name: &str,
) -> Result<Answer, Refusal> {
    let core = |plural: &str| place.kind.group.is_empty() && place.kind.plural == plural;
    let first = name.split('/').next().unwrap_or_default();
    match first {
        "status" if place.kind.status => status(cluster, call, place, query),
        "scale" if place.kind.scale.is_some() => scale(cluster, call, &place, query),
        "finalize" if core("namespaces") && *call.method == Method::PUT => {
            let old = cluster.object(&place)?;
            let body = required_body(call)?;
            let mut object = Value::clone(&old);
            object["spec"]["finalizers"] = body["spec"]["finalizers"].clone();
            let object = cluster.commit(&place, &old, object);
            Ok(Answer::Object { code: 200, place, object })
        }
        "binding" if core("pods") && *call.method == Method::POST => {
            rules::bind(cluster, &place, &required_body(call)?, query.dry_run)?;
            Ok(created())
        }
        "eviction" if core("pods") && *call.method == Method::POST => {
            let body = required_body(call)?;
            let options = DeleteOptions::read(&body["deleteOptions"], query.dry_run)?;
            rules::evict(cluster, &place, &options)?;
            Ok(created())
        }
        "log" | "exec" | "attach" | "portforward" | "proxy" | "ephemeralcontainers" | "resize"
            if core("pods") || core("services") || core("nodes") =>
        {
            let what = format!("{}/{first}", place.kind.plural);
            Err(Refusal::not_served(&what))
        }
        "token" if core("serviceaccounts") => Err(Refusal::not_served("serviceaccounts/token")),
        _ => Err(Refusal::no_such_resource()),
    }
}

fn created() -> Answer {
    let value = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201,
    });
    Answer::Plain { code: 201, value }
}

fn status(cluster: &mut Cluster, call: &Call<'_>, place: Place, query: &Query) -> Result<Answer, Refusal> {
    let object = match *call.method {
        Method::GET => cluster.object(&place)?,
        Method::PUT => cluster.update(&place, required_body(call)?, Part::Status, query.write())?,
        Method::PATCH => patched(cluster, call, &place, Part::Status, query.write())?,
        _ => return Err(Refusal::method_not_allowed()),
    };
    Ok(Answer::Object { code: 200, place, object })
}

fn scale(cluster: &mut Cluster, call: &Call<'_>, place: &Place, query: &Query) -> Result<Answer, Refusal> {
    let value = match *call.method {
        Method::GET => cluster.read_scale(place)?,
        Method::PUT => cluster.set_scale(place, &required_body(call)?, query.write())?,
        Method::PATCH => {
            let current = cluster.scale(place)?;
            let wanted = apply_patch(call, &current, None)?;
            cluster.set_scale(place, &wanted, query.write())?
        }
        _ => return Err(Refusal::method_not_allowed()),
    };
    Ok(Answer::Plain { code: 200, value })
}

fn patched(
    cluster: &mut Cluster,
    call: &Call<'_>,
    place: &Place,
    part: Part,
    options: WriteOptions,
) -> Result<Arc<Value>, Refusal> {
    let current = cluster.object(place)?;
    let current = shown(&place.kind, &current);
    let wanted = apply_patch(call, &current, Some(&place.kind))?;
    cluster.update(place, wanted, part, WriteOptions { patch: true, ..options })
}

const PATCH_TYPES: &str = "application/json-patch+json, application/merge-patch+json";

/// The object with the patch applied; `kind` is absent for `Scale`.
fn apply_patch(call: &Call<'_>, current: &Value, kind: Option<&KindInfo>) -> Result<Value, Refusal> {
    let media = content::media(call.headers);
    let custom = kind.is_some_and(|kind| kind.custom);
    let patch = content::yaml_or_json(call.body)?;
    match media {
        "application/json-patch+json" => patch::json(current, &patch),
        "application/merge-patch+json" => Ok(patch::merge(current, &patch)),
        // A Scale has no lists, so a merge is all that a strategic merge can do.
        "application/strategic-merge-patch+json" if !custom => match kind {
            Some(kind) => patch::strategic(current, &patch, kind),
            None => Ok(patch::merge(current, &patch)),
        },
        _ if custom => return Err(Refusal::unsupported_media_type(PATCH_TYPES)),
        _ => {
            let all = format!("{PATCH_TYPES}, application/strategic-merge-patch+json");
            return Err(Refusal::unsupported_media_type(&all));
        }
    }
    .map_err(|error| match error {
        PatchError::Malformed(why) => Refusal::bad_request(why),
        PatchError::DoesNotApply(why) => Refusal::patch_does_not_apply(&why),
        error => Refusal::unprocessable(error.to_string()),
    })
}

fn required_body(call: &Call<'_>) -> Result<Value, Refusal> {
    let value = content::decode(call.headers, call.body)?
        .ok_or_else(|| Refusal::bad_request("the body of the request is empty"))?;
    if value.is_object() {
        Ok(value)
    } else {
        Err(Refusal::bad_request("the body of the request is not an object"))
    }
}

fn delete_options(call: &Call<'_>, query: &Query) -> Result<DeleteOptions, Refusal> {
    let mut options = content::decode(call.headers, call.body)?.unwrap_or_else(|| json!({}));
    if let (Some(options), Some(from_query)) = (options.as_object_mut(), query.delete.as_object()) {
        for (name, value) in from_query {
            options.entry(name.clone()).or_insert_with(|| value.clone());
        }
    }
    DeleteOptions::read(&options, query.dry_run)
}

/// An object as the asked version of its kind shows it: as it is, unless it is stored as another version.
fn shown<'a>(kind: &KindInfo, object: &'a Value) -> Cow<'a, Value> {
    if convert::is_spelled(object, kind) {
        Cow::Borrowed(object)
    } else {
        Cow::Owned(convert::to(object.clone(), kind))
    }
}

/// Writes an answer; a watch has its own way.
pub(crate) fn write(
    answer: Answer,
    accepted: Accepted,
    now: jiff::Timestamp,
    include: IncludeObject,
) -> (u16, Bytes) {
    let encode = |value: &Value| content::encode(value, accepted.yaml);
    match answer {
        Answer::Plain { code, value } => (code, encode(&value)),
        Answer::Object { code, place, object } => {
            (code, encode(&shape_object(&place.kind, &object, accepted.shape, now, include)))
        }
        Answer::List { place, page } => {
            (200, encode(&shape_list(&place.kind, &page, accepted.shape, now, include)))
        }
        Answer::Watch { .. } => (500, encode(&Refusal::internal("a watch has no single answer").body())),
    }
}

/// One object in a shape.
pub(crate) fn shape_object<'a>(
    kind: &KindInfo,
    object: &'a Value,
    shape: Shape,
    now: jiff::Timestamp,
    include: IncludeObject,
) -> Cow<'a, Value> {
    let whole = shown(kind, object);
    match shape {
        Shape::Table => {
            let version = whole["metadata"]["resourceVersion"].clone();
            let mut table = table(kind, &[whole.into_owned()], now, include);
            table["metadata"] = json!({ "resourceVersion": version });
            Cow::Owned(table)
        }
        Shape::Metadata => Cow::Owned(partial(&whole)),
        _ => whole,
    }
}

fn shape_list(
    kind: &KindInfo,
    page: &Page,
    shape: Shape,
    now: jiff::Timestamp,
    include: IncludeObject,
) -> Value {
    let mut metadata = Map::new();
    metadata.insert("resourceVersion".into(), page.version.to_string().into());
    if let Some(token) = &page.continue_token {
        metadata.insert("continue".into(), token.clone().into());
    }
    if let Some(remaining) = page.remaining {
        metadata.insert("remainingItemCount".into(), remaining.into());
    }
    let items: Vec<Value> = page.items.iter().map(|object| shown(kind, object).into_owned()).collect();
    match shape {
        Shape::Table => {
            let mut table = table(kind, &items, now, include);
            table["metadata"] = metadata.into();
            table
        }
        Shape::MetadataList | Shape::Metadata => json!({
            "kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1",
            "metadata": metadata, "items": items.iter().map(partial).collect::<Vec<_>>(),
        }),
        _ => {
            let mut list = json!({ "kind": kind.list_kind, "apiVersion": kind.api_version() });
            list["metadata"] = metadata.into();
            // Moved in: json! would copy every object once more.
            list["items"] = items.into_iter().map(|item| listed(kind, item)).collect();
            list
        }
    }
}

/// An item of a list: the typed lists of built-in kinds leave out what the list says already.
fn listed(kind: &KindInfo, mut item: Value) -> Value {
    if let Some(fields) = item.as_object_mut().filter(|_| !kind.custom) {
        fields.shift_remove("kind");
        fields.shift_remove("apiVersion");
    }
    item
}

fn table(kind: &KindInfo, items: &[Value], now: jiff::Timestamp, include: IncludeObject) -> Value {
    table::render(kind, items, now, include)
}

fn partial(whole: &Value) -> Value {
    json!({
        "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1",
        "metadata": whole["metadata"],
    })
}
