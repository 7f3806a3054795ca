//! Small exchanges with the places that give credentials.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use gateway_provider::{SendLimits, Transport, collect};
use gateway_schema::{CallError, ErrorKind};
use http::{HeaderName, HeaderValue, Method, StatusCode, Uri};

use super::none;

/// The largest answer.
const MAX_ANSWER: usize = 256 * 1024;

/// An answer, its body as text.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) text: String,
}

/// Builds a request.
pub(super) fn request(
    method: Method,
    uri: &str,
    headers: &[(&'static str, &str)],
    body: Bytes,
) -> Result<http::Request<Bytes>, CallError> {
    let uri: Uri = uri
        .parse()
        .map_err(|_| none("The address of the AWS credentials is not valid."))?;
    let mut request = http::Request::new(body);
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    for (name, value) in headers {
        let mut value = HeaderValue::from_str(value)
            .map_err(|_| none("A token for AWS credentials cannot be sent in a header."))?;
        value.set_sensitive(true);
        request
            .headers_mut()
            .insert(HeaderName::from_static(name), value);
    }
    Ok(request)
}

/// Sends a request.
pub(super) async fn send(
    transport: &Arc<dyn Transport>,
    request: http::Request<Bytes>,
    connect: Duration,
) -> Result<Answer, CallError> {
    let limits = SendLimits::default().with_connect(connect);
    let response = transport
        .send(request, limits)
        .await
        .map_err(CallError::from)?;
    let (head, body) = response.into_parts();
    let bytes = collect(body, MAX_ANSWER).await?;
    Ok(Answer {
        status: head.status,
        text: String::from_utf8_lossy(&bytes).into_owned(),
    })
}

/// The place answered, but not with credentials.
pub(super) fn refused(place: &str, answer: &Answer) -> CallError {
    let kind = match answer.status.as_u16() {
        500.. => ErrorKind::Unavailable,
        _ => ErrorKind::Unauthenticated,
    };
    CallError::gateway(
        kind,
        format!(
            "{place} answered {} and gave no AWS credentials.",
            answer.status.as_u16()
        ),
    )
    .with_retry(gateway_schema::Retry::Elsewhere)
    .with_code("aws_credentials")
    .with_detail(answer.text.chars().take(500).collect::<String>())
}
