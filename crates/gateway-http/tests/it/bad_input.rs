//! What callers do wrong, in every dialect.

use std::io::Write;

use bytes::Bytes;
use gateway_http::EdgeConfig;
use http::{Request, StatusCode};

use crate::harness::{Got, Script, WAYS, Way, edge_with, post, send, send_to};

/// Sends to every way and checks the status and the message; no call is made.
async fn refused(
    request: impl Fn(Way) -> Request<Bytes>,
    status: StatusCode,
    says: &[&str],
) -> Vec<Got> {
    let mut all = Vec::new();
    for way in WAYS {
        let script = Script::default();
        let got = send(&script, request(way)).await;
        assert_eq!(got.status, status, "{way:?}: {}", got.text());
        let message = way.message(&got.json());
        for part in says {
            assert!(message.contains(part), "{way:?}: {message}");
        }
        assert_eq!(got.header("x-gateway-error-origin"), "client");
        assert!(!got.header("x-request-id").is_empty());
        assert_eq!(script.count(), 0, "{way:?}: nothing may be asked");
        all.push(got);
    }
    all
}

#[tokio::test]
async fn an_unknown_endpoint_is_404_with_the_name_that_was_meant() {
    let request = |way: Way| post(way.path(), way.body("chta"));
    let all = refused(
        request,
        StatusCode::NOT_FOUND,
        &["'chta'", "Did you mean 'chat'?"],
    )
    .await;
    assert_eq!(all[0].json()["error"]["code"], "model_not_found");
    assert_eq!(all[1].json()["error"]["type"], "not_found_error");
}

#[tokio::test]
async fn a_huge_name_is_not_repeated_at_length() {
    let name = "x".repeat(5_000);
    let all = refused(
        |way| post(way.path(), way.body(&name)),
        StatusCode::NOT_FOUND,
        &["xxx..."],
    )
    .await;
    assert!(all.iter().all(|got| got.body.len() < 500));
}

#[tokio::test]
async fn an_endpoint_of_another_type_is_400() {
    refused(
        |way| post(way.path(), way.body("embed")),
        StatusCode::BAD_REQUEST,
        &["Endpoint 'embed' is not a chat endpoint"],
    )
    .await;
}

