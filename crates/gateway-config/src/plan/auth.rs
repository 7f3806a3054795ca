//! `auth`: who may call.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, RandomState};

use gateway_schema::{EndpointName, Secret};
use serde::{Serialize, Serializer};

use super::context::Context;
use super::effective::{is_false, redacted};
use super::names::Names;
use super::resolve::{Reach, resolve_item, secret_item};
use crate::diagnostic::{Diagnostic, Kind, shown};
use crate::file::item::{Item, table};
use crate::file::shape::{Key, Section, Shape};
use crate::file::{Place, scalar};

static AWS: Section = Section::new(
    "a key pair",
    &[
        Key::required(
            "access_key_id",
            Shape::Text,
            "The public half: `AWS_ACCESS_KEY_ID` of the client. Unique.",
        ),
        Key::required(
            "secret_access_key",
            Shape::Secret,
            "The secret half: `AWS_SECRET_ACCESS_KEY` of the client.",
        ),
    ],
);

static KEY: Section = Section::new(
    "a key",
    &[
        Key::required(
            "name",
            Shape::Text,
            "What the key is called in logs and records. Unique.",
        ),
        Key::required("key", Shape::Secret, "The key that callers send."),
        Key::optional(
            "aws",
            Shape::Section(&AWS),
            "A key pair with which the same caller may sign its requests, as AWS's clients do.",
        ),
        Key::optional(
            "endpoints",
            Shape::OneOrMany(&Shape::Text),
            "Endpoints and routes the key may call. Absent: all.",
        ),
        Key::optional(
            "expires",
            Shape::Timestamp,
            "When the key stops working. A date means its first moment, in UTC.",
        ),
        Key::optional(
            "disabled",
            Shape::Flag,
            "Whether the key is refused. Default false.",
        ),
        Key::optional(
            "metadata",
            Shape::Table(&Shape::Scalar),
            "Facts about the caller, for rules, records and metrics.",
        ),
    ],
);

static JWT: Section = Section::new(
    "a token issuer",
    &[
        Key::required("issuer", Shape::Text, "The `iss` that tokens must carry."),
        Key::required("jwks", Shape::Text, "URL or path of the issuer's key set."),
        Key::required(
            "audience",
            Shape::OneOrMany(&Shape::Text),
            "The `aud` that tokens must carry; of several, one is enough.",
        ),
        Key::optional(
            "claims",
            Shape::Table(&Shape::Text),
            "Facts about the caller: name to the path of a claim, as in `team: $.team`.",
        ),
    ],
);

pub(crate) static SECTION: Section = Section::new(
    "the authentication",
    &[
        Key::optional(
            "keys",
            Shape::List(&Shape::Section(&KEY)),
            "Keys of callers.",
        ),
        Key::optional(
            "jwt",
            Shape::List(&Shape::Section(&JWT)),
            "Issuers of tokens.",
        ),
        Key::optional(
            "anonymous",
            Shape::Flag,
            "Whether callers without a credential are let in. Default false.",
        ),
    ],
);

/// Who may call. Without this section everybody may.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct Auth {
    /// Keys of callers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<CallerKey>,
    /// Issuers of tokens.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub jwt: Vec<Issuer>,
    /// Whether callers without a credential are let in.
    pub anonymous: bool,
}

/// A key of a caller.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CallerKey {
    /// What it is called in logs and records.
    pub name: String,
    /// The key itself.
    #[serde(serialize_with = "redacted")]
    pub key: Secret,
    /// A key pair with which the same caller may sign its requests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aws: Option<KeyPair>,
    /// Endpoints and routes it may call; absent: all. All exist.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoints: Option<Vec<EndpointName>>,
    /// When it stops working.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<Expiry>,
    /// Whether it is refused.
    #[serde(skip_serializing_if = "is_false")]
    pub disabled: bool,
    /// Facts about the caller.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
    /// Where it stands.
    #[serde(skip)]
    pub place: Place,
}

/// A key pair of AWS's Signature Version 4. It is the gateway's own and means nothing to AWS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct KeyPair {
    /// The public half.
    pub access_key_id: String,
    /// The secret half.
    #[serde(serialize_with = "redacted")]
    pub secret_access_key: Secret,
}

