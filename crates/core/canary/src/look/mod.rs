//! One look at a Canary: prepare, see whether there is news, and take the run one step on.
//!
//! The order of the steps is Flagger's, because clients see it: in events, in the calls of web hooks, in what stands in the
//! cluster when a step fails. Each step that cannot be done says so in an event and ends the look; the next one begins anew.

mod analyse;
mod confirm;
mod finish;
pub(crate) mod news;
mod prepare;
mod start;
pub(crate) mod words;

use serin_api::flagger::{CanaryPhase as Phase, Provider, Severity, Strategy};
use serin_kernel::{Reading, Weight};
use serin_traffic::Split;

use crate::{
    chats, checks,
    desk::{Desk, Halt},
    objects::{Readiness, Target},
    routes::Routes,
    words::{GRANTED, WORD, is_abort},
};

/// What a look has before it once everything is in its place.
pub(crate) struct Stage<'a> {
    /// The workload and what stands around it.
    pub(crate) target: Target<'a>,
    /// The router's objects.
    pub(crate) routes: Routes,
    /// How the traffic is split now: what the router's objects say, whatever the status says.
    pub(crate) live: Split,
    /// Whether the first look after a restart finds users of the new version in the status and none at the router: a controller that stopped in the midst of a roll back
    /// has led them away, and told why.
    pub(crate) was_led_back: bool,
}

/// Looks at a valid Canary.
pub(crate) fn look(desk: &mut Desk<'_>) -> Result<(), Halt> {
    if desk.canary.spec.suspend {
        desk.once(serin_kernel::EventType::Normal, "skipping canary run as object is suspended");
        return Err(Halt::Over);
    }
    doubt(desk);
    let prepared = prepare::prepare(desk);
    desk.save();
    let (target, routes) = prepared?;
    let done = advance(desk, target, routes);
    measure_status(desk);
    desk.save();
    done
}

/// Says once what has another effect than the Canary says, of itself and of the objects that it names, and forgets everything
/// else that was said.
fn doubt(desk: &mut Desk<'_>) {
    let own = serin_api::flagger::doubts(desk.canary, desk.settings.rules());
    let doubts = own.iter().map(ToString::to_string).chain(checks::doubts(desk)).chain(desk.unheard());
    let name = &desk.observed.object.meta().name;
    let doubts: Vec<String> =
        doubts.map(|doubt| format!("The Canary \"{name}\" is run, but {doubt}")).collect();
    desk.memory.said.retain(|said| doubts.contains(said));
    for doubt in doubts {
        desk.once(serin_kernel::EventType::Warning, doubt);
    }
}

fn measure_status(desk: &mut Desk<'_>) {
    let value = match desk.status.phase {
        Some(Phase::Progressing) => 0.0,
        Some(Phase::Failed) => 2.0,
        _ => 1.0,
    };
    desk.measure("flagger_canary_status", &[], Reading::Gauge(value));
}

fn advance(desk: &mut Desk<'_>, target: Target<'_>, routes: Routes) -> Result<(), Halt> {
    if !start::is_due(desk, &target)? {
        return Ok(());
    }
    let stage = set_up(desk, target, routes)?;
    let is_carried = carries_the_users(desk, &stage);
    if !is_carried {
        primary_has_pods(desk, &stage.target)?;
    }
    if is_led_back(desk, &stage)? {
        return finish::take_away(desk, &stage);
    }
    if !desk.canary.spec.skip_analysis && !is_carried {
        primary_is_ready(desk, &stage)?;
    }
    desk.measure_weights(stage.live);
    if !is_running(desk.status.phase) {
        return start::start(desk, &stage);
    }
    let may_restart = matches!(desk.status.phase, Some(Phase::Progressing | Phase::WaitingPromotion));
    // What was said is for the version that is there: words for one before it are gone by now.
    if may_restart && desk.granted.abort.is_some() {
        return abort(desk, &stage);
    }
    if may_restart && desk.must(news::has_changed(&desk.status, &stage.target))? {
        return start::restart(desk, &stage);
    }
    canary_is_ready(desk, &stage)?;
    if desk.canary.spec.skip_analysis {
        return finish::skip(desk, &stage);
    }
    match desk.status.phase {
        Some(Phase::Promoting) => finish::promoting(desk, &stage),
        Some(Phase::Finalising) => finish::finalising(desk, &stage),
        _ if desk.granted.promote.is_some() => finish::promote_by_word(desk, &stage),
        _ => analyse::analyse(desk, &stage),
    }
}

/// A person has called the run off. A version that has just come never begins: what was called off is what is remembered.
fn abort(desk: &mut Desk<'_>, stage: &Stage<'_>) -> Result<(), Halt> {
    if desk.must(news::has_changed(&desk.status, &stage.target))? {
        chats::begin(desk, &stage.target);
        news::record(desk, &stage.target)?;
    }
    confirm::is_aborted(desk, stage);
    finish::abort(desk, stage)
}

/// Looks at a Canary that cannot be run. Only one thing is done with it: its users are brought back when a person calls the run
/// off, unless it is `barred` by what makes that unsafe.
pub(crate) fn call_off(desk: &mut Desk<'_>, barred: Option<&str>) -> Result<(), Halt> {
    let notes = &desk.observed.object.meta().annotations;
    // Any other word waits until it can be run.
    if !notes.get(WORD).map_or_else(|| notes.contains_key(GRANTED), |text| is_abort(text)) {
        return Ok(());
    }
    let why = barred.map(|why| {
        format!(
            "it is not run, and what leads its users may be wrong: {why}. Put that right, then abort again"
        )
    });
    words::hear(desk, why.as_deref());
    if barred.is_some() || desk.canary.spec.suspend || desk.granted.abort.is_none() {
        return Ok(());
    }
    let target = desk.must(Target::look(desk.observed, desk.canary, &desk.settings.objects))?;
    let routes = Routes::new(desk, &target);
    let stage = set_up(desk, target, routes)?;
    if !carries_the_users(desk, &stage) {
        primary_has_pods(desk, &stage.target)?;
    }
    if is_led_back(desk, &stage)? {
        return finish::take_away(desk, &stage);
    }
    match desk.status.phase {
        Some(Phase::Waiting) => start::call_off(desk, &stage),
        Some(Phase::Progressing | Phase::WaitingPromotion) => abort(desk, &stage),
        _ => Ok(()),
    }
}

