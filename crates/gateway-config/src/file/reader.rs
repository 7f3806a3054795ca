//! Text to tree.
//!
//! YAML 1.2 with the core schema, one document. Merge keys (`<<`) are honoured as PyYAML does: keys that stand in
//! the map win over merged ones, earlier merges over later ones. A duplicate key is a warning, and the last one
//! counts, as with PyYAML. Aliases are copied within a budget, so that a small text cannot become a large tree.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Tag};

use super::padding::Padding;
use super::{Entry, Node, Place, Scalar, Value};
use crate::diagnostic::{Diagnostic, Kind, Problems};

/// Nodes that aliases may add to the tree. A long text counts as several.
const ALIAS_BUDGET: usize = 50_000;
/// Levels of nesting.
const DEPTH: usize = 64;

/// Reads a text. `None` means that it is not one YAML document, which has been reported.
pub(crate) fn read(text: &str, problems: &mut Problems) -> Option<Node> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut padding = Padding::default();
    let mut first = None;
    loop {
        let before = problems.mark();
        match attempt(&padding.apply(text), &padding, problems) {
            Ok(root) => return Some(root),
            Err(Failure::Scan(error)) => {
                let told = first
                    .get_or_insert_with(|| syntax(padding.place(*error.marker()), error.info()));
                if padding.widen(&error, text) {
                    problems.reset(before);
                } else {
                    problems.push((**told).clone());
                    return None;
                }
            }
            Err(Failure::Told(diagnostic)) => {
                problems.push(*diagnostic);
                return None;
            }
        }
    }
}

/// Why a text could not be read.
enum Failure {
    Scan(ScanError),
    Told(Box<Diagnostic>),
}

fn attempt(text: &str, padding: &Padding, problems: &mut Problems) -> Result<Node, Failure> {
    let mut builder = Builder {
        problems,
        open: Vec::new(),
        anchors: HashMap::new(),
        budget: ALIAS_BUDGET,
        root: None,
    };
    let mut parser = Parser::new_from_str(text);
    while let Some(event) = parser.next_event() {
        match event.map_err(Failure::Scan)? {
            (Event::StreamEnd, _) => break,
            (event, span) => builder
                .take(event, padding.place(span.start))
                .map_err(Failure::Told)?,
        }
    }
    Ok(builder
        .root
        .unwrap_or_else(|| Node::scalar(Place::START, String::new(), true)))
}

type Step = Result<(), Box<Diagnostic>>;

fn syntax(place: Place, message: &str) -> Box<Diagnostic> {
    let message = format!("this is not valid YAML: {message}");
    Box::new(Diagnostic::error(Kind::Syntax, place, message))
}

/// A list or a map that is not finished.
struct Open {
    place: Place,
    anchor: usize,
    kind: OpenKind,
}

enum OpenKind {
    List(Vec<Node>),
    Map {
        entries: Entries,
        merged: Entries,
        key: Option<(String, Place, bool)>,
    },
}

/// The entries of a map that is being read.
#[derive(Default)]
struct Entries {
    list: Vec<Entry>,
    /// Where each key stands in the list, as soon as there are more than [`FEW`].
    index: HashMap<String, usize>,
}

/// As many keys are found by looking at each.
const FEW: usize = 16;

impl Entries {
    fn find(&mut self, key: &str) -> Option<&mut Entry> {
        if self.index.is_empty() {
            return self.list.iter_mut().find(|known| known.key == key);
        }
        let at = *self.index.get(key)?;
        self.list.get_mut(at)
    }

    /// Adds an entry whose key is not there yet.
    fn push(&mut self, entry: Entry) {
        if !self.index.is_empty() {
            self.index.insert(entry.key.clone(), self.list.len());
        }
        self.list.push(entry);
        if self.index.is_empty() && self.list.len() > FEW {
            let keys = self.list.iter().enumerate();
            self.index = keys.map(|(at, entry)| (entry.key.clone(), at)).collect();
        }
    }

    /// Adds an entry, unless its key is there already.
    fn add(&mut self, entry: Entry) {
        if self.find(&entry.key).is_none() {
            self.push(entry);
        }
    }
}

/// What a copy of a text costs beyond a node, in nodes.
const fn weight(text: &str) -> usize {
    text.len() / 64
}

struct Builder<'p> {
    problems: &'p mut Problems,
    open: Vec<Open>,
    /// `None` while the anchored value is still being read.
    anchors: HashMap<usize, Option<Node>>,
    budget: usize,
    root: Option<Node>,
}

