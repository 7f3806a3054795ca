//! From stored entities to a plan.

use std::collections::{BTreeMap, BTreeSet};

use gateway_catalog::Catalog;
use gateway_config::{
    Definitions, DestinationDefinition, EndpointDefinition, ModelDefinition, Plan, PlanError,
    Problem, ProviderEntry, Providers, RouteDefinition, Severity,
};
use gateway_schema::Operation;
use gateway_secrets::KeyRing;
use gateway_store::definitions::{EntityKind, Revision};

use crate::AdminError;
use crate::settings;
use crate::snapshot::Snapshot;
use crate::spec::{self, EndpointSpec, Linkage, Mapping, ModelSpec, SecretSpec};
use crate::vault::Vault;

/// A plan of everything in a snapshot that can run.
#[derive(Debug, Clone)]
pub(crate) struct Assembly {
    /// The revision that it is of.
    pub(crate) revision: Revision,
    /// What runs.
    pub(crate) plan: Plan,
    /// The endpoints that were left out, by name, with everything that is wrong with them.
    pub(crate) broken: BTreeMap<String, Vec<Problem>>,
}

/// Builds the plan of `snapshot` on top of `base`, what a file defines. An endpoint that cannot run is left out.
///
/// # Errors
/// A stored row cannot be read, or what is wrong is not the fault of one endpoint.
pub(crate) fn assemble(
    snapshot: &Snapshot,
    base: &Definitions,
    ring: &KeyRing,
    providers: &dyn Providers,
) -> Result<Assembly, AdminError> {
    let vault = Vault::open(snapshot, ring);
    let builder = Builder::new(snapshot, &vault, providers)?;
    let mut broken: BTreeMap<String, Vec<Problem>> = BTreeMap::new();
    loop {
        let definitions = builder.definitions(base, &broken)?;
        match Plan::check(&definitions, &vault, providers) {
            Ok(checked) => {
                return Ok(Assembly {
                    revision: snapshot.revision,
                    plan: checked.plan,
                    broken,
                });
            }
            Err(error) => {
                let before = broken.len();
                blame(&definitions, base, &error, &mut broken);
                if broken.len() == before {
                    return Err(AdminError::Problems(error.problems().to_vec()));
                }
            }
        }
    }
}

/// Adds the endpoints that problems are about to `broken`.
fn blame(
    definitions: &Definitions,
    base: &Definitions,
    error: &PlanError,
    broken: &mut BTreeMap<String, Vec<Problem>>,
) {
    for problem in error
        .problems()
        .iter()
        .filter(|problem| problem.severity == Severity::Error)
    {
        let mut steps = problem.path.split('/').skip(1);
        let (section, index) = (steps.next(), steps.next().and_then(|it| it.parse().ok()));
        let (Some(section), Some(index)) = (section, index) else {
            continue;
        };
        let index: usize = index;
        let name = match section {
            "endpoints" if index >= base.endpoints.len() => definitions
                .endpoints
                .get(index)
                .map(|endpoint| endpoint.name.as_str()),
            "routes" if index >= base.routes.len() => definitions
                .routes
                .get(index)
                .map(|route| route.name.as_str()),
            _ => None,
        };
        if let Some(name) = name {
            let name = owner(name).to_owned();
            broken.entry(name).or_default().push(problem.clone());
        }
    }
}

/// Between the name of an endpoint and the id of the mapping that a part of it stands for.
const PART: &str = ".m-";

/// The endpoint that a part is of.
fn owner(name: &str) -> &str {
    name.rsplit_once(PART).map_or(name, |(owner, _)| owner)
}

struct Builder<'a> {
    endpoints: Vec<(&'a str, EndpointSpec)>,
    models: BTreeMap<&'a str, ModelSpec>,
    secrets: BTreeMap<&'a str, SecretSpec>,
    vault: &'a Vault,
    entries: Vec<ProviderEntry<'a>>,
}

