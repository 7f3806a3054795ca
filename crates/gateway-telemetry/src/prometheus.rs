//! Prometheus' text format. Spec: <https://prometheus.io/docs/instrumenting/exposition_formats/>, version 0.0.4, read
//! 2026-11-21.

use std::fmt::Write as _;

use crate::collect::{Samples, Value};
use crate::descriptor::Descriptor;

/// All samples as text. Writing to a string cannot fail.
pub(crate) fn render(samples: Samples) -> String {
    let mut text = String::with_capacity(16 * 1024);
    for (metric, samples) in samples.sorted() {
        let (name, kind) = (metric.prometheus, metric.kind.as_str());
        let _ = writeln!(text, "# HELP {name} {}\n# TYPE {name} {kind}", metric.help);
        for (labels, value) in samples {
            let labels = self::labels(metric, &labels);
            match &value {
                Value::Number(number) => {
                    let _ = writeln!(text, "{name}{} {number}", braced(&labels));
                }
                Value::Histogram(histogram) => {
                    let separator = if labels.is_empty() { "" } else { "," };
                    let mut below = 0;
                    for (at, count) in histogram.counts.iter().enumerate() {
                        below += count;
                        let bound = histogram.bounds.get(at);
                        let bound = bound.map_or_else(|| "+Inf".to_owned(), f64::to_string);
                        let _ = writeln!(
                            text,
                            "{name}_bucket{{{labels}{separator}le=\"{bound}\"}} {below}"
                        );
                    }
                    let (labels, sum) = (braced(&labels), histogram.sum);
                    let _ = writeln!(text, "{name}_sum{labels} {sum}");
                    let _ = writeln!(text, "{name}_count{labels} {}", histogram.count);
                }
            }
        }
    }
    text
}

fn braced(labels: &str) -> String {
    if labels.is_empty() {
        String::new()
    } else {
        format!("{{{labels}}}")
    }
}

fn labels(metric: &Descriptor, values: &[String]) -> String {
    let mut text = String::new();
    for (name, value) in metric.labels.iter().zip(values) {
        if value.is_empty() {
            // The same as a label that is not there.
            continue;
        }
        if !text.is_empty() {
            text.push(',');
        }
        for letter in name.chars() {
            text.push(if letter == '.' { '_' } else { letter });
        }
        text.push_str("=\"");
        for letter in value.chars() {
            match letter {
                '\\' => text.push_str("\\\\"),
                '"' => text.push_str("\\\""),
                '\n' => text.push_str("\\n"),
                other => text.push(other),
            }
        }
        text.push('"');
    }
    text
}
