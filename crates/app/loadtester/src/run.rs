//! Doing a task, and the words about it.

use std::time::Instant;

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::Value;

use crate::{
    load,
    payload::Payload,
    process::{Done, Limits, Program, run},
    report::Report,
    task::{Task, Tool},
    tester::Shared,
};

/// What the caller hears, if it waits.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: Bytes,
}

/// What came of a task.
struct End {
    output: String,
    error: Option<String>,
    load: Option<Value>,
    reply: Reply,
}

impl End {
    fn of(output: String, error: Option<String>) -> Self {
        let reply = match &error {
            None => Reply { status: 200, body: Bytes::new() },
            Some(error) => Reply { status: 500, body: Bytes::from(error.clone()) },
        };
        Self { output, error, load: None, reply }
    }
}

/// Does a task to its end.
pub(crate) async fn carry_out(shared: &Shared, payload: &Payload, task: &Task) -> Reply {
    let (started, since) = (Timestamp::now(), Instant::now());
    let canary = payload.canary();
    let end = match task {
        Task::Command { command, log_output } => shell(shared, &canary, command, *log_output).await,
        Task::Tool { tool, command, return_output } => {
            shared.log.info(
                Some(if *tool == Tool::Bash { &payload.name } else { &canary }),
                &match tool {
                    Tool::Bash => format!("bash command {command}"),
                    _ => format!("running command {}{command}", tool.prefix()),
                },
            );
            tool_run(shared, &canary, *tool, command, *return_output).await
        }
        Task::Concord(concord) => {
            let bounded =
                tokio::time::timeout(shared.settings.timeout, concord.run(&shared.http, &shared.log));
            let ended = tokio::select! {
                ended = bounded => ended.unwrap_or_else(|_| Err("the time of the task is over".to_owned())),
                () = shared.stop.cancelled() => Err("the load tester stops".to_owned()),
            };
            End::of(String::new(), ended.err())
        }
        Task::NGrinder(ngrinder) => {
            let (time, stop) = (shared.settings.timeout, &shared.stop);
            let ended = ngrinder.run(&shared.http, &shared.log, &canary, time, stop).await;
            End::of(String::new(), ended.err())
        }
        Task::Load(plan) => match load::run(shared, &canary, plan).await {
            Ok(outcome) => {
                let load = outcome.json();
                let mut end = End::of(String::new(), outcome.failure());
                if end.error.is_none() {
                    end.reply.body = Bytes::from(load.to_string());
                }
                end.load = Some(load);
                end
            }
            Err(error) => End::of(String::new(), Some(error)),
        },
    };
    shared.reports.add(Report {
        started,
        name: payload.name.clone(),
        namespace: payload.namespace.clone(),
        kind: task.kind(),
        what: task.what(&canary),
        seconds: since.elapsed().as_secs_f64(),
        succeeded: end.error.is_none(),
        error: end.error,
        output: end.output,
        load: end.load,
    });
    end.reply
}

async fn program(shared: &Shared, name: &str, arguments: &[&str]) -> Done {
    let program =
        Program { name, arguments, path: shared.settings.path.as_deref(), directory: None, environment: &[] };
    let limits = Limits { time: shared.settings.timeout, output_max: shared.settings.output_max };
    run(&program, limits, &shared.stop).await
}

async fn shell(shared: &Shared, canary: &str, command: &str, log_output: bool) -> End {
    let done = program(shared, "sh", &["-c", command]).await;
    let output = done.text();
    if let Some(failure) = &done.failure {
        shared.log.error(Some(canary), &format!("command failed {command} {failure} {output}"));
    } else {
        if log_output {
            shared.log.info(Some(canary), &output);
        }
        shared.log.info(Some(canary), &format!("command finished {command}"));
    }
    End::of(output, done.failure)
}

async fn tool_run(shared: &Shared, canary: &str, tool: Tool, command: &str, return_output: bool) -> End {
    let (name, arguments) = tool.line(command);
    let done = program(shared, name, &arguments).await;
    let output = done.text();
    if let Some(failure) = &done.failure {
        shared.log.error(Some(canary), &format!("command failed {command} {failure} {output}"));
        let mut body = format!("command {command} failed: ").into_bytes();
        body.extend_from_slice(&done.output);
        body.extend_from_slice(format!(": {failure}").as_bytes());
        let mut end = End::of(output, done.failure);
        end.reply.body = Bytes::from(body);
        return end;
    }
    shared.log.info(Some(canary), &output);
    shared.log.info(Some(canary), &format!("command finished {}{command}", tool.prefix()));
    let mut end = End::of(output, None);
    if return_output {
        end.reply.body = Bytes::from(done.output);
    }
    end
}
