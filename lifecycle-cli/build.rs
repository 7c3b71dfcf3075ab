//! Lists the templates, so that a file that replaces none of them can be told from one that does.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let root = Path::new("templates");
    println!("cargo::rerun-if-changed={}", root.display());
    let mut names = Vec::new();
    list(root, "", &mut names)?;
    names.sort();
    let directory = env::var_os("OUT_DIR").map(PathBuf::from);
    let directory = directory.ok_or_else(|| io::Error::other("cargo gives no OUT_DIR"))?;
    fs::write(directory.join("templates.rs"), format!("&{names:?}"))
}

/// The templates of a directory and below, by their paths without `.j2`.
fn list(directory: &Path, before: &str, names: &mut Vec<String>) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let name = format!("{before}{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            list(&entry.path(), &format!("{name}/"), names)?;
        } else if let Some(name) = name.strip_suffix(".j2") {
            names.push(name.to_owned());
        }
    }
    Ok(())
}
