//! Logs that cannot be written. Everything is served all the same.
#![cfg(unix)]

use std::fs::OpenOptions;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::harness::{
    PATIENCE, Server, chat, command, folder, get, plain_client, post, simulators,
};
use crate::reload::{replace, until_names};

/// How long a request may take while the log cannot be written.
const SOON: Duration = Duration::from_secs(3);

/// A metric without labels, or with these.
async fn metric(server: &Server, name: &str) -> f64 {
    let sent = plain_client().get(server.url("/metrics")).send().await;
    let text = sent.unwrap().text().await.unwrap();
    let mut lines = text.lines();
    let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    value
        .unwrap_or_else(|| panic!("{name} is missing: {text}"))
        .parse()
        .unwrap()
}

/// Every kind of request is answered, and what logs a line too.
async fn serves(server: &Server) {
    let begun = Instant::now();
    for path in [
        "/health",
        "/livez",
        "/readyz",
        "/version",
        "/metrics",
        "/v1/models",
    ] {
        let (status, body) = get(server, path).await;
        assert_eq!(status, 200, "{path}: {body}");
    }
    assert_eq!(get(server, "/nothing/here").await.0, 404);
    let (status, body) = post(server, "/v1/chat/completions", &chat("one", false)).await;
    assert_eq!(status, 200, "{body}");
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
}

/// Requests that leave a line in the program's log each.
async fn fill_log(server: &Server, count: usize) {
    let client = plain_client();
    let url = server.url(&format!("/{}", "x".repeat(4_000)));
    for _ in 0..count {
        let sent = tokio::time::timeout(SOON, client.get(&url).send()).await;
        let reply = sent.expect("an answer in time").unwrap();
        assert_eq!(reply.status(), 404);
        reply.bytes().await.unwrap();
    }
}

fn stops_in_time(mut server: Server) {
    let begun = Instant::now();
    server.signal("TERM");
    assert!(server.wait().success());
    assert!(
        begun.elapsed() < Duration::from_secs(8),
        "{:?}",
        begun.elapsed()
    );
}

#[tokio::test]
async fn a_reader_that_stalls_delays_nobody_and_what_is_shed_is_counted() {
    let (_folder, path) = folder(&simulators(&["one"], ""));
    let args = ["start", "--port", "0", "--workers", "1", "--config-path"];
    let server = Server::unread(command(&args).arg(&path), Stdio::piped());
    // The pipe holds 64 KiB and the queue 2 MiB; a line has about half a kilobyte, though its path has four.
    fill_log(&server, 5_500).await;
    serves(&server).await;
    let shed = metric(&server, "gateway_log_lines_shed_total{log=\"program\"}").await;
    assert!(shed > 0.0 && shed < 3_000.0, "{shed}");
    replace(&path, &simulators(&["one", "two"], ""));
    until_names(&server, &["one", "two"]).await;
    stops_in_time(server);
}

#[tokio::test]
async fn a_full_disk_and_a_closed_pipe_break_nothing() {
    for is_full in [true, false] {
        let (_folder, path) = folder(&simulators(&["one"], ""));
        let args = ["start", "--port", "0", "--config-path"];
        let mut start = command(&args);
        start.arg(&path);
        let server = if is_full {
            let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
            Server::unread(&mut start, Stdio::from(full))
        } else {
            let mut server = Server::unread(&mut start, Stdio::piped());
            server.close_log();
            server
        };
        serves(&server).await;
        // A reload logs a line, and so does one that is refused.
        for names in [["one", "two"], ["one", "three"]] {
            replace(&path, "endponits: []");
            tokio::time::sleep(Duration::from_secs(1)).await;
            replace(&path, &simulators(&names, ""));
            until_names(&server, &names).await;
        }
        server.signal("HUP");
        serves(&server).await;
        assert!(metric(&server, "gateway_log_write_errors_total").await > 0.0);
        stops_in_time(server);
    }
}

#[tokio::test]
async fn the_limit_of_file_sizes_kills_nothing_and_the_log_goes_on_when_there_is_room() {
    let (folder, path) = folder(&simulators(&["one"], ""));
    let log = folder.path().join("log");
    let file = OpenOptions::new()
        .append(true)
        .create(true)
        .open(&log)
        .unwrap();
    let mut start = Command::new("sh");
    start
        .args(["-c", "ulimit -f 16; exec \"$0\" \"$@\""])
        .arg(env!("CARGO_BIN_EXE_gateway-server"))
        .args(["start", "--port", "0", "--config-path"])
        .arg(&path)
        .env("NO_PROXY", "127.0.0.1,localhost");
    let server = Server::unread(&mut start, Stdio::from(file.try_clone().unwrap()));
    fill_log(&server, 100).await;
    serves(&server).await;
    assert!(metric(&server, "gateway_log_write_errors_total").await > 0.0);
    // Somebody makes room.
    file.set_len(0).unwrap();
    let begun = Instant::now();
    loop {
        // What waited is more than there may be in the file.
        let text = std::fs::read_to_string(&log).unwrap();
        if text.contains("it is written again") {
            break;
        }
        if text.len() > 8_000 {
            file.set_len(0).unwrap();
        }
        assert!(begun.elapsed() < PATIENCE, "{text}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    serves(&server).await;
    stops_in_time(server);
}

#[tokio::test]
async fn what_is_no_file_at_the_configurations_path_is_reported_once_and_the_next_file_is_read() {
    let (folder, path) = folder(&simulators(&["one"], ""));
    let server = Server::with(&path, &[]);
    let odd = folder.path().join("odd");
    let put = |what: &str| {
        let made = match what {
            "fifo" => Command::new("mkfifo").arg(&odd).status(),
            "directory" => Command::new("mkdir").arg(&odd).status(),
            device => Command::new("ln").args(["-s", device]).arg(&odd).status(),
        };
        assert!(made.unwrap().success());
        // A directory does not replace a file.
        std::fs::remove_file(&path).unwrap();
        std::fs::rename(&odd, &path).unwrap();
    };
    let remove = || {
        std::fs::remove_file(&path)
            .or_else(|_| std::fs::remove_dir(&path))
            .unwrap();
    };
    for (number, what) in ["fifo", "/dev/zero", "directory"].into_iter().enumerate() {
        put(what);
        server.wait_for_log("is refused");
        server.wait_for_log("cannot be read: it is ");
        let (_, health) = get(&server, "/health").await;
        assert!(health.to_string().contains("cannot be read"), "{health}");
        server.signal("HUP");
        server.wait_for_log("cannot be read: it is ");
        remove();
        let name = format!("next-{number}");
        std::fs::write(&path, simulators(&[&name], "")).unwrap();
        until_names(&server, &[&name]).await;
    }
    // Larger than any configuration; it takes no room on the disk.
    let huge = std::fs::File::create(&odd).unwrap();
    huge.set_len(10_000_000_000).unwrap();
    std::fs::rename(&odd, &path).unwrap();
    server.wait_for_log("the most is 67108864");
}
