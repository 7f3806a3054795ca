//! AWS Signature Version 4, both ways: [`sign`] for requests to AWS, [`verify`] for requests of callers that sign.
//!
//! [`verify_head`] checks a request before its body is there, whose digest the head must state; [`BodyDigest`] checks the body then.
//!
//! Pure: request, key pair and time are arguments, so that both can be tested against AWS's published vectors. Only the
//! header form; neither presigned URLs nor bodies that are signed in chunks.
//!
//! Spec: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>, read 2026-11-21.
//!
//! ```
//! use std::time::{Duration, SystemTime};
//! use gateway_schema::Secret;
//! use gateway_sigv4::{Claim, KeyPair, Scope, sign, verify};
//!
//! let secret = Secret::new("wJalrXUtnFEMI".to_owned());
//! let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
//! let mut request = http::Request::post("https://bedrock-runtime.us-east-1.amazonaws.com/model/x/converse")
//!     .header("host", "bedrock-runtime.us-east-1.amazonaws.com")
//!     .body(bytes::Bytes::from_static(b"{}"))?;
//! let keys = KeyPair { id: "AKIDEXAMPLE", secret: &secret, token: None };
//! sign(&mut request, keys, Scope { region: "us-east-1", service: "bedrock" }, now).unwrap();
//! let claim = Claim::read(request.headers()).unwrap();
//! assert_eq!(claim.access_key_id, "AKIDEXAMPLE");
//! assert_eq!(verify(&request, &claim, &secret, &["bedrock"], now), Ok(()));
//! # Ok::<(), http::Error>(())
//! ```

mod canonical;
mod digest;
mod sign;
pub mod time;
mod verify;

#[cfg(test)]
mod tests;

pub use canonical::percent_encode;
pub use digest::BodyDigest;
pub use sign::{KeyPair, Scope, sign};
pub use verify::{Claim, Fault, MAX_SKEW, verify, verify_head};
