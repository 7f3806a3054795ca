//! References in the text of a value: `$NAME`, `{{ secrets.NAME }}`, the path of a file, or the text itself.

use gateway_schema::Secret;

use super::context::Context;
use crate::diagnostic::{Diagnostic, Kind};
use crate::file::Origin;
use crate::file::item::Item;
use crate::source::{FileText, Lookup};

/// How far a text is taken to be a reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// A credential: every text that begins with `$` is a variable, and every text that names a file is that file.
    /// This is MLflow's rule for its API keys.
    Secret,
    /// Any other setting: `$NAME` and `${NAME}`, and texts that look like a path (`/…`, `./…`, `../…`, `C:\…`).
    /// A region or a model that happens to share its name with a file is not one.
    Setting,
    /// A URL, a header value: variables and secrets, never files.
    NoFile,
}

/// What a text stands for.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Resolved {
    pub(crate) text: String,
    /// True when it came out of a secret or a file, so that it must not be shown.
    pub(crate) hidden: bool,
}

/// Why a reference leads nowhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unresolved {
    message: String,
    help: Option<&'static str>,
}

impl Unresolved {
    fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            help: None,
        }
    }

    pub(crate) fn at(self, item: &Item<'_>) -> Diagnostic {
        let diagnostic =
            Diagnostic::error(Kind::Reference, item.place(), self.message).at(&item.path);
        match self.help {
            Some(help) => diagnostic.help(help),
            None => diagnostic,
        }
    }
}

/// Follows the reference in `text`, if it is one.
pub(crate) fn resolve(
    text: &str,
    reach: Reach,
    lookup: &dyn Lookup,
) -> Result<Resolved, Unresolved> {
    let literal = |text: &str| Resolved {
        text: text.to_owned(),
        hidden: false,
    };
    if let Some(name) = text.strip_prefix('$') {
        if let Some(name) = variable(name) {
            return environment(name, lookup);
        }
        if reach == Reach::Secret {
            return Err(Unresolved {
                message: "what follows `$` is not the name of an environment variable".to_owned(),
                help: Some(
                    "write `$NAME`; put a credential that begins with `$` into a variable or a file",
                ),
            });
        }
        return Ok(literal(text));
    }
    if text.contains("{{") {
        return templates(text, reach, lookup);
    }
    let may_be_file = match reach {
        Reach::Secret => !text.trim().is_empty() && !text.contains('\n') && text.len() <= 4096,
        Reach::Setting => looks_like_path(text),
        Reach::NoFile => false,
    };
    if !may_be_file {
        return Ok(literal(text));
    }
    match lookup.file(text) {
        FileText::Absent => Ok(literal(text)),
        FileText::Unreadable(reason) => Err(Unresolved::new(format!(
            "the file that this names cannot be read: {reason}"
        ))),
        FileText::Text(content) => {
            let content = content.expose().trim_end_matches(['\r', '\n']);
            if content.trim().is_empty() {
                return Err(Unresolved::new("the file that this names is empty"));
            }
            Ok(Resolved {
                text: content.to_owned(),
                hidden: true,
            })
        }
    }
}

/// Follows the reference in a scalar and reports one that leads nowhere.
pub(crate) fn resolve_item(
    item: &Item<'_>,
    reach: Reach,
    context: &mut Context<'_>,
) -> Option<Resolved> {
    let scalar = item.scalar()?;
    let outcome = match scalar.origin {
        Origin::Written => resolve(&scalar.text, reach, context.lookup),
        Origin::Literal => Ok(Resolved {
            text: scalar.text.clone(),
            hidden: true,
        }),
        Origin::Masked => Err(Unresolved {
            message: "the credential was masked when this was written out".to_owned(),
            help: Some("give the credential again, or a reference to a stored secret"),
        }),
    };
    match outcome {
        Ok(resolved) => Some(resolved),
        Err(unresolved) => {
            context.problems.push(unresolved.at(item));
            None
        }
    }
}

/// The same, as a secret.
pub(crate) fn secret_item(
    item: &Item<'_>,
    reach: Reach,
    context: &mut Context<'_>,
) -> Option<Secret> {
    resolve_item(item, reach, context).map(|resolved| Secret::new(resolved.text))
}

/// The name in `NAME` or `{NAME}`.
pub(crate) fn variable(text: &str) -> Option<&str> {
    let name = match text.strip_prefix('{') {
        Some(rest) => rest.strip_suffix('}')?,
        None => text,
    };
    is_name(name).then_some(name)
}

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

fn environment(name: &str, lookup: &dyn Lookup) -> Result<Resolved, Unresolved> {
    match lookup.env(name) {
        Some(value) if !value.trim().is_empty() => Ok(Resolved {
            text: value,
            hidden: false,
        }),
        found => {
            let state = if found.is_some() {
                "is empty"
            } else {
                "is not set"
            };
            // A password that begins with `$` also ends here; only what is spelled like a variable is repeated.
            let spelled = name
                .bytes()
                .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
            let name = if spelled {
                format!("Environment variable '{name}'")
            } else {
                "The environment variable that is named here".to_owned()
            };
            Err(Unresolved::new(format!("{name} {state}")))
        }
    }
}

/// Replaces every `{{ secrets.NAME }}`.
fn templates(text: &str, reach: Reach, lookup: &dyn Lookup) -> Result<Resolved, Unresolved> {
    let mut out = String::new();
    let mut rest = text;
    let mut replaced = false;
    while let Some((before, after)) = rest.split_once("{{") {
        let Some((inside, following)) = after.split_once("}}") else {
            break;
        };
        let Some(name) = inside.trim().strip_prefix("secrets.").map(str::trim) else {
            out.push_str(before);
            out.push_str("{{");
            rest = after;
            continue;
        };
        let valid = !name.is_empty()
            && name.len() <= 256
            && name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"_-./".contains(&b));
        if !valid {
            return Err(Unresolved {
                message: "what follows `secrets.` is not the name of a secret".to_owned(),
                help: Some("write `{{ secrets.NAME }}`"),
            });
        }
        let value = lookup
            .secret(name)
            .filter(|value| !value.expose().trim().is_empty())
            .ok_or_else(|| Unresolved::new(format!("the secret '{name}' is not known")))?;
        out.push_str(before);
        out.push_str(value.expose());
        rest = following;
        replaced = true;
    }
    out.push_str(rest);
    if !replaced && reach == Reach::Secret && text.trim_end().ends_with("}}") {
        return Err(Unresolved {
            message: "this is not a reference to a secret".to_owned(),
            help: Some("write `{{ secrets.NAME }}`"),
        });
    }
    Ok(Resolved {
        text: out,
        hidden: replaced,
    })
}

fn looks_like_path(text: &str) -> bool {
    let drive = || {
        let mut bytes = text.bytes();
        bytes.next().is_some_and(|b| b.is_ascii_alphabetic())
            && bytes.next() == Some(b':')
            && bytes.next().is_some_and(|b| b == b'\\' || b == b'/')
            && !text.contains("://")
    };
    let relative = ["/", "./", "../"]
        .iter()
        .any(|start| text.starts_with(start));
    (relative || drive()) && !text.contains('\n') && text.len() <= 4096
}
