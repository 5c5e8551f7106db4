//! Every example manifest of Argo Rollouts and its demo, as a user applies it, while the controller runs.
//!
//! Held: the API takes each one by client-side `kubectl apply`; the controller runs it, or says which part has no machine
//! yet, or refuses it with the reason that Argo's own controller has; and no manifest disturbs the controller.

#![allow(clippy::missing_docs_in_private_items)]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use serin_e2e::cluster::{self, REPLICA_SET, ROLLOUT, get};
use serin_e2e::kubectl::kubectl;
use tokio::time::{Instant, sleep};

use common::Ground;

/// How long a Rollout may take to come to rest: a minute is many times what ten pods need.
const PATIENCE: Duration = Duration::from_mins(2);
/// Between two looks. A look at all is one request, and there is nobody else to disturb.
const PAUSE: Duration = Duration::from_millis(300);

/// What becomes of a Rollout.
#[derive(Clone, Copy, Debug)]
enum Outcome {
    /// It runs, and is Healthy once its pods are there.
    Healthy,
    /// It is refused with a message that contains this, and its pods are left alone.
    Invalid(&'static str),
}
use Outcome::{Healthy, Invalid};

/// (folder or file, name of the Rollout, what becomes of it).
const OUTCOMES: &[(&str, &str, Outcome)] = &[
    (
        "ambassador",
        "echo-rollout",
        Invalid(
            "spec.strategy.canary.trafficRouting.ambassador: Forbidden: Serin does not run traffic routing by Ambassador yet",
        ),
    ),
    (
        "apisix",
        "rollout-apisix-canary",
        Invalid(
            "spec.strategy.canary.trafficRouting.apisix: Forbidden: Serin does not run traffic routing by APISIX yet",
        ),
    ),
    (
        "appmesh",
        "my-rollout",
        Invalid(
            "spec.strategy.canary.trafficRouting.appMesh: Forbidden: Serin does not run traffic routing by App Mesh yet",
        ),
    ),
    (
        "demo/analysis",
        "canary-demo",
        Invalid("spec.strategy.canary.analysis: Forbidden: Serin does not run background analysis yet"),
    ),
    (
        "demo/blue-green",
        "bluegreen-demo",
        Invalid("spec.strategy.blueGreen: Forbidden: Serin does not run blue-green Rollouts yet"),
    ),
    ("demo/canary", "canary-demo", Healthy),
    (
        "demo/istio",
        "istio-rollout",
        Invalid("spec.strategy.canary.analysis: Forbidden: Serin does not run background analysis yet"),
    ),
    (
        "demo/istio-subset",
        "istio-rollout",
        Invalid("spec.strategy.canary.analysis: Forbidden: Serin does not run background analysis yet"),
    ),
    (
        "demo/preview-testing",
        "preview-testing",
        Invalid(
            "spec.strategy.canary.steps[0].experiment: Forbidden: Serin does not run experiment steps yet",
        ),
    ),
    (
        "demo/rollout-experiment",
        "rollout-demo",
        Invalid(
            "spec.strategy.canary.steps[0].experiment: Forbidden: Serin does not run experiment steps yet",
        ),
    ),
    (
        "istio/istio-mirror.yaml",
        "istio-host-split",
        Invalid(
            "spec.strategy.canary.trafficRouting.istio: Forbidden: Serin does not run traffic routing by Istio yet",
        ),
    ),
    (
        "istio/istio-subset-split.yaml",
        "istio-subset-split",
        Invalid(
            "spec.strategy.canary.trafficRouting.istio: Forbidden: Serin does not run traffic routing by Istio yet",
        ),
    ),
    ("notifications", "rollout-canary", Healthy),
    (
        "rollout-analysis-step.yaml",
        "rollout-analysis-step",
        Invalid("spec.strategy.canary.steps[1].analysis: Forbidden: Serin does not run analysis steps yet"),
    ),
    (
        "rollout-background-analysis.yaml",
        "rollout-background-analysis",
        Invalid("spec.strategy.canary.analysis: Forbidden: Serin does not run background analysis yet"),
    ),
    (
        "rollout-baseline-vs-canary.yaml",
        "rollout-baseline-vs-canary",
        Invalid(
            "spec.strategy.canary.steps[0].experiment: Forbidden: Serin does not run experiment steps yet",
        ),
    ),
    (
        "rollout-bluegreen.yaml",
        "rollout-bluegreen",
        Invalid("spec.strategy.blueGreen: Forbidden: Serin does not run blue-green Rollouts yet"),
    ),
    (
        "rollout-canary-preview.yaml",
        "rollout-canary-preview",
        Invalid(
            "spec.strategy.canary.steps[0].experiment: Forbidden: Serin does not run experiment steps yet",
        ),
    ),
    ("rollout-canary.yaml", "rollout-canary", Healthy),
    (
        "rollout-experiment-step.yaml",
        "rollout-experiment-step",
        Invalid(
            "spec.strategy.canary.steps[1].experiment: Forbidden: Serin does not run experiment steps yet",
        ),
    ),
    ("rollout-rolling-update.yaml", "rollout-rollingupdate", Healthy),
    (
        "rollout-secret.yaml",
        "rollout-secret",
        Invalid("spec.strategy.canary.steps[1].analysis: Forbidden: Serin does not run analysis steps yet"),
    ),
    ("rollout-template-ref.yaml", "rollout-ref-deployment", Healthy),
    (
        "traffic-management",
        "rollout-linkerd",
        Invalid(
            "spec.strategy.canary.trafficRouting.smi: Forbidden: Serin does not run traffic routing by SMI yet",
        ),
    ),
    (
        "traffic-routing-experiment-step/istio-host-split-experiment-step.yaml",
        "istio-host-split",
        Invalid(
            "spec.strategy.canary.trafficRouting.istio: Forbidden: Serin does not run traffic routing by Istio yet",
        ),
    ),
    (
        "traffic-routing-experiment-step/rollout-alb-experiment-step.yaml",
        "alb-rollout",
        Invalid(
            "spec.strategy.canary.trafficRouting.alb: Forbidden: Serin does not run traffic routing by AWS load balancers yet",
        ),
    ),
    (
        "traffic-routing-experiment-step/rollout-smi-experiment-step.yaml",
        "rollout-smi-experiment",
        Invalid(
            "spec.strategy.canary.trafficRouting.smi: Forbidden: Serin does not run traffic routing by SMI yet",
        ),
    ),
    ("workload-ref", "rollout-ref-deployment", Healthy),
];

/// Files that no kubectl can read, or that hold nothing for an API, and why.
const SKIPPED: &[(&str, &str)] = &[
    ("helm-blue-green/", "a Helm chart: its templates are no YAML before Helm has filled them in"),
    ("kustomization.yaml", "instructions for kustomize; what it puts together is applied file by file"),
];

/// Files that are older than Argo's own definitions: kubectl refuses a field that they do not have, here as there, and
/// with `--validate=warn` applies the rest.
const OUTDATED: &[(&str, &str, &str)] = &[(
    "demo/analysis",
    "rollout-with-analysis.yaml",
    r#"unknown field "spec.strategy.canary.analysis.templateName""#,
)];

/// Words by which documents are known that are no YAML, and what is wrong with them: kubectl cannot read them either.
const BROKEN: &[(&str, &str)] =
    &[("{{args.linkerd-enabled}}", "a template's {{argument}} without quotes is no YAML")];

/// Whether the cluster knows the kind. Those of other projects it knows only with their definitions.
fn is_ours(document: &Value) -> bool {
    let api = document["apiVersion"].as_str().unwrap_or_default();
    let group = api.split_once('/').map_or("", |(group, _)| group);
    matches!(group, "" | "apps" | "batch" | "networking.k8s.io" | "argoproj.io")
        && document["kind"] != "Namespace"
}

/// Files that belong together: one namespace for each group.
fn groups(root: &Path, prefix: &str) -> Result<BTreeMap<String, Vec<PathBuf>>> {
    let mut groups: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let relative = path.strip_prefix(root)?.to_string_lossy().into_owned();
            if let Some((_, why)) = SKIPPED.iter().find(|(part, _)| relative.contains(part)) {
                println!("skipped {prefix}{relative}: {why}");
                continue;
            }
            // Files in a folder of their own refer to each other, except where each is told as a story of its own.
            let alone = folder == root
                || ["traffic-routing-experiment-step", "istio"]
                    .iter()
                    .any(|name| prefix.is_empty() && relative.starts_with(name));
            let name = if alone { relative.as_str() } else { relative.split('/').next().unwrap_or_default() };
            groups.entry(format!("{prefix}{name}")).or_default().push(path);
        }
    }
    Ok(groups)
}

