//! Every object that Flagger's controller was recorded to make is made here, field by field, but for its mended defects.

use std::{collections::BTreeMap, fs, path::Path};

use serde_json::{Value, json};
use serin_api::kinds;
use serin_canary::objects::Target;
use serin_kernel::Kind;

use crate::world::{World, documents, initialize};

/// A recorded run.
pub(crate) struct Run {
    name: String,
    inputs: Vec<Value>,
    /// States of each object, by kind and name, in their order; null when it was deleted.
    pub(crate) objects: BTreeMap<(String, String), Vec<Value>>,
}

/// The folders in a folder, in their order.
pub(crate) fn folders(path: &Path) -> Vec<std::path::PathBuf> {
    let mut paths: Vec<_> = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.is_dir());
    paths.sort();
    paths
}

fn runs() -> Vec<Run> {
    let Some(root) = serin_needs::shared("recorded/flagger") else { return Vec::new() };
    let scenarios = folders(&root).into_iter().flat_map(|provider| folders(&provider));
    let runs: Vec<Run> =
        scenarios.filter(|path| path.join("inputs.yaml").exists()).map(|path| read(&root, &path)).collect();
    assert!(100 < runs.len(), "{} runs", runs.len());
    runs
}

pub(crate) fn read(root: &Path, path: &Path) -> Run {
    let text =
        |path: &Path| fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let inputs = documents(&text(&path.join("inputs.yaml")));
    let created =
        inputs.into_iter().filter(|(comment, _)| comment.contains("# create")).map(|(_, body)| body);
    let mut objects = BTreeMap::new();
    for entry in fs::read_dir(path.join("objects")).into_iter().flatten() {
        let file = entry.unwrap().path();
        let stem = file.file_stem().unwrap().to_str().unwrap().to_owned();
        let (kind, name) = stem.split_once('.').unwrap();
        let states = documents(&text(&file)).into_iter().map(|(_, body)| body).collect();
        objects.insert((kind.to_owned(), name.to_owned()), states);
    }
    Run { name: path.strip_prefix(root).unwrap().display().to_string(), inputs: created.collect(), objects }
}

impl Run {
    fn states(&self, kind: &str, name: &str) -> &[Value] {
        self.objects.get(&(kind.to_owned(), name.to_owned())).map_or(&[], Vec::as_slice)
    }

    /// The world before the Canary was there, as the API server had it.
    pub(crate) fn world(&self, canary: &Value) -> World {
        let mut world = World::new(canary);
        if self.name == "kubernetes/teams" {
            // Recorded with -include-label-prefix.
            world.settings.include_labels = vec!["app.kubernetes.io".to_owned()];
        }
        for input in self.inputs.iter().filter(|input| input["kind"] != "Canary") {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let states = self.states(&text(&input["kind"]), &text(&input["metadata"]["name"]));
            world.put(
                states.first().filter(|state| state["apiVersion"] == input["apiVersion"]).unwrap_or(input),
            );
        }
        world
    }

    pub(crate) fn canaries(&self) -> impl Iterator<Item = &Value> {
        self.inputs
            .iter()
            .filter(|input| input["kind"] == "Canary" && input["apiVersion"] == "flagger.app/v1beta1")
    }
}

/// An object as recordings show it.
fn shown(object: &Value) -> Value {
    let mut object = object.clone();
    let map = object.as_object_mut().unwrap();
    map.remove("status");
    let meta = object["metadata"].as_object_mut().unwrap();
    meta.retain(|field, _| {
        !["uid", "resourceVersion", "generation", "creationTimestamp"].contains(&field.as_str())
    });
    for owner in meta.get_mut("ownerReferences").and_then(Value::as_array_mut).into_iter().flatten() {
        owner["uid"] = json!("<uid>");
    }
    for field in ["labels", "annotations"] {
        if meta.get(field).is_some_and(|texts| *texts == json!({})) {
            meta.remove(field);
        }
    }
    if let Some(id) = object.pointer_mut("/spec/template/metadata/annotations/flagger-id") {
        *id = json!("<uuid>");
    }
    if object["kind"] == "Service"
        && object["spec"]["type"] != "ExternalName"
        && object["spec"]["clusterIP"].is_null()
    {
        object["spec"]["clusterIP"] = json!("<ip>");
    }
    object
}

