//! A kept answer as bytes, for caches that several processes share: a version, a head in JSON, and the provider's bytes
//! as they came. What cannot be read, of another version or of no dialect, is not there.

use std::borrow::Cow;
use std::time::Duration;

use bytes::Bytes;
use gateway_provider::{Lane, Whole};
use gateway_schema::chat::FinishReason;
use gateway_schema::stream::Facts;
use gateway_schema::{Dialect, Losses, ModelId, ProviderName, Response, Usage};
use http::HeaderValue;
use serde::{Deserialize, Serialize};

use super::entry::{Kept, KeptBody};

/// Whoever changes the form changes this.
const VERSION: [u8; 4] = *b"ga1\n";

#[derive(Serialize, Deserialize)]
struct Head<'a> {
    ttl_ms: u64,
    provider: ProviderName,
    model: ModelId,
    dialect: Dialect,
    same_lane: bool,
    losses: Losses,
    form: Form<'a>,
}

#[derive(Serialize, Deserialize)]
enum Form<'a> {
    Raw {
        content_type: Cow<'a, str>,
        facts: Told,
    },
    RawStream {
        facts: Told,
    },
    Canonical(Cow<'a, Response>),
}

/// The facts of an answer worth keeping.
#[derive(Serialize, Deserialize)]
struct Told {
    meaningful: bool,
    ended: bool,
    content_events: u32,
    text_bytes: u32,
    finish: Option<FinishReason>,
    usage: Option<Box<Usage>>,
    model: Option<String>,
    id: Option<String>,
}

impl Told {
    fn of(facts: &Facts) -> Self {
        Self {
            meaningful: facts.meaningful,
            ended: facts.ended,
            content_events: facts.content_events,
            text_bytes: facts.text_bytes,
            finish: facts.finish,
            usage: facts.usage.clone(),
            model: facts.model.clone(),
            id: facts.id.clone(),
        }
    }

    fn facts(self) -> Facts {
        let mut facts = Facts::default();
        facts.meaningful = self.meaningful;
        facts.ended = self.ended;
        facts.content_events = self.content_events;
        facts.text_bytes = self.text_bytes;
        facts.finish = self.finish;
        facts.usage = self.usage;
        facts.model = self.model;
        facts.id = self.id;
        facts
    }
}

/// The answer as bytes; `None` for what cannot be told in bytes.
pub(super) fn encode(kept: &Kept, ttl: Duration) -> Option<Vec<u8>> {
    let (form, body) = match &kept.body {
        KeptBody::Whole(Whole::Raw {
            body,
            content_type,
            facts,
        }) => {
            let form = Form::Raw {
                content_type: content_type.to_str().ok()?.into(),
                facts: Told::of(facts),
            };
            (form, body.clone())
        }
        KeptBody::RawStream(body, facts) => {
            let facts = Told::of(facts);
            (Form::RawStream { facts }, body.clone())
        }
        KeptBody::Whole(Whole::Canonical(response)) => {
            (Form::Canonical(Cow::Borrowed(response)), Bytes::new())
        }
        KeptBody::Whole(_) => return None,
    };
    let head = Head {
        ttl_ms: u64::try_from(ttl.as_millis()).ok()?,
        provider: kept.provider.clone(),
        model: kept.model.clone(),
        dialect: kept.dialect,
        same_lane: kept.lane == Lane::Same,
        losses: kept.losses.clone(),
        form,
    };
    let head = serde_json::to_vec(&head).ok()?;
    let length = u32::try_from(head.len()).ok()?;
    let mut bytes = Vec::with_capacity(8 + head.len() + body.len());
    bytes.extend_from_slice(&VERSION);
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(&head);
    bytes.extend_from_slice(&body);
    Some(bytes)
}

