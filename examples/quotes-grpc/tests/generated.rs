//! `src/pb.rs` is what tonic makes of `proto/quotes.proto`, without a protoc.
//!
//! `LIFECYCLE_BLESS=1` writes it anew.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::path::Path;

#[test]
fn the_code_is_that_of_the_proto_file() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let made = tempfile::tempdir().unwrap();
    let files = protox::compile(["quotes.proto"], [root.join("proto")]).unwrap();
    tonic_prost_build::configure()
        .out_dir(made.path())
        .build_transport(false)
        .compile_fds(files)
        .unwrap();
    let made = std::fs::read_to_string(made.path().join("quotes.v1.rs")).unwrap();

    let path = root.join("src/pb.rs");
    if std::env::var_os("LIFECYCLE_BLESS").is_some() {
        std::fs::write(&path, &made).unwrap();
    }
    let stored = std::fs::read_to_string(&path).unwrap();
    assert!(
        stored.replace("\r\n", "\n") == made,
        "src/pb.rs is not fresh: LIFECYCLE_BLESS=1 cargo test -p quotes-grpc --test generated"
    );
}
