//! From a configuration to the data that it asks for: which queries, what their answers mean, and which series belong together.
//!
//! Nothing is fetched here: queries go out as text, and answers come in as bytes.

pub mod mix;
pub mod prometheus;
pub mod scope;
mod template;

/// Why there is no query. The texts are Kayenta's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// The field is no longer supported.
    #[error(
        "CanaryMetricSetQueryConfig.customFilter is deprecated, use CanaryMetricSetQueryConfig.customInlineTemplate instead."
    )]
    CustomFilter,
    /// A template by name, and there are none.
    #[error("Custom filter template '{0}' was referenced, but no templates were defined.")]
    NoTemplates(String),
    /// A template by name that is not there.
    #[error("Custom filter template '{0}' was not found.")]
    UnknownTemplate(String),
    /// A variable without a value.
    #[error("Problem evaluating custom filter template: {0}")]
    Unbound(String),
    /// No metric to query.
    #[error("Metric Name is required when query type is Default.")]
    MetricName,
    /// The kind of resource needs a location.
    #[error("Location (i.e. region) is required when resourceType is '{0}'.")]
    Location(&'static str),
    /// The kind of resource is not known.
    #[error(
        "There is no explicit support for resourceType '{0}'. You may build whatever query makes sense for your environment via label bindings and custom filter templates."
    )]
    ResourceType(String),
    /// Nothing says which series are meant.
    #[error("Either a resource type or a custom filter is required.")]
    NoFilter,
    /// The query is for another kind of source.
    #[error("query.type is {0}, and only \"prometheus\" can be asked here")]
    OtherSource(String),
    /// A field of the query has the wrong type.
    #[error("query.{0} must be {1}")]
    Mistyped(&'static str, &'static str),
}
