//! Whether blocks begin and end as they must: the engine takes an `{{if}}` without its `{{end}}`, and an `{{end}}` alone.

use super::TemplateError;

/// Checks that each `end` has its block and each block its `end`, and that nothing is too deep.
pub(super) fn check(text: &str, depth_max: usize) -> Result<(), TemplateError> {
    let malformed = |what: String| Err(TemplateError::Malformed(what));
    let mut open: Vec<(&str, usize)> = Vec::new();
    let mut rest = text;
    let line_of = |rest: &str| text[..text.len() - rest.len()].matches('\n').count() + 1;
    while let Some((_, action)) = rest.split_once("{{") {
        let line = line_of(action);
        let Some((inner, parens, after)) = split_action(action) else {
            return malformed(format!("line {line}: {{{{ without }}}}"));
        };
        rest = after;
        if depth_max < parens {
            return Err(TemplateError::TooMuch { what: "has deeper parentheses", limit: depth_max as u64 });
        }
        if inner.starts_with('/') {
            return malformed(format!("line {line}: a comment begins right after {{{{"));
        }
        let mut words = inner.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|w| !w.is_empty());
        let first = if inner.starts_with(|c: char| c.is_alphabetic()) { words.next() } else { None };
        match first {
            Some("if" | "range" | "with" | "define" | "block") => {
                open.push((first.unwrap_or_default(), line));
                if depth_max < open.len() {
                    return Err(TemplateError::TooMuch {
                        what: "has deeper blocks",
                        limit: depth_max as u64,
                    });
                }
            }
            Some("else") if !open.last().is_some_and(|(what, _)| ["if", "range", "with"].contains(what)) => {
                return malformed(format!("line {line}: {{{{else}}}} without its {{{{if}}}}"));
            }
            Some("end") if open.pop().is_none() => {
                return malformed(format!("line {line}: {{{{end}}}} without a block that it ends"));
            }
            Some("break" | "continue") if !open.iter().any(|(what, _)| *what == "range") => {
                return malformed(format!(
                    "line {line}: {{{{{}}}}} outside {{{{range}}}}",
                    first.unwrap_or_default()
                ));
            }
            _ => {}
        }
    }
    match open.pop() {
        Some((what, line)) => malformed(format!("line {line}: {{{{{what}}}}} without {{{{end}}}}")),
        None => Ok(()),
    }
}

/// What is in an action, the depth of its parentheses, and what comes after it.
fn split_action(action: &str) -> Option<(&str, usize, &str)> {
    let trimmed = action.strip_prefix("- ").or_else(|| action.strip_prefix("-\n")).unwrap_or(action);
    if let Some(comment) = trimmed.strip_prefix("/*") {
        let (_, after) = comment.split_once("*/")?;
        return after.split_once("}}").map(|(_, after)| ("", 0, after));
    }
    let trimmed = trimmed.trim_start();
    let (mut depth, mut deepest) = (0_usize, 0);
    let mut quote = None;
    let mut is_escaped = false;
    for (at, c) in trimmed.char_indices() {
        match quote {
            Some(q) => match c {
                _ if is_escaped => is_escaped = false,
                '\\' if q != '`' => is_escaped = true,
                _ if c == q => quote = None,
                _ => {}
            },
            None if ['"', '`', '\''].contains(&c) => quote = Some(c),
            None if c == '(' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            None if c == ')' => depth = depth.saturating_sub(1),
            None if trimmed[at..].starts_with("}}") => {
                return Some((&trimmed[..at], deepest, &trimmed[at + 2..]));
            }
            None => {}
        }
    }
    None
}
