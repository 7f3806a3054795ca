use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gateway_schema::{ErrorKind, ModelId, Operation, Origin, ProviderName, Usage, Usd};
use gateway_store::{
    AttemptRecord, CallRecord, ContentRecord, FailureRecord, RecordSink, Settlement, TraceRecord,
};
use gateway_testkit::{ManualClock, ScriptedReply, ScriptedTransport};
use serde_json::{Value, json};

use crate::{LabelModels, LineFormat, OtlpConfig, Telemetry, TelemetryConfig, Writer, descriptor};

fn telemetry(config: TelemetryConfig, transport: &ScriptedTransport) -> Telemetry {
    Telemetry::new(
        config,
        Arc::new(transport.clone()),
        Arc::new(ManualClock::new()),
    )
}

fn quiet() -> Telemetry {
    telemetry(TelemetryConfig::new(), &ScriptedTransport::new())
}

fn record(endpoint: &str, settlement: Settlement) -> CallRecord {
    let mut record = CallRecord::new(
        "request-1".into(),
        endpoint.into(),
        Operation::Chat,
        settlement,
        Duration::from_millis(300),
    );
    record.surface = "openai";
    record.provider = Some("openai".into());
    record.model = Some("gpt-4o".into());
    record.usage = Usage::new(100, 20);
    record.usage.cache_read_tokens = Some(60);
    record.cost = Some(Usd::from_nanos(1_500_000));
    record.overhead = Some(Duration::from_micros(80));
    let mut attempt = AttemptRecord::new(
        endpoint.into(),
        "openai".into(),
        "gpt-4o".into(),
        Duration::from_millis(299),
    );
    attempt.status = Some(200);
    attempt.span = 0xabc;
    attempt.since = Duration::from_millis(1);
    record.attempts = vec![attempt];
    record
}

fn has(text: &str, lines: &[&str]) {
    for line in lines {
        assert!(
            text.lines().any(|it| it == *line),
            "{line} is missing:\n{text}"
        );
    }
}

#[test]
fn a_scrape_tells_every_record_up_to_the_last() {
    let telemetry = quiet();
    telemetry.record(record("chat", Settlement::Completed));
    telemetry.record(record("chat", Settlement::Completed));
    let failed = Settlement::Failed(ErrorKind::RateLimited, Origin::Gateway);
    telemetry.record(record("chat", failed));
    let text = telemetry.prometheus().unwrap();
    has(
        &text,
        &[
            "# TYPE gateway_requests_total counter",
            r#"gateway_requests_total{endpoint="chat",surface="openai",outcome="completed"} 2"#,
            r#"gateway_requests_total{endpoint="chat",surface="openai",outcome="failed"} 1"#,
            r#"gateway_errors_total{endpoint="chat",kind="rate_limited",origin="gateway"} 1"#,
            r#"gateway_limited_total{endpoint="chat"} 1"#,
            r#"gateway_tokens_total{endpoint="chat",provider="openai",model="gpt-4o",type="input",source="reported"} 300"#,
            r#"gateway_tokens_total{endpoint="chat",provider="openai",model="gpt-4o",type="cache_read",source="reported"} 180"#,
            r#"gateway_cost_usd_total{endpoint="chat",provider="openai",model="gpt-4o"} 0.0045"#,
            r#"gateway_attempts_total{endpoint="chat",provider="openai",model="gpt-4o",outcome="ok"} 3"#,
            r#"gateway_overhead_seconds_bucket{endpoint="chat",le="0.00005"} 0"#,
            r#"gateway_overhead_seconds_bucket{endpoint="chat",le="0.0001"} 3"#,
            r#"gateway_overhead_seconds_bucket{endpoint="chat",le="+Inf"} 3"#,
            r#"gateway_overhead_seconds_count{endpoint="chat"} 3"#,
            r#"gen_ai_client_token_usage_count{gen_ai_operation_name="chat",gen_ai_provider_name="openai",gen_ai_request_model="gpt-4o",gen_ai_token_type="input"} 3"#,
            "gateway_records_total 3",
            "gateway_records_shed_total 0",
        ],
    );
}

#[test]
fn a_full_queue_sheds_at_once_and_says_so() {
    let telemetry = quiet();
    for _ in 0..40_000 {
        telemetry.record(record("chat", Settlement::Completed));
    }
    let shed = telemetry.shed();
    assert_eq!(shed, 40_000 - 32 * 1024);
    let text = telemetry.prometheus().unwrap();
    has(&text, &[&format!("gateway_records_shed_total {shed}")]);
}

