//! How to reach a cluster: kubectl's files and flags, turned into a client.
//!
//! Property: what a flag says wins over the kubeconfig, and the kubeconfig over the service account inside a pod, in the
//! order that kubectl has.

use std::path::PathBuf;

use kube::{
    Client, Config,
    config::{AuthInfo, Cluster, KubeConfigOptions, Kubeconfig},
};

/// kubectl's connection flags. Empty or `None` means not given.
#[derive(Clone, Debug, Default)]
pub struct Access {
    /// Path of the kubeconfig; otherwise `$KUBECONFIG`, then `~/.kube/config`, then the pod's service account.
    pub kubeconfig: Option<PathBuf>,
    /// Context in the kubeconfig; otherwise its current one.
    pub context: Option<String>,
    /// Cluster in the kubeconfig; otherwise the context's.
    pub cluster: Option<String>,
    /// User in the kubeconfig; otherwise the context's.
    pub user: Option<String>,
    /// Namespace; otherwise the context's.
    pub namespace: Option<String>,
    /// Address of the API server.
    pub server: Option<String>,
    /// Bearer token.
    pub token: Option<String>,
    /// Path of the certificate authority's certificate.
    pub certificate_authority: Option<String>,
    /// Path of the client's certificate.
    pub client_certificate: Option<String>,
    /// Path of the client's key.
    pub client_key: Option<String>,
    /// Name that the server's certificate must have.
    pub tls_server_name: Option<String>,
    /// Accept any certificate.
    pub insecure_skip_tls_verify: bool,
    /// User to impersonate.
    pub impersonate: Option<String>,
    /// Groups to impersonate.
    pub impersonate_groups: Vec<String>,
    /// Unique id to impersonate.
    pub impersonate_uid: Option<String>,
}

/// The cluster cannot be reached because of how it was named.
#[derive(Debug, thiserror::Error)]
#[error("{problem}")]
pub struct AccessError {
    problem: String,
}

impl AccessError {
    pub(crate) fn new(what: &str, error: &dyn std::error::Error) -> Self {
        let mut problem = format!("{what}: {error}");
        let mut source = error.source();
        while let Some(cause) = source {
            problem = format!("{problem}: {cause}");
            source = cause.source();
        }
        Self { problem }
    }
}

impl Access {
    /// The configuration that flags, files and the environment come to.
    ///
    /// # Errors
    /// When a file cannot be read, or a context, cluster or user in it does not exist.
    pub async fn config(&self) -> Result<Config, AccessError> {
        let options = KubeConfigOptions {
            context: self.context.clone(),
            cluster: self.cluster.clone(),
            user: self.user.clone(),
        };
        let file = match &self.kubeconfig {
            Some(path) => {
                Some(Kubeconfig::read_from(path).map_err(|e| AccessError::new("--kubeconfig", &e))?)
            }
            None => Kubeconfig::read().ok(),
        };
        let mut config = match (file, &self.server) {
            (Some(mut file), _) => {
                for cluster in &mut file.clusters {
                    self.override_cluster(cluster.cluster.get_or_insert_with(Cluster::default));
                }
                for user in &mut file.auth_infos {
                    self.override_user(user.auth_info.get_or_insert_with(AuthInfo::default));
                }
                let read = Config::from_custom_kubeconfig(file, &options).await;
                read.map_err(|e| AccessError::new("kubeconfig", &e))?
            }
            (None, Some(_)) => self.without_file().await?,
            (None, None) => Config::incluster().map_err(|e| {
                AccessError::new(
                    "no cluster: pass --kubeconfig or --server, set KUBECONFIG, or run inside a pod",
                    &e,
                )
            })?,
        };
        if let Some(namespace) = &self.namespace {
            config.default_namespace.clone_from(namespace);
        }
        Ok(config)
    }

    /// A client for the configured cluster, and the namespace that commands without one mean.
    ///
    /// # Errors
    /// As [`Access::config`], or when the TLS configuration is unusable.
    pub async fn connect(&self) -> Result<(Client, String), AccessError> {
        let config = self.config().await?;
        let namespace = config.default_namespace.clone();
        let client = Client::try_from(config).map_err(|e| AccessError::new("client", &e))?;
        Ok((client, namespace))
    }

    async fn without_file(&self) -> Result<Config, AccessError> {
        let (mut cluster, mut user) = (Cluster::default(), AuthInfo::default());
        self.override_cluster(&mut cluster);
        self.override_user(&mut user);
        let named = serde_json::json!({
            "clusters": [{"name": "flags", "cluster": cluster}],
            "users": [{"name": "flags", "user": {}}],
            "contexts": [{"name": "flags", "context": {"cluster": "flags", "user": "flags"}}],
            "current-context": "flags"
        });
        let mut file: Kubeconfig =
            serde_json::from_value(named).map_err(|e| AccessError::new("flags", &e))?;
        for named in &mut file.auth_infos {
            named.auth_info = Some(user.clone());
        }
        let read = Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await;
        read.map_err(|e| AccessError::new("flags", &e))
    }

    fn override_cluster(&self, cluster: &mut Cluster) {
        replace(&mut cluster.server, self.server.as_ref());
        replace(&mut cluster.tls_server_name, self.tls_server_name.as_ref());
        if let Some(path) = &self.certificate_authority {
            cluster.certificate_authority = Some(path.clone());
            cluster.certificate_authority_data = None;
        }
        if self.insecure_skip_tls_verify {
            cluster.insecure_skip_tls_verify = Some(true);
            cluster.certificate_authority = None;
            cluster.certificate_authority_data = None;
        }
    }

    fn override_user(&self, user: &mut AuthInfo) {
        if let Some(token) = &self.token {
            user.token = Some(token.clone().into());
            user.token_file = None;
        }
        if let Some(path) = &self.client_certificate {
            user.client_certificate = Some(path.clone());
            user.client_certificate_data = None;
        }
        if let Some(path) = &self.client_key {
            user.client_key = Some(path.clone());
            user.client_key_data = None;
        }
        replace(&mut user.impersonate, self.impersonate.as_ref());
        replace(&mut user.impersonate_uid, self.impersonate_uid.as_ref());
        if !self.impersonate_groups.is_empty() {
            user.impersonate_groups = Some(self.impersonate_groups.clone());
        }
    }
}

fn replace(target: &mut Option<String>, flag: Option<&String>) {
    if flag.is_some() {
        *target = flag.cloned();
    }
}
