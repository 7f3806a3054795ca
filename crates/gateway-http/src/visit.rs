//! What is looked at before it is known who calls: whether a web page of somebody else's sent the request, and what the
//! caller presents.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use gateway_provider::Presented;
use http::{Method, Response, StatusCode, Uri};

use crate::body::EdgeBody;
use crate::browser::{Preflight, Verdict, Visit};
use crate::directory::{NoPlan, Snapshot};
use crate::headers;
use crate::query::without_credentials;
use crate::surface::Action;
use crate::task::Task;

impl Task {
    /// The answer to a preflight, or to a request that a page of another origin caused; `None` for all others.
    pub(crate) fn visit(
        &mut self,
        method: &Method,
        uri: &Uri,
        is_loopback: bool,
    ) -> Option<Response<EdgeBody>> {
        let plan: &dyn Snapshot = self.plan.as_deref().unwrap_or(&NoPlan);
        let policy = plan
            .browsers()
            .unwrap_or_else(|| Arc::clone(&self.shared.config.browsers));
        let is_read = matches!(*method, Method::GET | Method::HEAD);
        // There is nothing to do where there is no route.
        let is_harmless = self
            .entry
            .is_none_or(|entry| is_read && matches!(entry.route.action, Action::Tell(_)));
        let verdict = policy.judge(&Visit {
            method,
            uri,
            headers: &self.headers,
            guards_names: is_loopback && plan.lets_everybody_in(),
            is_harmless,
        });
        match verdict {
            Verdict::Ours => None,
            Verdict::Shown(origin) => {
                self.shown_to = Some(origin);
                None
            }
            Verdict::Preflight(preflight) => Some(self.preflight(preflight)),
            Verdict::Refused(error) => Some(self.error(&error)),
        }
    }

    /// What the caller presents, in a header or in the query.
    pub(crate) fn take_credential(&mut self) {
        self.presented = headers::take_credential(&mut self.headers).or_else(|| {
            let key = self.surface.credential_in_query(self.query.as_deref()?)?;
            Some(Arc::new(Presented::new("key", key)))
        });
        self.clean_query();
    }

    /// Takes credentials out of the query.
    pub(crate) fn clean_query(&mut self) {
        if let Some(query) = &self.query
            && let Cow::Owned(clean) = without_credentials(query, self.presented.as_deref())
        {
            self.query = Some(clean);
        }
    }

    fn preflight(&mut self, preflight: Preflight) -> Response<EdgeBody> {
        let mut response = Response::new(EdgeBody::full(Bytes::new()));
        *response.status_mut() = StatusCode::NO_CONTENT;
        response.headers_mut().extend(preflight.headers);
        self.access.quiet = true;
        self.seal(&mut response);
        self.access.end();
        response
    }
}
