//! The short way to a cluster for commands that take `--kubeconfig` and `--context` only.

use std::path::PathBuf;

use kube::Client;

use crate::access::{Access, AccessError};

/// Which cluster is meant, and as whom to speak to it.
#[derive(Clone, Debug, Default)]
pub struct Target {
    /// A kubeconfig file; none for the usual places.
    pub kubeconfig: Option<PathBuf>,
    /// A context of the kubeconfig; none for its current one.
    pub context: Option<String>,
    /// What to call ourselves in the server's audit log.
    pub user_agent: String,
}

/// A way to a cluster.
#[derive(Clone)]
pub struct Connection {
    /// Carries requests; retries nothing by itself.
    pub client: Client,
    /// The namespace of the context, or of the pod that we run in.
    pub namespace: String,
    /// The server's address, for messages.
    pub server: String,
}

/// Makes a client for `target`. Sends nothing yet.
///
/// # Errors
/// When the configuration is missing or not usable.
pub async fn connect(target: &Target) -> Result<Connection, AccessError> {
    let (kubeconfig, context) = (target.kubeconfig.clone(), target.context.clone());
    let config = Access { kubeconfig, context, ..Access::default() }.config().await?;
    let namespace = config.default_namespace.clone();
    let server = config.cluster_url.to_string();
    let client = crate::kube_api::client(config, &target.user_agent)?;
    Ok(Connection { client, namespace, server })
}
