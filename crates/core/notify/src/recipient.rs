//! Where alerts go.

use std::fmt;

use base64::Engine as _;
use serde_json::Value;
use serin_api::flagger::{ALERT_CHANNEL, ALERT_USERNAME, AlertProviderSpec, ChatKind};
use url::Url;

/// Slack's own interface, for those who have a token.
const SLACK_API: &str = "https://slack.com/api/chat.postMessage";

/// A chat at one address. The address and the token are secrets and are not shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Recipient {
    /// Which chat.
    pub(crate) chat: ChatKind,
    /// Where messages are sent to.
    pub(crate) address: Url,
    /// Goes with each message; Slack alone wants one.
    pub(crate) token: Option<String>,
    pub(crate) channel: String,
    pub(crate) username: String,
    pub(crate) proxy: Option<String>,
}

/// Why nothing can be sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No chat that is known.
    #[error("spec.type: {0:?} is no chat: give slack, msteams, discord, rocket or gchat")]
    Chat(String),
    /// No address at all.
    #[error("no address: give spec.address, or a Secret with the key address in spec.secretRef")]
    NoAddress,
    /// An address that is none. It is a secret, so it is not told.
    #[error("the address cannot be used: {0}: give an http or https URL")]
    Address(String),
    /// A key of a Secret that is no text.
    #[error("the key {0} of the Secret is no text in base64")]
    Secret(&'static str),
    /// A field that must not be empty.
    #[error("{0} must not be empty")]
    Empty(&'static str),
    /// A time that is none.
    #[error("web hook {hook:?}: timeout: {why}")]
    Timeout {
        /// Which hook.
        hook: String,
        /// What is wrong with it.
        why: String,
    },
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recipient")
            .field("chat", &self.chat)
            .field("host", &self.address.host_str())
            .field("channel", &self.channel)
            .finish_non_exhaustive()
    }
}

impl Recipient {
    /// The usual channel and sender of a chat at `address`.
    ///
    /// # Errors
    /// [`Error::Address`].
    pub fn new(chat: ChatKind, address: &str) -> Result<Self, Error> {
        let mut address = Url::parse(address.trim()).map_err(|error| Error::Address(error.to_string()))?;
        if !["http", "https"].contains(&address.scheme()) {
            return Err(Error::Address(format!("it begins with {}:", address.scheme())));
        }
        // Discord reads Slack's messages at an address of its own.
        if chat == ChatKind::Discord && !address.path().ends_with("/slack") {
            address.set_path(&format!("{}/slack", address.path().trim_end_matches('/')));
        }
        let (channel, username) = (ALERT_CHANNEL.to_owned(), ALERT_USERNAME.to_owned());
        Ok(Self { chat, address, token: None, channel, username, proxy: None })
    }

    /// What an `AlertProvider` names; `secret` is the `data` of its Secret.
    ///
    /// # Errors
    /// Any but [`Error::Timeout`].
    pub fn of(spec: &AlertProviderSpec, secret: Option<&Value>) -> Result<Self, Error> {
        let chat = spec.chat().ok_or_else(|| Error::Chat(spec.kind.clone()))?;
        let given = |key| secret.map(|data| text(data, key)).transpose().map(Option::flatten);
        let (token, secret_address) = (given("token")?, given("address")?);
        let own = Some(spec.address.clone()).filter(|address| !address.is_empty());
        let usual = || (chat == ChatKind::Slack && token.is_some()).then(|| SLACK_API.to_owned());
        let address = secret_address.or(own).or_else(usual).ok_or(Error::NoAddress)?;
        Self::new(chat, &address)?
            .with_token(token.as_deref().unwrap_or_default())
            .with_proxy(&spec.proxy)
            .with_names(spec.channel(), spec.username())
    }

    /// The same with a token, if it is not empty.
    #[must_use]
    pub fn with_token(self, token: &str) -> Self {
        Self { token: filled(token.trim()), ..self }
    }

    /// The same through a proxy, if it is not empty.
    #[must_use]
    pub fn with_proxy(self, proxy: &str) -> Self {
        Self { proxy: filled(proxy), ..self }
    }

