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

const fn doubled(number: u32) -> u32 {
    number + number
}

fn even(most: u32) -> impl Iterator<Item = u32> {
    (0..most).step_by(2)
}

fn sum(numbers: &[u32]) -> u32 {
    let mut sum = 1;
    for number in numbers { sum += number; }
    sum
}

fn not(value: bool) -> bool {
    !value
}

fn large(number: Option<u32>) -> bool {
    if let Some(number) = number && number > 9 { true } else { false }
}

fn main() {
    let mut asked = 0;
    let (first, second) = (both(false, &mut asked), both(true, &mut asked));
    println!("{} {first} {second} {asked} {} {} {} {:?} {} {}",
        seconds(), sign(0), sign(-1), sign(1), limits(7), 2 + 3 * 4, !(1 == 2));
    println!("{} {:?} {} {} {}",
        doubled(3), even(5).collect::<Vec<_>>(), sum(&[2, 4]), not(true), large(Some(10)));
}
"#;

/// What it prints.
const FIRST: &str = "30 false true 1 none minus plus Limits { soft: 7, hard: 2 } 14 true";
const SECOND: &str = "6 [0, 2, 4] 7 false true";

/// The place of some text: line and column, both from one.
fn at(needle: &str, offset: usize) -> serde_json::Value {
    let before = &PROGRAM[..PROGRAM.find(needle).expect("the program has it") + offset];
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().expect("a line").chars().count() + 1;
    json!({ "start": { "line": line, "column": column } })
}

/// Genre, place and replacement, and what the program prints with it.
fn mutants() -> Vec<(&'static str, serde_json::Value, &'static str, [String; 2])> {
    vec![
        (
            "FnValue",
            at("    30", 4),
            "0",
            [FIRST.replace("30", "0"), SECOND.into()],
        ),
        (
            "BinaryOperator",
            at("left && {", 5),
            "||",
            [FIRST.replace("false true", "true true"), SECOND.into()],
        ),
        (
            "BinaryOperator",
            at("*right > 0", 7),
            "==",
            [FIRST.replace("false true", "false false"), SECOND.into()],
        ),
        (
            "MatchArm",
            at("0 => \"none\"", 0),
            "",
            [FIRST.replace("none", "plus"), SECOND.into()],
        ),
        (
            "MatchArmGuard",
            at("n < 0", 0),
            "true",
            [FIRST.replace("plus", "minus"), SECOND.into()],
        ),
        (
            "BinaryOperator",
            at("n < 0", 2),
            ">",
            [FIRST.replace("minus plus", "plus minus"), SECOND.into()],
        ),
        (
            "StructField",
            at("soft, ..", 0),
            "",
            [FIRST.replace("soft: 7", "soft: 1"), SECOND.into()],
        ),
        (
            "FnValue",
            at("number + number", 0),
            "1",
            [FIRST.into(), SECOND.replace("6 [", "1 [")],
        ),
        (
            "BinaryOperator",
            at("number + number", 7),
            "*",
            [FIRST.into(), SECOND.replace("6 [", "9 [")],
        ),
        (
            "FnValue",
            at("(0..most)", 0),
            "::std::iter::empty()",
            [FIRST.into(), SECOND.replace("0, 2, 4", "")],
        ),
        (
            "BinaryOperator",
            at("sum += number", 4),
            "*=",
            [FIRST.into(), SECOND.replace("] 7", "] 8")],
        ),
        (
            "UnaryOperator",
            at("!value", 0),
            "",
            [FIRST.into(), SECOND.replace("false true", "true true")],
        ),
        // What macros hold is not looked at, by either tool.
        ("BinaryOperator", at("2 + 3", 2), "-", Default::default()),
        // Nobody compiles this.
        (
            "BinaryOperator",
            at("number && number", 7),
            "||",
            Default::default(),
        ),
    ]
}

#[test]
fn each_mutant_acts_behind_its_number_and_none_without() {
    let directory = tempfile::tempdir().expect("a directory");
    let package = directory.path();
    fs::create_dir(package.join("src")).expect("made");
    fs::write(package.join("src/lib.rs"), PROGRAM).expect("written");
    let mutants = mutants();
    let placed = weave(
        package,
        mutants
            .iter()
            .map(|(genre, span, replacement, _)| (*genre, span, *replacement)),
    );
    let behind_numbers: Vec<String> = (1..=12).map(|number| number.to_string()).collect();
    assert_eq!(placed[..12], behind_numbers);
    assert_eq!(placed[12..], ["!14"]);

    let program = package.join("program");
    compile(&package.join("src/lib.rs"), &program);
    assert_eq!(run(&program, &[]), format!("{FIRST}\n{SECOND}"));
    for (number, (_, _, _, prints)) in behind_numbers.iter().zip(&mutants) {
        let printed = run(&program, &[("MUTANT", number)]);
        assert_eq!(printed, prints.join("\n"), "{number}");
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
    reached.sort_by_key(|number| number.parse::<u32>().ok());
    assert_eq!(reached, behind_numbers);
}

/// Puts mutants, counted from one, into the package, and hands on what is printed of them.
fn weave<'a>(
    package: &Path,
    mutants: impl Iterator<Item = (&'a str, &'a serde_json::Value, &'a str)>,
) -> Vec<String> {
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
        .map(str::to_owned)
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
