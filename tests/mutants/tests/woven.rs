//! A small program with a mutant of each genre, woven, compiled and run: with no number it does what it did,
//! with a number what that mutant does.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::{env, fs};

use serde_json::json;

const PROGRAM: &str = r#"
#[derive(Debug, Clone, PartialEq)]
struct Limits { soft: u32, hard: u32 }

impl Default for Limits {
    fn default() -> Self { Limits { soft: 1, hard: 2 } }
}

fn seconds() -> u32 {
    30
}

fn both(left: bool, right: &mut u32) -> bool {
    left && { *right += 1; *right > 0 }
}

fn sign(number: i32) -> &'static str {
    match number {
        0 => "none",
        n if n < 0 => "minus",
        _ => "plus",
    }
}

fn limits(soft: u32) -> Limits {
    Limits { soft, ..Limits::default() }
}

fn main() {
    let mut asked = 0;
    let (first, second) = (both(false, &mut asked), both(true, &mut asked));
    println!("{} {first} {second} {asked} {} {} {} {:?} {} {}",
        seconds(), sign(0), sign(-1), sign(1), limits(7), 2 + 3 * 4, !(1 == 2));
}
"#;

/// The place of some text: line and column, both from one.
fn at(needle: &str, offset: usize) -> serde_json::Value {
    let before = &PROGRAM[..PROGRAM.find(needle).expect("the program has it") + offset];
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().expect("a line").chars().count() + 1;
    json!({ "start": { "line": line, "column": column } })
}

#[test]
fn each_mutant_acts_behind_its_number_and_none_without() {
    let directory = tempfile::tempdir().expect("a directory");
    let package = directory.path();
    fs::create_dir(package.join("src")).expect("made");
    fs::write(package.join("src/lib.rs"), PROGRAM).expect("written");
    let mutants = [
        (
            "FnValue",
            at("    30", 4),
            "0",
            "0 false true 1 none minus plus Limits { soft: 7, hard: 2 } 14 true",
        ),
        (
            "BinaryOperator",
            at("left && {", 5),
            "||",
            "30 true true 1 none minus plus Limits { soft: 7, hard: 2 } 14 true",
        ),
        (
            "BinaryOperator",
            at("*right > 0", 7),
            "==",
            "30 false false 1 none minus plus Limits { soft: 7, hard: 2 } 14 true",
        ),
        (
            "MatchArm",
            at("0 => \"none\"", 0),
            "",
            "30 false true 1 plus minus plus Limits { soft: 7, hard: 2 } 14 true",
        ),
        (
            "MatchArmGuard",
            at("n < 0", 0),
            "true",
            "30 false true 1 none minus minus Limits { soft: 7, hard: 2 } 14 true",
        ),
        (
            "BinaryOperator",
            at("n < 0", 2),
            ">",
            "30 false true 1 none plus minus Limits { soft: 7, hard: 2 } 14 true",
        ),
        (
            "StructField",
            at("soft, ..", 0),
            "",
            "30 false true 1 none minus plus Limits { soft: 1, hard: 2 } 14 true",
        ),
        // What macros hold is not looked at, by either tool.
        ("BinaryOperator", at("2 + 3", 2), "-", ""),
    ];
    let placed = weave(
        package,
        mutants
            .iter()
            .map(|(genre, span, replacement, _)| (*genre, span, *replacement)),
    );
    assert_eq!(placed, [1, 2, 3, 4, 5, 6, 7]);

    let program = package.join("program");
    compile(&package.join("src/lib.rs"), &program);
    assert_eq!(
        run(&program, &[]),
        "30 false true 1 none minus plus Limits { soft: 7, hard: 2 } 14 true"
    );
    for (number, (_, _, _, prints)) in (1..=7).zip(&mutants) {
        assert_eq!(
            run(&program, &[("MUTANT", &number.to_string())]),
            *prints,
            "{number}"
        );
    }

    let reached = package.join("reached");
    run(
        &program,
        &[("MUTANTS_REACHED", reached.to_str().expect("text"))],
    );
    let mut reached: Vec<_> = fs::read_to_string(reached)
        .expect("written")
        .lines()
        .map(str::to_owned)
        .collect();
    reached.sort();
    assert_eq!(reached, ["1", "2", "3", "4", "5", "6", "7"]);
}

/// Puts mutants, counted from one, into the package; the numbers of those that have found a place.
fn weave<'a>(
    package: &Path,
    mutants: impl Iterator<Item = (&'a str, &'a serde_json::Value, &'a str)>,
) -> Vec<u32> {
    let list: Vec<_> = mutants
        .enumerate()
        .map(|(index, (genre, span, replacement))| {
            json!({
                "number": index + 1, "file": "lib.rs", "genre": genre, "replacement": replacement, "span": span,
            })
        })
        .collect();
    let file = package.join("list.json");
    fs::write(&file, serde_json::to_vec(&list).expect("JSON")).expect("written");

    let woven = Command::new(env!("CARGO_BIN_EXE_lifecycle-mutants"))
        .arg(package)
        .arg(&file)
        .output()
        .expect("runs");
    assert!(
        woven.status.success(),
        "{}",
        String::from_utf8_lossy(&woven.stderr)
    );
    String::from_utf8(woven.stdout)
        .expect("text")
        .lines()
        .map(|line| line.parse().expect("a number"))
        .collect()
}

fn compile(source: &Path, program: &Path) {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let compiled = Command::new(rustc)
        .args(["--edition=2024", "--crate-type=bin", "-Aunused", "-o"])
        .arg(program)
        .arg(source)
        .output()
        .expect("there is a compiler");
    assert!(
        compiled.status.success(),
        "{}",
        String::from_utf8_lossy(&compiled.stderr)
    );
}

fn run(program: &Path, environment: &[(&str, &str)]) -> String {
    let environment: BTreeMap<_, _> = environment.iter().copied().collect();
    let ran = Command::new(program)
        .envs(environment)
        .output()
        .expect("runs");
    assert!(
        ran.status.success(),
        "{}",
        String::from_utf8_lossy(&ran.stderr)
    );
    String::from_utf8(ran.stdout)
        .expect("text")
        .trim_end()
        .to_owned()
}
