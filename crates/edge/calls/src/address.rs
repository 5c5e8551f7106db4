//! What may be shown of an address, and what is kept from it. Pure.
//!
//! The address of a chat's web hook is a secret: its path and its query hold a token, and any address may hold a
//! password. So nothing but scheme and host gets into a text.

use base64::Engine as _;
use http::HeaderValue;
use percent_encoding::percent_decode_str;
use url::Url;

/// What may be shown of an address: its scheme and host.
#[must_use]
pub fn shown(text: &str) -> String {
    Url::parse(text).map_or_else(|_| "…".to_owned(), |url| place(&url))
}

/// Scheme and host.
pub(crate) fn place(url: &Url) -> String {
    format!("{}://{}", url.scheme(), host(url))
}

/// Host, and the port if it is not the scheme's own.
pub(crate) fn host(url: &Url) -> String {
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}{port}", url.host_str().unwrap_or_default())
}

/// Takes user and password out of `url`, as a header.
pub(crate) fn take_credentials(url: &mut Url) -> Option<HeaderValue> {
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let (user, password) = (decoded(url.username()), url.password().map(decoded));
    // Only an address without a host refuses, and that one has no user either.
    let _ = (url.set_username(""), url.set_password(None));
    if user.is_empty() && password.is_none() {
        return None;
    }
    let pair = format!("{user}:{}", password.unwrap_or_default());
    let pair = base64::engine::general_purpose::STANDARD.encode(pair);
    let mut value = HeaderValue::from_str(&format!("Basic {pair}")).ok()?;
    value.set_sensitive(true);
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_but_scheme_and_host_is_shown() {
        for (address, expected) in [
            ("https://hooks.slack.com/services/T0/B0/secret", "https://hooks.slack.com"),
            ("http://u:secret@h:8080/p?token=secret#f", "http://h:8080"),
            ("http://[::1]:80/", "http://[::1]"),
            ("secret", "…"),
        ] {
            assert_eq!(shown(address), expected);
        }
    }

    #[test]
    fn credentials_become_a_header() {
        let mut url = Url::parse("http://us%40er:p%20w@h/x").unwrap();
        assert_eq!(take_credentials(&mut url).unwrap(), "Basic dXNAZXI6cCB3");
        assert_eq!((take_credentials(&mut url), url.as_str()), (None, "http://h/x"));
    }
}
