//! Replies as OpenAI and Anthropic shape them.

use std::fmt::Write as _;

/// Whose format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Chat completions.
    OpenAi,
    /// Messages.
    Anthropic,
}

impl Shape {
    /// What ends a stream of this shape.
    pub const fn terminator(self) -> &'static [u8] {
        match self {
            Self::OpenAi => b"data: [DONE]\n\n",
            Self::Anthropic => b"data: {\"type\":\"message_stop\"}\n\n",
        }
    }

    /// A whole reply of about `bytes` bytes.
    pub fn whole(self, bytes: usize) -> String {
        let empty = self.whole_with("").len();
        self.whole_with(&words(bytes.saturating_sub(empty)))
    }

    fn whole_with(self, text: &str) -> String {
        match self {
            Self::OpenAi => format!(
                r#"{{"id":"chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT","object":"chat.completion","created":1741569952,"model":"gpt-4o-mini-2024-07-18","choices":[{{"index":0,"message":{{"role":"assistant","content":"{text}","refusal":null,"annotations":[]}},"logprobs":null,"finish_reason":"stop"}}],"usage":{{"prompt_tokens":19,"completion_tokens":10,"total_tokens":29,"prompt_tokens_details":{{"cached_tokens":0,"audio_tokens":0}},"completion_tokens_details":{{"reasoning_tokens":0,"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}}}},"service_tier":"default","system_fingerprint":"fp_06737a9306"}}"#
            ),
            Self::Anthropic => format!(
                r#"{{"id":"msg_01XFDUDYJgAACzvnptvVoYEL","type":"message","role":"assistant","model":"claude-sonnet-4-20250514","content":[{{"type":"text","text":"{text}"}}],"stop_reason":"end_turn","stop_sequence":null,"usage":{{"input_tokens":19,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":10,"service_tier":"standard"}}}}"#
            ),
        }
    }

    /// The events of a stream with `tokens` pieces of text, each complete with its blank line.
    pub fn events(self, tokens: usize) -> Vec<String> {
        match self {
            Self::OpenAi => openai_events(tokens),
            Self::Anthropic => anthropic_events(tokens),
        }
    }
}

fn openai_events(tokens: usize) -> Vec<String> {
    let event = |choices: &str, usage: &str| {
        format!(
            "data: {{\"id\":\"chatcmpl-B9MHDbslfkBeAs8l4bebGdFOJ6PeG\",\"object\":\"chat.completion.chunk\",\"created\":1741570283,\"model\":\"gpt-4o-mini-2024-07-18\",\"service_tier\":\"default\",\"system_fingerprint\":\"fp_06737a9306\",\"choices\":[{choices}],\"usage\":{usage}}}\n\n"
        )
    };
    let choice = |delta: &str, finish: &str| {
        format!(r#"{{"index":0,"delta":{delta},"logprobs":null,"finish_reason":{finish}}}"#)
    };
    let mut events = vec![event(
        &choice(
            r#"{"role":"assistant","content":"","refusal":null}"#,
            "null",
        ),
        "null",
    )];
    for number in 0..tokens {
        let delta = format!(r#"{{"content":" word{number}"}}"#);
        events.push(event(&choice(&delta, "null"), "null"));
    }
    events.push(event(&choice("{}", "\"stop\""), "null"));
    events.push(event(
        "",
        r#"{"prompt_tokens":19,"completion_tokens":10,"total_tokens":29,"prompt_tokens_details":{"cached_tokens":0,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":0,"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}}"#,
    ));
    events.push("data: [DONE]\n\n".to_owned());
    events
}

fn anthropic_events(tokens: usize) -> Vec<String> {
    let event = |kind: &str, rest: &str| {
        let comma = if rest.is_empty() { "" } else { "," };
        format!("event: {kind}\ndata: {{\"type\":\"{kind}\"{comma}{rest}}}\n\n")
    };
    let mut events = vec![
        event(
            "message_start",
            r#""message":{"id":"msg_014p7gG3wDgGV9EUtLvnow3U","type":"message","role":"assistant","model":"claude-sonnet-4-20250514","stop_sequence":null,"usage":{"input_tokens":19,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":1,"service_tier":"standard"},"content":[],"stop_reason":null}"#,
        ),
        event(
            "content_block_start",
            r#""index":0,"content_block":{"type":"text","text":""}"#,
        ),
    ];
    for number in 0..tokens {
        events.push(event(
            "content_block_delta",
            &format!(r#""index":0,"delta":{{"type":"text_delta","text":" word{number}"}}"#),
        ));
    }
    events.push(event("content_block_stop", r#""index":0"#));
    events.push(event(
        "message_delta",
        r#""delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":10}"#,
    ));
    events.push(event("message_stop", ""));
    events
}

/// Text of about `bytes` bytes as a model writes it: words, and an escaped line break now and then.
pub fn words(bytes: usize) -> String {
    let mut text = String::with_capacity(bytes + 16);
    let mut number = 0_u32;
    while text.len() < bytes {
        let gap = if number % 16 == 15 { "\\n" } else { " " };
        let _ = write!(text, "token{number}{gap}");
        number += 1;
    }
    text.truncate(bytes);
    if text.ends_with('\\') {
        text.pop();
        text.push('.');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{Shape, words};

    #[test]
    fn whole_replies_are_json_of_the_size_asked_for() {
        for shape in [Shape::OpenAi, Shape::Anthropic] {
            for size in [1024, 65536] {
                let reply = shape.whole(size);
                assert_eq!(reply.len(), size);
                serde_json::from_str::<serde_json::Value>(&reply).unwrap();
            }
        }
    }

    #[test]
    fn streams_end_with_their_terminator_and_every_event_is_json() {
        for shape in [Shape::OpenAi, Shape::Anthropic] {
            let events = shape.events(3);
            assert!(events.concat().as_bytes().ends_with(shape.terminator()));
            for event in events.iter().filter(|event| !event.contains("[DONE]")) {
                let data = event.split_once("data: ").unwrap().1;
                serde_json::from_str::<serde_json::Value>(data).unwrap();
            }
        }
    }

    #[test]
    fn words_never_end_in_half_an_escape() {
        for size in 0..300 {
            serde_json::from_str::<String>(&format!("\"{}\"", words(size))).unwrap();
        }
    }
}
