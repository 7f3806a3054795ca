//! JSON as MLflow's server reads it: Python's reader, with its messages and its leniency.
//!
//! `serde_json` reads almost every body. Only what it refuses is read again here: to say what is wrong in the words and
//! at the position clients of MLflow know, or to accept what Python accepts (`NaN`, `Infinity`, numbers too large for
//! a double, lone surrogates, a byte order mark).

use gateway_schema::{CallError, ErrorKind, FieldError, Losses, PathSegment};
use serde_json::{Map, Number, Value, json};

/// How deep lists and objects may be nested.
const MAX_DEPTH: usize = 128;

/// Reads a body. What Python accepts and JSON cannot express is reported as a loss.
pub(super) fn read(body: &[u8]) -> Result<(Value, Losses), CallError> {
    if body.is_empty() {
        let mut missing = FieldError::new(Vec::new(), "missing", "Field required");
        missing.input = Some(Value::Null);
        return Err(CallError::fields(vec![missing]));
    }
    match serde_json::from_slice(body) {
        Ok(value) => Ok((value, Losses::new())),
        Err(_) => read_again(body),
    }
}

fn read_again(body: &[u8]) -> Result<(Value, Losses), CallError> {
    let text = std::str::from_utf8(body).map_err(|fault| {
        CallError::client(
            ErrorKind::InvalidRequest,
            "There was an error parsing the body",
        )
        .with_detail(format!(
            "the body is not UTF-8 from byte {} on",
            fault.valid_up_to()
        ))
        .with_status(400)
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = Reader {
        text,
        at: 0,
        path: Vec::new(),
        losses: Losses::new(),
    };
    match reader.document() {
        Ok(value) => Ok((value, reader.losses)),
        Err(fault) => Err(fault.into_error(text)),
    }
}

/// What is wrong, and at which byte.
struct Fault {
    at: usize,
    message: &'static str,
}

impl Fault {
    fn new(at: usize, message: &'static str) -> Self {
        Self { at, message }
    }

    fn into_error(self, text: &str) -> CallError {
        // Python counts characters.
        let offset = text.get(..self.at).unwrap_or(text).chars().count();
        let path = vec![PathSegment::Index(offset)];
        let mut field = FieldError::new(path, "json_invalid", "JSON decode error");
        field.input = Some(json!({}));
        field.context = Some(json!({ "error": self.message }));
        CallError::fields(vec![field])
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    path: Vec<PathSegment>,
    losses: Losses,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn take(&mut self, word: &str) -> bool {
        let found = self
            .text
            .get(self.at..)
            .is_some_and(|rest| rest.starts_with(word));
        if found {
            self.at += word.len();
        }
        found
    }

    fn here(&self) -> String {
        FieldError::new(self.path.clone(), "", "").dotted()
    }

    fn document(&mut self) -> Result<Value, Fault> {
        self.skip_space();
        let value = self.value()?;
        self.skip_space();
        if self.at == self.text.len() {
            Ok(value)
        } else {
            Err(Fault::new(self.at, "Extra data"))
        }
    }

    fn value(&mut self) -> Result<Value, Fault> {
        let start = self.at;
        match self.peek() {
            Some(b'"') => self.string().map(Value::String),
            Some(b'{') => self.nested(start, Self::object),
            Some(b'[') => self.nested(start, Self::array),
            _ if self.take("null") => Ok(Value::Null),
            _ if self.take("true") => Ok(Value::Bool(true)),
            _ if self.take("false") => Ok(Value::Bool(false)),
            _ if self.take("NaN") || self.take("Infinity") || self.take("-Infinity") => {
                Ok(self.not_finite())
            }
            _ => self.number(),
        }
    }

    fn not_finite(&mut self) -> Value {
        let path = self.here();
        self.losses
            .dropped(path, "not a finite number, which JSON cannot carry");
        Value::Null
    }

    fn nested(
        &mut self,
        start: usize,
        read: fn(&mut Self) -> Result<Value, Fault>,
    ) -> Result<Value, Fault> {
        if self.path.len() >= MAX_DEPTH {
            return Err(Fault::new(start, "Nested deeper than 128 levels"));
        }
        self.at += 1;
        self.path.push(PathSegment::Index(0));
        let value = read(self)?;
        self.path.pop();
        Ok(value)
    }

    fn step(&mut self, step: PathSegment) {
        if let Some(last) = self.path.last_mut() {
            *last = step;
        }
    }

    fn object(&mut self) -> Result<Value, Fault> {
        let mut fields = Map::new();
        self.skip_space();
        if self.take("}") {
            return Ok(Value::Object(fields));
        }
        loop {
            if self.peek() != Some(b'"') {
                return Err(Fault::new(
                    self.at,
                    "Expecting property name enclosed in double quotes",
                ));
            }
            let name = self.string()?;
            self.step(PathSegment::Key(name.clone()));
            self.skip_space();
            if !self.take(":") {
                return Err(Fault::new(self.at, "Expecting ':' delimiter"));
            }
            self.skip_space();
            let value = self.value()?;
            fields.insert(name, value);
            self.skip_space();
            if self.take("}") {
                return Ok(Value::Object(fields));
            }
            if !self.take(",") {
                return Err(Fault::new(self.at, "Expecting ',' delimiter"));
            }
            self.skip_space();
        }
    }

    fn array(&mut self) -> Result<Value, Fault> {
        let mut items = Vec::new();
        self.skip_space();
        if self.take("]") {
            return Ok(Value::Array(items));
        }
        loop {
            self.step(PathSegment::Index(items.len()));
            items.push(self.value()?);
            self.skip_space();
            if self.take("]") {
                return Ok(Value::Array(items));
            }
            if !self.take(",") {
                return Err(Fault::new(self.at, "Expecting ',' delimiter"));
            }
            self.skip_space();
        }
    }

    fn digits(&self, mut at: usize) -> usize {
        while self.text.as_bytes().get(at).is_some_and(u8::is_ascii_digit) {
            at += 1;
        }
        at
    }

    fn number(&mut self) -> Result<Value, Fault> {
        let bytes = self.text.as_bytes();
        let start = self.at;
        let first = start + usize::from(bytes.get(start) == Some(&b'-'));
        let mut end = match bytes.get(first) {
            Some(b'0') => first + 1,
            Some(b'1'..=b'9') => self.digits(first),
            _ => return Err(Fault::new(start, "Expecting value")),
        };
        if bytes.get(end) == Some(&b'.') && self.digits(end + 1) > end + 1 {
            end = self.digits(end + 1);
        }
        if matches!(bytes.get(end), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
            let first = end + 1 + sign;
            if self.digits(first) > first {
                end = self.digits(first);
            }
        }
        self.at = end;
        let digits = self.text.get(start..end).unwrap_or_default();
        if let Ok(number) = serde_json::from_str::<Number>(digits) {
            return Ok(Value::Number(number));
        }
        Ok(self.not_finite())
    }

    fn string(&mut self) -> Result<String, Fault> {
        let bytes = self.text.as_bytes();
        let begin = self.at;
        self.at += 1;
        let mut out = String::new();
        loop {
            let run = self.at;
            while bytes
                .get(self.at)
                .is_some_and(|byte| !matches!(byte, b'"' | b'\\' | 0..=0x1f))
            {
                self.at += 1;
            }
            out.push_str(self.text.get(run..self.at).unwrap_or_default());
            match self.peek() {
                None => return Err(Fault::new(begin, "Unterminated string starting at")),
                Some(b'"') => {
                    self.at += 1;
                    return Ok(out);
                }
                Some(b'\\') => out.push(self.escape(begin)?),
                Some(_) => return Err(Fault::new(self.at, "Invalid control character at")),
            }
        }
    }

    fn escape(&mut self, begin: usize) -> Result<char, Fault> {
        let backslash = self.at;
        let Some(kind) = self.text.as_bytes().get(backslash + 1) else {
            return Err(Fault::new(begin, "Unterminated string starting at"));
        };
        self.at += 2;
        Ok(match kind {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.code_point(backslash),
            _ => return Err(Fault::new(backslash, "Invalid \\escape")),
        })
    }

    fn code_point(&mut self, backslash: usize) -> Result<char, Fault> {
        let Some(first) = self.unit(backslash) else {
            return Err(Fault::new(backslash + 1, "Invalid \\uXXXX escape"));
        };
        self.at = backslash + 6;
        if let Some(plain) = char::from_u32(first) {
            return Ok(plain);
        }
        if (0xd800..0xdc00).contains(&first)
            && let Some(second @ 0xdc00..=0xdfff) = self.unit(self.at)
        {
            self.at += 6;
            let code = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
            return Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
        }
        let path = self.here();
        self.losses
            .approximated(path, "half a surrogate pair is not a character");
        Ok(char::REPLACEMENT_CHARACTER)
    }

    /// The four hex digits of an escape that starts at `at` and is followed by something.
    fn unit(&self, at: usize) -> Option<u32> {
        let escape = self.text.get(at..at + 6)?;
        let digits = escape.strip_prefix("\\u")?;
        self.text.as_bytes().get(at + 6)?;
        if digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            u32::from_str_radix(digits, 16).ok()
        } else {
            None
        }
    }
}
