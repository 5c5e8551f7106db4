//! Lines on stderr: what was done and why, for people or for machines.

use tracing_subscriber::EnvFilter;

use super::args::{Format, Level};
use crate::flagger::zap::Zap;

/// Starts logging. `RUST_LOG` wins over `level`, for a closer look at one part.
pub(crate) fn start(level: Level, format: Format) {
    let lines = tracing_subscriber::fmt().with_env_filter(filter(level)).with_writer(std::io::stderr);
    // A failure would be told on standard error, by a panic.
    let lines = lines.with_target(false).log_internal_errors(false);
    // A second start (in tests) keeps the first.
    let _ = match format {
        Format::Text => lines.with_ansi(false).try_init(),
        Format::Json => lines.json().flatten_event(true).try_init(),
    };
}

fn filter(level: Level) -> EnvFilter {
    let level = match level {
        Level::Debug => "debug",
        Level::Info => "info",
        Level::Warn => "warn",
        Level::Error => "error",
    };
    // The client logs each refused request as an error of its own; what it means is logged by whoever asked.
    let quiet = format!("{level},kube_client=off,hyper=warn,hyper_util=warn,rustls=warn,tower=warn,h2=warn");
    EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(quiet))
}

/// Starts logging as Flagger's flags say, in lines like its own: its levels are words of zap, its encodings `json` and
/// `console`. A level that is none must not keep a controller from starting, as it does not keep Flagger's: it is told of.
pub(crate) fn start_by_words(level: &str, encoding: &str) {
    let known = by_word(level);
    let form = if encoding == "console" { Zap::Console } else { Zap::Json };
    let filter = filter(known.unwrap_or(Level::Info));
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let _ = lines.log_internal_errors(false).event_format(form).try_init();
    if known.is_none() {
        tracing::warn!("-log-level {level:?} is unknown, and info counts: say debug, info, warn or error");
    }
}

fn by_word(level: &str) -> Option<Level> {
    match level {
        "debug" => Some(Level::Debug),
        "info" => Some(Level::Info),
        "warn" | "warning" => Some(Level::Warn),
        "error" | "dpanic" | "panic" | "fatal" => Some(Level::Error),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_words_of_zap_and_others_are_known_for_none() {
        for (word, level) in [
            ("debug", Some(Level::Debug)),
            ("info", Some(Level::Info)),
            ("warn", Some(Level::Warn)),
            ("warning", Some(Level::Warn)),
            ("fatal", Some(Level::Error)),
            ("loud", None),
            ("", None),
        ] {
            assert_eq!(by_word(word), level, "{word}");
        }
    }
}