impl Builder<'_> {
    fn take(&mut self, event: Event<'_>, at: Place) -> Step {
        match event {
            Event::DocumentStart(_) if self.root.is_some() => {
                Err(syntax(at, "there is more than one document in it"))
            }
            Event::Scalar(text, style, anchor, tag) => {
                let plain = match tag.as_deref() {
                    Some(tag) => scalar_tag(tag, style).ok_or_else(|| unknown_tag(tag, at))?,
                    None => matches!(style, ScalarStyle::Plain),
                };
                let mut node = Node::scalar(at, text.into_owned(), plain);
                if let Value::Scalar(scalar) = &node.value {
                    node.size = node.size.saturating_add(weight(&scalar.text));
                }
                self.finish(node, anchor)
            }
            Event::SequenceStart(anchor, tag) => {
                known_tag(tag.as_deref(), "seq", at)?;
                self.begin(at, anchor, OpenKind::List(Vec::new()))
            }
            Event::MappingStart(anchor, tag) => {
                known_tag(tag.as_deref(), "map", at)?;
                let kind = OpenKind::Map {
                    entries: Entries::default(),
                    merged: Entries::default(),
                    key: None,
                };
                self.begin(at, anchor, kind)
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(at),
            Event::Alias(anchor) => self.alias(anchor, at),
            _ => Ok(()),
        }
    }

    fn begin(&mut self, at: Place, anchor: usize, kind: OpenKind) -> Step {
        if self.open.len() >= DEPTH {
            return Err(syntax(
                at,
                &format!("it is nested deeper than {DEPTH} levels"),
            ));
        }
        if anchor != 0 {
            self.anchors.insert(anchor, None);
        }
        self.open.push(Open {
            place: at,
            anchor,
            kind,
        });
        Ok(())
    }

    fn end(&mut self, at: Place) -> Step {
        let Some(open) = self.open.pop() else {
            return Err(syntax(at, "something ends here that was not begun"));
        };
        let node = match open.kind {
            OpenKind::List(items) => Node::list(open.place, items),
            OpenKind::Map {
                mut entries,
                merged,
                ..
            } => {
                for entry in merged.list {
                    entries.add(entry);
                }
                let keys = entries.list.iter().map(|entry| weight(&entry.key));
                let keys = keys.sum::<usize>();
                let mut node = Node::map(open.place, entries.list);
                node.size = node.size.saturating_add(keys);
                node
            }
        };
        self.finish(node, open.anchor)
    }

    fn alias(&mut self, anchor: usize, at: Place) -> Step {
        let Some(Some(target)) = self.anchors.get(&anchor) else {
            return Err(syntax(at, "this alias refers to a value that contains it"));
        };
        if target.size > self.budget {
            return Err(syntax(at, "its aliases expand to too large a document"));
        }
        if self.open.len().saturating_add(target.height) > DEPTH {
            return Err(syntax(
                at,
                &format!("it is nested deeper than {DEPTH} levels"),
            ));
        }
        self.budget = self.budget.saturating_sub(target.size);
        let copy = target.clone();
        self.place_in_parent(copy, Some(at))
    }

    fn finish(&mut self, node: Node, anchor: usize) -> Step {
        if anchor != 0 {
            if node.size > self.budget {
                let message = "its aliases expand to too large a document";
                return Err(syntax(node.place, message));
            }
            self.budget = self.budget.saturating_sub(node.size);
            self.anchors.insert(anchor, Some(node.clone()));
        }
        self.place_in_parent(node, None)
    }

    /// Puts a finished value into the list or map that is being read. `alias` is where an alias to it stands.
    fn place_in_parent(&mut self, node: Node, alias: Option<Place>) -> Step {
        let at = alias.unwrap_or(node.place);
        let Some(parent) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        match &mut parent.kind {
            OpenKind::List(items) => items.push(node),
            OpenKind::Map {
                entries,
                merged,
                key,
            } => match key.take() {
                None => {
                    let Value::Scalar(Scalar { text, plain, .. }) = node.value else {
                        return Err(syntax(at, "a key must be text, not a list or a map"));
                    };
                    *key = Some((text, at, plain));
                }
                Some((name, _, true)) if name == "<<" => merge(node, at, merged)?,
                Some((name, place, _)) => {
                    put(self.problems, entries, name, place, node);
                }
            },
        }
        Ok(())
    }
}

/// Adds a key, reporting one that is there already.
fn put(problems: &mut Problems, entries: &mut Entries, key: String, place: Place, node: Node) {
    let entry = Entry { key, place, node };
    match entries.find(&entry.key) {
        Some(known) => {
            let message = format!(
                "the key `{}` stands twice in this map, first in line {}",
                crate::diagnostic::shown(&entry.key),
                known.place.line
            );
            problems.push(Diagnostic::lax(
                Kind::DuplicateKey,
                place,
                message,
                "this one counts",
            ));
            *known = entry;
        }
        None => entries.push(entry),
    }
}

/// Takes over what `<<` names: a map or a list of maps.
fn merge(node: Node, at: Place, merged: &mut Entries) -> Step {
    match node.value {
        Value::Map(entries) => {
            for entry in entries {
                merged.add(entry);
            }
            Ok(())
        }
        Value::List(items) => items.into_iter().try_for_each(|item| match item.value {
            Value::Map(_) => merge(item, at, merged),
            _ => Err(syntax(at, "`<<` takes a map or a list of maps")),
        }),
        Value::Scalar(_) => Err(syntax(at, "`<<` takes a map or a list of maps")),
    }
}

/// Whether a tagged scalar is to be read by its text; `None` for a tag that is not known.
fn scalar_tag(tag: &Tag, style: ScalarStyle) -> Option<bool> {
    if tag.handle.is_empty() && tag.suffix == "!" {
        return Some(false);
    }
    if !tag.is_yaml_core_schema() {
        return None;
    }
    match tag.suffix.as_str() {
        "str" => Some(false),
        "int" | "float" | "bool" | "null" => Some(true),
        "timestamp" => Some(matches!(style, ScalarStyle::Plain)),
        _ => None,
    }
}

fn known_tag(tag: Option<&Tag>, expected: &str, at: Place) -> Step {
    match tag {
        Some(tag) if !(tag.is_yaml_core_schema() && tag.suffix == expected) => {
            Err(unknown_tag(tag, at))
        }
        _ => Ok(()),
    }
}

fn unknown_tag(tag: &Tag, at: Place) -> Box<Diagnostic> {
    let message = format!(
        "the tag `{}` is not known; remove it",
        crate::diagnostic::shown(&tag.to_string())
    );
    syntax(at, &message)
}
