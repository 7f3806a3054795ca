//! Good answers made bad.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use gateway_provider::TransportError;
use http::{HeaderName, HeaderValue, StatusCode};
use serde_json::{Value, json};

use super::date::http_date;
use super::reply::{DONE, event, set};
use super::{End, Piece, Planned, refused, unresolved};
use crate::fault::{Fault, FaultKind, Wait};

/// What `planned` becomes under `fault`.
pub(super) fn apply(
    fault: &Fault,
    planned: Planned,
    now: SystemTime,
) -> Result<Planned, TransportError> {
    let streams = planned.pieces.len() > 1;
    Ok(match fault.kind {
        FaultKind::Refused => return Err(refused()),
        FaultKind::DnsFailure => return Err(unresolved()),
        FaultKind::RateLimit => {
            let limited = Planned::error(
                StatusCode::TOO_MANY_REQUESTS,
                "requests",
                Some("rate_limit_exceeded"),
                "Rate limit reached, as configured in the simulator.",
            );
            waiting(limited, &fault.wait, now)
        }
        FaultKind::ServerError => Planned::error(
            StatusCode::from_u16(fault.status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE),
            "server_error",
            None,
            "The simulator is broken, as configured.",
        ),
        FaultKind::SlowDrip => drip(planned, fault.pause),
        FaultKind::WrongLength => wrong_length(planned),
        _ if streams => in_stream(fault, planned),
        _ => in_whole(fault, planned),
    })
}

fn waiting(mut planned: Planned, wait: &Wait, now: SystemTime) -> Planned {
    let (name, value) = match wait {
        Wait::Seconds(seconds) => ("retry-after", seconds.to_string()),
        Wait::Milliseconds(millis) => ("retry-after-ms", millis.to_string()),
        Wait::AzureMilliseconds(millis) => ("x-ms-retry-after-ms", millis.to_string()),
        Wait::Date(seconds) => {
            let at = now
                .checked_add(Duration::from_secs(*seconds))
                .unwrap_or(now);
            ("retry-after", http_date(at))
        }
        Wait::Silent => return planned,
    };
    if let Ok(value) = HeaderValue::try_from(value) {
        planned.headers.insert(HeaderName::from_static(name), value);
    }
    planned
}

fn now(bytes: Bytes) -> Piece {
    Piece {
        pause: Duration::ZERO,
        bytes,
    }
}

/// The bytes in pieces of three, which cuts characters and events.
fn drip(mut planned: Planned, pause: Duration) -> Planned {
    let mut pieces = Vec::new();
    for piece in planned.pieces {
        let mut wait = piece.pause + pause;
        let mut rest = piece.bytes;
        while !rest.is_empty() {
            let bytes = rest.split_to(rest.len().min(3));
            pieces.push(Piece { pause: wait, bytes });
            wait = pause;
        }
    }
    planned.pieces = pieces;
    planned
}

/// Everything arrives, but more was announced: a transport sees a body that ended early.
fn wrong_length(mut planned: Planned) -> Planned {
    let length: usize = planned.pieces.iter().map(|piece| piece.bytes.len()).sum();
    let stated = HeaderValue::from(length + 100);
    planned.headers.insert(http::header::CONTENT_LENGTH, stated);
    planned.end = End::Broken("the body ended 100 bytes before its content-length");
    planned
}

fn half(bytes: &Bytes) -> Bytes {
    bytes.slice(..bytes.len() / 2)
}

fn error_body() -> Value {
    json!({
        "error": {
            "message": "The simulator failed while it answered, as configured.",
            "type": "server_error", "param": null, "code": null,
        }
    })
}

fn in_stream(fault: &Fault, mut planned: Planned) -> Planned {
    // At least the terminator is always lost: a fault that strikes must show.
    let kept = fault
        .after_events
        .min(planned.pieces.len().saturating_sub(1));
    let next = planned.pieces.get(kept).map(|piece| piece.bytes.clone());
    let next = next.unwrap_or_default();
    match fault.kind {
        FaultKind::Cut => {
            planned.pieces.truncate(kept);
            planned.pieces.push(now(half(&next)));
            planned.end = End::Broken("the connection was reset");
        }
        FaultKind::Stall => {
            planned.pieces.truncate(kept);
            planned.end = End::Stalled;
        }
        FaultKind::Malformed => {
            if let Some(piece) = planned.pieces.get_mut(kept) {
                piece.bytes = Bytes::from_static(
                    b"data: {\"id\": \"sim\", \"choices\": [{\"delta\": {\"con\n\n",
                );
            }
        }
        FaultKind::ErrorIn200 => {
            planned.pieces.truncate(kept);
            planned.pieces.push(now(event(&error_body())));
        }
        FaultKind::MissingTerminator => {
            let tells_end = |bytes: &Bytes| bytes == DONE || finishes(bytes);
            planned.pieces.retain(|piece| !tells_end(&piece.bytes));
        }
        FaultKind::DuplicateUsage => duplicate_usage(&mut planned),
        _ => {}
    }
    planned
}

fn read_event(bytes: &Bytes) -> Option<Value> {
    serde_json::from_slice(bytes.strip_prefix(b"data: ")?).ok()
}

fn finishes(bytes: &Bytes) -> bool {
    read_event(bytes)
        .and_then(|event| event.pointer("/choices/0/finish_reason").cloned())
        .is_some_and(|finish| !finish.is_null())
}

/// The chunk with usage twice; where none was asked for, on the last chunk and on one of its own.
fn duplicate_usage(planned: &mut Planned) {
    let Some(at) = planned.pieces.len().checked_sub(2) else {
        return;
    };
    let Some(mut event_with) = planned
        .pieces
        .get(at)
        .and_then(|piece| read_event(&piece.bytes))
    else {
        return;
    };
    if event_with.get("usage").is_none_or(Value::is_null) {
        let usage = json!({"prompt_tokens": 7, "completion_tokens": 7, "total_tokens": 14});
        set(&mut event_with, "usage", usage);
        if let Some(piece) = planned.pieces.get_mut(at) {
            piece.bytes = event(&event_with);
        }
    }
    set(&mut event_with, "choices", json!([]));
    planned.pieces.insert(at + 1, now(event(&event_with)));
}

fn in_whole(fault: &Fault, mut planned: Planned) -> Planned {
    let Some(piece) = planned.pieces.first_mut() else {
        return planned;
    };
    match fault.kind {
        FaultKind::Cut => {
            piece.bytes = half(&piece.bytes);
            planned.end = End::Broken("the connection was reset");
        }
        FaultKind::Stall => {
            piece.bytes = half(&piece.bytes);
            planned.end = End::Stalled;
        }
        FaultKind::Malformed => {
            piece.bytes = Bytes::from_static(b"{\"id\": \"sim\", \"choices\": [{\"mess");
        }
        FaultKind::ErrorIn200 => piece.bytes = error_body().to_string().into(),
        FaultKind::MissingTerminator => {
            piece.bytes.truncate(piece.bytes.len().saturating_sub(1));
        }
        FaultKind::DuplicateUsage => {
            let usage = serde_json::from_slice::<Value>(&piece.bytes)
                .ok()
                .and_then(|body| body.get("usage").cloned());
            if let Some(usage) = usage {
                piece.bytes.truncate(piece.bytes.len().saturating_sub(1));
                let mut text = piece.bytes.to_vec();
                text.extend_from_slice(format!(",\"usage\":{usage}}}").as_bytes());
                piece.bytes = text.into();
            }
        }
        _ => {}
    }
    planned
}
