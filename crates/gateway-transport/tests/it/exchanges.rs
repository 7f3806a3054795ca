//! Requests, replies and the reuse of connections.

use crate::support::{Server, client, text};

const HELLO: &str = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";

#[tokio::test]
async fn a_connection_is_used_again_once_its_body_was_read() {
    let server = Server::repeating(HELLO).await;
    let client = client();
    for _ in 0..10 {
        assert_eq!(text(&client, &server.url("/x")).await.unwrap(), "hello");
    }
    assert_eq!(server.accepted(), 1);
    assert_eq!((client.stats().open, client.stats().idle), (1, 1));
}
