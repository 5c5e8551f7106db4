//! String formats that Kubernetes checks in custom resources. Formats it does not know are ignored there,
//! so they are ignored here.

use std::net::IpAddr;

/// A format with a check.
#[derive(Clone, Copy, Debug)]
pub(super) struct Format {
    /// The name as the schema spells it, for messages.
    pub(super) name: &'static str,
    check: fn(&str) -> bool,
}

const FORMATS: &[Format] = &[
    Format { name: "date-time", check: is_date_time },
    Format { name: "datetime", check: is_date_time },
    Format { name: "date", check: |text| text.len() == 10 && text.parse::<jiff::civil::Date>().is_ok() },
    Format { name: "duration", check: |text| serin_lang::duration::GoDuration::parse(text).is_ok() },
    Format { name: "ipv4", check: |text| text.parse::<IpAddr>().is_ok_and(|ip| ip.is_ipv4()) },
    Format { name: "ipv6", check: |text| text.parse::<IpAddr>().is_ok_and(|ip| ip.is_ipv6()) },
    Format { name: "cidr", check: is_cidr },
    Format { name: "mac", check: is_mac },
    Format { name: "uuid", check: is_uuid },
    Format { name: "uri", check: is_uri },
    Format { name: "email", check: is_email },
    Format { name: "hostname", check: is_hostname },
    Format { name: "byte", check: is_base64 },
];

impl Format {
    /// The format of this name, if Kubernetes checks it.
    pub(super) fn from_name(name: &str) -> Option<Self> {
        FORMATS.iter().find(|format| format.name == name).copied()
    }

    /// Whether `text` has the format.
    pub(super) fn accepts(self, text: &str) -> bool {
        (self.check)(text)
    }
}

fn is_date_time(text: &str) -> bool {
    text.contains(['T', 't', ' ']) && text.parse::<jiff::Timestamp>().is_ok()
}

fn is_cidr(text: &str) -> bool {
    text.split_once('/').is_some_and(|(address, bits)| match (address.parse(), bits.parse::<u8>()) {
        (Ok(IpAddr::V4(_)), Ok(bits)) => bits <= 32,
        (Ok(IpAddr::V6(_)), Ok(bits)) => bits <= 128,
        _ => false,
    })
}

fn is_mac(text: &str) -> bool {
    let groups: Vec<&str> = text.split([':', '-']).collect();
    let hex = |group: &&str| group.len() == 2 && group.bytes().all(|b| b.is_ascii_hexdigit());
    matches!(groups.len(), 6 | 8 | 20) && groups.iter().all(hex)
}

fn is_uuid(text: &str) -> bool {
    let digits = text.replace('-', "");
    digits.len() == 32 && text.len() <= 36 && digits.bytes().all(|b| b.is_ascii_hexdigit())
}

fn is_uri(text: &str) -> bool {
    let scheme = text.split_once(':').is_some_and(|(scheme, _)| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
    });
    (scheme || text.starts_with('/')) && !text.contains(|c: char| c.is_control() || c == ' ')
}

fn is_email(text: &str) -> bool {
    text.rsplit_once('@').is_some_and(|(user, host)| !user.is_empty() && is_hostname(host))
}

fn is_hostname(text: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.len() <= 255 && text.strip_suffix('.').unwrap_or(text).split('.').all(label)
}

fn is_base64(text: &str) -> bool {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.decode(text).is_ok()
}
