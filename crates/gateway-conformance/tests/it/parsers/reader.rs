//! Readers of other languages: one process each, which reads lines and answers them in order.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

/// A reader of JSON.
pub(super) struct Reader {
    pub(super) name: &'static str,
    program: PathBuf,
    arguments: Vec<String>,
}

impl Reader {
    /// Those that are asked.
    pub(super) fn all() -> Vec<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let scripts = root.join("xtask/conformance/parsers");
        // Below the target folder, where `cargo xtask test` installs them.
        let installed = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../conformance/parsers");
        let venv = installed.join("venv/bin/python");
        let python = if venv.exists() {
            venv
        } else {
            PathBuf::from("python3")
        };
        let own = installed.join("parse.js");
        let with = |name, program: PathBuf, script: PathBuf, argument: Option<&str>| Self {
            name,
            program,
            arguments: std::iter::once(script.display().to_string())
                .chain(argument.map(str::to_owned))
                .collect(),
        };
        let node = || PathBuf::from("node");
        let script = |name: &str| scripts.join(name);
        vec![
            with(
                "Python's json",
                python.clone(),
                script("parse.py"),
                Some("json"),
            ),
            with("orjson", python.clone(), script("parse.py"), Some("orjson")),
            with("simplejson", python, script("parse.py"), Some("simplejson")),
            with("JavaScript's JSON.parse", node(), script("parse.js"), None),
            with("jsonc-parser", node(), own, Some("jsonc-parser")),
            with("Perl's JSON::PP", "perl".into(), script("parse.pl"), None),
            Self {
                name: "jq",
                program: "jq".into(),
                arguments: vec!["-c".into(), "--unbuffered".into(), "fromjson".into()],
            },
        ]
    }

    /// What it reads of each text.
    ///
    /// # Errors
    /// Why it is not there.
    ///
    /// # Panics
    /// It does not take a text for JSON.
    pub(super) fn read(&self, texts: &[&str]) -> Result<Vec<Value>, String> {
        let probe = self.answers(&["{}"])?;
        if probe != ["{}"] {
            return Err(format!("it answers {probe:?}"));
        }
        let answers = self.answers(texts)?;
        let value = |(answer, text): (String, &&str)| {
            serde_json::from_str(&answer)
                .unwrap_or_else(|_| panic!("{} says {answer}\nof {text}", self.name))
        };
        Ok(answers.into_iter().zip(texts).map(value).collect())
    }

    fn answers(&self, texts: &[&str]) -> Result<Vec<String>, String> {
        let mut child = Command::new(&self.program)
            .args(&self.arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| error.to_string())?;
        let mut input = child.stdin.take().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let answers = std::thread::scope(|scope| {
            scope.spawn(move || {
                for text in texts {
                    let line = Value::from(*text).to_string();
                    // It has ended by itself: the answers that are missing tell.
                    if writeln!(input, "{line}").is_err() {
                        break;
                    }
                }
            });
            output.lines().map_while(Result::ok).collect()
        });
        child.wait().map_err(|error| error.to_string())?;
        Ok(answers)
    }
}