/// The documents of a file that an API without others' definitions knows; the number of those that it does not know.
fn documents(path: &Path) -> Result<(Vec<Value>, usize)> {
    let text = std::fs::read_to_string(path)?;
    let (mut ours, mut others) = (Vec::new(), 0);
    for part in format!("\n{text}").split("\n---") {
        if let Some((_, why)) = BROKEN.iter().find(|(words, _)| part.contains(words)) {
            println!("skipped a part of {}: {why}", path.display());
            continue;
        }
        let document: Option<Value> =
            serde_saphyr::from_str(part).with_context(|| format!("reading {}:\n{part}", path.display()))?;
        match document {
            Some(document) if document.is_object() && is_ours(&document) => ours.push(document),
            Some(document) if document.is_object() => others += 1,
            _ => {}
        }
    }
    Ok((ours, others))
}

fn namespace(group: &str) -> String {
    let plain: String = group.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    // A name may have 63 characters.
    let short: String = plain.trim_end_matches("-yaml").to_lowercase().chars().take(56).collect();
    format!("ex-{}", short.trim_end_matches('-'))
}

/// Applies a group; the answer is the names of its Rollouts.
async fn apply(ground: &Ground, group: &str, files: &[PathBuf]) -> Result<Vec<String>> {
    let namespace = namespace(group);
    let object = serde_json::json!({"metadata": {"name": namespace}});
    cluster::create(&ground.target.client, "/api/v1/namespaces", &object).await?;
    let mut rollouts = Vec::new();
    for file in files {
        let (documents, others) = documents(file)?;
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        if 0 < others {
            println!("skipped {others} objects of {group} {name}: of kinds that others define");
        }
        let mut list = Vec::new();
        for mut document in documents {
            if let Some(metadata) = document["metadata"].as_object_mut() {
                metadata.remove("namespace");
            }
            if document["kind"] == "Rollout" {
                rollouts.push(document["metadata"]["name"].as_str().unwrap_or_default().to_owned());
            }
            list.push(document.to_string());
        }
        if list.is_empty() {
            continue;
        }
        let arguments = ["apply", "-n", &namespace, "-f", "-"];
        let text = list.join("\n---\n");
        let (done, said) = kubectl(&ground.target.user_kubeconfig, &arguments, text.clone()).await?;
        let outdated = OUTDATED.iter().find(|(g, file, _)| *g == group && *file == name.as_ref());
        let Some((.., field)) = outdated else {
            ensure!(done, "{group} {name} is refused: {said}");
            continue;
        };
        ensure!(!done && said.contains(field), "{group} {name}: {said} does not say {field}");
        let arguments = ["apply", "--validate=warn", "-n", &namespace, "-f", "-"];
        let (done, said) = kubectl(&ground.target.user_kubeconfig, &arguments, text).await?;
        ensure!(done && said.contains(field), "{group} {name} without validation is refused: {said}");
    }
    Ok(rollouts)
}

