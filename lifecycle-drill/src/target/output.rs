//! What the process says on stdout and stderr: passed on line by line, and the end of it kept.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use crate::{Event, Progress};

/// How many of the last lines are kept.
const LINES: usize = 40;
/// No line is kept beyond this many bytes; the rest of it is dropped.
const LINE_BYTES: usize = 2_048;

/// How long lines that are still on their way are waited for once the process has ended.
const STRAGGLERS: Duration = Duration::from_millis(500);

/// The last lines of a process.
#[derive(Default)]
pub(crate) struct Output {
    lines: Mutex<VecDeque<String>>,
    /// How many streams are still being read.
    open: Mutex<usize>,
    ended: Condvar,
}

impl Output {
    /// Reads `stream` to its end on a thread of its own.
    ///
    /// A thread and not a task: a talkative process must never wait for the drill, or the drill
    /// would measure itself.
    pub(crate) fn follow(
        self: &Arc<Self>,
        stream: impl Read + Send + 'static,
        progress: &Progress,
    ) -> std::io::Result<()> {
        let (output, progress) = (Arc::clone(self), Arc::clone(progress));
        *self.open.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        // Never joined: a stream ends when the last process that holds it ends, and a process that
        // left the group may hold it for ever.
        std::thread::Builder::new()
            .name("drill-output".to_owned())
            .spawn(move || {
                each_line(BufReader::new(stream), |line| {
                    progress(Event::Output(line));
                    output.push(line.to_owned());
                });
                *output.open.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
                output.ended.notify_all();
            })?;
        Ok(())
    }

    fn push(&self, line: String) {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == LINES {
            lines.pop_front();
        }
        lines.push_back(line);
    }

    /// The last lines, the oldest first. The process has ended: what it wrote just before is waited
    /// for, but not for whoever has inherited its streams.
    pub(crate) fn last(&self) -> Vec<String> {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        drop(
            self.ended
                .wait_timeout_while(open, STRAGGLERS, |open| *open > 0),
        );
        self.lines
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .cloned()
            .collect()
    }
}

/// Calls `take` for every line, cut at [`LINE_BYTES`], with what is not text or would move the
/// cursor replaced.
fn each_line(mut from: impl BufRead, mut take: impl FnMut(&str)) {
    let mut line = Vec::new();
    let mut emit = |line: &mut Vec<u8>| {
        let text = String::from_utf8_lossy(line);
        let clean: String = text
            .chars()
            .map(|c| if c.is_control() && c != '\t' { '·' } else { c })
            .collect();
        take(clean.trim_end_matches('·'));
        line.clear();
    };
    while let Ok(chunk) = from.fill_buf() {
        if chunk.is_empty() {
            break;
        }
        let (part, used, complete) = match chunk.iter().position(|byte| *byte == b'\n') {
            Some(end) => (&chunk[..end], end + 1, true),
            None => (chunk, chunk.len(), false),
        };
        let room = LINE_BYTES.saturating_sub(line.len());
        line.extend_from_slice(&part[..part.len().min(room)]);
        from.consume(used);
        if complete {
            emit(&mut line);
        }
    }
    if !line.is_empty() {
        emit(&mut line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &[u8]) -> Vec<String> {
        let mut all = Vec::new();
        each_line(text, |line| all.push(line.to_owned()));
        all
    }

    #[test]
    fn lines_are_cleaned_and_cut() {
        assert_eq!(
            lines(b"one\r\ntwo\n\x1b[31mred\nlast"),
            ["one", "two", "·[31mred", "last"]
        );
        assert_eq!(lines(b""), Vec::<String>::new());
        let long = lines(&[b'x'; 10_000]);
        assert_eq!(long.len(), 1);
        assert_eq!(long[0].len(), LINE_BYTES);
    }

    #[test]
    fn only_the_end_is_kept() {
        let output = Output::default();
        for n in 0..LINES + 5 {
            output.push(n.to_string());
        }
        assert_eq!(output.last().first().map(String::as_str), Some("5"));
        assert_eq!(output.last().len(), LINES);
    }
}
