//! Finding the manifest, and finding what the runtime is called here.

use std::path::{Path, PathBuf};

use lifecycle_manifest::Analysis;
use proc_macro2::Span;
use syn::{Error, LitStr, Result};

/// The manifest as it was read.
pub(crate) struct Manifest {
    /// The whole path, for the compiler to watch.
    pub(crate) path: PathBuf,
    /// As a person would name it.
    pub(crate) shown: String,
    pub(crate) analysis: Analysis,
}

/// Reads the manifest that was asked for, or `lifecycle.yaml` beside `Cargo.toml`; `how` shows the way
/// to ask for another.
pub(crate) fn read(asked: Option<&LitStr>, how: &str) -> Result<Manifest> {
    let span = asked.map_or_else(Span::call_site, LitStr::span);
    let root = crate_root();
    let places: Vec<PathBuf> = match asked {
        Some(asked) => {
            // The source file's directory comes second: test harnesses compile a file as part of a
            // crate that lies elsewhere.
            let beside = Span::call_site()
                .unwrap()
                .local_file()
                .and_then(|f| Some(f.parent()?.to_owned()));
            std::iter::once(root.clone())
                .chain(beside)
                .map(|d| d.join(asked.value()))
                .collect()
        }
        None => vec![root.join("lifecycle.yaml"), root.join("lifecycle.yml")],
    };
    let Some(path) = places.iter().find(|path| path.is_file()) else {
        let named = asked.map_or_else(|| "lifecycle.yaml".to_owned(), LitStr::value);
        let message = format!(
            "there is no {named} in {}\n\nwrite one (`lifecycle: 1`, `service: NAME`, `resources:`), \
             or name another file: `{how}`",
            root.file_name()
                .map_or_else(|| ".".into(), |name| name.to_string_lossy()),
        );
        return Err(Error::new(span, message));
    };
    let bytes = std::fs::read(path)
        .map_err(|error| Error::new(span, format!("could not read {}: {error}", path.display())))?;
    let path = std::path::absolute(path).unwrap_or_else(|_| path.clone());
    Ok(Manifest {
        shown: path
            .strip_prefix(&root)
            .unwrap_or(&path)
            .display()
            .to_string(),
        analysis: Analysis::of_bytes(&bytes),
        path,
    })
}

fn crate_root() -> PathBuf {
    std::env::var_os("CARGO_MANIFEST_DIR")
        .map(PathBuf::from)
        .unwrap_or_default()
}

/// The name under which the crate depends on the runtime, where `Cargo.toml` renames it.
///
/// Only lines that name the package are looked at: reading TOML whole would cost every service a
/// parser. Where this finds nothing, the library's own name holds, and `crate = path` overrides both.
pub(crate) fn runtime_name() -> String {
    let root = crate_root();
    let mut places = root
        .ancestors()
        .take(6)
        .map(|directory| directory.join("Cargo.toml"));
    places
        .find_map(|path| renamed(&path))
        .unwrap_or_else(|| "lifecycle".to_owned())
}

fn renamed(path: &Path) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    let mut table = None;
    for line in text.lines().map(str::trim) {
        if let Some(header) = line
            .strip_prefix('[')
            .and_then(|line| line.strip_suffix(']'))
        {
            // `[dependencies.NAME]`, `[workspace.dependencies.NAME]`.
            table = header
                .rsplit_once("dependencies.")
                .map(|(_, name)| name.trim_matches('"'));
            continue;
        }
        let names_package = line
            .replace(' ', "")
            .contains("package=\"lifecycle-runtime\"")
            && !line.starts_with('#');
        if !names_package {
            continue;
        }
        let name = match line.split_once('=') {
            Some((key, _)) if key.trim() != "package" => key.trim().trim_matches('"'),
            _ => table?,
        };
        return Some(name.replace('-', "_"));
    }
    None
}
