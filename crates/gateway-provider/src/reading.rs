//! Settings, read: what nearly every provider asks for, and everything that is wrong, told at once.

use gateway_schema::{ModelId, OptionProblem, Options, Secret};
use http::{HeaderValue, Uri};

use crate::registry::TargetSpec;

/// Reads settings and gathers what is wrong with them.
#[derive(Debug)]
pub struct Reading<'a> {
    options: &'a Options,
    problems: Vec<OptionProblem>,
}

impl<'a> Reading<'a> {
    /// Reads `options`.
    pub const fn new(options: &'a Options) -> Self {
        Self {
            options,
            problems: Vec::new(),
        }
    }

    /// Notes a problem with the setting `name`; an empty name is all of them.
    pub fn problem(&mut self, name: &str, message: impl Into<String>) {
        self.problems.push(OptionProblem::new(name, message));
    }

    /// Notes problems that something else found.
    pub fn problems(&mut self, found: Vec<OptionProblem>) {
        self.problems.extend(found);
    }

    /// True when something is wrong with the setting `name`.
    pub fn has_problem(&self, name: &str) -> bool {
        self.problems.iter().any(|problem| problem.path == name)
    }

    /// A setting that is text, if it is given.
    pub fn text(&mut self, name: &str) -> Option<&'a str> {
        let options = self.options;
        if options.get(name).is_some_and(|value| !value.is_string()) && !self.has_problem(name) {
            self.problem(name, format!("{name} must be text."));
        }
        options.text(name)
    }

    /// The model's name, which must be given; `example` is one.
    pub fn model(&mut self, spec: &TargetSpec, example: &str) -> Option<ModelId> {
        let model = spec.model.clone();
        let model = model.filter(|model| !model.as_str().is_empty());
        if model.is_none() {
            let message = format!("The model needs a name, for instance {example}.");
            self.problem("", message);
        }
        model
    }

    /// A credential that a header carries, if it is given.
    pub fn key(&mut self, name: &str) -> Option<Secret> {
        let key = self.text(name)?;
        self.header(name, key)?;
        Some(Secret::new(key.to_owned()))
    }

    /// A credential that a header carries and that must be given; `what` says whose it is.
    pub fn required_key(&mut self, name: &str, what: &str) -> Option<Secret> {
        let key = self.key(name);
        if key.is_none() && !self.has_problem(name) {
            self.problem(name, format!("{name} is missing: give {what} as text."));
        }
        key
    }

    /// Text of the setting `name` as the value of a header.
    pub fn header(&mut self, name: &str, text: &str) -> Option<HeaderValue> {
        let value = HeaderValue::from_str(text).ok();
        if value.is_none() {
            let message = format!("{name} has characters that no HTTP header can carry.");
            self.problem(name, message);
        }
        value
    }

    /// The address of an API, without slashes at its end, if it is given; `example` is one.
    pub fn address(&mut self, name: &str, example: &str) -> Option<&'a str> {
        let address = self.text(name)?.trim_end_matches('/');
        if is_address(address) {
            return Some(address);
        }
        self.no_address(name, example);
        None
    }

    /// The address of an API that has no usual one.
    pub fn required_address(&mut self, name: &str, example: &str) -> Option<&'a str> {
        let address = self.address(name, example);
        if address.is_none() && !self.has_problem(name) {
            self.no_address(name, example);
        }
        address
    }

    fn no_address(&mut self, name: &str, example: &str) {
        let message = format!("{name} must be an http or https address such as {example}.");
        self.problem(name, message);
    }

    /// What was read, where nothing is missing or wrong.
    ///
    /// # Errors
    /// Everything that is.
    pub fn finish<T>(self, read: Option<T>) -> Result<T, Vec<OptionProblem>> {
        match read {
            Some(read) if self.problems.is_empty() => Ok(read),
            _ => Err(self.problems),
        }
    }
}

/// True for an absolute address of HTTP without a query: one that paths can be written behind.
pub fn is_address(text: &str) -> bool {
    text.parse::<Uri>().is_ok_and(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https"))
            && uri.host().is_some_and(|host| !host.is_empty())
            && uri.query().is_none()
    })
}

#[cfg(test)]
mod tests {
    use gateway_schema::Operation;
    use serde_json::{Value, json};

    use super::*;

    fn options(value: Value) -> Options {
        let Value::Object(fields) = value else {
            panic!("an object")
        };
        Options::new(fields)
    }

    #[test]
    fn an_address_is_absolute_and_ends_before_the_query() {
        for good in ["http://h", "https://h:8080/v1", "http://127.0.0.1:1/a/"] {
            assert!(is_address(good), "{good}");
        }
        for bad in ["", "h", "/v1", "ftp://h", "https://", "https://h/?a=1"] {
            assert!(!is_address(bad), "{bad}");
        }
    }

    #[test]
    fn everything_wrong_is_told_once_and_nothing_given_is_repeated() {
        let options = options(json!({"key": "top\nsecret", "base": "h", "other": 7}));
        let mut reading = Reading::new(&options);
        let spec = TargetSpec::new("p", None, Operation::Chat);
        let model = reading.model(&spec, "m-1");
        assert!(reading.required_key("key", "a key").is_none());
        assert!(reading.required_key("token", "a token").is_none());
        assert!(reading.required_address("base", "http://h").is_none());
        assert!(reading.required_address("there", "http://h").is_none());
        assert!(reading.text("other").is_none() && reading.key("other").is_none());
        let problems = reading.finish(model).unwrap_err();
        let told: Vec<&str> = problems.iter().map(|it| it.message.as_str()).collect();
        assert_eq!(
            told,
            [
                "The model needs a name, for instance m-1.",
                "key has characters that no HTTP header can carry.",
                "token is missing: give a token as text.",
                "base must be an http or https address such as http://h.",
                "there must be an http or https address such as http://h.",
                "other must be text.",
            ]
        );
    }

    #[test]
    fn what_is_left_out_is_no_problem_unless_it_must_be_given() {
        let options = options(json!({"base": "https://h/v1//", "key": " k "}));
        let mut reading = Reading::new(&options);
        assert_eq!(reading.address("base", "http://h"), Some("https://h/v1"));
        assert_eq!(reading.address("there", "http://h"), None);
        assert_eq!(reading.key("token"), None);
        let key = reading.required_key("key", "a key");
        assert_eq!(reading.finish(key).unwrap().expose(), "k");
    }
}
