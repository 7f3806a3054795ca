//! Streams for a Responses client.

use bytes::BytesMut;
use gateway_schema::chat::{Citation, Finish, FinishReason, Signature, StreamEvent};
use gateway_schema::stream::Encode;
use gateway_schema::{Dialect, Losses, Usage};
use serde_json::{Value, json};

use super::super::item::{
    Head, Item, Kind, Said, Standing, Status, annotation, form_of, free_text, logprobs, reply,
    stand_in_id,
};
use super::super::{foreign, signature};
use super::write::{Delta, Events, Place};
use crate::{ReplyInfo, ToolForm, ToolKind};

/// Writes canonical events as Responses events. Of several answers the first is written.
///
/// Items end in the order in which they are known to be over: a message or reasoning when the next item begins, a call
/// when its block ends or the answer does, because pieces of several calls may come mixed.
#[derive(Debug)]
pub struct StreamEncoder {
    info: ReplyInfo,
    head: Head,
    is_begun: bool,
    events: Events,
    items: Vec<Item>,
    /// The item that text or reasoning is added to.
    open: Option<usize>,
    /// The number of each call that is not over, and its item.
    calls: Vec<(u32, usize)>,
    /// The items of calls that are not over, and of the proofs that stand just after them: clients that keep items in
    /// the order of their ends must find the proof behind its call.
    proofs: Vec<(usize, usize)>,
    finish: Option<Finish>,
    usage: Option<Usage>,
    losses: Losses,
    /// The last part had no form here; its proof goes with it.
    is_lost: bool,
}

impl StreamEncoder {
    /// An encoder of one stream.
    pub fn new(info: &ReplyInfo) -> Self {
        Self {
            head: Head {
                id: format!("resp_{}", info.id),
                model: info.model.clone(),
                created: info.created,
                service_tier: None,
            },
            info: info.clone(),
            is_begun: false,
            events: Events::default(),
            items: Vec::new(),
            open: None,
            calls: Vec::new(),
            proofs: Vec::new(),
            finish: None,
            usage: None,
            losses: Losses::new(),
            is_lost: false,
        }
    }

    fn begin(&mut self, out: &mut BytesMut) {
        if std::mem::replace(&mut self.is_begun, true) {
            return;
        }
        let begun = reply(&self.head, &[], &Standing::BEGUN);
        self.events.reply("response.created", &begun, out);
        self.events.reply("response.in_progress", &begun, out);
    }

    fn lose(&mut self, path: String, why: impl Into<String>) {
        self.losses.dropped(path, why.into());
    }

    /// Takes one event of the first answer.
    fn take(&mut self, event: &StreamEvent, out: &mut BytesMut) {
        let was_lost = std::mem::take(&mut self.is_lost);
        match event {
            StreamEvent::Signature { .. } if was_lost => {}
            StreamEvent::Text { text, .. } if !text.is_empty() => self.text(text, out),
            StreamEvent::Refusal { text, .. } if !text.is_empty() => self.refusal(text, out),
            StreamEvent::Thinking { text, .. } if !text.is_empty() => self.thinking(text, out),
            StreamEvent::Signature { signature, .. } => self.sign(signature, out),
            StreamEvent::RedactedThinking { data, .. } => {
                let kind = Kind::Reasoning {
                    summary: String::new(),
                    encrypted: Some(signature::redacted(data)),
                };
                self.add(kind, out);
                self.close(out);
            }
            StreamEvent::ToolCall {
                call,
                id,
                name,
                arguments,
                ..
            } => {
                let index = self.items.len();
                let id = id.clone();
                let kind = Kind::Call {
                    call_id: id.unwrap_or_else(|| stand_in_id(&self.info, index)),
                    form: form_of(&self.info, name),
                    arguments: String::new(),
                };
                self.add(kind, out);
                self.open = None;
                self.calls.push((*call, index));
                self.arguments(*call, arguments, out);
            }
            StreamEvent::ToolArguments { call, fragment, .. } => {
                self.arguments(*call, fragment, out);
            }
            StreamEvent::Citation { citation, .. } => self.cite(citation, out),
            StreamEvent::Logprobs { value, .. } => self.logprobs(value),
            StreamEvent::Opaque { dialect, value, .. } => {
                if *dialect == Dialect::OPENAI_RESPONSES {
                    self.add(Kind::Raw(value.clone()), out);
                    self.close(out);
                } else {
                    self.is_lost = true;
                    self.lose("content".to_owned(), foreign(*dialect));
                }
            }
            StreamEvent::Part { .. } => {
                self.is_lost = true;
                self.lose("content".to_owned(), "Responses hold no such part");
            }
            StreamEvent::PartEnd { .. } => self.part_end(out),
            StreamEvent::Finish { finish, .. } => {
                if matches!(finish.reason, FinishReason::Pause | FinishReason::Other) {
                    let raw = finish.raw.as_deref().unwrap_or("other");
                    self.losses
                        .approximated("status", format!("`{raw}` has no word here"));
                }
                self.finish = Some(finish.clone());
            }
            _ => {}
        }
    }

