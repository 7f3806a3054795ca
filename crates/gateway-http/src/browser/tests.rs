use super::*;

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.append(*name, HeaderValue::from_str(value).unwrap());
    }
    headers
}

fn judge(policy: &BrowserPolicy, method: &Method, pairs: &[(&'static str, &str)]) -> &'static str {
    let headers = headers(pairs);
    let is_harmless = *method == Method::GET;
    let visit = Visit {
        method,
        uri: &Uri::from_static("/v1/chat/completions"),
        headers: &headers,
        guards_names: true,
        is_harmless,
    };
    match policy.judge(&visit) {
        Verdict::Ours => "ours",
        Verdict::Shown(_) => "shown",
        Verdict::Preflight(_) => "preflight",
        Verdict::Refused(_) => "refused",
    }
}

const HERE: (&str, &str) = ("host", "127.0.0.1:5000");
const EVIL: (&str, &str) = ("origin", "https://evil.example");

#[test]
fn sdks_go_on_and_pages_of_other_origins_do_not() {
    let policy = BrowserPolicy::new();
    let post = |pairs: &[(&'static str, &str)]| judge(&policy, &Method::POST, pairs);
    assert_eq!(post(&[HERE]), "ours");
    assert_eq!(post(&[]), "ours");
    // Node's fetch says how, not from where.
    assert_eq!(post(&[HERE, ("sec-fetch-mode", "cors")]), "ours");
    for pairs in [
        &[HERE, EVIL][..],
        &[HERE, ("origin", "null")],
        &[HERE, ("origin", "http://127.0.0.1:3000")],
        &[HERE, ("sec-fetch-site", "cross-site")],
        &[HERE, ("sec-fetch-site", "same-site")],
        &[HERE, EVIL, ("sec-fetch-site", "cross-site")],
        &[
            HERE,
            ("origin", "http://127.0.0.1:5000"),
            ("sec-fetch-site", "cross-site"),
        ],
    ] {
        assert_eq!(post(pairs), "refused", "{pairs:?}");
        assert_eq!(judge(&policy, &Method::GET, pairs), "ours", "{pairs:?}");
    }
    for pairs in [
        &[HERE, ("origin", "http://127.0.0.1:5000")][..],
        &[("host", "localhost"), ("origin", "http://localhost")],
        &[
            HERE,
            ("origin", "https://app.example"),
            ("sec-fetch-site", "same-origin"),
        ],
        &[
            HERE,
            ("origin", "chrome-extension://abc"),
            ("sec-fetch-site", "none"),
        ],
    ] {
        assert_eq!(post(pairs), "ours", "{pairs:?}");
    }
}

#[test]
fn names_of_others_are_not_ours() {
    let policy = BrowserPolicy::new();
    let named =
        |policy: &BrowserPolicy, host: &str| judge(policy, &Method::POST, &[("host", host)]);
    for own in [
        "localhost",
        "LOCALHOST:5000",
        "app.localhost:5000",
        "127.0.0.1",
        "127.8.9.1:80",
        "[::1]:5000",
        "10.0.0.7:5000",
        "host.docker.internal:5000",
    ] {
        assert_eq!(named(&policy, own), "ours", "{own}");
    }
    for other in [
        "evil.example",
        "evil.example:5000",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "evillocalhost",
        "",
    ] {
        assert_eq!(named(&policy, other), "refused", "{other}");
    }
    let twice = [HERE, ("host", "evil.example")];
    assert_eq!(judge(&policy, &Method::GET, &twice), "refused");
    let policy = policy.with_hosts(["LLM.example.com", "*.b.example", "c.example:8443"]);
    for listed in [
        "llm.example.com",
        "llm.example.com:80",
        "x.b.example",
        "x.y.b.example",
        "c.example:8443",
    ] {
        assert_eq!(named(&policy, listed), "ours", "{listed}");
    }
    for other in [
        "example.com",
        "b.example",
        "xb.example",
        "c.example",
        "c.example:80",
    ] {
        assert_eq!(named(&policy, other), "refused", "{other}");
    }
    assert_eq!(
        named(&BrowserPolicy::new().with_hosts(["*"]), "evil.example"),
        "ours"
    );
}

#[test]
fn pages_of_allowed_origins_go_on_and_their_preflights_are_answered() {
    let origins = [
        "https://app.example",
        "https://*.b.example",
        "http://localhost:*",
    ];
    let policy = BrowserPolicy::new().with_origins(origins, Duration::from_mins(1));
    let ask = ("access-control-request-method", "POST");
    for origin in [
        "https://app.example",
        "https://x.b.example",
        "http://localhost:3000",
    ] {
        let pairs = [HERE, ("origin", origin), ("sec-fetch-site", "cross-site")];
        assert_eq!(judge(&policy, &Method::POST, &pairs), "shown", "{origin}");
        let pairs = [HERE, ("origin", origin), ask];
        assert_eq!(
            judge(&policy, &Method::OPTIONS, &pairs),
            "preflight",
            "{origin}"
        );
    }
    for origin in [
        "https://evil.example",
        "http://app.example",
        "https://app.example:8443",
        "https://b.example",
        "https://x.b.example:1",
        "http://localhost.evil.example:3000",
        "null",
    ] {
        let pairs = [HERE, ("origin", origin)];
        assert_eq!(judge(&policy, &Method::POST, &pairs), "refused", "{origin}");
        let pairs = [HERE, ("origin", origin), ask];
        assert_eq!(
            judge(&policy, &Method::OPTIONS, &pairs),
            "refused",
            "{origin}"
        );
    }
    let policy = BrowserPolicy::new().with_origins(["*"], Duration::ZERO);
    assert_eq!(judge(&policy, &Method::POST, &[HERE, EVIL]), "shown");
}

#[test]
fn a_preflight_allows_what_it_asks_for() {
    let asked = headers(&[
        EVIL,
        (
            "access-control-request-headers",
            "authorization, content-type",
        ),
        ("access-control-request-private-network", "true"),
    ]);
    let origin = HeaderValue::from_static("https://a.example");
    let preflight = Preflight::new(&origin, &asked, Duration::from_mins(10));
    let answer: HeaderMap = preflight.headers.into_iter().collect();
    assert_eq!(answer["access-control-allow-origin"], "https://a.example");
    assert_eq!(
        answer["access-control-allow-headers"],
        "authorization, content-type"
    );
    assert_eq!(answer["access-control-max-age"], "600");
    assert_eq!(answer["access-control-allow-private-network"], "true");
    assert!(
        answer["access-control-allow-methods"]
            .to_str()
            .unwrap()
            .contains("DELETE")
    );
    assert!(!answer.contains_key("access-control-allow-credentials"));
}
