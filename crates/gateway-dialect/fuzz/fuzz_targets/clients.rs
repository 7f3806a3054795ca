//! Whatever a client sends, written for every provider; whatever a provider streams, written for every client.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| gateway_dialect::testing::clients(data));
