//! Which call a piece of a streamed call belongs to. Providers number calls, or name them, or do neither.

use gateway_schema::chat::StreamEvent;

/// What is known of one call.
#[derive(Debug, Default)]
struct Known {
    index: Option<u64>,
    id: Option<String>,
    /// Its beginning was passed on, name included.
    begun: bool,
    /// Arguments that came before the name.
    held: String,
}

/// A piece of a call, as it came.
#[derive(Debug, Default)]
pub(super) struct Piece {
    pub(super) index: Option<u64>,
    pub(super) id: Option<String>,
    pub(super) name: Option<String>,
    pub(super) arguments: String,
}

/// The calls of one answer, in order of appearance.
#[derive(Debug, Default)]
pub(super) struct Calls(Vec<Known>);

impl Calls {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes a piece; the number of its call, and the event it makes, if any.
    pub(super) fn take(&mut self, choice: u32, piece: Piece) -> Option<StreamEvent> {
        let position = self.position(&piece);
        let call = u32::try_from(position).unwrap_or(u32::MAX);
        let known = self.0.get_mut(position)?;
        if known.id.is_none() {
            known.id.clone_from(&piece.id);
        }
        if known.begun {
            return (!piece.arguments.is_empty()).then_some(StreamEvent::ToolArguments {
                choice,
                call,
                fragment: piece.arguments,
            });
        }
        known.held.push_str(&piece.arguments);
        let name = piece.name?;
        known.begun = true;
        Some(StreamEvent::ToolCall {
            choice,
            call,
            id: known.id.clone(),
            name,
            arguments: std::mem::take(&mut known.held),
        })
    }

    /// Calls whose name never came, so that at least their arguments arrive.
    pub(super) fn rest(&mut self, choice: u32) -> Vec<StreamEvent> {
        let mut events = Vec::new();
        for (known, call) in self.0.iter_mut().zip(0..) {
            if !std::mem::replace(&mut known.begun, true) {
                events.push(StreamEvent::ToolCall {
                    choice,
                    call,
                    id: known.id.clone(),
                    name: String::new(),
                    arguments: std::mem::take(&mut known.held),
                });
            }
        }
        events
    }

    fn position(&mut self, piece: &Piece) -> usize {
        let is_other = |known: &Known| {
            // Some servers give every call the number 0, and only the id tells them apart.
            piece.name.is_some()
                && matches!((&known.id, &piece.id), (Some(one), Some(other)) if one != other)
        };
        let found = match (piece.index, &piece.id) {
            (Some(index), _) => self
                .0
                .iter()
                .rposition(|known| known.index == Some(index) && !is_other(known)),
            (None, Some(id)) => self
                .0
                .iter()
                .rposition(|known| known.id.as_ref() == Some(id)),
            (None, None) if piece.name.is_none() => self.0.len().checked_sub(1),
            (None, None) => None,
        };
        found.unwrap_or_else(|| {
            self.0.push(Known {
                index: piece.index,
                id: piece.id.clone(),
                ..Known::default()
            });
            self.0.len() - 1
        })
    }
}
