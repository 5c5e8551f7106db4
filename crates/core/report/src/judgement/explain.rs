//! The decision table, walked with the numbers of one metric.

use serin_judge::{
    CONFIDENCE, Compared, Direction, Label, Measure, NOISE, NanStrategy, Options, Pair, PairResult, Rule,
    TOLERANCE,
};
use serin_stats::describe::Summary;

use super::{View, heading, outcome_icon, qualities, say};

/// Explains each result of the metric of that name; none when the judgement has no such metric.
#[must_use]
pub fn explain(view: &View, metric: &str) -> Option<String> {
    let explained: Vec<String> = view
        .rows()
        .filter(|(result, _)| result.name == metric)
        .map(|(result, pair)| steps(result, pair))
        .collect();
    if explained.is_empty() {
        return None;
    }
    let (outcome, why) = view.verdict();
    let mut text = explained.join("\n");
    for group in view.groups() {
        say::add(
            &mut text,
            format_args!("\ngroup {}: weight {}, score {}", group.name, group.weight, group.score),
        );
    }
    say::add(&mut text, format_args!("\n{} {}: {why}\n", outcome_icon(outcome).0, outcome.as_str()));
    Some(text)
}

/// Numbered lines of steps.
#[derive(Default)]
struct Steps {
    text: String,
    count: usize,
}

impl Steps {
    fn ask(&mut self, question: &str, answer: &str) {
        self.count += 1;
        say::add(&mut self.text, format_args!("{:>2}. {question}\n      {answer}\n", self.count));
    }
}

fn steps(result: &PairResult, pair: &Pair) -> String {
    let options = &result.evidence.options;
    let mut steps = Steps::default();
    steps.ask("What is judged, and how?", &settings(options));
    let sides =
        [("canary", &pair.experiment, result.experiment), ("baseline", &pair.control, result.control)];
    let prepared = sides
        .map(|(name, series, summary)| side(name, series.as_deref().unwrap_or_default(), summary, options));
    steps.ask("What is left of the data?", &prepared.join("\n      "));
    ask_until_compared(&mut steps, result, options);
    if let Some(compared) = &result.found.compared {
        ask_compared(&mut steps, result, compared, options);
    }
    for finding in &result.evidence.findings {
        steps.ask("Is there anything odd?", &say::harmless(&finding.to_string()));
    }
    let label = result.found.label.as_str();
    let reason = result.reason().map(|reason| format!(": {}", say::clean(&reason))).unwrap_or_default();
    let what_if =
        result.evidence.what_if.map(|what_if| format!("\n    it would be {what_if}")).unwrap_or_default();
    format!("{}  ({})\n{}=> {label}{reason}{what_if}\n", heading(result), qualities(result), steps.text)
}

fn settings(options: &Options) -> String {
    let measure = if options.measure == Measure::Cles { "cles" } else { "meanRatio" };
    let nan = match options.nan_strategy {
        NanStrategy::Remove => "missing values are left out",
        NanStrategy::Replace => "missing values count as 0",
    };
    let outliers = options.outlier_factor.map_or("outliers stay".to_owned(), |factor| {
        format!("outliers beyond {} interquartile ranges go", say::number(factor))
    });
    let flags = [
        (options.critical, "; critical"),
        (options.must_have_data, "; must have data"),
        (options.muted, "; muted"),
    ];
    let flags: String = flags.into_iter().filter(|(is_set, _)| *is_set).map(|(_, word)| word).collect();
    format!("direction {}; effect by {measure}; {nan}; {outliers}{flags}", options.direction.as_str())
}

fn side(name: &str, series: &[f64], summary: Summary, options: &Options) -> String {
    let holes = series.iter().filter(|value| value.is_nan()).count();
    let (gone, replaced) = match options.nan_strategy {
        NanStrategy::Remove => (holes, 0),
        NanStrategy::Replace => (0, holes),
    };
    let mut text = format!("{name}: {} values", series.len());
    let outliers = series.len().saturating_sub(gone + summary.count);
    for (count, word) in
        [(gone, "missing"), (replaced, "missing and counted as 0"), (outliers, "outliers removed")]
    {
        if 0 < count {
            say::add(&mut text, format_args!(", {count} {word}"));
        }
    }
    if 0 < summary.count {
        let [mean, min, max] = [summary.mean, summary.min, summary.max].map(say::number);
        say::add(&mut text, format_args!("; {} left, mean {mean}, from {min} to {max}", summary.count));
    } else {
        text.push_str("; none left");
    }
    text
}

