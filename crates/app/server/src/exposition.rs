//! Prometheus' text form, version 0.0.4. Pure.

use std::fmt::Write;

use serin_engine::Buckets;

/// A text under construction. Families must be opened one after another, each once.
#[derive(Debug, Default)]
pub struct Exposition(String);

impl Exposition {
    /// Opens a family of samples.
    pub fn family(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    /// One sample.
    pub fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        self.0.push_str(name);
        for (index, (label, text)) in labels.iter().enumerate() {
            let _ = write!(self.0, "{}{label}=\"", if index == 0 { '{' } else { ',' });
            for character in text.chars() {
                match character {
                    '\\' => self.0.push_str("\\\\"),
                    '"' => self.0.push_str("\\\""),
                    '\n' => self.0.push_str("\\n"),
                    other => self.0.push(other),
                }
            }
            self.0.push('"');
        }
        if !labels.is_empty() {
            self.0.push('}');
        }
        let _ = writeln!(self.0, " {value}");
    }

    /// One histogram of the open family.
    pub fn histogram(&mut self, name: &str, labels: &[(&str, &str)], buckets: &Buckets) {
        let mut total = 0;
        let series = format!("{name}_bucket");
        let bounds = buckets.bounds.iter().map(ToString::to_string).chain(["+Inf".to_owned()]);
        for (bound, count) in bounds.zip(&buckets.counts) {
            total += count;
            let mut labels = labels.to_vec();
            labels.push(("le", &bound));
            self.sample(&series, &labels, total as f64);
        }
        self.sample(&format!("{name}_sum"), labels, buckets.sum);
        self.sample(&format!("{name}_count"), labels, total as f64);
    }

    /// The text.
    #[must_use]
    pub fn text(self) -> String {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_escaped_and_buckets_add_up() {
        let mut exposition = Exposition::default();
        exposition.family("x", "histogram", "Things");
        exposition.sample("y", &[("a", "q\"\\\n")], 1.0);
        let buckets = Buckets { bounds: &[0.5, 1.0], counts: vec![2, 1, 4], sum: 9.5 };
        exposition.histogram("x", &[("n", "v")], &buckets);
        let expected = "# HELP x Things\n# TYPE x histogram\ny{a=\"q\\\"\\\\\\n\"} 1\n\
            x_bucket{n=\"v\",le=\"0.5\"} 2\nx_bucket{n=\"v\",le=\"1\"} 3\nx_bucket{n=\"v\",le=\"+Inf\"} 7\n\
            x_sum{n=\"v\"} 9.5\nx_count{n=\"v\"} 7\n";
        assert_eq!(exposition.text(), expected);
    }
}