/// When a key stops working.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expiry {
    /// As it was written.
    pub written: String,
    /// In seconds since 1970, UTC.
    pub unix_seconds: i64,
}

impl Serialize for Expiry {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.written)
    }
}

/// An issuer of tokens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Issuer {
    /// The `iss` that tokens must carry.
    pub issuer: String,
    /// Where the key set is.
    pub jwks: Jwks,
    /// The `aud` values of which a token must carry one. Never empty.
    pub audience: Vec<String>,
    /// Facts about the caller: name to the path of a claim, `$.` left out.
    #[serde(
        skip_serializing_if = "BTreeMap::is_empty",
        serialize_with = "claim_paths"
    )]
    pub claims: BTreeMap<String, Vec<String>>,
    /// Where it stands.
    #[serde(skip)]
    pub place: Place,
}

/// Where a key set is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Jwks {
    /// At a URL.
    Url(String),
    /// In a file.
    File(String),
}

impl Serialize for Jwks {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Url(text) | Self::File(text) => serializer.serialize_str(text),
        }
    }
}

fn claim_paths<S: Serializer>(
    claims: &BTreeMap<String, Vec<String>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(
        claims
            .iter()
            .map(|(name, path)| (name, format!("$.{}", path.join(".")))),
    )
}

/// The keys that were read so far, by what must not stand twice.
#[derive(Default)]
struct Seen {
    /// Where each name is in the text.
    names: HashMap<String, String>,
    /// By a digest, as a key is a credential.
    keys: HashMap<u64, usize>,
    pairs: HashMap<String, usize>,
    hasher: RandomState,
    count: usize,
}

impl Seen {
    fn add(&mut self, key: &CallerKey, digest: u64, item: &Item<'_>) {
        let at = self.count;
        self.count = at.saturating_add(1);
        let name = self.names.entry(key.name.clone());
        name.or_insert_with(|| item.position());
        self.keys.entry(digest).or_insert(at);
        if let Some(pair) = &key.aws {
            self.pairs.entry(pair.access_key_id.clone()).or_insert(at);
        }
    }
}

pub(crate) fn read(item: &Item<'_>, names: &Names, context: &mut Context<'_>) -> Auth {
    let mut auth = Auth {
        anonymous: item.flag_at("anonymous").unwrap_or_default(),
        ..Auth::default()
    };
    let mut seen = Seen::default();
    for at in item.list("keys") {
        let Some(key) = read_key(&at, names, context) else {
            continue;
        };
        let digest = seen.hasher.hash_one(key.key.expose());
        let same_name = seen.names.get(&key.name);
        let same_key = seen.keys.get(&digest).and_then(|at| auth.keys.get(*at));
        let same_key = same_key.filter(|known| known.key == key.key);
        if let Some(position) = same_name {
            let message = format!(
                "there is a key called '{}' already, {position}",
                shown(&key.name)
            );
            context
                .problems
                .push(Diagnostic::error(Kind::Value, at.place(), message).at(at.below("name")));
        } else if let Some(known) = same_key {
            let message = format!("this is the same key as that of '{}'", shown(&known.name));
            context
                .problems
                .push(Diagnostic::error(Kind::Value, at.place(), message).at(at.below("key")));
        }
        let pair = key.aws.as_ref().map(|pair| &pair.access_key_id);
        let same_pair = pair.and_then(|pair| auth.keys.get(*seen.pairs.get(pair)?));
        if let Some(known) = same_pair {
            let message = format!(
                "this is the same access_key_id as that of '{}'",
                shown(&known.name)
            );
            context
                .problems
                .push(Diagnostic::error(Kind::Value, at.place(), message).at(at.below("aws")));
        }
        seen.add(&key, digest, &at);
        auth.keys.push(key);
    }
    auth.jwt = item
        .list("jwt")
        .iter()
        .filter_map(|at| read_issuer(at, context))
        .collect();
    if auth.keys.is_empty() && auth.jwt.is_empty() && !auth.anonymous {
        let message = "nobody can call: there are no keys, no token issuers, and anonymous callers are not let in";
        let diagnostic = Diagnostic::warning(Kind::Value, item.place(), message)
            .at(&item.path)
            .help("add `keys` or `jwt`, or write `anonymous: true`");
        context.problems.push(diagnostic);
    }
    auth
}

