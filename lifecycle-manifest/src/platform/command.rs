//! A program with its arguments, for platforms that run one and no image.

use crate::finding::{Finding, Place};
use crate::manifest::Written;
use crate::read::Table;
use crate::rules::shape;
use crate::text::{Route, Value};

/// A program and its arguments, no shell implied.
///
/// ```
/// use lifecycle_manifest::{Analysis, Platform};
///
/// let analysis = Analysis::of("\
/// lifecycle: 1
/// service: shop
/// resources:
///   http: { kind: http-server, port: 8080, timeout: 15s }
/// platforms:
///   systemd: { exec: [/usr/local/bin/shop, --port, '8080'] }
/// ");
/// let platforms = analysis.resolved.unwrap().manifest.platforms;
/// let systemd = platforms.iter().find_map(Platform::systemd).unwrap();
/// let program = systemd.exec.as_ref().unwrap();
/// assert_eq!(program.path.value, "/usr/local/bin/shop");
/// assert_eq!(program.arguments[1].route.to_string(), "platforms.systemd.exec[2]");
/// let words: Vec<&str> = program.words().collect();
/// assert_eq!(words, ["/usr/local/bin/shop", "--port", "8080"]);
/// ```
#[derive(Debug, Clone)]
pub struct Program {
    /// Where it stands.
    pub route: Route,
    /// The program.
    pub path: Written<String>,
    /// Its arguments.
    pub arguments: Vec<Written<String>>,
}

impl Program {
    /// The program and its arguments.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.path)
            .chain(&self.arguments)
            .map(|word| word.value.as_str())
    }
}

/// Where a program may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Path {
    /// From the root.
    Absolute,
    /// Anywhere.
    Any,
}

/// A list of words; a single word is a program without arguments.
pub(super) fn read(table: &mut Table<'_, '_>, key: &'static str, where_: Path) -> Option<Program> {
    let entry = table.entry(key)?;
    let route = table.route().key(key);
    let words: Vec<Written<String>> = match &entry.value.value {
        Value::Sequence(items) => {
            let items = items.iter().enumerate();
            items
                .map(|(at, item)| table.scalar(item, route.index(at), "text"))
                .collect::<Option<_>>()?
        }
        _ => vec![table.scalar(
            &entry.value,
            route.clone(),
            "a list: the program and its arguments",
        )?],
    };
    let mut words = words.into_iter();
    let Some(path) = words.next() else {
        let message = format!("`{route}` names no program");
        let finding = Finding::new(&shape::WRONG_TYPE, message, Place::Value(route));
        table.push(finding.help("write `[/PROGRAM, ARGUMENT]`"));
        return None;
    };
    let program = Program {
        route,
        path,
        arguments: words.collect(),
    };
    match complaint(&program, where_) {
        None => Some(program),
        Some(finding) => {
            table.push(finding);
            None
        }
    }
}

fn complaint(program: &Program, where_: Path) -> Option<Finding> {
    let path = &program.path;
    let at = |place: &Written<String>, what: &str, help: String| {
        let message = format!("`{}` {what}", place.route);
        let place = Place::Value(place.route.clone());
        Some(Finding::new(&shape::OUT_OF_RANGE, message, place).help(help))
    };
    let mut words = std::iter::once(path).chain(&program.arguments);
    if let Some(word) = words.find(|word| word.value.contains('\0')) {
        let help = "take the NUL character away: no command line can hold it".to_owned();
        return at(word, "holds a NUL character", help);
    }
    let value = path.value.as_str();
    let mut split = value.split_whitespace();
    if let (Some(first), Some(_)) = (split.next(), split.next())
        && path.route == program.route
    {
        let words: Vec<&str> = std::iter::once(first)
            .chain(value.split_whitespace().skip(1))
            .collect();
        let help = format!(
            "write each word for itself, `[{}]`; for a path with a space in it, `[\"…\"]`",
            words.join(", ")
        );
        return at(path, "is one word, and this looks like several", help);
    }
    if where_ == Path::Absolute && !value.starts_with('/') {
        let help = "write the path from the root, such as `/usr/local/bin/shop`".to_owned();
        return at(path, "begins with the program's whole path", help);
    }
    let odd = |part: &str| part == "." || part == "..";
    let is_folder = value.is_empty() || value.ends_with('/');
    if is_folder || where_ == Path::Absolute && value.split('/').any(odd) {
        let help = "write a path such as `/usr/local/bin/shop`, without `.` and `..`".to_owned();
        return at(path, "takes the path of a program", help);
    }
    None
}

/// A program and its arguments, or a program alone.
#[cfg(feature = "schema")]
#[derive(schemars::JsonSchema)]
#[schemars(untagged, rename = "Program")]
#[allow(dead_code, reason = "only its shape is read")]
pub(super) enum Schema {
    /// A program without arguments.
    Program(String),
    /// The program and its arguments.
    Words(#[schemars(length(min = 1))] Vec<String>),
}
