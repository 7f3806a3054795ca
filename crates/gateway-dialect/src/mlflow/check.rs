//! Validation as MLflow's server does it: every fault at once, in field order, with its lax conversions.

use gateway_schema::{CallError, FieldError, Losses, PathSegment};
use serde_json::{Map, Value, json};

/// Faults beyond this many are not listed: a hostile body shall not be answered with more than it sent.
const MAX_FAULTS: usize = 1000;

const NOT_AN_OBJECT: &str = "Input should be a valid dictionary or object to extract fields from";

/// One step of the way to a field. Every key is one of ours.
#[derive(Debug, Clone, Copy)]
pub(super) enum Step {
    Key(&'static str),
    Index(usize),
}

/// Collects faults and losses while a body is read.
#[derive(Debug, Default)]
pub(super) struct Check {
    path: Vec<Step>,
    faults: Vec<FieldError>,
    pub(super) losses: Losses,
}

impl Check {
    /// Starts with the losses of the JSON reader.
    pub(super) fn new(losses: Losses) -> Self {
        Self {
            losses,
            ..Self::default()
        }
    }

    /// The losses, or every fault as one error.
    pub(super) fn finish<T>(self, value: Option<T>) -> Result<(T, Losses), CallError> {
        match value {
            Some(value) if self.faults.is_empty() => Ok((value, self.losses)),
            _ => Err(CallError::fields(self.faults)),
        }
    }

    /// Reads something one step further in.
    pub(super) fn at<T>(&mut self, step: Step, read: impl FnOnce(&mut Self) -> T) -> T {
        self.path.push(step);
        let out = read(self);
        self.path.pop();
        out
    }

    fn segments(&self) -> Vec<PathSegment> {
        let segment = |step: &Step| match *step {
            Step::Key(key) => PathSegment::from(key),
            Step::Index(index) => PathSegment::Index(index),
        };
        self.path.iter().map(segment).collect()
    }

    /// Notes a fault.
    pub(super) fn fail<T>(
        &mut self,
        code: &'static str,
        message: &str,
        input: &Value,
    ) -> Option<T> {
        self.fail_with(code, message, input, None)
    }

    /// Notes a fault with its bounds.
    pub(super) fn fail_with<T>(
        &mut self,
        code: &'static str,
        message: &str,
        input: &Value,
        context: Option<Value>,
    ) -> Option<T> {
        if self.faults.len() < MAX_FAULTS {
            let mut fault = FieldError::new(self.segments(), code, message);
            fault.input = Some(input.clone());
            fault.context = context;
            self.faults.push(fault);
        }
        None
    }

    /// Notes that a value is not text either, before the faults of the other readings since `mark`.
    pub(super) fn not_text_either(&mut self, mark: usize, value: &Value) {
        let rest = self.faults.split_off(mark.min(self.faults.len()));
        self.at::<Option<()>>(Step::Key("str"), |check| {
            check.fail("string_type", "Input should be a valid string", value)
        });
        self.faults.extend(rest);
    }

    /// How many faults so far; a mark for [`forget`](Self::forget).
    pub(super) fn mark(&self) -> usize {
        self.faults.len()
    }

    /// Forgets the faults since `mark`: another reading of the same value succeeded.
    pub(super) fn forget(&mut self, mark: usize) {
        self.faults.truncate(mark);
    }

