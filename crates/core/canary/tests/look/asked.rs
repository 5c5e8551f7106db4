//! Canaries that ask as much as they may.

use std::time::Duration;

use serde_json::{Value, json};
use serin_api::{flagger::ASKED_MAX, kinds};
use serin_canary::Settings;
use serin_metrics::provider::{Amazon, Place, Token};

use crate::{cluster::Cluster, world::podinfo};

const HOOK: &str = "http://127.0.0.1:19190/hook/test/gate";
const TOKEN: &str = "/var/run/token";

#[test]
fn a_look_that_asks_as_much_as_it_may_has_an_end_and_asks_for_credentials_once() {
    let metric = |index: usize| {
        let name = format!("m{index}");
        json!({"name": name, "interval": "1m", "thresholdRange": {"max": 1}, "templateRef": {"name": "cloud"}})
    };
    let hook = |index: usize| json!({"name": format!("h{index}"), "type": "rollout", "url": HOOK});
    let mut world = podinfo();
    world.canary["spec"]["analysis"]["metrics"] = (0..ASKED_MAX).map(metric).collect::<Value>();
    world.canary["spec"]["analysis"]["webhooks"] = (0..ASKED_MAX).map(hook).collect::<Value>();
    world.put(&json!({
        "apiVersion": "flagger.app/v1beta1", "kind": "MetricTemplate", "metadata": {"name": "cloud", "namespace": "test"},
        "spec": {"provider": {"type": "cloudwatch", "region": "eu-central-1"}, "query": "[]"},
    }));
    let amazon = Amazon::WebIdentity { role: "arn:r".to_owned(), token: Token::File(TOKEN.to_owned()) };
    let place = Place { amazon: Some(amazon), ..Place::default() };
    let mut cluster = Cluster::with(world, Settings { place, ..Settings::default() });
    assert!(cluster.until(Duration::from_mins(1), |it| it.phase() == "Initialized"), "{}", cluster.status());
    cluster.world.edit(kinds::DEPLOYMENT, "podinfo", |it| {
        it["spec"]["template"]["spec"]["containers"][0]["image"] = json!("podinfo:2");
        it["metadata"]["generation"] = json!(2);
    });
    assert!(
        cluster.until(Duration::from_mins(1), |it| it.status()["iterations"] == 1),
        "{}",
        cluster.status()
    );
    cluster.servers.asked.clear();
    assert!(
        cluster.until(Duration::from_mins(1), |it| it.status()["iterations"] == 2),
        "{}",
        cluster.status()
    );
    let asked: Vec<_> = ["gate", "cloudwatch", TOKEN, "sts"].map(|it| cluster.servers.asked[it]).into();
    assert_eq!(asked, [ASKED_MAX, ASKED_MAX, 1, 1]);
}
