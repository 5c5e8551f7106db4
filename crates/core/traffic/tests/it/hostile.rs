//! Objects that nobody should have written: an answer, or an error that names the object; never a panic.

use serde_json::{Value, json};
use serin_kernel::Key;

use crate::{cases::cases, world::World};

/// Values that a field may have instead of its own.
fn odd() -> Vec<Value> {
    let many: Vec<Value> = (0..500).map(|_| json!({"name": "x", "weight": 1})).collect();
    vec![
        Value::Null,
        json!(-1),
        json!(4_294_967_296_u64),
        json!("text"),
        json!([]),
        json!([null, 7, "text", [], {}]),
        json!({}),
        Value::Array(many),
    ]
}

/// Every place inside a value, as a JSON pointer.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    match value {
        Value::Object(fields) => {
            for (field, value) in fields {
                let field = field.replace('~', "~0").replace('/', "~1");
                places(value, &format!("{at}/{field}"), found);
            }
        }
        Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                places(value, &format!("{at}/{index}"), found);
            }
        }
        _ => {}
    }
}

#[test]
fn no_object_makes_a_provider_panic_and_errors_name_it() {
    let mut errors = 0;
    for case in cases() {
        let writes = case.provider.set(&case.front, case.splits[1], &case.world.observed()).unwrap();
        let world = case.world.after(&writes);
        for key in case.provider.keys(&case.front).iter().filter(|key| world.get(key).is_some()) {
            for hostile in spoiled(&world, key) {
                let observed = hostile.observed();
                let routes = case.provider.routes(&case.front, &observed).err();
                let reconciled = case.provider.reconcile(&case.front, &observed).err();
                let set = case.provider.set(&case.front, case.splits[0], &observed).err();
                let finalized = case.provider.finalize(&case.front, &observed).err();
                for error in [routes, reconciled, set, finalized].into_iter().flatten() {
                    let told = error.to_string();
                    assert!(told.contains(&key.name), "{} {key}: {told}", case.name);
                    errors += 1;
                }
            }
        }
    }
    assert!(100 < errors, "{errors} errors");
}

/// The world with one place of one object after another spoiled.
fn spoiled(world: &World, key: &Key) -> Vec<World> {
    let object = world.get(key).unwrap();
    let mut found = Vec::new();
    for part in ["spec", "status"] {
        if let Some(value) = object.get(part) {
            places(value, &format!("/{part}"), &mut found);
        }
    }
    let annotations: Vec<String> = object["metadata"]["annotations"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, _)| name.clone())
        .collect();
    let mut worlds = Vec::new();
    for place in found {
        let is_list = object.pointer(&place).is_some_and(Value::is_array);
        for value in odd().into_iter().filter(|value| is_list || value.as_array().is_none_or(Vec::is_empty)) {
            let mut spoiled = world.clone();
            spoiled.edit(key, |object| *object.pointer_mut(&place).unwrap() = value);
            worlds.push(spoiled);
        }
    }
    for name in annotations {
        for text in ["", "{", "-1", "99999999999999", "{\"a\": []}", "[]"] {
            let mut spoiled = world.clone();
            spoiled.edit(key, |object| object["metadata"]["annotations"][&name] = json!(text));
            worlds.push(spoiled);
        }
    }
    worlds
}
