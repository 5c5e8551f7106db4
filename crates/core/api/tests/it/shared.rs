//! Where recordings and manifests of other projects lie, when they are there.

use std::path::PathBuf;

/// The folder `shared/<name>` beside the repository; `None`, with a notice, where it is absent.
pub(crate) fn folder(name: &str) -> Option<PathBuf> {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../../shared")).join(name);
    if path.exists() {
        return Some(path);
    }
    assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "{} is missing", path.display());
    eprintln!("skipped: {} is not there", path.display());
    None
}

/// The documents of a YAML or JSON file, read as kubectl reads them; empty ones are left out.
pub(crate) fn documents(path: &std::path::Path) -> Vec<serde_json::Value> {
    let text = std::fs::read_to_string(path).unwrap();
    let options = serde_saphyr::options! { legacy_octal_numbers: true, budget: None };
    let documents: Vec<serde_json::Value> = serde_saphyr::from_multiple_with_options(&text, options)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    documents.into_iter().filter(|document| !document.is_null()).collect()
}
