//! Words that a manifest may hold and that a unit file could make something else of.

use std::fmt::Write as _;

/// Every character that means something to systemd, to a shell or to a reader of lines, in places where
/// it would; and words of random characters, always the same.
pub(crate) fn odd() -> Vec<String> {
    let mut words: Vec<String> = [
        "plain",
        "",
        " ",
        "a b",
        "  lead",
        "trail  ",
        "%",
        "%%",
        "%n",
        "%i%H",
        "100%",
        "$",
        "$$",
        "$HOME",
        "${HOME}",
        "$${HOME}",
        "a$b",
        "\\",
        "\\\\",
        "a\\",
        "\\n",
        "\\x41",
        "\"",
        "'",
        "\"a\"",
        "it's",
        "a\"b'c",
        ";",
        "\\;",
        "; /bin/false",
        "#",
        "# no",
        "[Service]",
        "=",
        "A=b",
        "-",
        "-x",
        "@",
        ":",
        "+",
        "!",
        "|",
        "&&",
        "*",
        "~",
        "`id`",
        "$(id)",
        "a\nb",
        "\n",
        "\r\n",
        "\t",
        "\u{1}",
        "\u{7f}",
        "\u{85}",
        "\u{a0}",
        "é",
        "日本",
        "🛒",
        "\u{2028}",
        "\u{feff}",
        "\u{fffd}",
        "\u{1f}\u{1b}[0m",
        "ends in \\\\\\",
    ]
    .map(str::to_owned)
    .to_vec();
    let alphabet: Vec<char> = "ab \t\n\\\"'$%{};#=-@:!é🛒".chars().collect();
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    for _ in 0..40 {
        let mut word = String::new();
        for _ in 0..12 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            word.push(alphabet[usize::try_from(state % alphabet.len() as u64).unwrap()]);
        }
        words.push(word);
    }
    words
}

/// A list of a manifest: JSON is YAML, but for the characters that YAML wants escaped.
pub(crate) fn list(words: &[String]) -> String {
    let json = serde_json::to_string(words).unwrap();
    let mut list = String::new();
    for c in json.chars() {
        match c {
            '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' => {
                let _ = write!(list, "\\u{:04x}", u32::from(c));
            }
            c => list.push(c),
        }
    }
    list
}
