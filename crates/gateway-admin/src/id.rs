//! Identifiers of entities.

use crate::AdminError;

/// `prefix` and 32 hexadecimal digits, as MLflow makes them.
///
/// # Errors
/// [`AdminError::Internal`] when the operating system gives no random numbers.
pub(crate) fn fresh(prefix: &str) -> Result<String, AdminError> {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes)
        .map_err(|_| AdminError::Internal("the machine gives no random numbers".to_owned()))?;
    Ok(format!("{prefix}-{:032x}", u128::from_be_bytes(bytes)))
}
