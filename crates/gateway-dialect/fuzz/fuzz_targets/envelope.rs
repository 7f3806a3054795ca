//! Whatever a stranger sends as a body, beside `serde_json`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    gateway_dialect::testing::envelope(data);
});