fn set_up<'a>(desk: &mut Desk<'_>, target: Target<'a>, routes: Routes) -> Result<Stage<'a>, Halt> {
    match routes.split(desk) {
        Ok(live) => {
            // Later it may be told again: what a look was to tell whose writes were refused nobody has heard.
            let is_first = std::mem::take(&mut desk.memory.is_fresh);
            let was_led_back = is_first && live.canary == Weight::NONE && had_users(desk);
            Ok(Stage { target, routes, live, was_led_back })
        }
        Err(why) => desk.stop(why),
    }
}

/// Whether the run is being rolled back, and its users have been led back by now.
fn is_led_back(desk: &mut Desk<'_>, stage: &Stage<'_>) -> Result<bool, Halt> {
    if !desk.memory.is_rolling_back || !is_running(desk.status.phase) {
        return Ok(false);
    }
    // A version that has come meanwhile is no part of what failed, and a refused write has led nobody back.
    let is_same = !desk.must(news::has_changed(&desk.status, &stage.target))?;
    if is_same && stage.live.canary == Weight::NONE {
        desk.why = crate::status::explanation(&desk.status, &desk.canary.spec.target_ref.kind);
        return Ok(true);
    }
    desk.memory.is_rolling_back = false;
    Ok(false)
}

/// Whether users come to the new version by what the status says.
fn had_users(desk: &Desk<'_>) -> bool {
    let Some(analysis) = desk.canary.spec.analysis.as_ref().filter(|_| !is_plain(desk)) else { return false };
    let iterated = match analysis.strategy() {
        Strategy::AbTesting => 0 < desk.status.iterations,
        // In the look between the last iteration and the promotion.
        Strategy::BlueGreen => analysis.iterations() < desk.status.iterations,
        Strategy::Canary => false,
    };
    is_running(desk.status.phase) && (iterated || 0 < desk.status.canary_weight)
}

/// Whether a run is under way, so that it needs no start.
fn is_running(phase: Option<Phase>) -> bool {
    use Phase::{Finalising, Progressing, Promoting, WaitingPromotion};
    matches!(phase, Some(Progressing | WaitingPromotion | Promoting | Finalising))
}

/// Whether all traffic is at the new version because the primary could not take the promoted one: a release that mends it
/// runs from there, and nothing sends users to the broken primary (Flagger does: defect 2).
fn carries_the_users(desk: &Desk<'_>, stage: &Stage<'_>) -> bool {
    let before_promotion = !matches!(desk.status.phase, Some(Phase::Promoting | Phase::Finalising));
    before_promotion
        && Split::new(0, 100) == stage.live
        && matches!(stage.target.primary_ready(desk.now), Readiness::Failed(_))
}

/// A primary without pods has all the pods that are wanted of it, and users who are led back to it would meet none.
fn primary_has_pods(desk: &mut Desk<'_>, target: &Target<'_>) -> Result<(), Halt> {
    if !target.is_primary_zero() {
        return Ok(());
    }
    desk.write(target.primary_up());
    let primary = desk.primary();
    desk.stop(format!("{primary} not ready: it was scaled to zero, and is scaled up again"))
}

fn primary_is_ready(desk: &mut Desk<'_>, stage: &Stage<'_>) -> Result<(), Halt> {
    match stage.target.primary_ready(desk.now) {
        Readiness::Ready => Ok(()),
        Readiness::Waiting(why) => desk.stop(why),
        Readiness::Failed(why) => {
            if !stage.was_led_back {
                desk.warning(why.clone());
            }
            if matches!(desk.status.phase, Some(Phase::Promoting | Phase::Finalising)) {
                finish::fail_promotion(desk, stage, &why)
            } else {
                finish::roll_back(desk, stage)
            }
        }
    }
}

fn canary_is_ready(desk: &mut Desk<'_>, stage: &Stage<'_>) -> Result<(), Halt> {
    // No pods are ready pods only for counts: a run whose end was not written down, or whose target was taken to zero by
    // another, would send users to them. At the very end nobody is sent there.
    if stage.target.is_zero() && desk.status.phase != Some(Phase::Finalising) {
        start::scale_up(desk, stage);
        let (kind, called) = (desk.canary.spec.target_ref.kind.to_lowercase(), desk.target());
        return desk.stop(format!(
            "canary {kind} {called} not ready: it was scaled to zero, and is scaled up again"
        ));
    }
    match stage.target.canary_ready(desk.now) {
        Readiness::Ready => Ok(()),
        Readiness::Waiting(why) => desk.stop(why),
        Readiness::Failed(why) => {
            if !stage.was_led_back {
                desk.warning(why.clone());
                desk.alert(Severity::Error, &format!("Progress deadline exceeded: {why}"), false);
            }
            finish::roll_back(desk, stage)
        }
    }
}

/// Whether the traffic is split by the Services alone.
pub(crate) fn is_plain(desk: &Desk<'_>) -> bool {
    Provider::of(desk.provider()) == Provider::Kubernetes
}
