//! Whatever a stranger sends in the dialect `openai-responses`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if let Some(probe) = gateway_dialect::testing::probe("openai-responses") {
        probe.check(data);
    }
});
