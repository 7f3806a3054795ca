//! Whole replies in.

use gateway_schema::chat::{ChatResponse, Choice, Content};
use gateway_schema::stream::Facts;
use gateway_schema::{CallError, ErrorKind, Extra};

use super::super::names::camel;
use super::super::{error, finish};
use super::read::{Candidate, OWN, ReplyIn, read};
use crate::node;

/// Reads a reply of `generateContent`.
///
/// # Errors
/// Of origin upstream: an error in place of a reply, or something that is not a reply.
pub fn decode_chat(body: &[u8]) -> Result<ChatResponse, CallError> {
    let reply = understood(body)?;
    let mut response = ChatResponse::default();
    response.id = reply.id;
    response.model = reply.model;
    response.usage = reply.usage;
    response.extra = Extra::of(OWN, reply.extra);
    response.choices = reply.candidates.into_iter().map(choice).collect();
    if let Some(reason) = reply.blocked
        && response.choices.is_empty()
    {
        let mut blocked = Choice::default();
        blocked.finish = Some(finish::blocked(&reason));
        response.choices.push(blocked);
    }
    Ok(response)
}

fn understood(body: &[u8]) -> Result<ReplyIn, CallError> {
    let reply = read(node::answer(body)?);
    if let Some(remote) = &reply.error {
        return Err(error::inside_good_status(remote));
    }
    if !reply.is_reply {
        return Err(CallError::upstream(
            ErrorKind::Upstream,
            "The provider's reply has no candidates.",
        ));
    }
    Ok(reply)
}

fn choice(candidate: Candidate) -> Choice {
    let has_calls = candidate.has_calls();
    let mut choice = Choice::default();
    choice.index = candidate.index;
    choice.finish = candidate.finish.map(|word| finish::read(word, has_calls));
    choice.parts = candidate.parts;
    choice.logprobs = candidate.logprobs;
    choice.extra = Extra::of(OWN, candidate.extra);
    if !candidate.citations.is_empty() {
        let last = choice
            .parts
            .iter_mut()
            .rev()
            .find_map(|part| match &mut part.content {
                Content::Text { citations, .. } => Some(citations),
                _ => None,
            });
        if let Some(citations) = last {
            *citations = candidate.citations;
        }
    }
    choice
}

/// Reads the facts of a reply that is forwarded as it came.
///
/// # Errors
/// As [`decode_chat`].
pub fn observe_chat(body: &[u8]) -> Result<Facts, CallError> {
    let reply = understood(body)?;
    let mut facts = Facts::default();
    facts.meaningful = true;
    facts.ended = true;
    facts.finish = reply
        .candidates
        .into_iter()
        .next()
        .and_then(|candidate| {
            let has_calls = candidate.has_calls();
            Some(finish::read(candidate.finish?, has_calls))
        })
        .or_else(|| reply.blocked.as_deref().map(finish::blocked))
        .map(|finish| finish.reason);
    facts.usage = reply.usage.map(Box::new);
    facts.model = reply.model;
    facts.id = reply.id;
    crate::generated::count(body, &mut facts);
    Ok(facts)
}

/// Reads the number of tokens that `countTokens` replies with.
///
/// # Errors
/// Of origin upstream, when there is none.
pub fn decode_count(body: &[u8]) -> Result<u64, CallError> {
    node::answer(body)?
        .into_fields()
        .into_iter()
        .find(|(key, _)| camel(key.as_ref().into()) == "totalTokens")
        .and_then(|(_, node)| node.as_u64())
        .ok_or_else(|| {
            CallError::upstream(
                ErrorKind::Upstream,
                "The provider's reply states no number of tokens.",
            )
        })
}