/// The answer that `bytes` hold, and for how long it was to be kept.
pub(super) fn decode(bytes: Vec<u8>) -> Option<(Kept, Duration)> {
    let bytes = Bytes::from(bytes);
    let (version, rest) = bytes.split_first_chunk::<4>()?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let head = rest.get(..length)?;
    if *version != VERSION {
        return None;
    }
    let head: Head<'_> = serde_json::from_slice(head).ok()?;
    let body = bytes.slice(8 + length..);
    let form = match head.form {
        Form::Raw {
            content_type,
            facts,
        } => KeptBody::Whole(Whole::Raw {
            body,
            content_type: HeaderValue::from_str(&content_type).ok()?,
            facts: Box::new(facts.facts()),
        }),
        Form::RawStream { facts } => KeptBody::RawStream(body, Box::new(facts.facts())),
        Form::Canonical(response) => KeptBody::Whole(Whole::Canonical(response.into_owned())),
    };
    let kept = Kept {
        provider: head.provider,
        model: head.model,
        dialect: head.dialect,
        lane: if head.same_lane {
            Lane::Same
        } else {
            Lane::Cross
        },
        losses: head.losses,
        body: form,
    };
    Some((kept, Duration::from_millis(head.ttl_ms)))
}

#[cfg(test)]
mod tests {
    use gateway_schema::chat::{ChatResponse, Choice, Content, Finish, Part};

    use super::*;

    fn kept(body: KeptBody) -> Kept {
        let mut losses = Losses::new();
        losses.dropped("seed", "not known there");
        Kept {
            provider: "p".into(),
            model: "m".into(),
            dialect: Dialect::ANTHROPIC,
            lane: Lane::Cross,
            losses,
            body,
        }
    }

    fn facts() -> Facts {
        let mut facts = Facts::default();
        facts.ended = true;
        facts.content_events = 3;
        facts.finish = Some(FinishReason::ToolCalls);
        facts.usage = Some(Box::new(Usage::new(7, 9)));
        facts.model = Some("m-1".to_owned());
        facts
    }

    fn chat() -> Response {
        let mut choice = Choice::default();
        choice.parts = vec![
            Part::thinking("so"),
            Part::text("\u{1F600} \"x\"\n"),
            Part::tool_call("t", "f", "{\"a\":1.25}"),
            Part::new(Content::Opaque {
                dialect: Dialect::OPENAI,
                value: serde_json::json!({"b": [1, null, 2.5]}),
            }),
        ];
        choice.finish = Some(Finish::with_raw(FinishReason::Stop, "end_turn"));
        let mut chat = ChatResponse::default();
        chat.choices = vec![choice];
        chat.usage = Some(Usage::new(1, 2));
        Response::Chat(Box::new(chat))
    }

    #[test]
    fn every_form_of_an_answer_comes_back_as_it_went() {
        let raw = Whole::Raw {
            body: Bytes::from_static(b"{\"x\": 1}\n"),
            content_type: HeaderValue::from_static("application/json; charset=utf-8"),
            facts: Box::new(facts()),
        };
        for body in [
            KeptBody::Whole(raw),
            KeptBody::RawStream(Bytes::from_static(b"data: {}\n\n\xff"), Box::new(facts())),
            KeptBody::Whole(Whole::Canonical(chat())),
        ] {
            let before = kept(body);
            let ttl = Duration::from_mins(5);
            let (after, told) = decode(encode(&before, ttl).unwrap()).unwrap();
            assert_eq!(told, ttl);
            assert_eq!(format!("{after:?}"), format!("{before:?}"));
        }
    }

    const TOO_LONG: &str =
        "a-dialect-whose-name-is-so-long-that-nobody-would-ever-give-it-to-anything-at-all";

    #[test]
    fn what_is_cut_off_spoilt_or_of_another_version_is_not_there() {
        let answer = kept(KeptBody::Whole(Whole::Canonical(chat())));
        let bytes = encode(&answer, Duration::from_mins(1)).unwrap();
        for end in 0..bytes.len() {
            assert!(decode(bytes[..end].to_vec()).is_none(), "cut at {end}");
        }
        for at in 0..8 {
            let mut spoilt = bytes.clone();
            spoilt[at] ^= 0xff;
            assert!(decode(spoilt).is_none(), "spoilt at {at}");
        }
        let mut unknown = answer;
        unknown.dialect = Dialect::new(TOO_LONG);
        let bytes = encode(&unknown, Duration::from_mins(1)).unwrap();
        assert!(decode(bytes).is_none());
    }
}
