//! What the controller's surroundings give to metric servers: credentials for Amazon, and the cluster that it runs in. Read
//! once; tokens that are renewed in place are read by their files when they are needed.

use serin_metrics::provider::{Amazon, Cluster, Keys, Place, Token};

/// Where a pod finds its service account.
const ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
/// Where machines of Amazon's, and its agents of ECS, tell credentials.
const MACHINE: &str = "http://169.254.169.254";
const AGENT: &str = "http://169.254.170.2";

/// That of this process.
pub(super) fn of_this_pod() -> Place {
    let authority = std::fs::read_to_string(format!("{ACCOUNT}/ca.crt")).unwrap_or_default();
    of(|name| std::env::var(name).ok(), authority)
}

/// That of an environment.
fn of(env: impl Fn(&str) -> Option<String>, authority: String) -> Place {
    let env = |name: &str| env(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
    let region = env("AWS_REGION").or_else(|| env("AWS_DEFAULT_REGION")).unwrap_or_default();
    let host = env("KUBERNETES_SERVICE_HOST")
        .map(|host| if host.contains(':') { format!("[{host}]") } else { host });
    let cluster = host.map(|host| Cluster {
        address: format!("https://{host}:{}", env("KUBERNETES_SERVICE_PORT").as_deref().unwrap_or("443")),
        authority,
        token: Token::File(format!("{ACCOUNT}/token")),
    });
    Place { amazon: amazon(&env), region, cluster }
}

/// Credentials in the order in which Amazon's own programs look for them.
fn amazon(env: &impl Fn(&str) -> Option<String>) -> Option<Amazon> {
    if let (Some(id), Some(secret)) = (env("AWS_ACCESS_KEY_ID"), env("AWS_SECRET_ACCESS_KEY")) {
        return Some(Amazon::Keys(Keys {
            id,
            secret,
            session: env("AWS_SESSION_TOKEN").unwrap_or_default(),
        }));
    }
    if let (Some(role), Some(file)) = (env("AWS_ROLE_ARN"), env("AWS_WEB_IDENTITY_TOKEN_FILE")) {
        return Some(Amazon::WebIdentity { role, token: Token::File(file) });
    }
    let relative = || env("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI").map(|path| format!("{AGENT}{path}"));
    if let Some(url) = relative().or_else(|| env("AWS_CONTAINER_CREDENTIALS_FULL_URI")) {
        let file = env("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE").map(Token::File);
        let token = file.or_else(|| env("AWS_CONTAINER_AUTHORIZATION_TOKEN").map(Token::Text));
        return Some(Amazon::Agent { url, token });
    }
    if env("AWS_EC2_METADATA_DISABLED").is_some_and(|word| word.eq_ignore_ascii_case("true")) {
        return None;
    }
    Some(Amazon::Machine {
        url: env("AWS_EC2_METADATA_SERVICE_ENDPOINT").unwrap_or_else(|| MACHINE.to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(variables: &[(&str, &str)]) -> Place {
        let value = |name: &str| variables.iter().find(|(have, _)| *have == name).map(|(_, value)| *value);
        of(|name| value(name).map(str::to_owned), "PEM".to_owned())
    }

    #[test]
    fn credentials_are_looked_for_as_amazon_does() {
        let file = |path: &str| Token::File(path.to_owned());
        let role = [("AWS_ROLE_ARN", "arn:r"), ("AWS_WEB_IDENTITY_TOKEN_FILE", "/t")];
        let keys = [("AWS_ACCESS_KEY_ID", "A"), ("AWS_SECRET_ACCESS_KEY", "S"), ("AWS_SESSION_TOKEN", "T")];
        let agent = [
            ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://169.254.170.23/v1/credentials"),
            ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "/eks"),
        ];
        let ecs =
            [("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/x"), ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "t")];
        let machine = |url: &str| Some(Amazon::Machine { url: url.to_owned() });
        let all_keys = Keys { id: "A".into(), secret: "S".into(), session: "T".into() };
        let identity = || Amazon::WebIdentity { role: "arn:r".into(), token: file("/t") };
        for (variables, wanted) in [
            ([&keys[..], &role[..]].concat(), Some(Amazon::Keys(all_keys))),
            ([&role[..], &agent[..]].concat(), Some(identity())),
            ([&keys[..1], &role[..]].concat(), Some(identity())),
            (agent.to_vec(), Some(Amazon::Agent { url: agent[0].1.into(), token: Some(file("/eks")) })),
            (
                ecs.to_vec(),
                Some(Amazon::Agent {
                    url: "http://169.254.170.2/v2/x".into(),
                    token: Some(Token::Text("t".into())),
                }),
            ),
            (Vec::new(), machine("http://169.254.169.254")),
            (vec![("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://m")], machine("http://m")),
            (vec![("AWS_EC2_METADATA_DISABLED", "TRUE")], None),
            (vec![("AWS_ACCESS_KEY_ID", ""), ("AWS_SECRET_ACCESS_KEY", "S")], machine(MACHINE)),
        ] {
            assert_eq!(place(&variables).amazon, wanted, "{variables:?}");
        }
        assert_eq!(place(&[("AWS_DEFAULT_REGION", "b")]).region, "b");
        assert_eq!(place(&[("AWS_DEFAULT_REGION", "b"), ("AWS_REGION", "a")]).region, "a");
    }

    #[test]
    fn a_pod_knows_its_cluster() {
        assert_eq!(place(&[]).cluster, None);
        for (host, port, address) in [
            ("10.96.0.1", Some("6443"), "https://10.96.0.1:6443"),
            ("fd00::1", None, "https://[fd00::1]:443"),
        ] {
            let mut variables = vec![("KUBERNETES_SERVICE_HOST", host)];
            variables.extend(port.map(|port| ("KUBERNETES_SERVICE_PORT", port)));
            let cluster = place(&variables).cluster.unwrap();
            assert_eq!((cluster.address.as_str(), cluster.authority.as_str()), (address, "PEM"));
            assert_eq!(cluster.token, Token::File(format!("{ACCOUNT}/token")));
        }
    }
}
