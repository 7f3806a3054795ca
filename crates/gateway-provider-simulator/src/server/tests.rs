use std::time::SystemTime;

use gateway_provider::collect;
use gateway_testkit::ManualClock;

use super::*;
use crate::fault::{Fault, FaultKind, Schedule, Wait};

fn server(settings: Settings) -> SimulatedServer {
    SimulatedServer::new(settings, Arc::new(ManualClock::new()))
}

fn faulty(fault: Fault) -> SimulatedServer {
    let mut settings = Settings::default();
    settings.faults.push(fault);
    server(settings)
}

async fn send(
    server: &SimulatedServer,
    path: &str,
    body: &Value,
) -> Result<(http::response::Parts, Result<String, String>), TransportError> {
    let request = http::Request::post(format!("http://simulator.invalid/v1/{path}"))
        .body(Bytes::from(body.to_string()))
        .unwrap();
    let (head, body) = server
        .send(request, SendLimits::default())
        .await?
        .into_parts();
    let read = tokio::time::timeout(Duration::from_mins(1), collect(body, 1 << 20)).await;
    let text = match read {
        Ok(Ok(bytes)) => Ok(String::from_utf8(bytes.to_vec()).unwrap()),
        Ok(Err(error)) => Err(error.message().to_owned()),
        Err(_) => Err("stalled".to_owned()),
    };
    Ok((head, text))
}

fn hello(stream: bool) -> Value {
    json!({
        "model": "sim", "stream": stream, "messages": [{"role": "user", "content": "Hello"}],
        "stream_options": {"include_usage": stream},
    })
}

async fn chat(server: &SimulatedServer, stream: bool) -> (u16, Result<String, String>) {
    let (head, text) = send(server, "chat/completions", &hello(stream))
        .await
        .unwrap();
    (head.status.as_u16(), text)
}

#[tokio::test(start_paused = true)]
async fn streams_and_whole_answers_say_the_same() {
    let server = server(Settings::default());
    let whole: Value = serde_json::from_str(&chat(&server, false).await.1.unwrap()).unwrap();
    let streamed = chat(&server, true).await.1.unwrap();
    let mut text = String::new();
    let mut usage = Value::Null;
    for event in streamed
        .split_terminator("\n\n")
        .filter(|event| *event != "data: [DONE]")
    {
        let event: Value = serde_json::from_str(event.strip_prefix("data: ").unwrap()).unwrap();
        text += event["choices"][0]["delta"]["content"]
            .as_str()
            .unwrap_or_default();
        usage = event["usage"].clone();
    }
    assert_eq!(whole["choices"][0]["message"]["content"], text);
    assert_eq!(whole["usage"], usage);
    assert!(streamed.ends_with("data: [DONE]\n\n"));
}

#[tokio::test(start_paused = true)]
async fn tokens_come_at_the_configured_pace() {
    let begun = tokio::time::Instant::now();
    let server = server(Settings {
        time_to_first_token: Duration::from_millis(500),
        token_interval: Duration::from_millis(100),
        reply_tokens: 10,
        ..Settings::default()
    });
    chat(&server, true).await.1.unwrap();
    let streamed = begun.elapsed();
    assert!(streamed > Duration::from_secs(1) && streamed < Duration::from_secs(3));
    chat(&server, false).await.1.unwrap();
    assert!(begun.elapsed() >= streamed + Duration::from_millis(1_500));
}

#[tokio::test(start_paused = true)]
async fn every_fault_in_a_stream_is_what_its_name_says() {
    for (name, kind) in FaultKind::ALL {
        let server = faulty(Fault::new(kind));
        if kind == FaultKind::Refused {
            let sent = send(&server, "chat/completions", &hello(true)).await;
            assert_eq!(sent.unwrap_err().fault, TransportFault::Connect);
            continue;
        }
        if kind == FaultKind::DnsFailure {
            let sent = send(&server, "chat/completions", &hello(true)).await;
            assert_eq!(sent.unwrap_err().fault, TransportFault::Dns);
            continue;
        }
        let (status, text) = chat(&server, true).await;
        let text = text.as_deref().map_err(String::as_str);
        match kind {
            FaultKind::RateLimit => assert_eq!(status, 429, "{name}"),
            FaultKind::ServerError => assert_eq!(status, 503, "{name}"),
            _ => assert_eq!(status, 200, "{name}"),
        }
        match kind {
            FaultKind::Cut | FaultKind::WrongLength => assert!(text.is_err(), "{name}"),
            FaultKind::Stall => assert_eq!(text, Err("stalled")),
            FaultKind::Malformed => assert!(text.unwrap().contains("{\"con\n\n"), "{name}"),
            FaultKind::ErrorIn200 => {
                let text = text.unwrap();
                assert_eq!(text.matches("data: ").count(), 4);
                assert!(text.ends_with("\"code\":null}}\n\n"), "{text}");
            }
            FaultKind::SlowDrip => assert!(text.unwrap().ends_with("data: [DONE]\n\n")),
            FaultKind::MissingTerminator => {
                let text = text.unwrap();
                assert!(
                    !text.contains("[DONE]") && !text.contains("\"stop\""),
                    "{text}"
                );
            }
            FaultKind::DuplicateUsage => {
                assert_eq!(text.unwrap().matches("\"total_tokens\"").count(), 2);
            }
            _ => {}
        }
    }
}