impl<'a> Builder<'a> {
    fn new(
        snapshot: &'a Snapshot,
        vault: &'a Vault,
        providers: &'a dyn Providers,
    ) -> Result<Self, AdminError> {
        let mut builder = Self {
            endpoints: Vec::new(),
            models: BTreeMap::new(),
            secrets: BTreeMap::new(),
            vault,
            entries: providers.entries(),
        };
        for entity in snapshot.of(EntityKind::ENDPOINT) {
            builder.endpoints.push((&entity.name, spec::read(entity)?));
        }
        for entity in snapshot.of(EntityKind::MODEL_DEFINITION) {
            builder.models.insert(&entity.id, spec::read(entity)?);
        }
        for entity in snapshot.of(EntityKind::SECRET) {
            builder.secrets.insert(&entity.id, spec::read(entity)?);
        }
        Ok(builder)
    }

    fn definitions(
        &self,
        base: &Definitions,
        broken: &BTreeMap<String, Vec<Problem>>,
    ) -> Result<Definitions, AdminError> {
        let mut all = base.clone();
        let taken: BTreeSet<String> = base
            .endpoints
            .iter()
            .map(|endpoint| endpoint.name.clone())
            .chain(base.routes.iter().map(|route| route.name.clone()))
            .collect();
        for (name, spec) in &self.endpoints {
            if !broken.contains_key(*name) && !taken.contains(*name) {
                self.endpoint(name, spec, &mut all)?;
            }
        }
        Ok(all)
    }

    /// One endpoint: itself where one model serves it, otherwise one part a model and a route in front of them.
    fn endpoint(
        &self,
        name: &str,
        spec: &EndpointSpec,
        all: &mut Definitions,
    ) -> Result<(), AdminError> {
        let primaries: Vec<&Mapping> = of(spec, Linkage::Primary);
        let fallbacks = Self::fallbacks(spec);
        let targets: Vec<String> = fallbacks
            .iter()
            .map(|mapping| part(name, mapping))
            .collect();
        for mapping in &fallbacks {
            let endpoint = self.target(&part(name, mapping), mapping, spec, &[])?;
            all.endpoints.extend(endpoint);
        }
        match primaries.as_slice() {
            [] => {}
            [only] => all
                .endpoints
                .extend(self.target(name, only, spec, &targets)?),
            several => {
                let mut parts = Vec::new();
                for mapping in several {
                    parts.extend(self.target(&part(name, mapping), mapping, spec, &targets)?);
                }
                if let Some(first) = parts.first() {
                    let route = route(name, first.endpoint_type, several);
                    all.routes.push(route);
                }
                all.endpoints.extend(parts);
            }
        }
        Ok(())
    }

    /// The models that are tried when the primary ones fail: none unless the endpoint says that there is a fallback.
    fn fallbacks(spec: &EndpointSpec) -> Vec<&Mapping> {
        let Some(config) = &spec.fallback_config else {
            return Vec::new();
        };
        let mut fallbacks = of(spec, Linkage::Fallback);
        fallbacks.sort_by_key(|mapping| mapping.fallback_order.unwrap_or(i64::MAX));
        if let Some(most) = config.max_attempts {
            fallbacks.truncate(usize::try_from(most).unwrap_or(usize::MAX));
        }
        fallbacks
    }

    /// What the model of one mapping is asked through; `None` when the model was deleted.
    fn target(
        &self,
        name: &str,
        mapping: &Mapping,
        spec: &EndpointSpec,
        fallback: &[String],
    ) -> Result<Option<EndpointDefinition>, AdminError> {
        let Some(model) = self.models.get(mapping.model_definition_id.as_str()) else {
            return Ok(None);
        };
        let secret = model
            .secret_id
            .as_deref()
            .and_then(|id| Some((id, self.secrets.get(id)?)));
        let mut definition = ModelDefinition::new(model.provider.as_str());
        definition.name = Some(model.model_name.clone());
        if let Some(entry) = self.entry(&model.provider) {
            definition.config = settings::of(entry, model, secret, self.vault);
        }
        let operation = operation(&model.provider, &model.model_name);
        let mut endpoint = extended(&spec.settings, name, operation, definition)?;
        endpoint.fallback = fallback.to_vec();
        Ok(Some(endpoint))
    }

    fn entry(&self, provider: &str) -> Option<&ProviderEntry<'a>> {
        let wanted = folded(provider);
        self.entries.iter().find(|entry| {
            std::iter::once(&entry.name)
                .chain(entry.aliases)
                .any(|name| folded(name) == wanted)
        })
    }
}

