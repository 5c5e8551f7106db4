//! Our definitions against Argo Rollouts' own: every field of theirs is one of ours, with the same type.

use serde_json::Value;
use serin_api::crds;

/// Schemas that are kept whole in ours, told by a field that only they have.
fn is_embedded(schema: &Value) -> bool {
    let has = |path: &str| schema.pointer(path).is_some();
    has("/properties/spec/properties/containers") || has("/properties/completions")
}

/// What a client can tell of a node's type.
fn kind(schema: &Value) -> String {
    if schema["x-kubernetes-int-or-string"] == true {
        return "int-or-string".to_owned();
    }
    let part = |key: &str| schema[key].to_string();
    let mut keys =
        vec!["type", "format", "enum", "default", "x-kubernetes-validations", "x-kubernetes-map-type"];
    keys.extend(["x-kubernetes-list-type", "x-kubernetes-preserve-unknown-fields"]);
    keys.into_iter().map(part).collect::<Vec<_>>().join(" ")
}

fn required(schema: &Value) -> Vec<String> {
    let listed = schema["required"].as_array().into_iter().flatten();
    let mut names: Vec<String> = listed.filter_map(Value::as_str).map(str::to_owned).collect();
    names.sort();
    names
}

/// Compares node by node and returns how many there were.
fn compare(theirs: &Value, ours: &Value, path: &str, differences: &mut Vec<String>) -> usize {
    if is_embedded(theirs) {
        if ours["x-kubernetes-preserve-unknown-fields"] != true {
            differences.push(format!("{path}: is not kept whole"));
        }
        return 1;
    }
    if kind(theirs) != kind(ours) {
        differences.push(format!("{path}: theirs {}, ours {}", kind(theirs), kind(ours)));
    }
    if required(theirs) != required(ours) {
        differences.push(format!("{path}: theirs needs {:?}, ours {:?}", required(theirs), required(ours)));
    }
    let mut count = 1;
    let names = |schema: &Value| {
        let properties = schema["properties"].as_object().cloned().unwrap_or_default();
        properties.into_iter().map(|(name, _)| name).collect::<Vec<_>>()
    };
    for name in names(theirs) {
        let inner = (&theirs["properties"][&name], &ours["properties"][&name]);
        count += compare(inner.0, inner.1, &format!("{path}.{name}"), differences);
    }
    for name in names(ours) {
        if theirs["properties"].get(&name).is_none() {
            differences.push(format!("{path}.{name}: only ours has it"));
        }
    }
    for key in ["items", "additionalProperties"] {
        match (theirs.get(key), ours.get(key)) {
            (Some(theirs), Some(ours)) => count += compare(theirs, ours, &format!("{path}[]"), differences),
            (None, None) => {}
            (theirs, _) => {
                differences.push(format!("{path}: {key} is there in theirs: {}", theirs.is_some()));
            }
        }
    }
    count
}

#[test]
fn every_field_of_argos_definitions_is_in_ours_with_the_same_type() {
    let Some(folder) = serin_needs::shared("compat/argo-rollouts/manifests/crds") else { return };
    let ours = crds();
    let (mut differences, mut nodes, mut definitions) = (Vec::new(), 0, 0);
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let theirs = crate::shared::documents(&path).remove(0);
        if theirs["kind"] != "CustomResourceDefinition" {
            continue;
        }
        let ours = ours.iter().find(|crd| crd["metadata"]["name"] == theirs["metadata"]["name"]).unwrap();
        assert_eq!(ours["spec"]["names"], theirs["spec"]["names"]);
        assert_eq!(ours["spec"]["scope"], theirs["spec"]["scope"]);
        let (theirs, ours) = (&theirs["spec"]["versions"][0], &ours["spec"]["versions"][0]);
        for part in ["name", "served", "storage", "subresources"] {
            assert_eq!(ours[part], theirs[part], "{part}");
        }
        let columns = |version: &Value| {
            let columns = version["additionalPrinterColumns"].as_array().unwrap().iter();
            columns.map(|it| format!("{} {} {}", it["name"], it["type"], it["jsonPath"])).collect::<Vec<_>>()
        };
        assert_eq!(columns(ours), columns(theirs));
        let schemas = (&theirs["schema"]["openAPIV3Schema"], &ours["schema"]["openAPIV3Schema"]);
        nodes += compare(schemas.0, schemas.1, "", &mut differences);
        definitions += 1;
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    assert_eq!(definitions, 5);
    assert!(1_000 < nodes, "{nodes} fields compared");
}
