//! The manifest that installs the load tester gives it what it needs.

use serde_json::{Value, json};

#[test]
fn with_a_root_that_cannot_be_written_there_is_a_place_for_files() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../manifests/loadtester.yaml");
    let text = std::fs::read_to_string(path).unwrap();
    let documents = text.split("\n---").map(|document| serde_saphyr::from_str::<Value>(document).unwrap());
    let deployment = documents.into_iter().find(|document| document["kind"] == "Deployment").unwrap();
    let pod = &deployment["spec"]["template"]["spec"];
    let container = &pod["containers"][0];
    assert_eq!(container["securityContext"]["readOnlyRootFilesystem"], true);
    assert_eq!(container["volumeMounts"], json!([{"name": "tmp", "mountPath": "/tmp"}]));
    assert!(pod["volumes"][0]["name"] == "tmp" && pod["volumes"][0]["emptyDir"].is_object());
}
