//! Flagger's own definitions, manifests and recorded statuses against ours.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use serin_api::{
    flagger::{self, AlertProvider, Canary, CanaryStatus, MetricTemplate, Rules},
    lenient,
    wire::Wire,
};

/// Formats that mean nothing to Kubernetes; Flagger's definitions name them.
const EMPTY_FORMATS: [&str; 2] = ["string", "url"];

/// What a client can tell of a node, its fields apart.
fn facts(schema: &Value) -> BTreeMap<String, Value> {
    let mut facts: BTreeMap<String, Value> =
        schema.as_object().into_iter().flatten().map(|(key, value)| (key.clone(), value.clone())).collect();
    for inner in ["description", "properties", "items", "additionalProperties"] {
        facts.remove(inner);
    }
    if facts.get("format").and_then(Value::as_str).is_some_and(|format| EMPTY_FORMATS.contains(&format)) {
        facts.remove("format");
    }
    // Flagger's definition says so of a list, where it means nothing.
    if facts.get("type") == Some(&json!("array")) {
        facts.remove("required");
    }
    if facts.get("x-kubernetes-int-or-string") == Some(&json!(true)) {
        facts.remove("anyOf");
    }
    for names in
        facts.iter_mut().filter(|(key, _)| *key == "required").filter_map(|(_, it)| it.as_array_mut())
    {
        names.sort_by_key(ToString::to_string);
    }
    facts
}

