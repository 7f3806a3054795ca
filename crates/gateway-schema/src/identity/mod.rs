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
        let mut out = Vec::with_capacity(512);
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

/// Writes each of some values.
macro_rules! write_all {
    ($out:expr, $($value:expr),* $(,)?) => {{ $( Identify::write($value, $out); )* }};
}

impl<T: Identify + ?Sized> Identify for &T {
    fn write(&self, out: &mut Vec<u8>) {
        (**self).write(out);
    }
}

impl<A: Identify, B: Identify> Identify for (A, B) {
    fn write(&self, out: &mut Vec<u8>) {
        write_all!(out, &self.0, &self.1);
    }
}

impl Identify for u8 {
    fn write(&self, out: &mut Vec<u8>) {
        out.push(*self);
    }
}

impl Identify for bool {
    fn write(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }
}

impl Identify for u32 {
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_le_bytes());
    }
}

impl Identify for u64 {
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_le_bytes());
    }
}

impl Identify for i64 {
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_le_bytes());
    }
}

impl Identify for f64 {
    fn write(&self, out: &mut Vec<u8>) {
        // There is one zero.
        let value = if *self == 0.0 { 0.0 } else { *self };
        out.extend_from_slice(&value.to_bits().to_le_bytes());
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
        write_all!(out, &self.dialect(), self.fields());
    }
}

impl Identify for ChatRequest {
    fn write(&self, out: &mut Vec<u8>) {
        let Self {
            model,
            messages,
            tools,
            tool_choice,
            parallel_tool_calls,
            response_format,
            sampling,
            reasoning,
            logprobs,
            top_logprobs,
            stream: _,
            include_usage: _,
            user: _,
            metadata: _,
            service_tier,
            extra,
        } = self;
        write_all!(out, model, messages, tools, tool_choice);
        write_all!(out, parallel_tool_calls, response_format, sampling);
        write_all!(out, reasoning, logprobs, top_logprobs, service_tier, extra);
    }
}

impl Identify for CompletionRequest {
    fn write(&self, out: &mut Vec<u8>) {
        let Self {
            model,
            prompt,
            suffix,
            echo,
            best_of,
            logprobs,
            sampling,
            stream: _,
            include_usage: _,
            user: _,
            extra,
        } = self;
        write_all!(out, model, prompt, suffix, echo);
        write_all!(out, best_of, logprobs, sampling, extra);
    }
}

impl Identify for Prompt {
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Text(text) => (0_u8, text).write(out),
            Self::Texts(texts) => (1_u8, texts).write(out),
            Self::Tokens(tokens) => (2_u8, tokens).write(out),
            Self::TokenLists(lists) => (3_u8, lists).write(out),
        }
    }
}

impl Identify for EmbeddingRequest {
    fn write(&self, out: &mut Vec<u8>) {
        let Self {
            model,
            input,
            encoding,
            dimensions,
            task,
            user: _,
            extra,
        } = self;
        write_all!(out, model, input, encoding, dimensions, task, extra);
    }
}

impl Identify for EmbeddingInput {
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Text(text) => (0_u8, text).write(out),
            Self::Texts(texts) => (1_u8, texts).write(out),
            Self::Tokens(tokens) => (2_u8, tokens).write(out),
            Self::TokenLists(lists) => (3_u8, lists).write(out),
        }
    }
}

impl Identify for EmbeddingEncoding {
    fn write(&self, out: &mut Vec<u8>) {
        out.push(match self {
            Self::Float => 0,
            Self::Base64 => 1,
        });
    }
}

impl Identify for EmbeddingTask {
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Query => out.push(0),
            Self::Document => out.push(1),
            Self::Classification => out.push(2),
            Self::Clustering => out.push(3),
            Self::Similarity => out.push(4),
            Self::Other(task) => (5_u8, task).write(out),
        }
    }
}

impl Identify for RerankRequest {
    fn write(&self, out: &mut Vec<u8>) {
        let Self {
            model,
            query,
            documents,
            top_n,
            return_documents,
            extra,
        } = self;
        write_all!(out, model, query, documents, top_n, return_documents, extra);
    }
}

impl Identify for Sampling {
    fn write(&self, out: &mut Vec<u8>) {
        let Self {
            max_tokens,
            max_completion_tokens,
            temperature,
            top_p,
            top_k,
            frequency_penalty,
            presence_penalty,
            stop,
            stop_is_text: _,
            seed,
            n,
            logit_bias,
        } = self;
        write_all!(out, max_tokens, max_completion_tokens, temperature, top_p);
        write_all!(out, top_k, frequency_penalty, presence_penalty);
        write_all!(out, stop, seed, n, logit_bias);
    }
}

