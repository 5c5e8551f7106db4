//! The documents of one judgement, read from files, each remembered with its name so that an error can say where it is.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use serin_judge::{CanaryConfig, Error, Input, Pair, Table, Thresholds, Unreadable, validate};

use super::args::JudgeArgs;
use super::trouble::Trouble;

/// A configuration is written by people: the largest known have some hundred metrics and less than a megabyte.
pub(super) const CONFIG_BYTES_MAX: u64 = 16 << 20;
/// Data: about 50 million values.
const PAIRS_BYTES_MAX: u64 = 512 << 20;
/// The judges that follow this rule: the rule itself, and the name under which Kayenta asks others.
const JUDGES: [&str; 2] = ["NetflixACAJudge-v1.0", "RemoteJudge-v1.0"];
/// Characters of a name that say which pair is meant.
const NAME_CHARS_MAX: usize = 60;
/// Names that an error lists.
const NAMES_MAX: usize = 20;

/// What is judged.
pub(super) struct Documents {
    pub(super) input: Input,
    config_name: String,
    pairs_name: String,
    /// Where the table first names each metric, if the data are a table.
    lines: Option<Vec<u64>>,
    remarks: Vec<String>,
}

/// The configuration and where it came from.
pub(super) struct Configuration {
    pub(super) config: CanaryConfig,
    pub(super) name: String,
}

impl Configuration {
    pub(super) fn read(args: &JudgeArgs) -> Result<Self, Trouble> {
        let path = args.config.as_deref().ok_or_else(|| Trouble::Usage("--config is missing".to_owned()))?;
        if is_stdin(path) && args.pairs.as_deref().is_some_and(is_stdin) {
            return Err(Trouble::Usage("--config and --pairs cannot both be standard input (-)".to_owned()));
        }
        let name = name(path);
        let text = contents(path, CONFIG_BYTES_MAX)?;
        let config = CanaryConfig::from_json(&text).map_err(|error| unreadable(&name, &error))?;
        check(&config, &name)?;
        Ok(Self { config, name })
    }
}

impl Documents {
    /// The data of a file.
    pub(super) fn read(configuration: Configuration, path: &Path, args: &JudgeArgs) -> Result<Self, Trouble> {
        let thresholds = thresholds(&configuration, None, args)?;
        let text = contents(path, PAIRS_BYTES_MAX)?;
        let name = name(path);
        let wrong = |error: Unreadable| unreadable(&name, &error);
        let table = if is_json(path, &text) {
            Table { pairs: Pair::list_from_json(&text).map_err(wrong)?, ..Table::default() }
        } else {
            Table::from_csv(&text).map_err(wrong)?
        };
        Ok(Self::new(configuration, thresholds, table, name))
    }

    pub(super) fn new(
        configuration: Configuration,
        thresholds: Thresholds,
        table: Table,
        name: String,
    ) -> Self {
        Self {
            input: Input {
                canary_config: configuration.config,
                score_thresholds: Some(thresholds),
                metric_set_pair_list: Some(table.pairs),
            },
            lines: (!table.lines.is_empty()).then_some(table.lines),
            remarks: table.remarks,
            config_name: configuration.name,
            pairs_name: name,
        }
    }

    pub(super) fn pairs(&self) -> &[Pair] {
        self.input.metric_set_pair_list.as_deref().unwrap_or_default()
    }

    pub(super) fn thresholds(&self) -> Thresholds {
        self.input.score_thresholds.unwrap_or_default()
    }

