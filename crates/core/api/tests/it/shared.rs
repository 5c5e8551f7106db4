//! Reading manifests of other projects.

/// What no YAML reader takes, and kubectl neither: an unquoted template in an example of Argo's.
const NO_YAML: &str = "linkerd.io/inject: {{args.linkerd-enabled}}";

/// The documents of a YAML file, read as kubectl reads them; empty ones are left out.
pub(crate) fn documents(path: &std::path::Path) -> Vec<serde_json::Value> {
    parse(&std::fs::read_to_string(path).unwrap(), path)
}

/// The documents of a YAML text that was found at `path`.
pub(crate) fn parse(text: &str, path: &std::path::Path) -> Vec<serde_json::Value> {
    let read = |document: &str| -> serde_json::Value {
        let options = serde_saphyr::options! { legacy_octal_numbers: true, budget: None };
        serde_saphyr::from_str_with_options(document, options)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    let documents = text.split("\n---").filter(|document| !document.contains(NO_YAML));
    let holds_something = |document: &&str| {
        document.lines().any(|line| !line.is_empty() && !line.starts_with('#') && line != "---")
    };
    documents.filter(holds_something).map(read).filter(|document| !document.is_null()).collect()
}
