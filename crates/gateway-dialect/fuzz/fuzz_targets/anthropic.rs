//! Whatever a stranger sends in the dialect `anthropic`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if let Some(probe) = gateway_dialect::testing::probe("anthropic") {
        probe.check(data);
    }
});
