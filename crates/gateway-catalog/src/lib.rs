//! Model facts and prices as data, and what a call costs.
//!
//! The bundled table (`data/model_prices.json`, source and licence beside it) is one model a line. It is indexed by one
//! pass on first use and a line is parsed only when somebody asks for its model, so that a process pays for the models
//! it serves and not for the thousands it does not.
//!
//! ```
//! use gateway_catalog::Catalog;
//! use gateway_schema::Usage;
//!
//! let catalog = Catalog::bundled();
//! let facts = catalog.find("openai", "gpt-4o").expect("a known model");
//! let price = facts.price.expect("a priced model");
//! // 1,000 input tokens at 2.50 and 100 output tokens at 10.00 dollars per million.
//! assert_eq!(price.cost(&Usage::new(1_000, 100)).to_string(), "0.003500000");
//! ```

mod catalog;
mod price;
mod raw;

#[cfg(test)]
mod tests;

pub use catalog::{Catalog, ModelFacts};
pub use price::{Price, Rates};