/// Differences by place.
fn differences(at: &str, is: &Value, was: &Value, found: &mut Vec<String>) {
    if let (Some(a), Some(b)) = (is.as_object(), was.as_object()) {
        let keys: std::collections::BTreeSet<&String> = a.keys().chain(b.keys()).collect();
        for key in keys {
            let none = Value::Null;
            let (a, b) = (a.get(key).unwrap_or(&none), b.get(key).unwrap_or(&none));
            differences(&format!("{at}.{key}"), a, b, found);
        }
    } else if is != was {
        found.push(format!("{at}: is {is}, was {was}"));
    }
}

fn compare(run: &str, is: &Value, was: &Value, found: &mut Vec<String>) {
    let name = format!("{run} {} {}", was["kind"], was["metadata"]["name"]);
    if is.is_null() {
        found.push(format!("{name}: was not made"));
        return;
    }
    differences(&name, &shown(is), &shown(was), found);
}

/// Writes when everything is as it should be.
fn at_rest(world: &World) -> usize {
    let count = |target: &Target<'_>| {
        let made = target.create().unwrap();
        let services = [target.services().unwrap(), target.apex().unwrap()].concat();
        let scalers =
            [target.create_scaler().unwrap(), target.sync_scaler().unwrap(), target.pause_scaler()].concat();
        made.writes.len() + services.len() + scalers.len() + target.to_zero().len()
    };
    world.ask(count).unwrap()
}

const MADE: [Kind; 7] = [
    kinds::DEPLOYMENT,
    kinds::DAEMON_SET,
    kinds::SERVICE,
    kinds::CONFIG_MAP,
    kinds::SECRET,
    kinds::HORIZONTAL_POD_AUTOSCALER,
    kinds::SCALED_OBJECT,
];

/// Objects of which mended defects make something else than was recorded; each has a test of its own.
fn is_mended(run: &Run, kind: Kind, name: &str) -> bool {
    let is_input = run.inputs.iter().any(|one| one["kind"] == kind.kind && one["metadata"]["name"] == name);
    // Defect 12: the copy has binaryData too. Defect 14: no field of a ScaledObject is lost. Adopted Services keep
    // their ports.
    (kind == kinds::CONFIG_MAP && name == "podinfo-config-primary")
        || kind == kinds::SCALED_OBJECT
        || (kind == kinds::SERVICE && is_input)
}

#[test]
fn everything_that_was_made_at_first_is_made_alike() {
    let (mut found, mut compared) = (Vec::new(), 0);
    for run in runs() {
        for canary in run.canaries().take(1) {
            let mut world = run.world(canary);
            let reference = &canary["spec"]["targetRef"];
            if reference["kind"] == "Service" || world.ask(|target| target.configs()).is_err() {
                continue;
            }
            if world.ask(|target| target.configs().is_err()).unwrap() {
                continue;
            }
            initialize(&mut world);
            assert_eq!(at_rest(&world), 0, "{}", run.name);
            assert!(world.ask(|target| target.is_promoted()).unwrap(), "{}", run.name);
            for kind in MADE {
                for ((_, name), states) in run.objects.iter().filter(|((of, _), _)| of == kind.kind) {
                    let is_input = run
                        .inputs
                        .iter()
                        .any(|one| one["kind"] == kind.kind && one["metadata"]["name"] == *name);
                    if is_input
                        || is_mended(&run, kind, name)
                        || states[0]["apiVersion"] != kind.api_version()
                    {
                        continue;
                    }
                    let owner = states[0].pointer("/metadata/ownerReferences/0/name");
                    if owner == canary.pointer("/metadata/name") {
                        compared += 1;
                        compare(&run.name, &world.get(kind, name), &states[0], &mut found);
                    }
                }
            }
        }
    }
    assert!(found.is_empty(), "{} of {compared}:\n{}", found.len(), found.join("\n"));
    assert!(compared == 0 || 400 < compared, "{compared}");
}