impl Identify for Reasoning {
    fn write(&self, out: &mut Vec<u8>) {
        let Self {
            enabled,
            effort,
            budget_tokens,
            summary,
            extra,
        } = self;
        write_all!(out, enabled, effort, budget_tokens, summary, extra);
    }
}

impl Identify for Effort {
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::None => out.push(0),
            Self::Minimal => out.push(1),
            Self::Low => out.push(2),
            Self::Medium => out.push(3),
            Self::High => out.push(4),
            Self::ExtraHigh => out.push(5),
            Self::Other(effort) => (6_u8, effort).write(out),
        }
    }
}

impl Identify for ResponseFormat {
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Text => out.push(0),
            Self::JsonObject => out.push(1),
            Self::JsonSchema {
                name,
                description,
                schema,
                strict,
            } => {
                write_all!(out, &2_u8, name, description, schema, strict);
            }
        }
    }
}

impl Identify for Message {
    fn write(&self, out: &mut Vec<u8>) {
        let Self {
            role,
            name,
            parts,
            form: _,
            extra,
        } = self;
        write_all!(out, role, name, parts, extra);
    }
}

impl Identify for Role {
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::System => out.push(0),
            Self::Developer => out.push(1),
            Self::User => out.push(2),
            Self::Assistant => out.push(3),
            Self::Tool => out.push(4),
            Self::Other(role) => (5_u8, role).write(out),
        }
    }
}

impl Identify for Part {
    fn write(&self, out: &mut Vec<u8>) {
        let Self {
            content,
            cache: _,
            signature,
            extra,
        } = self;
        write_all!(out, content, signature, extra);
    }
}

impl Identify for Content {
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Text { text, citations } => write_all!(out, &0_u8, text, citations),
            Self::Image { media, detail } => write_all!(out, &1_u8, media, detail),
            Self::Audio(media) => write_all!(out, &2_u8, media),
            Self::Video(media) => write_all!(out, &3_u8, media),
            Self::Document {
                media,
                title,
                context,
                citations,
            } => write_all!(out, &4_u8, media, title, context, citations),
            Self::ToolCall(ToolCall {
                id,
                name,
                arguments,
            }) => write_all!(out, &5_u8, id, name, arguments),
            Self::ToolResult(ToolResult {
                call_id,
                name,
                parts,
                form: _,
                is_error,
            }) => write_all!(out, &6_u8, call_id, name, parts, is_error),
            Self::Thinking { text, id } => write_all!(out, &7_u8, text, id),
            Self::RedactedThinking { data, id } => write_all!(out, &8_u8, data, id),
            Self::Refusal(text) => write_all!(out, &9_u8, text),
            Self::Opaque { dialect, value } => write_all!(out, &10_u8, dialect, value),
        }
    }
}

impl Identify for Media {
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Base64 { media_type, data } => write_all!(out, &0_u8, media_type, data),
            Self::Url { media_type, url } => write_all!(out, &1_u8, media_type, url),
            Self::File { media_type, id } => write_all!(out, &2_u8, media_type, id),
            Self::Text(text) => write_all!(out, &3_u8, text),
        }
    }
}

impl Identify for ImageDetail {
    fn write(&self, out: &mut Vec<u8>) {
        out.push(match self {
            Self::Auto => 0,
            Self::Low => 1,
            Self::High => 2,
        });
    }
}

impl Identify for Signature {
    fn write(&self, out: &mut Vec<u8>) {
        let Self { dialect, value } = self;
        write_all!(out, dialect, value);
    }
}

impl Identify for Citation {
    fn write(&self, out: &mut Vec<u8>) {
        let Self {
            quote,
            title,
            url,
            span,
            raw,
        } = self;
        write_all!(out, quote, title, url, span, raw);
    }
}

impl Identify for Tool {
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Function(FunctionTool {
                name,
                description,
                parameters,
                strict,
                cache: _,
                extra,
            }) => write_all!(out, &0_u8, name, description, parameters, strict, extra),
            Self::Opaque { dialect, value } => write_all!(out, &1_u8, dialect, value),
        }
    }
}

impl Identify for ToolChoice {
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Auto => out.push(0),
            Self::None => out.push(1),
            Self::Required => out.push(2),
            Self::Function(name) => write_all!(out, &3_u8, name),
            Self::Allowed { names, required } => write_all!(out, &4_u8, names, required),
            Self::Opaque { dialect, value } => write_all!(out, &5_u8, dialect, value),
        }
    }
}
