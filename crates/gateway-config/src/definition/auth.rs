//! Who may call.

use std::collections::BTreeMap;

use super::secret::SecretValue;
use super::tree::definition;

definition! {
    /// Who may call.
    #[derive(Default)]
    pub struct AuthDefinition {
        ;
        /// Keys of callers.
        keys: Vec<KeyDefinition>,
        /// Issuers of tokens.
        jwt: Vec<IssuerDefinition>,
        /// Whether callers without a credential are let in. Default false.
        anonymous: Option<bool>,
    }
}

definition! {
    /// A key of a caller.
    pub struct KeyDefinition {
        /// What it is called in logs and records. Unique.
        name: String,
        /// The key that callers send.
        key: SecretValue,
        ;
        /// A key pair with which the same caller may sign its requests.
        aws: Option<KeyPairDefinition>,
        /// Endpoints and routes it may call; absent: all.
        endpoints: Option<Vec<String>>,
        /// When it stops working: a date or an RFC 3339 time.
        expires: Option<String>,
        /// Whether it is refused. Default false.
        disabled: Option<bool>,
        /// Facts about the caller.
        #[serde(deserialize_with = "super::words::texts")]
        metadata: BTreeMap<String, String>,
    }
}

definition! {
    /// A key pair of AWS's Signature Version 4.
    pub struct KeyPairDefinition {
        /// The public half.
        access_key_id: String,
        /// The secret half.
        secret_access_key: SecretValue,
        ;
    }
}

definition! {
    /// An issuer of tokens.
    pub struct IssuerDefinition {
        /// The `iss` that tokens must carry.
        issuer: String,
        /// URL or path of the key set.
        jwks: String,
        /// The `aud` values of which a token must carry one.
        audience: Vec<String>,
        ;
        /// Facts about the caller: name to the path of a claim, as `$.team`.
        claims: BTreeMap<String, String>,
    }
}
