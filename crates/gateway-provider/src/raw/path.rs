//! Paths that lead down and nowhere else.

use std::borrow::Cow;

use gateway_schema::{CallError, ErrorKind};

/// How often a path may be percent-encoded over and over.
const MAX_LAYERS: usize = 4;

/// A path below the root of an API, percent-encoded as its caller wrote it, without a slash before it.
///
/// It names no other place: no `.` and `..`, no empty segment, no backslash and no control character, however often
/// they are percent-encoded, and neither query nor fragment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawPath(String);

impl RawPath {
    /// Checks a path.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidRequest`] with what is wrong with it.
    pub fn check(text: &str) -> Result<Self, CallError> {
        if text.is_empty() {
            return Err(refused("is empty"));
        }
        if text.contains(['?', '#']) {
            return Err(refused("contains a query or a fragment"));
        }
        let mut segments = text.split('/').rev();
        // A slash at the end stays.
        let last = segments.next().unwrap_or_default();
        if segments.any(str::is_empty) || (last.is_empty() && text.len() == 1) {
            return Err(refused("contains an empty segment"));
        }
        let mut plain: Cow<'_, [u8]> = Cow::Borrowed(text.as_bytes());
        for layer in 0..=MAX_LAYERS {
            inspect(&plain)?;
            let next = decoded(&plain).or_else(|malformed| match layer {
                0 => Err(malformed),
                // What stands behind an encoded percent sign need not be encoded itself.
                _ => Ok(None),
            })?;
            match next {
                None => return Ok(Self(text.to_owned())),
                Some(next) => plain = Cow::Owned(next),
            }
        }
        Err(refused("is percent-encoded too many times"))
    }

    /// The path, as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its segments, percent-decoded once: what the provider reads.
    pub fn segments(&self) -> Vec<String> {
        let segment = |text: &str| {
            let plain = decoded(text.as_bytes()).ok().flatten();
            plain.map_or_else(
                || text.to_owned(),
                |plain| String::from_utf8_lossy(&plain).into_owned(),
            )
        };
        self.0
            .split('/')
            .flat_map(|part| {
                let plain = segment(part);
                plain.split('/').map(str::to_owned).collect::<Vec<_>>()
            })
            .filter(|segment| !segment.is_empty())
            .collect()
    }
}

fn inspect(path: &[u8]) -> Result<(), CallError> {
    let Ok(text) = std::str::from_utf8(path) else {
        return Err(refused("is not UTF-8"));
    };
    if text.contains('\\') {
        return Err(refused("contains a backslash"));
    }
    if text.chars().any(char::is_control) {
        return Err(refused("contains a control character"));
    }
    // Some servers read `..;x` as `..`.
    let climbs = |segment: &str| {
        let name = segment.split(';').next().unwrap_or_default().trim();
        name == "." || name == ".."
    };
    if text.split('/').any(climbs) {
        return Err(refused("contains '.' or '..'"));
    }
    Ok(())
}

/// The path with one layer of percent-encoding taken away; `None` when there is none.
fn decoded(path: &[u8]) -> Result<Option<Vec<u8>>, CallError> {
    if !path.contains(&b'%') {
        return Ok(None);
    }
    let mut out = Vec::with_capacity(path.len());
    let mut rest = path;
    while let Some((byte, after)) = rest.split_first() {
        if *byte != b'%' {
            out.push(*byte);
            rest = after;
            continue;
        }
        let digit = |at: usize| {
            let byte = after.get(at)?;
            char::from(*byte).to_digit(16)
        };
        let (Some(high), Some(low)) = (digit(0), digit(1)) else {
            return Err(refused("contains a '%' that encodes nothing"));
        };
        out.push(u8::try_from(high * 16 + low).unwrap_or_default());
        rest = after.get(2..).unwrap_or_default();
    }
    Ok(Some(out))
}

fn refused(what: &str) -> CallError {
    CallError::client(
        ErrorKind::InvalidRequest,
        format!("The path {what}; a path below the provider's API is expected."),
    )
    .with_code("invalid_path")
}
