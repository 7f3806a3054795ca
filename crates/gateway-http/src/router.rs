//! From a URL and a method to a route.

use std::borrow::Cow;

use http::{HeaderMap, HeaderValue, Method};

use crate::config::EdgeConfig;
use crate::surface::{ALL, Route, Surface};

/// A route of a surface.
#[derive(Clone, Copy)]
pub(crate) struct Entry {
    pub(crate) surface: &'static dyn Surface,
    pub(crate) route: &'static Route,
}

/// What stands at a URL.
pub(crate) enum Found<'p> {
    /// This route, with the parameter of its path, and what is left of the path as it was written.
    Route(Entry, Option<Cow<'p, str>>, Option<&'p str>),
    /// The path exists, the method does not; what is allowed.
    WrongMethod(&'static dyn Surface, HeaderValue),
    /// A path with one slash too many: the right path is one shorter.
    Slash(&'static dyn Surface),
    /// Nothing; the surface whose words fit best.
    Nothing(&'static dyn Surface),
}

/// All routes.
pub(crate) struct Router {
    paths: matchit::Router<Vec<Entry>>,
    /// What unknown paths begin with, longest first, and who answers them.
    bases: Vec<(&'static str, &'static dyn Surface)>,
}

impl Router {
    /// The routes of the surfaces that are offered.
    pub(crate) fn new(config: &EdgeConfig) -> Self {
        let mut table: Vec<(String, Vec<Entry>)> = Vec::new();
        let mut bases = Vec::new();
        for surface in ALL.iter().filter(|surface| config.offers(surface.name())) {
            for base in surface.bases() {
                bases.push((*base, *surface));
                for route in surface.routes() {
                    let path = format!("{base}{}", route.path);
                    let entry = Entry {
                        surface: *surface,
                        route,
                    };
                    match table.iter_mut().find(|(known, _)| *known == path) {
                        Some((_, entries)) => entries.push(entry),
                        None => table.push((path, vec![entry])),
                    }
                }
            }
        }
        let mut paths = matchit::Router::new();
        for (path, entries) in table {
            // The paths are constants; a test inserts them all.
            let inserted = paths.insert(path, entries);
            debug_assert!(inserted.is_ok(), "{inserted:?}");
        }
        bases.sort_by_key(|(base, _)| std::cmp::Reverse(base.len()));
        Self { paths, bases }
    }

    /// What stands at `path` for `method`.
    pub(crate) fn find<'p>(
        &self,
        method: &Method,
        path: &'p str,
        headers: &HeaderMap,
    ) -> Found<'p> {
        let Ok(matched) = self.paths.at(path) else {
            return self.unknown(path, headers);
        };
        let entries = matched.value;
        match choose(entries, headers, |entry| entry.route.method == *method) {
            Some(entry) => Found::Route(
                entry,
                matched.params.get("name").map(percent_decoded),
                matched.params.get("rest"),
            ),
            None => match choose(entries, headers, |_| true) {
                Some(entry) => Found::WrongMethod(entry.surface, allowed(entries)),
                None => self.unknown(path, headers),
            },
        }
    }

    fn unknown<'p>(&self, path: &str, headers: &HeaderMap) -> Found<'p> {
        if let Some(shorter) = path.strip_suffix('/')
            && let Ok(matched) = self.paths.at(shorter)
            && let Some(entry) = choose(matched.value, headers, |_| true)
        {
            return Found::Slash(entry.surface);
        }
        // A caller that says it speaks Anthropic's API is answered so, wherever it went.
        let anthropic = headers.contains_key("anthropic-version");
        let surface = self
            .bases
            .iter()
            .filter(|(base, _)| path.starts_with(base))
            .map(|(_, surface)| *surface)
            .find(|surface| !anthropic || surface.name() == "anthropic")
            .or_else(|| {
                self.bases
                    .iter()
                    .find(|(base, _)| path.starts_with(base))
                    .map(|(_, surface)| *surface)
            });
        Found::Nothing(surface.unwrap_or_else(|| crate::surface::last_resort()))
    }
}

/// The entry whose condition is met, else one without a condition, else any.
fn choose(entries: &[Entry], headers: &HeaderMap, fits: impl Fn(&Entry) -> bool) -> Option<Entry> {
    let rank = |entry: &Entry| match entry.route.when {
        Some(header) if headers.contains_key(header) => 0,
        None => 1,
        Some(_) => 2,
    };
    entries
        .iter()
        .filter(|entry| fits(entry))
        .min_by_key(|entry| rank(entry))
        .copied()
}

/// The value of `Allow`.
fn allowed(entries: &[Entry]) -> HeaderValue {
    let mut text = String::new();
    for entry in entries {
        let method = entry.route.method.as_str();
        if !text.split(", ").any(|known| known == method) {
            if !text.is_empty() {
                text.push_str(", ");
            }
            text.push_str(method);
        }
    }
    HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static(""))
}

/// Undoes percent-encoding. What is not valid stays as it is.
pub(crate) fn percent_decoded(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let escaped = (*first == b'%')
            .then(|| after.get(..2))
            .flatten()
            .filter(|hex| hex.iter().all(u8::is_ascii_hexdigit))
            .and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        if let Some(byte) = escaped {
            out.push(byte);
            rest = after.get(2..).unwrap_or_default();
        } else {
            out.push(*first);
            rest = after;
        }
    }
    String::from_utf8(out).map_or(Cow::Borrowed(text), Cow::Owned)
}