fn read_key(item: &Item<'_>, names: &Names, context: &mut Context<'_>) -> Option<CallerKey> {
    let at = item.get("key")?;
    let key = secret_item(&at, Reach::Secret, context);
    if key
        .as_ref()
        .is_some_and(|key| key.expose().trim().is_empty())
    {
        let diagnostic =
            Diagnostic::error(Kind::Value, at.place(), "the key is empty").at(&at.path);
        context.problems.push(diagnostic);
    }
    let endpoints = item.get("endpoints").map(|list| {
        list.one_or_many()
            .iter()
            .filter_map(|at| names.callable(at, context.problems))
            .collect()
    });
    let expires = item.text_at("expires").and_then(|written| {
        Some(Expiry {
            unix_seconds: scalar::timestamp(written)?,
            written: written.to_owned(),
        })
    });
    Some(CallerKey {
        name: item.text_at("name")?.to_owned(),
        key: key?,
        aws: item.get("aws").and_then(|at| read_pair(&at, context)),
        endpoints,
        expires,
        disabled: item.flag_at("disabled").unwrap_or_default(),
        metadata: table(item.get("metadata").as_ref()),
        place: item.place(),
    })
}

fn read_pair(item: &Item<'_>, context: &mut Context<'_>) -> Option<KeyPair> {
    let id = resolve_item(&item.get("access_key_id")?, Reach::NoFile, context)?.text;
    let secret = secret_item(&item.get("secret_access_key")?, Reach::Secret, context)?;
    let plain = |text: &str| !text.is_empty() && text.bytes().all(|it| it.is_ascii_graphic());
    if !plain(&id) || id.contains(['/', ',']) || !plain(secret.expose()) {
        let message = "an access_key_id has letters and digits, a secret_access_key no blanks";
        let diagnostic = Diagnostic::error(Kind::Value, item.place(), message).at(&item.path);
        context.problems.push(diagnostic);
    }
    Some(KeyPair {
        access_key_id: id,
        secret_access_key: secret,
    })
}

fn read_issuer(item: &Item<'_>, context: &mut Context<'_>) -> Option<Issuer> {
    let issuer = resolve_item(&item.get("issuer")?, Reach::NoFile, context)?.text;
    let jwks = resolve_item(&item.get("jwks")?, Reach::NoFile, context)?.text;
    let jwks = if jwks.contains("://") {
        Jwks::Url(jwks)
    } else {
        Jwks::File(jwks)
    };
    let mut audience = Vec::new();
    let at = item.get("audience")?;
    for one in at.one_or_many() {
        audience.push(resolve_item(&one, Reach::NoFile, context)?.text);
    }
    if audience.is_empty() {
        let diagnostic =
            Diagnostic::error(Kind::Value, at.place(), "at least one audience is needed")
                .at(&at.path);
        context.problems.push(diagnostic);
    }
    Some(Issuer {
        issuer,
        jwks,
        audience,
        claims: claims(item.get("claims").as_ref(), context),
        place: item.place(),
    })
}

/// The paths of claims: `$.a.b` or `a.b`.
fn claims(item: Option<&Item<'_>>, context: &mut Context<'_>) -> BTreeMap<String, Vec<String>> {
    let mut claims = BTreeMap::new();
    for pair in item.map(Item::pairs).unwrap_or_default() {
        let Some(path) = pair.item.text() else {
            continue;
        };
        let steps = path.strip_prefix("$.").unwrap_or(path);
        let steps: Vec<String> = steps.split('.').map(str::to_owned).collect();
        if steps
            .iter()
            .any(|step| step.is_empty() || step.contains(['[', ']', '*', '$']))
        {
            let diagnostic = Diagnostic::error(
                Kind::Value,
                pair.item.place(),
                "this is not the path of a claim",
            )
            .at(&pair.item.path)
            .found(format!("`{}`", shown(path)))
            .allowed("names with dots between them, as in `$.team` or `$.org.team`");
            context.problems.push(diagnostic);
            continue;
        }
        claims.insert(pair.key.to_owned(), steps);
    }
    claims
}
