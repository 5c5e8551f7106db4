//! Every refusal is a `Status` with the code, reason, message and details that kube-apiserver
//! gives, because clients branch on them (`kubectl` on `AlreadyExists`, client-go on `Expired`) and
//! people read them.
//!
//! One type, [`Refusal`], one constructor for each reason. The texts follow
//! `k8s.io/apimachinery/pkg/api/errors`.

use serde_json::{Map, Value, json};

use crate::schema::FieldError;

/// The kind of thing that a refusal speaks of: group and plural, as in `deployments.apps`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct About<'a> {
    /// The API group, empty for the core group.
    pub(crate) group: &'a str,
    /// The plural, with the subresource after a slash where there is one.
    pub(crate) plural: &'a str,
}

impl std::fmt::Display for About<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.group {
            "" => f.write_str(self.plural),
            group => write!(f, "{}.{group}", self.plural),
        }
    }
}

/// A request that was not carried out, ready to be sent as a `Status`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Refusal {
    /// The HTTP status, 4xx or 5xx.
    pub(crate) code: u16,
    /// The machine-readable reason, one of Kubernetes' closed set; empty where it has none.
    pub(crate) reason: &'static str,
    /// The text for people.
    pub(crate) message: String,
    details: Box<Map<String, Value>>,
    retry_after_seconds: Option<u32>,
}

impl Refusal {
    fn new(code: u16, reason: &'static str, message: impl Into<String>) -> Refusal {
        let message = message.into();
        Refusal { code, reason, message, details: Box::default(), retry_after_seconds: None }
    }

    fn of(mut self, about: About<'_>, name: &str) -> Refusal {
        if !name.is_empty() {
            self.details.insert("name".into(), name.into());
        }
        if !about.group.is_empty() {
            self.details.insert("group".into(), about.group.into());
        }
        self.details.insert("kind".into(), about.plural.into());
        self
    }

    fn caused_by(mut self, causes: impl IntoIterator<Item = Value>) -> Refusal {
        let causes: Vec<Value> = causes.into_iter().collect();
        self.details.insert("causes".into(), causes.into());
        self
    }

    /// After how long the caller should try again, sent as a header too.
    #[must_use]
    pub(crate) fn retry_after_seconds(&self) -> Option<u32> {
        self.retry_after_seconds
    }

    /// The object or the resource is not here.
    #[must_use]
    pub(crate) fn not_found(about: About<'_>, name: &str) -> Refusal {
        Refusal::new(404, "NotFound", format!("{about} {name:?} not found")).of(about, name)
    }

    /// No kind is served at this path.
    #[must_use]
    pub(crate) fn no_such_resource() -> Refusal {
        Refusal::new(404, "NotFound", "the server could not find the requested resource")
    }

    /// The name is taken.
    #[must_use]
    pub(crate) fn already_exists(about: About<'_>, name: &str) -> Refusal {
        Refusal::new(409, "AlreadyExists", format!("{about} {name:?} already exists")).of(about, name)
    }

    /// The write lost a race, or a precondition does not hold.
    #[must_use]
    pub(crate) fn conflict(about: About<'_>, name: &str, detail: &str) -> Refusal {
        let message = format!("Operation cannot be fulfilled on {about} {name:?}: {detail}");
        Refusal::new(409, "Conflict", message).of(about, name)
    }

    /// The write carries an old `resourceVersion`.
    #[must_use]
    pub(crate) fn stale(about: About<'_>, name: &str) -> Refusal {
        let detail = "the object has been modified; please apply your changes to the latest \
                      version and try again";
        Refusal::conflict(about, name, detail)
    }

    /// A rule of the server, not of the object's schema, forbids it.
    #[must_use]
    pub(crate) fn forbidden(about: About<'_>, name: &str, detail: &str) -> Refusal {
        let message = format!("{about} {name:?} is forbidden: {detail}");
        Refusal::new(403, "Forbidden", message).of(about, name)
    }

