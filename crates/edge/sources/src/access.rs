//! How a source is reached: credentials, and whose certificates are trusted.

use base64::Engine as _;
use http::header::HeaderValue;
use hyper_rustls::{ConfigBuilderExt as _, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use crate::SourceError;

/// Credentials and trust; nothing of it is shown.
#[derive(Clone, Default)]
pub struct Access {
    /// Goes with each question, and comes before a password.
    pub token: Option<String>,
    /// User and password; without them, those of the address.
    pub basic: Option<(String, String)>,
    /// Certificates (PEM) that are trusted, in place of those of the machine.
    pub ca: Option<Vec<u8>>,
}

impl std::fmt::Debug for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Access").field("ca", &self.ca.is_some()).finish_non_exhaustive()
    }
}

impl Access {
    /// The header for `basic` of the address, or what comes before it.
    pub(crate) fn header(
        &self,
        of_address: Option<(String, String)>,
    ) -> Result<Option<HeaderValue>, &'static str> {
        let value = match (&self.token, self.basic.clone().or(of_address)) {
            (Some(token), _) => format!("Bearer {}", token.trim()),
            (None, Some((user, password))) => {
                let pair = format!("{user}:{password}");
                format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair))
            }
            (None, None) => return Ok(None),
        };
        let mut value = HeaderValue::from_str(&value).map_err(|_| "the token is not one line")?;
        value.set_sensitive(true);
        Ok(Some(value))
    }

    pub(crate) fn connector(&self, is_secure: bool) -> Result<HttpsConnector<HttpConnector>, SourceError> {
        let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
        let builder = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| SourceError::Certificates(std::io::Error::other(error)))?;
        let config = match &self.ca {
            Some(pem) => builder.with_root_certificates(roots(pem)?),
            // The certificates of the machine are read only where they are needed: a small container has none.
            None if is_secure => builder.with_native_roots().map_err(SourceError::Certificates)?,
            None => builder.with_root_certificates(rustls::RootCertStore::empty()),
        };
        let config = config.with_no_client_auth();
        Ok(HttpsConnectorBuilder::new().with_tls_config(config).https_or_http().enable_http1().build())
    }
}

fn roots(pem: &[u8]) -> Result<rustls::RootCertStore, SourceError> {
    let wrong = |why: String| SourceError::Authority { why };
    let mut roots = rustls::RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|error| wrong(error.to_string()))?;
        roots.add(certificate).map_err(|error| wrong(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(wrong("there is no certificate in it".to_owned()));
    }
    Ok(roots)
}
