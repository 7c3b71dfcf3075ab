//! The words of unit files: how systemd splits and unquotes a value, and how to write one that it reads
//! back as it was meant.
//!
//! Source: systemd 252, `src/basic/extract-word.c`, `src/basic/escape.c`, `src/basic/env-util.c`,
//! `src/basic/time-util.c` and `systemd.syntax(7)`.

use std::fmt::Write as _;
use std::time::Duration;

/// What becomes of a word once it has been unquoted.
///
/// ```
/// use lifecycle_manifest::deployed::unit::{Expands, quote};
/// assert_eq!(quote("5% of $HOME", Expands::Specifiers), r#""5%% of $HOME""#);
/// assert_eq!(quote("5% of $HOME", Expands::Variables), r#""5%% of $$HOME""#);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expands {
    /// `%` begins a specifier: `Environment=` and most other keys.
    Specifiers,
    /// `$` begins a variable as well: the arguments of `ExecStart=` and its like.
    Variables,
}

/// Text in double quotes that systemd takes for that same text, in a list of words.
///
/// ```
/// use lifecycle_manifest::deployed::unit::{Expands, quote};
/// assert_eq!(quote("100% of $HOME", Expands::Variables), r#""100%% of $$HOME""#);
/// ```
pub fn quote(text: &str, expands: Expands) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            '%' => quoted.push_str("%%"),
            '$' if expands == Expands::Variables => quoted.push_str("$$"),
            // Controls, and what systemd does not let stand in a file: as their bytes.
            '\u{1}'..='\u{1f}' | '\u{7f}' | '\u{fdd0}'..='\u{fdef}' => escape(c, &mut quoted),
            c if u32::from(c) & 0xfffe == 0xfffe => escape(c, &mut quoted),
            // No word of systemd's holds it; whoever reads manifests refuses it.
            '\0' => {}
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

fn escape(c: char, quoted: &mut String) {
    for byte in c.encode_utf8(&mut [0; 4]).bytes() {
        // Writing to a `String` cannot fail.
        let _ = write!(quoted, "\\x{byte:02x}");
    }
}

/// Text for a key that takes a single value, which systemd does not unquote: on one line, and without
/// specifiers.
///
/// ```
/// use lifecycle_manifest::deployed::unit::value;
/// assert_eq!(value("The shop\nat 100%"), "The shop at 100%%");
/// ```
pub fn value(text: &str) -> String {
    let line: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let line = line.trim().replace('%', "%%");
    // A backslash at its end would take the next line along.
    match line.ends_with('\\') {
        true => line + " .",
        false => line,
    }
}

/// A command line: the program, in which `$` stands for itself, and its arguments.
///
/// ```
/// use lifecycle_manifest::deployed::unit::command_line;
/// assert_eq!(
///     command_line(["/bin/shop", "--port=8080", "5% of $HOME"]),
///     r#"/bin/shop --port=8080 "5%% of $$HOME""#,
/// );
/// ```
pub fn command_line<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let quoted = words.into_iter().enumerate().map(|(at, word)| {
        let expands = match at {
            0 => Expands::Specifiers,
            _ => Expands::Variables,
        };
        // What needs no quotes is better read without.
        match is_plain(word) {
            true => word.to_owned(),
            false => quote(word, expands),
        }
    });
    quoted.collect::<Vec<_>>().join(" ")
}

fn is_plain(word: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+=:,@".contains(c);
    !word.is_empty() && word.chars().all(plain)
}

/// The words of a value; `None` where systemd cannot read it: a quote that is not closed.
///
/// ```
/// use lifecycle_manifest::deployed::unit::{Expands, words};
/// let environment = words(r#"PORT=8080 "GREETING=good day" LOAD=5%%"#, Expands::Specifiers);
/// assert_eq!(environment.unwrap(), ["PORT=8080", "GREETING=good day", "LOAD=5%"]);
/// assert_eq!(words(r#""GREETING=good day"#, Expands::Specifiers), None);
/// ```
pub fn words(value: &str, expands: Expands) -> Option<Vec<String>> {
    let split = split(value)?;
    Some(
        split
            .into_iter()
            .map(|word| expand(&word, expands))
            .collect(),
    )
}

