//! What manifests call the providers.

use super::{AppMeshVersion, GatewayVersion, Provider, SmiVersion};

/// Names that must be met whole.
const WHOLE: [(&str, Provider); 12] = [
    ("kubernetes", Provider::Kubernetes),
    ("istio", Provider::Istio),
    ("linkerd", Provider::Smi { version: SmiVersion::V1Alpha1, istio: false }),
    ("osm", Provider::Smi { version: SmiVersion::V1Alpha2, istio: false }),
    ("appmesh", Provider::AppMesh(AppMeshVersion::V1Beta1)),
    ("contour", Provider::Contour),
    ("nginx", Provider::Nginx),
    ("skipper", Provider::Skipper),
    ("traefik", Provider::Traefik),
    ("kuma", Provider::Kuma),
    ("apisix", Provider::Apisix),
    ("knative", Provider::Knative),
];
/// Beginnings of names, the longer ones first.
const BEGINNINGS: [(&str, Provider); 4] = [
    ("appmesh:v1beta2", Provider::AppMesh(AppMeshVersion::V1Beta2)),
    ("gatewayapi:v1beta1", Provider::Gateway(GatewayVersion::V1Beta1)),
    ("gatewayapi:v1", Provider::Gateway(GatewayVersion::V1)),
    ("gloo", Provider::Gloo),
];
/// Versions of the Service Mesh Interface; behind one may follow who reads it.
const SMI: [(&str, SmiVersion); 3] = [
    ("smi:v1alpha1", SmiVersion::V1Alpha1),
    ("smi:v1alpha2", SmiVersion::V1Alpha2),
    ("smi:v1alpha3", SmiVersion::V1Alpha3),
];

impl Provider {
    /// The provider that manifests call `name`; none if there is no such one.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let smi = SMI.iter().find_map(|(start, version)| Some((name.strip_prefix(start)?, *version)));
        if let Some((rest, version)) = smi {
            let is_whole = rest.is_empty() || rest.starts_with(':');
            return is_whole.then_some(Self::Smi { version, istio: rest == ":istio" });
        }
        let whole = WHOLE.iter().find(|(whole, _)| *whole == name);
        let begun = || BEGINNINGS.iter().find(|(start, _)| name.starts_with(start));
        whole.or_else(begun).map(|(_, provider)| *provider)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_met_whole_or_by_their_beginning() {
        let smi = |version, istio| Some(Provider::Smi { version, istio });
        for (name, provider) in [
            ("istio", Some(Provider::Istio)),
            ("linkerd", smi(SmiVersion::V1Alpha1, false)),
            ("osm", smi(SmiVersion::V1Alpha2, false)),
            ("smi:v1alpha1", smi(SmiVersion::V1Alpha1, false)),
            ("smi:v1alpha2:istio", smi(SmiVersion::V1Alpha2, true)),
            ("smi:v1alpha3:linkerd", smi(SmiVersion::V1Alpha3, false)),
            ("smi:v1alpha31", None),
            ("appmesh", Some(Provider::AppMesh(AppMeshVersion::V1Beta1))),
            ("appmesh:v1beta2", Some(Provider::AppMesh(AppMeshVersion::V1Beta2))),
            ("gloo:v1", Some(Provider::Gloo)),
            ("gatewayapi:v1beta1", Some(Provider::Gateway(GatewayVersion::V1Beta1))),
            ("gatewayapi:v1", Some(Provider::Gateway(GatewayVersion::V1))),
            ("gatewayapi", None),
            ("smi", None),
            ("Istio", None),
            ("", None),
        ] {
            assert_eq!(Provider::named(name), provider, "{name}");
        }
    }
}