    /// Begins an item; the one before it is over unless it is a call.
    fn add(&mut self, kind: Kind, out: &mut BytesMut) {
        self.close(out);
        let index = self.items.len();
        let item = Item::new(kind, index, &self.info);
        let mut begun = item.value();
        // What it holds from the start comes with its end.
        if let Some(fields) = begun.as_object_mut() {
            fields.remove("encrypted_content");
        }
        self.events
            .item("response.output_item.added", index, &begun, out);
        self.items.push(item);
        self.open = Some(index);
    }

    /// Ends the open message or reasoning.
    fn close(&mut self, out: &mut BytesMut) {
        if let Some(index) = self.open.take() {
            self.end_item(index, Status::Completed, out);
        }
    }

    fn end_item(&mut self, index: usize, status: Status, out: &mut BytesMut) {
        let Some(item) = self.items.get_mut(index) else {
            return;
        };
        item.status = status;
        let place = Place::item(&item.id, index);
        match &item.kind {
            Kind::Message(said) => {
                if let Some(last) = said.last() {
                    let place = place.content(said.len() - 1);
                    end_said(&mut self.events, place, last, out);
                }
            }
            Kind::Reasoning { summary, .. } if !summary.is_empty() => {
                let place = place.summary();
                let part = json!({"type": "summary_text", "text": summary});
                let text = json!({"text": summary});
                let events = &mut self.events;
                events.at("response.reasoning_summary_text.done", place, text, out);
                let part = json!({"part": part});
                events.at("response.reasoning_summary_part.done", place, part, out);
            }
            Kind::Call {
                form, arguments, ..
            } => end_arguments(&mut self.events, place, (form, arguments), out),
            _ => {}
        }
        let value = item.value();
        self.events
            .item("response.output_item.done", index, &value, out);
        if let Some(at) = self.proofs.iter().position(|(call, _)| *call == index) {
            let (_, proof) = self.proofs.remove(at);
            self.end_item(proof, Status::Completed, out);
        }
    }

    /// The open message, begun if there is none, with its last part of the kind that `is` tells.
    fn said(&mut self, is: fn(&Said) -> bool, new: fn() -> Said, out: &mut BytesMut) -> usize {
        let open = self.open.filter(|index| {
            let item = self.items.get(*index);
            item.is_some_and(|item| matches!(item.kind, Kind::Message(_)))
        });
        let index = open.unwrap_or_else(|| {
            self.add(Kind::Message(Vec::new()), out);
            self.items.len() - 1
        });
        if let Some(Item {
            id,
            kind: Kind::Message(said),
            ..
        }) = self.items.get_mut(index)
            && !said.last().is_some_and(is)
        {
            let place = Place::item(id, index);
            if let Some(last) = said.last() {
                let place = place.content(said.len() - 1);
                end_said(&mut self.events, place, last, out);
            }
            let part = new();
            let more = json!({"part": part.value()});
            let place = place.content(said.len());
            self.events
                .at("response.content_part.added", place, more, out);
            said.push(part);
        }
        index
    }

    fn text(&mut self, piece: &str, out: &mut BytesMut) {
        let is = |said: &Said| matches!(said, Said::Text { .. });
        let index = self.said(is, || Said::text(String::new()), out);
        if let Some(Item {
            id,
            kind: Kind::Message(said),
            ..
        }) = self.items.get_mut(index)
        {
            let place = Place::item(id, index).content(said.len().saturating_sub(1));
            let delta = Delta {
                delta: piece,
                logprobs: Some(&[]),
            };
            self.events
                .at("response.output_text.delta", place, delta, out);
            if let Some(Said::Text { text, .. }) = said.last_mut() {
                text.push_str(piece);
            }
        }
    }

    fn refusal(&mut self, piece: &str, out: &mut BytesMut) {
        let is = |said: &Said| matches!(said, Said::Refusal(_));
        let index = self.said(is, || Said::Refusal(String::new()), out);
        if let Some(Item {
            id,
            kind: Kind::Message(said),
            ..
        }) = self.items.get_mut(index)
        {
            let place = Place::item(id, index).content(said.len().saturating_sub(1));
            let delta = Delta {
                delta: piece,
                logprobs: None,
            };
            self.events.at("response.refusal.delta", place, delta, out);
            if let Some(Said::Refusal(text)) = said.last_mut() {
                text.push_str(piece);
            }
        }
    }

