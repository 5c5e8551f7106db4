//! What Flagger 1.44 wrote on a real API server, state by state: objects made here for the same split are the same.

use std::{collections::BTreeMap, fs, path::Path};

use serde_json::{Value, json};
use serin_kernel::{Key, Weight};
use serin_traffic::{Front, Provider, Split, Wanted, front::Letters};

use crate::{reader, world::World};

/// One recorded run.
struct Run {
    name: String,
    provider: Provider,
    /// The front at first, and after each edit of the manifest.
    fronts: Vec<Front>,
    /// The objects by kind and name, each state in its order.
    objects: BTreeMap<(String, String), Vec<Value>>,
}

#[test]
fn objects_are_as_recorded_at_every_split() {
    let mut states: BTreeMap<String, usize> = BTreeMap::new();
    for run in runs() {
        let folder = Path::new(&run.name).parent().unwrap().file_name().unwrap();
        *states.entry(folder.to_string_lossy().into_owned()).or_default() += routing_objects(&run);
    }
    for (folder, compared) in &states {
        // Kubernetes alone has no routing object, and Knative's is not made.
        let is_bare = ["kubernetes", "knative"].contains(&folder.as_str());
        assert_eq!(*compared == 0, is_bare, "{folder}: {compared} states compared");
    }
    let compared: usize = states.values().sum();
    assert!(states.is_empty() || 400 < compared, "{compared} states");
}

/// The workload's own object is the routing object, and it is its user's.
#[test]
fn knative_s_traffic_is_as_recorded() {
    let Some(run) = runs().into_iter().find(|run| run.name.ends_with("knative/success")) else { return };
    let key = run.provider.keys(&run.fronts[0]).remove(0);
    let states = states_of(&run, &key);
    let front = &run.fronts[0];
    let traffic = |object: &Value| object["spec"]["traffic"].clone();
    let mut world = World::default();
    world.put(&key, states[0].clone());
    let error = run.provider.set(front, Split::PRIMARY, &world.observed()).unwrap_err().to_string();
    assert!(error.ends_with("is missing: it names the proven revision"), "{error}");
    assert_eq!(run.provider.reconcile(front, &world.observed()), Ok(vec![]));
    let mark = &reader::marks().revision;
    let marked = |world: &mut World, name: &str| {
        world.edit(&key, |object| object["metadata"]["annotations"] = json!({ mark: name }));
    };
    marked(&mut world, "podinfo-00001");
    let first = run.provider.routes(front, &world.observed());
    assert_eq!(first, Ok(Split::new(0, 0)), "Knative has said nothing yet");
    // Where nothing is said, the other controller takes a weight from 0.
    for (state, split) in
        [(1, Split::PRIMARY), (3, Split::new(0, 20)), (4, Split::new(0, 40)), (6, Split::PRIMARY)]
    {
        if state == 6 {
            marked(&mut world, "podinfo-00002");
            assert_eq!(run.provider.reconcile(front, &world.observed()), Ok(vec![]), "not before it is set");
        }
        let writes = run.provider.set(front, split, &world.observed()).unwrap();
        assert_eq!(writes.len(), 1);
        world = world.after(&writes);
        assert_eq!(traffic(world.get(&key).unwrap()), traffic(&states[state]), "state {state}");
        assert_eq!(run.provider.reconcile(front, &world.observed()), Ok(vec![]));
    }
    let world = world.after(&run.provider.finalize(front, &world.observed()).unwrap());
    assert_eq!(world.get(&key).unwrap()["metadata"]["annotations"], json!({}));
}

/// Compares every state of a run's routing objects that the other controller made.
fn routing_objects(run: &Run) -> usize {
    let mut states = 0;
    let mut front = run.fronts[0].clone();
    let sources = sources(run, &run.provider.keys(&front));
    let Ok(wanted) = run.provider.desired(&front, None, &sources.observed()) else { return 0 };
    for key in wanted.iter().map(Wanted::key) {
        let mut before = sources.clone();
        for state in states_of(run, key).iter().filter(|state| is_made(state)) {
            let mut world = sources.clone();
            world.put(key, state.clone());
            // What is not about the split of this object stays what it was.
            let split = run.provider.routes(&front, &world.observed()).unwrap_or(Split::PRIMARY);
            front = with_cookies(front, run.provider, split.canary);
            let fronts: Vec<Front> = std::iter::once(front.clone()).chain(edits(run, &front)).collect();
            let made: Vec<Value> = fronts.iter().map(|front| made(run, front, key, split, &before)).collect();
            let fits = made.iter().position(|made| *made == plain(state));
            let Some(fits) = fits else {
                panic!(
                    "{} {key} at {split:?}\n made: {:#}\n recorded: {:#}",
                    run.name,
                    made[0],
                    plain(state)
                );
            };
            front = fronts[fits].clone();
            let again = run.provider.desired(&front, Some(split), &world.observed()).unwrap();
            let again = again.iter().find(|wanted| wanted.key() == key).unwrap();
            let written = again.write(&front, &world.observed()).unwrap();
            assert_eq!(written, None, "{} {key}: written once is enough", run.name);
            before = world;
            states += 1;
        }
    }
    states
}

