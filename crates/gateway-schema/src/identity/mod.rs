//! What makes two questions the same.
//!
//! [`Request::identity`] writes a request as bytes that are equal exactly when the questions are: the order of JSON
//! fields, `1` and `1.0`, a text and a list of one text part make no difference; whatever changes the answer does.
//! Left out on purpose: whether the answer is streamed and how its usage is told, who the end user is (`user`),
//! labels (`metadata`), and hints about the provider's own cache.
//!
//! Every type is taken apart by all of its fields: a new field does not compile until it is decided here.

#[cfg(test)]
mod tests;

use serde_json::{Map, Value};

use crate::chat::{
    ChatRequest, Citation, Content, Effort, FunctionTool, ImageDetail, Media, Message, Part,
    Reasoning, ResponseFormat, Role, Sampling, Signature, Tool, ToolCall, ToolChoice, ToolResult,
};
use crate::completion::{CompletionRequest, Prompt};
use crate::embedding::{EmbeddingEncoding, EmbeddingInput, EmbeddingRequest, EmbeddingTask};
use crate::rerank::RerankRequest;
use crate::{Dialect, Extra, Request};

impl Request {
    /// The question as bytes that are equal exactly when the questions are. To be hashed; not a format.
    pub fn identity(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(2048);
        match self {
            Self::Chat(chat) => (0_u8, &**chat).write(&mut out),
            Self::Completion(completion) => (1_u8, &**completion).write(&mut out),
            Self::Embedding(embedding) => (2_u8, &**embedding).write(&mut out),
            Self::Rerank(rerank) => (3_u8, &**rerank).write(&mut out),
        }
        out
    }
}

/// Appends itself so that no two different values give the same bytes, whatever follows.
trait Identify {
    fn write(&self, out: &mut Vec<u8>);
}

/// Types that are their fields, in this order; after `without` stand the fields that make no difference.
macro_rules! identify_fields {
    ($($type:ident { $($field:ident),* $(; without $($left:ident),*)? })*) => {$(
        impl Identify for $type {
            fn write(&self, out: &mut Vec<u8>) {
                let Self { $($field,)* $($($left: _,)*)? } = self;
                $( Identify::write($field, out); )*
            }
        }
    )*};
}

/// Types that are one of several, each with its number. A number is never given to another.
macro_rules! identify_variants {
    ($($type:ident {
        $($tag:literal $variant:ident $(($held:ident))? $({ $($field:ident),* })?,)*
    })*) => {$(
        impl Identify for $type {
            fn write(&self, out: &mut Vec<u8>) {
                match self {$(
                    Self::$variant $(($held))? $({ $($field),* })? => {
                        out.push($tag);
                        $( Identify::write($held, out); )?
                        $($( Identify::write($field, out); )*)?
                    }
                )*}
            }
        }
    )*};
}

/// Numbers as their bytes.
macro_rules! identify_numbers {
    ($($type:ty),*) => {$(
        impl Identify for $type {
            fn write(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_le_bytes());
            }
        }
    )*};
}

identify_numbers!(u8, u32, u64, i64);

impl<T: Identify + ?Sized> Identify for &T {
    fn write(&self, out: &mut Vec<u8>) {
        (**self).write(out);
    }
}

impl<A: Identify, B: Identify> Identify for (A, B) {
    fn write(&self, out: &mut Vec<u8>) {
        self.0.write(out);
        self.1.write(out);
    }
}

impl Identify for bool {
    fn write(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }
}

impl Identify for f64 {
    fn write(&self, out: &mut Vec<u8>) {
        // There is one zero.
        let value = if *self == 0.0 { 0.0 } else { *self };
        value.to_bits().write(out);
    }
}

impl Identify for str {
    fn write(&self, out: &mut Vec<u8>) {
        (self.len() as u64).write(out);
        out.extend_from_slice(self.as_bytes());
    }
}

impl Identify for String {
    fn write(&self, out: &mut Vec<u8>) {
        self.as_str().write(out);
    }
}

impl<T: Identify> Identify for Option<T> {
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            None => out.push(0),
            Some(value) => (1_u8, value).write(out),
        }
    }
}

impl<T: Identify> Identify for Vec<T> {
    fn write(&self, out: &mut Vec<u8>) {
        (self.len() as u64).write(out);
        for item in self {
            item.write(out);
        }
    }
}

impl Identify for Map<String, Value> {
    fn write(&self, out: &mut Vec<u8>) {
        let mut fields: Vec<_> = self.iter().collect();
        fields.sort_unstable_by_key(|(name, _)| name.as_str());
        fields.write(out);
    }
}

