use std::num::NonZeroU32;

use aws_lc_rs::pbkdf2;
use gateway_schema::Secret;
use proptest::prelude::*;

use crate::aead;
use crate::kek::{Kek, KekId, MLFLOW_DEFAULT_PASSPHRASE};
use crate::{Fields, KeyRing, Sealed, SecretError, mask};

fn hex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks(2);
    digits
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

fn secret(text: &str) -> Secret {
    Secret::new(text.to_owned())
}

/// Test case 16 of McGrew and Viega, "The Galois/Counter Mode of Operation": AES-256 with additional data.
#[test]
fn aes_256_gcm_agrees_with_the_published_vector() {
    let key: [u8; 32] = hex("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308")
        .try_into()
        .unwrap();
    let nonce: [u8; 12] = hex("cafebabefacedbaddecaf888").try_into().unwrap();
    let plain = hex(
        "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
    );
    let aad = hex("feedfacedeadbeeffeedfacedeadbeefabaddad2");
    let sealed = aead::seal_with(&key, nonce, &aad, &plain).unwrap();
    let expected = hex(
        "cafebabefacedbaddecaf888522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f66276fc6ece0f4e1768cddf8853bb2d551b",
    );
    assert_eq!(sealed, expected);
    assert_eq!(aead::open(&key, &aad, &sealed).unwrap().expose(), &plain);
}

/// RFC 7914, section 11.
#[test]
fn pbkdf2_agrees_with_the_published_vector() {
    let mut out = [0_u8; 64];
    let one = NonZeroU32::new(1).unwrap();
    pbkdf2::derive(
        pbkdf2::PBKDF2_HMAC_SHA256,
        one,
        b"salt",
        b"passwd",
        &mut out,
    );
    let expected = "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc49ca9cccf179b645991664b39d77ef317c71b845b1e30bd509112041d3a19783";
    assert_eq!(out.as_slice(), &hex(expected)[..]);
}

/// Made with `mlflow/utils/crypto.py` of MLflow 3.17.0.
fn mlflow_row(kek: &Kek) -> Sealed {
    Sealed {
        value: hex(
            "9b3bd113379eb523d4b5e845a076739b3653b5bc0809a657e9f317e6add87836bfcd567240f61d06791e326a84e8f9b1ab6d94024af745bc8884adc8af6dc66b7c07231eb57ffe0f1cc088670db2e072",
        ),
        wrapped_key: hex(
            "e88580a9bef2876afbb888d57ae50f32ebc5bbb209440b3915ee287b75c3a01988a592ad4dca84daf16f8f4308ff307f2057172b5ea8f7f2854ac682",
        ),
        kek: kek.id().clone(),
    }
}

#[test]
fn a_row_that_mlflow_sealed_opens_and_moves_under_a_key_of_ours() {
    let mlflow = Kek::from_mlflow_passphrase(&secret("correct horse battery staple"), 2);
    assert_eq!(
        mlflow.to_hex().expose(),
        "83d559f3a579fd0d0f50550368b97ee0a9a089c15def38e2013115b28095491d"
    );
    let row = mlflow_row(&mlflow);
    let ours = Kek::random().unwrap();
    let ring = KeyRing::new(ours.clone()).with(mlflow);
    assert!(ring.is_outdated(&row));
    let moved = ring.rewrap(&row).unwrap();
    assert_eq!(moved.value, row.value);
    let alone = KeyRing::new(ours);
    let plain = alone.open("s-0123", "my key", &moved).unwrap();
    assert_eq!(
        plain.expose().as_slice(),
        br#"{"api_key": "sk-mlflow-vector-1234", "region": "eu"}"#
    );
    let fields = Fields::from_plaintext(&plain).unwrap();
    assert_eq!(fields.to_json(), plain, "the same bytes as MLflow writes");
    assert_eq!(fields.masked()["api_key"], "sk-...1234");
}

#[test]
fn the_public_passphrase_gives_the_key_that_mlflow_derives() {
    let key = Kek::from_mlflow_passphrase(&secret(MLFLOW_DEFAULT_PASSPHRASE), 1);
    assert_eq!(
        key.to_hex().expose(),
        "9f4f63bec81efbc6c8dc625fa3ad57f44b255859d97a48fe4875cfaf5500aad2"
    );
}

