//! Ids of tool calls for formats that demand one.

use std::borrow::Cow;

use gateway_schema::chat::{Content, Part, ToolCall};

/// The parts of an answer, each call with an id: its own, or what `stand_in` makes of the call and its number. Two calls
/// of one tool must not share an id, or their results cannot be told apart.
pub(crate) fn with_ids(
    parts: &[Part],
    stand_in: impl Fn(&ToolCall, usize) -> String,
) -> Vec<Cow<'_, Part>> {
    let mut number = 0;
    parts
        .iter()
        .map(|part| {
            let Content::ToolCall(call) = &part.content else {
                return Cow::Borrowed(part);
            };
            number += 1;
            if call.id.as_deref().is_some_and(|id| !id.is_empty()) {
                return Cow::Borrowed(part);
            }
            let id = Some(stand_in(call, number - 1));
            let mut part = part.clone();
            part.content = Content::ToolCall(ToolCall { id, ..call.clone() });
            Cow::Owned(part)
        })
        .collect()
}
