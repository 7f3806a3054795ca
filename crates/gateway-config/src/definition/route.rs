//! Routes and their rules.

use std::collections::BTreeMap;

use gateway_schema::Operation;
use serde_json::{Map, Value};

use super::tree::definition;
use crate::plan::{Strategy, Subject};

definition! {
    /// One name in front of several endpoints.
    pub struct RouteDefinition {
        /// The name clients use.
        name: String,
        /// What its endpoints do, as `llm/v1/chat`.
        #[serde(with = "super::words::task")]
        task_type: Operation,
        /// The endpoints behind it.
        destinations: Vec<DestinationDefinition>,
        ;
        /// How a destination is chosen; absent: by traffic.
        routing_strategy: Option<Strategy>,
        /// What stays with one destination.
        sticky: Option<StickyDefinition>,
        /// Looked at in order, before the strategy.
        rules: Vec<RuleDefinition>,
    }
}

definition! {
    /// An endpoint behind a route.
    pub struct DestinationDefinition {
        /// The name of the endpoint.
        name: String,
        ;
        /// Its share of the calls, 0 to 100.
        traffic_percentage: Option<u8>,
    }
}

definition! {
    /// What stays with one destination.
    pub struct StickyDefinition {
        /// The user, the key or a header.
        by: Subject,
        ;
    }
}

definition! {
    /// A destination chosen by what the request is.
    pub struct RuleDefinition {
        /// All of these must hold.
        when: ConditionDefinition,
        /// The endpoint that answers then.
        to: String,
        ;
    }
}

definition! {
    /// What must hold for a rule.
    #[derive(Default)]
    pub struct ConditionDefinition {
        ;
        /// Request headers and the values they must have.
        #[serde(deserialize_with = "super::words::texts")]
        header: BTreeMap<String, String>,
        /// Facts about the caller and the values they must have.
        #[serde(deserialize_with = "super::words::texts")]
        key: BTreeMap<String, String>,
        /// The estimated size of the prompt.
        prompt_tokens: Option<TokenRangeDefinition>,
        /// The text of the prompt.
        content: Option<ContentDefinition>,
        /// Request parameters and the values they must have.
        parameters: Map<String, Value>,
    }
}

definition! {
    /// A range of tokens.
    #[derive(Default)]
    pub struct TokenRangeDefinition {
        ;
        /// More than so many.
        over: Option<u64>,
        /// Fewer than so many.
        under: Option<u64>,
    }
}

definition! {
    /// A condition on the text of the prompt.
    pub struct ContentDefinition {
        /// A regular expression that is found somewhere in it.
        matches: String,
        ;
    }
}
