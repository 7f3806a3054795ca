use super::*;

const ROOT: &str = "https://api.example.com/base";

fn sent(path: &str, query: Option<&str>) -> Result<String, String> {
    let path = RawPath::check(path).map_err(|error| error.message().to_owned())?;
    let mut raw = RawRequest::new(Method::GET, path);
    raw.query = query.map(str::to_owned);
    raw.at(ROOT)
        .map(|request| request.uri().to_string())
        .map_err(|error| error.message().to_owned())
}

#[test]
fn ordinary_paths_stand_below_the_root_as_they_were_written() {
    for path in [
        "v1/chat/completions",
        "v1/files/file-abc/content",
        "v1/models/",
        "v1beta/models/gemini-2.5-flash:generateContent",
        "model/arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Aprofile%2Fx/converse",
        "v1/models/meta%2Fllama",
        "v1/models/50%25",
        "v1/a..b/.hidden/...",
        "@evil.example/x",
        "http:/x",
        "v1/%3Fx=%23",
    ] {
        assert_eq!(sent(path, None), Ok(format!("{ROOT}/{path}")), "{path}");
    }
    assert_eq!(
        sent("v1/x", Some("a=1&b=..%2F")),
        Ok(format!("{ROOT}/v1/x?a=1&b=..%2F"))
    );
}

#[test]
fn no_spelling_of_a_path_leaves_the_root() {
    for path in [
        "",
        "/",
        "//evil.example",
        "/v1/x",
        "..",
        "../admin",
        "v1/../../admin",
        "v1/..",
        "v1/./x",
        "v1/%2e%2e/admin",
        "v1/%2E./admin",
        "v1/.%2e/admin",
        "v1/%252e%252e/admin",
        "v1/%25252e%25252e/admin",
        "v1/%2525252525252e/admin",
        "v1/..%2fadmin",
        "v1/x%2f..%2f..%2fadmin",
        "v1/..%5cadmin",
        "v1\\..\\admin",
        "v1/%5c%5cevil",
        "v1/..;/admin",
        "v1/..;a=b/admin",
        "v1/%2e%2e%3b/admin",
        "v1/%20../x",
        "v1/%c0%ae%c0%ae/admin",
        "v1/%00",
        "v1/%0d%0ahost:evil",
        "v1/x\r\n",
        "v1/x?y",
        "v1/x#y",
        "http://evil.example/x",
        "https://evil.example",
        "v1//x",
        "v1/%zz",
        "v1/%",
        "v1/%2",
    ] {
        assert!(sent(path, None).is_err(), "{path:?}");
    }
}

#[test]
fn segments_are_what_the_provider_reads() {
    let path = RawPath::check("v1/%63hat%2Fcompletions").unwrap();
    assert_eq!(path.segments(), ["v1", "chat", "completions"]);
}

#[test]
fn the_version_belongs_to_the_path() {
    for (base, root) in [
        ("https://api.openai.com/v1", "https://api.openai.com"),
        ("https://api.openai.com/v1/", "https://api.openai.com"),
        (
            "https://api.groq.com/openai/v1",
            "https://api.groq.com/openai",
        ),
        ("https://x/v1beta", "https://x"),
        ("https://x/v1/openai", "https://x/v1/openai"),
        ("https://v1", "https://v1"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("https://x/vision", "https://x/vision"),
    ] {
        assert_eq!(unversioned(base), root);
    }
}

#[test]
fn only_what_may_happen_twice_is_repeatable() {
    let of = |method: Method| RawRequest::new(method, RawPath::check("v1/files").unwrap());
    assert!(of(Method::GET).is_repeatable());
    assert!(of(Method::DELETE).is_repeatable());
    assert!(!of(Method::POST).is_repeatable());
    assert!(!of(Method::PATCH).is_repeatable());
    let mut keyed = of(Method::POST);
    keyed
        .headers
        .insert("idempotency-key", http::HeaderValue::from_static("1"));
    assert!(keyed.is_repeatable());
    let mut chat = of(Method::POST);
    chat.asks = Some(Operation::Chat);
    assert!(chat.is_repeatable());
}