impl Identify for Value {
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Null => out.push(0),
            Self::Bool(value) => (1_u8, value).write(out),
            Self::Number(number) => match (number.as_u64(), number.as_i64(), number.as_f64()) {
                (Some(value), _, _) => (2_u8, &value).write(out),
                (None, Some(value), _) => (3_u8, &value).write(out),
                (None, None, Some(value)) => whole_or_not(value, out),
                (None, None, None) => (5_u8, number.to_string().as_str()).write(out),
            },
            Self::String(text) => (6_u8, text).write(out),
            Self::Array(items) => (7_u8, items).write(out),
            Self::Object(fields) => (8_u8, fields).write(out),
        }
    }
}

/// `1.0` is `1`.
fn whole_or_not(value: f64, out: &mut Vec<u8>) {
    // Beyond this a whole number and its neighbour are one float.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if value.fract() == 0.0 && value.abs() < EXACT {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "whole and in range, as just checked"
        )]
        if value >= 0.0 {
            (2_u8, &(value as u64)).write(out);
        } else {
            (3_u8, &(value as i64)).write(out);
        }
    } else {
        (4_u8, &value).write(out);
    }
}

impl Identify for Dialect {
    fn write(&self, out: &mut Vec<u8>) {
        self.as_str().write(out);
    }
}

impl Identify for Extra {
    fn write(&self, out: &mut Vec<u8>) {
        // The dialect of no fields is nobody's.
        (self.dialect(), self.fields()).write(out);
    }
}

identify_fields! {
    ChatRequest {
        model, messages, tools, tool_choice, parallel_tool_calls, response_format, sampling, reasoning, logprobs,
        top_logprobs, service_tier, extra; without stream, include_usage, user, metadata
    }
    CompletionRequest {
        model, prompt, suffix, echo, best_of, logprobs, sampling, extra; without stream, include_usage, user
    }
    EmbeddingRequest { model, input, encoding, dimensions, task, extra; without user }
    RerankRequest { model, query, documents, top_n, return_documents, extra }
    Sampling {
        max_tokens, max_completion_tokens, temperature, top_p, top_k, frequency_penalty, presence_penalty, stop, seed,
        n, logit_bias; without stop_is_text
    }
    Reasoning { enabled, effort, budget_tokens, summary, extra }
    Message { role, name, parts, extra; without form }
    Part { content, signature, extra; without cache }
    ToolCall { id, name, arguments }
    ToolResult { call_id, name, parts, is_error; without form }
    Signature { dialect, value }
    Citation { quote, title, url, span, raw }
    FunctionTool { name, description, parameters, strict, extra; without cache }
}

identify_variants! {
    Prompt {
        0 Text(text),
        1 Texts(texts),
        2 Tokens(tokens),
        3 TokenLists(lists),
    }
    EmbeddingInput {
        0 Text(text),
        1 Texts(texts),
        2 Tokens(tokens),
        3 TokenLists(lists),
    }
    EmbeddingEncoding {
        0 Float,
        1 Base64,
    }
    EmbeddingTask {
        0 Query,
        1 Document,
        2 Classification,
        3 Clustering,
        4 Similarity,
        5 Other(task),
    }
    Effort {
        0 None,
        1 Minimal,
        2 Low,
        3 Medium,
        4 High,
        5 ExtraHigh,
        6 Other(effort),
    }
    ResponseFormat {
        0 Text,
        1 JsonObject,
        2 JsonSchema { name, description, schema, strict },
    }
    Role {
        0 System,
        1 Developer,
        2 User,
        3 Assistant,
        4 Tool,
        5 Other(role),
    }
    Content {
        0 Text { text, citations },
        1 Image { media, detail },
        2 Audio(media),
        3 Video(media),
        4 Document { media, title, context, citations },
        5 ToolCall(call),
        6 ToolResult(result),
        7 Thinking { text, id },
        8 RedactedThinking { data, id },
        9 Refusal(text),
        10 Opaque { dialect, value },
    }
    Media {
        0 Base64 { media_type, data },
        1 Url { media_type, url },
        2 File { media_type, id },
        3 Text(text),
    }
    ImageDetail {
        0 Auto,
        1 Low,
        2 High,
    }
    Tool {
        0 Function(function),
        1 Opaque { dialect, value },
    }
    ToolChoice {
        0 Auto,
        1 None,
        2 Required,
        3 Function(name),
        4 Allowed { names, required },
        5 Opaque { dialect, value },
    }
}
