//! Whatever a stranger sends in the dialect `mlflow`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if let Some(probe) = gateway_dialect::testing::probe("mlflow") {
        probe.check(data);
    }
});
