//! Numbers.

use crate::cursor::{Cursor, Fault};

impl Cursor<'_> {
    pub(crate) fn number(&mut self) -> Result<(), Fault> {
        if self.here() == Some(b'-') {
            self.at += 1;
        }
        if self.here() == Some(b'0') {
            self.at += 1;
            if let Some(b'0'..=b'9') = self.here() {
                return self.fault("a number must not begin with 0");
            }
        } else {
            self.digits()?;
        }
        if self.here() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.here() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.here() {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), Fault> {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.here() {
            self.at += 1;
        }
        if self.at == start {
            self.fault("a digit is expected")
        } else {
            Ok(())
        }
    }

    /// The value, if it is a whole number without a sign that fits, also written `7.0` or `7e0`; any other value is skipped.
    ///
    /// # Errors
    /// [`Fault`] where it is no value.
    pub fn whole_number(&mut self) -> Result<Option<u64>, Fault> {
        let range = self.value()?;
        let digits = self.text.get(range).unwrap_or_default();
        let mut number = 0_u64;
        for byte in digits {
            let digit = byte.wrapping_sub(b'0');
            if digit > 9 {
                return Ok(whole(digits));
            }
            let next = number.checked_mul(10);
            let Some(next) = next.and_then(|next| next.checked_add(u64::from(digit))) else {
                return Ok(None);
            };
            number = next;
        }
        Ok(Some(number))
    }
}

/// A whole number with a fraction or an exponent, up to 2^53, to which such numbers are exact.
fn whole(text: &[u8]) -> Option<u64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let first = text.first()?;
    let value: f64 = if first.is_ascii_digit() {
        std::str::from_utf8(text).ok()?.parse().ok()?
    } else {
        return None;
    };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked to be whole and within 2^53"
    )]
    let number = ((0.0..=EXACT).contains(&value) && value.fract() == 0.0).then_some(value as u64);
    number
}
