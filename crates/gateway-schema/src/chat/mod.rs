//! Chat: messages in, choices or a stream of events out.

mod event;
mod fill;
mod fold;
mod message;
mod part;
mod request;
mod response;
mod tool;

pub use crate::RemoteError;
pub use event::StreamEvent;
pub use fold::Fold;
pub use message::{ContentForm, Message, Role};
pub use part::{
    CacheControl, Citation, Content, ImageDetail, Media, Part, Signature, ToolCall, ToolResult,
};
pub use request::{ChatRequest, Effort, Reasoning, ResponseFormat, Sampling};
pub use response::{ChatResponse, Choice, Finish, FinishReason};
pub use tool::{FunctionTool, Tool, ToolChoice};
