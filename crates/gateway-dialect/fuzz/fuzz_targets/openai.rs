//! Whatever a stranger sends in the dialect `openai`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if let Some(probe) = gateway_dialect::testing::probe("openai") {
        probe.check(data);
    }
});
