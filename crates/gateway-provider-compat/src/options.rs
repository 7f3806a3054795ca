//! Settings of a row, read and checked.

use gateway_provider::{Environment, TargetSpec, is_address};
use gateway_schema::{ModelId, OptionProblem, Options, Secret};
use http::{HeaderName, HeaderValue};

use crate::preset::{Auth, Base, Preset};
use crate::workspace;

/// Who asks.
#[derive(Debug)]
pub(crate) enum Identity {
    /// Nobody in particular.
    Anyone,
    /// The holder of a key or a token.
    Key(Secret),
    /// A service principal of a Databricks workspace, whose tokens are fetched there.
    Principal {
        host: String,
        id: String,
        secret: Secret,
    },
}

/// Settings, read.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) model: ModelId,
    pub(crate) identity: Identity,
    /// Up to the path of the operation, without a slash at its end.
    pub(crate) base: String,
    /// A second credential, sent as a bearer token beside the key.
    pub(crate) bearer: Option<HeaderValue>,
    /// Further headers of every request.
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
}

impl Settings {
    /// Reads settings, or says everything that is wrong with them. Without an environment, what it may hold counts as
    /// given.
    pub(crate) fn read(
        preset: &Preset,
        spec: &TargetSpec,
        options: &Options,
        environment: Option<&dyn Environment>,
    ) -> Result<Option<Self>, Vec<OptionProblem>> {
        let mut reading = Reading {
            preset,
            options,
            environment,
            problems: Vec::new(),
        };
        for option in preset.options {
            reading.text(option.name);
        }
        let model = spec
            .model
            .clone()
            .filter(|model| !model.as_str().is_empty());
        if model.is_none() {
            let message = format!(
                "A model of {} needs its name: give model.name.",
                preset.display_name
            );
            reading.problem("", message);
        }
        let base = reading.base(model.as_ref().map_or("", ModelId::as_str));
        let identity = reading.identity();
        let headers = reading.headers();
        let bearer = match preset.auth {
            Auth::Apart { bearer, .. } => reading
                .text(bearer)
                .and_then(|key| reading.header(bearer, &format!("Bearer {key}"))),
            _ => None,
        };
        if !reading.problems.is_empty() {
            return Err(reading.problems);
        }
        let (Some(model), Some(base), Some(identity)) = (model, base, identity) else {
            return Ok(None);
        };
        Ok(Some(Self {
            model,
            identity,
            base,
            bearer: bearer.map(|mut value| {
                value.set_sensitive(true);
                value
            }),
            headers,
        }))
    }
}

/// Settings being read. What only the environment can tell is `None` without a problem when there is no environment.
struct Reading<'a> {
    preset: &'a Preset,
    options: &'a Options,
    environment: Option<&'a dyn Environment>,
    problems: Vec<OptionProblem>,
}

impl<'a> Reading<'a> {
    fn problem(&mut self, path: &str, message: String) {
        self.problems.push(OptionProblem::new(path, message));
    }

