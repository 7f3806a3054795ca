//! What a configuration may say and this version does not do. A plan with any of it is refused: a setting that is
//! accepted and ignored would be a lie.

use gateway_config::Plan;

use crate::running::BuildError;

/// Everything in `plan` that would be ignored.
pub(crate) fn find(plan: &Plan, measures_memory: bool) -> Vec<BuildError> {
    let mut found = Vec::new();
    let mut refuse = |setting: String, instead: &'static str| {
        found.push(BuildError::NotInThisVersion { setting, instead });
    };
    if plan.server.max_memory.is_some() && !measures_memory {
        // The system does not tell, or the embedder did not ask it.
        refuse(
            "server: max_memory (nobody measures this process's memory)".to_owned(),
            "`max_in_flight`",
        );
    }
    found
}