    /// What is odd in the documents, and does not keep them from being judged.
    pub(super) fn remarks(&self) -> Vec<String> {
        let problem = |problem: serin_judge::Problem| {
            let refused = if problem.is_refused { "; Kayenta would not save it" } else { "" };
            format!("{}: {}: {}{refused}", self.config_name, problem.path, problem.message)
        };
        let mut remarks: Vec<String> = validate(&self.input.canary_config).into_iter().map(problem).collect();
        let of_data = |remark: &String| format!("{}: {remark}", self.pairs_name);
        remarks.extend(self.remarks.iter().map(of_data));
        let mut seen = BTreeMap::new();
        for (index, pair) in self.pairs().iter().enumerate() {
            let tags: BTreeMap<_, _> = pair.tags.iter().flatten().collect();
            let first = *seen.entry((&*pair.name, tags)).or_insert(index);
            if first < index {
                let (place, first) = (self.place(index), self.place(first));
                let twice = format!("has the name and the tags of {first}: both are judged, and both count");
                remarks.push(format!("{}: {place}: {twice}", self.pairs_name));
            }
            let (canary, baseline) =
                (Length::of(pair.experiment.as_deref()), Length::of(pair.control.as_deref()));
            // That a side has nothing is said by its label.
            if canary.all != baseline.all && !canary.is_hollow && !baseline.is_hollow {
                let lengths =
                    format!("{} values of the canary and {} of the baseline", canary.all, baseline.all);
                remarks.push(format!("{}: {}: {lengths}", self.pairs_name, self.place(index)));
            }
        }
        remarks
    }

    /// Why there is no judgement, with the place in a file.
    pub(super) fn trouble(&self, error: &Error) -> Trouble {
        let text = match error {
            Error::UnknownMetric { index, .. } => {
                format!("{}: {}: {error}: {}", self.pairs_name, self.place(*index), self.known())
            }
            Error::MissingSide { index, side } => format!(
                "{}: {}: values.{side} is missing: an empty list says that there is no data",
                self.pairs_name,
                self.place(*index)
            ),
            Error::Missing { path, remedy } => {
                let path = path.strip_prefix("canaryConfig.").unwrap_or(path);
                format!("{}: {path} is missing: {remedy}", self.config_name)
            }
            Error::Option { .. } | Error::OutlierFactor { .. } => format!("{}: {error}", self.config_name),
        };
        Trouble::Data(text)
    }

    /// That no pair has that metric.
    pub(super) fn unknown(&self, metric: &str) -> Trouble {
        let is_configured = self.input.canary_config.metric(metric).is_some();
        Trouble::Usage(if is_configured {
            format!("--explain {metric:?}: {} has no data of this metric", self.pairs_name)
        } else {
            format!("--explain {metric:?}: there is no such metric: {}", self.known())
        })
    }

    fn known(&self) -> String {
        let metrics = self.input.canary_config.metrics.as_deref().unwrap_or_default();
        let names: Vec<String> = metrics
            .iter()
            .filter_map(|metric| metric.name.as_ref())
            .take(NAMES_MAX)
            .map(|name| shown(name))
            .collect();
        let rest = if NAMES_MAX < metrics.len() {
            format!(" and {} more", metrics.len() - NAMES_MAX)
        } else {
            String::new()
        };
        format!("{} has {}{rest}", self.config_name, names.join(", "))
    }

    fn place(&self, index: usize) -> String {
        if let Some(line) = self.lines.as_ref().and_then(|lines| lines.get(index)) {
            return format!("line {line}");
        }
        let name = self.pairs().get(index).map(|pair| pair.name.as_str()).unwrap_or_default();
        format!("[{index}] ({})", shown(name))
    }
}

/// The beginning of a name, quoted.
fn shown(name: &str) -> String {
    format!("{:?}", name.chars().take(NAME_CHARS_MAX).collect::<String>())
}

/// How long a series is, and whether there is nothing in it.
struct Length {
    all: usize,
    is_hollow: bool,
}

impl Length {
    fn of(side: Option<&[f64]>) -> Self {
        let side = side.unwrap_or_default();
        Self { all: side.len(), is_hollow: side.iter().all(|value| value.is_nan()) }
    }
}

