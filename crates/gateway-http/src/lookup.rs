//! What a request's plan says of a name, to the request's caller.

use std::sync::Arc;

use gateway_schema::{CallError, Operation};

use crate::directory::{EndpointInfo, NoPlan, View};
use crate::surface::unknown_name;
use crate::task::{Task, wrong_type};

impl Task {
    /// What this request's plan says to its caller.
    pub(crate) fn view(&self) -> View<'_> {
        let plan = self.plan.as_deref().unwrap_or(&NoPlan);
        View::new(&*self.shared.directory, plan, &self.sees)
    }

    /// The endpoint of this name, and with it what answers it. Looked up and permitted once for each request.
    pub(crate) fn find(
        &mut self,
        name: &str,
        operation: Option<Operation>,
    ) -> Result<Arc<EndpointInfo>, CallError> {
        // Before anything is said of the name: a caller does not learn what is not for it.
        if let Some(guard) = &self.guard {
            guard.permit(&self.principal, name)?;
        }
        let directory = self.view();
        let Some(entry) = directory.find(name) else {
            return Err(unknown_name(name, directory));
        };
        let endpoint = entry.info;
        self.target = entry.service;
        if operation.is_some_and(|wanted| !endpoint.answers(wanted)) {
            return Err(wrong_type(&endpoint, operation));
        }
        Ok(endpoint)
    }
}
