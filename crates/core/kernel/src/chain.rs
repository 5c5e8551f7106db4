//! An error with its causes in one line.

use std::error::Error;

/// `error` and what caused it, outermost first, with colons between them. A cause that the text before it ends with is not
/// said again: libraries differ in whether an error's own words repeat its source.
#[must_use]
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Layer {
        text: &'static str,
        source: Option<Box<Layer>>,
    }

    #[test]
    fn causes_follow_and_are_not_said_twice() {
        for (layers, expected) in [
            (&["down"][..], "down"),
            (&["down", "not asked", "no names"], "no names: not asked: down"),
            (&["down", "not asked: down", "no names"], "no names: not asked: down"),
        ] {
            let layer = |source, text: &&'static str| Some(Box::new(Layer { text, source }));
            let error = layers.iter().fold(None, layer).unwrap();
            assert_eq!(chain(&*error), expected);
        }
    }
}
