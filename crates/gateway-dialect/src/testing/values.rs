//! Canonical values made at random, for the property tests of every dialect.
//!
//! What is made is what a client of any dialect could have said: words are not empty where an empty word would mean
//! absence, ids are there, and at most one text stands in a row.

use gateway_schema::Usage;
use gateway_schema::chat::{
    ChatRequest, ChatResponse, Choice, Content, ContentForm, Effort, Finish, FinishReason,
    FunctionTool, ImageDetail, Media, Message, Part, Reasoning, ResponseFormat, Role, Sampling,
    StreamEvent, Tool, ToolChoice, ToolResult,
};
use proptest::option;
use proptest::prelude::*;
use serde_json::{Value, json};

/// A name.
pub(crate) fn word() -> impl Strategy<Value = String> {
    "[a-zA-Z][a-zA-Z0-9_-]{0,11}"
}

/// Text of any characters, not empty.
pub(crate) fn text() -> impl Strategy<Value = String> {
    "[^\u{0}]{1,24}"
}

/// Data in base64.
pub(crate) fn base64() -> impl Strategy<Value = String> {
    "[A-Za-z0-9+/]{4,16}"
}

/// A piece of a streamed answer.
pub(crate) fn stream_event() -> impl Strategy<Value = StreamEvent> {
    prop_oneof![
        text().prop_map(|text| StreamEvent::Text { choice: 0, text }),
        text().prop_map(|text| StreamEvent::Thinking { choice: 0, text }),
        (0..3_u32, word()).prop_map(|(call, name)| StreamEvent::ToolCall {
            choice: 0,
            call,
            id: None,
            name,
            arguments: String::new()
        }),
        (0..3_u32, text()).prop_map(|(call, fragment)| StreamEvent::ToolArguments {
            choice: 0,
            call,
            fragment
        }),
        Just(StreamEvent::PartEnd { choice: 0 }),
        Just(StreamEvent::Ping),
    ]
}

/// The text and the reasoning in a streamed answer.
pub(crate) fn said(events: &[StreamEvent]) -> String {
    events
        .iter()
        .filter_map(|event| match event {
            StreamEvent::Text { text, .. } | StreamEvent::Thinking { text, .. } => {
                Some(text.as_str())
            }
            _ => None,
        })
        .collect()
}

/// A JSON Schema of an object.
pub(crate) fn schema() -> impl Strategy<Value = Value> {
    (word(), any::<bool>()).prop_map(|(name, strict)| {
        json!({"type": "object", "properties": {name: {"anyOf": [{"type": "string"}, {"type": "null"}]}}, "additionalProperties": strict})
    })
}

fn image() -> impl Strategy<Value = Content> {
    let media = prop_oneof![
        base64().prop_map(|data| Media::Base64 {
            media_type: "image/png".to_owned(),
            data
        }),
        word().prop_map(|name| Media::Url {
            media_type: None,
            url: format!("https://example.com/{name}.png"),
        }),
    ];
    let detail = option::of(prop_oneof![
        Just(ImageDetail::Auto),
        Just(ImageDetail::Low),
        Just(ImageDetail::High)
    ]);
    (media, detail).prop_map(|(media, detail)| Content::Image { media, detail })
}

/// A part of what a user says.
pub(crate) fn user_part() -> impl Strategy<Value = Part> {
    prop_oneof![
        3 => text().prop_map(Part::text),
        1 => image().prop_map(Part::new),
    ]
}

fn call() -> impl Strategy<Value = Part> {
    (word(), word(), word())
        .prop_map(|(id, name, value)| Part::tool_call(id, name, json!({"a": value}).to_string()))
}

/// A message of a user: one text, or parts.
pub(crate) fn user() -> impl Strategy<Value = Message> {
    prop_oneof![
        text().prop_map(Message::user),
        proptest::collection::vec(user_part(), 1..4)
            .prop_map(|parts| Message::new(Role::User, parts)),
    ]
}

/// A message of the model: text, calls, or both.
pub(crate) fn assistant() -> impl Strategy<Value = Message> {
    let calls = || proptest::collection::vec(call(), 1..3);
    prop_oneof![
        text().prop_map(Message::assistant),
        (text(), calls()).prop_map(|(text, calls)| {
            let mut message = Message::assistant(text);
            message.parts.extend(calls);
            message
        }),
        calls().prop_map(|calls| {
            let mut message = Message::new(Role::Assistant, calls);
            message.form = ContentForm::Null;
            message
        }),
    ]
}

/// The result of a tool, in a message of its own.
pub(crate) fn tool_result() -> impl Strategy<Value = Message> {
    (word(), text()).prop_map(|(call_id, text)| {
        let result = ToolResult::text(call_id, text);
        let mut message = Message::new(Role::Tool, vec![Content::ToolResult(result).into()]);
        message.form = ContentForm::Text;
        message
    })
}

/// A conversation that begins with instructions or a user.
pub(crate) fn messages() -> impl Strategy<Value = Vec<Message>> {
    let any = prop_oneof![user(), assistant(), tool_result()];
    (
        option::of(text().prop_map(Message::system)),
        user(),
        proptest::collection::vec(any, 0..4),
    )
        .prop_map(|(system, user, rest)| system.into_iter().chain([user]).chain(rest).collect())
}

