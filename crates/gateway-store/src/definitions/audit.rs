//! The record of changes: rows chained by hashes.

use aws_lc_rs::digest;

use super::change::{Author, Change};
use super::document::Document;
use super::entity::{EntityKind, EntityRef, Revision};
use super::query::MAX_PAGE;

/// What was done to an entity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// It was created.
    Create,
    /// It was replaced.
    Replace,
    /// It was deleted.
    Delete,
}

impl Action {
    /// Every action.
    pub const ALL: [Self; 3] = [Self::Create, Self::Replace, Self::Delete];

    /// The name in rows.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Replace => "replace",
            Self::Delete => "delete",
        }
    }

    /// The action of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.as_str() == name)
    }

    pub(crate) const fn past(self) -> &'static str {
        match self {
            Self::Create => "created",
            Self::Replace => "changed",
            Self::Delete => "deleted",
        }
    }
}

/// One change of one entity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRow {
    /// Consecutive, from 1.
    pub number: u64,
    /// When, in milliseconds since 1970.
    pub at: u64,
    /// The revision that the change made.
    pub revision: Revision,
    /// Who.
    pub author: Author,
    /// What was done.
    pub action: Action,
    /// To which entity.
    pub entity: EntityRef,
    /// The workspace of the entity.
    pub workspace: String,
    /// The name of the entity after the change; before it, if it was deleted.
    pub name: String,
    /// The document before.
    pub before: Option<Document>,
    /// The document after.
    pub after: Option<Document>,
    /// Whether the credential was set, replaced or removed.
    pub sealed_changed: bool,
    /// The hash of the row before; zeros for the first.
    pub previous: [u8; 32],
    /// SHA-256 over everything above.
    pub hash: [u8; 32],
}

impl AuditRow {
    /// The hash that the row must have.
    pub fn expected_hash(&self) -> [u8; 32] {
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(b"gateway audit v1");
        context.update(&self.previous);
        for number in [self.number, self.at, self.revision.0] {
            context.update(&number.to_be_bytes());
        }
        context.update(&[u8::from(self.sealed_changed)]);
        let author = &self.author;
        let document =
            |document: &Option<Document>| document.as_ref().map(|text| text.as_str().to_owned());
        let texts = [
            author.actor.clone(),
            author.source.clone(),
            author.request_id.clone(),
            author.reason.clone(),
            Some(self.action.as_str().to_owned()),
            Some(self.entity.kind.to_string()),
            Some(self.entity.id.clone()),
            Some(self.workspace.clone()),
            Some(self.name.clone()),
            document(&self.before),
            document(&self.after),
        ];
        for text in texts {
            // Absent is another thing than empty, and a length in front keeps neighbours apart.
            let length = text.as_ref().map_or(u64::MAX, |text| text.len() as u64);
            context.update(&length.to_be_bytes());
            context.update(text.unwrap_or_default().as_bytes());
        }
        let mut hash = [0; 32];
        for (to, from) in hash.iter_mut().zip(context.finish().as_ref()) {
            *to = *from;
        }
        hash
    }

    /// The change in short.
    pub fn change(&self) -> Change {
        Change {
            revision: self.revision,
            action: self.action,
            entity: self.entity.clone(),
            name: self.name.clone(),
            actor: self.author.actor.clone(),
            at: self.at,
        }
    }
}

/// The first row at which a chain is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("audit row {number} was changed, or a row before it was removed")]
pub struct BrokenChain {
    /// The number of the row.
    pub number: u64,
}

/// Checks that rows, oldest first, follow each other unchanged. Rows before the first may have been trimmed.
///
/// # Errors
/// The first row that does not fit.
pub fn verify_chain<'a>(rows: impl IntoIterator<Item = &'a AuditRow>) -> Result<(), BrokenChain> {
    let mut last: Option<&AuditRow> = None;
    for row in rows {
        let follows = last.is_none_or(|last| {
            row.previous == last.hash && last.number.checked_add(1) == Some(row.number)
        });
        if !follows || row.hash != row.expected_hash() {
            return Err(BrokenChain { number: row.number });
        }
        last = Some(row);
    }
    Ok(())
}

/// Which audit rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditQuery {
    /// Only of this kind.
    pub kind: Option<EntityKind>,
    /// Only of the entity of this id.
    pub id: Option<String>,
    /// Only by this author.
    pub actor: Option<String>,
    /// Only from this time on, in milliseconds since 1970.
    pub from: Option<u64>,
    /// Only before this time.
    pub to: Option<u64>,
    /// Only rows with a smaller number: the last one of the page before.
    pub before: Option<u64>,
    /// How many at most: 1 to 1,000.
    pub limit: u32,
}

impl Default for AuditQuery {
    fn default() -> Self {
        Self {
            kind: None,
            id: None,
            actor: None,
            from: None,
            to: None,
            before: None,
            limit: 100,
        }
    }
}

impl AuditQuery {
    /// The limit within its bounds.
    pub fn bounded_limit(&self) -> u32 {
        self.limit.clamp(1, MAX_PAGE)
    }

    /// Whether it selects the row.
    pub fn selects(&self, row: &AuditRow) -> bool {
        let differs = |wanted: &Option<String>, found: Option<&str>| {
            wanted
                .as_deref()
                .is_some_and(|wanted| Some(wanted) != found)
        };
        self.kind
            .as_ref()
            .is_none_or(|kind| *kind == row.entity.kind)
            && !differs(&self.id, Some(&row.entity.id))
            && !differs(&self.actor, row.author.actor.as_deref())
            && self.from.is_none_or(|from| row.at >= from)
            && self.to.is_none_or(|to| row.at < to)
            && self.before.is_none_or(|before| row.number < before)
    }
}

/// Audit rows, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AuditPage {
    /// The rows.
    pub rows: Vec<AuditRow>,
    /// Whether there are older ones.
    pub more: bool,
}
