//! The ground that the other scenarios stand on, with no Rollout: a failure here is the cluster's.

use anyhow::Result;

use crate::cluster::{DEPLOYMENT, POD};
use crate::stage::Stage;

pub(super) async fn pods_become_ready(s: &Stage) -> Result<()> {
    for (name, scheduler) in [("free", "default-scheduler"), ("held", crate::fixture::BY_HAND)] {
        s.apply(&format!(
            "{{apiVersion: apps/v1, kind: Deployment, metadata: {{name: {name}}}, spec: {{replicas: 2,
               selector: {{matchLabels: {{app: {name}}}}},
               template: {{metadata: {{labels: {{app: {name}}}}},
                 spec: {{schedulerName: {scheduler}, containers: [{{name: web, image: 'demo:v1'}}]}}}}}}}}"
        ))
        .await?;
    }
    s.until("pods become ready by themselves", |view| {
        view.one(DEPLOYMENT, "free")["status"]["availableReplicas"] == 2
    })
    .await?;
    s.until("two pods are held", |view| {
        view.all(POD).filter(|pod| pod["metadata"]["labels"]["app"] == "held").count() == 2
    })
    .await?;
    s.bind_where("app", "held", 1).await?;
    s.until("a bound pod becomes ready", |view| {
        view.one(DEPLOYMENT, "held")["status"]["availableReplicas"] == 1
    })
    .await?;
    s.stays("the other one is held", |view| view.one(DEPLOYMENT, "held")["status"]["availableReplicas"] == 1)
        .await
}
