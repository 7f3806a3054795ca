//! What is one question and what is not, and that the bytes of a question stay the same.

use serde_json::{Value, json};

use super::*;
use crate::chat::{CacheControl, ContentForm};

fn extra(fields: Value) -> Extra {
    let Value::Object(fields) = fields else {
        panic!("an object")
    };
    Extra::of(Dialect::OPENAI, fields)
}

fn chat(change: impl FnOnce(&mut ChatRequest)) -> Vec<u8> {
    let mut request = ChatRequest::new(vec![Message::user("Hello")]);
    change(&mut request);
    Request::Chat(Box::new(request)).identity()
}

#[test]
fn spelling_makes_no_difference() {
    let plain = chat(|_| {});
    assert_eq!(plain, chat(|it| it.stream = true));
    assert_eq!(plain, chat(|it| it.user = Some("u".to_owned())));
    let parts = Message::new(Role::User, vec![Part::text("Hello")]);
    assert_eq!(plain, chat(|it| it.messages = vec![parts]));
    let one = chat(|it| it.extra = extra(json!({"a": 1, "b": {"c": 2, "d": [1.0]}})));
    let other = chat(|it| it.extra = extra(json!({"b": {"d": [1], "c": 2.0}, "a": 1.0})));
    assert_eq!(one, other);
}

#[test]
fn whatever_changes_the_answer_makes_a_difference() {
    let different = [
        chat(|_| {}),
        chat(|it| it.messages = vec![Message::user("Hello ")]),
        chat(|it| it.messages = vec![Message::system("Hello")]),
        chat(|it| it.messages.push(Message::user(""))),
        chat(|it| it.model = Some("m".to_owned())),
        chat(|it| it.sampling.temperature = Some(0.5)),
        chat(|it| it.sampling.seed = Some(1)),
        chat(|it| it.sampling.n = Some(1)),
        chat(|it| it.tools = Some(vec![])),
        chat(|it| it.tool_choice = Some(ToolChoice::None)),
        chat(|it| it.response_format = Some(ResponseFormat::JsonObject)),
        chat(|it| it.extra = extra(json!({"a": 1}))),
        chat(|it| it.extra = extra(json!({"a": "1"}))),
        chat(|it| it.extra = extra(json!({"a": 1.5}))),
        chat(|it| it.extra = extra(json!({"a": -1}))),
        chat(|it| it.extra = extra(json!({"a": null}))),
    ];
    for (at, one) in different.iter().enumerate() {
        for other in different.iter().skip(at + 1) {
            assert_ne!(one, other);
        }
    }
}

#[test]
fn no_two_splits_of_the_same_text_are_one_question() {
    let texts = |texts: &[&str]| {
        let texts = texts.iter().map(|text| (*text).to_owned()).collect();
        let prompt = Prompt::Texts(texts);
        Request::Completion(Box::new(CompletionRequest::new(prompt))).identity()
    };
    assert_ne!(texts(&["ab", "c"]), texts(&["a", "bc"]));
}

/// FNV-1a: a number that stays the same everywhere.
fn digest(bytes: &[u8]) -> String {
    let number = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{} {number:016x}", bytes.len())
}

fn text(text: &str) -> String {
    text.to_owned()
}

fn media(content: Content) -> Message {
    Message::new(Role::User, vec![Part::new(content)])
}

