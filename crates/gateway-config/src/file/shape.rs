//! The tables of keys. Checking, typed access and the JSON Schema all read these, so that they cannot disagree.

/// A map whose keys are known.
#[derive(Debug)]
pub(crate) struct Section {
    /// What the map describes, for messages: "an endpoint".
    pub(crate) what: &'static str,
    /// Its keys.
    pub(crate) keys: &'static [Key],
    /// More keys, shared with other sections.
    pub(crate) more: &'static [Key],
    /// Who judges keys that are in neither list.
    pub(crate) others: Others,
}

/// Who judges keys that a section does not list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Others {
    /// They are unknown, unless they begin with `x-`.
    Unknown,
    /// The code that reads the section: they may be a provider's.
    Reader,
}

/// One key of a section.
#[derive(Debug)]
pub(crate) struct Key {
    pub(crate) name: &'static str,
    pub(crate) shape: Shape,
    pub(crate) required: bool,
    /// One or two sentences for editors and the reference, with the default.
    pub(crate) doc: &'static str,
}

/// What a value looks like.
#[derive(Debug)]
pub(crate) enum Shape {
    /// Text; unquoted digits and dates are read as they are written.
    Text,
    /// Text that may be a credential and is never shown. References are resolved by the reader of the section.
    Secret,
    /// A whole number within bounds.
    Integer(i64, i64),
    /// A number within bounds.
    Number(f64, f64),
    /// True or false.
    Flag,
    /// A duration above zero.
    Duration,
    /// A number of bytes above zero.
    Size,
    /// A date or a time.
    Timestamp,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// One of these words, or `header:<name>`.
    Subject(&'static [&'static str]),
    /// A list.
    List(&'static Shape),
    /// One, or a list of them.
    OneOrMany(&'static Shape),
    /// A map with keys of the user's choice.
    Table(&'static Shape),
    /// A map with known keys.
    Section(&'static Section),
    /// The same, where `true` stands for its defaults and `false` for its absence.
    Switch(&'static Section),
    /// The section whose marking key is there; the first where none is.
    Either(&'static [(&'static str, &'static Section)]),
    /// A provider's settings and the request defaults: the reader of the section checks them.
    Settings,
    /// Any scalar.
    Scalar,
}

impl Section {
    /// A section with these keys and no others.
    pub(crate) const fn new(what: &'static str, keys: &'static [Key]) -> Self {
        Self {
            what,
            keys,
            more: &[],
            others: Others::Unknown,
        }
    }

    /// With more keys.
    pub(crate) const fn with(mut self, more: &'static [Key]) -> Self {
        self.more = more;
        self
    }

    /// Leaves keys that are not listed to the code that reads the section.
    pub(crate) const fn open(mut self) -> Self {
        self.others = Others::Reader;
        self
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &'static Key> + use<> {
        self.keys.iter().chain(self.more)
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &'static str> + use<> {
        self.all().map(|key| key.name)
    }

    pub(crate) fn key(&self, name: &str) -> Option<&'static Key> {
        self.all().find(|key| key.name == name)
    }
}

impl Key {
    /// A key that may be absent.
    pub(crate) const fn optional(name: &'static str, shape: Shape, doc: &'static str) -> Self {
        Self {
            name,
            shape,
            required: false,
            doc,
        }
    }

    /// A key that must be there.
    pub(crate) const fn required(name: &'static str, shape: Shape, doc: &'static str) -> Self {
        Self {
            name,
            shape,
            required: true,
            doc,
        }
    }
}
