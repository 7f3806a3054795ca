//! Names of fields: the API writes camel case and reads snake case as well, as every API made of protocol buffers does.

use std::borrow::Cow;

/// The camel-case spelling of a field's name.
pub(super) fn camel(key: Cow<'_, str>) -> Cow<'_, str> {
    if !key.contains('_') {
        return key;
    }
    let mut out = String::with_capacity(key.len());
    let mut raise = false;
    for letter in key.chars() {
        if letter == '_' {
            raise = !out.is_empty();
        } else if std::mem::take(&mut raise) {
            out.extend(letter.to_uppercase());
        } else {
            out.push(letter);
        }
    }
    Cow::Owned(out)
}

/// A model without the collection it stands in: `models/gemini-2.5-flash`.
pub(super) fn bare_model(name: &str) -> &str {
    name.strip_prefix("models/").unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::camel;

    #[test]
    fn both_spellings_are_one_name() {
        for (name, want) in [
            ("thought_signature", "thoughtSignature"),
            ("thoughtSignature", "thoughtSignature"),
            ("top_p", "topP"),
            ("text", "text"),
            ("_x__y_", "xY"),
            ("response_json_schema", "responseJsonSchema"),
        ] {
            assert_eq!(camel(name.into()), want);
        }
    }
}
