//! The suite against a toy provider, good and with one defect at a time.

use std::sync::Arc;
use std::time::SystemTime;

use bytes::{Bytes, BytesMut};
use gateway_json::{Edit, splice};
use gateway_provider::{
    Built, Call, Credential, Deps, Encoded, Factory, HttpProvider, Lane, ProviderInfo,
    StaticCredential, Target, TargetSpec, Whole, Wire,
};
use gateway_schema::chat::{ChatResponse, Choice, Finish, FinishReason, Part, StreamEvent};
use gateway_schema::stream::{Decode, Facts, Frame};
use gateway_schema::{
    CallError, Dialect, ErrorKind, Losses, Operation, OptionKind, OptionProblem, OptionSpec,
    Options, Request, Response, Retry, UpstreamFailure, Usage,
};
use http::response::Parts;
use serde_json::{Value, json};

use super::*;

const TOY: Dialect = Dialect::new("toy");

const FACTORY: Factory = Factory {
    name: "toy",
    aliases: &[],
    display_name: "Toy",
    options: &[
        OptionSpec {
            name: "toy_key",
            kind: OptionKind::Secret,
            required: true,
            doc: "The key.",
        },
        OptionSpec {
            name: "defect",
            kind: OptionKind::Text,
            required: false,
            doc: "What is wrong with this toy; nothing by default.",
        },
    ],
    operations: &[Operation::Chat],
    check: |_, options| match options.text("toy_key") {
        Some(_) => Vec::new(),
        None => vec![OptionProblem::new("toy_key", "is missing")],
    },
    build,
};

fn build(spec: &TargetSpec, options: &Options, deps: &Deps) -> Built {
    let (Some(key), Some(model)) = (options.text("toy_key"), spec.model.clone()) else {
        return Err(vec![OptionProblem::new("toy_key", "is missing")]);
    };
    let defect = options.text("defect").unwrap_or_default();
    let wire = Toy {
        info: ProviderInfo::new("toy", model.clone(), TOY, &[Operation::Chat]),
        defect: defect.to_owned(),
    };
    let credentials = Arc::new(StaticCredential::key(key));
    let transport = Arc::clone(&deps.transport);
    let clock = Arc::clone(&deps.clock);
    let mut target = Target::new(model);
    if defect != "forgets_headers" {
        target.headers = spec.headers.clone();
    }
    Ok(Arc::new(HttpProvider::new(
        wire,
        target,
        credentials,
        transport,
        clock,
    )))
}

/// `{"model", "prompt"}` becomes `{"text", "tokens"}`, or a line per piece and `end`.
struct Toy {
    info: ProviderInfo,
    defect: String,
}

impl Toy {
    fn is(&self, defect: &str) -> bool {
        self.defect == defect
    }
}

fn unreadable(body: &[u8]) -> CallError {
    let detail = String::from_utf8_lossy(body).into_owned();
    CallError::upstream(ErrorKind::Upstream, "The answer cannot be read.").with_detail(detail)
}

impl Wire for Toy {
    fn info(&self) -> &ProviderInfo {
        &self.info
    }

    fn encode(&self, call: &Call, to: &Target) -> Result<Encoded, CallError> {
        let model = json!(to.model.as_str()).to_string();
        let (body, lane) = if let Some((bytes, envelope)) = call.payload.native(TOY)
            && !self.is("translates_always")
        {
            let mut edits = Vec::new();
            if !self.is("keeps_alias") {
                let edit = envelope
                    .find(bytes, "model")
                    .map(|member| Edit::new(member.value.clone(), model.clone()));
                edits.extend(edit);
            }
            (splice(bytes, &edits), Lane::Same)
        } else {
            let prompt = match &call.payload.canonical(call.operation) {
                Ok(decoded) => match &decoded.value {
                    Request::Chat(chat) => chat.messages[0].text(),
                    _ => String::new(),
                },
                Err(_) => String::new(),
            };
            let body = json!({"model": to.model.as_str(), "prompt": prompt});
            (body.to_string().into(), Lane::Cross)
        };
        let mut request = http::Request::new(body);
        *request.method_mut() = http::Method::POST;
        *request.uri_mut() = "https://toy.invalid/v1/answer".parse().unwrap();
        if self.is("leaks_credential") {
            request.headers_mut().clone_from(&*call.context.headers);
        }
        Ok(Encoded {
            request,
            lane,
            losses: Losses::new(),
        })
    }

    fn authorize(
        &self,
        request: &mut http::Request<Bytes>,
        credential: &Credential,
        _now: SystemTime,
    ) -> Result<(), CallError> {
        if let Credential::Key(key) = credential
            && let Ok(value) = HeaderValue::try_from(key.expose().as_str())
        {
            request.headers_mut().insert("x-toy-key", value);
        }
        Ok(())
    }