    fn text(&mut self, name: &'static str) -> Option<&'a str> {
        let options = self.options;
        if options.get(name).is_some_and(|value| !value.is_string())
            && !self.problems.iter().any(|problem| problem.path == name)
        {
            self.problem(name, format!("{name} must be text."));
        }
        options.text(name)
    }

    fn variable(&self, name: &str) -> Option<String> {
        self.environment?.var(name)
    }

    fn header(&mut self, name: &str, value: &str) -> Option<HeaderValue> {
        let value = HeaderValue::from_str(value).ok();
        if value.is_none() {
            self.problem(
                name,
                format!("{name} has characters that no HTTP header can carry."),
            );
        }
        value
    }

    /// The address that the user gave, under the vendor's name for it or the common one.
    fn given_base(&mut self) -> Option<(&'static str, &'a str)> {
        let own = self.preset.base_option();
        self.text(own)
            .map(|base| (own, base))
            .or_else(|| self.text("api_base").map(|base| ("api_base", base)))
    }

    fn base(&mut self, model: &str) -> Option<String> {
        let given = self.given_base();
        if self.preset.base == Base::Workspace {
            let host = self.host(given.map(|(_, base)| base))?;
            return Some(workspace::base(&host, model));
        }
        let (name, base) = match (given, self.preset.base) {
            (Some((name, base)), _) => (name, base.to_owned()),
            (None, Base::At(base)) => ("", base.to_owned()),
            (
                None,
                Base::Account {
                    before,
                    option,
                    after,
                },
            ) => (option, self.account(before, option, after)?),
            (None, _) => {
                self.problem(
                    "api_base",
                    "api_base is missing: say where the API is, for instance http://localhost:8000/v1.".to_owned(),
                );
                return None;
            }
        };
        let base = base.trim_end_matches('/').to_owned();
        if !is_address(&base) {
            self.problem(
                name,
                format!(
                    "{name} must be an http or https address without a query, such as https://host/v1."
                ),
            );
            return None;
        }
        Some(base)
    }

    fn account(&mut self, before: &str, option: &'static str, after: &str) -> Option<String> {
        let Some(account) = self.text(option) else {
            self.problem(
                option,
                format!("{option} is missing: give it, or the whole address as api_base."),
            );
            return None;
        };
        // People copy the address as often as the name in it.
        let account = account
            .trim_start_matches("https://")
            .trim_end_matches('/')
            .trim_end_matches(after.split('/').next().unwrap_or_default());
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if account.is_empty() || !account.bytes().all(is_name) {
            self.problem(
                option,
                format!("{option} must be a name of letters, digits, `-`, `_` and `.`."),
            );
            return None;
        }
        Some(format!("{before}{account}{after}"))
    }

    /// The workspace's address, without a path.
    fn host(&mut self, given: Option<&str>) -> Option<String> {
        let host = self
            .text("host")
            .or(given)
            .map(str::to_owned)
            .or_else(|| self.variable("DATABRICKS_HOST"));
        let Some(host) = host else {
            if self.environment.is_some() {
                self.problem(
                    "host",
                    "host is missing: give the address of the workspace, or set DATABRICKS_HOST."
                        .to_owned(),
                );
            }
            return None;
        };
        let host = workspace::host(&host);
        if !is_address(&host) {
            self.problem(
                "host",
                "host must be the address of a workspace, such as https://adb-1.2.azuredatabricks.net."
                    .to_owned(),
            );
            return None;
        }
        Some(host)
    }

    fn identity(&mut self) -> Option<Identity> {
        if self.preset.auth == Auth::Workspace {
            return self.principal();
        }
        let name = self.preset.key_option();
        let key = match (self.text(name), self.preset.auth) {
            (Some(key), Auth::Unless(none)) if key == none => return Some(Identity::Anyone),
            (Some(key), _) => key,
            (None, Auth::Optional | Auth::Unless(_)) => return Some(Identity::Anyone),
            (None, _) => {
                let message = format!(
                    "{name} is missing: give the API key of {} as text.",
                    self.preset.display_name
                );
                self.problem(name, message);
                return None;
            }
        };
        self.header(name, key)?;
        Some(Identity::Key(Secret::new(key.to_owned())))
    }

    /// A token before a service principal, what is written before what the environment says.
    fn principal(&mut self) -> Option<Identity> {
        let given = self.given_base().map(|(_, base)| base);
        let token = self.text("token").map(str::to_owned);
        let written = (
            self.text("client_id").map(str::to_owned),
            self.text("client_secret").map(str::to_owned),
        );
        if let (None, (Some(_), None) | (None, Some(_))) = (&token, &written)
            && self.environment.is_none()
        {
            // The other half may be in the environment.
            return None;
        }
        let token = token.or_else(|| {
            (written.0.is_none() && written.1.is_none())
                .then(|| self.variable("DATABRICKS_TOKEN"))
                .flatten()
        });
        if let Some(token) = token {
            self.header("token", &token)?;
            return Some(Identity::Key(Secret::new(token)));
        }
        let id = written.0.or_else(|| self.variable("DATABRICKS_CLIENT_ID"));
        let secret = written
            .1
            .or_else(|| self.variable("DATABRICKS_CLIENT_SECRET"));
        match (id, secret) {
            (Some(id), Some(secret)) => Some(Identity::Principal {
                host: self.host(given)?,
                id,
                secret: Secret::new(secret),
            }),
            _ if self.environment.is_none() => None,
            _ => {
                self.problem(
                    "token",
                    "Databricks needs a token, or client_id and client_secret: give them here or as DATABRICKS_TOKEN, \
                     DATABRICKS_CLIENT_ID and DATABRICKS_CLIENT_SECRET."
                        .to_owned(),
                );
                None
            }
        }
    }

    fn headers(&mut self) -> Vec<(HeaderName, HeaderValue)> {
        let mut headers = Vec::new();
        for (option, name) in self.preset.headers {
            if let Some(text) = self.text(option)
                && let Some(value) = self.header(option, text)
            {
                headers.push((HeaderName::from_static(name), value));
            }
        }
        headers
    }
}
