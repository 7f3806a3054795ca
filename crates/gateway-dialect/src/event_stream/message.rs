//! One message, and its headers.

/// Types of header values, by their number.
const TRUE: u8 = 0;
const FALSE: u8 = 1;
const BYTES: u8 = 6;
const STRING: u8 = 7;
const UUID: u8 = 9;

/// A message whose checksums are right and whose headers can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message<'a> {
    headers: &'a [u8],
    /// What it carries.
    pub payload: &'a [u8],
}

impl<'a> Message<'a> {
    /// `None` when the headers cannot be read.
    pub(super) fn read(headers: &'a [u8], payload: &'a [u8]) -> Option<Self> {
        let mut rest = headers;
        while !rest.is_empty() {
            rest = take(rest)?.1;
        }
        Some(Self { headers, payload })
    }

    /// The value of a header of type text; the first one if it stands more than once.
    pub fn header(&self, name: &str) -> Option<&'a str> {
        let mut rest = self.headers;
        while let Some((header, after)) = take(rest) {
            if header.name == name.as_bytes() && header.kind == STRING {
                return std::str::from_utf8(header.value).ok();
            }
            rest = after;
        }
        None
    }

    /// What it is: `event`, `exception` or `error`. A message that does not say is an event.
    pub fn kind(&self) -> &'a str {
        self.header(":message-type").unwrap_or("event")
    }
}

struct Header<'a> {
    name: &'a [u8],
    kind: u8,
    value: &'a [u8],
}

/// The first header, and what follows it.
fn take(bytes: &[u8]) -> Option<(Header<'_>, &[u8])> {
    let (length, rest) = bytes.split_first()?;
    let (name, rest) = rest.split_at_checked(usize::from(*length))?;
    let (kind, rest) = rest.split_first()?;
    let (length, rest) = match *kind {
        TRUE | FALSE => (0, rest),
        // A byte, a short, an int, a long, a timestamp.
        2 => (1, rest),
        3 => (2, rest),
        4 => (4, rest),
        5 | 8 => (8, rest),
        BYTES | STRING => {
            let (length, rest) = rest.split_first_chunk::<2>()?;
            (usize::from(u16::from_be_bytes(*length)), rest)
        }
        UUID => (16, rest),
        _ => return None,
    };
    let (value, rest) = rest.split_at_checked(length)?;
    let header = Header {
        name,
        kind: *kind,
        value,
    };
    Some((header, rest))
}
