//! The defaults of built-in kinds that clients and controllers rely on, as in `pkg/apis/*/v1/defaults.go`.
//!
//! Written as one table of values for each shape, laid under what is there: a field that is set is
//! never touched.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::cluster::{Place, map_mut};

/// Fills in what is absent.
pub(crate) fn default(place: &Place, object: &mut Value) {
    match (place.resource.group.as_str(), place.resource.plural.as_str()) {
        ("", "pods") => {
            pod_spec(&mut object["spec"]);
            default_pod(&mut object["spec"]);
        }
        ("", "services") => service(object),
        ("", "secrets") => {
            encode_texts(object);
            under(object, &json!({ "type": "Opaque" }));
        }
        ("", "events") => event(object),
        ("", "namespaces") => {
            let name = object["metadata"]["name"].clone();
            let labels = json!({ "labels": { "kubernetes.io/metadata.name": name } });
            under(&mut object["metadata"], &labels);
        }
        ("", "nodes") => node(object),
        ("", "persistentvolumeclaims") => under(
            object,
            &json!({ "spec": { "volumeMode": "Filesystem" }, "status": { "phase": "Pending" } }),
        ),
        ("apps", "deployments") => deployment(object),
        ("apps", "replicasets") => replica_set(object),
        ("apps", "daemonsets") => daemon_set(object),
        ("apps", "statefulsets") => stateful_set(object),
        ("networking.k8s.io", "ingresses") => under(
            object,
            &json!({ "status": {
            "loadBalancer": {} } }),
        ),
        ("policy", "poddisruptionbudgets") => {
            under(
                object,
                &json!({ "status": { "currentHealthy": 0, "desiredHealthy": 0,
                "disruptionsAllowed": 0, "expectedPods": 0 } }),
            );
        }
        ("autoscaling", "horizontalpodautoscalers") => autoscaler(object),
        ("rbac.authorization.k8s.io", "rolebindings" | "clusterrolebindings") => binding(object),
        _ => {}
    }
}

/// Lays `defaults` under `object`, recursively into maps that are there or are made.
fn under(object: &mut Value, defaults: &Value) {
    let Some(defaults) = defaults.as_object() else { return };
    if object.is_null() {
        *object = json!({});
    }
    let Some(fields) = object.as_object_mut() else { return };
    for (name, value) in defaults {
        match fields.get_mut(name) {
            Some(have) if have.is_object() && value.is_object() => under(have, value),
            Some(have) if !have.is_null() => {}
            _ => {
                fields.insert(name.clone(), value.clone());
            }
        }
    }
}

fn each<'a>(value: &'a mut Value, field: &str) -> impl Iterator<Item = &'a mut Value> {
    value.get_mut(field).and_then(Value::as_array_mut).into_iter().flatten()
}

/// The defaults of a pod's spec, in pods and in templates.
pub(super) fn pod_spec(spec: &mut Value) {
    if !spec.is_object() {
        return;
    }
    under(
        spec,
        &json!({
            "restartPolicy": "Always", "terminationGracePeriodSeconds": 30,
            "dnsPolicy": "ClusterFirst", "securityContext": {}, "schedulerName": "default-scheduler",
        }),
    );
    if spec["serviceAccountName"].is_string() {
        let name = spec["serviceAccountName"].clone();
        under(spec, &json!({ "serviceAccount": name }));
    } else if spec["serviceAccount"].is_string() {
        let name = spec["serviceAccount"].clone();
        under(spec, &json!({ "serviceAccountName": name }));
    }
    let host_network = spec["hostNetwork"] == Value::Bool(true);
    for list in ["initContainers", "containers", "ephemeralContainers"] {
        each(spec, list).for_each(|one| container(one, host_network));
    }
    each(spec, "volumes").for_each(volume);
}

fn container(container: &mut Value, host_network: bool) {
    if !container.is_object() {
        return;
    }
    let image = container["image"].as_str().unwrap_or_default();
    let policy = if is_latest(image) { "Always" } else { "IfNotPresent" };
    under(
        container,
        &json!({
            "resources": {}, "terminationMessagePath": "/dev/termination-log",
            "terminationMessagePolicy": "File", "imagePullPolicy": policy,
        }),
    );
    for port in each(container, "ports") {
        under(port, &json!({ "protocol": "TCP" }));
        if host_network && port["containerPort"].is_number() {
            let number = port["containerPort"].clone();
            under(port, &json!({ "hostPort": number }));
        }
    }
    for variable in each(container, "env") {
        if variable["valueFrom"]["fieldRef"].is_object() {
            under(&mut variable["valueFrom"]["fieldRef"], &json!({ "apiVersion": "v1" }));
        }
    }
    limits_as_requests(container);
    for probe in ["livenessProbe", "readinessProbe", "startupProbe"] {
        probe_defaults(container, probe);
    }
    for hook in ["postStart", "preStop"] {
        if container["lifecycle"][hook]["httpGet"].is_object() {
            let get = &mut container["lifecycle"][hook]["httpGet"];
            under(get, &json!({ "path": "/", "scheme": "HTTP" }));
        }
    }
}