/// Limits and sampling.
pub(crate) fn sampling() -> impl Strategy<Value = Sampling> {
    (
        option::of(1_u64..100_000),
        option::of((0_u32..200).prop_map(|n| f64::from(n) / 100.0)),
        option::of((0_u32..100).prop_map(|n| f64::from(n) / 100.0)),
        proptest::collection::vec(text(), 0..3),
        option::of(any::<i64>()),
        option::of(1_u32..5),
    )
        .prop_map(|(max_tokens, temperature, top_p, stop, seed, n)| {
            let mut sampling = Sampling::default();
            sampling.max_tokens = max_tokens;
            sampling.temperature = temperature;
            sampling.top_p = top_p;
            sampling.stop_is_text = stop.len() == 1;
            sampling.stop = stop;
            sampling.seed = seed;
            sampling.n = n;
            sampling
        })
}

/// A function that may be called.
pub(crate) fn function() -> impl Strategy<Value = FunctionTool> {
    (
        word(),
        option::of(text()),
        option::of(schema()),
        option::of(any::<bool>()),
    )
        .prop_map(|(name, description, parameters, strict)| {
            let mut tool = FunctionTool::new(name);
            tool.description = description;
            tool.parameters = parameters;
            tool.strict = strict;
            tool
        })
}

/// Which tools may or must be called.
pub(crate) fn tool_choice() -> impl Strategy<Value = ToolChoice> {
    prop_oneof![
        Just(ToolChoice::Auto),
        Just(ToolChoice::None),
        Just(ToolChoice::Required),
        word().prop_map(ToolChoice::Function),
        (proptest::collection::vec(word(), 1..3), any::<bool>())
            .prop_map(|(names, required)| ToolChoice::Allowed { names, required }),
    ]
}

/// The form an answer must have.
pub(crate) fn response_format() -> impl Strategy<Value = ResponseFormat> {
    prop_oneof![
        Just(ResponseFormat::Text),
        Just(ResponseFormat::JsonObject),
        (word(), schema(), option::of(any::<bool>())).prop_map(|(name, schema, strict)| {
            ResponseFormat::JsonSchema {
                name: Some(name),
                description: None,
                schema,
                strict,
            }
        }),
    ]
}

/// A chat turn.
pub(crate) fn chat_request() -> impl Strategy<Value = ChatRequest> {
    let effort = prop_oneof![Just(Effort::Low), Just(Effort::Medium), Just(Effort::High)];
    (
        messages(),
        option::of(proptest::collection::vec(function(), 0..3)),
        option::of(tool_choice()),
        option::of(response_format()),
        sampling(),
        option::of(effort),
        option::of(any::<bool>()),
        option::of(word()),
    )
        .prop_map(
            |(messages, tools, tool_choice, format, sampling, effort, parallel, user)| {
                let mut request = ChatRequest::new(messages);
                request.tools = tools.map(|tools| tools.into_iter().map(Tool::Function).collect());
                request.tool_choice = tool_choice;
                request.response_format = format;
                request.sampling = sampling;
                request.reasoning = effort.map(|effort| {
                    let mut reasoning = Reasoning::default();
                    reasoning.effort = Some(effort);
                    reasoning
                });
                request.parallel_tool_calls = parallel;
                request.user = user;
                request
            },
        )
}

/// Consumption.
pub(crate) fn usage() -> impl Strategy<Value = Usage> {
    (
        0_u64..100_000,
        0_u64..100_000,
        option::of(0_u64..100),
        option::of(0_u64..100),
    )
        .prop_map(|(input, output, cached, reasoning)| {
            let mut usage = Usage::new(input, output);
            usage.total_tokens = Some(input + output);
            usage.cache_read_tokens = cached;
            usage.reasoning_tokens = reasoning;
            usage
        })
}

/// A whole answer with one choice.
pub(crate) fn chat_response() -> impl Strategy<Value = ChatResponse> {
    let calls = proptest::collection::vec(call(), 0..3);
    (
        word(),
        word(),
        0_i64..2_000_000_000,
        (option::of(text()), option::of(text()), calls),
        option::of(usage()),
        any::<bool>(),
    )
        .prop_map(
            |(id, model, created, (thinking, text, calls), usage, cut)| {
                let mut choice = Choice::default();
                choice.finish = Some(match (cut, calls.is_empty()) {
                    (true, _) => Finish::with_raw(FinishReason::Length, "length"),
                    (false, true) => Finish::with_raw(FinishReason::Stop, "stop"),
                    (false, false) => Finish::with_raw(FinishReason::ToolCalls, "tool_calls"),
                });
                choice.parts.extend(thinking.map(Part::thinking));
                choice.parts.extend(text.map(Part::text));
                choice.parts.extend(calls);
                let mut response = ChatResponse::default();
                response.id = Some(id);
                response.model = Some(model);
                response.created = Some(created);
                response.choices = vec![choice];
                response.usage = usage;
                response
            },
        )
}