/// Compares node by node and returns how many there were.
fn compare(theirs: &Value, ours: &Value, path: &str, differences: &mut Vec<String>) -> usize {
    if facts(theirs) != facts(ours) {
        differences.push(format!("{path}: theirs {:?}, ours {:?}", facts(theirs), facts(ours)));
    }
    let mut count = 1;
    let names = |schema: &Value| {
        let properties = schema["properties"].as_object().cloned().unwrap_or_default();
        properties.into_iter().map(|(name, _)| name).collect::<Vec<_>>()
    };
    for name in names(theirs) {
        let (theirs, ours) = (&theirs["properties"][&name], &ours["properties"][&name]);
        count += compare(theirs, ours, &format!("{path}.{name}"), differences);
    }
    for name in names(ours).into_iter().filter(|name| theirs["properties"].get(name).is_none()) {
        differences.push(format!("{path}.{name}: only ours has it"));
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

/// The documents of a file, written so that a strict reader of YAML understands them as kubectl does: quoted texts of
/// several lines are not indented in the definitions, and the recorder left a bare `y`, which is a text.
fn documents(path: &std::path::Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap().replace(": y\n", ": 'y'\n");
    let (mut unfolded, mut within) = (String::new(), false);
    for line in text.lines() {
        unfolded.push_str(if within { line.trim_start() } else { line });
        let opens = line.contains(": '") && !line.ends_with('\'');
        within = opens || (within && !line.ends_with('\''));
        unfolded.push(if within { ' ' } else { '\n' });
    }
    crate::shared::parse(&unfolded, path)
}

#[test]
fn flaggers_definitions_and_ours_keep_and_refuse_the_same() {
    let Some(file) = serin_needs::shared("compat/flagger/artifacts/flagger/crd.yaml") else { return };
    let (mut ours, theirs) = (flagger::crds(), documents(&file));
    ours.retain(|one| one["spec"]["group"] == "flagger.app");
    assert_eq!((ours.len(), theirs.len()), (3, 3));
    let (mut differences, mut nodes) = (Vec::new(), 0);
    for (theirs, ours) in theirs.iter().zip(&ours) {
        assert_eq!(ours["metadata"], theirs["metadata"]);
        assert_eq!(ours["spec"]["names"], theirs["spec"]["names"]);
        assert_eq!(ours["spec"]["scope"], theirs["spec"]["scope"]);
        let (theirs, ours) = (&theirs["spec"]["versions"][0], &ours["spec"]["versions"][0]);
        for part in ["name", "served", "storage", "subresources", "additionalPrinterColumns"] {
            assert_eq!(ours[part], theirs[part], "{part}");
        }
        let schemas = (&theirs["schema"]["openAPIV3Schema"], &ours["schema"]["openAPIV3Schema"]);
        nodes += compare(schemas.0, schemas.1, "", &mut differences);
    }
    // Theirs says it in the expression language, ours with a plain alternative that any API server reads.
    differences.retain(|difference| !difference.starts_with(".spec.service.mirror[].backendRef: "));
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    assert!(300 < nodes, "{nodes} fields compared");
}

/// Reads and writes `document` as `T`; what is wrong or unknown is named.
fn again<T: Wire + Default>(document: &Value, file: &str) -> Value {
    let read = lenient::<T>(document.clone());
    assert_eq!((read.problems, read.unknown), (Vec::new(), Vec::new()), "{file}");
    read.value.write()
}

/// Without flags that say no: they are left out when they are written.
fn without_false(mut value: Value) -> Value {
    match &mut value {
        Value::Object(fields) => {
            fields.retain(|_, field| *field != json!(false));
            for field in fields.values_mut() {
                *field = without_false(field.take());
            }
        }
        Value::Array(elements) => {
            for element in elements {
                *element = without_false(element.take());
            }
        }
        _ => {}
    }
    value
}

/// YAML files below `folder` with this name, or all.
fn files(folder: &std::path::Path, name: Option<&str>) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, name));
        } else if path.extension().is_some_and(|it| it == "yaml")
            && name.is_none_or(|name| path.file_name().is_some_and(|it| it == name))
        {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// How many objects of Flagger's kinds the files hold; each is written as it was read.
fn written_as_read(files: &[std::path::PathBuf]) -> usize {
    let mut seen = 0;
    for path in files {
        let file = path.display().to_string();
        // What a recording deletes has no spec.
        for document in documents(path).into_iter().filter(|it| it["spec"].is_object()) {
            let written = match document["kind"].as_str().unwrap_or_default() {
                "Canary" => again::<Canary>(&document, &file),
                "MetricTemplate" => again::<MetricTemplate>(&document, &file),
                "AlertProvider" => again::<AlertProvider>(&document, &file),
                _ => continue,
            };
            assert_eq!(written["spec"], without_false(document["spec"].clone()), "{file}");
            seen += 1;
        }
    }
    seen
}

#[test]
fn every_manifest_of_flaggers_is_written_as_it_was_read() {
    let Some(folder) = serin_needs::shared("compat/flagger") else { return };
    assert_eq!(written_as_read(&files(&folder.join("artifacts/examples"), None)), 5);
    let kustomize = files(&folder.join("kustomize"), None);
    assert!(10 < kustomize.len());
    assert_eq!(written_as_read(&kustomize), 0, "a Canary that is not among the examples");
}

#[test]
fn every_recorded_manifest_is_written_as_it_was_read() {
    let Some(folder) = serin_needs::shared("recorded/flagger") else { return };
    let seen = written_as_read(&files(&folder, Some("inputs.yaml")));
    assert!(150 < seen, "{seen} objects");
}

#[test]
fn every_recorded_status_is_read_and_written_alike() {
    let Some(folder) = serin_needs::shared("recorded/flagger") else { return };
    let mut seen = 0;
    for input in files(&folder, Some("inputs.yaml")) {
        let Ok(statuses) = std::fs::read_to_string(input.with_file_name("status.jsonl")) else { continue };
        for line in statuses.lines().filter(|line| line.contains("\"phase\"")) {
            // The recorder named the Canary and put words in the place of times.
            let mut status: Value =
                serde_json::from_str(&line.replace("<time>", "2026-01-02T15:04:05Z")).unwrap();
            status.as_object_mut().unwrap().shift_remove("canary");
            assert_eq!(again::<CanaryStatus>(&status, line), status, "{line}");
            seen += 1;
        }
    }
    assert!(1_000 < seen, "{seen} statuses");
}

/// The recordings whose Canaries are refused here, and why. Flagger waits for ever in all of them but `xns`, which it
/// refuses too.
const REFUSED: &str = r#"gatewayapi-v1/mirror: spec.analysis.mirror: Forbidden: provider gatewayapi:v1 cannot copy requests before the first step: remove it
istio/step-zero: spec.analysis.stepWeight: Invalid value: 0: the weight would never grow: set stepWeight above 0, or stepWeights, or iterations
istio/steps-bad: spec.analysis.stepWeights[1]: Invalid value: 20: must be greater than the weight before it, 20
istio/xns: spec.analysis.metrics[0].templateRef.namespace: Invalid value: "other": references to other namespaces are switched off: must be "istio-xns"
nginx/mirror: spec.analysis.mirror: Forbidden: provider nginx cannot copy requests before the first step: remove it
traefik/mirror: spec.analysis.mirror: Forbidden: provider traefik cannot copy requests before the first step: remove it"#;

#[test]
fn no_recorded_manifest_is_refused_that_flagger_could_run() {
    let Some(folder) = serin_needs::shared("recorded/flagger") else { return };
    let mut seen = Vec::new();
    for path in files(&folder, Some("inputs.yaml")) {
        for document in documents(&path).into_iter().filter(|it| it["spec"].is_object()) {
            let scenario = path.parent().unwrap().strip_prefix(&folder).unwrap().display().to_string();
            let errors = match document["kind"].as_str().unwrap_or_default() {
                "Canary" => {
                    let rules = Rules { provider: "istio", no_cross_namespace_refs: scenario == "istio/xns" };
                    flagger::validate(&lenient(document).value, rules)
                }
                "MetricTemplate" => flagger::validate_metric_template(&lenient(document).value),
                "AlertProvider" => flagger::validate_alert_provider(&lenient(document).value),
                _ => continue,
            };
            seen.extend(errors.iter().map(|error| format!("{scenario}: {error}")));
        }
    }
    assert_eq!(seen.join("\n"), REFUSED);
}
