//! Every path and method of a provider's own API: `/gateway/proxy/{endpoint}/{path}`. What follows the endpoint's name is
//! passed on as it is, with the provider's credential in place of the caller's, and the answer is passed back as it is.
//! Errors of the gateway's own are worded as MLflow's are.

use http::Method;

use super::{Action, Passing, Route, Surface, parameter};

pub(super) struct Passthrough;

const fn pass(method: Method) -> Route {
    Route {
        method,
        path: "/{name}/{*rest}",
        when: None,
        open: false,
        action: Action::Pass(Passing::Api),
    }
}

/// Not here: CONNECT, which asks for a tunnel, and TRACE, which would show the provider's credential.
static ROUTES: &[Route] = &[
    pass(Method::GET),
    pass(Method::HEAD),
    pass(Method::POST),
    pass(Method::PUT),
    pass(Method::PATCH),
    pass(Method::DELETE),
    pass(Method::OPTIONS),
];

impl Surface for Passthrough {
    fn name(&self) -> &'static str {
        "passthrough"
    }

    fn bases(&self) -> &'static [&'static str] {
        &["/gateway/proxy"]
    }

    fn routes(&self) -> &'static [Route] {
        ROUTES
    }

    fn credential_in_query(&self, query: &str) -> Option<String> {
        parameter(query, "key")
            .map(|key| key.trim().to_owned())
            .filter(|key| !key.is_empty())
    }
}