/// One of the commands of a value.
///
/// ```
/// use lifecycle_manifest::deployed::unit::{Command, commands};
/// assert_eq!(commands("-/bin/kill -QUIT $MAINPID").unwrap(), [Command {
///     words: ["/bin/kill", "-QUIT", "$MAINPID"].map(str::to_owned).to_vec(),
///     may_fail: true,
///     is_computed: true,
/// }]);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Command {
    /// The program and its arguments.
    pub words: Vec<String>,
    /// `-`: its failure is none.
    pub may_fail: bool,
    /// systemd puts something else in the place of a part of it: a specifier, a variable.
    pub is_computed: bool,
}

/// The commands of an `Exec…=` value, which may hold several with a lone `;` between them; `None`
/// where systemd cannot read it.
///
/// ```
/// use lifecycle_manifest::deployed::unit::commands;
/// let both = commands("/bin/leave 'the pool' ; /bin/sleep 5").unwrap();
/// assert_eq!(both.len(), 2);
/// assert_eq!(both[0].words, ["/bin/leave", "the pool"]);
/// assert_eq!(both[1].words, ["/bin/sleep", "5"]);
/// assert_eq!(commands("/bin/leave 'the pool"), None);
/// ```
pub fn commands(value: &str) -> Option<Vec<Command>> {
    let mut commands = Vec::new();
    for words in split_commands(value)? {
        let Some((first, arguments)) = words.split_first() else {
            continue;
        };
        let program = first.trim_start_matches(PREFIXES);
        let prefix = &first[..first.len() - program.len()];
        let mut arguments = arguments.iter();
        if prefix.contains('@') {
            // What the program is to take for its own name.
            arguments.next();
        }
        let expands = match prefix.contains(':') {
            true => Expands::Specifiers,
            false => Expands::Variables,
        };
        let computed = |word: &str| {
            word.replace("%%", "").contains('%')
                || expands == Expands::Variables && word.replace("$$", "").contains('$')
        };
        let is_computed =
            program.replace("%%", "").contains('%') || arguments.clone().any(|word| computed(word));
        let arguments = arguments.map(|word| expand(word, expands));
        commands.push(Command {
            is_computed,
            words: std::iter::once(expand(program, Expands::Specifiers))
                .chain(arguments)
                .collect(),
            may_fail: prefix.contains('-'),
        });
    }
    Some(commands)
}

/// What may stand before a program: `-`, `@`, `:`, `+`, `!`, `|`.
const PREFIXES: [char; 6] = ['-', '@', ':', '+', '!', '|'];

fn split(value: &str) -> Option<Vec<String>> {
    Some(
        split_commands_with(value, false)?
            .into_iter()
            .flatten()
            .collect(),
    )
}

fn split_commands(value: &str) -> Option<Vec<Vec<String>>> {
    split_commands_with(value, true)
}

/// Splits at white space, and where asked at a lone `;`; quotes and escapes are resolved.
fn split_commands_with(value: &str, at_semicolons: bool) -> Option<Vec<Vec<String>>> {
    const WHITE: [char; 4] = [' ', '\t', '\n', '\r'];
    let mut commands = vec![Vec::new()];
    let mut rest = value;
    loop {
        rest = rest.trim_start_matches(WHITE);
        if rest.is_empty() {
            return Some(commands);
        }
        let end = rest.find(WHITE).unwrap_or(rest.len());
        match &rest[..end] {
            ";" if at_semicolons => commands.push(Vec::new()),
            "\\;" if at_semicolons => last(&mut commands).push(";".to_owned()),
            _ => {
                let (word, after) = next_word(rest, WHITE)?;
                last(&mut commands).push(word);
                rest = after;
                continue;
            }
        }
        rest = &rest[end..];
    }
}

