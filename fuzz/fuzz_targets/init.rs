#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    lifecycle_fuzz::against_by_name(bytes);
    lifecycle_cli::fuzz::init(bytes);
});
