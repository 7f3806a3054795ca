use proptest::prelude::*;
use serde::de::IgnoredAny;

use super::{Cursor, Fault, is_plain, plain};

/// The whole text as one value.
fn check(text: &[u8]) -> Result<(), Fault> {
    let mut cursor = Cursor::new(text);
    cursor.skip()?;
    cursor.end()
}

/// The same as [`plain`], byte by byte.
fn slowly(text: &[u8]) -> usize {
    text.iter()
        .position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20))
        .unwrap_or(text.len())
}

#[test]
fn whole_numbers_are_read_and_everything_else_is_gone_over() {
    for (text, number) in [
        ("12", Some(12)),
        (" 0 ", Some(0)),
        ("18446744073709551615", Some(u64::MAX)),
        ("18446744073709551616", None),
        ("-1", None),
        ("7.0", Some(7)),
        ("1e3", Some(1000)),
        ("1.5", None),
        ("1e300", None),
        ("-7.0", None),
        ("\"12\"", None),
        ("{\"a\":[1]}", None),
        ("null", None),
    ] {
        let mut cursor = Cursor::new(text.as_bytes());
        assert_eq!(cursor.whole_number(), Ok(number), "{text}");
        assert_eq!(cursor.end(), Ok(()), "{text}");
    }
}

#[test]
fn what_is_not_unicode_is_that_before_anything_else() {
    for text in [&b"\"\xff\""[..], b"{\"a\" \"\xff\"}", b"[1 \xff]"] {
        let what = check(text).unwrap_err().what;
        assert_eq!(what, "the text is not valid UTF-8");
    }
    assert_eq!(check("\"é\"".as_bytes()), Ok(()));
}

#[test]
fn a_text_says_what_it_says() {
    let text = r#"["plain","\u00e9\"",1]"#.as_bytes();
    let mut said = Vec::new();
    let mut cursor = Cursor::new(text);
    cursor
        .items(|cursor| {
            let text = cursor.text()?;
            said.push(text.map(|text| text.decode().unwrap().into_owned()));
            Ok(())
        })
        .unwrap();
    assert_eq!(said, [Some("plain".into()), Some("é\"".into()), None]);
}

#[test]
fn every_byte_is_told_apart_in_texts_of_every_length() {
    for length in 1..40 {
        for at in 0..length {
            for byte in 0..=u8::MAX {
                let mut text = vec![0xFF; length];
                text[at] = byte;
                let is_special = matches!(byte, b'"' | b'\\' | 0..0x20);
                assert_eq!(is_plain(&text), !is_special, "{byte} at {at} of {length}");
            }
        }
    }
}

proptest! {
    #[test]
    fn special_bytes_are_found_wherever_they_stand(
        text in prop::collection::vec(
            prop_oneof![8 => 0x20..0x7F_u8, 2 => any::<u8>(), 1 => Just(b'"'), 1 => Just(b'\\')],
            0..200,
        ),
        far in prop::collection::vec(0x23..0x5B_u8, 0..300),
    ) {
        let text = [far, text].concat();
        for from in 0..text.len().min(20) {
            let found = plain(&text[from..]);
            prop_assert_eq!(found.length, slowly(&text[from..]));
            prop_assert_eq!(is_plain(&text[from..]), found.length == text.len() - from);
            prop_assert!(!found.ascii || text[from..from + found.length].is_ascii());
        }
    }

    #[test]
    fn no_bytes_panic_and_serde_json_agrees(
        text in prop::collection::vec(
            prop::sample::select(b"{}[]\",:\\u0e1-.ntrue fals\xC3\xA9 \n".to_vec()),
            0..40,
        ),
    ) {
        let theirs = std::str::from_utf8(&text)
            .is_ok_and(|text| serde_json::from_str::<IgnoredAny>(text).is_ok());
        prop_assert_eq!(check(&text).is_ok(), theirs, "{}", String::from_utf8_lossy(&text));
    }
}