fn last(commands: &mut Vec<Vec<String>>) -> &mut Vec<String> {
    if commands.is_empty() {
        commands.push(Vec::new());
    }
    let at = commands.len() - 1;
    &mut commands[at]
}

/// The word that a text begins with, and what is behind it.
fn next_word(text: &str, white: [char; 4]) -> Option<(String, &str)> {
    let mut bytes = Vec::new();
    let mut quoted: Option<char> = None;
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match (quoted, c) {
            (Some(quote), c) if c == quote => quoted = None,
            (None, '"' | '\'') => quoted = Some(c),
            (None, c) if white.contains(&c) => {
                return Some((String::from_utf8_lossy(&bytes).into_owned(), &text[at..]));
            }
            (_, '\\') => {
                let (escaped, length) = unescape(&text[at + 1..]);
                // Unknown escapes stand for themselves, a space behind the backslash too.
                let behind = at + 1 + length;
                match escaped {
                    Some(escaped) => bytes.extend(escaped),
                    None => bytes.extend(&text.as_bytes()[at..behind]),
                }
                while chars.clone().next().is_some_and(|(at, _)| at < behind) {
                    chars.next();
                }
            }
            (_, c) => bytes.extend(c.encode_utf8(&mut [0; 4]).bytes()),
        }
    }
    quoted
        .is_none()
        .then(|| (String::from_utf8_lossy(&bytes).into_owned(), ""))
}

/// What stands for the escape that begins behind a backslash, and how long it is; of one that is none,
/// the character there.
fn unescape(text: &str) -> (Option<Vec<u8>>, usize) {
    match escape_of(text) {
        (Some(bytes), length) => (Some(bytes), length),
        (None, _) => (None, text.chars().next().map_or(0, char::len_utf8)),
    }
}

fn escape_of(text: &str) -> (Option<Vec<u8>>, usize) {
    let Some(first) = text.chars().next() else {
        return (None, 0);
    };
    let plain = match first {
        'a' => 0x07,
        'b' => 0x08,
        'f' => 0x0c,
        'n' => b'\n',
        'r' => b'\r',
        't' => b'\t',
        'v' => 0x0b,
        's' => b' ',
        '\\' | '"' | '\'' => u8::try_from(u32::from(first)).unwrap_or(b'\\'),
        _ => 0,
    };
    if plain != 0 {
        return (Some(vec![plain]), 1);
    }
    let number = |digits: &str, radix| {
        let all = digits.chars().all(|c| c.is_digit(radix));
        let number = u32::from_str_radix(digits, radix).ok().filter(|_| all);
        number.filter(|&it| it != 0)
    };
    let byte = |number: Option<u32>| Some(vec![u8::try_from(number?).ok()?]);
    let character = |number: Option<u32>| {
        let c = char::from_u32(number?)?;
        Some(c.encode_utf8(&mut [0; 4]).as_bytes().to_vec())
    };
    let digits = |from: usize, count: usize| text.get(from..from + count).unwrap_or_default();
    match first {
        'x' => (byte(number(digits(1, 2), 16)), 3),
        'u' => (character(number(digits(1, 4), 16)), 5),
        'U' => (character(number(digits(1, 8), 16)), 9),
        '0'..='3' => (byte(number(digits(0, 3), 8)), 3),
        _ => (None, 0),
    }
}

/// `%%` is `%`, and where variables are expanded `$$` is `$`. What else systemd puts there is not
/// known from the file, and stays as it stands.
fn expand(word: &str, expands: Expands) -> String {
    let word = word.replace("%%", "%");
    match expands {
        Expands::Specifiers => word,
        Expands::Variables => word.replace("$$", "$"),
    }
}

