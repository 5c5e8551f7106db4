//! Why an attempt had no answer, in the words that users of Go programs know and search for.

use std::{error::Error, io};

use rustls::CertificateError;
use serin_kernel::chain;

/// What became of one attempt without an answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// What happened.
    pub(crate) why: String,
    /// Whether it may be better next time.
    pub(crate) passes: bool,
}

impl Failure {
    /// It may be better next time.
    pub(crate) fn passing(why: impl Into<String>) -> Self {
        Self { why: why.into(), passes: true }
    }

    /// It will be the same next time.
    pub(crate) fn lasting(why: impl Into<String>) -> Self {
        Self { why: why.into(), passes: false }
    }

    /// The attempt took too long.
    pub(crate) fn timeout() -> Self {
        Self::passing("context deadline exceeded (Client.Timeout exceeded while awaiting headers)")
    }

    /// What `error` means for a request to `host`.
    pub(crate) fn of(error: &(dyn Error + 'static), host: &str) -> Self {
        if let Some(certificate) = find::<rustls::Error>(error)
            && let rustls::Error::InvalidCertificate(why) = certificate
        {
            return Self::lasting(format!("tls: failed to verify certificate: {}", untrusted(why)));
        }
        if find::<hyper::Error>(error).is_some_and(hyper::Error::is_incomplete_message) {
            return Self::passing("EOF");
        }
        let whole = chain(error);
        if let Some((_, why)) = whole.split_once("dns error: ") {
            return Self::passing(format!("dial tcp: lookup {host}: {why}"));
        }
        let Some(io) = find::<io::Error>(error) else { return Self::passing(whole) };
        Self::passing(match io.kind() {
            io::ErrorKind::ConnectionRefused => format!("dial tcp {host}: connect: connection refused"),
            io::ErrorKind::HostUnreachable => format!("dial tcp {host}: connect: no route to host"),
            io::ErrorKind::NetworkUnreachable => format!("dial tcp {host}: connect: network is unreachable"),
            io::ErrorKind::ConnectionReset => format!("read tcp {host}: read: connection reset by peer"),
            io::ErrorKind::UnexpectedEof => "EOF".to_owned(),
            _ => whole,
        })
    }
}

fn untrusted(why: &CertificateError) -> String {
    match why {
        CertificateError::UnknownIssuer => "x509: certificate signed by unknown authority".to_owned(),
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "x509: certificate has expired or is not yet valid".to_owned()
        }
        other => format!("x509: {other}"),
    }
}

/// The first cause of a kind. What TLS says comes wrapped in errors of I/O, which do not tell it as their source.
fn find<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<E>() {
            // An error of I/O around another is no more than its wrapping.
            let wraps = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
            return wraps.and_then(|inner| find::<E>(inner)).or(Some(found));
        }
        let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = match inner {
            Some(inner) => Some(inner as &(dyn Error + 'static)),
            None => error.source(),
        };
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_errors_are_told_as_go_tells_them() {
        let wrapped = |error: rustls::Error| io::Error::other(io::Error::other(error));
        for (error, why, passes) in [
            (io::ErrorKind::ConnectionRefused.into(), "dial tcp h:1: connect: connection refused", true),
            (io::ErrorKind::ConnectionReset.into(), "read tcp h:1: read: connection reset by peer", true),
            (io::ErrorKind::HostUnreachable.into(), "dial tcp h:1: connect: no route to host", true),
            (
                wrapped(rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer)),
                "tls: failed to verify certificate: x509: certificate signed by unknown authority",
                false,
            ),
            (
                wrapped(rustls::Error::InvalidCertificate(CertificateError::Expired)),
                "tls: failed to verify certificate: x509: certificate has expired or is not yet valid",
                false,
            ),
            (io::Error::other("odd"), "odd", true),
        ] {
            assert_eq!(Failure::of(&error, "h:1"), Failure { why: why.to_owned(), passes });
        }
    }
}
