//! Argo Rollouts' own examples and lint data: each is read without a problem, judged as Argo judges it, and what has
//! no machine yet is named.

use std::path::Path;

use serde_json::Value;
use serin_api::{
    analysis::{AnalysisRun, AnalysisTemplate},
    experiment::Experiment,
    kinds, lenient,
    network::Service,
    rollout::Rollout,
    validate::{References, unsupported, validate, validate_references},
    wire::Wire,
};

/// Files below `folder`, those of Helm charts apart, which are no YAML.
fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if !path.components().any(|part| part.as_os_str() == "helm-blue-green") {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn documents(path: &Path) -> Vec<Value> {
    if path.extension().is_some_and(|extension| extension == "json") {
        return vec![serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()];
    }
    crate::shared::documents(path)
}

fn of_kind(document: &Value, kind: &str) -> bool {
    document["kind"] == kind
}

/// What validation, including the Services inside the file, says of each Rollout of a file. As Argo's linter does,
/// Ingresses are left out: one that does not name the stable Service is taken to be somebody else's.
fn judged(documents: &[Value]) -> Vec<String> {
    let mut found = References::default();
    for document in documents {
        let name = document["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        if of_kind(document, "Service") {
            found.services.insert(name, Some(lenient::<Service>(document.clone()).value));
        }
    }
    let mut errors = Vec::new();
    for document in documents.iter().filter(|document| of_kind(document, kinds::ROLLOUT.kind)) {
        let rollout = lenient::<Rollout>(document.clone()).value;
        errors.extend(validate(&rollout));
        errors.extend(validate_references(&rollout, &rollout.spec.template, &found));
    }
    errors.iter().map(ToString::to_string).collect()
}

#[test]
fn every_example_is_valid_and_what_cannot_run_yet_is_named() {
    let Some(folder) = serin_needs::shared("compat/argo-rollouts/examples") else { return };
    let mut seen = std::collections::BTreeMap::new();
    for path in files(&folder) {
        let file = path.strip_prefix(&folder).unwrap().display().to_string();
        if !file.ends_with("yaml") {
            continue;
        }
        let documents = documents(&path);
        assert_eq!(judged(&documents), [""; 0], "{file}");
        for document in documents.iter().filter(|document| of_kind(document, kinds::ROLLOUT.kind)) {
            let read = lenient::<Rollout>(document.clone());
            assert_eq!(read.problems, [], "{file}");
            assert_eq!(read.unknown, [""; 0], "{file}");
            let parts = unsupported(&read.value).into_iter().map(|error| {
                error.path.trim_start_matches("spec.strategy.").trim_start_matches("canary.").to_owned()
            });
            seen.entry(file.clone()).or_insert_with(Vec::new).extend(parts);
        }
    }
    let seen: Vec<String> = seen
        .into_iter()
        .map(|(file, parts)| format!("{file}: {}", parts.join(" ")).trim_end().to_owned())
        .collect();
    assert_eq!(seen.join("\n"), EXPECTED);
}

/// Each example and what in it has no machine yet; nothing behind the colon runs as it is.
const EXPECTED: &str = "\
ambassador/rollout.yaml: trafficRouting.ambassador
apisix/rollout.yaml: trafficRouting.apisix steps[0].setHeaderRoute
appmesh/canary-rollout.yaml: trafficRouting.appMesh
istio/istio-mirror.yaml: trafficRouting.istio steps[1].setMirrorRoute
istio/istio-subset-split.yaml: trafficRouting.istio
notifications/rollout-canary.yaml:
rollout-analysis-step.yaml: steps[1].analysis
rollout-background-analysis.yaml: analysis
rollout-baseline-vs-canary.yaml: steps[0].experiment
rollout-bluegreen.yaml: blueGreen
rollout-canary-preview.yaml: steps[0].experiment
rollout-canary.yaml:
rollout-experiment-step.yaml: steps[1].experiment
rollout-rolling-update.yaml:
rollout-secret.yaml: steps[1].analysis
rollout-template-ref.yaml:
traffic-management/rollout-linkerd.yaml: trafficRouting.smi
traffic-routing-experiment-step/istio-host-split-experiment-step.yaml: trafficRouting.istio steps[1].experiment
traffic-routing-experiment-step/rollout-alb-experiment-step.yaml: trafficRouting.alb steps[1].experiment
traffic-routing-experiment-step/rollout-smi-experiment-step.yaml: trafficRouting.smi steps[1].experiment
workload-ref/workload-ref.yaml:";

/// Reads and writes `document` as `T`; what is wrong or unknown is named.
fn again<T: Wire + Default>(document: &Value, file: &str) -> Value {
    let read = lenient::<T>(document.clone());
    assert_eq!((read.problems, read.unknown), (Vec::new(), Vec::new()), "{file}");
    read.value.write()
}

#[test]
fn every_example_is_written_as_it_was_read() {
    let Some(folder) = serin_needs::shared("compat/argo-rollouts/examples") else { return };
    let mut seen = 0;
    for path in files(&folder).into_iter().filter(|path| path.extension().is_some_and(|it| it == "yaml")) {
        let file = path.display().to_string();
        for document in documents(&path) {
            let written = match document["kind"].as_str().unwrap_or_default() {
                "Rollout" => again::<Rollout>(&document, &file),
                "AnalysisTemplate" | "ClusterAnalysisTemplate" => again::<AnalysisTemplate>(&document, &file),
                "AnalysisRun" => again::<AnalysisRun>(&document, &file),
                "Experiment" => again::<Experiment>(&document, &file),
                _ => continue,
            };
            assert_eq!(written["spec"], document["spec"], "{file}");
            seen += 1;
        }
    }
    assert!(25 < seen, "{seen} objects");
}

#[test]
fn lint_data_is_judged_as_argo_judges_it() {
    let Some(folder) =
        serin_needs::shared("compat/argo-rollouts/pkg/kubectl-argo-rollouts/cmd/lint/testdata")
    else {
        return;
    };
    let mut seen = Vec::new();
    for path in files(&folder) {
        let file = path.file_name().unwrap().to_string_lossy().into_owned();
        let documents = documents(&path);
        let mut errors = judged(&documents);
        for document in documents.iter().filter(|document| of_kind(document, kinds::ROLLOUT.kind)) {
            let read = lenient::<Rollout>(document.clone());
            errors.extend(read.problems.iter().map(ToString::to_string));
            errors.extend(read.unknown.into_iter().map(|name| format!("unknown field {name}")));
        }
        if file.starts_with("valid") {
            assert_eq!(errors, [""; 0], "{file}");
        } else {
            seen.push(format!("{file}: {}", errors.join(" | ")));
        }
    }
    assert_eq!(seen.join("\n"), INVALID);
}

const INVALID: &str = r#"invalid-empty-rollout-vsvc.yml: spec.selector: Required value: Rollout has missing field '.spec.selector' | spec.template.spec.containers: Required value | spec.strategy.strategy: Required value: Rollout has missing field '.spec.strategy.canary or .spec.strategy.blueGreen'
invalid-ingress-smi-multi.yml: spec.strategy.canary.stableService: Invalid value: "rollout-smi-experiment-stable": Service "rollout-smi-experiment-stable" has unmatch label "app" in rollout | spec.strategy.canary.canaryService: Invalid value: "rollout-smi-experiment-canary": Service "rollout-smi-experiment-canary" has unmatch label "app" in rollout
invalid-multiple-docs.yml: spec.strategy.canary.maxSurge: Invalid value: 0: MaxSurge and MaxUnavailable both can not be zero
invalid-nginx-canary.yml: spec.strategy.canary.steps[1].experiment.templates[0].weight: Invalid value: 20: Experiment template weight is only available for TrafficRouting with SMI, ALB, Istio and Plugins at this time
invalid-ping-pong.yml: spec.strategy.canary.pingPong.pingService: Invalid value: "ping-service": Service "ping-service" has unmatch label "app" in rollout | spec.strategy.canary.pingPong.pongService: Invalid value: "pong-service": Service "pong-service" has unmatch label "app" in rollout
invalid-service-labels.yml: spec.strategy.canary.stableService: Invalid value: "istio-host-split-stable": Service "istio-host-split-stable" has unmatch label "app" in rollout | spec.strategy.canary.canaryService: Invalid value: "istio-host-split-canary": Service "istio-host-split-canary" has unmatch label "app" in rollout
invalid-unknown-field.yml: spec.strategy.strategy: Required value: Rollout has missing field '.spec.strategy.canary or .spec.strategy.blueGreen' | unknown field spec.strategy.unknown-strategy
invalid.json: spec.strategy.canary.maxSurge: Invalid value: 0: MaxSurge and MaxUnavailable both can not be zero
invalid.yml: spec.strategy.canary.maxSurge: Invalid value: 0: MaxSurge and MaxUnavailable both can not be zero"#;
