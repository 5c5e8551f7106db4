//! What each provider can do, as data: a machine asks before it tries.

use super::{GatewayVersion, Provider};

/// What a provider can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// Give a version a share of all requests.
    pub weights: bool,
    /// Send requests that match to the version under trial.
    pub matches: bool,
    /// Give a version a share of the requests that match, rather than all or none.
    pub match_weights: bool,
    /// Send copies of requests to the version under trial.
    pub mirror: Mirroring,
    /// Keep users with the version that they met.
    pub affinity: Stickiness,
}

/// When copies of requests can be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mirroring {
    /// Never.
    No,
    /// In a trial that is counted in iterations.
    Iterations,
    /// In every trial.
    Always,
}

/// Whom users can be kept with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stickiness {
    /// With nobody.
    No,
    /// With the version under trial.
    Canary,
    /// With either version.
    Both,
}

impl Provider {
    /// What the provider can do.
    #[must_use]
    pub const fn capabilities(self) -> Capabilities {
        const NOTHING: Capabilities = Capabilities {
            weights: false,
            matches: false,
            match_weights: false,
            mirror: Mirroring::No,
            affinity: Stickiness::No,
        };
        const WEIGHTS: Capabilities = Capabilities { weights: true, ..NOTHING };
        const MATCHES: Capabilities = Capabilities { matches: true, match_weights: true, ..WEIGHTS };
        match self {
            Self::Kubernetes => NOTHING,
            Self::Nginx => Capabilities { matches: true, ..WEIGHTS },
            Self::Skipper | Self::Traefik | Self::Apisix | Self::Smi { .. } | Self::Kuma | Self::Knative => {
                WEIGHTS
            }
            Self::Contour | Self::Gloo | Self::AppMesh(_) => MATCHES,
            Self::Istio => Capabilities { mirror: Mirroring::Always, affinity: Stickiness::Both, ..MATCHES },
            Self::Gateway(GatewayVersion::V1) => {
                Capabilities { mirror: Mirroring::Iterations, affinity: Stickiness::Both, ..MATCHES }
            }
            Self::Gateway(GatewayVersion::V1Beta1) => {
                Capabilities { mirror: Mirroring::Iterations, affinity: Stickiness::Canary, ..MATCHES }
            }
        }
    }
}
