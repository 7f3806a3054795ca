//! Vendors that speak OpenAI's wire: one row of data each.
//!
//! A row says where the vendor's API is, how it is told who asks, what it can be asked, which fields it names
//! otherwise or refuses, and what else it does differently. Adding a vendor is adding a row; the conformance tests run over
//! all rows. Requests of this dialect are forwarded as they are, but for the model, absent defaults, and fields that
//! the vendor has under another name; requests of other dialects are translated.
//!
//! What is not here: vendors with a wire of their own, and anything but chat, completions, vectors and ranking.
//!
//! ```
//! use gateway_provider::Registry;
//! use gateway_provider_compat::factories;
//!
//! let registry = Registry::new().with_all(factories());
//! assert_eq!(registry.find("hf").unwrap().display_name, "Hugging Face");
//! ```

mod adjust;
mod build;
mod call_ids;
mod options;
mod preset;
mod presets;
mod respell;
mod stream;
mod wire;
mod workspace;

#[cfg(test)]
mod tests;

use gateway_provider::Factory;

/// The factories of all rows, in the order of the table.
pub fn factories() -> impl Iterator<Item = Factory> {
    presets::all().map(presets::Row::factory)
}
