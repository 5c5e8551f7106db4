//! How to reach a cluster: kubectl's files and flags, turned into a client.
//!
//! Property: what a flag says wins over the kubeconfig, and the kubeconfig over the service account inside a pod, in the
//! order that kubectl has.

use std::{fmt, path::PathBuf};

use http::header::{HeaderValue, USER_AGENT};
use kube::{
    Client, Config,
    config::{AuthInfo, Cluster, KubeConfigOptions, Kubeconfig, KubeconfigError},
};
use serin_kernel::chain;

/// kubectl's connection flags. Empty or `None` means not given.
#[derive(Clone, Default)]
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

/// Without what must stay secret: a token is shown as given or not.
impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kubeconfig, context, cluster, user, namespace, server, token, .. } = self;
        f.debug_struct("Access")
            .field("kubeconfig", kubeconfig)
            .field("context", context)
            .field("cluster", cluster)
            .field("user", user)
            .field("namespace", namespace)
            .field("server", server)
            .field("token", &token.as_ref().map(|_| "***"))
            .finish_non_exhaustive()
    }
}

/// The cluster cannot be reached because of how it was named.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub struct AccessError {
    /// What was given, or what to give.
    what: String,
    #[source]
    cause: Cause,
}

/// Why, in one text: the errors of the client library repeat what caused them, so a chain of them would say it twice.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Cause(String);

impl AccessError {
    fn new(what: &str, error: &(dyn std::error::Error + 'static)) -> Self {
        Self { what: what.to_owned(), cause: Cause(chain(error)) }
    }

    fn in_file(what: &str, error: &KubeconfigError) -> Self {
        match error {
            // The library shows the path in quotes within quotes.
            KubeconfigError::ReadConfig(error, path) => {
                Self { what: what.to_owned(), cause: Cause(format!("{}: {error}", path.display())) }
            }
            other => Self::new(what, other),
        }
    }
}

/// Whether `address` is one at which an API server can be asked; the client would only find out when it asks.
///
/// # Errors
/// It is not, and why.
pub fn usable(address: &str) -> Result<(), AccessError> {
    let refused = |why: &str| AccessError {
        what: format!("{address:?} is no address of an API server"),
        cause: Cause(format!("{why}; it is https://HOST:PORT")),
    };
    let read = address.parse::<http::Uri>().map_err(|error| refused(&error.to_string()))?;
    match (read.scheme_str(), read.host()) {
        (Some("http" | "https"), Some(_)) => Ok(()),
        (Some("http" | "https"), None) => Err(refused("it has no host")),
        (Some(_), _) => Err(refused("it is neither http nor https")),
        (None, _) => Err(refused("it has no scheme")),
    }
}

/// A way to a cluster.
#[derive(Clone)]
pub struct Connection {
    /// Carries requests; retries nothing by itself.
    pub client: Client,
    /// The namespace that is meant when none is named: of the flag, of the context, or of the pod that we run in.
    pub namespace: String,
    /// The server's address, for messages.
    pub server: String,
}

impl Access {
    /// The way to the cluster that is meant, for a client that calls itself `agent` in the server's audit log. Sends
    /// nothing yet. The client retries nothing by itself: we count requests, wait as the API asks, and back off per
    /// object, and a client that retries hides all that.
    ///
    /// # Errors
    /// When a file cannot be read, a context, cluster or user in it does not exist, or the server's address or the TLS
    /// configuration is unusable.
    pub async fn connect(&self, agent: &str) -> Result<Connection, AccessError> {
        let mut config = self.config().await?;
        let (namespace, server) = (config.default_namespace.clone(), config.cluster_url.to_string());
        let named_by = if self.server.is_some() { "--server" } else { "the kubeconfig's server" };
        usable(server.trim_end_matches('/')).map_err(|error| AccessError::new(named_by, &error))?;
        config.default_retry = false;
        if let Ok(agent) = HeaderValue::from_str(agent) {
            config.headers.push((USER_AGENT, agent));
        }
        let client = Client::try_from(config).map_err(|e| AccessError::new("client", &e))?;
        Ok(Connection { client, namespace, server })
    }

