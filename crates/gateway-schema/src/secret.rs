//! A value that cannot print itself.

use std::fmt;

use zeroize::Zeroize;

/// Holds a credential. `Debug` shows a placeholder, there is no `Display` and no `Serialize`, and the
/// memory is overwritten when it is dropped.
///
/// ```
/// use gateway_schema::Secret;
///
/// let key = Secret::new("sk-123".to_owned());
/// assert_eq!(format!("{key:?}"), "[secret]");
/// assert_eq!(key.expose(), "sk-123");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Secret<T: Zeroize = String>(T);

impl<T: Zeroize> Secret<T> {
    /// Takes a value into custody.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value. Call it where it is used, and keep the result no longer than that.
    pub const fn expose(&self) -> &T {
        &self.0
    }
}

impl<T: Zeroize> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

impl<T: Zeroize> Drop for Secret<T> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}