/// Every kind of content.
fn contents() -> Vec<Content> {
    let base64 = Media::Base64 {
        media_type: "image/png".to_owned(),
        data: "aGk=".to_owned(),
    };
    let url = Media::Url {
        media_type: Some(text("audio/wav")),
        url: "https://x.example/a".to_owned(),
    };
    let file = Media::File {
        media_type: None,
        id: "file-1".to_owned(),
    };
    let mut citation = Citation::new();
    citation.quote = Some(text("q"));
    citation.title = Some(text("t"));
    citation.url = Some(text("u"));
    citation.span = Some((3, 9));
    citation.raw = Some((Dialect::ANTHROPIC, json!({"type": "page_location"})));
    vec![
        Content::Text {
            text: "Hello".to_owned(),
            citations: vec![citation],
        },
        Content::Image {
            media: base64,
            detail: Some(ImageDetail::High),
        },
        Content::Audio(url.clone()),
        Content::Video(url),
        Content::Document {
            media: file,
            title: Some(text("Title")),
            context: Some(text("Context")),
            citations: Some(true),
        },
        Content::ToolCall(ToolCall {
            id: Some(text("call_1")),
            name: "f".to_owned(),
            arguments: "{}".to_owned(),
        }),
        Content::ToolResult(ToolResult {
            call_id: "call_1".to_owned(),
            name: Some(text("f")),
            parts: vec![Part::text("1")],
            form: ContentForm::Text,
            is_error: true,
        }),
        Content::Thinking {
            text: "Hm".to_owned(),
            id: Some(text("rs_1")),
        },
        Content::RedactedThinking {
            data: "xyz".to_owned(),
            id: None,
        },
        Content::Refusal("No".to_owned()),
        Content::Opaque {
            dialect: Dialect::GEMINI,
            value: json!({"executableCode": {}}),
        },
        Content::Image {
            media: Media::Text("plain".to_owned()),
            detail: Some(ImageDetail::Low),
        },
    ]
}

/// A chat turn in which nothing is left open.
fn full_chat() -> ChatRequest {
    let roles = [
        Role::System,
        Role::Developer,
        Role::Assistant,
        Role::Tool,
        Role::Other("critic".to_owned()),
    ];
    let mut messages: Vec<Message> = contents().into_iter().map(media).collect();
    messages.extend(roles.map(|role| Message::new(role, vec![Part::text("r")])));
    let mut signed = Part::text("signed");
    signed.signature = Some(Signature {
        dialect: Dialect::ANTHROPIC,
        value: "sig".to_owned(),
    });
    signed.cache = Some(CacheControl::default());
    signed.extra = extra(json!({"p": 1}));
    let mut named = Message::new(Role::User, vec![signed]);
    named.name = Some(text("alice"));
    named.extra = extra(json!({"m": [true, null]}));
    messages.push(named);
    let mut function = FunctionTool::new("f");
    function.description = Some(text("does"));
    function.parameters = Some(json!({"type": "object"}));
    function.strict = Some(true);
    function.cache = Some(CacheControl::default());
    function.extra = extra(json!({"t": -1}));
    let mut request = ChatRequest::new(messages);
    request.model = Some(text("m"));
    request.tools = Some(vec![
        Tool::Function(function),
        Tool::Opaque {
            dialect: Dialect::OPENAI_RESPONSES,
            value: json!({"type": "web_search"}),
        },
    ]);
    request.tool_choice = Some(ToolChoice::Allowed {
        names: vec!["f".to_owned(), "g".to_owned()],
        required: true,
    });
    request.parallel_tool_calls = Some(false);
    request.response_format = Some(ResponseFormat::JsonSchema {
        name: Some(text("n")),
        description: Some(text("d")),
        schema: json!({"b": 1, "a": 2.5}),
        strict: Some(false),
    });
    request.sampling = full_sampling();
    request.reasoning = Some(Reasoning {
        enabled: Some(true),
        effort: Some(Effort::High),
        budget_tokens: Some(1024),
        summary: Some(text("auto")),
        extra: extra(json!({"r": "x"})),
    });
    request.logprobs = Some(true);
    request.top_logprobs = Some(3);
    request.service_tier = Some(text("flex"));
    request.extra = extra(json!({"a": {"z": 18_446_744_073_709_551_615_u64, "b": 1e300}}));
    request
}

fn full_sampling() -> Sampling {
    let Value::Object(bias) = json!({"50256": -100}) else {
        panic!("an object")
    };
    Sampling {
        max_tokens: Some(1),
        max_completion_tokens: Some(2),
        temperature: Some(0.25),
        top_p: Some(0.5),
        top_k: Some(40),
        frequency_penalty: Some(-0.5),
        presence_penalty: Some(-0.0),
        stop: vec!["END".to_owned(), "\n".to_owned()],
        stop_is_text: true,
        seed: Some(-7),
        n: Some(2),
        logit_bias: Some(bias),
    }
}

