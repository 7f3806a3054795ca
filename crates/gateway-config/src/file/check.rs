//! The tree against the tables: unknown and missing keys, wrong types, values out of range.

use super::item::{Item, Pair};
use super::shape::{Others, Section, Shape};
use super::{Node, Origin, Value, scalar};
use crate::diagnostic::{Diagnostic, Kind, Problems, alternatives, shown};

/// Checks a value and everything below it.
pub(crate) fn check(item: &Item<'_>, shape: &Shape, problems: &mut Problems) {
    match shape {
        Shape::List(inner) => match &item.node.value {
            Value::List(_) => each(item, inner, problems),
            _ => wrong_type(item, shape, problems),
        },
        Shape::OneOrMany(inner) => match &item.node.value {
            Value::List(_) => each(item, inner, problems),
            _ => check(item, inner, problems),
        },
        Shape::Table(inner) => match &item.node.value {
            Value::Map(_) => {
                for pair in item.pairs() {
                    check(&pair.item, inner, problems);
                }
            }
            _ => wrong_type(item, shape, problems),
        },
        Shape::Section(section) => check_section(item, section, problems),
        Shape::Switch(section) => match &item.node.value {
            Value::Scalar(word) if scalar::flag(&word.text).is_some() => {}
            Value::Map(_) => check_section(item, section, problems),
            _ => wrong_type(item, shape, problems),
        },
        Shape::Either(sections) => {
            let marked = sections
                .iter()
                .find(|(mark, _)| item.node.get(mark).is_some())
                .or(sections.first());
            if let Some((_, section)) = marked {
                check_section(item, section, problems);
            }
        }
        Shape::Settings => {
            if !matches!(item.node.value, Value::Map(_)) {
                wrong_type(item, shape, problems);
            }
        }
        _ => check_scalar(item, shape, problems),
    }
}

fn each(item: &Item<'_>, inner: &Shape, problems: &mut Problems) {
    for element in item.items() {
        check(&element, inner, problems);
    }
}

/// Checks a map with known keys.
pub(crate) fn check_section(item: &Item<'_>, section: &Section, problems: &mut Problems) {
    if !matches!(item.node.value, Value::Map(_)) {
        let diagnostic = Diagnostic::error(
            Kind::Type,
            item.place(),
            format!("{} must be a map", section.what),
        );
        problems.push(
            diagnostic
                .at(&item.path)
                .found(describe(item.node, Echo::Yes))
                .allowed(format!("a map with {}", alternatives(section.names()))),
        );
        return;
    }
    for pair in item.pairs() {
        match section.key(pair.key) {
            Some(key) if pair.item.node.is_null() && key.required => {
                missing(item, key.name, Some(&pair), problems);
            }
            Some(_) if pair.item.node.is_null() => {}
            Some(key) => check(&pair.item, &key.shape, problems),
            None if section.others == Others::Unknown => {
                unknown(&pair, section.what, section.names(), problems);
            }
            None => {}
        }
    }
    for key in section.all().filter(|key| key.required) {
        if item.node.get(key.name).is_none() {
            missing(item, key.name, None, problems);
        }
    }
}

/// What becomes of a key that is not known.
pub(crate) const IGNORED: &str = "it is ignored";

/// Reports a key that means nothing where it stands. Keys that begin with `x-` are the user's own.
pub(crate) fn unknown<'k>(
    pair: &Pair<'_>,
    what: &str,
    known: impl Iterator<Item = &'k str>,
    problems: &mut Problems,
) {
    if pair.key.starts_with("x-") {
        return;
    }
    if !problems.lists_lax() {
        problems.count_lax();
        return;
    }
    let message = format!("`{}` is not a key of {what}", shown(pair.key));
    let known: Vec<&str> = known.collect();
    let diagnostic = Diagnostic::lax(Kind::UnknownKey, pair.key_place, message, IGNORED)
        .at_shown(&pair.item.path)
        .near(pair.key, known.iter().copied());
    problems.push(match diagnostic.help {
        Some(_) => diagnostic,
        None => diagnostic.allowed(alternatives(known)),
    });
}

fn missing(item: &Item<'_>, key: &str, null: Option<&Pair<'_>>, problems: &mut Problems) {
    let place = null.map_or(item.place(), |pair| pair.key_place);
    let message = match null {
        Some(_) => format!("`{key}` has no value"),
        None => format!("`{key}` is missing"),
    };
    let mut diagnostic = Diagnostic::error(Kind::Missing, place, message).at(item.below(key));
    if null.is_none() {
        let present: Vec<Pair<'_>> = item.pairs();
        let near = crate::diagnostic::nearest(key, present.iter().map(|pair| pair.key));
        if let Some(near) = near {
            let line = present
                .iter()
                .find(|pair| pair.key == near)
                .map_or(0, |pair| pair.key_place.line);
            let near = shown(near);
            diagnostic = diagnostic.help(match line {
                0 => format!("is `{near}` meant?"),
                line => format!("is `{near}` in line {line} meant?"),
            });
        }
    }
    problems.push(diagnostic);
}

/// Whether a message may show the value.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Echo {
    Yes,
    /// It may be a credential.
    No,
}

