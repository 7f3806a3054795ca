//! Recorded frames, made-up frames, and bytes of any kind.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::BytesMut;
use proptest::prelude::*;

use super::{EventStreamFault, EventStreamScanner, write_event, write_exception, write_message};

type Seen = Vec<(String, Vec<u8>)>;

fn scan(
    scanner: &mut EventStreamScanner,
    chunk: &[u8],
    seen: &mut Seen,
) -> Result<(), EventStreamFault> {
    scanner.feed(chunk, |message| {
        let name = message
            .header(":event-type")
            .or_else(|| message.header(":exception-type"))
            .unwrap_or_default();
        seen.push((name.to_owned(), message.payload.to_vec()));
    })
}

/// A frame that Bedrock's mock of MLflow's recordings sent.
const RECORDED: &str = "AAAAewAAAFH3TG/VCzpldmVudC10eXBlBwALbWVzc2FnZVN0b3ANOmNvbnRlbnQtdHlwZQcAEGFwcGxpY2F0aW9uL2pzb24NOm1lc3NhZ2UtdHlwZQcABWV2ZW50eyJzdG9wUmVhc29uIjogInRvb2xfdXNlIn0lemI2";

#[test]
fn a_recorded_frame_is_read_and_written_the_same() {
    let frame = STANDARD.decode(RECORDED).unwrap();
    let mut seen = Seen::new();
    let mut scanner = EventStreamScanner::new();
    scan(&mut scanner, &frame, &mut seen).unwrap();
    assert_eq!(
        seen,
        [(
            "messageStop".to_owned(),
            br#"{"stopReason": "tool_use"}"#.to_vec()
        )]
    );
    let mut out = BytesMut::new();
    write_event(&mut out, "messageStop", &seen[0].1);
    assert_eq!(out, frame);
}

#[test]
fn every_split_of_a_stream_gives_the_same_messages() {
    let mut stream = BytesMut::new();
    write_event(&mut stream, "a", b"{}");
    write_exception(&mut stream, "throttlingException", br#"{"message":"slow"}"#);
    write_message(&mut stream, &[], b"");
    let mut whole = Seen::new();
    scan(&mut EventStreamScanner::new(), &stream, &mut whole).unwrap();
    assert_eq!(whole.len(), 3);
    for first in 0..=stream.len() {
        for second in first..=stream.len() {
            let mut scanner = EventStreamScanner::new();
            let mut seen = Seen::new();
            for piece in [&stream[..first], &stream[first..second], &stream[second..]] {
                scan(&mut scanner, piece, &mut seen).unwrap();
            }
            assert_eq!(seen, whole, "{first} {second}");
            assert!(scanner.is_between_messages());
        }
    }
}

#[test]
fn one_changed_bit_anywhere_is_noticed() {
    let mut frame = BytesMut::new();
    write_event(
        &mut frame,
        "contentBlockDelta",
        br#"{"delta":{"text":"Hi"}}"#,
    );
    for at in 0..frame.len() * 8 {
        let mut damaged = frame.to_vec();
        damaged[at / 8] ^= 1 << (at % 8);
        let mut seen = Seen::new();
        let mut scanner = EventStreamScanner::new();
        let outcome = scan(&mut scanner, &damaged, &mut seen);
        assert!(outcome.is_err() && seen.is_empty(), "bit {at}");
        assert!(
            scan(&mut scanner, &frame, &mut seen).is_err(),
            "it stays broken"
        );
    }
}

#[test]
fn bytes_that_are_no_event_stream_are_refused_after_twelve() {
    let mut scanner = EventStreamScanner::new();
    let mut seen = Seen::new();
    assert_eq!(scan(&mut scanner, b"{\"message\"", &mut seen), Ok(()));
    assert_eq!(
        scan(&mut scanner, b":\"no\"}", &mut seen),
        Err(EventStreamFault::Checksum)
    );
}

#[test]
fn a_message_beyond_the_bound_is_refused_by_its_prelude() {
    let mut frame = BytesMut::new();
    write_event(&mut frame, "a", &[b' '; 200]);
    let mut scanner = EventStreamScanner::with_limit(100);
    assert_eq!(scan(&mut scanner, &frame[..11], &mut Seen::new()), Ok(()));
    assert_eq!(
        scan(&mut scanner, &frame[11..12], &mut Seen::new()),
        Err(EventStreamFault::Length)
    );
    let mut short = BytesMut::from(&[0, 0, 0, 15, 0, 0, 0, 0][..]);
    let checksum = crc32fast::hash(&short);
    short.extend_from_slice(&checksum.to_be_bytes());
    short.extend_from_slice(&[0; 4]);
    assert_eq!(
        scan(&mut EventStreamScanner::new(), &short, &mut Seen::new()),
        Err(EventStreamFault::Length)
    );
}

#[test]
fn headers_of_every_type_are_passed_over() {
    let mut headers = Vec::new();
    for (kind, length) in [
        (0, 0),
        (1, 0),
        (2, 1),
        (3, 2),
        (4, 4),
        (5, 8),
        (8, 8),
        (9, 16),
    ] {
        headers.extend_from_slice(&[1, b'h', kind]);
        headers.extend(std::iter::repeat_n(7, length));
    }
    headers.extend_from_slice(&[1, b'b', 6, 0, 2, 1, 2]);
    headers.extend_from_slice(&[1, b's', 7, 0, 2, b'o', b'k']);
    let message = super::Message::read(&headers, b"").unwrap();
    assert_eq!(message.header("s"), Some("ok"));
    assert_eq!(message.header("h"), None);
    assert_eq!(message.kind(), "event");
    assert_eq!(super::Message::read(&[1, b'h', 10], b""), None);
    assert_eq!(super::Message::read(&[9, b'h'], b""), None);
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64), cut in any::<prop::sample::Index>()) {
        let mut scanner = EventStreamScanner::new();
        let at = cut.index(bytes.len() + 1);
        let mut seen = Seen::new();
        let _ = scan(&mut scanner, &bytes[..at], &mut seen);
        let _ = scan(&mut scanner, &bytes[at..], &mut seen);
        let _ = super::Message::read(&bytes, b"");
    }

    #[test]
    fn what_is_written_is_read(names in proptest::collection::vec(("[a-z:-]{1,12}", ".{0,12}"), 0..5), payload in proptest::collection::vec(any::<u8>(), 0..64)) {
        let headers: Vec<(&str, &str)> = names.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let mut out = BytesMut::new();
        write_message(&mut out, &headers, &payload);
        let mut found = 0;
        EventStreamScanner::new().feed(&out, |message| {
            found += 1;
            assert_eq!(message.payload, payload);
            for (name, _) in &headers {
                let first = headers.iter().find(|(known, _)| known == name).map(|(_, value)| *value);
                assert_eq!(message.header(name), first);
            }
        }).unwrap();
        prop_assert_eq!(found, 1);
    }
}