/// What Kayenta refuses to run at all, in its words.
fn check(config: &CanaryConfig, name: &str) -> Result<(), Trouble> {
    if config.metrics.as_ref().is_none_or(Vec::is_empty) {
        let words =
            "The canary config must specify at least one metric. Otherwise we're not analyzing anything. :)";
        return Err(Trouble::Data(format!("{name}: metrics: {words}")));
    }
    let judge =
        config.judge.as_ref().and_then(|judge| judge.name.as_deref()).filter(|judge| !judge.is_empty());
    match judge {
        Some(judge) if !JUDGES.contains(&judge) => {
            let known = JUDGES.join(" or ");
            let words = format!("Unable to resolve canary judge '{}'.", judge.escape_debug());
            Err(Trouble::Data(format!("{name}: judge.name: {words} It is {known}, or left out")))
        }
        _ => Ok(()),
    }
}

/// The thresholds of the arguments, or those of the request, or those that the configuration proposes.
pub(super) fn thresholds(
    Configuration { config, name }: &Configuration,
    requested: Option<Thresholds>,
    args: &JudgeArgs,
) -> Result<Thresholds, Trouble> {
    let proposed = config.classifier.as_ref().and_then(|classifier| classifier.rest.get("scoreThresholds"));
    let threshold = |given: Option<f64>, requested: Option<f64>, word: &str| {
        let path = format!("classifier.scoreThresholds.{word}");
        let found = match (given.or(requested), proposed.and_then(|proposed| proposed.get(word))) {
            (Some(given), _) => Some(given),
            (None, Some(value)) if !value.is_null() => value.as_f64(),
            (None, _) => {
                return Err(Trouble::Usage(format!(
                    "--{word} is missing, and {name} has no {path}: say from which score on the canary is that"
                )));
            }
        };
        found.filter(|number| (0.0..=100.0).contains(number)).ok_or_else(|| {
            Trouble::Data(format!("the threshold {word} must be a number from 0 to 100 (in {name}: {path})"))
        })
    };
    let thresholds = Thresholds {
        pass: threshold(args.pass, requested.map(|thresholds| thresholds.pass), "pass")?,
        marginal: threshold(args.marginal, requested.map(|thresholds| thresholds.marginal), "marginal")?,
    };
    if thresholds.pass < thresholds.marginal {
        return Err(Trouble::Usage(format!(
            "the thresholds are the wrong way round: marginal is {} and pass is {}; marginal must not lie above pass",
            thresholds.marginal, thresholds.pass
        )));
    }
    Ok(thresholds)
}

pub(super) fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

pub(super) fn name(path: &Path) -> String {
    if is_stdin(path) { "standard input".to_owned() } else { path.display().to_string() }
}

pub(super) fn unreadable(name: &str, error: &Unreadable) -> Trouble {
    Trouble::Data(format!("{name}: {error}"))
}

/// Whether data are JSON: by the file's name, or else by the first character.
fn is_json(path: &Path, text: &[u8]) -> bool {
    let named = |extension: &str| path.extension().is_some_and(|own| own.eq_ignore_ascii_case(extension));
    let first = text.iter().find(|byte| !byte.is_ascii_whitespace());
    named("json") || (!named("csv") && first.is_some_and(|first| b"[{".contains(first)))
}

/// Everything in a file, if it is no more than `limit` bytes.
pub(super) fn contents(path: &Path, limit: u64) -> Result<Vec<u8>, Trouble> {
    let name = name(path);
    let failed = |error: std::io::Error| Trouble::NoInput(format!("{name}: {error}"));
    let mut bytes = Vec::new();
    let read = if is_stdin(path) {
        std::io::stdin().lock().take(limit + 1).read_to_end(&mut bytes)
    } else {
        let file = std::fs::File::open(path).map_err(failed)?;
        file.take(limit + 1).read_to_end(&mut bytes)
    };
    read.map_err(failed)?;
    if limit < bytes.len() as u64 {
        return Err(Trouble::Data(format!(
            "{name}: is larger than {} MiB, which is the most that is read",
            limit >> 20
        )));
    }
    Ok(bytes)
}