#[tokio::test(start_paused = true)]
async fn every_fault_in_a_whole_answer_is_what_its_name_says() {
    for (name, kind) in FaultKind::ALL {
        let server = faulty(Fault::new(kind));
        let Ok((head, text)) = send(&server, "chat/completions", &hello(false)).await else {
            let unsent = [FaultKind::Refused, FaultKind::DnsFailure];
            assert!(unsent.contains(&kind), "{name}");
            continue;
        };
        let json = text.as_deref().map(serde_json::from_str::<Value>);
        match kind {
            FaultKind::Cut | FaultKind::WrongLength => assert!(text.is_err(), "{name}"),
            FaultKind::Stall => assert_eq!(text, Err("stalled".to_owned())),
            FaultKind::Malformed | FaultKind::MissingTerminator => {
                assert!(json.unwrap().is_err(), "{name}");
            }
            FaultKind::ErrorIn200 => {
                assert_eq!(head.status, 200);
                assert!(json.unwrap().unwrap()["error"].is_object());
            }
            FaultKind::DuplicateUsage => {
                assert_eq!(text.unwrap().matches("\"usage\"").count(), 2);
            }
            _ => assert!(json.unwrap().is_ok(), "{name}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn waits_are_spelled_as_configured() {
    let clock = ManualClock::new();
    let now: SystemTime = clock.now();
    for (wait, name, seconds) in [
        (Wait::Seconds(7), "retry-after", 7.0),
        (Wait::Milliseconds(250), "retry-after-ms", 0.25),
        (Wait::AzureMilliseconds(250), "x-ms-retry-after-ms", 0.25),
        (Wait::Date(90), "retry-after", 90.0),
    ] {
        let mut fault = Fault::new(FaultKind::RateLimit);
        fault.wait = wait;
        let sent = send(&faulty(fault), "embeddings", &json!({"input": "x"})).await;
        let headers = sent.unwrap().0.headers;
        assert!(headers.contains_key(name));
        let read = gateway_provider::retry_after(&headers, now).unwrap();
        assert!((read.as_secs_f64() - seconds).abs() < 1e-9, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn faults_follow_their_schedule_and_a_rate_is_the_same_for_the_same_seed() {
    let mut fault = Fault::new(FaultKind::ServerError);
    fault.when = Schedule::At(vec![2, 4]);
    let server = faulty(fault.clone());
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(chat(&server, false).await.0);
    }
    assert_eq!(statuses, [200, 503, 200, 503]);
    fault.when = Schedule::Rate(0.3);
    let mut runs = Vec::new();
    for _ in 0..2 {
        let server = faulty(fault.clone());
        let mut failed = Vec::new();
        for number in 0..200 {
            if chat(&server, false).await.0 == 503 {
                failed.push(number);
            }
        }
        assert!((30..=90).contains(&failed.len()), "{}", failed.len());
        runs.push(failed);
    }
    assert_eq!(runs[0], runs[1]);
}

#[tokio::test]
async fn embeddings_have_the_dimensions_and_the_encoding_asked_for() {
    let server = server(Settings::default());
    let body = json!({"model": "e", "input": ["a", "b"], "dimensions": 5});
    let (_, text) = send(&server, "embeddings", &body).await.unwrap();
    let reply: Value = serde_json::from_str(&text.unwrap()).unwrap();
    assert_eq!(reply["data"][1]["embedding"].as_array().unwrap().len(), 5);
    let body = json!({"model": "e", "input": "a", "encoding_format": "base64"});
    let (_, text) = send(&server, "embeddings", &body).await.unwrap();
    let reply: Value = serde_json::from_str(&text.unwrap()).unwrap();
    assert_eq!(
        reply["data"][0]["embedding"].as_str().unwrap().len(),
        (16 * 4_usize).div_ceil(3) * 4
    );
}

#[tokio::test]
async fn mistakes_of_the_caller_are_errors_of_openai_and_never_faults() {
    let server = faulty(Fault::new(FaultKind::ServerError));
    for (path, body, status) in [
        ("chat/completions", json!({}), 400),
        ("chat/completions", json!({"messages": []}), 400),
        ("completions", json!({"prompt": 7}), 400),
        ("embeddings", json!({"input": "x", "dimensions": 0}), 400),
        ("chat/completions", json!([]), 400),
        ("images", json!({}), 404),
    ] {
        let (head, text) = send(&server, path, &body).await.unwrap();
        assert_eq!(head.status, status, "{path} {body}");
        let reply: Value = serde_json::from_str(&text.unwrap()).unwrap();
        assert!(reply["error"]["message"].is_string());
    }
}

#[tokio::test]
async fn what_is_missing_and_what_is_of_another_kind_are_told_apart() {
    let server = server(Settings::default());
    for (path, body, said) in [
        (
            "chat/completions",
            json!({}),
            "Missing required parameter: 'messages'.",
        ),
        (
            "chat/completions",
            json!({"messages": "Hi"}),
            "Invalid type for 'messages': expected an array of objects, but got a string instead.",
        ),
        (
            "completions",
            json!({"prompt": 7}),
            "Invalid type for 'prompt': expected a string or an array, but got a number instead.",
        ),
        (
            "embeddings",
            json!({"input": {}}),
            "Invalid type for 'input': expected a string or an array, but got an object instead.",
        ),
        (
            "embeddings",
            json!({"input": null}),
            "Missing required parameter: 'input'.",
        ),
    ] {
        let (head, text) = send(&server, path, &body).await.unwrap();
        let text: Value = serde_json::from_str(&text.unwrap()).unwrap();
        assert_eq!(head.status, 400);
        assert_eq!(text["error"]["message"], said);
    }
}
