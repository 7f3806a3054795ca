//! Requests whose credential is a signature over them: who calls is known from the head where it states the digest of the
//! body, else when the body is there.

use std::sync::Arc;

use bytes::Bytes;
use gateway_provider::{Admission, Presented, Principal, SignedHead};
use gateway_schema::{CallError, ErrorKind};
use gateway_sigv4::BodyDigest;
use http::header::HOST;
use http::uri::Authority;
use http::{HeaderValue, Method, Request, Uri};

use crate::headers;
use crate::read;
use crate::surface::Answer;
use crate::task::{Begun, Task};

impl Task {
    /// Finds out who signed, or keeps the head as it came and waits for the body. Nothing of the directory is looked at
    /// before.
    pub(crate) fn admit_signed(mut self: Box<Self>, method: Method, uri: &Uri) -> Begun {
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
        let (head, ()) = head.into_parts();
        let Some(looked) = self
            .guard
            .as_ref()
            .map(|guard| guard.authenticate_head(&head))
        else {
            return self.admitted(Ok(Principal::default()));
        };
        match looked {
            Ok(SignedHead::Verified(principal, digest)) => {
                self.digest = Some(Box::new(BodyDigest::new(digest)));
                self.admitted(Ok(principal))
            }
            Ok(SignedHead::NeedsBody) => {
                self.signed = Some(Box::new(head));
                Begun::Read(self)
            }
            Err(error) => Begun::Respond(self.error(&error)),
        }
    }

    /// The next bytes of the body.
    pub(crate) fn digest_piece(&mut self, bytes: &[u8]) {
        if let Some(digest) = &mut self.digest {
            digest.update(bytes);
        }
    }

    /// Finds out who signed, and says then what can be said of the head. A request that is not signed passes.
    ///
    /// # Errors
    /// Nobody did, or the body is not the one that was signed.
    pub(crate) fn check_signature(&mut self, body: &Bytes) -> Result<Option<Answer>, CallError> {
        if self.digest.take().is_some_and(|digest| !digest.is_met()) {
            return Err(another_body());
        }
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

/// The body does not have the digest that was signed. AWS's status and name for it.
fn another_body() -> CallError {
    CallError::client(
        ErrorKind::Unauthenticated,
        "The request's body does not have the digest that its head states (x-amz-content-sha256).",
    )
    .with_status(403)
    .with_code("InvalidSignatureException")
}
