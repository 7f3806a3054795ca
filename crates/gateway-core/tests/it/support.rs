//! What the tests of this crate share.

use std::sync::Arc;
use std::time::Instant;

use gateway_core::config::{Endpoint, FileText, Lookup, Model, Plan, Source, Strictness, load};
use gateway_core::provider::{Call, Context, Payload, Reply, ReplyBody, Whole};
use gateway_core::schema::chat::{ChatRequest, Message};
use gateway_core::schema::{Operation, Request, Response};
use gateway_core::{Checked, EngineBuilder, Registry};
use gateway_testkit::{ScriptedProvider, ScriptedTransport, deps};

/// A machine without variables and files.
struct Nothing;

impl Lookup for Nothing {
    fn env(&self, _: &str) -> Option<String> {
        None
    }

    fn file(&self, _: &str) -> FileText {
        FileText::Absent
    }
}

/// The plan of a configuration without faults.
#[expect(clippy::panic, reason = "a test helper")]
pub(crate) fn loaded(text: &str, registry: &Registry) -> Plan {
    let source = Source::new("test.yaml", text);
    let loaded = load(source, &Nothing, &Checked(registry), Strictness::Strict);
    loaded.unwrap_or_else(|report| panic!("{report}")).plan
}

/// A chat endpoint named `name` that is answered by the scripted provider of the same name.
pub(crate) fn endpoint(name: &str) -> Endpoint {
    Endpoint::new(name, Operation::Chat, Model::new(name).with_name("m"))
}

/// A plan of these endpoints.
pub(crate) fn plan(endpoints: Vec<Endpoint>) -> Plan {
    let mut plan = Plan::default();
    plan.endpoints = endpoints;
    plan
}

/// An engine builder in which every provider is known by its name.
pub(crate) fn builder(providers: &[(&str, &ScriptedProvider)]) -> EngineBuilder {
    let transport = ScriptedTransport::new();
    providers.iter().fold(
        EngineBuilder::new(Registry::new(), deps(&transport)),
        |builder, (name, provider)| builder.with_provider(*name, Arc::new((*provider).clone())),
    )
}

/// A chat call of `endpoint`.
pub(crate) fn call(endpoint: &str, stream: bool) -> Call {
    let mut request = ChatRequest::new(vec![Message::user("Hello")]);
    request.stream = stream;
    Call::new(
        Context::new("request-1".into(), endpoint.into(), Instant::now()),
        Operation::Chat,
        stream,
        Payload::from_request(Request::Chat(Box::new(request))),
    )
}

/// The text of a whole chat answer.
#[expect(clippy::panic, reason = "a test helper")]
pub(crate) fn text(reply: &Reply) -> String {
    match &reply.body {
        ReplyBody::Whole(Whole::Canonical(Response::Chat(chat))) => chat
            .choices
            .iter()
            .flat_map(|choice| &choice.parts)
            .map(|part| match &part.content {
                gateway_core::schema::chat::Content::Text { text, .. } => text.as_str(),
                _ => "",
            })
            .collect(),
        other => panic!("not a whole chat answer: {other:?}"),
    }
}