#[test]
fn another_id_name_key_or_bit_does_not_open() {
    let ring = KeyRing::new(Kek::from_bytes([7; 32]));
    let sealed = ring.seal("s-1", "name", b"value").unwrap();
    assert_eq!(
        ring.open("s-1", "name", &sealed).unwrap().expose(),
        b"value"
    );
    assert_eq!(ring.open("s-2", "name", &sealed), Err(SecretError::Value));
    assert_eq!(ring.open("s-1", "nam", &sealed), Err(SecretError::Value));
    assert_eq!(ring.open("s-1|a", "b", &sealed), Err(SecretError::Id));
    let stranger = KeyRing::new(Kek::from_bytes([8; 32]));
    let refused = stranger.open("s-1", "name", &sealed).unwrap_err();
    assert!(matches!(&refused, SecretError::UnknownKey { found, .. } if found == ring.primary()));
    assert!(refused.to_string().contains(ring.primary().as_str()));
    for at in 0..sealed.value.len() * 8 {
        let mut changed = sealed.clone();
        changed.value[at / 8] ^= 1 << (at % 8);
        assert_eq!(ring.open("s-1", "name", &changed), Err(SecretError::Value));
    }
    for at in 0..sealed.wrapped_key.len() * 8 {
        let mut changed = sealed.clone();
        changed.wrapped_key[at / 8] ^= 1 << (at % 8);
        let id = ring.primary().clone();
        assert_eq!(
            ring.open("s-1", "name", &changed),
            Err(SecretError::DataKey(id))
        );
    }
}

#[test]
fn both_keys_open_during_a_rotation_and_only_the_new_one_seals() {
    let (old, new) = (Kek::from_bytes([1; 32]), Kek::from_bytes([2; 32]));
    let before = KeyRing::new(old.clone()).with(new.clone());
    let during = KeyRing::new(new.clone()).with(old.clone()).with(old);
    assert_eq!(during.ids().len(), 2);
    let row = before.seal("s", "n", b"v").unwrap();
    assert_eq!(during.open("s", "n", &row).unwrap().expose(), b"v");
    let rewrapped = during.rewrap(&row).unwrap();
    assert!(during.is_outdated(&row) && !during.is_outdated(&rewrapped));
    // A node that still seals under the old key opens what was wrapped under the new one.
    assert_eq!(before.open("s", "n", &rewrapped).unwrap().expose(), b"v");
    assert_eq!(
        KeyRing::new(new)
            .open("s", "n", &rewrapped)
            .unwrap()
            .expose(),
        b"v"
    );
}

#[test]
fn a_master_key_is_read_in_every_accepted_form_and_never_printed() {
    let key = Kek::from_bytes([0xfb; 32]);
    let base64 = "+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/s=";
    for text in [
        key.to_hex().expose().clone(),
        key.to_hex().expose().to_uppercase(),
        base64.to_owned(),
        format!(" {}\n", base64.trim_end_matches('=')),
        base64.replace('+', "-").replace('/', "_"),
    ] {
        assert_eq!(Kek::parse(&secret(&text)).unwrap().id(), key.id(), "{text}");
    }
    for text in [
        "",
        "password",
        &"0".repeat(63),
        &"g".repeat(64),
        &"A".repeat(44),
    ] {
        let refused = Kek::parse(&secret(text)).unwrap_err();
        assert_eq!(refused, SecretError::KeyForm);
        assert!(text.is_empty() || !refused.to_string().contains(text));
    }
    let printed = format!("{key:?} {:?}", KeyRing::new(key.clone()));
    assert!(
        !printed.contains("fb, fb")
            && !printed.contains("251")
            && printed.contains(key.id().as_str())
    );
    assert_ne!(KekId::from_row("x"), *key.id());
}

proptest! {
    #[test]
    fn what_is_sealed_opens_to_the_same(id in "[a-z0-9-]{1,40}", name in "\\PC{0,40}", value: Vec<u8>) {
        let ring = KeyRing::new(Kek::from_bytes([9; 32]));
        let sealed = ring.seal(&id, &name, &value).unwrap();
        let opened = ring.open(&id, &name, &sealed).unwrap();
        prop_assert_eq!(opened.expose(), &value);
        let again = ring.seal(&id, &name, &value).unwrap();
        prop_assert_ne!(&again.value, &sealed.value);
        prop_assert_ne!(&again.wrapped_key, &sealed.wrapped_key);
    }

    #[test]
    fn any_sealed_bytes_are_refused_without_a_panic(value: Vec<u8>, wrapped: Vec<u8>) {
        let ring = KeyRing::new(Kek::from_bytes([9; 32]));
        let sealed = Sealed { value, wrapped_key: wrapped, kek: ring.primary().clone() };
        prop_assert!(ring.open("s", "n", &sealed).is_err());
    }

    #[test]
    fn fields_are_read_as_written(fields in prop::collection::btree_map(".*", ".*", 0..5)) {
        let mut written = Fields::new();
        for (name, value) in &fields {
            written.insert(name.clone(), secret(value));
        }
        let text = written.to_json();
        prop_assert_eq!(text.expose().capacity() >= text.expose().len(), true);
        prop_assert_eq!(Fields::from_plaintext(&text).unwrap(), written);
    }

    #[test]
    fn a_mask_shows_at_most_seven_characters(value in "\\PC{0,60}") {
        let shown = mask(&value);
        if value.chars().count() < 8 {
            prop_assert_eq!(shown, "***");
        } else {
            prop_assert_eq!(shown.chars().count(), 10);
        }
    }
}
