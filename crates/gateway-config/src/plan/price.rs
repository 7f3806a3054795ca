//! `price`: what a model costs where the catalog's price does not hold.

use gateway_schema::Usd;
use serde::{Serialize, Serializer, ser::SerializeMap};

use crate::file::item::Item;
use crate::file::shape::{Key, Section, Shape};

/// Dollars per million tokens, beyond any price there is.
const MOST: f64 = 1_000_000.0;

pub(crate) static SECTION: Section = Section::new(
    "a price",
    &[
        Key::required(
            "input",
            Shape::Number(0.0, MOST),
            "US dollars per million input tokens.",
        ),
        Key::required(
            "output",
            Shape::Number(0.0, MOST),
            "US dollars per million output tokens.",
        ),
        Key::optional(
            "cached_input",
            Shape::Number(0.0, MOST),
            "US dollars per million input tokens read from the provider's cache. Default: that of `input`.",
        ),
        Key::optional(
            "cache_write",
            Shape::Number(0.0, MOST),
            "US dollars per million input tokens written to the provider's cache. Default: that of `input`.",
        ),
        Key::optional(
            "searches",
            Shape::Number(0.0, MOST),
            "US dollars per thousand searches, which rankers are paid by. Default: 0.",
        ),
    ],
);

/// What a model costs, per million tokens and per thousand searches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Price {
    /// Input tokens.
    pub input: Usd,
    /// Output tokens.
    pub output: Usd,
    /// Input tokens read from the provider's cache.
    pub cached_input: Usd,
    /// Input tokens written to the provider's cache.
    pub cache_write: Usd,
    /// A thousand searches of a ranker.
    pub searches: Usd,
}

impl Serialize for Price {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let dollars = |price: Usd| price.nanos() as f64 / 1e9;
        let ranks = self.searches != Usd::ZERO;
        let mut map = serializer.serialize_map(Some(4 + usize::from(ranks)))?;
        map.serialize_entry("input", &dollars(self.input))?;
        map.serialize_entry("output", &dollars(self.output))?;
        map.serialize_entry("cached_input", &dollars(self.cached_input))?;
        map.serialize_entry("cache_write", &dollars(self.cache_write))?;
        if ranks {
            map.serialize_entry("searches", &dollars(self.searches))?;
        }
        map.end()
    }
}

pub(crate) fn read(item: &Item<'_>) -> Price {
    let at = |key| item.number_at(key).map(usd);
    let input = at("input").unwrap_or_default();
    Price {
        input,
        output: at("output").unwrap_or_default(),
        cached_input: at("cached_input").unwrap_or(input),
        cache_write: at("cache_write").unwrap_or(input),
        searches: at("searches").unwrap_or_default(),
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "at most 1e15 nano-dollars, checked by the table of keys"
)]
fn usd(dollars: f64) -> Usd {
    Usd::from_nanos((dollars.clamp(0.0, MOST) * 1e9).round() as i64)
}
