//! Lists in pages.

use serde_json::json;

use super::entity::{Entity, EntityKind, Revision};
use crate::StoreError;

/// The most entities or rows of one page.
pub const MAX_PAGE: u32 = 1000;

/// The order of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// By name, byte by byte; then by id.
    #[default]
    Name,
    /// The newest first; then by id, backwards.
    Newest,
}

/// Selects by a string member at the top of the document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldFilter {
    name: String,
    value: String,
}

impl FieldFilter {
    /// Documents whose member `name` is the string `value`. `None` unless the name is 1 to 64 lower-case letters, digits
    /// and `_`.
    pub fn new(name: &str, value: impl Into<String>) -> Option<Self> {
        let letters = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        let good = (1..=64).contains(&name.len()) && name.bytes().all(letters);
        good.then(|| Self {
            name: name.to_owned(),
            value: value.into(),
        })
    }

    /// The member.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its value.
    pub fn value(&self) -> &str {
        &self.value
    }

    /// Whether it selects the entity.
    pub fn selects(&self, entity: &Entity) -> bool {
        let document = entity.document.to_value().unwrap_or_default();
        document.get(&self.name).and_then(|value| value.as_str()) == Some(&self.value)
    }
}

/// Where a page ends: the position behind its last entity, opaque to callers. It stays valid while entities come and go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// The order it belongs to.
    order: Order,
    /// The time of creation of the last entity.
    created_at: u64,
    /// The name of the last entity.
    name: String,
    /// Its id.
    id: String,
}

impl Cursor {
    /// The position behind an entity.
    pub fn behind(order: Order, entity: &Entity) -> Self {
        Self {
            order,
            created_at: entity.created_at,
            name: entity.name.clone(),
            id: entity.id.clone(),
        }
    }

    /// The position before everything.
    pub fn start(order: Order) -> Self {
        Self {
            order,
            created_at: i64::MAX.cast_unsigned(),
            name: String::new(),
            id: String::new(),
        }
    }

    /// The time of creation of the last entity.
    pub const fn created_at(&self) -> u64 {
        self.created_at
    }

    /// The name of the last entity.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The id of the last entity.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Whether the entity comes after it.
    pub fn precedes(&self, entity: &Entity) -> bool {
        match self.order {
            Order::Name => (self.name.as_str(), self.id.as_str()) < (&entity.name, &entity.id),
            Order::Newest => {
                (self.created_at, self.id.as_str()) > (entity.created_at, entity.id.as_str())
            }
        }
    }

    /// The text for callers: hexadecimal digits.
    pub fn to_text(&self) -> String {
        let order = u8::from(self.order == Order::Newest);
        let text = json!([order, self.created_at, self.name, self.id]).to_string();
        let digit = |half: u8| char::from_digit(u32::from(half), 16).unwrap_or('0');
        text.bytes()
            .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
            .collect()
    }

    /// Reads what [`Self::to_text`] wrote, for the same order.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] for any other text.
    pub fn from_text(order: Order, text: &str) -> Result<Self, StoreError> {
        let read = || {
            if text.len() > 8192 || !text.is_ascii() || !text.len().is_multiple_of(2) {
                return None;
            }
            let digits = (0..text.len()).step_by(2).map(|at| text.get(at..at + 2));
            let bytes = digits
                .map(|pair| u8::from_str_radix(pair?, 16).ok())
                .collect::<Option<Vec<u8>>>()?;
            let (newest, created_at, name, id): (u8, u64, String, String) =
                serde_json::from_slice(&bytes).ok()?;
            let fits = newest == u8::from(order == Order::Newest)
                && i64::try_from(created_at).is_ok()
                && !name.contains('\0')
                && !id.contains('\0');
            fits.then_some(Self {
                order,
                created_at,
                name,
                id,
            })
        };
        read().ok_or_else(|| StoreError::Invalid {
            field: "cursor",
            found: text.chars().take(40).collect(),
            allowed: "the `next` of a page of the same list",
        })
    }
}

/// Which entities, in which order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct List {
    /// Of this kind.
    pub kind: EntityKind,
    /// Only of this workspace.
    pub workspace: Option<String>,
    /// Only with this text in the name; letters A to Z match in both cases.
    pub contains: Option<String>,
    /// Only with this member in the document.
    pub field: Option<FieldFilter>,
    /// The order.
    pub order: Order,
    /// Behind this position.
    pub after: Option<Cursor>,
    /// How many at most: 1 to [`MAX_PAGE`].
    pub limit: u32,
}

impl List {
    /// The first 100 entities of a kind by name.
    pub const fn of(kind: EntityKind) -> Self {
        Self {
            kind,
            workspace: None,
            contains: None,
            field: None,
            order: Order::Name,
            after: None,
            limit: 100,
        }
    }

    /// The limit within its bounds.
    pub fn bounded_limit(&self) -> u32 {
        self.limit.clamp(1, MAX_PAGE)
    }

    /// Whether it selects the entity, wherever that stands.
    pub fn selects(&self, entity: &Entity) -> bool {
        let in_name = |text: &String| {
            let name = entity.name.to_ascii_lowercase();
            name.contains(&text.to_ascii_lowercase())
        };
        self.kind == entity.kind
            && self
                .workspace
                .as_ref()
                .is_none_or(|workspace| *workspace == entity.workspace)
            && self.contains.as_ref().is_none_or(in_name)
            && self
                .field
                .as_ref()
                .is_none_or(|field| field.selects(entity))
    }

    /// Makes a page of entities in order, of which there is one more than the limit if there are more.
    pub fn page(&self, mut entities: Vec<Entity>, revision: Revision) -> Page {
        let limit = self.bounded_limit() as usize;
        let more = entities.len() > limit;
        entities.truncate(limit);
        let next = entities.last().filter(|_| more);
        Page {
            next: next.map(|last| Cursor::behind(self.order, last)),
            entities,
            revision,
        }
    }
}

/// Some entities of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The entities.
    pub entities: Vec<Entity>,
    /// Where the next page begins; `None` if this is the last.
    pub next: Option<Cursor>,
    /// The revision at which the page was read.
    pub revision: Revision,
}
