//! Messages on the wire, read in bounded memory: the library takes any length for granted.

use std::io::{self, BufRead, Read as _, Write};

use lsp_server::{ErrorCode, Message};

/// No manifest is so large, and no message about one.
const LONGEST: usize = 64 << 20;

/// No header is so long.
const LONGEST_HEADER: u64 = 4 << 10;

/// Reads the next message. What is none comes as words about it, and the bytes behind it are still to
/// be read; `None` at the end.
pub(super) fn read(input: &mut impl BufRead) -> io::Result<Option<Result<Message, String>>> {
    let mut length = None;
    loop {
        let mut line = Vec::new();
        let read = input
            .by_ref()
            .take(LONGEST_HEADER)
            .read_until(b'\n', &mut line)?;
        if read == 0 {
            return Ok(None);
        }
        let line = String::from_utf8_lossy(line.trim_ascii_end());
        if line.is_empty() {
            break;
        }
        let Some((name, value)) = line.split_once(':') else {
            return Ok(Some(
                Err("a line among the headers that is none".to_owned()),
            ));
        };
        if name.eq_ignore_ascii_case("Content-Length") {
            length = value
                .trim()
                .parse()
                .ok()
                .filter(|&length| length <= LONGEST);
            if length.is_none() {
                return Ok(Some(Err("this is no length of a message".to_owned())));
            }
        }
    }
    let Some(length) = length else {
        return Ok(Some(Err("no length among the headers".to_owned())));
    };
    let mut body = vec![0; length];
    input.read_exact(&mut body)?;
    let message = serde_json::from_slice(&body);
    Ok(Some(message.map_err(|error| error.to_string())))
}

/// Answers what cannot be read. The answer has no number to answer to, which the library does not
/// know.
pub(super) fn write_unreadable(out: &mut impl Write, words: &str) -> io::Result<()> {
    let answer = serde_json::json!({
        "jsonrpc": "2.0",
        "id": null,
        "error": { "code": ErrorCode::ParseError as i32, "message": words },
    });
    let text = answer.to_string();
    write!(out, "Content-Length: {}\r\n\r\n{text}", text.len())?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The methods of the messages in these bytes, and `?` for what is none.
    fn methods(bytes: &[u8]) -> Vec<String> {
        let mut input = io::BufReader::new(bytes);
        let mut found = Vec::new();
        while let Ok(Some(message)) = read(&mut input) {
            found.push(match message {
                Ok(Message::Notification(it)) => it.method,
                Ok(other) => format!("{other:?}"),
                Err(_) => "?".to_owned(),
            });
        }
        found
    }

    #[test]
    fn reading_goes_on_behind_what_is_no_message() {
        let good = r#"{"jsonrpc":"2.0","method":"a"}"#;
        let framed = format!("Content-Length: {}\r\n\r\n{good}", good.len());
        for (before, found) in [
            ("", "a"),
            ("Content-Type: x; charset=utf-8\r\n", "a"),
            ("Content-Length: 1\r\n\r\n{", "? a"),
            ("Content-Length: 99999999999999\r\n\r\n", "? ? a"),
            ("Content-Length: -1\r\n", "? a"),
            ("odd\r\n", "? a"),
            ("\r\n", "? a"),
        ] {
            assert_eq!(
                methods(format!("{before}{framed}").as_bytes()).join(" "),
                found,
                "{before:?}"
            );
        }
        assert_eq!(
            methods(&framed.as_bytes()[..framed.len() - 1]),
            [] as [&str; 0],
            "cut off"
        );
        let loud = format!(
            "{framed}{}",
            framed.replace("Content-Length: ", "content-length:")
        );
        assert_eq!(methods(loud.as_bytes()).join(" "), "a a");
    }

    proptest! {
        #[test]
        fn no_bytes_panic_or_hold_up(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(methods(&bytes).len() <= bytes.len());
        }
    }
}