    /// An object with fields of a known shape.
    pub(super) fn object<'v>(&mut self, value: &'v Value) -> Option<&'v Map<String, Value>> {
        match value {
            Value::Object(fields) => Some(fields),
            _ => self.fail("model_attributes_type", NOT_AN_OBJECT, value),
        }
    }

    /// An object with any fields.
    pub(super) fn map(&mut self, value: &Value) -> Option<Map<String, Value>> {
        match value {
            Value::Object(fields) => Some(fields.clone()),
            _ => self.fail("dict_type", "Input should be a valid dictionary", value),
        }
    }

    /// A field that must be there; `whole` is the object it belongs to.
    pub(super) fn required<T>(
        &mut self,
        whole: &Value,
        name: &'static str,
        read: impl FnOnce(&mut Self, &Value) -> Option<T>,
    ) -> Option<T> {
        self.at(Step::Key(name), |check| match whole.get(name) {
            Some(value) => read(check, value),
            None => check.fail("missing", "Field required", whole),
        })
    }

    /// A field that may be absent or null.
    pub(super) fn optional<T>(
        &mut self,
        fields: &Map<String, Value>,
        name: &'static str,
        read: impl FnOnce(&mut Self, &Value) -> Option<T>,
    ) -> Option<T> {
        let value = fields.get(name).filter(|value| !value.is_null())?;
        self.at(Step::Key(name), |check| read(check, value))
    }

    /// A list of anything that `read` reads.
    pub(super) fn list<T>(
        &mut self,
        value: &Value,
        mut read: impl FnMut(&mut Self, &Value) -> Option<T>,
    ) -> Option<Vec<T>> {
        let Value::Array(items) = value else {
            return self.fail("list_type", "Input should be a valid list", value);
        };
        let mut out = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            out.extend(self.at(Step::Index(index), |check| read(check, item)));
        }
        (out.len() == items.len()).then_some(out)
    }

    /// A list with at least one item.
    pub(super) fn filled_list<T>(
        &mut self,
        value: &Value,
        read: impl FnMut(&mut Self, &Value) -> Option<T>,
    ) -> Option<Vec<T>> {
        let out = self.list(value, read)?;
        if out.is_empty() {
            let context = json!({ "field_type": "List", "min_length": 1, "actual_length": 0 });
            let message = "List should have at least 1 item after validation, not 0";
            return self.fail_with("too_short", message, value, Some(context));
        }
        Some(out)
    }

    /// A string. Nothing else is taken for one.
    pub(super) fn text(&mut self, value: &Value) -> Option<String> {
        match value {
            Value::String(text) => Some(text.clone()),
            _ => self.fail("string_type", "Input should be a valid string", value),
        }
    }

    /// One of a few words.
    pub(super) fn literal(
        &mut self,
        value: &Value,
        allowed: &[&'static str],
    ) -> Option<&'static str> {
        if let Some(word) = allowed.iter().find(|word| value == **word) {
            return Some(word);
        }
        let expected = alternatives(allowed);
        let message = format!("Input should be {expected}");
        let context = json!({ "expected": expected });
        self.fail_with("literal_error", &message, value, Some(context))
    }

    /// True or false, or a word or number that means it.
    pub(super) fn boolean(&mut self, value: &Value) -> Option<bool> {
        let known = match value {
            Value::Bool(known) => return Some(*known),
            Value::Number(number) => match whole(number) {
                Some(0) => Some(false),
                Some(1) => Some(true),
                Some(_) => None,
                None => return self.fail("bool_type", "Input should be a valid boolean", value),
            },
            Value::String(word) => match word.to_ascii_lowercase().as_str() {
                "0" | "off" | "f" | "false" | "n" | "no" => Some(false),
                "1" | "on" | "t" | "true" | "y" | "yes" => Some(true),
                _ => None,
            },
            _ => return self.fail("bool_type", "Input should be a valid boolean", value),
        };
        let message = "Input should be a valid boolean, unable to interpret input";
        known.or_else(|| self.fail("bool_parsing", message, value))
    }

    /// A whole number of at least `least`, or text or a float that is one.
    pub(super) fn integer(&mut self, value: &Value, least: u64) -> Option<u64> {
        let number = self.any_integer(value)?;
        match u64::try_from(number) {
            Ok(number) if number >= least => Some(number),
            _ => {
                let message = format!("Input should be greater than or equal to {least}");
                let context = json!({ "ge": least });
                self.fail_with("greater_than_equal", &message, value, Some(context))
            }
        }
    }

    /// A whole number that fits 32 bits.
    pub(super) fn small_integer(&mut self, value: &Value, least: u64) -> Option<u32> {
        let number = self.integer(value, least)?;
        u32::try_from(number).map_or_else(
            |_| {
                let message = format!("Input should be less than or equal to {}", u32::MAX);
                let context = json!({ "le": u32::MAX });
                self.fail_with("less_than_equal", &message, value, Some(context))
            },
            Some,
        )
    }

    fn any_integer(&mut self, value: &Value) -> Option<i128> {
        match value {
            Value::Bool(known) => Some(i128::from(*known)),
            Value::Number(number) => {
                if let Some(known) = whole(number) {
                    return Some(known);
                }
                if number.as_f64().is_some_and(|float| float.fract() != 0.0) {
                    let message =
                        "Input should be a valid integer, got a number with a fractional part";
                    return self.fail("int_from_float", message, value);
                }
                let message = "Unable to parse input string as an integer, exceeded maximum size";
                self.fail("int_parsing_size", message, value)
            }
            Value::String(text) => integer_text(text).or_else(|| {
                let message =
                    "Input should be a valid integer, unable to parse string as an integer";
                self.fail("int_parsing", message, value)
            }),
            _ => self.fail("int_type", "Input should be a valid integer", value),
        }
    }

    /// A number between `least` and `most`, or text that is one.
    pub(super) fn number(&mut self, value: &Value, least: f64, most: f64) -> Option<f64> {
        let number = match value {
            Value::Bool(known) => f64::from(u8::from(*known)),
            Value::Number(number) => number.as_f64()?,
            Value::String(text) => {
                let Some(number) = plain_digits(text).and_then(|text| text.parse().ok()) else {
                    let message =
                        "Input should be a valid number, unable to parse string as a number";
                    return self.fail("float_parsing", message, value);
                };
                number
            }
            _ => return self.fail("float_type", "Input should be a valid number", value),
        };
        if number.is_nan() || number > most {
            let message = format!("Input should be less than or equal to {most}");
            let context = json!({ "le": most });
            return self.fail_with("less_than_equal", &message, value, Some(context));
        }
        if number < least {
            let message = format!("Input should be greater than or equal to {least}");
            let context = json!({ "ge": least });
            return self.fail_with("greater_than_equal", &message, value, Some(context));
        }
        Some(number)
    }
}