/// A time span: `90`, `1min 30s`, `1.5h`, `infinity`.
///
/// ```
/// use lifecycle_manifest::deployed::unit::{TimeSpan, time_span};
/// let limit = |text| match time_span(text)? {
///     TimeSpan::Finite(duration) => Some(format!("{}s", duration.as_secs())),
///     TimeSpan::Infinite => Some("none".to_owned()),
/// };
/// assert_eq!(limit("1.5h").as_deref(), Some("5400s"));
/// assert_eq!(limit("infinity").as_deref(), Some("none"));
/// assert_eq!(limit("soon"), None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeSpan {
    /// So long.
    Finite(Duration),
    /// No limit.
    Infinite,
}

/// The unit's names, and how many microseconds each has.
const UNITS: [(&[&str], u64); 9] = [
    (&["usec", "us", "µs", "μs"], 1),
    (&["msec", "ms"], 1_000),
    (&["seconds", "second", "sec", "s"], 1_000_000),
    (&["minutes", "minute", "min", "m"], 60_000_000),
    (&["hours", "hour", "hr", "h"], 3_600_000_000),
    (&["days", "day", "d"], 86_400_000_000),
    (&["weeks", "week", "w"], 604_800_000_000),
    (&["months", "month", "M"], 2_629_800_000_000),
    (&["years", "year", "y"], 31_557_600_000_000),
];

/// A time span as systemd reads it; a number without a unit is one of seconds. `None` where it is none.
///
/// ```
/// use std::time::Duration;
/// use lifecycle_manifest::deployed::unit::{TimeSpan, time_span};
/// assert_eq!(time_span("1min 30s"), Some(TimeSpan::Finite(Duration::from_secs(90))));
/// assert_eq!(time_span("infinity"), Some(TimeSpan::Infinite));
/// ```
pub fn time_span(text: &str) -> Option<TimeSpan> {
    let mut rest = text.trim();
    if rest == "infinity" {
        return Some(TimeSpan::Infinite);
    }
    let mut micros = 0_u64;
    let mut any = false;
    while !rest.is_empty() {
        let digits = rest
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(rest.len());
        let whole = &rest[..digits];
        rest = &rest[digits..];
        let mut fraction = "";
        if let Some(behind) = rest.strip_prefix('.') {
            let digits = behind
                .find(|c: char| !c.is_ascii_digit())
                .unwrap_or(behind.len());
            (fraction, rest) = behind.split_at(digits);
        }
        if whole.is_empty() {
            return None;
        }
        rest = rest.trim_start();
        let letters = rest
            .find(|c: char| !c.is_alphabetic())
            .unwrap_or(rest.len());
        let name = &rest[..letters];
        let each = match name {
            "" => 1_000_000,
            name => UNITS.iter().find(|(names, _)| names.contains(&name))?.1,
        };
        rest = rest[letters..].trim_start();
        let mut span = whole.parse::<u64>().ok()?.checked_mul(each)?;
        let mut tenth = each;
        for digit in fraction.bytes() {
            tenth /= 10;
            span = span.checked_add(u64::from(digit - b'0') * tenth)?;
        }
        micros = micros.checked_add(span)?;
        any = true;
    }
    any.then_some(TimeSpan::Finite(Duration::from_micros(micros)))
}

/// A duration as a time span: whole seconds where it is, milliseconds where it is not.
///
/// ```
/// use std::time::Duration;
/// use lifecycle_manifest::deployed::unit::show_time_span;
/// assert_eq!(show_time_span(Duration::from_secs(90)), "90s");
/// assert_eq!(show_time_span(Duration::from_millis(1_500)), "1500ms");
/// ```
pub fn show_time_span(duration: Duration) -> String {
    match duration.subsec_millis() {
        0 => format!("{}s", duration.as_secs()),
        _ => format!("{}ms", duration.as_millis()),
    }
}

#[cfg(test)]
mod tests;