/// The front after each edit of the manifest, with the cookies of now.
fn edits(run: &Run, now: &Front) -> Vec<Front> {
    let edited = |front: &Front| Front { affinity: now.affinity.clone(), ..front.clone() };
    run.fronts.iter().skip(1).map(edited).collect()
}

/// The object after the write, if one is needed, that a front and a split want in a world.
fn made(run: &Run, front: &Front, key: &Key, split: Split, before: &World) -> Value {
    let observed = before.observed();
    let wanted = run.provider.desired(front, Some(split), &observed).unwrap();
    let wanted = wanted.iter().find(|wanted| wanted.key() == key).unwrap();
    let write: Vec<_> = wanted.write(front, &observed).unwrap().into_iter().collect();
    plain(before.after(&write).get(key).unwrap())
}

/// The front with the cookies that a share brings about.
fn with_cookies(mut front: Front, provider: Provider, canary: Weight) -> Front {
    let letters = Letters { canary: "<cookie-1>", primary: "<cookie-2>" };
    if let Some(affinity) = &mut front.affinity {
        affinity.cookies = affinity.with_share(canary, provider.capabilities().affinity, letters);
    }
    front
}

/// The first states of what a provider reads and does not write.
fn sources(run: &Run, keys: &[Key]) -> World {
    let mut world = World::default();
    for key in keys {
        if let Some(state) = states_of(run, key).first().filter(|state| !is_made(state)) {
            world.put(key, state.clone());
        }
    }
    world
}

fn states_of<'a>(run: &'a Run, key: &Key) -> &'a [Value] {
    let states = run.objects.get(&(key.kind.kind.to_owned(), key.name.clone()));
    states.map_or(&[], Vec::as_slice)
}

/// Whether the controller made the object, rather than a person.
fn is_made(state: &Value) -> bool {
    let is_cluster_wide = state["metadata"].get("namespace").is_none();
    is_cluster_wide || state["metadata"].get("ownerReferences").is_some()
}

/// An object without what a recording cannot tell: the recorder read some kinds at another version, and status, which is
/// not written.
fn plain(value: &Value) -> Value {
    let mut value = value.clone();
    let version = value["apiVersion"].as_str().unwrap().split('/').next().map(str::to_owned);
    value["apiVersion"] = json!(version);
    let meta = value["metadata"].as_object_mut().unwrap();
    meta.shift_remove("uid");
    meta.shift_remove("resourceVersion");
    value.as_object_mut().unwrap().shift_remove("status");
    value
}

fn runs() -> Vec<Run> {
    let Some(folder) = serin_needs::shared("recorded/flagger") else { return Vec::new() };
    let mut runs = Vec::new();
    for provider in folders(&folder) {
        for scenario in folders(&provider) {
            runs.extend(run(&scenario));
        }
    }
    runs
}

fn folders(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut folders: Vec<_> = entries.filter(|path| path.is_dir()).collect();
    folders.sort();
    folders
}

fn run(scenario: &Path) -> Option<Run> {
    let inputs = documents(&scenario.join("inputs.yaml"));
    let manifest = inputs.iter().find(|input| input["kind"] == "Canary" && input.get("spec").is_some())?;
    let spec = &manifest["spec"];
    let target = inputs.iter().find(|input| {
        input["kind"] == spec["targetRef"]["kind"] && input["metadata"]["name"] == spec["targetRef"]["name"]
    });
    let selector = target.map_or(&Value::Null, |target| &target["spec"]["selector"]["matchLabels"]);
    let mut manifests = vec![manifest.clone()];
    for input in &inputs {
        let is_edit = input["kind"] == "Canary" && input["name"] == manifest["metadata"]["name"];
        if let Some(patch) = input.get("patch").filter(|patch| is_edit && patch.is_object()) {
            let edited = crate::world::merged(manifests.last().unwrap(), patch);
            manifests.push(edited);
        }
    }
    let provider = reader::provider(spec["provider"].as_str().unwrap());
    let fronts = manifests.iter().map(|manifest| reader::front(manifest, selector));
    let name = format!("{}", scenario.display());
    Some(Run { name, provider, fronts: fronts.collect(), objects: objects(&scenario.join("objects")) })
}

fn objects(folder: &Path) -> BTreeMap<(String, String), Vec<Value>> {
    let mut objects: BTreeMap<_, Vec<Value>> = BTreeMap::new();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        for state in documents(&entry.unwrap().path()) {
            let name = state["metadata"]["name"].as_str().unwrap().to_owned();
            objects.entry((state["kind"].as_str().unwrap().to_owned(), name)).or_default().push(state);
        }
    }
    objects
}

/// The documents of a YAML file; empty ones are left out.
pub(crate) fn documents(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap();
    let read = |document: &str| -> Value {
        serde_saphyr::from_str(document).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    let parts = text.split("\n---");
    let holds = |part: &&str| part.lines().any(|line| !line.is_empty() && !line.starts_with('#'));
    parts.filter(holds).map(read).collect()
}
