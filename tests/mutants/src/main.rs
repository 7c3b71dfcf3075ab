//! Weaves the mutants that `cargo mutants --list --json` names into a copy of the sources: all of them at
//! once, each behind its number, so that the tests are built once and not once for each.
//!
//! `.ci/mutants` runs it, as `lifecycle-mutants CRATE LIST`, with the paths of the list below `CRATE/src`. Each
//! file is written in place, and the switch is put at the end of `src/lib.rs`. Around what belongs to a mutant
//! stand the comments `/*[7*/` and `/*7]*/`, by which an error of the compiler is put down to it; around an
//! expression that holds more than a mutant's own text, `/*{7*/` and `/*7}*/`. Printed are the numbers that have
//! a place in the sources, and with a `!` before them those that no compiler takes.

mod weave;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

/// One entry of the list: what cargo-mutants says, and the number it is to have.
#[derive(Debug, Deserialize)]
struct Mutant {
    number: u32,
    file: PathBuf,
    genre: Genre,
    /// What takes the place of the span; empty where that is taken away.
    replacement: String,
    span: Range,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
enum Genre {
    FnValue,
    BinaryOperator,
    UnaryOperator,
    MatchArm,
    MatchArmGuard,
    StructField,
}

#[derive(Debug, Deserialize)]
struct Range {
    start: Position,
}

/// Both counted from one, the column in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
struct Position {
    line: usize,
    column: usize,
}

fn main() -> Result<()> {
    let arguments: Vec<_> = env::args_os().skip(1).map(PathBuf::from).collect();
    let [package, list] = arguments.as_slice() else {
        bail!("usage: lifecycle-mutants CRATE LIST");
    };
    let sources = package.join("src");
    let list = fs::read(list).with_context(|| format!("reading {}", list.display()))?;
    let list: Vec<Mutant> = serde_json::from_slice(&list).context("reading the list")?;
    let mut files: BTreeMap<&Path, Vec<&Mutant>> = BTreeMap::new();
    for mutant in &list {
        files.entry(&mutant.file).or_default().push(mutant);
    }
    for (file, mutants) in files {
        let path = sources.join(file);
        let text =
            fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
        let (woven, told) =
            weave::file(&text, &mutants).with_context(|| format!("in {}", path.display()))?;
        fs::write(&path, woven).with_context(|| format!("writing {}", path.display()))?;
        for number in told.placed {
            println!("{number}");
        }
        for number in told.never {
            println!("!{number}");
        }
    }
    let root = sources.join("lib.rs");
    let mut root = fs::OpenOptions::new()
        .append(true)
        .open(&root)
        .with_context(|| format!("opening {}", root.display()))?;
    root.write_all(include_bytes!("switch.rs"))
        .context("writing the switch")?;
    Ok(())
}
