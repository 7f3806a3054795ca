//! Where Bedrock is: region and address, from the configuration or from where AWS's own clients look.

use std::collections::BTreeMap;

use gateway_provider::Environment;

use crate::options::Settings;

/// The sections of AWS's shared files that concern us: one profile, from both files.
#[derive(Debug, Clone, Default)]
pub(crate) struct Profile(BTreeMap<String, String>);

impl Profile {
    /// Reads the profile `name`.
    pub(crate) fn read(environment: &dyn Environment, name: &str) -> Self {
        let home = environment
            .var("HOME")
            .or_else(|| environment.var("USERPROFILE"));
        let file = |variable: &str, end: &str| {
            let path = environment.var(variable).or_else(|| {
                home.as_deref()
                    .map(|home| format!("{}/.aws/{end}", home.trim_end_matches('/')))
            })?;
            environment.read(&path)
        };
        let mut values = BTreeMap::new();
        if let Some(text) = file("AWS_CONFIG_FILE", "config") {
            let section = if name == "default" {
                name.to_owned()
            } else {
                format!("profile {name}")
            };
            section_of(&text, &section, &mut values);
        }
        if let Some(text) = file("AWS_SHARED_CREDENTIALS_FILE", "credentials") {
            section_of(&text, name, &mut values);
        }
        Self(values)
    }

    /// A value that is not blank.
    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        self.0
            .get(key)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }
}

/// Adds the values of a section; those that are indented belong to a nested one and are passed over.
fn section_of(text: &str, section: &str, out: &mut BTreeMap<String, String>) {
    let mut inside = false;
    for line in text.lines() {
        let bare = line.trim();
        if let Some(name) = bare
            .strip_prefix('[')
            .and_then(|rest| rest.split(']').next())
        {
            let words = name.split_whitespace();
            inside = words.eq(section.split_whitespace());
        } else if inside
            && !line.starts_with([' ', '\t', '#', ';'])
            && let Some((key, value)) = bare.split_once('=')
        {
            out.insert(key.trim().to_ascii_lowercase(), value.trim().to_owned());
        }
    }
}

/// The profile that is meant when the configuration names none.
pub(crate) fn default_profile(environment: &dyn Environment) -> String {
    environment
        .var("AWS_PROFILE")
        .or_else(|| environment.var("AWS_DEFAULT_PROFILE"))
        .unwrap_or_else(|| "default".to_owned())
}

/// Which of AWS's services answers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Runtime {
    /// How its host begins.
    host: &'static str,
    /// What says that it is elsewhere.
    variable: &'static str,
}

impl Runtime {
    pub(crate) const BEDROCK: Self = Self {
        host: "bedrock-runtime",
        variable: "AWS_ENDPOINT_URL_BEDROCK_RUNTIME",
    };
    pub(crate) const SAGEMAKER: Self = Self {
        host: "runtime.sagemaker",
        variable: "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME",
    };
}

/// Region and addresses.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// `None` when nobody says: every call is refused with that reason.
    pub(crate) region: Option<String>,
    /// Without a slash at its end; `None` without a region.
    pub(crate) base: Option<String>,
    /// Where roles are assumed.
    pub(crate) sts: Option<String>,
}

impl Place {
    /// Looks in the settings, the model's ARN, the environment and the profile, in this order.
    pub(crate) fn find(
        settings: &Settings,
        environment: &dyn Environment,
        runtime: Runtime,
    ) -> Self {
        let name = settings
            .profile
            .clone()
            .unwrap_or_else(|| default_profile(environment));
        let profile = Profile::read(environment, &name);
        let region = settings
            .region
            .clone()
            .or_else(|| region_of_arn(settings.model.as_str()))
            .or_else(|| environment.var("AWS_REGION"))
            .or_else(|| environment.var("AWS_DEFAULT_REGION"))
            .or_else(|| profile.get("region").map(str::to_owned))
            .filter(|region| is_region(region));
        let ignored = environment
            .var("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS")
            .is_some_and(|value| value.eq_ignore_ascii_case("true"));
        let configured = |variable: &str| {
            if ignored {
                return None;
            }
            environment
                .var(variable)
                .or_else(|| environment.var("AWS_ENDPOINT_URL"))
                .or_else(|| profile.get("endpoint_url").map(str::to_owned))
        };
        let at = |service: &str| {
            region
                .as_deref()
                .map(|region| format!("https://{service}.{region}.{}", suffix(region)))
        };
        let base = settings
            .endpoint
            .clone()
            .or_else(|| configured(runtime.variable))
            .or_else(|| at(runtime.host));
        let sts = configured("AWS_ENDPOINT_URL_STS").or_else(|| at("sts"));
        let bare = |address: String| address.trim_end_matches('/').to_owned();
        Self {
            region,
            base: base.map(bare),
            sts: sts.map(bare),
        }
    }
}

/// `arn:aws:bedrock:us-west-2:123456789012:inference-profile/...`
fn region_of_arn(model: &str) -> Option<String> {
    let mut words = model.split(':');
    (words.next() == Some("arn")).then_some(())?;
    words
        .nth(2)
        .filter(|region| !region.is_empty())
        .map(str::to_owned)
}

/// A region is part of a host name.
pub(crate) fn is_region(region: &str) -> bool {
    !region.is_empty()
        && region.len() <= 63
        && region
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

fn suffix(region: &str) -> &'static str {
    if region.starts_with("cn-") {
        "amazonaws.com.cn"
    } else {
        "amazonaws.com"
    }
}
