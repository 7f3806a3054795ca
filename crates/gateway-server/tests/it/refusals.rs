//! Starts that must not succeed, with words a user understands.

use std::net::TcpListener;

use crate::harness::{Server, command, folder, run, simulators, text};

fn refused(args: &[&str], code: i32) -> String {
    let output = run(args);
    let report = text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{report}");
    assert!(!report.contains("panicked"), "{report}");
    report
}

#[test]
fn a_wrong_configuration_is_refused_with_its_places() {
    let (_folder, path) = folder("endpoints:\n  - name: a b\n");
    let report = refused(&["start", "--config-path", path.to_str().unwrap()], 2);
    assert!(report.contains("config.yaml:2:"), "{report}");
    let report = refused(&["start", "--config-path", "/no/such/file.yaml"], 2);
    assert_eq!(report.trim(), "/no/such/file.yaml does not exist");
}

#[test]
fn a_port_in_use_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let report = refused(&["start", "--port", &port], 1);
    assert!(report.contains(&format!("127.0.0.1:{port}")), "{report}");
}

#[test]
fn wrong_overrides_and_missing_certificates_are_named() {
    let report = refused(
        &["start", "--port", "0", "--origin-override", "nonsense"],
        2,
    );
    assert!(report.contains("nonsense"), "{report}");
    let tls = [
        "start",
        "--port",
        "0",
        "--tls-cert",
        "/no/cert.pem",
        "--tls-key",
        "/no/key.pem",
    ];
    let report = refused(&tls, 2);
    assert!(report.contains("/no/cert.pem"), "{report}");
    let report = refused(&["start", "--tls-cert", "x.pem"], 2);
    assert!(report.contains("--tls-key"), "{report}");
}

#[test]
fn an_open_gateway_beyond_this_machine_must_be_allowed() {
    let report = refused(&["start", "--host", "0.0.0.0", "--port", "0"], 2);
    assert!(report.contains("--allow-unauthenticated"), "{report}");
    let server = Server::start(&["--host", "0.0.0.0", "--allow-unauthenticated"]);
    assert!(server.base.starts_with("http://127.0.0.1:"));
}

#[test]
fn the_configuration_can_be_named_by_the_environment() {
    let (_folder, path) = folder(&simulators(&["from-environment"], ""));
    for name in ["GATEWAY_CONFIG_PATH", "MLFLOW_GATEWAY_CONFIG"] {
        let server = Server::spawn(command(&["start", "--port", "0"]).env(name, &path));
        assert!(server.banner.contains("config.yaml"), "{}", server.banner);
    }
}
