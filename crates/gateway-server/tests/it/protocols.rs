//! HTTP/1.1, HTTP/2, TLS, and clients that take their time.

use std::path::Path;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::{PATIENCE, Server, chat, client, folder, simulators};

fn certificate(folder: &Path, name: &str) -> (String, Vec<u8>) {
    let made = rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap();
    let pem = made.cert.pem();
    std::fs::write(folder.join("cert.pem"), &pem).unwrap();
    std::fs::write(folder.join("key.pem"), made.signing_key.serialize_pem()).unwrap();
    (pem.clone(), pem.into_bytes())
}

async fn version_of(client: &reqwest::Client, url: &str) -> Result<http::Version, reqwest::Error> {
    let reply = client.post(url).json(&chat("chat", true)).send().await?;
    assert_eq!(reply.status(), 200);
    let version = reply.version();
    let text = reply.text().await?;
    assert!(text.ends_with("data: [DONE]\n\n"), "{text}");
    Ok(version)
}

#[tokio::test]
async fn both_versions_of_http_are_spoken_without_tls() {
    let server = Server::start(&[]);
    let url = server.url("/v1/chat/completions");
    let one = client(reqwest::ClientBuilder::http1_only);
    assert_eq!(
        version_of(&one, &url).await.unwrap(),
        http::Version::HTTP_11
    );
    let two = client(reqwest::ClientBuilder::http2_prior_knowledge);
    assert_eq!(version_of(&two, &url).await.unwrap(), http::Version::HTTP_2);
}

#[tokio::test]
async fn tls_offers_both_and_takes_a_renewed_certificate() {
    let (folder, path) = folder(&simulators(&["chat"], ""));
    let root = folder.path();
    let file = |name: &str| root.join(name).to_str().unwrap().to_owned();
    let (_, first) = certificate(root, "localhost");
    let (cert, key) = (file("cert.pem"), file("key.pem"));
    let server = Server::with(&path, &["--tls-cert", &cert, "--tls-key", &key]);
    assert!(server.base.starts_with("https://127.0.0.1:"));
    let url = server.base.replace("127.0.0.1", "localhost") + "/v1/chat/completions";
    let trusting = |pem: &[u8]| {
        let root = reqwest::Certificate::from_pem(pem).unwrap();
        client(|builder| builder.tls_certs_only([root]))
    };
    let old = trusting(&first);
    assert_eq!(version_of(&old, &url).await.unwrap(), http::Version::HTTP_2);

    let (_, second) = certificate(root, "localhost");
    let begun = Instant::now();
    // A fresh client each time: a kept connection would keep its certificate.
    while version_of(&trusting(&second), &url).await.is_err() {
        assert!(
            begun.elapsed() < PATIENCE,
            "the new certificate is never used"
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(version_of(&trusting(&first), &url).await.is_err());
    // The connection that stood goes on with the old one.
    version_of(&old, &url).await.unwrap();
}

#[tokio::test]
async fn a_head_that_drips_is_cut_and_an_idle_connection_is_not() {
    let config = format!(
        "{}server: {{header_timeout: 500ms}}\n",
        simulators(&["chat"], "")
    );
    let (_folder, path) = folder(&config);
    let server = Server::with(&path, &[]);
    let mut slow = TcpStream::connect(server.address()).await.unwrap();
    slow.write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
        .await
        .unwrap();
    let begun = Instant::now();
    let mut rest = Vec::new();
    let _ = slow.read_to_end(&mut rest).await;
    assert!(begun.elapsed() < Duration::from_secs(5));
    assert!(!rest.starts_with(b"HTTP/1.1 200"));

    let mut kept = TcpStream::connect(server.address()).await.unwrap();
    for _ in 0..2 {
        kept.write_all(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
            .await
            .unwrap();
        let mut answer = [0; 12];
        kept.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"HTTP/1.1 200");
        // The rest of this answer, whatever its length, and an idle time beyond the bound of a head.
        let mut rest = [0; 1024];
        let _ = kept.read(&mut rest).await.unwrap();
        tokio::time::sleep(Duration::from_millis(900)).await;
    }
}