/// `'a', 'b' or 'c'`.
fn alternatives(words: &[&str]) -> String {
    let mut out = String::new();
    for (index, word) in words.iter().enumerate() {
        match index {
            0 => {}
            _ if index + 1 == words.len() => out.push_str(" or "),
            _ => out.push_str(", "),
        }
        out.push('\'');
        out.push_str(word);
        out.push('\'');
    }
    out
}

/// The whole number that a JSON number is, `5.0` included.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the range is checked on the line before"
)]
fn whole(number: &serde_json::Number) -> Option<i128> {
    if let Some(known) = number.as_i64() {
        return Some(i128::from(known));
    }
    if let Some(known) = number.as_u64() {
        return Some(i128::from(known));
    }
    let float = number.as_f64()?;
    let fits = float.fract() == 0.0 && float.abs() < 9_223_372_036_854_775_808.0;
    fits.then_some(float as i128)
}

/// Text without surrounding white space and without underscores between digits, as Python reads numbers.
fn plain_digits(text: &str) -> Option<String> {
    let text = text.trim();
    if !text.contains('_') {
        return Some(text.to_owned());
    }
    let bytes = text.as_bytes();
    let between_digits = |at: usize| {
        let digit = |at: Option<usize>| {
            at.and_then(|at| bytes.get(at))
                .is_some_and(u8::is_ascii_digit)
        };
        digit(at.checked_sub(1)) && digit(Some(at + 1))
    };
    let sound = bytes
        .iter()
        .enumerate()
        .all(|(at, byte)| *byte != b'_' || between_digits(at));
    sound.then(|| text.replace('_', ""))
}

fn integer_text(text: &str) -> Option<i128> {
    let plain = plain_digits(text)?;
    let digits = match plain.split_once('.') {
        Some((digits, zeros)) if zeros.bytes().all(|byte| byte == b'0') && !zeros.is_empty() => {
            digits
        }
        Some(_) => return None,
        None => plain.as_str(),
    };
    digits.parse().ok()
}