/// The endpoint with the further keys that are stored for it.
fn extended(
    settings: &serde_json::Map<String, serde_json::Value>,
    name: &str,
    operation: Operation,
    model: ModelDefinition,
) -> Result<EndpointDefinition, AdminError> {
    let bare = EndpointDefinition::new(name, operation, model);
    if settings.is_empty() {
        return Ok(bare);
    }
    let mut text = spec::write(&EndpointDefinition::new(
        name,
        operation,
        ModelDefinition::new(""),
    ))?;
    if let Some(object) = text.as_object_mut() {
        object.extend(settings.clone());
    }
    let mut endpoint: EndpointDefinition = serde_json::from_value(text)
        .map_err(|error| AdminError::Internal(format!("endpoint '{name}': {error}")))?;
    // The model holds references that a trip through JSON would mask.
    endpoint.model = bare.model;
    Ok(endpoint)
}

fn folded(name: &str) -> String {
    name.to_ascii_lowercase().replace('_', "-")
}

fn of(spec: &EndpointSpec, linkage: Linkage) -> Vec<&Mapping> {
    spec.mappings
        .iter()
        .filter(|mapping| mapping.linkage_type == linkage)
        .collect()
}

fn part(name: &str, mapping: &Mapping) -> String {
    format!("{name}.{}", mapping.id)
}

fn route(name: &str, operation: Operation, mappings: &[&Mapping]) -> RouteDefinition {
    let shares = shares(mappings.iter().map(|mapping| mapping.weight).collect());
    let destinations: Vec<DestinationDefinition> = mappings
        .iter()
        .zip(shares)
        .map(|(mapping, share)| {
            let mut destination = DestinationDefinition::new(part(name, mapping));
            destination.traffic_percentage = Some(share);
            destination
        })
        .collect();
    RouteDefinition::new(name, operation, destinations)
}

/// Weights as whole percentages that add up to 100: the largest remainders are rounded up. Without any weight all are
/// equal.
fn shares(mut weights: Vec<f64>) -> Vec<u8> {
    for weight in &mut weights {
        if !weight.is_finite() || *weight < 0.0 {
            *weight = 0.0;
        }
    }
    let mut total: f64 = weights.iter().sum();
    if total <= 0.0 {
        weights.fill(1.0);
        total = weights.iter().sum();
    }
    let exact: Vec<f64> = weights
        .iter()
        .map(|weight| weight / total * 100.0)
        .collect();
    let mut shares: Vec<u8> = exact.iter().map(|share| whole(share.floor())).collect();
    let mut order: Vec<usize> = (0..exact.len()).collect();
    order.sort_by(|a, b| remainder(&exact, *b).total_cmp(&remainder(&exact, *a)));
    let missing = 100_usize.saturating_sub(shares.iter().map(|share| usize::from(*share)).sum());
    for index in order.into_iter().take(missing) {
        if let Some(share) = shares.get_mut(index) {
            *share = share.saturating_add(1);
        }
    }
    shares
}

fn remainder(exact: &[f64], index: usize) -> f64 {
    exact.get(index).map_or(0.0, |share| share.fract())
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to the range of the type"
)]
fn whole(share: f64) -> u8 {
    share.clamp(0.0, 100.0) as u8
}

/// What a model does, by the catalog; by its name where the catalog does not know it.
fn operation(provider: &str, model: &str) -> Operation {
    let provider = folded(provider);
    let facts = Catalog::bundled()
        .find(&provider, model)
        .or_else(|| Catalog::bundled().find(&provider.replace('-', "_"), model));
    match facts.and_then(|facts| facts.mode).as_deref() {
        Some("embedding") => Operation::Embedding,
        Some("rerank") => Operation::Rerank,
        None if model.to_ascii_lowercase().contains("embed") => Operation::Embedding,
        Some(_) | None => Operation::Chat,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_whole_and_add_up() {
        assert_eq!(shares(vec![1.0, 1.0, 1.0]), [34, 33, 33]);
        assert_eq!(shares(vec![0.0, 1.0]), [0, 100]);
        assert_eq!(shares(vec![0.0, 0.0]), [50, 50]);
        assert_eq!(shares(vec![f64::NAN, 3.0, 1.0]), [0, 75, 25]);
        assert_eq!(shares(vec![80.0, 20.0]), [80, 20]);
    }

    #[test]
    fn a_part_names_its_owner() {
        assert_eq!(owner("chat.v2.m-0123"), "chat.v2");
        assert_eq!(owner("chat"), "chat");
    }
}
