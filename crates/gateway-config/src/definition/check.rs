//! From definitions to a plan.

use super::Definitions;
use super::tree::Tree;
use crate::diagnostic::{PlanError, Problem, Problems, Strictness};
use crate::file::item::Item;
use crate::plan::context::Context;
use crate::plan::{self, Plan};
use crate::source::{Lookup, Providers};

/// A plan that may run.
#[derive(Debug, Clone, PartialEq)]
pub struct Checked {
    /// What runs.
    pub plan: Plan,
    /// What should be looked at, all of it warnings.
    pub warnings: Vec<Problem>,
}

impl Plan {
    /// Checks and completes definitions, by the rules of a configuration file. Pure: nothing is opened or started.
    ///
    /// `lookup` resolves references: variables, secrets, and the paths of files in settings that are no credentials.
    /// For definitions of untrusted origin, pass a lookup that finds no files.
    ///
    /// ```
    /// use gateway_config::{
    ///     Definitions, EndpointDefinition, FileText, Lookup, ModelDefinition, Plan, ProviderEntry,
    ///     Providers, SecretValue, Settings,
    /// };
    /// use gateway_schema::{Operation, OptionKind, OptionProblem, OptionSpec, Options, ProviderName, Secret};
    ///
    /// struct Vault;
    /// impl Lookup for Vault {
    ///     fn env(&self, _: &str) -> Option<String> {
    ///         None
    ///     }
    ///     fn file(&self, _: &str) -> FileText {
    ///         FileText::Absent
    ///     }
    ///     fn secret(&self, name: &str) -> Option<Secret> {
    ///         (name == "acme").then(|| Secret::new("sk-123".to_owned()))
    ///     }
    /// }
    ///
    /// struct Acme;
    /// const OPTIONS: &[OptionSpec] = &[OptionSpec::required("api_key", OptionKind::Secret, "The key.")];
    /// impl Providers for Acme {
    ///     fn entries(&self) -> Vec<ProviderEntry<'_>> {
    ///         vec![ProviderEntry { name: "acme", aliases: &[], options: OPTIONS }]
    ///     }
    ///     fn check(&self, _: &ProviderName, _: Option<&str>, _: Operation, _: &Options) -> Vec<OptionProblem> {
    ///         Vec::new()
    ///     }
    /// }
    ///
    /// let mut model = ModelDefinition::new("acme");
    /// model.config = Settings::default().with("api_key", SecretValue::stored("acme"));
    /// let mut definitions = Definitions::default();
    /// definitions.endpoints.push(EndpointDefinition::new("chat", Operation::Chat, model));
    ///
    /// let plan = Plan::check(&definitions, &Vault, &Acme)?.plan;
    /// assert_eq!(plan.endpoints[0].model.options.text("api_key"), Some("sk-123"));
    ///
    /// definitions.endpoints[0].fallback.push("missing".to_owned());
    /// let refused = Plan::check(&definitions, &Vault, &Acme).unwrap_err();
    /// assert_eq!(refused.problems()[0].path, "/endpoints/0/fallback/0");
    /// # Ok::<(), gateway_config::PlanError>(())
    /// ```
    ///
    /// # Errors
    /// Everything that is wrong, warnings included, when at least one problem refuses the plan.
    pub fn check(
        definitions: &Definitions,
        lookup: &dyn Lookup,
        providers: &dyn Providers,
    ) -> Result<Checked, PlanError> {
        let mut problems = Problems::new(Strictness::Lenient);
        let root = definitions.node();
        let mut context = Context::new(lookup, providers, &mut problems);
        let plan = plan::read(&Item::root(&root), &mut context);
        let refused = problems.has_errors();
        let problems = problems.into_report("").into_problems();
        if refused {
            return Err(PlanError::new(problems));
        }
        Ok(Checked {
            plan,
            warnings: problems,
        })
    }
}
