//! Usage and help in the layout of Go's cobra, which is what people and scripts know of kubectl's plugins.

use std::fmt::Write as _;

use clap::{Arg, ArgAction, Command};

/// The long form: what the command does, then its usage.
pub(crate) fn help((program, called): (&str, &str), root: &Command, words: &[String]) -> String {
    let (command, path) = find(program, root, words);
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    format!("{about}.\n\n{}", text(called, root, command, &path))
}

/// The usage of the command that `words` name.
pub(crate) fn usage((program, called): (&str, &str), root: &Command, words: &[String]) -> String {
    let (command, path) = find(program, root, words);
    text(called, root, command, &path)
}

/// The names of the command that `words` name.
pub(crate) fn path(program: &str, root: &Command, words: &[String]) -> String {
    find(program, root, words).1
}

/// Whether the words name no command at all.
pub(crate) fn is_root(root: &Command, words: &[String]) -> bool {
    std::ptr::eq(find("", root, words).0, root)
}

/// The deepest command that the words name, and its path.
fn find<'a>(program: &str, root: &'a Command, words: &[String]) -> (&'a Command, String) {
    let mut command = root;
    let mut path = program.to_owned();
    for word in words {
        if let Some(inner) = command.find_subcommand(word) {
            command = inner;
            let _ = write!(path, " {}", inner.get_name());
        }
    }
    (command, path)
}

fn text(called: &str, root: &Command, command: &Command, path: &str) -> String {
    let parent = path.rsplit_once(' ').map_or(path, |(parent, _)| parent);
    let is_root = std::ptr::eq(root, command);
    let mut text = String::from("Usage:\n");
    match command.clone().render_usage().to_string().strip_prefix("Usage: ") {
        Some(usage) if !is_root => {
            let _ = writeln!(text, "  {parent} {usage} [flags]");
        }
        _ => {}
    }
    if command.has_subcommands() {
        let _ = writeln!(text, "  {path} [command]");
    }
    let aliases: Vec<&str> = command.get_visible_aliases().collect();
    if !aliases.is_empty() {
        let _ = writeln!(text, "\nAliases:\n  {}, {}", command.get_name(), aliases.join(", "));
    }
    if let Some(examples) = command.get_after_help() {
        let _ = writeln!(text, "\nExamples:\n{}", examples.to_string().replace("{p}", called));
    }
    if command.has_subcommands() {
        text.push_str("\nAvailable Commands:\n");
        for inner in command.get_subcommands() {
            let about = inner.get_about().map(ToString::to_string).unwrap_or_default();
            let _ = writeln!(text, "  {:<11} {about}", inner.get_name());
        }
    }
    let (global, own): (Vec<&Arg>, Vec<&Arg>) =
        command.get_opts_and_flags().filter(|arg| !arg.is_hide_set()).partition(|arg| arg.is_global_set());
    if is_root {
        let all: Vec<&Arg> = own.into_iter().chain(global).collect();
        let _ = write!(text, "\nFlags:\n{}", flags(&all, command.get_name()));
    } else {
        let _ = write!(text, "\nFlags:\n{}", flags(&own, command.get_name()));
        let _ = write!(text, "\nGlobal Flags:\n{}", flags(&global, command.get_name()));
    }
    if command.has_subcommands() {
        let _ = writeln!(text, "\nUse \"{path} [command] --help\" for more information about a command.");
    }
    text
}

/// `opts` and `flags` are separate in clap; cobra lists both by name.
trait OptsAndFlags {
    fn get_opts_and_flags(&self) -> impl Iterator<Item = &Arg>;
}

impl OptsAndFlags for Command {
    fn get_opts_and_flags(&self) -> impl Iterator<Item = &Arg> {
        self.get_arguments().filter(|arg| !arg.is_positional())
    }
}

fn flags(args: &[&Arg], command: &str) -> String {
    let mut args = args.to_vec();
    args.sort_by_key(|arg| arg.get_long());
    let heads: Vec<String> = args.iter().map(|arg| head(arg)).collect();
    let width = heads.iter().map(String::len).max().unwrap_or_default();
    let mut text = String::new();
    for (arg, head) in args.iter().zip(&heads) {
        let _ = writeln!(text, "{head:<width$}   {}{}", about(arg, command), default(arg));
    }
    text
}

fn head(arg: &Arg) -> String {
    let short = arg.get_short().map_or_else(|| "      ".to_owned(), |short| format!("  -{short}, "));
    let long = arg.get_long().unwrap_or_default();
    match arg.get_value_names() {
        Some([name, ..]) if takes_value(arg) => format!("{short}--{long} {name}"),
        _ => format!("{short}--{long}"),
    }
}

fn takes_value(arg: &Arg) -> bool {
    let optional = arg.get_num_args().is_some_and(|number| number.min_values() == 0);
    !optional && matches!(arg.get_action(), ArgAction::Set | ArgAction::Append)
}

fn about(arg: &Arg, command: &str) -> String {
    if arg.get_long() == Some("help") {
        return format!("help for {command}");
    }
    arg.get_help().map(ToString::to_string).unwrap_or_default()
}

fn default(arg: &Arg) -> String {
    let values: Vec<_> = arg.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
    match &values[..] {
        [] => String::new(),
        _ if arg.is_hide_default_value_set() => String::new(),
        [value, ..] if takes_value(arg) => format!(" (default \"{value}\")"),
        [value, ..] if value == "true" => " (default true)".to_owned(),
        _ => String::new(),
    }
}
