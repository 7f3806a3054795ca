//! Who may reach a gateway that lets everybody in.

use std::net::IpAddr;

use gateway_core::config::Plan;

use crate::Failure;

/// How far the listener reaches, and what the user said about it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reach {
    /// Where it listens.
    pub(crate) address: IpAddr,
    /// `--allow-unauthenticated` was given.
    pub(crate) allowed: bool,
}

/// True when a caller needs no credential.
pub(crate) fn lets_everybody_in(plan: &Plan) -> bool {
    plan.auth.as_ref().is_none_or(|auth| auth.anonymous)
}

impl Reach {
    /// Refuses a plan that lets everybody in on a listener that other machines can reach, unless that was allowed.
    pub(crate) fn check(self, plan: &Plan) -> Result<(), Failure> {
        if self.allowed || self.address.is_loopback() || !lets_everybody_in(plan) {
            return Ok(());
        }
        Err(Failure::Refused(format!(
            "The configuration lets everybody in, and {} can be reached from other machines. Add an `auth` section, \
             listen at 127.0.0.1, or pass --allow-unauthenticated.",
            self.address
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(address: &str, allowed: bool) -> bool {
        let address = address.parse().unwrap();
        Reach { address, allowed }.check(&Plan::default()).is_ok()
    }

    #[test]
    fn an_open_gateway_stays_on_this_machine_unless_allowed() {
        assert!(check("127.0.0.1", false));
        assert!(check("127.9.9.9", false));
        assert!(check("::1", false));
        assert!(!check("0.0.0.0", false));
        assert!(!check("::", false));
        assert!(!check("10.0.0.7", false));
        assert!(check("0.0.0.0", true));
    }
}
