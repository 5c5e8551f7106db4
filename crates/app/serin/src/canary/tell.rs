//! The verbs that say a word to a run: `approve`, `promote`, `abort`.

use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use serde_json::{Value, json};
use serin_api::{flagger::Canary, kinds::CANARY, lenient};
use serin_canary::{
    commands::{self, Heard},
    sight,
    words::Verb,
};
use serin_cluster::direct::Change;
use serin_kernel::{Kind, Object, Observed};
use serin_lang::duration::GoDuration;

use super::{EVENT, Session, args};
use crate::plugin::output;

/// How often a word is said again when somebody else was faster to write.
const CONFLICT_RETRIES: u32 = 5;
/// Tells whom the API takes us for.
const SELF: Kind = Kind::cluster("authentication.k8s.io", "v1", "SelfSubjectReview", "selfsubjectreviews");

pub(super) async fn tell(session: &Session, verb: Verb, arguments: &args::Say) -> anyhow::Result<()> {
    let (infinitive, done) = match verb {
        Verb::Approve => ("approve", "approved"),
        Verb::Promote => ("promote", "promoted"),
        Verb::Abort => ("abort", "aborted"),
    };
    let name = &arguments.name;
    if verb != Verb::Approve && arguments.gate.is_some() {
        bail!("--gate is for approve alone");
    }
    let timeout = GoDuration::parse(&arguments.timeout).context("--timeout")?.nanos();
    let Ok(timeout) = u64::try_from(timeout) else { bail!("--timeout must not be negative") };
    let by = whoami(session).await;
    let mut tries = 0;
    let (said, written) = loop {
        let canary = session.canary(name).await?;
        let target = sight::objects(&lenient::<Canary>(canary.clone()).value).into_iter().take(1);
        let keys = target.chain(sight::variants(&Object::new(CANARY, &canary)?)).collect();
        let observed = session.observe(&canary, keys).await?;
        let said = commands::say(&observed, verb, arguments.gate.as_deref(), &by)
            .map_err(|why| anyhow!("cannot {infinitive} canary \"{name}\": {why}"))?;
        let serin_kernel::Change::Merge(patch) = &said.change else { bail!("a word is a merge patch") };
        match session.api.change(&session.key(name), &Change::Merge(patch.clone())).await {
            Err(error) if error.is_conflict() && tries < CONFLICT_RETRIES => tries += 1,
            answer => break (said, answer?),
        }
    };
    if timeout == 0 {
        return output::print(session.format, &written, &format!("canary '{name}' is told to {infinitive}"));
    }
    let heard = tokio::time::timeout(Duration::from_nanos(timeout), heard(session, name, &said)).await;
    let Ok(heard) = heard else {
        bail!(
            "no controller has heard it within {}: is `serin flagger` running, and is it its leader? The word stays on \
             the Canary, and counts while its revision is the same",
            arguments.timeout
        );
    };
    let (canary, heard) = heard?;
    if heard == Heard::Used {
        return output::print(session.format, &canary, &format!("canary '{name}' {done}"));
    }
    bail!(
        "the controller has heard it and did not {infinitive} canary \"{name}\": {}",
        reason(session, name).await
    )
}

/// Waits until the word was heard.
async fn heard(session: &Session, name: &str, said: &commands::Said) -> anyhow::Result<(Value, Heard)> {
    let mut changes = session.api.follow(CANARY, &session.namespace, Some(name));
    loop {
        changes.changed().await?;
        let Some(seen) = changes.objects()? else { continue };
        let Some(canary) = seen.into_iter().next() else { bail!("canary \"{name}\" is gone") };
        let heard = said.heard(&Observed::new(Object::new(CANARY, &canary)?, []));
        if heard != Heard::NotYet {
            return Ok((canary, heard));
        }
    }
}

/// What the last event about a word says.
async fn reason(session: &Session, name: &str) -> String {
    let events = session.api.list(EVENT, &session.namespace).await.unwrap_or_default();
    let text = |event: &Value, path: &str| {
        event.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let of_word = |event: &&Value| {
        text(event, "/involvedObject/name") == name && text(event, "/message").starts_with("Ignoring ")
    };
    let last = events.iter().filter(of_word).max_by_key(|event| text(event, "/lastTimestamp"));
    last.map_or_else(|| "see its events".to_owned(), |event| text(event, "/message"))
}

/// Whom the API takes us for; empty when it does not say.
async fn whoami(session: &Session) -> String {
    let question = json!({"apiVersion": SELF.api_version(), "kind": SELF.kind});
    let answer = session.api.create(SELF, "", &question).await.unwrap_or_default();
    let name = answer.pointer("/status/userInfo/username").and_then(Value::as_str);
    name.unwrap_or_default().to_owned()
}
