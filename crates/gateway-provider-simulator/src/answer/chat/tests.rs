use super::*;

fn ask(body: &Value) -> Answer {
    chat(&Settings::default(), body.as_object().unwrap())
}

fn weather(extra: &Value) -> Value {
    let mut body = json!({
        "messages": [{"role": "user", "content": "How is the weather?"}],
        "tools": [
            {"type": "function", "function": {"name": "get_weather", "parameters": {
                "type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}},
            {"type": "function", "function": {"name": "get_time"}},
        ],
    });
    for (key, value) in extra.as_object().unwrap() {
        body[key] = value.clone();
    }
    body
}

fn called(extra: &Value) -> Vec<String> {
    let answer = ask(&weather(extra));
    answer.choices[0]
        .calls
        .iter()
        .map(|call| call.name.clone())
        .collect()
}

#[test]
fn the_same_request_gets_the_same_answer_and_another_gets_another() {
    let body = json!({"messages": [{"role": "user", "content": "Hello"}]});
    let other = json!({"messages": [{"role": "user", "content": "Hello!"}]});
    assert_eq!(ask(&body), ask(&body));
    assert_ne!(ask(&body), ask(&other));
    assert_eq!(ask(&body).choices[0].finish, "stop");
    assert!(ask(&body).completion_tokens >= 24);
    let three = json!({"messages": [], "n": 3});
    assert_eq!(ask(&three).choices.len(), 3);
}

#[test]
fn tool_choice_is_honoured() {
    assert_eq!(called(&json!({})).len(), 1);
    assert!(called(&json!({"tool_choice": "none"})).is_empty());
    let forced = json!({"tool_choice": {"type": "function", "function": {"name": "get_time"}}});
    assert_eq!(called(&forced), ["get_time"]);
    let allowed = json!({"tool_choice": {"type": "allowed_tools", "allowed_tools": {
        "mode": "auto", "tools": [{"type": "function", "function": {"name": "get_weather"}}]}}});
    assert_eq!(called(&allowed), ["get_weather"]);
    let both = json!({"messages": [{"role": "user", "content": "get_weather and get_time"}]});
    assert_eq!(called(&both), ["get_weather", "get_time"]);
    let mut one = both;
    one["parallel_tool_calls"] = json!(false);
    assert_eq!(called(&one), ["get_weather"]);
}

#[test]
fn arguments_follow_the_schema_and_a_result_ends_the_loop() {
    let forced = json!({"tool_choice": {"type": "function", "function": {"name": "get_weather"}}});
    let answer = ask(&weather(&forced));
    let arguments: Value = serde_json::from_str(&answer.choices[0].calls[0].arguments).unwrap();
    assert!(arguments["city"].is_string());
    let result = json!({"messages": [{"role": "tool", "tool_call_id": "x", "content": "sunny"}]});
    let answer = ask(&weather(&result));
    assert!(answer.choices[0].calls.is_empty() && !answer.choices[0].text.is_empty());
}

#[test]
fn formats_limits_and_stops_are_honoured() {
    let schema = json!({"type": "object", "properties": {"n": {"type": "integer"}}});
    let format = json!({"type": "json_schema", "json_schema": {"name": "x", "schema": schema}});
    let answer = ask(&json!({"messages": [], "response_format": format}));
    let value: Value = serde_json::from_str(&answer.choices[0].text).unwrap();
    assert!(value["n"].is_i64());
    let object = ask(&json!({"messages": [], "response_format": {"type": "json_object"}}));
    assert!(serde_json::from_str::<Value>(&object.choices[0].text).is_ok());
    let short = ask(&json!({"messages": [], "max_tokens": 2}));
    assert_eq!(
        (short.choices[0].finish, short.completion_tokens),
        ("length", 2)
    );
    let echo = Settings {
        speech: Speech::Echo,
        ..Settings::default()
    };
    let body = json!({"messages": [{"role": "user", "content": "one two three"}], "stop": ["three", "two"]});
    let answer = chat(&echo, body.as_object().unwrap());
    assert_eq!(
        (answer.choices[0].text.as_str(), answer.choices[0].finish),
        ("one ", "stop")
    );
}
