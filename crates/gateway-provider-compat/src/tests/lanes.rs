//! The caller's own bytes, and translated requests.

use gateway_provider::Lane;
use gateway_schema::chat::{Content, Message, Part, Role, ToolCall};
use gateway_schema::embedding::{EmbeddingInput, EmbeddingRequest, EmbeddingTask};
use gateway_schema::{Operation, Request};
use gateway_testkit::ScriptedReply;
use serde_json::{Value, json};

use super::{Asked, ask, ask_with, call, canonical, chat, native, row, settings, stream, whole};

async fn forwarded(name: &str, stream: bool, text: &str) -> Asked {
    let operation = if text.contains("\"input\"") {
        Operation::Embedding
    } else {
        Operation::Chat
    };
    ask(name, call(operation, stream, native(text))).await
}

#[tokio::test]
async fn mistral_gets_its_own_names_and_everything_else_as_it_came() {
    let text = r#"{ "stream_options":{"include_usage":true}, "new": 1.50, "messages":[],"seed":7, "model":"alias","max_completion_tokens":5 }"#;
    let asked = forwarded("mistral", false, text).await;
    assert_eq!(asked.outcome.as_ref().unwrap().lane, Lane::Same);
    assert_eq!(
        asked.text(),
        r#"{ "new": 1.50, "messages":[],"random_seed":7, "model":"vendor-model-1","max_tokens":5 }"#
    );
}

