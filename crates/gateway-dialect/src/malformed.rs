//! An event that is not JSON, in the middle of an answer, in every dialect and on both lanes.

use bytes::Bytes;
use gateway_schema::stream::{Decode, Frame, FrameData};

use crate::{anthropic, cohere, gemini, openai, openai_responses};

type Make = fn() -> Box<dyn Decode>;

struct Case {
    name: &'static str,
    make: Make,
    before: &'static str,
    after: &'static str,
}

const OPENAI: [&str; 2] = [
    "data: {\"id\":\"1\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hi\"}}]}\n\n\
     data: {\"id\":\"1\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\" you\"}}]}\n\n",
    "data: {\"id\":\"1\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n\
     data: [DONE]\n\n",
];

const ANTHROPIC: [&str; 2] = [
    "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"1\",\"model\":\"m\",\"content\":[]}}\n\n\
     event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\
     \"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n\
     event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\
     \"delta\":{\"type\":\"text_delta\",\"text\":\"Hi\"}}\n\n",
    "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"}}\n\n\
     event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
];

const GEMINI: [&str; 2] = [
    "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"Hi\"}]}}]}\n\n",
    "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"!\"}]},\"finishReason\":\"STOP\"}]}\n\n",
];

const CASES: [Case; 10] = [
    Case {
        name: "openai, translated",
        make: || Box::new(openai::StreamDecoder::new()),
        before: OPENAI[0],
        after: OPENAI[1],
    },
    Case {
        name: "openai, forwarded",
        make: || Box::new(openai::Observer::new(openai::UsageChunk::Forward)),
        before: OPENAI[0],
        after: OPENAI[1],
    },
    Case {
        name: "openai, forwarded without usage",
        make: || Box::new(openai::Observer::new(openai::UsageChunk::Hide)),
        before: OPENAI[0],
        after: OPENAI[1],
    },
    Case {
        name: "anthropic, translated",
        make: || Box::new(anthropic::StreamDecoder::new()),
        before: ANTHROPIC[0],
        after: ANTHROPIC[1],
    },
    Case {
        name: "anthropic, forwarded",
        make: || Box::new(anthropic::StreamObserver::new()),
        before: ANTHROPIC[0],
        after: ANTHROPIC[1],
    },
    Case {
        name: "responses, forwarded",
        make: || Box::new(openai_responses::StreamObserver::new()),
        before: "event: response.created\ndata: {\"type\":\"response.created\",\"response\":{\"id\":\"1\"}}\n\n\
                 event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"delta\":\"Hi\"}\n\n",
        after: "event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"status\":\"completed\"}}\n\n",
    },
    Case {
        name: "cohere, translated",
        make: || Box::new(cohere::StreamDecoder::new()),
        before: "event: message-start\ndata: {\"type\":\"message-start\",\"id\":\"1\"}\n\n\
                 event: content-delta\ndata: {\"type\":\"content-delta\",\"index\":0,\
                 \"delta\":{\"message\":{\"content\":{\"text\":\"Hi\"}}}}\n\n",
        after: "event: message-end\ndata: {\"type\":\"message-end\",\"delta\":{\"finish_reason\":\"COMPLETE\"}}\n\n",
    },
    Case {
        name: "cohere, forwarded",
        make: || Box::new(cohere::StreamObserver::new()),
        before: "event: message-start\ndata: {\"type\":\"message-start\",\"id\":\"1\"}\n\n\
                 event: content-delta\ndata: {\"type\":\"content-delta\",\"index\":0,\
                 \"delta\":{\"message\":{\"content\":{\"text\":\"Hi\"}}}}\n\n",
        after: "event: message-end\ndata: {\"type\":\"message-end\",\"delta\":{\"finish_reason\":\"COMPLETE\"}}\n\n",
    },
    Case {
        name: "gemini, translated",
        make: || Box::new(gemini::StreamDecoder::new()),
        before: GEMINI[0],
        after: GEMINI[1],
    },
    Case {
        name: "gemini, forwarded",
        make: || Box::new(gemini::StreamObserver::new()),
        before: GEMINI[0],
        after: GEMINI[1],
    },
];

/// The frames of `pieces`, and whether they end well.
fn read(make: Make, pieces: &[&str]) -> (Vec<Frame>, bool) {
    let mut decoder = make();
    let mut frames = Vec::new();
    for piece in pieces {
        let chunk = Bytes::copy_from_slice(piece.as_bytes());
        if decoder.feed(chunk, &mut frames).is_err() {
            return (frames, false);
        }
    }
    let good = decoder.end(&mut frames).is_ok();
    (frames, good)
}

fn forwarded(frames: &[Frame]) -> String {
    let raw = frames.iter().filter_map(|frame| match &frame.data {
        FrameData::Raw(bytes) => Some(String::from_utf8_lossy(bytes)),
        FrameData::Events(_) => None,
    });
    raw.collect()
}

#[test]
fn an_event_that_is_not_json_never_becomes_a_stream_that_looks_complete() {
    for case in &CASES {
        let Case {
            name,
            make,
            before,
            after,
        } = *case;
        let (frames, good) = read(make, &[before, after]);
        assert!(good, "{name}");
        let ended = frames.iter().any(|frame| frame.facts.ended);
        assert!(ended, "{name}");
        for broken in ["data: {\"choices\":[{\"del\n\n", "data: Bad Gateway\n\n"] {
            let whole = format!("{before}{broken}{after}");
            for pieces in [vec![&*whole], vec![before, broken, after]] {
                let (frames, good) = read(make, &pieces);
                assert!(!good, "{name}: {broken}");
                let ended = frames.iter().any(|frame| frame.facts.ended);
                assert!(!ended, "{name}: {broken}");
                let sent = forwarded(&frames);
                assert!(before.starts_with(&sent), "{name}: {broken}: {sent}");
            }
        }
    }
}

#[test]
fn only_what_mlflow_skips_is_skipped_and_only_where_that_is_asked_for() {
    let make: Make = || Box::new(openai::StreamDecoder::new().with_malformed_skipped(true));
    let whole = format!("{}data: {{broken\n\n{}", OPENAI[0], OPENAI[1]);
    assert!(read(make, &[&whole]).1);
}