/// Caches outlive a release: the same question must have the same key in the next one.
#[test]
fn the_bytes_of_a_question_stay_the_same_from_release_to_release() {
    assert_eq!(digest(&chat(|_| {})), "96 6709c09917cfb4b0");
    assert_eq!(
        digest(&chat(|it| *it = full_chat())),
        "1878 5473d7547ada25e5"
    );

    let mut completion = CompletionRequest::new(Prompt::Text("Once".to_owned()));
    completion.model = Some(text("m"));
    completion.suffix = Some(text("end"));
    completion.echo = Some(true);
    completion.best_of = Some(4);
    completion.logprobs = Some(5);
    completion.sampling = full_sampling();
    completion.extra = extra(json!({"c": 1}));
    let completion = Request::Completion(Box::new(completion));
    assert_eq!(digest(&completion.identity()), "225 00769d34a21d5936");

    let mut embedding = EmbeddingRequest::new(EmbeddingInput::Texts(vec!["a".to_owned()]));
    embedding.model = Some(text("m"));
    embedding.encoding = Some(EmbeddingEncoding::Base64);
    embedding.dimensions = Some(256);
    embedding.task = Some(EmbeddingTask::Other("CODE".to_owned()));
    embedding.extra = extra(json!({"e": 1}));
    let embedding = Request::Embedding(Box::new(embedding));
    assert_eq!(digest(&embedding.identity()), "91 2535c746f5bac82c");

    let mut rerank = RerankRequest::new("q", vec![json!("a"), json!({"text": "b"})]);
    rerank.model = Some(text("m"));
    rerank.top_n = Some(1);
    rerank.return_documents = Some(true);
    rerank.extra = extra(json!({"k": 1}));
    let rerank = Request::Rerank(Box::new(rerank));
    assert_eq!(digest(&rerank.identity()), "117 7365a1850c5d51d9");
}

#[test]
fn the_bytes_of_every_alternative_stay_the_same() {
    fn all(values: &impl Identify) -> String {
        let mut out = Vec::new();
        values.write(&mut out);
        digest(&out)
    }
    let word = || "w".to_owned();
    let lists = vec![vec![1, 2], vec![3]];
    let prompts = vec![
        Prompt::Text(word()),
        Prompt::Texts(vec![word()]),
        Prompt::Tokens(vec![1, 2]),
        Prompt::TokenLists(lists.clone()),
    ];
    assert_eq!(all(&prompts), "90 f41fcdc8bf5655d6");
    let inputs = vec![
        EmbeddingInput::Text(word()),
        EmbeddingInput::Texts(vec![word()]),
        EmbeddingInput::Tokens(vec![1, 2]),
        EmbeddingInput::TokenLists(lists),
    ];
    assert_eq!(all(&inputs), "90 f41fcdc8bf5655d6");
    let encodings = vec![EmbeddingEncoding::Float, EmbeddingEncoding::Base64];
    assert_eq!(all(&encodings), "10 9b1d48d32797326c");
    let tasks = vec![
        EmbeddingTask::Query,
        EmbeddingTask::Document,
        EmbeddingTask::Classification,
        EmbeddingTask::Clustering,
        EmbeddingTask::Similarity,
        EmbeddingTask::Other(word()),
    ];
    assert_eq!(all(&tasks), "23 ccd85c16cf4700c6");
    let efforts = vec![
        Effort::None,
        Effort::Minimal,
        Effort::Low,
        Effort::Medium,
        Effort::High,
        Effort::ExtraHigh,
        Effort::Other(word()),
    ];
    assert_eq!(all(&efforts), "24 c68cd2606b4b837d");
    let formats = vec![ResponseFormat::Text, ResponseFormat::JsonObject];
    assert_eq!(all(&formats), "10 9b1d48d32797326c");
    let details = vec![ImageDetail::Auto, ImageDetail::Low, ImageDetail::High];
    assert_eq!(all(&details), "11 f94296d424c63531");
    let choices = vec![
        ToolChoice::Auto,
        ToolChoice::None,
        ToolChoice::Required,
        ToolChoice::Function(word()),
        ToolChoice::Opaque {
            dialect: Dialect::GEMINI,
            value: json!([1]),
        },
    ];
    assert_eq!(all(&choices), "54 aeef2abd9bfba2a7");
}
