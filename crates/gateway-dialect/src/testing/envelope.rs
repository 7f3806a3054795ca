//! What must hold for the envelope of any bytes that a stranger sends, beside `serde_json`.

use bytes::Bytes;
use gateway_json::Envelope;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};

/// Reads `data` as the gateway and as `serde_json` reads it.
///
/// * What the gateway takes is an object to `serde_json` too, and the text that is sent on says the same as `data`: of members
///   with one name the last one counts.
/// * That text is no longer than `data` and is read again as it is, and its envelope has just the members of the object.
/// * What only the gateway refuses has a name that readers disagree about, or too many of them.
///
/// # Panics
/// One of these does not hold.
pub fn envelope(data: &[u8]) -> bool {
    let theirs = serde_json::from_slice::<Map<String, Value>>(data);
    let (text, envelope) = match Envelope::read(Bytes::copy_from_slice(data)) {
        Ok(read) => read,
        Err(fault) => {
            assert!(fault.offset <= data.len(), "{fault}");
            let is_stricter =
                fault.what.contains("null character") || fault.what.contains("more than");
            assert!(theirs.is_err() || is_stricter, "{fault}");
            return false;
        }
    };
    assert!(text.len() <= data.len());
    assert_eq!(Envelope::scan(&text).as_ref(), Ok(&envelope));
    let Ok(theirs) = theirs else {
        // Numbers without end and halves of surrogate pairs in values are for whoever reads them.
        assert!(serde_json::from_slice::<IgnoredAny>(data).is_ok());
        return true;
    };
    let ours = serde_json::from_slice::<Map<String, Value>>(&text);
    assert_eq!(ours.ok().as_ref(), Some(&theirs));
    assert_eq!(envelope.members().len(), theirs.len());
    for (key, value) in &theirs {
        if key.contains(|letter: char| letter < ' ' || letter == '"' || letter == '\\') {
            // A name that is not written as it is read is never asked for.
            continue;
        }
        let found = envelope.get(&text, key);
        let found = found.and_then(|text| serde_json::from_slice::<Value>(text).ok());
        assert_eq!(found.as_ref(), Some(value), "{key}");
        assert_eq!(envelope.string(&text, key).as_deref(), value.as_str());
        assert_eq!(envelope.bool(&text, key), value.as_bool());
        let is_same = |it| envelope.integer(&text, key) == Some(it);
        assert!(value.as_u64().is_none_or(is_same), "{key}");
    }
    true
}
