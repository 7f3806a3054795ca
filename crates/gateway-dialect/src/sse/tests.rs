use bytes::BytesMut;
use proptest::prelude::*;

use super::*;

type Seen = (Option<String>, Option<String>, Vec<u8>);

fn seen(event: SseEvent<'_>) -> Seen {
    (
        event.name.map(str::to_owned),
        event.id.map(str::to_owned),
        event.data.to_vec(),
    )
}

fn read(chunks: &[&[u8]]) -> Vec<Seen> {
    let mut scanner = SseScanner::new();
    let mut events = Vec::new();
    for chunk in chunks {
        scanner
            .feed(chunk, |event| events.push(seen(event)))
            .unwrap();
    }
    scanner.finish(|event| events.push(seen(event)));
    events
}

fn data(text: &str) -> Seen {
    (None, None, text.as_bytes().to_vec())
}

#[test]
fn every_line_end_is_understood() {
    for end in ["\n", "\r\n", "\r"] {
        let text =
            format!("data: a{end}{end}data:b{end}{end}event: x{end}id: 7{end}data:  c{end}{end}");
        assert_eq!(
            read(&[text.as_bytes()]),
            [
                data("a"),
                data("b"),
                (Some("x".into()), Some("7".into()), b" c".to_vec())
            ],
            "{end:?}"
        );
    }
}

#[test]
fn comments_blank_lines_and_unknown_fields_are_no_events() {
    assert_eq!(
        read(&[b"\xEF\xBB\xBFdata: a\n\n: PROCESSING\n\n\n\nretry: 5\n\nevent: x\n\ndatas: no\ndata: b\n\n"]),
        [data("a"), data("b")]
    );
}

#[test]
fn data_lines_are_joined_and_an_empty_one_counts() {
    assert_eq!(
        read(&[b"data: a\ndata\ndata: b\n\ndata:\n\n"]),
        [data("a\n\nb"), data("")]
    );
}

#[test]
fn a_last_event_without_its_blank_line_is_delivered_at_the_end() {
    assert_eq!(
        read(&[b"data: a\n\ndata: [DO", b"NE]"]),
        [data("a"), data("[DONE]")]
    );
    assert_eq!(read(&[b"data: a\n"]), [data("a")]);
    assert_eq!(read(&[b"data: a\r"]), [data("a")]);
}

#[test]
fn offsets_cut_a_chunk_at_its_events() {
    let mut scanner = SseScanner::new();
    let mut cuts = Vec::new();
    let first = b": hi\n\ndata: 1\n\ndata: 2\r\n\r\nda";
    let tail = scanner
        .feed(first, |event| cuts.push((event.start, event.end)))
        .unwrap();
    assert_eq!(cuts, [(Some(6), 15), (Some(15), 26)]);
    assert_eq!(&first[tail..], b"da");
    cuts.clear();
    let tail = scanner
        .feed(b"ta: 3\n\n: x\n\n", |event| {
            cuts.push((event.start, event.end));
        })
        .unwrap();
    assert_eq!((cuts.as_slice(), tail), (&[(None, 7)][..], 12));
    assert!(!scanner.is_mid_event());
}

#[test]
fn an_endless_event_is_refused() {
    let mut scanner = SseScanner::new().with_limit(100);
    assert!(scanner.feed(&[b'x'; 100], |_| {}).is_ok());
    let error = scanner.feed(b"x", |_| {}).unwrap_err();
    assert_eq!(error, SseOverflow { limit_bytes: 100 });
}

#[test]
fn what_is_written_is_read_back() {
    let mut out = BytesMut::new();
    write_event(&mut out, Some("ping"), b"one\ntwo");
    write_comment(&mut out, "still\nhere");
    write_json(&mut out, None, &serde_json::json!({"a": "x\ny"}));
    assert_eq!(
        read(&[&out]),
        [
            (Some("ping".into()), None, b"one\ntwo".to_vec()),
            data(r#"{"a":"x\ny"}"#)
        ]
    );
}

fn streams() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just(&b"data: "[..]),
        Just(&b"data:"[..]),
        Just(&b"data"[..]),
        Just(&b"event: e"[..]),
        Just(&b"id: 1"[..]),
        Just(&b": c"[..]),
        Just(&b"\n"[..]),
        Just(&b"\n\n"[..]),
        Just(&b"\r\n"[..]),
        Just(&b"\r\n\r\n"[..]),
        Just(&b"\r"[..]),
        Just(&b"{\"x\":1}"[..]),
        Just(&b"\xEF\xBB\xBF"[..]),
        Just(&b"\xff"[..]),
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

/// A slow, independent reading: the text split into lines, then grouped.
fn plain_reading(bytes: &[u8]) -> Vec<Seen> {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let mut lines: Vec<Vec<u8>> = vec![Vec::new()];
    let mut rest = bytes;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'\r' => {
                rest = rest.strip_prefix(b"\n").unwrap_or(rest);
                lines.push(Vec::new());
            }
            b'\n' => lines.push(Vec::new()),
            other => lines.last_mut().unwrap().push(*other),
        }
    }
    lines.push(Vec::new());
    let mut events = Vec::new();
    let mut name: Option<Vec<u8>> = None;
    let mut id: Option<Vec<u8>> = None;
    let mut values: Vec<Vec<u8>> = Vec::new();
    for line in lines {
        if line.is_empty() {
            let text = |value: Option<Vec<u8>>| String::from_utf8(value?).ok();
            let (name, id) = (name.take(), id.take());
            let values = std::mem::take(&mut values);
            if !values.is_empty() {
                events.push((text(name), text(id), values.join(&b'\n')));
            }
            continue;
        }
        let (field, value) = match line.iter().position(|byte| *byte == b':') {
            Some(colon) => (&line[..colon], &line[colon + 1..]),
            None => (&line[..], &b""[..]),
        };
        let value = value.strip_prefix(b" ").unwrap_or(value).to_vec();
        match field {
            b"data" => values.push(value),
            b"event" => name = Some(value),
            b"id" => id = Some(value),
            _ => {}
        }
    }
    events
}

proptest! {
    #[test]
    fn any_split_gives_the_same_events(stream in streams(), cuts in prop::collection::vec(0usize..400, 0..12)) {
        let expected = plain_reading(&stream);
        prop_assert_eq!(&read(&[&stream]), &expected);
        let single: Vec<&[u8]> = stream.chunks(1).collect();
        prop_assert_eq!(&read(&single), &expected);
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(stream.len())).collect();
        cuts.push(stream.len());
        cuts.sort_unstable();
        let mut from = 0;
        let mut chunks = Vec::new();
        for cut in cuts {
            chunks.push(&stream[from..cut]);
            from = cut;
        }
        prop_assert_eq!(&read(&chunks), &expected);
    }

    #[test]
    fn no_bytes_panic_and_tails_lie_within_the_chunk(chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..50), 0..8)) {
        let mut scanner = SseScanner::new();
        for chunk in &chunks {
            let mut last = 0;
            let tail = scanner.feed(chunk, |event| {
                assert!(event.start.unwrap_or(0) >= last && event.end <= chunk.len());
                last = event.end;
            }).unwrap();
            prop_assert!(tail <= chunk.len() && tail >= last);
        }
        scanner.finish(|_| {});
    }
}
