//! What looks like a secret in a command line or an address, and does not go into a record.

use std::borrow::Cow;

/// What stands in the place of one.
const MASK: &str = "***";
/// A name that ends with one of these, in any case, is that of a secret.
const NAMES: [&str; 7] = [
    "password",
    "passwd",
    "passphrase",
    "token",
    "secret",
    "key",
    "credentials",
];

/// Whether what has this name is a secret: `--db-password`, `API_KEY`, `client_secret`.
fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    NAMES.iter().any(|end| name.ends_with(end))
}

/// A text with the values of secret names masked, `NAME=VALUE` up to the next `&` or blank, and the
/// password of an address with a user: `postgres://shop:***@db`.
pub(crate) fn masked(text: &str) -> Cow<'_, str> {
    if !text.contains(['=', '@']) {
        return Cow::Borrowed(text);
    }
    let ends = |c: char| c.is_whitespace() || matches!(c, '&' | ';' | '"' | '\'');
    let mut told = String::with_capacity(text.len());
    for piece in text.split_inclusive(ends) {
        let end = piece.trim_end_matches(ends).len();
        let (word, rest) = piece.split_at(end);
        match word.split_once('=') {
            Some((name, value)) if is_secret(name) && !value.is_empty() => {
                told.extend([name, "=", MASK]);
            }
            _ => told.push_str(&without_password(word)),
        }
        told.push_str(rest);
    }
    Cow::Owned(told)
}

fn without_password(word: &str) -> Cow<'_, str> {
    let parts = word.split_once("://").and_then(|(scheme, rest)| {
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let (user, host) = authority.rsplit_once('@')?;
        let (user, _) = user.split_once(':')?;
        Some(format!(
            "{scheme}://{user}:{MASK}@{host}{}",
            &rest[authority.len()..]
        ))
    });
    parts.map_or(Cow::Borrowed(word), Cow::Owned)
}

/// A command line with its secrets masked, also where one is an argument of its own: `--token VALUE`.
pub(crate) fn masked_line(line: &[String]) -> Vec<String> {
    let mut follows = false;
    let mask = |word: &String| {
        let secret = std::mem::replace(&mut follows, word.starts_with('-') && is_secret(word));
        match secret && !word.starts_with('-') {
            true => MASK.to_owned(),
            false => masked(word).into_owned(),
        }
    };
    line.iter().map(mask).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_masked_and_nothing_else() {
        for (text, told) in [
            ("GET /a?token=abc&page=2", "GET /a?token=***&page=2"),
            ("/a?page=2&api_key=abc", "/a?page=2&api_key=***"),
            ("--db-password=x", "--db-password=***"),
            ("DB_PASSWORD=x y", "DB_PASSWORD=*** y"),
            (
                "postgres://shop:pw@db:5432/x?a=b",
                "postgres://shop:***@db:5432/x?a=b",
            ),
            ("a=b@c", "a=b@c"),
            ("http://127.0.0.1:80/@x", "http://127.0.0.1:80/@x"),
            ("keyboard=us", "keyboard=us"),
        ] {
            assert_eq!(masked(text), told);
        }
    }

    #[test]
    fn a_secret_may_be_the_next_word() {
        let line: Vec<String> = "serve --token abc --port 80 --api-key --quiet x"
            .split(' ')
            .map(str::to_owned)
            .collect();
        assert_eq!(
            masked_line(&line).join(" "),
            "serve --token *** --port 80 --api-key --quiet x"
        );
    }
}
