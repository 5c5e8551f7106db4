//! Finding the cluster: a kubeconfig, or the pod that we run in.

use std::path::PathBuf;

use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};

/// Which cluster is meant, and as whom to speak to it.
#[derive(Clone, Debug, Default)]
pub struct Target {
    /// A kubeconfig file; none for `$KUBECONFIG`, `~/.kube/config`, or the pod that we run in, in this order.
    pub kubeconfig: Option<PathBuf>,
    /// A context of the kubeconfig; none for its current one.
    pub context: Option<String>,
    /// What to call ourselves in the server's audit log.
    pub user_agent: String,
}

/// A way to a cluster.
#[derive(Clone)]
pub struct Connection {
    /// Carries requests.
    pub client: Client,
    /// The namespace of the context, or of the pod that we run in.
    pub namespace: String,
    /// The server's address, for messages.
    pub server: String,
}

/// There is no way to the cluster.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// A kubeconfig was found or named, but cannot be used.
    #[error("the kubeconfig cannot be used")]
    Kubeconfig(#[source] Box<kube::config::KubeconfigError>),
    /// Neither a kubeconfig nor a pod's service account was found.
    #[error("found neither a kubeconfig nor a service account of a pod; name one with --kubeconfig")]
    Nothing(#[source] Box<kube::config::InferConfigError>),
    /// The client cannot be made, for example because a certificate is not readable.
    #[error("the client cannot be made")]
    Client(#[source] Box<kube::Error>),
}

/// Makes a client for `target`. Sends nothing yet.
///
/// # Errors
/// When the configuration is missing or not usable.
pub async fn connect(target: &Target) -> Result<Connection, ConnectError> {
    let options = KubeConfigOptions { context: target.context.clone(), ..KubeConfigOptions::default() };
    let broken = |error| ConnectError::Kubeconfig(Box::new(error));
    let mut config = match &target.kubeconfig {
        Some(path) => {
            let file = Kubeconfig::read_from(path).map_err(broken)?;
            Config::from_custom_kubeconfig(file, &options).await.map_err(broken)?
        }
        None if target.context.is_some() => Config::from_kubeconfig(&options).await.map_err(broken)?,
        None => Config::infer().await.map_err(|error| ConnectError::Nothing(Box::new(error)))?,
    };
    // We count requests, wait as the API asks, and back off per object: a client that retries by itself hides all that.
    config.default_retry = false;
    if let Ok(agent) = http::HeaderValue::from_str(&target.user_agent)
        && !target.user_agent.is_empty()
    {
        config.headers.push((http::header::USER_AGENT, agent));
    }
    let namespace = config.default_namespace.clone();
    let server = config.cluster_url.to_string();
    let client = Client::try_from(config).map_err(|error| ConnectError::Client(Box::new(error)))?;
    Ok(Connection { client, namespace, server })
}
