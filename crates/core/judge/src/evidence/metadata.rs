//! The evidence as JSON, in the open map that Kayenta's clients read `ratio` from.

use serde::ser::SerializeMap;
use serde_json::json;

use super::Finding;
use crate::classify::CONFIDENCE;
use crate::options::Measure;
use crate::result::{Json, PairResult};

/// Writes the evidence into `resultMetadata`, beside `ratio`.
pub(crate) fn write<M: SerializeMap>(result: &PairResult, map: &mut M) -> Result<(), M::Error> {
    let (found, evidence) = (&result.found, &result.evidence);
    let options = &evidence.options;
    map.serialize_entry("rule", found.rule.as_str())?;
    if let Some(compared) = &found.compared {
        let interval = &compared.interval;
        map.serialize_entry("ciLow", &Json(interval.lower))?;
        map.serialize_entry("ciHigh", &Json(interval.upper))?;
        map.serialize_entry("estimate", &Json(interval.estimate))?;
        map.serialize_entry("confidence", &CONFIDENCE)?;
        map.serialize_entry("tolerance", &Json(compared.margin))?;
        map.serialize_entry("effectSize", &Json(compared.effect))?;
        let is_cles = options.measure == Measure::Cles;
        map.serialize_entry("effectMeasure", if is_cles { "cles" } else { "meanRatio" })?;
    }
    let sizes = json!({"experiment": result.experiment.count, "control": result.control.count});
    map.serialize_entry("sampleSizes", &sizes)?;
    if let Some(what_if) = &evidence.what_if {
        map.serialize_entry("wouldBe", &what_if.to_string())?;
    }
    if !evidence.findings.is_empty() {
        let finding = |finding: &Finding| json!({"kind": finding.kind(), "text": finding.to_string()});
        let findings: Vec<_> = evidence.findings.iter().map(finding).collect();
        map.serialize_entry("findings", &findings)?;
    }
    Ok(())
}