#[test]
fn the_number_of_label_sets_is_bounded() {
    let telemetry = quiet();
    for n in 0..5_000 {
        let mut record = record("chat", Settlement::Completed);
        record.model = Some(ModelId::from(format!("model-{n}")));
        record.attempts[0].model = ModelId::from(format!("model-{n}"));
        telemetry.record(record);
    }
    let text = telemetry.prometheus().unwrap();
    let sets = text
        .lines()
        .filter(|line| line.starts_with("gateway_cost_usd_total"));
    assert_eq!(sets.count(), 501);
    has(
        &text,
        &[r#"gateway_losses_total{endpoint="chat",provider="openai",model="other"} 0"#],
    );
}

fn asked(endpoint: &str, model: &str) -> CallRecord {
    let mut record = record(endpoint, Settlement::Completed);
    record.model = Some(model.into());
    record.attempts[0].model = model.into();
    record
}

#[test]
fn no_model_that_callers_name_displaces_a_series_of_the_configuration() {
    let models = LabelModels::new([
        ("chat".into(), "gpt-4o".into()),
        ("late".into(), "mine".into()),
    ])
    .with_known(Arc::new(|_, model| model.as_str().starts_with("known-")));
    let telemetry = telemetry(
        TelemetryConfig::new().with_models(models),
        &ScriptedTransport::new(),
    );
    for n in 0..3_000 {
        telemetry.record(asked("chat", &format!("stranger-{n}{}", "x".repeat(2_000))));
        telemetry.record(asked("chat", &format!("known-{n}")));
    }
    telemetry.record(asked("chat", "gpt-4o"));
    telemetry.record(asked("late", "mine"));
    let text = telemetry.prometheus().unwrap();
    let attempts = |endpoint: &str, model: &str, count: usize| {
        let labels = format!("endpoint=\"{endpoint}\",provider=\"openai\",model=\"{model}\"");
        format!("gateway_attempts_total{{{labels},outcome=\"ok\"}} {count}")
    };
    has(
        &text,
        &[
            &attempts("chat", "gpt-4o", 1),
            &attempts("late", "mine", 1),
            &attempts("chat", "known-0", 1),
            &attempts("chat", "other", 3_000 + 2_500),
        ],
    );
    assert!(!text.contains("stranger"));
    assert!(text.len() < 8_000_000, "{}", text.len());
}

#[tokio::test]
async fn labels_fields_and_spans_have_a_length() {
    let huge = "x".repeat(1_000_000);
    let mut long = traced(true);
    long.endpoint = huge.as_str().into();
    long.model = Some(huge.as_str().into());
    long.attempts[0].model = huge.as_str().into();
    long.user = Some(huge.as_str().into());
    long.principal = Some(huge.as_str().into());
    long.response_model = Some(huge.clone());
    long.failure = Some(Box::new(FailureRecord {
        code: Some(huge.clone()),
        message: huge.clone(),
        detail: Some(huge.clone()),
    }));
    let line = log(LineFormat::Text, vec![long.clone()]).await;
    assert!(line.len() < 8_000, "{}", line.len());
    let transport = ScriptedTransport::new().always(ScriptedReply::json(200, &json!({})));
    let telemetry = telemetry(collector(false), &transport);
    telemetry.record(long);
    assert!(telemetry.prometheus().unwrap().len() < 200_000);
    Writer::new(telemetry, None)
        .run(std::future::ready(()))
        .await;
    for request in transport.requests() {
        assert!(request.body().len() < 200_000, "{}", request.uri());
    }
}

#[tokio::test]
async fn a_line_has_the_time_of_the_wall_clock_though_it_was_set_while_the_process_ran() {
    let clock = ManualClock::new();
    let telemetry = Telemetry::new(
        TelemetryConfig::new(),
        Arc::new(ScriptedTransport::new()),
        Arc::new(clock.clone()),
    );
    let kept = Kept::default();
    let writer = Writer::new(telemetry.clone(), Some(Box::new(kept.clone())));
    clock.advance(Duration::from_hours(24));
    telemetry.record(record("chat", Settlement::Completed));
    writer.run(std::future::ready(())).await;
    let text = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
    // Made some microseconds ago on a clock that stood still since.
    let day = text.strip_prefix("time=2026-01-");
    assert!(
        day.is_some_and(|day| day.starts_with("01T23:59:5") || day.starts_with("02T00:")),
        "{text}"
    );
}

#[test]
fn labels_cannot_break_out_of_their_quotes() {
    let telemetry = quiet();
    let mut evil = record("chat", Settlement::Completed);
    evil.provider = Some(ProviderName::from("a\"} 1\nb\\"));
    telemetry.record(evil);
    let text = telemetry.prometheus().unwrap();
    assert!(text.contains(r#"provider="a\"} 1\nb\\""#), "{text}");
}

#[test]
fn who_watches_adds_what_is_known_now() {
    let telemetry = quiet();
    telemetry.observe(Box::new(|samples| {
        samples.number(&descriptor::IN_FLIGHT, ["chat"], 7.0);
    }));
    has(
        &telemetry.prometheus().unwrap(),
        &[
            "# TYPE gateway_in_flight gauge",
            r#"gateway_in_flight{endpoint="chat"} 7"#,
        ],
    );
    telemetry.configure(TelemetryConfig::new().with_prometheus(false));
    assert_eq!(telemetry.prometheus(), None);
}

/// Keeps what is written.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

async fn log(format: LineFormat, records: Vec<CallRecord>) -> String {
    let telemetry = telemetry(
        TelemetryConfig::new().with_log(format),
        &ScriptedTransport::new(),
    );
    let kept = Kept::default();
    let writer = Writer::new(telemetry.clone(), Some(Box::new(kept.clone())));
    for record in records {
        telemetry.record(record);
    }
    writer.run(std::future::ready(())).await;
    String::from_utf8(kept.0.lock().unwrap().clone()).unwrap()
}

fn failed() -> CallRecord {
    let settlement = Settlement::Failed(ErrorKind::Upstream, Origin::Upstream);
    let mut record = record("chat", settlement);
    record.failure = Some(Box::new(FailureRecord {
        code: Some("boom".to_owned()),
        message: "your prompt 'my secret plan' is bad".to_owned(),
        detail: Some("10.0.0.1 said no".to_owned()),
    }));
    record
}

#[tokio::test]
async fn the_access_log_has_one_line_per_call_as_json() {
    let text = log(
        LineFormat::Json,
        vec![record("chat", Settlement::Completed), failed()],
    )
    .await;
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 2);
    let line = &lines[0];
    // The clock stands still, and the call ended before it was looked at.
    let time = line["time"].as_str().unwrap();
    assert!(
        time.starts_with("2025-12-31T23:59:5") || time.starts_with("2026-01-01T00:00:0"),
        "{line}"
    );
    for (field, value) in [
        ("request_id", json!("request-1")),
        ("endpoint", json!("chat")),
        ("outcome", json!("completed")),
        ("input_tokens", json!(100)),
        ("cost_usd", json!("0.001500000")),
        ("overhead_ms", json!(0.08)),
        ("duration_ms", json!(300.0)),
    ] {
        assert_eq!(line[field], value, "{field}");
    }
    assert_eq!(lines[1]["error_kind"], "upstream");
    assert_eq!(lines[1]["error_detail"], "10.0.0.1 said no");
}

#[tokio::test]
async fn the_access_log_has_one_line_per_call_as_text_that_nobody_can_break() {
    let mut evil = record("chat", Settlement::Completed);
    evil.principal = Some("a b\noutcome=failed".into());
    let text = log(LineFormat::Text, vec![evil]).await;
    assert_eq!(text.lines().count(), 1);
    assert!(
        text.contains(r#"principal="a b\noutcome=failed" "#),
        "{text}"
    );
    assert!(
        text.contains("endpoint=chat ") && text.contains("outcome=completed "),
        "{text}"
    );
}

#[tokio::test]
async fn what_was_said_is_logged_only_where_the_record_holds_it() {
    let without = log(LineFormat::Json, vec![failed()]).await;
    assert!(!without.contains("secret plan"), "{without}");
    let mut with = failed();
    with.content = Some(Box::new(ContentRecord {
        request: b"the question".to_vec(),
        response: b"the answer".to_vec(),
    }));
    let with = log(LineFormat::Json, vec![with]).await;
    assert!(
        with.contains("the question") && with.contains("the answer"),
        "{with}"
    );
}

fn collector(headers: bool) -> TelemetryConfig {
    let header = ("x-team".parse().unwrap(), "a".parse().unwrap());
    TelemetryConfig::new().with_otlp(Some(OtlpConfig {
        endpoint: "http://collector:4318/".to_owned(),
        headers: if headers { vec![header] } else { Vec::new() },
    }))
}

fn traced(sampled: bool) -> CallRecord {
    let mut record = record("chat", Settlement::Completed);
    record.trace = Some(TraceRecord {
        id: 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736,
        parent: Some(0x00f0_67aa_0ba9_02b7),
        span: 0x123,
        sampled,
    });
    record
}

#[tokio::test]
async fn a_call_becomes_a_span_of_its_own_and_one_for_each_try() {
    let transport = ScriptedTransport::new().always(ScriptedReply::json(200, &json!({})));
    let telemetry = telemetry(collector(true), &transport);
    telemetry.record(traced(true));
    telemetry.record(traced(false));
    Writer::new(telemetry, None)
        .run(std::future::ready(()))
        .await;
    let requests = transport.requests();
    let traces = &requests[0];
    assert_eq!(traces.uri(), "http://collector:4318/v1/traces");
    assert_eq!(traces.headers()["x-team"], "a");
    let body: Value = serde_json::from_slice(traces.body()).unwrap();
    let spans = body.pointer("/resourceSpans/0/scopeSpans/0/spans").unwrap();
    assert_eq!(
        spans.as_array().unwrap().len(),
        2,
        "what is not sampled is not sent"
    );
    let (own, child) = (&spans[0], &spans[1]);
    assert_eq!(own["traceId"], "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(own["parentSpanId"], "00f067aa0ba902b7");
    assert_eq!(
        (&own["name"], &own["kind"]),
        (&json!("chat chat"), &json!(2))
    );
    assert_eq!(
        (&child["name"], &child["kind"]),
        (&json!("chat gpt-4o"), &json!(3))
    );
    assert_eq!(child["parentSpanId"], own["spanId"]);
    assert_eq!(child["spanId"], "0000000000000abc");
    let tokens = json!({"key": "gen_ai.usage.input_tokens", "value": {"intValue": "100"}});
    assert!(
        own["attributes"].as_array().unwrap().contains(&tokens),
        "{own}"
    );
}

#[tokio::test]
async fn metrics_go_to_the_collector_with_their_own_names() {
    let transport = ScriptedTransport::new().always(ScriptedReply::json(200, &json!({})));
    let telemetry = telemetry(collector(false), &transport);
    telemetry.record(record("chat", Settlement::Completed));
    Writer::new(telemetry, None)
        .run(std::future::ready(()))
        .await;
    let requests = transport.requests();
    assert_eq!(requests[0].uri(), "http://collector:4318/v1/metrics");
    let body: Value = serde_json::from_slice(requests[0].body()).unwrap();
    let metrics = body
        .pointer("/resourceMetrics/0/scopeMetrics/0/metrics")
        .unwrap();
    let named = |name: &str| {
        let mut all = metrics.as_array().unwrap().iter();
        all.find(|metric| metric["name"] == name).unwrap().clone()
    };
    let requests = named("gateway.requests");
    assert_eq!(requests["sum"]["dataPoints"][0]["asDouble"], 1.0);
    let usage = named("gen_ai.client.token.usage");
    let point = &usage["histogram"]["dataPoints"][0];
    assert_eq!(point["count"], "1");
    let operation = json!({"key": "gen_ai.operation.name", "value": {"stringValue": "chat"}});
    assert!(
        point["attributes"].as_array().unwrap().contains(&operation),
        "{point}"
    );
    let buckets = point["bucketCounts"].as_array().unwrap().len();
    assert_eq!(
        buckets,
        point["explicitBounds"].as_array().unwrap().len() + 1
    );
}

#[tokio::test(start_paused = true)]
async fn a_collector_that_is_away_costs_spans_and_nothing_else() {
    let transport = ScriptedTransport::new().always(ScriptedReply::json(503, &json!({})));
    let telemetry = telemetry(collector(false), &transport);
    let writer = Writer::new(telemetry.clone(), None);
    let running = tokio::spawn(writer.run(std::future::pending()));
    telemetry.record(traced(true));
    tokio::time::sleep(Duration::from_secs(5)).await;
    running.abort();
    has(
        &telemetry.prometheus().unwrap(),
        &[
            "gateway_otlp_exports_failed_total 1",
            "gateway_otlp_spans_shed_total 2",
        ],
    );
}