/// A limit without a request is the request too.
fn limits_as_requests(container: &mut Value) {
    let limits = container["resources"]["limits"].clone();
    if limits.as_object().is_some_and(|limits| !limits.is_empty()) {
        under(&mut container["resources"], &json!({ "requests": limits }));
    }
}

fn probe_defaults(container: &mut Value, name: &str) {
    let Some(probe) = container.get_mut(name).filter(|probe| probe.is_object()) else { return };
    under(
        probe,
        &json!({
            "timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3,
        }),
    );
    if let Some(get) = probe.get_mut("httpGet").filter(|get| get.is_object()) {
        under(get, &json!({ "path": "/", "scheme": "HTTP" }));
    }
    if let Some(grpc) = probe.get_mut("grpc").filter(|grpc| grpc.is_object()) {
        under(grpc, &json!({ "service": "" }));
    }
}

fn volume(volume: &mut Value) {
    const FILE_MODE: i64 = 0o644;
    for source in ["secret", "configMap", "downwardAPI", "projected"] {
        if let Some(found) = volume.get_mut(source).filter(|found| found.is_object()) {
            under(found, &json!({ "defaultMode": FILE_MODE }));
        }
    }
    // Of what does not say from where, nothing but its name is left here.
    if volume.as_object().is_some_and(|volume| volume.len() == 1 && volume.contains_key("name")) {
        under(volume, &json!({ "emptyDir": {} }));
    }
    if let Some(path) = volume.get_mut("hostPath").filter(|path| path.is_object()) {
        under(path, &json!({ "type": "" }));
    }
}

/// Whether an image has the tag `latest`, said or not.
fn is_latest(image: &str) -> bool {
    if image.contains('@') {
        return false;
    }
    let last = image.rsplit('/').next().unwrap_or_default();
    last.split_once(':').is_none_or(|(_, tag)| tag == "latest")
}

/// What admission adds to a pod that is really made, beyond the template's defaults.
fn default_pod(spec: &mut Value) {
    if !spec.is_object() {
        return;
    }
    under(
        spec,
        &json!({
            "enableServiceLinks": true, "serviceAccountName": "default",
            "serviceAccount": "default", "priority": 0, "preemptionPolicy": "PreemptLowerPriority",
        }),
    );
    if spec["tolerations"].is_null() {
        spec["tolerations"] = json!([
            { "key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute",
              "tolerationSeconds": 300 },
            { "key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute",
              "tolerationSeconds": 300 },
        ]);
    }
}

/// What a client writes as text is kept encoded, over what it wrote under the same key.
fn encode_texts(secret: &mut Value) {
    let texts = secret.as_object_mut().and_then(|fields| fields.shift_remove("stringData"));
    for (key, text) in texts.as_ref().and_then(Value::as_object).into_iter().flatten() {
        let encoded = STANDARD.encode(text.as_str().unwrap_or_default());
        map_mut(secret, "data").insert(key.clone(), encoded.into());
    }
}

fn template(object: &mut Value) {
    if object["spec"]["template"].is_object() {
        under(&mut object["spec"]["template"], &json!({ "metadata": {} }));
        if object["spec"]["template"]["metadata"].get("creationTimestamp").is_none() {
            object["spec"]["template"]["metadata"]["creationTimestamp"] = Value::Null;
        }
        pod_spec(&mut object["spec"]["template"]["spec"]);
    }
}

fn deployment(object: &mut Value) {
    under(
        object,
        &json!({ "spec": {
            "replicas": 1, "strategy": { "type": "RollingUpdate" },
            "revisionHistoryLimit": 10, "progressDeadlineSeconds": 600,
        }, "status": {} }),
    );
    if object["spec"]["strategy"]["type"] == "RollingUpdate" {
        let rolling = json!({ "rollingUpdate": { "maxUnavailable": "25%", "maxSurge": "25%" } });
        under(&mut object["spec"]["strategy"], &rolling);
    }
    template(object);
}

fn replica_set(object: &mut Value) {
    under(object, &json!({ "spec": { "replicas": 1 }, "status": { "replicas": 0 } }));
    template(object);
}

