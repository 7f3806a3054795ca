//! Requests in random spellings. The same seed gives the same requests.

const NAMES: [&str; 20] = [
    "model",
    "stream",
    "stream_options",
    "max_tokens",
    "max_completion_tokens",
    "n",
    "messages",
    "tools",
    "user",
    "metadata",
    "temperature",
    "content",
    "role",
    "a/b",
    "a\"b",
    "a\\b",
    "\u{e9}",
    "\u{1F600}",
    "a\nb",
    "",
];
const TEXTS: [&str; 9] = [
    "chat",
    "gpt",
    "expensive",
    "",
    "a \"quoted\" \\ word",
    "line\nfeed\ttab\r\u{8}\u{c}",
    "\u{1}\u{1f}\u{7f}",
    "na\u{ef}ve \u{6f22}\u{5b57}",
    "\u{1F469}\u{200D}\u{1F680} \u{10FFFF}",
];
const NUMBERS: [&str; 15] = [
    "0",
    "-0",
    "1",
    "12.0",
    "1.2e1",
    "1E+2",
    "0.1",
    "-5",
    "1e-7",
    "4000",
    "9007199254740993",
    "18446744073709551615",
    "18446744073709551616",
    "123456789012345678901234567890",
    "1.5e308",
];

/// Writes requests.
pub(super) struct Speller {
    random: fastrand::Rng,
}

impl Speller {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            random: fastrand::Rng::with_seed(seed),
        }
    }

    /// An object of a few members.
    pub(super) fn request(&mut self) -> String {
        let mut out = String::new();
        self.space(&mut out);
        self.object(3, &mut out);
        self.space(&mut out);
        out
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.random.usize(..all.len())]
    }

    fn chance(&mut self, percent: u8) -> bool {
        self.random.u8(..100) < percent
    }

    fn space(&mut self, out: &mut String) {
        while self.chance(20) {
            out.push(self.one_of(&[' ', '\t', '\n', '\r']));
        }
    }

    fn object(&mut self, depth: u8, out: &mut String) {
        // Few names and many members: most objects have one twice.
        let few = self.random.usize(1..=NAMES.len());
        out.push('{');
        self.space(out);
        for number in 0..self.random.usize(..8) {
            if number > 0 {
                out.push(',');
                self.space(out);
            }
            let name = self.one_of(&NAMES[..few]);
            self.text(name, out);
            self.space(out);
            out.push(':');
            self.space(out);
            self.value(depth, out);
            self.space(out);
        }
        out.push('}');
    }

    fn value(&mut self, depth: u8, out: &mut String) {
        match self.random.u8(..if depth == 0 { 6 } else { 10 }) {
            0 => out.push_str(self.one_of(&["true", "false", "null"])),
            1 | 2 => out.push_str(self.one_of(&NUMBERS)),
            3..=5 => {
                let text = self.one_of(&TEXTS);
                self.text(text, out);
            }
            6 | 7 => self.object(depth - 1, out),
            _ => self.list(depth - 1, out),
        }
    }

    fn list(&mut self, depth: u8, out: &mut String) {
        out.push('[');
        self.space(out);
        for number in 0..self.random.usize(..4) {
            if number > 0 {
                out.push(',');
                self.space(out);
            }
            self.value(depth, out);
            self.space(out);
        }
        out.push(']');
    }

    /// A string, each letter as it is or in one of its escapes.
    fn text(&mut self, text: &str, out: &mut String) {
        let escapes = self.one_of(&[0, 0, 10, 90]);
        out.push('"');
        for letter in text.chars() {
            let must = letter < ' ' || letter == '"' || letter == '\\';
            if must || self.chance(escapes) {
                self.escape(letter, out);
            } else {
                out.push(letter);
            }
        }
        out.push('"');
    }

    fn escape(&mut self, letter: char, out: &mut String) {
        let short = match letter {
            '"' | '\\' | '/' => Some(letter),
            '\u{8}' => Some('b'),
            '\u{c}' => Some('f'),
            '\n' => Some('n'),
            '\r' => Some('r'),
            '\t' => Some('t'),
            _ => None,
        };
        if let Some(short) = short.filter(|_| self.random.bool()) {
            out.push('\\');
            out.push(short);
            return;
        }
        let mut units = [0; 2];
        for unit in letter.encode_utf16(&mut units) {
            let hex = if self.random.bool() {
                format!("\\u{unit:04x}")
            } else {
                format!("\\u{unit:04X}")
            };
            out.push_str(&hex);
        }
    }
}