    fn decode(
        &self,
        _: &Call,
        lane: Lane,
        response: http::Response<Bytes>,
    ) -> Result<Whole, CallError> {
        let body = response.into_body();
        let value: Value = serde_json::from_slice(&body).map_err(|_| unreadable(&body))?;
        let text = value["text"].as_str().ok_or_else(|| unreadable(&body))?;
        if lane == Lane::Same {
            return Ok(Whole::Raw {
                content_type: HeaderValue::from_static("application/json"),
                facts: Box::default(),
                body,
            });
        }
        let mut choice = Choice::default();
        choice.parts.push(Part::text(text));
        let mut chat = ChatResponse::default();
        chat.choices.push(choice);
        Ok(Whole::Canonical(Response::Chat(Box::new(chat))))
    }

    fn decoder(&self, _: &Call, lane: Lane, _: &Parts) -> Box<dyn Decode> {
        Box::new(ToyDecoder {
            lane,
            held: BytesMut::new(),
            ended: false,
            cuts_are_ends: self.is("cuts_are_ends"),
            splits_matter: self.is("splits_matter"),
            panics: self.is("panics"),
        })
    }

    fn decode_error(&self, response: &http::Response<Bytes>) -> CallError {
        let (kind, retry) = match response.status().as_u16() {
            _ if self.is("one_error_for_all") => (ErrorKind::Upstream, Retry::Never),
            401 => (ErrorKind::Unauthenticated, Retry::Elsewhere),
            403 => (ErrorKind::Forbidden, Retry::Elsewhere),
            404 => (ErrorKind::NotFound, Retry::Never),
            413 => (ErrorKind::PayloadTooLarge, Retry::Never),
            429 => (ErrorKind::RateLimited, Retry::Elsewhere),
            504 => (ErrorKind::Timeout, Retry::Same),
            400..=499 => (ErrorKind::InvalidRequest, Retry::Never),
            _ => (ErrorKind::Upstream, Retry::Same),
        };
        CallError::upstream(kind, "The toy is broken.")
            .with_retry(retry)
            .with_upstream(UpstreamFailure::default())
    }
}

struct ToyDecoder {
    lane: Lane,
    held: BytesMut,
    ended: bool,
    cuts_are_ends: bool,
    splits_matter: bool,
    panics: bool,
}

impl Decode for ToyDecoder {
    fn feed(&mut self, chunk: Bytes, out: &mut Vec<Frame>) -> Result<(), CallError> {
        self.held.extend_from_slice(&chunk);
        let mut events = Vec::new();
        if self.splits_matter {
            events.push(StreamEvent::Text {
                choice: 0,
                text: ".".to_owned(),
            });
        }
        while let Some(end) = self.held.iter().position(|byte| *byte == b'\n') {
            let line = self.held.split_to(end + 1);
            let text = String::from_utf8_lossy(&line[..end]).into_owned();
            assert!(!(self.panics && text.contains("null")), "a toy fell over");
            if text == "end" {
                self.ended = true;
                events.push(StreamEvent::Finish {
                    choice: 0,
                    finish: Finish::new(FinishReason::Stop),
                });
                events.push(StreamEvent::Usage(Usage::new(1, 2)));
                events.push(StreamEvent::End);
            } else {
                events.push(StreamEvent::Text { choice: 0, text });
            }
        }
        out.push(match self.lane {
            Lane::Same => Frame::raw(chunk, Facts::of(&events)),
            Lane::Cross => Frame::events(events),
        });
        Ok(())
    }

    fn end(&mut self, out: &mut Vec<Frame>) -> Result<(), CallError> {
        if self.cuts_are_ends && !self.ended {
            out.push(Frame::events(vec![StreamEvent::End]));
        } else if !self.ended {
            return Err(unreadable(b"short"));
        }
        Ok(())
    }
}

fn suite(defect: &str) -> Suite {
    Suite::new(FACTORY)
        .option("toy_key", "sk-toy-secret")
        .option("defect", defect)
        .endpoint_header("x-team", "blue")
        .sample(
            Sample::chat("Say hello")
                .native(TOY, &json!({"model": "mine", "prompt": "Say hello"}))
                .whole("application/json", r#"{"text": "Hello", "tokens": 3}"#)
                .stream("text/plain", "He\nllo\nend\n")
                .answers("Hello"),
        )
}

#[tokio::test]
async fn a_good_provider_conforms() {
    suite("").run().await;
}

#[tokio::test]
async fn every_defect_is_found_by_the_check_that_is_about_it() {
    std::panic::set_hook(Box::new(|_| {}));
    for (defect, check) in [
        ("leaks_credential", "request [chat]"),
        ("forgets_headers", "request [chat]"),
        ("keeps_alias", "same-dialect request [chat]"),
        ("translates_always", "request [chat]"),
        ("cuts_are_ends", "broken stream [chat]"),
        ("splits_matter", "cut stream [chat]"),
        ("panics", "nonsense [chat]"),
        ("one_error_for_all", "failure [chat]"),
    ] {
        let report = suite(defect).report().await;
        assert!(
            report.iter().any(|fault| fault.starts_with(check)),
            "{defect}: {report:?}"
        );
    }
}

#[tokio::test]
async fn settings_that_are_not_documented_are_reported() {
    let report = suite("").option("no_such_option", 1).report().await;
    assert!(
        report.iter().any(|fault| fault.contains("no_such_option")),
        "{report:?}"
    );
}
