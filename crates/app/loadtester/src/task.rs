//! What the metadata of a web hook ask for. Pure.

use std::{collections::BTreeMap, time::Duration};

use crate::{concord::Concord, load::Plan, ngrinder::NGrinder};

/// Something to do.
#[derive(Clone, Debug)]
pub(crate) enum Task {
    /// A command of the shell; the caller does not wait.
    Command { command: String, log_output: bool },
    /// A program; the caller waits for it.
    Tool { tool: Tool, command: String, return_output: bool },
    /// A process of a Concord server; the caller waits for it.
    Concord(Concord),
    /// A test of an nGrinder server; the caller does not wait.
    NGrinder(NGrinder),
    /// Requests of our own; whether the caller waits is said in the plan.
    Load(Box<Plan>),
}

/// Programs that callers wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tool {
    Bash,
    Helm,
    HelmV3,
    Kubectl,
}

impl Tool {
    /// How metadata name it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Bash => "bash",
            Self::Helm => "helm",
            Self::HelmV3 => "helmv3",
            Self::Kubectl => "kubectl",
        }
    }

    /// How log lines name it, with a blank behind it; nothing for the shell.
    pub(crate) fn prefix(self) -> &'static str {
        match self {
            Self::Bash => "",
            Self::Helm | Self::HelmV3 => "helmv3 ",
            Self::Kubectl => "kubectl ",
        }
    }

    /// The program and its arguments. Only the shell knows quotes.
    pub(crate) fn line(self, command: &str) -> (&'static str, Vec<&str>) {
        match self {
            Self::Bash => ("bash", vec!["-c", command]),
            Self::Helm | Self::HelmV3 => ("helm", command.split_whitespace().collect()),
            Self::Kubectl => ("kubectl", command.split_whitespace().collect()),
        }
    }
}

/// Why a task is not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) text: String,
    /// What is logged about it, if anything.
    pub(crate) log: Option<String>,
}

impl Refusal {
    pub(crate) fn bad(text: impl Into<String>) -> Self {
        Self { status: 400, text: text.into(), log: None }
    }
}

/// The types that there are, for those who ask for another one.
const TYPES: &str = "cmd, bash, helm, helmv3, kubectl, concord, ngrinder and load";

impl Task {
    /// Reads metadata; a task may take `longest`.
    pub(crate) fn parse(metadata: &BTreeMap<String, String>, longest: Duration) -> Result<Self, Refusal> {
        if metadata.is_empty() {
            return Err(Refusal::bad("metadata not found in payload"));
        }
        let tool = match metadata.get("type").map_or("cmd", String::as_str) {
            "cmd" => {
                let command = metadata.get("cmd").cloned();
                let command = command.ok_or_else(|| Refusal::bad("cmd not found in metadata"))?;
                return Ok(Self::Command { command, log_output: is_true(metadata.get("logCmdOutput")) });
            }
            "bash" => Tool::Bash,
            "helm" => Tool::Helm,
            "helmv3" => Tool::HelmV3,
            "kubectl" => Tool::Kubectl,
            "concord" => {
                return Concord::parse(metadata).map(Self::Concord).map_err(|text| Refusal {
                    status: 500,
                    log: Some(format!("concord task init error: {text}")),
                    text,
                });
            }
            "ngrinder" => return NGrinder::parse(metadata).map(Self::NGrinder).map_err(Refusal::bad),
            "load" => {
                let plan = Plan::parse(metadata, longest);
                return plan.map(Box::new).map(Self::Load).map_err(Refusal::bad);
            }
            other => {
                return Err(Refusal::bad(format!(
                    "type {other:?} in metadata is unknown: there are {TYPES}"
                )));
            }
        };
        let command = metadata.get("cmd").filter(|command| !command.trim().is_empty());
        let command = command.cloned().ok_or_else(|| Refusal::bad("cmd not found in metadata"))?;
        Ok(Self::Tool { tool, command, return_output: is_true(metadata.get("returnCmdOutput")) })
    }

    /// How metadata name the type.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Command { .. } => "cmd",
            Self::Tool { tool, .. } => tool.name(),
            Self::Concord(_) => "concord",
            Self::NGrinder(_) => "ngrinder",
            Self::Load(_) => "load",
        }
    }

    /// What it does, in one line.
    pub(crate) fn what(&self, canary: &str) -> String {
        match self {
            Self::Command { command, .. } | Self::Tool { command, .. } => command.clone(),
            Self::Concord(concord) => concord.endpoint(),
            Self::NGrinder(ngrinder) => format!("{canary}{}", ngrinder.endpoint()),
            Self::Load(plan) => plan.what(),
        }
    }

    /// What a second one must not have in common with one that runs; none if any number may run.
    pub(crate) fn alone(&self, canary: &str) -> Option<String> {
        match self {
            Self::Command { command, .. } => Some(format!("cmd {canary} {command}")),
            Self::NGrinder(ngrinder) => Some(format!("ngrinder {canary} {}", ngrinder.clone_id())),
            Self::Load(plan) => Some(format!("load {canary} {}", plan.said)),
            Self::Tool { .. } | Self::Concord(_) => None,
        }
    }

    /// Whether the caller waits for the end.
    pub(crate) fn is_awaited(&self) -> bool {
        match self {
            Self::Command { .. } | Self::NGrinder(_) => false,
            Self::Tool { .. } | Self::Concord(_) => true,
            Self::Load(plan) => plan.wait,
        }
    }
}

/// Go's true values; everything else is false, as in Flagger.
fn is_true(text: Option<&String>) -> bool {
    text.is_some_and(|text| ["1", "t", "T", "TRUE", "true", "True"].contains(&text.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(pairs: &[(&str, &str)]) -> Result<Task, Refusal> {
        let owned = pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        Task::parse(&owned.collect(), Duration::from_hours(1))
    }

    #[test]
    fn what_cannot_be_done_is_refused_with_its_reason() {
        for (pairs, text) in [
            (&[][..], "metadata not found in payload"),
            (&[("type", "cmd")], "cmd not found in metadata"),
            (&[("type", "bash")], "cmd not found in metadata"),
            (&[("type", "helm"), ("cmd", " ")], "cmd not found in metadata"),
            (&[("type", "kubectl"), ("cmd", "")], "cmd not found in metadata"),
            (&[("type", "CMD"), ("cmd", "true")], "type \"CMD\" in metadata is unknown"),
            (&[("type", ""), ("cmd", "true")], "type \"\" in metadata is unknown"),
            (&[("type", "ngrinder")], "server, clone, username and passwd are required metadata"),
            (&[("type", "load")], "url"),
        ] {
            let refusal = parse(pairs).unwrap_err();
            assert_eq!((refusal.status, refusal.text.contains(text)), (400, true), "{pairs:?} {refusal:?}");
        }
    }

    #[test]
    fn only_what_runs_beside_its_caller_runs_once() {
        let cmd = parse(&[("cmd", "x")]).unwrap();
        assert_eq!(cmd.alone("a.b"), parse(&[("cmd", "x"), ("type", "cmd")]).unwrap().alone("a.b"));
        assert_ne!(cmd.alone("a.b"), cmd.alone("a.c"));
        assert_eq!(parse(&[("type", "bash"), ("cmd", "x")]).unwrap().alone("a.b"), None);
    }
}