#[tokio::test]
async fn a_body_without_a_model_names_the_field() {
    let all = refused(
        |way| post(way.path(), r#"{"messages":[]}"#),
        StatusCode::BAD_REQUEST,
        &["model"],
    )
    .await;
    assert_eq!(all[0].json()["error"]["param"], "model");
    refused(
        |way| post(way.path(), r#"{"model":7}"#),
        StatusCode::BAD_REQUEST,
        &["model", "string"],
    )
    .await;
}

#[tokio::test]
async fn a_stream_that_is_neither_true_nor_false_is_400() {
    refused(
        |way| post(way.path(), r#"{"model":"chat","stream":"yes"}"#),
        StatusCode::BAD_REQUEST,
        &["stream", "true or false"],
    )
    .await;
}

#[tokio::test]
async fn invalid_json_is_400_with_its_position() {
    let cases: [(&[u8], &str); 5] = [
        (b"{\n \"model\": \"chat\",\n x}", "line 3 column 2"),
        (b"", "empty"),
        (b"[1]", "must be a JSON object"),
        (b"{\"model\":\"chat\xff\"}", "UTF-8"),
        (b"{\"model\":\"chat\"} {}", "after the end"),
    ];
    for (body, says) in cases {
        refused(
            |way| post(way.path(), Bytes::from_static(body)),
            StatusCode::BAD_REQUEST,
            &[says],
        )
        .await;
    }
}

#[tokio::test]
async fn deep_nesting_is_400() {
    let deep = format!("{{\"model\":\"chat\",\"x\":{}", "[".repeat(500));
    refused(
        |way| post(way.path(), deep.clone()),
        StatusCode::BAD_REQUEST,
        &["nested too deeply"],
    )
    .await;
}

#[tokio::test]
async fn of_duplicate_keys_the_last_counts() {
    let script = Script::default();
    let body = r#"{"model":"nope","model":"chat","messages":[]}"#;
    let got = send(&script, post("/v1/messages", body)).await;
    assert_eq!(got.status, StatusCode::OK);
    assert_eq!(script.call().context.endpoint.as_str(), "chat");
}

#[tokio::test]
async fn another_content_type_is_415() {
    let request = |way: Way| {
        Request::post(way.path())
            .header("content-type", "text/plain")
            .body(Bytes::from(way.body("chat")))
            .unwrap()
    };
    let all = refused(
        request,
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        &["text/plain", "application/json"],
    )
    .await;
    assert_eq!(all[0].json()["error"]["code"], "unsupported_content_type");
}

#[tokio::test]
async fn another_method_is_405_with_what_is_allowed() {
    for way in WAYS {
        let request = Request::delete(way.path()).header("anthropic-version", "1");
        let request = match way {
            Way::OpenAi => Request::delete(way.path()),
            Way::Anthropic => request,
        };
        let got = send(&Script::default(), request.body(Bytes::new()).unwrap()).await;
        assert_eq!(got.status, StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(got.header("allow"), "POST");
        assert!(way.message(&got.json()).contains("DELETE"));
    }
}

#[tokio::test]
async fn an_unknown_url_is_404_in_the_words_of_its_neighbours() {
    let got = send(&Script::default(), post("/v1/nothing", "{}")).await;
    assert_eq!(got.status, StatusCode::NOT_FOUND);
    Way::OpenAi.message(&got.json());
    let got = send(&Script::default(), post("/anthropic/v1/nothing", "{}")).await;
    Way::Anthropic.message(&got.json());
    let mut request = post("/v1/nothing", "{}");
    request
        .headers_mut()
        .insert("anthropic-version", "2023-06-01".parse().unwrap());
    let got = send(&Script::default(), request).await;
    Way::Anthropic.message(&got.json());
    let got = send(&Script::default(), post("/nothing", "{}")).await;
    assert_eq!(got.status, StatusCode::NOT_FOUND);
    assert!(got.json()["detail"].is_string());
}

#[tokio::test]
async fn a_body_over_the_limit_is_413_announced_or_not() {
    let large = format!("{{\"model\":\"{}\"}}", "x".repeat(20_000));
    let all = refused(
        |way| post(way.path(), large.clone()),
        StatusCode::PAYLOAD_TOO_LARGE,
        &["10000 bytes"],
    )
    .await;
    assert_eq!(all[1].json()["error"]["type"], "request_too_large");
    // Announced, but not sent: refused before anything is read.
    refused(
        |way| {
            let mut request = post(way.path(), "{}");
            let length = "10001".parse().unwrap();
            request.headers_mut().insert("content-length", length);
            request
        },
        StatusCode::PAYLOAD_TOO_LARGE,
        &["10000 bytes"],
    )
    .await;
}

fn gzip(data: &[u8]) -> Vec<u8> {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    writer.write_all(data).unwrap();
    writer.finish().unwrap()
}

fn zstd(data: &[u8]) -> Vec<u8> {
    zstd::stream::encode_all(data, 3).unwrap()
}

fn compressed(way: Way, encoding: &str, body: Vec<u8>) -> Request<Bytes> {
    let mut request = post(way.path(), body);
    let encoding = encoding.parse().unwrap();
    request.headers_mut().insert("content-encoding", encoding);
    request
}

#[tokio::test]
async fn gzip_and_zstd_bodies_are_understood() {
    for way in WAYS {
        let body = way.body("chat");
        for (name, packed) in [
            ("gzip", gzip(body.as_bytes())),
            ("x-gzip", gzip(body.as_bytes())),
            ("zstd", zstd(body.as_bytes())),
            ("identity", body.clone().into_bytes()),
        ] {
            let script = Script::default();
            let got = send(&script, compressed(way, name, packed)).await;
            assert_eq!(got.status, StatusCode::OK, "{name}: {}", got.text());
            let call = script.call();
            assert_eq!(call.payload.bytes().unwrap(), body.as_bytes());
        }
    }
}

#[tokio::test]
async fn a_bomb_is_413() {
    let zeros = vec![b' '; 3_000_000];
    for (name, packed) in [("gzip", gzip(&zeros)), ("zstd", zstd(&zeros))] {
        assert!(packed.len() < 10_000, "{name} {}", packed.len());
        refused(
            |way| compressed(way, name, packed.clone()),
            StatusCode::PAYLOAD_TOO_LARGE,
            &["after decompression"],
        )
        .await;
    }
}

#[tokio::test]
async fn a_zstd_body_may_not_ask_for_a_huge_window() {
    let mut encoder = zstd::stream::Encoder::new(Vec::new(), 1).unwrap();
    encoder.window_log(27).unwrap();
    encoder.include_contentsize(false).unwrap();
    encoder.write_all(b"{}").unwrap();
    let packed = encoder.finish().unwrap();
    refused(
        |way| compressed(way, "zstd", packed.clone()),
        StatusCode::BAD_REQUEST,
        &["not valid zstd"],
    )
    .await;
}

#[tokio::test]
async fn broken_and_unknown_compressions_are_told_apart() {
    for name in ["gzip", "zstd"] {
        refused(
            |way| compressed(way, name, b"{}".to_vec()),
            StatusCode::BAD_REQUEST,
            &["not valid", name],
        )
        .await;
    }
    for name in ["br", "deflate", "gzip, zstd"] {
        refused(
            |way| compressed(way, name, b"{}".to_vec()),
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            &[name, "gzip, zstd and identity"],
        )
        .await;
    }
    let cut = gzip(Way::OpenAi.body("chat").as_bytes());
    refused(
        |way| compressed(way, "gzip", cut[..cut.len() - 9].to_vec()),
        StatusCode::BAD_REQUEST,
        &["not valid gzip"],
    )
    .await;
}

#[tokio::test]
async fn a_strict_header_that_is_neither_true_nor_false_is_400() {
    refused(
        |way| {
            let mut request = post(way.path(), way.body("chat"));
            let value = "maybe".parse().unwrap();
            request.headers_mut().insert("x-gateway-strict", value);
            request
        },
        StatusCode::BAD_REQUEST,
        &["x-gateway-strict", "maybe"],
    )
    .await;
}

#[tokio::test]
async fn a_surface_that_is_not_offered_is_not_there() {
    let script = Script::default();
    let config = EdgeConfig::new().with_surfaces(["anthropic"]);
    let edge = edge_with(script.clone(), config);
    let got = send_to(edge.clone(), post("/v1/chat/completions", "{}")).await;
    assert_eq!(got.status, StatusCode::NOT_FOUND);
    let got = send_to(edge, post("/v1/messages", Way::Anthropic.body("chat"))).await;
    assert_eq!(got.status, StatusCode::OK);
}

#[tokio::test]
async fn mlflow_s_urls_refuse_the_same_in_their_own_words() {
    let url = "/gateway/chat/invocations";
    let with = |name: &'static str, value: &str, body: Vec<u8>| {
        let mut request = post(url, body);
        request.headers_mut().insert(name, value.parse().unwrap());
        request
    };
    let hello = br#"{"messages":[{"role":"user","content":"Hi"}]}"#;
    let cases = [
        (post("/gateway/chta/invocations", &hello[..]), 404),
        (
            post("/llm/v1/completions/chat", &b"{\"prompt\":\"Hi\"}"[..]),
            400,
        ),
        (post(url, &b"{\"messages\": x}"[..]), 422),
        (post(url, &b""[..]), 422),
        (post(url, &b"{}"[..]), 422),
        (post(url, &b"{\"messages\":\"\xff\"}"[..]), 400),
        (post(url, "[".repeat(500)), 422),
        (post(url, vec![b' '; 20_000]), 413),
        (with("content-length", "10001", hello.to_vec()), 413),
        (with("content-type", "text/plain", hello.to_vec()), 422),
        (with("content-encoding", "br", hello.to_vec()), 415),
        (with("content-encoding", "gzip", hello.to_vec()), 400),
        (
            with("content-encoding", "zstd", zstd(&vec![b' '; 3_000_000])),
            413,
        ),
        (with("x-gateway-strict", "maybe", hello.to_vec()), 400),
    ];
    for (at, (request, status)) in cases.into_iter().enumerate() {
        let script = Script::default();
        let got = send(&script, request).await;
        assert_eq!(got.status.as_u16(), status, "case {at}: {}", got.text());
        let detail = &got.json()["detail"];
        assert!(
            detail.is_string() || detail.is_array(),
            "case {at}: {detail}"
        );
        assert_eq!(script.count(), 0, "case {at}");
    }
    for packed in [("gzip", gzip(hello)), ("zstd", zstd(hello))] {
        let script = Script::answering(Ok(crate::harness::raw_json(
            gateway_schema::Dialect::MLFLOW,
            "{}",
        )));
        let got = send(&script, with("content-encoding", packed.0, packed.1)).await;
        assert_eq!(got.status, StatusCode::OK, "{}", got.text());
    }
}

/// The body that a call carries, after one was sent in this spelling.
async fn carried(way: Way, body: &str) -> (String, gateway_provider::Call) {
    let script = Script::default();
    let got = send(&script, post(way.path(), body.to_owned())).await;
    assert_eq!(got.status, StatusCode::OK, "{way:?} {body}: {}", got.text());
    let call = script.call();
    let bytes = call.payload.bytes().unwrap().clone();
    (String::from_utf8(bytes.to_vec()).unwrap(), call)
}

#[tokio::test]
async fn of_a_member_in_several_spellings_the_last_is_read_and_no_other_goes_up() {
    let message = r#""messages":[{"role":"user","content":"a","cont\u0065nt":"b"}]"#;
    for way in WAYS {
        for (members, plain) in [
            (
                r#""model":"secret","mod\u0065l":"chat""#,
                r#""model":"chat""#,
            ),
            (
                r#""\u006d\u006F\u0064\u0065\u006c":"chat""#,
                r#""model":"chat""#,
            ),
            (
                r#""model":"chat","stream":true,"str\u0065am":false"#,
                r#""model":"chat","stream":false"#,
            ),
            (
                r#""model":"chat","max_tokens":4000,"max\u005ftokens":1"#,
                r#""model":"chat","max_tokens":1"#,
            ),
            (
                r#""model":"chat","stream_options":{"include_usage":true,"include\u005fusage":false}"#,
                r#""model":"chat","stream_options":{"include_usage":false}"#,
            ),
        ] {
            let (body, call) =
                carried(way, &format!("{{{members},\"max_tokens\":9,{message}}}")).await;
            let plain = plain.replace(r#","max_tokens":1"#, "");
            let expected = format!(
                r#"{{{plain},"max_tokens":9,"messages":[{{"role":"user","content":"b"}}]}}"#
            );
            assert_eq!(body, expected, "{way:?}");
            assert!(!call.stream);
        }
    }
    let script = Script::default();
    let body = format!(r#"{{"model":"chat","mod\u0065l":"secret",{message}}}"#);
    let got = send(&script, post(Way::OpenAi.path(), body)).await;
    assert_eq!(got.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_key_that_readers_take_for_different_things_is_400_with_its_position() {
    for (member, says) in [
        (
            r#""mod\ud800el":1"#,
            "half of a surrogate pair at line 1 column 17",
        ),
        (r#""model\u0000":1"#, "null character at line 1 column 17"),
        (r#""MODEL":1"#, "'model'"),
        (r#""\u017Ftream":true"#, "'stream'"),
        (r#""Max_Tokens":1"#, "'max_tokens'"),
    ] {
        refused(
            |way| {
                post(
                    way.path(),
                    format!(r#"{{"model":"chat",{member},"messages":[]}}"#),
                )
            },
            StatusCode::BAD_REQUEST,
            &[says],
        )
        .await;
    }
}

/// Requests that lack a member, or have one of another type: where, what, and the members in question.
const INCOMPLETE: &[(&str, &str, &[&str])] = &[
    ("/v1/chat/completions", r#"{"model":"chat"}"#, &["messages"]),
    (
        "/v1/chat/completions",
        r#"{"model":"chat","messages":null}"#,
        &["messages"],
    ),
    (
        "/v1/chat/completions",
        r#"{"model":"chat","messages":{},"n":"2"}"#,
        &["messages", "n"],
    ),
    (
        "/v1/chat/completions",
        r#"{"model":"chat","messages":[],"max_tokens":"9"}"#,
        &["max_tokens"],
    ),
    ("/v1/completions", r#"{"model":"complete"}"#, &["prompt"]),
    (
        "/v1/embeddings",
        r#"{"model":"embed","input":1}"#,
        &["input"],
    ),
    ("/v1/responses", r#"{"model":"chat"}"#, &["input"]),
    (
        "/v1/responses",
        r#"{"model":"chat","input":{}}"#,
        &["input"],
    ),
    (
        "/v1/messages",
        r#"{"model":"chat","max_tokens":1}"#,
        &["messages"],
    ),
    (
        "/v1/messages",
        r#"{"model":"chat","max_tokens":"1","messages":"hi"}"#,
        &["messages", "max_tokens"],
    ),
    (
        "/v1/messages/count_tokens",
        r#"{"model":"chat"}"#,
        &["messages"],
    ),
    ("/v1beta/models/chat:generateContent", "{}", &["contents"]),
    (
        "/v1beta/models/chat:generateContent",
        r#"{"contents":[],"generationConfig":[]}"#,
        &["generationConfig"],
    ),
    (
        "/v1beta/models/chat:generateContent",
        r#"{"contents":[],"generationConfig":{},"generation_config":{}}"#,
        &["generation_config"],
    ),
    ("/v1beta/models/embed:embedContent", "{}", &["content"]),
    (
        "/v1beta/models/embed:batchEmbedContents",
        "{}",
        &["requests"],
    ),
    ("/v2/chat", r#"{"model":"chat"}"#, &["messages"]),
    ("/v2/embed", r#"{"model":"embed"}"#, &["texts"]),
    ("/v2/rerank", r#"{"model":"rank"}"#, &["query", "documents"]),
    (
        "/v1/rerank",
        r#"{"model":"rank","query":1,"documents":"x"}"#,
        &["query", "documents"],
    ),
    ("/model/chat/converse", r#"{"messages":{}}"#, &["messages"]),
    ("/model/chat/count-tokens", "{}", &["input"]),
];

#[tokio::test]
async fn members_without_which_there_is_no_request_are_missed_before_anything_is_asked() {
    for (path, body, named) in INCOMPLETE {
        let script = Script::default();
        let got = send(&script, post(path, *body)).await;
        assert_eq!(
            got.status,
            StatusCode::BAD_REQUEST,
            "{path} {body}: {}",
            got.text()
        );
        for name in *named {
            assert!(got.text().contains(name), "{path} {body}: {}", got.text());
        }
        assert!(
            got.text().contains("expected") || got.text().contains("another spelling"),
            "{}",
            got.text()
        );
        assert_eq!(script.count(), 0);
    }
}