/// What a Deployment or DaemonSet runs.
fn image(object: &Value) -> &Value {
    &object["spec"]["template"]["spec"]["containers"][0]["image"]
}

#[test]
fn a_promotion_changes_the_primary_alike() {
    let (mut found, mut compared) = (Vec::new(), 0);
    for run in runs() {
        let Some(canary) = run.canaries().next() else { continue };
        let reference = &canary["spec"]["targetRef"];
        let (kind, name) = (reference["kind"].as_str().unwrap(), reference["name"].as_str().unwrap());
        let (targets, primaries) = (run.states(kind, name), run.states(kind, &format!("{name}-primary")));
        for pair in
            primaries.windows(2).filter(|pair| !pair[1].is_null() && image(&pair[0]) != image(&pair[1]))
        {
            // The target as it was when its new version had been scaled up.
            let is_it =
                |target: &&Value| image(target) == image(&pair[1]) && target["spec"]["replicas"] != json!(0);
            let Some(target) = targets.iter().rfind(is_it) else { continue };
            let mut world = run.world(canary);
            world.put(target);
            for ((kind, name), states) in run.objects.iter().filter(|((kind, _), _)| kind == "ConfigMap") {
                let is_input =
                    run.inputs.iter().any(|one| one["kind"] == **kind && one["metadata"]["name"] == **name);
                states.last().filter(|_| is_input).map(|state| world.put(state));
            }
            world.put(&pair[0]);
            assert!(0 < world.run(|target| target.promote().unwrap()), "{}", run.name);
            compared += 1;
            let kind = MADE.into_iter().find(|one| one.kind == kind).unwrap();
            compare(&run.name, &world.get(kind, &format!("{name}-primary")), &pair[1], &mut found);
            assert!(world.ask(|target| target.is_promoted()).unwrap(), "{}", run.name);
            let again = world.ask(|target| target.promote().unwrap()).unwrap();
            assert_eq!(again, [], "{}: promoting twice is promoting once", run.name);
        }
    }
    assert!(found.is_empty(), "{} of {compared}:\n{}", found.len(), found.join("\n"));
    assert!(compared == 0 || 40 < compared, "{compared}");
}

#[test]
fn the_target_is_taken_to_zero_and_brought_back_alike() {
    let (mut found, mut compared) = (Vec::new(), 0);
    for run in runs() {
        let Some(canary) = run.canaries().next() else { continue };
        let reference = &canary["spec"]["targetRef"];
        let (Some(kind), name) = (
            MADE.into_iter().find(|kind| reference["kind"] == kind.kind),
            reference["name"].as_str().unwrap(),
        ) else {
            continue;
        };
        let states = run.states(kind.kind, name);
        if kind == kinds::SERVICE
            || states.is_empty()
            || run.world(canary).ask(|target| target.configs().is_err()) != Ok(false)
        {
            continue;
        }
        let mut world = run.world(canary);
        initialize(&mut world);
        for pair in states.windows(2).filter(|pair| image(&pair[0]) == image(&pair[1])) {
            world.put(&pair[0]);
            let is_down = |state: &Value| {
                state["spec"]["replicas"] == json!(0)
                    || !state["spec"]["template"]["spec"]["nodeSelector"].is_null()
            };
            match (is_down(&pair[0]), is_down(&pair[1])) {
                (false, true) => assert_eq!(world.run(|target| target.to_zero()), 1),
                (true, false) => assert_eq!(world.run(|target| target.up()), 1),
                _ => continue,
            }
            compared += 1;
            compare(&run.name, &world.get(kind, name), &pair[1], &mut found);
        }
    }
    assert!(found.is_empty(), "{} of {compared}:\n{}", found.len(), found.join("\n"));
    assert!(compared == 0 || 100 < compared, "{compared}");
}