/// What a node is, for a message.
pub(crate) fn describe(node: &Node, echo: Echo) -> String {
    match &node.value {
        Value::List(_) => "a list".to_owned(),
        Value::Map(_) => "a map".to_owned(),
        Value::Scalar(scalar) if scalar.is_null() => "nothing".to_owned(),
        Value::Scalar(scalar) if echo == Echo::No || scalar.origin != Origin::Written => {
            "a value that is not shown".to_owned()
        }
        Value::Scalar(scalar) => format!("`{}`", shown(&scalar.text)),
    }
}

/// What a shape allows, for a message.
pub(crate) fn allows(shape: &Shape) -> String {
    match shape {
        Shape::Text => "text".to_owned(),
        Shape::Secret => "text, `$NAME`, `{{ secrets.NAME }}` or the path of a file".to_owned(),
        Shape::Integer(i64::MIN, i64::MAX) => "a whole number".to_owned(),
        Shape::Integer(least, i64::MAX) => format!("a whole number from {least}"),
        Shape::Integer(least, most) => format!("a whole number from {least} to {most}"),
        Shape::Number(least, most) if *most >= f64::MAX => format!("a number from {least}"),
        Shape::Number(least, most) => format!("a number from {least} to {most}"),
        Shape::Flag => "`true` or `false`".to_owned(),
        Shape::Duration => {
            "a duration above zero, such as `200ms`, `30s`, `5m`, `1h`, or plain seconds".to_owned()
        }
        Shape::Size => {
            "a number of bytes above zero, such as `1048576`, `64KiB` or `100MiB`".to_owned()
        }
        Shape::Timestamp => "a date (`2027-01-31`) or a time (`2027-01-31T12:00:00Z`)".to_owned(),
        Shape::Choice(words) => alternatives(words.iter().copied()),
        Shape::Subject(words) => alternatives(words.iter().copied().chain(["header:<name>"])),
        Shape::List(_) => "a list".to_owned(),
        Shape::OneOrMany(inner) => format!("{}, or a list of them", allows(inner)),
        Shape::Table(_) | Shape::Section(_) | Shape::Either(_) | Shape::Settings => {
            "a map".to_owned()
        }
        Shape::Switch(_) => "a map, `true` or `false`".to_owned(),
        Shape::Scalar => "text, a number, `true` or `false`".to_owned(),
    }
}

fn wrong_type(item: &Item<'_>, shape: &Shape, problems: &mut Problems) {
    let echo = match shape {
        Shape::Secret | Shape::Settings => Echo::No,
        _ => Echo::Yes,
    };
    let diagnostic = Diagnostic::error(Kind::Type, item.place(), "the value has the wrong type")
        .at(&item.path)
        .found(describe(item.node, echo))
        .allowed(allows(shape));
    problems.push(diagnostic);
}

fn check_scalar(item: &Item<'_>, shape: &Shape, problems: &mut Problems) {
    let Some(value) = item.scalar() else {
        return wrong_type(item, shape, problems);
    };
    let text = value.text.as_str();
    let typed = match shape {
        Shape::Text if scalar::is_bool(value) => {
            let diagnostic = Diagnostic::error(
                Kind::Type,
                item.place(),
                "text is meant here, but this is a boolean",
            );
            problems.push(
                diagnostic
                    .at(&item.path)
                    .found(describe(item.node, Echo::Yes))
                    .allowed("text")
                    .help(format!("write it in quotes: \"{text}\"")),
            );
            return;
        }
        Shape::Integer(least, most) => {
            return ranged(
                item,
                shape,
                scalar::integer(text).map(|n| (*least..=*most).contains(&n)),
                problems,
            );
        }
        Shape::Number(least, most) => {
            return ranged(
                item,
                shape,
                scalar::number(text).map(|n| (*least..=*most).contains(&n)),
                problems,
            );
        }
        Shape::Duration => {
            return ranged(
                item,
                shape,
                scalar::duration(text).map(|duration| !duration.is_zero()),
                problems,
            );
        }
        Shape::Size => {
            return ranged(
                item,
                shape,
                scalar::size(text).map(|size| size > 0),
                problems,
            );
        }
        Shape::Flag => scalar::flag(text).is_some(),
        Shape::Timestamp => scalar::timestamp(text).is_some(),
        Shape::Choice(words) => return choice(item, words, shape, problems),
        Shape::Subject(words) => match text.strip_prefix("header:") {
            Some(name) => is_header_name(name),
            None => return choice(item, words, shape, problems),
        },
        _ => true,
    };
    if !typed {
        wrong_type(item, shape, problems);
    }
}

fn ranged(item: &Item<'_>, shape: &Shape, in_range: Option<bool>, problems: &mut Problems) {
    match in_range {
        Some(true) => {}
        Some(false) => {
            let diagnostic =
                Diagnostic::error(Kind::Value, item.place(), "the value is out of range")
                    .at(&item.path)
                    .found(describe(item.node, Echo::Yes))
                    .allowed(allows(shape));
            problems.push(diagnostic);
        }
        None => wrong_type(item, shape, problems),
    }
}

fn choice(item: &Item<'_>, words: &[&'static str], shape: &Shape, problems: &mut Problems) {
    let text = item.text().unwrap_or_default();
    if words.contains(&text) {
        return;
    }
    let diagnostic = Diagnostic::error(
        Kind::Value,
        item.place(),
        "the value is not one of those allowed",
    )
    .at(&item.path)
    .found(describe(item.node, Echo::Yes))
    .allowed(allows(shape))
    .near(text, words.iter().copied());
    problems.push(diagnostic);
}

/// True for a name that HTTP allows for a header field.
pub(crate) fn is_header_name(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}