/// What keeps a Rollout from being as the table says; none when it is.
fn complaint(rollout: &Value, outcome: Outcome) -> Option<String> {
    let status = &rollout["status"];
    let condition = |kind: &str| {
        let all = status["conditions"].as_array().map(Vec::as_slice).unwrap_or_default();
        all.iter().find(|condition| condition["type"] == kind).cloned().unwrap_or_default()
    };
    let invalid = condition("InvalidSpec");
    let (phase, message) = (&status["phase"], invalid["message"].as_str().unwrap_or_default());
    let fits = match outcome {
        Healthy => phase == "Healthy" && invalid.is_null(),
        Invalid(text) => phase == "Degraded" && invalid["status"] == "True" && message.contains(text),
    };
    (!fits).then(|| format!("phase {phase}, message {}, InvalidSpec: {message:?}", status["message"]))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_example_is_taken_and_run_or_refused_with_a_reason() -> Result<()> {
    let (Some(argo), Some(demo)) = (
        serin_needs::shared("compat/argo-rollouts/examples"),
        serin_needs::shared("compat/rollouts-demo/examples"),
    ) else {
        return Ok(());
    };
    if !serin_needs::kubectl() {
        return Ok(());
    }
    let mut groups = groups(&argo, "")?;
    let mut demo = self::groups(&demo, "demo/")?;
    // Two of the demo's folders are laid over this one.
    let base = demo.remove("demo/base").context("the demo has a base")?;
    for folder in ["demo/canary", "demo/analysis"] {
        demo.entry(folder.to_owned()).or_default().extend(base.iter().cloned());
    }
    groups.append(&mut demo);
    let ground = Ground::start().await?;
    let mut waiting = Vec::new();
    for (group, files) in &groups {
        for name in apply(&ground, group, files).await? {
            let known = OUTCOMES.iter().find(|(g, n, _)| g == group && *n == name);
            waiting.push((group.clone(), name, known.map(|(.., outcome)| *outcome)));
        }
    }
    settle(&ground, &waiting).await?;
    let found: BTreeSet<(&str, &str)> =
        waiting.iter().map(|(group, name, _)| (group.as_str(), name.as_str())).collect();
    for (group, name, _) in OUTCOMES {
        ensure!(found.contains(&(group, name)), "the table has {group} {name}, which is no example");
    }
    for (group, ..) in &waiting {
        cluster::delete(&ground.target.client, &format!("/api/v1/namespaces/{}", namespace(group))).await?;
    }
    println!("{} Rollouts in {} groups", waiting.len(), groups.len());
    ground.end().await
}

/// Waits until every Rollout is as the table says, and requires that refused ones own nothing.
async fn settle(ground: &Ground, waiting: &[(String, String, Option<Outcome>)]) -> Result<()> {
    let bound = Instant::now() + PATIENCE;
    loop {
        let mut complaints = Vec::new();
        for (group, name, outcome) in waiting {
            let path = ROLLOUT.one(&namespace(group), name);
            let rollout = get(&ground.target.client, &path).await?;
            let complaint = complaint(&rollout, outcome.unwrap_or(Healthy));
            let unknown = if outcome.is_none() { " (not in the table)" } else { "" };
            match complaint {
                Some(complaint) => complaints.push(format!("{group} {name}{unknown}: {complaint}")),
                None if outcome.is_none() => complaints.push(format!("{group} {name}{unknown}: Healthy")),
                None => {}
            }
        }
        if complaints.is_empty() {
            break;
        }
        if bound < Instant::now() {
            bail!(
                "{} of {} Rollouts are not as expected:\n{}",
                complaints.len(),
                waiting.len(),
                complaints.join("\n")
            );
        }
        sleep(PAUSE).await;
    }
    for (group, name, outcome) in waiting {
        if let Some(Invalid(_)) = outcome {
            let sets = get(&ground.target.client, &REPLICA_SET.list(&namespace(group))).await?;
            let owned = |set: &Value| {
                set["metadata"]["ownerReferences"][0]["name"] == name.as_str()
                    && set["metadata"]["ownerReferences"][0]["kind"] == "Rollout"
            };
            let owned = sets["items"].as_array().into_iter().flatten().filter(|set| owned(set)).count();
            ensure!(owned == 0, "{group} {name} is refused and has {owned} ReplicaSets: it runs by halves");
        }
    }
    Ok(())
}