/// One run by name; none where there are no recordings.
fn run(name: &str) -> Option<Run> {
    let root = serin_needs::shared("recorded/flagger")?;
    Some(read(&root, &root.join(name)))
}

#[test]
fn what_a_mended_defect_changes_is_that_alone() {
    let mut found = Vec::new();
    if let Some(run) = run("kubernetes/config-tracking") {
        let mut world = run.world(run.canaries().next().unwrap());
        initialize(&mut world);
        // Defect 12.
        let mut was = run.states("ConfigMap", "podinfo-config-primary")[0].clone();
        was["binaryData"] = json!({"b.bin": "AAEC"});
        compare(&run.name, &world.get(kinds::CONFIG_MAP, "podinfo-config-primary"), &was, &mut found);
        let tracked = json!({
            "configmap/podinfo-config": "f234cb93c08ad64e", "configmap/podinfo-env": "398a85951a466149",
            "secret/podinfo-proj": "7e2f9c10499ce970", "secret/podinfo-secret": "ce2dc9dfdae7ac04",
        });
        let bytes = world.canary["status"]["trackedConfigs"]
            .as_object_mut()
            .unwrap()
            .remove("configmap/podinfo-config/binaryData");
        assert_eq!((world.canary["status"]["trackedConfigs"].clone(), bytes.is_some()), (tracked, true));
    }
    if let Some(run) = run("kubernetes/keda") {
        let mut world = run.world(run.canaries().next().unwrap());
        initialize(&mut world);
        // Defect 14: what Flagger's types do not know stays, in the copy too.
        let unknown = |was: &Value, advanced: &Value| {
            let mut was = was.clone();
            was["spec"]["initialCooldownPeriod"] = json!(5);
            was["spec"]["advanced"] = advanced.clone();
            was["spec"]["triggers"][0]["useCachedMetrics"] = json!(true);
            was
        };
        let advanced = json!({"scalingModifiers": {"formula": "a"}, "horizontalPodAutoscalerConfig": {}});
        let was = unknown(&run.states("ScaledObject", "podinfo-so-primary")[0], &advanced);
        compare(&run.name, &world.get(kinds::SCALED_OBJECT, "podinfo-so-primary"), &was, &mut found);
        let advanced = json!({"scalingModifiers": {"formula": "a"}});
        let states = run.states("ScaledObject", "podinfo-so");
        compare(
            &run.name,
            &world.get(kinds::SCALED_OBJECT, "podinfo-so"),
            &unknown(&states[1], &advanced),
            &mut found,
        );
        assert_eq!(world.run(|target| target.resume_scaler()), 1);
        compare(
            &run.name,
            &world.get(kinds::SCALED_OBJECT, "podinfo-so"),
            &unknown(&states[2], &advanced),
            &mut found,
        );
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn a_service_that_was_there_is_led_alike_and_keeps_its_other_ports() {
    let mut found = Vec::new();
    for name in ["kubernetes", "istio", "nginx", "gatewayapi-v1"] {
        let Some(run) = run(&format!("{name}/revert-delete-adopted")) else { return };
        let mut world = run.world(run.canaries().next().unwrap());
        let states = run.states("Service", "podinfo");
        initialize(&mut world);
        assert_eq!(at_rest(&world), 0, "{name}");
        let mut is = world.get(kinds::SERVICE, "podinfo");
        let record = is["metadata"]["annotations"].as_object_mut().unwrap().remove("serin.dev/before-canary");
        assert!(record.is_some(), "{name}");
        let extra = is["spec"]["ports"].as_array_mut().unwrap().pop();
        assert_eq!(extra.as_ref(), states[0].pointer("/spec/ports/1"), "{name}");
        compare(&run.name, &is, &states[1], &mut found);
        // Given back, it is as it was at first, where Flagger leaves it changed.
        world.edit(kinds::DEPLOYMENT, "podinfo", |it| it["spec"]["replicas"] = json!(2));
        crate::release::release(&mut world);
        compare(&run.name, &world.get(kinds::SERVICE, "podinfo"), &states[0], &mut found);
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn a_missing_config_is_told_as_recorded() {
    let Some(run) = run("kubernetes/missing-config") else { return };
    let mut world = run.world(run.canaries().next().unwrap());
    world.run(|target| target.services().unwrap());
    let text = world.ask(|target| target.create().unwrap_err().to_string()).unwrap();
    let config = "configmap podinfo-config.kubernetes-missing-config get query error";
    assert_eq!(
        text,
        format!(
            r#"createPrimaryDeployment failed: GetTargetConfigs failed: {config}: {config}: configmaps "podinfo-config" not found"#
        )
    );
}

#[test]
fn services_are_targets_whatever_their_type() {
    for name in ["istio/service-target", "istio/service-nodeport", "gatewayapi-v1/service-target"] {
        let Some(run) = run(name) else { return };
        let canary = run.canaries().next().unwrap();
        let mut world = run.world(canary);
        world.edit(kinds::SERVICE, "podinfo", |it| it["spec"]["clusterIPs"] = json!(["10.96.0.7"]));
        assert_eq!(world.run(|target| target.services().unwrap()), 1, "{name}");
        assert_eq!(world.run(|target| target.create().unwrap().writes), 1, "{name}");
        assert_eq!(at_rest(&world), 0, "{name}");
        for copy in ["podinfo-canary", "podinfo-primary"] {
            let copy = world.get(kinds::SERVICE, copy);
            let spec = copy["spec"].as_object().unwrap();
            assert!(!spec.contains_key("clusterIP") && !spec.contains_key("clusterIPs"), "{copy}");
            assert!(
                spec["ports"][0]["nodePort"].is_null() && spec["ports"][0]["targetPort"] == 9898,
                "{copy}"
            );
            assert_eq!(
                (&copy["metadata"]["labels"]["mine"], &spec["selector"]["app"]),
                (&json!("yes"), &json!("podinfo"))
            );
        }
        assert!(world.ask(|target| target.is_promoted()).unwrap());
        // What the API server gives out to each counts neither as a version nor as a difference.
        let revision = world.ask(|target| target.revision()).unwrap();
        world.edit(kinds::SERVICE, "podinfo-canary", |it| {
            it["spec"]["clusterIP"] = json!("10.96.0.8");
            it["spec"]["clusterIPs"] = json!(["10.96.0.8"]);
            it["spec"]["ports"][0]["nodePort"] = json!(31_000);
        });
        assert_eq!(at_rest(&world), 0, "{name}");
        world.edit(kinds::SERVICE, "podinfo", |it| it["spec"]["selector"]["v"] = json!("2"));
        assert_ne!(world.ask(|target| target.revision()).unwrap(), revision);
        assert!(!world.ask(|target| target.is_promoted()).unwrap());
        assert_eq!(world.run(|target| target.services().unwrap()), 1);
        assert_eq!(world.get(kinds::SERVICE, "podinfo-canary")["spec"]["selector"]["v"], "2");
        assert_eq!(world.get(kinds::SERVICE, "podinfo-canary")["spec"]["ports"][0]["nodePort"], 31_000);
        assert!(world.get(kinds::SERVICE, "podinfo-primary")["spec"]["selector"]["v"].is_null());
        assert_eq!(world.run(|target| target.promote().unwrap()), 1);
        assert!(world.ask(|target| target.is_promoted()).unwrap());
        // No older version of a Service is kept anywhere.
        world.canary["status"]["lastPromotedSpec"] = json!(revision);
        world.remove(kinds::SERVICE, "podinfo-primary");
        let made = world.ask(|target| target.create().unwrap()).unwrap();
        assert_eq!((made.writes.len(), made.warning.is_some()), (1, true));
        world.canary["status"]["lastPromotedSpec"] = json!(world.ask(|target| target.revision()).unwrap());
        assert_eq!(world.ask(|target| target.create().unwrap().warning).unwrap(), None);
    }
}
