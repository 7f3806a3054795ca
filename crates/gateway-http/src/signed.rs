//! Requests whose credential is a signature over them: who calls is known only when the body is there.

use std::sync::Arc;

use bytes::Bytes;
use gateway_provider::{Admission, Presented};
use gateway_schema::{CallError, ErrorKind};
use http::header::HOST;
use http::uri::Authority;
use http::{HeaderValue, Method, Request, Uri};

use crate::headers;
use crate::read;
use crate::surface::Answer;
use crate::task::{Begun, Task};

impl Task {
    /// Keeps the head as it came, and waits for the body. Nothing of the directory is looked at before.
    pub(crate) fn await_body(mut self: Box<Self>, method: Method, uri: &Uri) -> Begun {
        if let Err(error) = read::check_announced(&self.headers, self.bounds.max_bytes as u64) {
            return Begun::Respond(self.error(&error));
        }
        let mut head = Request::new(());
        *head.method_mut() = method;
        head.uri_mut().clone_from(uri);
        head.headers_mut().clone_from(&self.headers);
        // HTTP/2 has it elsewhere.
        let authority = uri.authority().map(Authority::as_str);
        if !self.headers.contains_key(HOST)
            && let Some(host) = authority.and_then(|host| HeaderValue::from_str(host).ok())
        {
            head.headers_mut().insert(HOST, host);
        }
        headers::take_credential(&mut self.headers);
        self.clean_query();
        self.signed = Some(Box::new(head.into_parts().0));
        Begun::Read(self)
    }

    /// Finds out who signed, and says then what can be said of the head. A request that is not signed passes.
    pub(crate) fn check_signature(&mut self, body: &Bytes) -> Result<Option<Answer>, CallError> {
        let (Some(head), Some(guard)) = (self.signed.take(), self.guard.clone()) else {
            return Ok(None);
        };
        let presented = Presented::new("authorization", "signature")
            .over(Request::from_parts(*head, body.clone()));
        match guard.authenticate(Some(&Arc::new(presented))) {
            Admission::Ready(outcome) => self.let_in(outcome?),
            // Key pairs are known or not: nothing is fetched for them.
            Admission::Waiting(_) => {
                return Err(CallError::gateway(
                    ErrorKind::Unavailable,
                    "Signatures cannot be checked at the moment.",
                ));
            }
        }
        self.look_at_head()
    }
}
