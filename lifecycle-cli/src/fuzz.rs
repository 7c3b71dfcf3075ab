//! What fuzzers call: what comes from outside, and what is done with it. There for
//! cargo-fuzz, and for clippy.

use lifecycle_manifest::deployed::Deployed;
use lifecycle_manifest::{Analysis, Options};

use crate::{drill, generate, init, lsp, serve};

/// Lines as the messages of an editor that has begun a session; what is answered can be read by it.
pub fn lsp(bytes: &[u8]) {
    lsp::session(bytes);
}

/// Bytes as a request to the page's server: the first line is a method and a target, the rest the body.
pub fn page(bytes: &[u8]) {
    serve::fuzz::page(bytes);
}

/// Bytes as a manifest. What every target makes of it has no broken syntax, and where nothing was wrong
/// with the manifest, nothing made from it differs from it.
pub fn generate(bytes: &[u8]) {
    let analysis = Analysis::of_bytes(bytes);
    let Some(resolved) = analysis
        .resolved
        .as_ref()
        .filter(|_| !analysis.has_errors())
    else {
        return;
    };
    for platform in resolved.manifest.platforms.iter() {
        let targets = generate::targets_of(platform.key());
        for files in targets.filter_map(|target| generate::rendered(target, resolved)) {
            let deployed: Vec<Deployed> = files
                .iter()
                .filter(|(path, _)| is_read(path))
                .map(|(path, text)| Deployed::named(path, text))
                .collect();
            for (file, (path, text)) in deployed.iter().zip(&files) {
                assert!(file.errors.is_empty(), "{path}: {:?}\n{text}", file.errors);
            }
            let options = Options {
                deployed: deployed.into(),
                ..Options::default()
            };
            // Whatever is found, it can be looked for.
            let _beside = Analysis::with_bytes(bytes, &options);
        }
    }
}

fn is_read(path: &str) -> bool {
    let mut endings = [".yaml", ".json"].into_iter().chain(Deployed::endings());
    endings.any(|ending| path.ends_with(ending))
}

/// The first line is a file's name, which says in which language the rest is, which is deployed: looked
/// at, and described in a manifest that can be read.
pub fn init(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let Some((name, text)) = text.split_once('\n') else {
        return;
    };
    let deployed = Deployed::named(name, text);
    let options = Options {
        deployed: [deployed].into(),
        ..Options::default()
    };
    let _alone = Analysis::of_deployed(&options);
    if let Some(text) = init::described(&options.deployed) {
        let analysis = Analysis::of(&text);
        let is_read = analysis.document.is_some();
        assert!(is_read, "{text}\n{:?}", analysis.findings);
    }
}

/// Bytes as the record of a drill: drawn in every format, and compared with itself.
pub fn record(bytes: &[u8]) {
    drill::drawn(bytes);
}