    /// Nothing new may be made in a namespace that goes away.
    #[must_use]
    pub(crate) fn namespace_terminating(about: About<'_>, name: &str, namespace: &str) -> Refusal {
        let detail =
            format!("unable to create new content in namespace {namespace} because it is being terminated");
        Refusal::forbidden(about, name, &detail).caused_by([json!({
            "reason": "NamespaceTerminating",
            "message": format!("namespace {namespace} is being terminated"),
            "field": "metadata.namespace",
        })])
    }

    /// The object breaks its schema or a rule; `kind` is the kind's own name.
    #[must_use]
    pub(crate) fn invalid(group: &str, kind: &str, name: &str, causes: &[FieldError]) -> Refusal {
        let texts: Vec<String> = causes.iter().map(ToString::to_string).collect();
        let list = match texts.as_slice() {
            [one] => one.clone(),
            many => format!("[{}]", many.join(", ")),
        };
        let about = About { group, plural: kind };
        Refusal::new(422, "Invalid", format!("{about} {name:?} is invalid: {list}"))
            .of(about, name)
            .caused_by(causes.iter().map(FieldError::cause))
    }

    /// The request cannot be understood.
    #[must_use]
    pub(crate) fn bad_request(message: impl Into<String>) -> Refusal {
        Refusal::new(400, "BadRequest", message)
    }

    /// A well-formed patch that cannot be applied to this object.
    #[must_use]
    pub(crate) fn unprocessable(message: impl Into<String>) -> Refusal {
        Refusal::new(422, "Invalid", message)
    }

    /// A patch that does not fit the object. Kubernetes says so in general words; why, it tells its
    /// own log, as this server does.
    #[must_use]
    pub(crate) fn patch_does_not_apply(why: &str) -> Refusal {
        tracing::debug!(why, "a patch does not fit its object");
        Refusal::unprocessable("the server rejected our request due to an error in our request")
    }

    /// No or a wrong bearer token.
    #[must_use]
    pub(crate) fn unauthorized() -> Refusal {
        Refusal::new(401, "Unauthorized", "Unauthorized")
    }

    /// The verb does not exist on this resource.
    #[must_use]
    pub(crate) fn method_not_allowed() -> Refusal {
        let message = "the server does not allow this method on the requested resource";
        Refusal::new(405, "MethodNotAllowed", message)
    }

    /// A thing that a real cluster does and this one does not; `what` names it.
    #[must_use]
    pub(crate) fn not_served(what: &str) -> Refusal {
        let message = format!("{what} is not served by this embedded Kubernetes API");
        Refusal::new(501, "MethodNotAllowed", message)
    }

    /// No media type of the `Accept` header can be produced.
    #[must_use]
    pub(crate) fn not_acceptable() -> Refusal {
        let message = "only the following media types are accepted: application/json, application/yaml";
        Refusal::new(406, "NotAcceptable", message)
    }

    /// The body's media type is not read here.
    #[must_use]
    pub(crate) fn unsupported_media_type(accepted: &str) -> Refusal {
        let message = format!(
            "the body of the request was in an unknown format - accepted media types include: \
             {accepted}"
        );
        Refusal::new(415, "UnsupportedMediaType", message)
    }

    /// Server-side apply, which is refused by name.
    #[must_use]
    pub(crate) fn server_side_apply() -> Refusal {
        let message = "server-side apply (application/apply-patch+yaml) is not served by this \
                       embedded Kubernetes API; use client-side apply, or a json, merge or \
                       strategic merge patch";
        Refusal::new(415, "UnsupportedMediaType", message)
    }

    /// The body is over the limit.
    #[must_use]
    pub(crate) fn too_large(limit_bytes: usize) -> Refusal {
        let message = format!("Request entity too large: limit is {limit_bytes}");
        Refusal::new(413, "RequestEntityTooLarge", message)
    }

