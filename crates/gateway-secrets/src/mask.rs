//! What may be shown of a credential.

/// Shows the first three and last four characters; nothing of a value of fewer than eight characters.
///
/// Spec: the same as MLflow's `masked_values` (`_mask_string_value`), because its clients compare them.
///
/// ```
/// assert_eq!(gateway_secrets::mask("sk-proj-abcdef1234"), "sk-...1234");
/// assert_eq!(gateway_secrets::mask("1234567"), "***");
/// ```
pub fn mask(value: &str) -> String {
    let length = value.chars().count();
    if length < 8 {
        return "***".to_owned();
    }
    let first: String = value.chars().take(3).collect();
    let last: String = value.chars().skip(length - 4).collect();
    format!("{first}...{last}")
}
