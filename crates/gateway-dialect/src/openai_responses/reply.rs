//! Whole replies.

use bytes::Bytes;
use gateway_schema::chat::{ChatResponse, Choice, Content, FinishReason, Part};
use gateway_schema::{Dialect, Losses};

use super::item::{
    Head, Item, Kind, Said, Standing, Status, annotation, form_of, logprobs, reply, stand_in_id,
};
use super::{foreign, signature};
use crate::ReplyInfo;

/// Writes a whole reply for a Responses client. Of several answers the first is written.
pub fn encode_response(response: &ChatResponse, info: &ReplyInfo, losses: &mut Losses) -> Bytes {
    let head = Head {
        id: response
            .id
            .clone()
            .unwrap_or_else(|| format!("resp_{}", info.id)),
        model: response.model.clone().unwrap_or_else(|| info.model.clone()),
        created: response.created.unwrap_or(info.created),
        service_tier: response.service_tier.clone(),
    };
    for choice in response.choices.iter().skip(1) {
        losses.dropped(
            format!("choices[{}]", choice.index),
            "a Responses reply holds one answer",
        );
    }
    if let Some(dialect) = response.extra.dialect() {
        for key in response.extra.fields().keys() {
            losses.dropped(key.clone(), foreign(dialect));
        }
    }
    let mut output = Output {
        info,
        losses,
        items: Vec::new(),
    };
    let mut standing = Standing {
        usage: response.usage.as_ref(),
        ..Standing::BEGUN
    };
    standing.status = Status::Completed;
    if let Some(choice) = response.choices.first() {
        output.choice(choice);
        let refuses = output.refuses();
        (standing.status, standing.why) = Status::of(choice.finish.as_ref(), refuses);
        report_finish(choice, output.losses);
    }
    if standing.status == Status::Failed {
        standing.error = Some(serde_json::json!({
            "code": "server_error",
            "message": "The provider failed before its answer was complete.",
        }));
    }
    let mut items = output.items;
    let last = items.len().saturating_sub(1);
    for (index, item) in items.iter_mut().enumerate() {
        item.status = match standing.status {
            Status::Completed => Status::Completed,
            _ if index == last => Status::Incomplete,
            _ => Status::Completed,
        };
    }
    let output: Vec<_> = items.iter().map(Item::value).collect();
    Bytes::from(reply(&head, &output, &standing).to_string())
}

fn report_finish(choice: &Choice, losses: &mut Losses) {
    if let Some(finish) = &choice.finish
        && matches!(finish.reason, FinishReason::Pause | FinishReason::Other)
    {
        losses.approximated(
            "status",
            format!(
                "`{}` has no word here",
                finish.raw.as_deref().unwrap_or("other")
            ),
        );
    }
}

struct Output<'a> {
    info: &'a ReplyInfo,
    losses: &'a mut Losses,
    items: Vec<Item>,
}

impl Output<'_> {
    fn choice(&mut self, choice: &Choice) {
        if let Some(dialect) = choice.extra.dialect() {
            for key in choice.extra.fields().keys() {
                self.losses
                    .dropped(format!("choices[0].{key}"), foreign(dialect));
            }
        }
        for (index, part) in choice.parts.iter().enumerate() {
            self.part(index, part);
        }
        if let Some(value) = &choice.logprobs {
            let texts = self.items.iter_mut().find_map(|item| match &mut item.kind {
                Kind::Message(said) => said.iter_mut().find_map(|said| match said {
                    Said::Text { logprobs, .. } => Some(logprobs),
                    Said::Refusal(_) => None,
                }),
                _ => None,
            });
            match texts {
                Some(slot) => *slot = logprobs(value),
                None => self
                    .losses
                    .dropped("logprobs", "there is no text they are of"),
            }
        }
    }

    fn refuses(&self) -> bool {
        self.items.iter().any(|item| match &item.kind {
            Kind::Message(said) => said.iter().any(|said| matches!(said, Said::Refusal(_))),
            _ => false,
        })
    }

    fn part(&mut self, index: usize, part: &Part) {
        let path = || format!("content[{index}]");
        let mut proof = part.signature.as_ref();
        match &part.content {
            Content::Text { text, citations } => {
                let annotations: Vec<_> = citations
                    .iter()
                    .filter_map(|citation| {
                        let found = annotation(citation, text);
                        if found.is_none() {
                            self.losses.dropped(
                                format!("{}.citations", path()),
                                "a source without an address has no form here",
                            );
                        }
                        found
                    })
                    .collect();
                self.say(Said::Text {
                    text: text.clone(),
                    annotations,
                    logprobs: Vec::new(),
                });
            }
            Content::Refusal(text) => self.say(Said::Refusal(text.clone())),
            Content::Thinking { text, .. } => self.add(Kind::Reasoning {
                summary: text.clone(),
                encrypted: proof.take().map(signature::own),
            }),
            Content::RedactedThinking { data, .. } => self.add(Kind::Reasoning {
                summary: String::new(),
                encrypted: Some(signature::redacted(data)),
            }),
            Content::ToolCall(call) => {
                let stand_in = || stand_in_id(self.info, self.items.len());
                let kind = Kind::Call {
                    call_id: call.id.clone().unwrap_or_else(stand_in),
                    form: form_of(self.info, &call.name),
                    arguments: call.arguments.clone(),
                };
                self.add(kind);
            }
            Content::Opaque { dialect, value } if *dialect == Dialect::OPENAI_RESPONSES => {
                self.add(Kind::Raw(value.clone()));
            }
            Content::Opaque { dialect, .. } => {
                self.losses.dropped(path(), foreign(*dialect));
                return;
            }
            _ => {
                self.losses
                    .dropped(path(), "a part of this kind has no form here");
                return;
            }
        }
        if let Some(proof) = proof {
            self.add(Kind::Reasoning {
                summary: String::new(),
                encrypted: Some(signature::before(proof)),
            });
        }
        if let Some(dialect) = part.extra.dialect() {
            for key in part.extra.fields().keys() {
                self.losses
                    .dropped(format!("{}.{key}", path()), foreign(dialect));
            }
        }
    }

    fn add(&mut self, kind: Kind) {
        let item = Item::new(kind, self.items.len(), self.info);
        self.items.push(item);
    }

    /// What is said in a row stands in one message.
    fn say(&mut self, said: Said) {
        if let Some(Item {
            kind: Kind::Message(message),
            ..
        }) = self.items.last_mut()
        {
            message.push(said);
        } else {
            self.add(Kind::Message(vec![said]));
        }
    }
}