/// The rows of the table that need no comparison, up to the one that decided.
fn ask_until_compared(steps: &mut Steps, result: &PairResult, options: &Options) {
    let (n, m) = (result.experiment.count, result.control.count);
    let empty = "Is a side empty?";
    match result.found.rule {
        Rule::MissingReplaced => return steps.ask(empty, "yes, and nanStrategy is \"replace\": Pass"),
        Rule::MissingFails => {
            return steps.ask(
                empty,
                "yes, and the metric must have data: NodataFailMetric, which counts as a failure",
            );
        }
        Rule::Missing if options.critical => {
            return steps.ask(empty, "yes, and the metric is critical: Nodata, the canary fails");
        }
        Rule::Missing => return steps.ask(empty, "yes: Nodata, which counts in no group"),
        _ => steps.ask(empty, &format!("no: {n} and {m} values")),
    }
    let same = "Do both sides hold the same values?";
    if result.found.rule == Rule::Identical {
        return steps.ask(same, "yes: Pass");
    }
    steps.ask(same, "no");
    let one = "Is there only one value in all?";
    if result.found.rule == Rule::OneValue {
        return steps.ask(one, "yes: Pass");
    }
    steps.ask(one, "no");
    if result.found.rule == Rule::AllTied {
        let tied = "all values tie at a shift that had to be tried: there is no interval, Error, which counts in no group";
        steps.ask("Where does the difference lie?", tied);
    }
}

/// The comparison: interval, margin, both sides, critical.
fn ask_compared(steps: &mut Steps, result: &PairResult, compared: &Compared, options: &Options) {
    if compared.has_noise {
        let noise = format!("yes: noise of {NOISE:e} of each value is added, or there would be no interval");
        steps.ask("Are both sides constant?", &noise);
    }
    let interval = &compared.interval;
    let [lower, upper, estimate, margin] =
        [interval.lower, interval.upper, interval.estimate, compared.margin].map(say::number);
    steps.ask(
        "Where does the difference lie?",
        &format!("with confidence {CONFIDENCE} the canary lies {lower} to {upper} above the baseline; the best guess is {estimate}"),
    );
    steps.ask("What must it clear?", &format!("the margin, {TOLERANCE} of the best guess: {margin}"));
    let (rises, falls) = (compared.margin < interval.lower, interval.upper < -compared.margin);
    let high = Watch {
        label: Label::High,
        is_watched: options.direction != Direction::Decrease,
        change: "a rise",
        clears: rises,
        interval: format!("{margin} < {lower}"),
        effect: (compared.effect, "allowedIncrease", options.allowed_increase, ">="),
        is_enough: options.allowed_increase <= compared.effect,
    };
    high.ask(steps, result.found.label);
    if result.found.label != Label::High {
        let low = Watch {
            label: Label::Low,
            is_watched: options.direction != Direction::Increase,
            change: "a fall",
            clears: falls,
            interval: format!("{upper} < -{margin}"),
            effect: (compared.effect, "allowedDecrease", options.allowed_decrease, "<="),
            is_enough: compared.effect <= options.allowed_decrease,
        };
        low.ask(steps, result.found.label);
    }
    if matches!(result.found.label, Label::High | Label::Low) {
        let answer = match (options.critical, result.found.critical) {
            (false, _) => "the metric is not critical: it counts in its groups".to_owned(),
            (true, true) => "the metric is critical: the score is 0".to_owned(),
            (true, false) => {
                "the metric is critical, but the effect is within what is: it counts in its groups".to_owned()
            }
        };
        steps.ask("Does it fail the canary alone?", &answer);
    }
}

/// One of the two rows that may say High or Low.
struct Watch {
    label: Label,
    is_watched: bool,
    change: &'static str,
    clears: bool,
    interval: String,
    effect: (f64, &'static str, f64, &'static str),
    is_enough: bool,
}

impl Watch {
    fn ask(&self, steps: &mut Steps, found: Label) {
        let question = format!("Is it {}?", self.label.as_str());
        let word = |holds: bool| if holds { "yes" } else { "no" };
        if !self.is_watched {
            return steps.ask(&question, &format!("no: {} is not what the direction watches", self.change));
        }
        let mut lines =
            vec![format!("the interval clears the margin ({}): {}", self.interval, word(self.clears))];
        if self.clears {
            let (effect, name, threshold, sign) = self.effect;
            lines.push(if effect.is_nan() {
                format!("the effect has no number, so effectSize.{name} does nothing: yes")
            } else {
                let (left, right) = say::apart(effect, threshold);
                let word = word(self.is_enough);
                format!("the effect is large enough ({left} {sign} effectSize.{name} {right}): {word}")
            });
        }
        let is_it = found == self.label;
        lines.push(format!("so {}", if is_it { self.label.as_str() } else { "it is not" }));
        steps.ask(&question, &lines.join("\n      "));
    }
}
