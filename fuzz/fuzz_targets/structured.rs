#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    lifecycle_fuzz::manifest(lifecycle_fuzz::grammar::manifest(bytes).as_bytes());
});