#[tokio::test]
async fn mistral_gets_ids_of_calls_that_it_takes_and_those_of_its_own_untouched() {
    let body = |id: &str| {
        format!(
            r#"{{"model":"a","messages":[{{"role":"assistant","tool_calls":[{{"id":"{id}","type":"function","function":{{"name":"f","arguments":"{{}}"}}}}]}},{{"role":"tool","tool_call_id":"{id}","content":"x"}}]}}"#
        )
    };
    let own = forwarded("mistral", false, &body("6IgxW8LfZ")).await;
    assert_eq!(own.outcome.as_ref().unwrap().lane, Lane::Same);
    assert!(own.text().contains("6IgxW8LfZ"));
    let foreign = forwarded("mistral", false, &body("call_of_another_provider")).await;
    assert_eq!(foreign.outcome.as_ref().unwrap().lane, Lane::Cross);
    let sent = foreign.body();
    let id = sent["messages"][0]["tool_calls"][0]["id"].as_str().unwrap();
    assert_eq!(id.len(), 9);
    assert!(id.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    assert_eq!(sent["messages"][1]["tool_call_id"], id);
    let elsewhere = forwarded("groq", false, &body("call_of_another_provider")).await;
    assert_eq!(elsewhere.outcome.as_ref().unwrap().lane, Lane::Same);
}

#[tokio::test]
async fn a_member_goes_wherever_it_stands() {
    let last = r#"{"model":"a","messages":[],"stream_options":null}"#;
    assert_eq!(
        forwarded("mistral", false, last).await.text(),
        r#"{"model":"vendor-model-1","messages":[]}"#
    );
    let twice = r#"{"model":"a","messages":[],"stream_options":null, "stream_options":{}}"#;
    assert_eq!(
        forwarded("mistral", false, twice).await.text(),
        r#"{"model":"vendor-model-1","messages":[]}"#
    );
    let both = r#"{"model":"a","max_completion_tokens":6,"max_tokens":5,"messages":[]}"#;
    assert_eq!(
        forwarded("mistral", false, both).await.text(),
        r#"{"model":"vendor-model-1","max_tokens":5,"messages":[]}"#
    );
    let spaced = "{\n  \"model\": \"a\",\n  \"stream_options\": {},\n  \"messages\": []\n}";
    let asked = forwarded("mistral", false, spaced).await;
    assert_eq!(
        asked.body(),
        json!({"model": "vendor-model-1", "messages": []})
    );
}

#[tokio::test]
async fn defaults_go_by_the_vendors_names() {
    let row = row("mistral");
    let reply = ScriptedReply::new(200, "application/json", whole("Hi"));
    let call = call(Operation::Chat, false, native(r#"{"messages":[]}"#));
    let defaults = json!({"seed": 3, "temperature": 0.5});
    let asked = ask_with(row, settings(row), &defaults, call, reply).await;
    assert_eq!(
        asked.body(),
        json!({"model": "vendor-model-1", "random_seed": 3, "temperature": 0.5, "messages": []})
    );
}

#[tokio::test]
async fn usage_is_asked_for_where_that_is_understood() {
    let text = r#"{"model":"a","messages":[],"stream":true}"#;
    for (name, asks) in [
        ("groq", true),
        ("together", false),
        ("mistral", false),
        ("ai21", false),
    ] {
        let row = row(name);
        let reply = ScriptedReply::sse(stream("Hi"));
        let call = call(Operation::Chat, true, native(text));
        let asked = ask_with(row, settings(row), &json!({}), call, reply).await;
        let expected = if asks {
            json!({"include_usage": true})
        } else {
            Value::Null
        };
        assert_eq!(asked.body()["stream_options"], expected, "{name}");
    }
}

#[tokio::test]
async fn vendors_of_vectors_get_their_own_names() {
    let text = r#"{"input":["a"],"model":"x","dimensions":256,"encoding_format":"float"}"#;
    assert_eq!(
        forwarded("voyage", false, text).await.text(),
        r#"{"input":["a"],"model":"vendor-model-1","output_dimension":256}"#
    );
    let base64 = text.replace("float", "base64");
    assert_eq!(
        forwarded("voyage", false, &base64).await.body()["encoding_format"],
        "base64"
    );
    assert_eq!(
        forwarded("jina", false, text).await.text(),
        r#"{"input":["a"],"model":"vendor-model-1","dimensions":256,"embedding_type":"float"}"#
    );
}

#[tokio::test]
async fn what_vectors_are_for_is_said_in_the_vendors_words() {
    for (name, task, member, word) in [
        ("voyage", EmbeddingTask::Query, "input_type", json!("query")),
        (
            "voyage",
            EmbeddingTask::Clustering,
            "input_type",
            Value::Null,
        ),
        (
            "jina",
            EmbeddingTask::Document,
            "task",
            json!("retrieval.passage"),
        ),
        (
            "nvidia-nim",
            EmbeddingTask::Document,
            "input_type",
            json!("passage"),
        ),
        ("nebius", EmbeddingTask::Query, "input_type", Value::Null),
    ] {
        let mut request = EmbeddingRequest::new(EmbeddingInput::Text("Hi".to_owned()));
        request.task = Some(task);
        let payload =
            gateway_provider::Payload::from_request(Request::Embedding(Box::new(request)));
        let call = call(Operation::Embedding, false, payload);
        let journal = call.context.journal.clone();
        let asked = ask(name, call).await;
        assert_eq!(asked.body()[member], word, "{name}");
        assert_eq!(journal.notes().losses.is_empty(), !word.is_null(), "{name}");
    }
}

#[tokio::test]
async fn earlier_reasoning_goes_back_the_way_each_vendor_wants_it() {
    for (name, member) in [
        ("deepseek", "reasoning_content"),
        ("moonshot", "reasoning_content"),
        ("groq", "reasoning"),
        ("openrouter", "reasoning"),
        ("mistral", ""),
        ("together", ""),
    ] {
        let mut request = chat("What is the weather?");
        let mut turn = Message::user("");
        turn.role = Role::Assistant;
        let asks = ToolCall {
            id: Some("c1".to_owned()),
            name: "weather".to_owned(),
            arguments: "{}".to_owned(),
        };
        turn.parts = vec![
            Part::thinking("I must look."),
            Part::new(Content::ToolCall(asks)),
        ];
        request.messages.push(turn);
        let call = call(Operation::Chat, false, canonical(request));
        let journal = call.context.journal.clone();
        let asked = ask(name, call).await;
        let message = &asked.body()["messages"][1];
        let lost = !journal.notes().losses.is_empty();
        if member.is_empty() {
            assert!(message.get("reasoning_content").is_none(), "{name}");
            assert!(message.get("reasoning").is_none(), "{name}");
            assert!(lost, "{name} reports nothing");
        } else {
            assert_eq!(message[member], "I must look.", "{name}");
            assert!(!lost, "{name}");
        }
    }
}

#[tokio::test]
async fn together_is_asked_for_log_probabilities_by_their_number() {
    let mut request = chat("Hi");
    request.logprobs = Some(true);
    request.top_logprobs = Some(3);
    let asked = ask("together", call(Operation::Chat, false, canonical(request))).await;
    assert_eq!(asked.body()["logprobs"], 3);
    assert!(asked.body().get("top_logprobs").is_none());
    let mut request = chat("Hi");
    request.logprobs = Some(true);
    let asked = ask("together", call(Operation::Chat, false, canonical(request))).await;
    assert_eq!(asked.body()["logprobs"], 1);
}
