//! Whatever a stranger sends as an AWS event stream.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| gateway_dialect::testing::event_stream(data));
