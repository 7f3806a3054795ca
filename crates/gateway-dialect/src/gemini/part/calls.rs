//! Ids of calls: Gemini gives them only sometimes, and pairs results with calls by name and order.

/// Begins ids that stand in for missing ones. They are not written back.
pub(in super::super) const SYNTHETIC: &str = "gateway_call_";

/// The calls of a conversation that have no result yet.
#[derive(Debug, Default)]
pub(in super::super) struct Calls {
    /// Name and id.
    open: Vec<(String, String)>,
    made: u32,
    /// Replies keep a missing id missing.
    in_reply: bool,
}

impl Calls {
    /// For a request: every call gets an id.
    pub(in super::super) fn of_request() -> Self {
        Self::default()
    }

    /// For a reply: ids stay as they are.
    pub(in super::super) fn of_reply() -> Self {
        Self {
            in_reply: true,
            ..Self::default()
        }
    }

    /// The id of a call.
    pub(super) fn call(&mut self, id: Option<String>, name: &str) -> Option<String> {
        let id = id.filter(|id| !id.is_empty());
        if self.in_reply {
            return id;
        }
        let id = id.unwrap_or_else(|| {
            self.made = self.made.saturating_add(1);
            format!("{SYNTHETIC}{}", self.made)
        });
        self.open.push((name.to_owned(), id.clone()));
        Some(id)
    }

    /// The id of the call that a result belongs to: the first of its name without a result.
    pub(super) fn result(&mut self, id: Option<String>, name: &str) -> String {
        let place = match &id {
            Some(id) if !id.is_empty() => self.open.iter().position(|(_, known)| known == id),
            _ => self.open.iter().position(|(known, _)| known == name),
        };
        let known = place.map(|place| self.open.remove(place).1);
        id.filter(|id| !id.is_empty())
            .or(known)
            .unwrap_or_else(|| format!("{SYNTHETIC}{name}"))
    }
}