    /// The open reasoning, begun if there is none.
    fn reasoning(&mut self, out: &mut BytesMut) -> usize {
        let open = self.open.filter(|index| {
            let item = self.items.get(*index);
            item.is_some_and(|item| matches!(item.kind, Kind::Reasoning { .. }))
        });
        open.unwrap_or_else(|| {
            let kind = Kind::Reasoning {
                summary: String::new(),
                encrypted: None,
            };
            self.add(kind, out);
            self.items.len() - 1
        })
    }

    fn thinking(&mut self, piece: &str, out: &mut BytesMut) {
        let index = self.reasoning(out);
        if let Some(Item {
            id,
            kind: Kind::Reasoning { summary, .. },
            ..
        }) = self.items.get_mut(index)
        {
            let place = Place::item(id, index).summary();
            if summary.is_empty() {
                let part = json!({"part": {"type": "summary_text", "text": ""}});
                self.events
                    .at("response.reasoning_summary_part.added", place, part, out);
            }
            let delta = Delta {
                delta: piece,
                logprobs: None,
            };
            self.events
                .at("response.reasoning_summary_text.delta", place, delta, out);
            summary.push_str(piece);
        }
    }

    /// A proof belongs to what came just before.
    fn sign(&mut self, proof: &Signature, out: &mut BytesMut) {
        let is_first = self.items.is_empty();
        let open = self.open.and_then(|index| self.items.get_mut(index));
        if let Some(Item {
            kind: Kind::Reasoning { encrypted, .. },
            ..
        }) = open
        {
            *encrypted = Some(signature::own(proof));
            return;
        }
        let encrypted = Some(if is_first {
            signature::own(proof)
        } else {
            signature::before(proof)
        });
        let summary = String::new();
        let before = self.items.len().saturating_sub(1);
        self.add(Kind::Reasoning { summary, encrypted }, out);
        if self.calls.iter().any(|(_, index)| *index == before)
            && let Some(proof) = self.open.take()
        {
            self.proofs.push((before, proof));
        }
        self.close(out);
    }

    fn arguments(&mut self, call: u32, piece: &str, out: &mut BytesMut) {
        let known = self.calls.iter().rev().find(|(number, _)| *number == call);
        let Some((_, index)) = known.copied() else {
            return self.lose(
                format!("tool_calls[{call}]"),
                "arguments of a call that is over or never began",
            );
        };
        if piece.is_empty() {
            return;
        }
        if let Some(Item {
            id,
            kind: Kind::Call {
                arguments, form, ..
            },
            ..
        }) = self.items.get_mut(index)
        {
            if form.kind != ToolKind::Function {
                // It is told when it is whole: pieces of JSON are none of its text.
                return arguments.push_str(piece);
            }
            let delta = Delta {
                delta: piece,
                logprobs: None,
            };
            let place = Place::item(id, index);
            self.events
                .at("response.function_call_arguments.delta", place, delta, out);
            arguments.push_str(piece);
        }
    }

    fn cite(&mut self, citation: &Citation, out: &mut BytesMut) {
        let index = self.open.unwrap_or(usize::MAX);
        if let Some(Item {
            id,
            kind: Kind::Message(said),
            ..
        }) = self.items.get_mut(index)
        {
            let place = Place::item(id, index).content(said.len().saturating_sub(1));
            if let Some(Said::Text {
                text, annotations, ..
            }) = said.last_mut()
                && let Some(value) = annotation(citation, text)
            {
                let more = json!({"annotation_index": annotations.len(), "annotation": value});
                self.events
                    .at("response.output_text.annotation.added", place, more, out);
                annotations.push(value);
                return;
            }
        }
        self.lose(
            "citations".to_owned(),
            "a source without an address or a text has no form here",
        );
    }

    fn logprobs(&mut self, value: &Value) {
        let open = self.open.and_then(|index| self.items.get_mut(index));
        if let Some(Item {
            kind: Kind::Message(said),
            ..
        }) = open
            && let Some(Said::Text { logprobs: all, .. }) = said.last_mut()
        {
            all.extend(logprobs(value));
        } else {
            self.lose("logprobs".to_owned(), "there is no text they are of");
        }
    }

