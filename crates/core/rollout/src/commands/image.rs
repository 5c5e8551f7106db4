//! `set image`: new images for named containers.

use serde_json::Value;

/// An argument is not `container=image`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("arguments must be in resource/name form or CONTAINER=IMAGE, not `{argument}`")]
pub struct InvalidImage {
    /// The argument as it was given.
    pub argument: String,
}

/// The pod template has no container of that name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unable to find container named \"{name}\"")]
pub struct UnknownContainer {
    /// The name as it was given.
    pub name: String,
}

/// Reads `container=image` arguments; `*` stands for every container.
///
/// # Errors
/// At the first argument of another form.
pub fn parse_images(arguments: &[String]) -> Result<Vec<(String, String)>, InvalidImage> {
    let parse = |argument: &String| match argument.split_once('=') {
        Some((name, image)) if !name.is_empty() && !image.is_empty() => {
            Ok((name.to_owned(), image.to_owned()))
        }
        _ => Err(InvalidImage { argument: argument.clone() }),
    };
    arguments.iter().map(parse).collect()
}

/// Sets images in the pod template at `spec.template` of `workload`.
///
/// # Errors
/// When a name fits no container, init container or ephemeral container; `workload` is then half changed and must be
/// thrown away.
pub fn set_images(workload: &mut Value, images: &[(String, String)]) -> Result<(), UnknownContainer> {
    for (name, image) in images {
        let mut found = false;
        for list in ["containers", "initContainers", "ephemeralContainers"] {
            let path = format!("/spec/template/spec/{list}");
            let Some(containers) = workload.pointer_mut(&path).and_then(Value::as_array_mut) else {
                continue;
            };
            for container in containers {
                if name == "*" || container.get("name").and_then(Value::as_str) == Some(name) {
                    container["image"] = Value::from(image.as_str());
                    found = true;
                }
            }
        }
        if !found {
            return Err(UnknownContainer { name: name.clone() });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn workload() -> Value {
        let containers = json!([{"name": "web", "image": "a"}, {"name": "side", "image": "b"}]);
        json!({"spec": {"template": {"spec": {"containers": containers, "initContainers": [{"name": "web", "image": "c"}]}}}})
    }

    #[test]
    fn every_container_of_the_name_gets_the_image() {
        let mut workload = workload();
        set_images(&mut workload, &parse_images(&["web=x:1".to_owned()]).unwrap()).unwrap();
        assert_eq!(workload["spec"]["template"]["spec"]["containers"][0]["image"], "x:1");
        assert_eq!(workload["spec"]["template"]["spec"]["containers"][1]["image"], "b");
        assert_eq!(workload["spec"]["template"]["spec"]["initContainers"][0]["image"], "x:1");
    }

    #[test]
    fn an_unknown_container_is_named() {
        let error = set_images(&mut workload(), &[("nope".to_owned(), "x".to_owned())]).unwrap_err();
        assert_eq!(error.to_string(), "unable to find container named \"nope\"");
        assert!(parse_images(&["web".to_owned()]).is_err());
    }
}