fn daemon_set(object: &mut Value) {
    under(
        object,
        &json!({
            "spec": { "revisionHistoryLimit": 10, "updateStrategy": { "type": "RollingUpdate" } },
            "status": { "currentNumberScheduled": 0, "numberMisscheduled": 0,
                        "desiredNumberScheduled": 0, "numberReady": 0 },
        }),
    );
    if object["spec"]["updateStrategy"]["type"] == "RollingUpdate" {
        let rolling = json!({ "rollingUpdate": { "maxUnavailable": 1, "maxSurge": 0 } });
        under(&mut object["spec"]["updateStrategy"], &rolling);
    }
    template(object);
}

fn stateful_set(object: &mut Value) {
    under(
        object,
        &json!({
            "spec": {
                "replicas": 1, "podManagementPolicy": "OrderedReady", "revisionHistoryLimit": 10,
                "updateStrategy": { "type": "RollingUpdate" },
                "persistentVolumeClaimRetentionPolicy": {
                    "whenDeleted": "Retain", "whenScaled": "Retain" },
            },
            "status": { "replicas": 0, "availableReplicas": 0 },
        }),
    );
    if object["spec"]["updateStrategy"]["type"] == "RollingUpdate" {
        let rolling = json!({ "rollingUpdate": { "partition": 0 } });
        under(&mut object["spec"]["updateStrategy"], &rolling);
    }
    template(object);
}

fn service(object: &mut Value) {
    under(
        object,
        &json!({
            "spec": { "sessionAffinity": "None", "type": "ClusterIP" },
            "status": { "loadBalancer": {} },
        }),
    );
    let spec = &mut object["spec"];
    for port in each(spec, "ports").filter(|port| port.is_object()) {
        under(port, &json!({ "protocol": "TCP" }));
        let target = port["port"].clone();
        if port["targetPort"].is_null() || port["targetPort"] == "" || port["targetPort"] == 0 {
            port["targetPort"] = target;
        }
    }
    let kind = spec["type"].as_str().unwrap_or_default().to_owned();
    if kind != "ExternalName" {
        under(
            spec,
            &json!({
                "internalTrafficPolicy": "Cluster", "ipFamilies": ["IPv4"],
                "ipFamilyPolicy": "SingleStack",
            }),
        );
    }
    if matches!(kind.as_str(), "NodePort" | "LoadBalancer") {
        under(spec, &json!({ "externalTrafficPolicy": "Cluster" }));
    }
    if kind == "LoadBalancer" {
        under(spec, &json!({ "allocateLoadBalancerNodePorts": true }));
    }
    if spec["sessionAffinity"] == "ClientIP" {
        let config = json!({ "sessionAffinityConfig": { "clientIP": { "timeoutSeconds": 10800 } } });
        under(spec, &config);
    }
}

/// The fields without `omitempty` are always in core/v1 events.
fn event(object: &mut Value) {
    under(object, &json!({ "source": {}, "reportingComponent": "", "reportingInstance": "" }));
    for field in ["firstTimestamp", "lastTimestamp", "eventTime"] {
        if object.get(field).is_none() {
            object[field] = Value::Null;
        }
    }
}

fn node(object: &mut Value) {
    under(object, &json!({ "spec": {}, "status": {} }));
    let capacity = object["status"]["capacity"].clone();
    if capacity.is_object() {
        under(&mut object["status"], &json!({ "allocatable": capacity }));
    }
}

fn autoscaler(object: &mut Value) {
    under(
        object,
        &json!({
            "spec": {
                "minReplicas": 1,
                "metrics": [{ "type": "Resource", "resource": { "name": "cpu",
                    "target": { "type": "Utilization", "averageUtilization": 80 } } }],
            },
            "status": { "desiredReplicas": 0, "currentMetrics": null },
        }),
    );
}

fn binding(object: &mut Value) {
    under(&mut object["roleRef"], &json!({ "apiGroup": "rbac.authorization.k8s.io" }));
    for subject in each(object, "subjects") {
        let group = match subject["kind"].as_str() {
            Some("User" | "Group") => "rbac.authorization.k8s.io",
            _ => continue,
        };
        under(subject, &json!({ "apiGroup": group }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_without_a_tag_is_latest() {
        for (image, want) in [
            ("nginx", true),
            ("nginx:latest", true),
            ("nginx:1", false),
            ("host:5000/nginx", true),
            ("host:5000/nginx:1", false),
            ("nginx@sha256:0", false),
        ] {
            assert_eq!(is_latest(image), want, "{image}");
        }
    }
}
