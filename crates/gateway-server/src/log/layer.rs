//! From events to lines. Every field has a length, whatever its value is.

use std::fmt::{self, Write as _};
use std::sync::Arc;

use gateway_core::config::LogFormat;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::layer::Context;

use super::queue::{Log, Queue};

/// The most bytes of a message: a refused configuration has a hundred problems.
const MESSAGE: usize = 32 * 1024;
/// The most bytes of a field.
const FIELD: usize = 1024;
/// The most fields of a line.
const MOST_FIELDS: usize = 32;

/// Writes events into a queue. Unlike the layer of `tracing-subscriber` it writes to no stream, reports no failure on
/// stderr and bounds every field.
pub(super) struct Lines {
    pub(super) queue: Arc<Queue>,
    pub(super) format: LogFormat,
}

impl<S: Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut fields = Fields {
            format: self.format,
            message: String::new(),
            text: String::new(),
            count: 0,
        };
        event.record(&mut fields);
        let about = event.metadata();
        let line = fields.line(*about.level(), about.target(), &now());
        self.queue.push(Log::Program, line.as_bytes());
    }
}

/// The moment, as RFC 3339 has it.
fn now() -> String {
    let mut text = String::with_capacity(32);
    // Writing to a string cannot fail.
    let _ = SystemTime.format_time(&mut Writer::new(&mut text));
    text
}

/// The fields of one event.
struct Fields {
    format: LogFormat,
    message: String,
    /// All others, each with a separator before it.
    text: String,
    count: usize,
}

impl Fields {
    fn line(self, level: tracing::Level, target: &str, time: &str) -> String {
        let Self { message, text, .. } = self;
        match self.format {
            LogFormat::Text => {
                // Lines of a message are our own; anything else that a terminal would act upon is shown.
                let message = shown(&message);
                format!("{time} {level:>5} {target}: {message}{text}\n")
            }
            LogFormat::Json => {
                let (message, target) = (json(&message), json(target));
                format!(
                    "{{\"timestamp\":\"{time}\",\"level\":\"{level}\",\"message\":{message}{text},\"target\":{target}}}\n"
                )
            }
        }
    }

    /// Adds a value that is a number or a truth.
    fn plain(&mut self, field: &Field, value: fmt::Arguments<'_>) {
        if self.begin(field) {
            // Writing to a string cannot fail.
            let _ = self.text.write_fmt(value);
        }
    }

    /// Adds a value that is a text.
    fn quoted(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            value.clone_into(&mut self.message);
        } else if self.begin(field) {
            match self.format {
                LogFormat::Json => self.text.push_str(&json(value)),
                LogFormat::Text => {
                    let _ = write!(self.text, "{value:?}");
                }
            }
        }
    }

    /// Adds the name of a field; false when there are too many.
    fn begin(&mut self, field: &Field) -> bool {
        self.count += 1;
        if self.count > MOST_FIELDS {
            return false;
        }
        let name = field.name();
        let _ = match self.format {
            LogFormat::Text if self.message.is_empty() && self.text.is_empty() => {
                write!(self.text, "{name}=")
            }
            LogFormat::Text => write!(self.text, " {name}="),
            LogFormat::Json => write!(self.text, ",{}:", json(name)),
        };
        true
    }
}

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        if value.is_finite() {
            self.plain(field, format_args!("{value}"));
        } else {
            self.quoted(field, &value.to_string());
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.plain(field, format_args!("{value}"));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.plain(field, format_args!("{value}"));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.plain(field, format_args!("{value}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let most = if field.name() == "message" {
            MESSAGE
        } else {
            FIELD
        };
        let text = Bounded::of(format_args!("{value:?}"), most);
        self.quoted(field, &text);
    }
}

/// A text that takes no more than so many bytes: whatever is formatted into it stops there.
struct Bounded {
    text: String,
    left: usize,
}

impl Bounded {
    fn of(value: fmt::Arguments<'_>, most: usize) -> String {
        let mut bounded = Self {
            text: String::new(),
            left: most,
        };
        if bounded.write_fmt(value).is_err() {
            bounded.text.push_str("...");
        }
        bounded.text
    }
}

impl fmt::Write for Bounded {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        let end = part.floor_char_boundary(self.left);
        self.text.push_str(part.get(..end).unwrap_or_default());
        self.left -= end;
        if end < part.len() {
            self.left = 0;
            return Err(fmt::Error);
        }
        Ok(())
    }
}

/// A text as JSON. Texts can always be written.
fn json(text: &str) -> String {
    serde_json::to_string(text).unwrap_or_default()
}

/// A text without characters that a terminal would act upon.
fn shown(text: &str) -> String {
    let mut shown = String::with_capacity(text.len() + 1);
    for letter in text.chars() {
        if letter.is_control() && letter != '\n' && letter != '\t' {
            shown.extend(letter.escape_default());
        } else {
            shown.push(letter);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    fn logged(format: LogFormat, log: impl FnOnce()) -> String {
        let queue = Arc::new(Queue::default());
        let lines = Lines {
            queue: Arc::clone(&queue),
            format,
        };
        tracing::subscriber::with_default(tracing_subscriber::registry().with(lines), log);
        let mut batch = Vec::new();
        queue.take(&mut batch);
        String::from_utf8(batch).unwrap()
    }

    #[test]
    fn a_line_has_its_time_level_target_message_and_fields() {
        let absent: Option<&str> = None;
        let log = || {
            tracing::info!(
                target: "gateway::access",
                path = "/a b",
                status = 404_u16,
                absent,
                is = ?Some(1),
                "a \"message\""
            );
        };
        let text = logged(LogFormat::Text, log);
        let (time, text) = text.split_once(' ').unwrap();
        assert!(time.starts_with("20") && time.ends_with('Z'), "{time}");
        assert_eq!(
            text,
            " INFO gateway::access: a \"message\" path=\"/a b\" status=404 is=\"Some(1)\"\n"
        );
        let json: serde_json::Value = serde_json::from_str(&logged(LogFormat::Json, log)).unwrap();
        assert_eq!(json["level"], "INFO");
        assert_eq!(json["target"], "gateway::access");
        assert_eq!(json["message"], "a \"message\"");
        assert_eq!(json["path"], "/a b");
        assert_eq!(json["status"], 404);
        assert_eq!(json.get("absent"), None);
    }

    #[test]
    fn every_field_and_every_message_has_a_length() {
        let huge = "ä".repeat(1_000_000);
        for format in [LogFormat::Text, LogFormat::Json] {
            let line = logged(format, || {
                tracing::info!(path = huge.as_str(), why = %huge, what = ?huge, "{huge}");
            });
            assert!(line.len() < MESSAGE + 4 * FIELD, "{}", line.len());
            assert!(line.contains("..."));
            if format == LogFormat::Json {
                serde_json::from_str::<serde_json::Value>(&line).unwrap();
            }
        }
    }

    #[test]
    fn no_value_breaks_a_line_or_reaches_the_terminal() {
        let line = logged(LogFormat::Text, || {
            tracing::info!(path = "a\nlevel=ERROR \u{1b}[31m", "\u{1b}[31mred");
        });
        assert_eq!(line.lines().count(), 1, "{line}");
        assert!(!line.contains('\u{1b}'), "{line}");
    }
}
