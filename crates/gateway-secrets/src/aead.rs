//! AES-256-GCM with the nonce in front: `nonce (12) || ciphertext || tag (16)`.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use gateway_schema::Secret;
use zeroize::Zeroize;

use crate::error::SecretError;

/// The bytes of a key.
pub(crate) const KEY_LEN: usize = 32;

/// Random bytes of the operating system.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], SecretError> {
    let mut bytes = [0_u8; N];
    getrandom::fill(&mut bytes).map_err(|_| SecretError::Randomness)?;
    Ok(bytes)
}

/// Seals `plaintext` with a random nonce. Every data key seals one value and every key-encryption key far fewer than 2^32
/// data keys, which is what random nonces of 96 bits allow (NIST SP 800-38D, section 8.3).
pub(crate) fn seal(
    key: &[u8; KEY_LEN],
    aad: &[u8],
    plaintext: &[u8],
) -> Result<Vec<u8>, SecretError> {
    seal_with(key, random::<NONCE_LEN>()?, aad, plaintext).ok_or(SecretError::Value)
}

/// Seals with a given nonce: for [`seal`] and for published vectors.
pub(crate) fn seal_with(
    key: &[u8; KEY_LEN],
    nonce: [u8; NONCE_LEN],
    aad: &[u8],
    plaintext: &[u8],
) -> Option<Vec<u8>> {
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).ok()?);
    let mut out = Vec::with_capacity(NONCE_LEN + plaintext.len() + AES_256_GCM.tag_len());
    out.extend_from_slice(&nonce);
    out.extend_from_slice(plaintext);
    let text = out.get_mut(NONCE_LEN..)?;
    let nonce = Nonce::assume_unique_for_key(nonce);
    let tag = key.seal_in_place_separate_tag(nonce, Aad::from(aad), text);
    let Ok(tag) = tag else {
        out.zeroize();
        return None;
    };
    out.extend_from_slice(tag.as_ref());
    Some(out)
}

/// Opens what [`seal`] made; `None` if anything about it differs.
pub(crate) fn open(key: &[u8; KEY_LEN], aad: &[u8], sealed: &[u8]) -> Option<Secret<Vec<u8>>> {
    let (nonce, text) = sealed.split_first_chunk::<NONCE_LEN>()?;
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).ok()?);
    let mut text = text.to_vec();
    let nonce = Nonce::assume_unique_for_key(*nonce);
    let length = match key.open_in_place(nonce, Aad::from(aad), &mut text) {
        Ok(plain) => plain.len(),
        Err(_) => return None,
    };
    text.truncate(length);
    Some(Secret::new(text))
}
