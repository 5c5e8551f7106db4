//! What holds for every provider: writes give what is wanted and are written once, what was set is read back, and drift is
//! corrected without touching the split.

use serde_json::{Value, json};
use serin_kernel::{Change, Key};
use serin_traffic::{Error, Provider, Split};

use crate::{
    cases::{Case, cases},
    world::World,
};

impl Case {
    fn reconciled(&self, world: &World) -> World {
        let writes = self.provider.reconcile(&self.front, &world.observed());
        world.after(&writes.unwrap_or_else(|error| panic!("{}: {error}", self.name)))
    }

    fn set(&self, world: &World, split: Split) -> World {
        let writes = self.provider.set(&self.front, split, &world.observed());
        world.after(&writes.unwrap_or_else(|error| panic!("{} {split:?}: {error}", self.name)))
    }

    fn routes(&self, world: &World) -> Result<Split, Error> {
        self.provider.routes(&self.front, &world.observed())
    }

    /// The objects that the provider writes.
    fn written(&self, world: &World) -> Vec<Key> {
        let wanted = self.provider.desired(&self.front, None, &world.observed()).unwrap();
        wanted.iter().map(|wanted| wanted.key().clone()).collect()
    }
}

/// An object without what every write changes.
fn content(world: &World, key: &Key) -> Value {
    let mut value = world.get(key).unwrap_or_else(|| panic!("{key} is gone")).clone();
    value["metadata"]["resourceVersion"] = Value::Null;
    value
}

#[test]
fn a_split_is_written_once_and_read_back() {
    for case in cases() {
        let mut world = case.reconciled(&case.world);
        assert_eq!(case.routes(&world), Ok(Split::PRIMARY), "{}: at first", case.name);
        for split in case.splits.iter().chain(case.splits.iter().rev()) {
            world = case.set(&world, *split);
            assert_eq!(case.routes(&world), Ok(*split), "{}", case.name);
            let observed = world.observed();
            let again = case.provider.set(&case.front, *split, &observed).unwrap();
            assert_eq!(again, [], "{}: set again at {split:?}", case.name);
            let again = case.provider.reconcile(&case.front, &observed).unwrap();
            assert_eq!(again, [], "{}: reconciled at {split:?}", case.name);
        }
    }
}

#[test]
fn setting_a_split_reconciles_too_with_one_write_for_each_object() {
    for case in cases() {
        for split in &case.splits {
            let writes = case.provider.set(&case.front, *split, &case.world.observed()).unwrap();
            let mut targets: Vec<_> = writes.iter().map(|write| write.target.clone()).collect();
            targets.sort();
            targets.dedup();
            assert_eq!(targets.len(), writes.len(), "{}", case.name);
            let at_once = case.world.after(&writes);
            let in_two = case.set(&case.reconciled(&case.world), *split);
            for key in case.written(&at_once) {
                // A route that nobody was sent to yet is not switched off before it was on.
                if 0 < split.canary.0 {
                    assert_eq!(content(&at_once, &key), content(&in_two, &key), "{} {split:?}", case.name);
                }
            }
        }
    }
}

#[test]
fn drift_is_corrected_and_the_split_stays() {
    for case in cases() {
        for split in &case.splits {
            let world = case.set(&case.reconciled(&case.world), *split);
            for key in case.written(&world) {
                drift(&case, &world, &key, *split);
            }
        }
    }
}

/// Each field of the specification of an object, taken away, and one that nobody wants.
fn drift(case: &Case, world: &World, key: &Key, split: Split) {
    let spec = world.get(key).unwrap()["spec"].clone();
    let mut edits: Vec<(String, Value)> = vec![("surplus".to_owned(), json!({"by": "hand"}))];
    edits.extend(spec.as_object().unwrap().keys().map(|field| (field.clone(), Value::Null)));
    for (field, value) in edits {
        let mut drifted = world.clone();
        drifted.edit(key, |object| object["spec"][&field] = value.clone());
        // Of these only some fields are ours.
        let is_shared = key.kind.kind == "Upstream" || case.provider == Provider::Knative;
        if is_shared && !["kube", "loadBalancerConfig", "traffic"].contains(&field.as_str()) {
            continue;
        }
        let after = case.reconciled(&drifted);
        let kept = case.routes(&drifted).is_ok_and(|read| read == split);
        if kept {
            assert_eq!(content(&after, key)["spec"], spec, "{} {key} without {field}", case.name);
        } else {
            // The split itself was taken away: everything goes to the proven version.
            assert_eq!(case.routes(&after), Ok(Split::PRIMARY), "{} {key} without {field}", case.name);
        }
    }
}

#[test]
fn an_edit_of_the_front_reaches_the_objects_and_the_split_stays() {
    for case in cases() {
        for split in &case.splits {
            let world = case.set(&case.reconciled(&case.world), *split);
            let mut edited = case.clone();
            edited.front.timeout = Some("7s".to_owned());
            edited.front.hosts = vec!["new.example.com".to_owned()];
            edited.front.metadata.labels = [("new".to_owned(), "label".to_owned())].into();
            let after = edited.reconciled(&world);
            assert_eq!(edited.routes(&after), Ok(*split), "{}", case.name);
            let fresh = edited.set(&edited.reconciled(&case.world), *split);
            for key in edited.written(&after) {
                assert_eq!(content(&after, &key), content(&fresh, &key), "{} {key}", case.name);
            }
        }
    }
}

#[test]
fn what_kubectl_keeps_is_never_taken_away() {
    for case in cases() {
        let world = case.reconciled(&case.world);
        for key in case.written(&world) {
            let mut dressed = world.clone();
            dressed.edit(&key, |object| {
                object["metadata"]["annotations"]["kubectl.kubernetes.io/last-applied-configuration"] =
                    json!("{}");
            });
            let after = case.reconciled(&dressed);
            let kept = &content(&after, &key)["metadata"]["annotations"];
            assert!(
                kept.get("kubectl.kubernetes.io/last-applied-configuration").is_some(),
                "{} {key}",
                case.name
            );
        }
    }
}

#[test]
fn a_split_that_gives_nothing_to_anybody_is_refused() {
    for case in cases() {
        let void = case.provider.set(&case.front, Split::new(0, 0), &case.world.observed());
        assert!(matches!(void, Err(Error::Unsupported { .. })), "{}", case.name);
    }
}

#[test]
fn objects_go_with_their_owner_and_are_not_given_back() {
    for case in cases() {
        let world = case.reconciled(&case.world);
        let writes = case.provider.finalize(&case.front, &world.observed()).unwrap();
        for write in writes {
            let is_mark = case.provider == Provider::Knative;
            assert!(is_mark || matches!(write.change, Change::Delete(_)), "{}: {write:?}", case.name);
        }
        let nothing = case.provider.finalize(&case.front, &World::default().observed());
        assert_eq!(nothing, Ok(Vec::new()), "{}: nothing is there", case.name);
    }
}
