//! A Knative Service.

use serde_json::json;
use serin_api::kinds;
use serin_canary::objects::{Readiness, Release};
use serin_kernel::Moment;

use crate::world::World;

#[test]
fn its_own_revisions_are_told_apart_by_an_annotation() {
    let mut world = World::new(&json!({
        "apiVersion": "flagger.app/v1beta1", "kind": "Canary", "metadata": {"name": "podinfo", "namespace": "test"},
        "spec": {
            "provider": "knative", "analysis": {},
            "targetRef": {"apiVersion": "serving.knative.dev/v1", "kind": "Service", "name": "podinfo"},
        },
    }));
    world.put(&json!({
        "apiVersion": "serving.knative.dev/v1", "kind": "Service", "metadata": {"name": "podinfo", "namespace": "test"},
        "spec": {"template": {"spec": {"containers": [{"image": "podinfo:1"}]}}},
    }));
    let text = world.ask(|target| target.create().unwrap_err().to_string()).unwrap();
    assert_eq!(
        text,
        "Knative Service podinfo.test status.latestCreatedRevisionName is empty: it has no revision yet"
    );

    let latest = |world: &mut World, name: &str| {
        world.edit(kinds::KNATIVE_SERVICE, "podinfo", |it| {
            it["status"]["latestCreatedRevisionName"] = json!(name);
        });
    };
    latest(&mut world, "podinfo-00001");
    let first = world.ask(|target| target.revision()).unwrap();
    assert_eq!(world.run(|target| target.create().unwrap().writes), 1);
    // As recorded, without what a typed client adds to the template.
    assert_eq!(
        world.get(kinds::KNATIVE_SERVICE, "podinfo")["spec"],
        json!({
            "template": {"spec": {"containers": [{"image": "podinfo:1"}]}},
            "traffic": [{"latestRevision": true, "percent": 0}, {"percent": 100, "revisionName": "podinfo-00001"}],
        })
    );
    let mark = |world: &World| {
        world.get(kinds::KNATIVE_SERVICE, "podinfo")["metadata"]["annotations"]["flagger.app/primary-revision"].clone()
    };
    assert_eq!(mark(&world), "podinfo-00001");
    assert!(world.ask(|target| target.is_promoted()).unwrap());
    assert_eq!(world.ask(|target| target.create().unwrap().writes).unwrap(), []);

    latest(&mut world, "podinfo-00002");
    assert_ne!(world.ask(|target| target.revision()).unwrap(), first);
    assert!(!world.ask(|target| target.is_promoted()).unwrap());
    let ready = |world: &World| world.ask(|target| target.canary_ready(Moment::from_secs(0))).unwrap();
    assert_eq!(
        ready(&world),
        Readiness::Waiting(
            r#"canary Knative Service podinfo.test not ready: revision "podinfo-00002" is not ready"#
                .to_owned()
        )
    );
    world.put(&json!({
        "apiVersion": "serving.knative.dev/v1", "kind": "Revision", "metadata": {"name": "podinfo-00002", "namespace": "test"},
        "status": {"conditions": [{"type": "Ready", "status": "True"}]},
    }));
    assert_eq!(ready(&world), Readiness::Ready);
    for nothing in [
        world.ask(|target| target.services().unwrap()).unwrap(),
        world.ask(|target| target.apex().unwrap()).unwrap(),
        world.ask(|target| target.to_zero()).unwrap(),
        world.ask(|target| target.up()).unwrap(),
    ] {
        assert_eq!(nothing, []);
    }
    assert_eq!(world.run(|target| target.promote().unwrap()), 1);
    assert_eq!(mark(&world), "podinfo-00002");
    assert_eq!(world.ask(|target| target.promote().unwrap()).unwrap(), []);
    let Release::Write(writes) = world.ask(|target| target.release(Moment::from_secs(0))).unwrap() else {
        panic!()
    };
    world.apply_all(writes);
    assert!(mark(&world).is_null());
    assert_eq!(world.ask(|target| target.release(Moment::from_secs(0))).unwrap(), Release::Done);
}
