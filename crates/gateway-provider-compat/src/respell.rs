//! The same-dialect lane: members that a vendor has under another name, or does not take at all, in the caller's own
//! bytes. Everything else stays byte for byte.

use std::ops::Range;

use gateway_json::{Edit, Envelope, Member};
use gateway_schema::Losses;

use crate::preset::Preset;

/// What is replaced for this vendor in `text`, in ascending order.
pub(crate) fn edits(
    preset: &Preset,
    text: &[u8],
    envelope: &Envelope,
    losses: &mut Losses,
) -> Vec<Edit> {
    let is = |at: &Range<usize>, word: &str| text.get(at.clone()) == Some(word.as_bytes());
    let mut edits = Vec::new();
    let mut kept_before: Option<usize> = None;
    for (index, Member { key, value }) in envelope.members().iter().enumerate() {
        let quirks = &preset.quirks;
        let idle = preset
            .idle
            .iter()
            .any(|(name, json)| is(key, name) && is(value, json));
        let unknown = !quirks.stream_options && is(key, "stream_options");
        let renamed = quirks.renamed.iter().find(|(ours, _)| is(key, ours));
        let twice = renamed.is_some_and(|(_, theirs)| envelope.find(text, theirs).is_some());
        if twice && let Some((ours, theirs)) = renamed {
            losses.dropped(*ours, format!("`{theirs}` says it already"));
        }
        if idle || unknown || twice {
            let next = envelope.members().get(index + 1);
            let next = next.map(|next| next.key.start);
            // With the comma after it; the last one with the comma before it.
            let at = match (next, kept_before) {
                (Some(next), _) => key.start.saturating_sub(1)..next.saturating_sub(1),
                (None, Some(before)) => before..value.end,
                (None, None) => key.start.saturating_sub(1)..value.end,
            };
            // Removed members just before the last one are part of what the last one removes.
            edits.retain(|edit: &Edit| edit.at.start < at.start);
            edits.push(Edit::new(at, ""));
            continue;
        }
        kept_before = Some(value.end);
        if let Some((_, theirs)) = renamed {
            edits.push(Edit::new(key.clone(), *theirs));
        }
    }
    edits
}

/// Two lists of edits as one, in ascending order. An insertion at a place comes before a replacement there.
pub(crate) fn merged(mut one: Vec<Edit>, other: Vec<Edit>) -> Vec<Edit> {
    one.extend(other);
    one.sort_by_key(|edit| (edit.at.start, edit.at.end));
    one
}