    /// The same with another channel and sender. Teams and Google Chat have neither.
    ///
    /// # Errors
    /// [`Error::Empty`].
    pub fn with_names(self, channel: &str, username: &str) -> Result<Self, Error> {
        let is_named = matches!(self.chat, ChatKind::Slack | ChatKind::Discord | ChatKind::Rocket);
        for (name, text) in [("channel", channel), ("username", username)] {
            if is_named && text.is_empty() {
                return Err(Error::Empty(name));
            }
        }
        Ok(Self { channel: channel.to_owned(), username: username.to_owned(), ..self })
    }

    /// The channel that people have named.
    #[must_use]
    pub fn channel(&self) -> &str {
        &self.channel
    }

    /// Whether messages can be changed later: by Slack's own interface alone.
    #[must_use]
    pub fn is_slack_api(&self) -> bool {
        self.chat == ChatKind::Slack
            && self.token.is_some()
            && self.address.path().ends_with("/chat.postMessage")
    }
}

fn filled(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

/// One key of a Secret's `data`. A line end behind it is a slip of whoever made it from a file.
fn text(data: &Value, key: &'static str) -> Result<Option<String>, Error> {
    let Some(encoded) = data.get(key) else { return Ok(None) };
    let bytes = encoded.as_str().and_then(|text| base64::engine::general_purpose::STANDARD.decode(text).ok());
    let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok()).ok_or(Error::Secret(key))?;
    Ok(filled(text.trim()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn provider(kind: &str, address: &str) -> AlertProviderSpec {
        AlertProviderSpec {
            kind: kind.to_owned(),
            address: address.to_owned(),
            ..AlertProviderSpec::default()
        }
    }

    #[test]
    fn what_cannot_be_reached_is_told_without_the_address() {
        for (spec, secret, expected) in [
            (provider("smoke", "http://h"), None, Error::Chat("smoke".to_owned())),
            (provider("slack", ""), None, Error::NoAddress),
            (provider("slack", ""), Some(json!({})), Error::NoAddress),
            (provider("msteams", ""), Some(json!({"token": "dG9r"})), Error::NoAddress),
            (provider("slack", "secret"), None, Error::Address("relative URL without a base".to_owned())),
            (provider("slack", "ftp://secret"), None, Error::Address("it begins with ftp:".to_owned())),
            (provider("slack", ""), Some(json!({"address": "%"})), Error::Secret("address")),
            (provider("slack", ""), Some(json!({"address": 1})), Error::Secret("address")),
        ] {
            assert_eq!(Recipient::of(&spec, secret.as_ref()), Err(expected));
        }
        let empty = Recipient::new(ChatKind::Slack, "http://h").unwrap().with_names("", "flagger");
        assert_eq!(empty, Err(Error::Empty("channel")));
        assert!(Recipient::new(ChatKind::MsTeams, "http://h").unwrap().with_names("", "").is_ok());
    }

    #[test]
    fn a_secret_holds_address_and_token_and_shows_neither() {
        // "http://h/hidden\n" and "tok\n"
        let secret = json!({"address": "aHR0cDovL2gvaGlkZGVuCg==", "token": "dG9rCg=="});
        let found = Recipient::of(&provider("slack", ""), Some(&secret)).unwrap();
        assert_eq!((found.address.as_str(), found.token.as_deref()), ("http://h/hidden", Some("tok")));
        assert_eq!((found.channel.as_str(), found.username.as_str()), ("general", "flagger"));
        let shown = format!("{found:?}");
        assert!(!shown.contains("hidden") && !shown.contains("tok"), "{shown}");
        let usual = Recipient::of(&provider("slack", ""), Some(&json!({"token": "dG9r"}))).unwrap();
        assert_eq!(usual.address.as_str(), SLACK_API);
        assert!(usual.is_slack_api() && !found.is_slack_api());
    }

    #[test]
    fn discord_reads_slack_messages_at_an_address_of_its_own() {
        for (address, expected) in [
            ("https://h/api/webhooks/1", "https://h/api/webhooks/1/slack"),
            ("https://h/api/webhooks/1/?thread_id=2", "https://h/api/webhooks/1/slack?thread_id=2"),
            ("https://h/api/webhooks/1/slack", "https://h/api/webhooks/1/slack"),
        ] {
            assert_eq!(Recipient::new(ChatKind::Discord, address).unwrap().address.as_str(), expected);
        }
    }
}
