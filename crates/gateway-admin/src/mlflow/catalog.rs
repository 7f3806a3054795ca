//! What MLflow's web pages need to fill in a form: providers, and what each wants to know.

use serde_json::{Value, json};

use super::fields::Fields;
use super::models;
use crate::{Admin, AdminError};

/// The forms of providers whose credentials are more than a key and an address, as MLflow shows them.
const FORMS: &str = include_str!("../../data/provider_forms.json");

/// `/gateway/supported-providers`.
pub(super) fn providers(admin: &Admin) -> Value {
    let mut names: Vec<String> = admin
        .providers()
        .entries()
        .iter()
        .map(|entry| entry.name.replace('-', "_"))
        .filter(|name| admin.policy().allows(name))
        .collect();
    names.sort();
    json!({"providers": names})
}

/// `/gateway/provider-config`.
pub(super) fn form(admin: &Admin, fields: &Fields) -> Result<Value, AdminError> {
    let provider = fields
        .text("provider")
        .ok_or_else(|| AdminError::Invalid("Provider parameter is required".to_owned()))?;
    models::allowed(admin, provider)?;
    let forms: Value = serde_json::from_str(FORMS).unwrap_or_default();
    if let Some(form) = forms.get(provider) {
        return Ok(form.clone());
    }
    let title = titled(provider);
    let field = |name: &str, what: &str, required: bool| json!({"name": name, "type": "string", "description": format!("{title} {what}"), "required": required});
    Ok(json!({
        "auth_modes": [{
            "mode": "api_key",
            "display_name": "API Key",
            "description": format!("Use {title} API Key"),
            "secret_fields": [field("api_key", "API Key", true)],
            "config_fields": [field("api_base", "API Base URL", false)],
        }],
        "default_mode": "api_key",
    }))
}

/// With a capital behind everything that is no letter.
fn titled(provider: &str) -> String {
    let mut begins = true;
    provider
        .chars()
        .map(|c| {
            let shown = if begins { c.to_ascii_uppercase() } else { c };
            begins = !c.is_ascii_alphabetic();
            shown
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bundled_forms_are_json_and_titles_are_as_in_python() {
        let forms: Value = serde_json::from_str(FORMS).unwrap();
        assert!(forms["azure"]["auth_modes"].is_array());
        assert_eq!(titled("some-unknown"), "Some-Unknown");
    }
}