    /// The configuration that flags, files and the environment come to.
    async fn config(&self) -> Result<Config, AccessError> {
        let options = KubeConfigOptions {
            context: self.context.clone(),
            cluster: self.cluster.clone(),
            user: self.user.clone(),
        };
        let file = match &self.kubeconfig {
            Some(path) => {
                Some(Kubeconfig::read_from(path).map_err(|e| AccessError::in_file("--kubeconfig", &e))?)
            }
            None => merged(&files())?,
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

/// The files that `$KUBECONFIG` names, or the one in the home.
fn files() -> Vec<PathBuf> {
    let named = std::env::var_os("KUBECONFIG").filter(|it| !it.is_empty());
    match named {
        Some(named) => std::env::split_paths(&named).filter(|path| !path.as_os_str().is_empty()).collect(),
        None => std::env::home_dir().map(|home| home.join(".kube/config")).into_iter().collect(),
    }
}

/// What these files come to. As in kubectl, one that is not there is passed over, and what one says wins over those after it; one
/// that cannot be read is an error, for it would be another cluster that is reached.
fn merged(files: &[PathBuf]) -> Result<Option<Kubeconfig>, AccessError> {
    let refused =
        |error| AccessError::in_file("kubeconfig (KUBECONFIG, or .kube/config in the home)", &error);
    let mut whole: Option<Kubeconfig> = None;
    for path in files {
        let next = match Kubeconfig::read_from(path) {
            Ok(next) => next,
            Err(KubeconfigError::ReadConfig(error, _)) if error.kind() == std::io::ErrorKind::NotFound => {
                continue;
            }
            Err(error) => return Err(refused(error)),
        };
        whole = Some(match whole {
            Some(whole) => whole.merge(next).map_err(refused)?,
            None => next,
        });
    }
    Ok(whole)
}

fn replace(target: &mut Option<String>, flag: Option<&String>) {
    if flag.is_some() {
        *target = flag.cloned();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_not_shown() {
        let access = Access {
            server: Some("https://here".to_owned()),
            token: Some("sesame".to_owned()),
            ..Access::default()
        };
        let shown = format!("{access:?}");
        assert!(shown.contains("https://here") && shown.contains("***"), "{shown}");
        assert!(!shown.contains("sesame"), "{shown}");
    }

    #[tokio::test]
    async fn an_error_says_what_was_given_and_its_cause_why() {
        let access = Access { kubeconfig: Some("/nowhere/config".into()), ..Access::default() };
        let error = access.connect("serin-test").await.map(|_| ()).unwrap_err();
        assert_eq!(error.to_string(), "--kubeconfig");
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert_eq!(cause, "/nowhere/config: No such file or directory (os error 2)");
    }

    #[test]
    fn files_that_are_not_there_are_passed_over_and_one_that_cannot_be_read_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let contexts = |files: &[PathBuf]| {
            let whole = merged(files).map_err(|error| chain(&error))?;
            let names = |whole: Kubeconfig| whole.contexts.into_iter().map(|it| it.name).collect::<Vec<_>>();
            Ok::<_, String>(whole.map(names))
        };
        let with =
            |name: &str| file(name, &format!("contexts: [{{name: {name}, context: {{cluster: c}}}}]\n"));
        let (a, b, missing) = (with("a"), with("b"), folder.path().join("missing"));
        let both = Ok(Some(vec!["a".to_owned(), "b".to_owned()]));
        assert_eq!(contexts(&[]), Ok(None));
        assert_eq!(contexts(std::slice::from_ref(&missing)), Ok(None));
        assert_eq!(contexts(&[a.clone(), missing.clone(), b.clone()]), both);
        assert_eq!(contexts(&[missing, a.clone(), b]), both);
        for broken in [file("broken", "clusters: [{"), folder.path().to_owned()] {
            let error = contexts(&[a.clone(), broken]).unwrap_err();
            assert!(error.starts_with("kubeconfig (KUBECONFIG, or .kube/config in the home): "), "{error}");
        }
    }

    #[tokio::test]
    async fn an_address_that_nobody_can_be_asked_at_is_refused_before_it_is() {
        for (server, why) in [
            ("https://127.0.0.1:1", None),
            ("http://api.example:8080/prefix", None),
            ("nonsense", Some("it has no scheme")),
            ("127.0.0.1:6443", Some("it has no scheme")),
            ("ftp://127.0.0.1", Some("neither http nor https")),
            ("/path", Some("it has no scheme")),
        ] {
            let access = Access { server: Some(server.to_owned()), ..Access::default() };
            let told = access.connect("serin-test").await.err().map(|error| chain(&error));
            match why {
                None => assert_eq!(told, None, "{server}"),
                Some(why) => {
                    let told = told.unwrap();
                    assert!(told.starts_with("--server: ") && told.contains(why), "{server}: {told}");
                }
            }
        }
        for server in ["http://", "", "a b"] {
            assert!(usable(server).is_err(), "{server}");
        }
    }
}