    /// A block of the provider's ended: a call is over. Text may go on, reasoning may yet be signed.
    fn part_end(&mut self, out: &mut BytesMut) {
        let end = self.items.len().saturating_sub(1);
        let signed = self.proofs.iter().find(|(_, proof)| *proof == end);
        let last = signed.map_or(end, |(call, _)| *call);
        if let Some(at) = self.calls.iter().position(|(_, index)| *index == last) {
            self.calls.remove(at);
            self.end_item(last, Status::Completed, out);
        }
    }

    fn refuses(&self) -> bool {
        self.items.iter().any(|item| match &item.kind {
            Kind::Message(said) => said.iter().any(|said| matches!(said, Said::Refusal(_))),
            _ => false,
        })
    }

    /// Ends the items that are open, and the reply.
    fn finish(&mut self, error: Option<Value>, out: &mut BytesMut) {
        let (status, why) = match &error {
            Some(_) => (Status::Failed, None),
            None => Status::of(self.finish.as_ref(), self.refuses()),
        };
        let error = error.or_else(|| {
            (status == Status::Failed).then(|| {
                json!({
                    "code": "server_error",
                    "message": "The provider failed before its answer was complete.",
                })
            })
        });
        let mut open: Vec<usize> = self.calls.drain(..).map(|(_, index)| index).collect();
        open.extend(self.open.take());
        open.sort_unstable();
        let of_items = match status {
            Status::Completed => Status::Completed,
            _ => Status::Incomplete,
        };
        for index in open {
            self.end_item(index, of_items, out);
        }
        let output: Vec<_> = self.items.iter().map(Item::value).collect();
        let standing = Standing {
            status,
            why,
            error,
            usage: self.usage.as_ref(),
        };
        let kind = match status {
            Status::Incomplete => "response.incomplete",
            Status::Failed => "response.failed",
            _ => "response.completed",
        };
        let whole = reply(&self.head, &output, &standing);
        self.events.reply(kind, &whole, out);
    }
}

/// Ends what a tool is called with, where the API has events for it.
fn end_arguments(
    events: &mut Events,
    place: Place<'_>,
    (form, arguments): (&ToolForm, &str),
    out: &mut BytesMut,
) {
    match form.kind {
        ToolKind::Function => {
            let more = json!({"name": form.own, "arguments": arguments});
            events.at("response.function_call_arguments.done", place, more, out);
        }
        ToolKind::Custom => {
            let input = free_text(arguments);
            let delta = json!({ "delta": input });
            events.at("response.custom_tool_call_input.delta", place, delta, out);
            let done = json!({ "input": input });
            events.at("response.custom_tool_call_input.done", place, done, out);
        }
        ToolKind::LocalShell | ToolKind::ToolSearch => {}
    }
}

/// Ends a part of a message.
fn end_said(events: &mut Events, place: Place<'_>, said: &Said, out: &mut BytesMut) {
    match said {
        Said::Text { text, logprobs, .. } => {
            let more = json!({"text": text, "logprobs": logprobs});
            events.at("response.output_text.done", place, more, out);
        }
        Said::Refusal(text) => {
            let more = json!({"refusal": text});
            events.at("response.refusal.done", place, more, out);
        }
    }
    let more = json!({"part": said.value()});
    events.at("response.content_part.done", place, more, out);
}

impl Encode for StreamEncoder {
    fn encode(&mut self, events: &[StreamEvent], out: &mut BytesMut) {
        for event in events {
            match event {
                StreamEvent::Start {
                    id, model, created, ..
                } if !self.is_begun => {
                    if let Some(id) = id {
                        self.head.id.clone_from(id);
                    }
                    if let Some(model) = model {
                        self.head.model.clone_from(model);
                    }
                    self.head.created = created.unwrap_or(self.head.created);
                    self.begin(out);
                }
                StreamEvent::Usage(usage) => {
                    self.usage.get_or_insert_default().update(usage.clone());
                }
                event => match event.choice() {
                    Some(0) => {
                        self.begin(out);
                        self.take(event, out);
                    }
                    Some(choice) => self.lose(
                        format!("choices[{choice}]"),
                        "a Responses reply holds one answer",
                    ),
                    None => {}
                },
            }
        }
    }

    fn end(&mut self, out: &mut BytesMut) {
        self.begin(out);
        self.finish(None, out);
    }

    fn error(&mut self, body: &Value, out: &mut BytesMut) {
        let error = body.get("error").unwrap_or(body);
        self.events.error(error, out);
        let field = |key: &str| error.get(key).cloned().unwrap_or(Value::Null);
        let failure = json!({"code": field("code"), "message": field("message")});
        self.finish(Some(failure), out);
    }

    fn resume(&mut self, last: &[u8]) {
        self.events.resume(last);
    }

    fn losses(&self) -> &Losses {
        &self.losses
    }
}