    /// The history no longer reaches back to what was asked for.
    #[must_use]
    pub(crate) fn expired(message: impl Into<String>) -> Refusal {
        Refusal::new(410, "Expired", message)
    }

    /// A watch asked for changes that the history has let go.
    #[must_use]
    pub(crate) fn too_old(asked: u64, oldest: u64) -> Refusal {
        Refusal::expired(format!("too old resource version: {asked} ({oldest})"))
    }

    /// A version that this server has not reached.
    #[must_use]
    pub(crate) fn version_in_the_future(asked: u64, current: u64) -> Refusal {
        let message = format!("Too large resource version: {asked}, current: {current}");
        let mut refusal = Refusal::new(504, "Timeout", format!("Timeout: {message}"));
        refusal.retry_after_seconds = Some(1);
        refusal.details.insert("retryAfterSeconds".into(), 1.into());
        refusal.caused_by([
            json!({ "reason": "ResourceVersionTooLarge", "message": "Too large resource version" }),
        ])
    }

    /// An eviction that a disruption budget does not allow now.
    #[must_use]
    pub(crate) fn disruption_budget(why: &str) -> Refusal {
        let message = "Cannot evict pod as it would violate the pod's disruption budget.";
        Refusal::new(429, "TooManyRequests", message)
            .caused_by([json!({ "reason": "DisruptionBudget", "message": why })])
    }

    /// A limit on concurrent work is reached.
    #[must_use]
    pub(crate) fn too_many_requests(message: &str) -> Refusal {
        let mut refusal = Refusal::new(429, "TooManyRequests", message);
        refusal.retry_after_seconds = Some(1);
        refusal.details.insert("retryAfterSeconds".into(), 1.into());
        refusal
    }

    /// A fault of this server.
    #[must_use]
    pub(crate) fn internal(message: impl std::fmt::Display) -> Refusal {
        Refusal::new(500, "InternalError", format!("Internal error occurred: {message}"))
    }

    /// The `Status` object.
    #[must_use]
    pub(crate) fn body(&self) -> Value {
        let mut status = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {},
            "status": "Failure", "message": self.message,
        });
        if !self.reason.is_empty() {
            status["reason"] = self.reason.into();
        }
        if !self.details.is_empty() {
            status["details"] = Value::Object(Map::clone(&self.details));
        }
        status["code"] = self.code.into();
        status
    }
}

/// The `Status` that says a thing was done, for answers that carry no object.
#[must_use]
pub(crate) fn success(about: About<'_>, name: &str, uid: &str) -> Value {
    let mut details = json!({ "name": name });
    if !about.group.is_empty() {
        details["group"] = about.group.into();
    }
    details["kind"] = about.plural.into();
    details["uid"] = uid.into();
    json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success",
        "details": details,
    })
}

/// Field errors of borrowed values, as the rules of built-in kinds have them.
pub(crate) mod cause {
    use serde_json::Value;

    use crate::schema::FieldError;

    /// A value that is there but wrong.
    pub(crate) fn invalid(field: impl Into<String>, value: &Value, detail: &str) -> FieldError {
        FieldError::invalid(field, value.clone(), detail)
    }

    /// A value that must be there; `detail` may be empty.
    pub(crate) fn required(field: impl Into<String>, detail: &str) -> FieldError {
        FieldError::required(field, detail)
    }

    /// A second one of what must be unique.
    pub(crate) fn duplicate(field: impl Into<String>, value: &Value) -> FieldError {
        FieldError::duplicate(field, value.clone())
    }

    /// A value outside a closed set.
    pub(crate) fn unsupported(field: impl Into<String>, value: &Value, of: &[&str]) -> FieldError {
        let of: Vec<Value> = of.iter().map(|one| Value::from(*one)).collect();
        FieldError::not_supported(field, value.clone(), &of)
    }

    /// A change or a value that a rule forbids.
    pub(crate) fn forbidden(field: impl Into<String>, detail: &str) -> FieldError {
        FieldError::forbidden(field, detail)
    }
}
