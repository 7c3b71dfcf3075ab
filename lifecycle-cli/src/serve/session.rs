//! A drill that the page started: what has happened so far, for whoever watches.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use lifecycle_drill::{Event, Measured, Progress};
use serde::Serialize;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::guard::{REPORTS, random_word};
use crate::drill::{self, Told};

/// So many of the program's own lines are kept, the last ones.
const MOST_LINES: usize = 500;

/// One drill, under way or over.
pub(super) struct Session {
    started: Instant,
    log: Mutex<Log>,
    /// How many entries there have been; who watches waits for more.
    length: watch::Sender<u64>,
    /// Ends the drill early.
    stop: CancellationToken,
}

#[derive(Default)]
struct Log {
    entries: VecDeque<Entry>,
    next: u64,
    lines: usize,
    report: Option<Report>,
    is_over: bool,
}

/// The drill's page, under a name that nobody guesses.
struct Report {
    name: String,
    html: String,
}

/// Something that happened.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Entry {
    /// Counts from 1, with gaps where entries were dropped.
    pub(super) number: u64,
    /// Milliseconds since the drill was asked for.
    at_ms: u64,
    #[serde(flatten)]
    what: What,
}

#[derive(Debug, Clone, Serialize)]
#[serde(tag = "what", rename_all = "kebab-case")]
pub(super) enum What {
    /// A step of the drill.
    Event { words: String },
    /// Something that is to be known about it.
    Note { words: String },
    /// What became of the requests up to now; the last one is kept.
    Traffic {
        served: u64,
        refused: u64,
        refused_at_connect: u64,
        server_error: u64,
        lost: u64,
        in_flight: u64,
    },
    /// A line of the program.
    Output { line: String },
    /// It was measured to its end.
    Verdict {
        passed: bool,
        findings: Vec<lifecycle_drill::measured::Finding>,
        /// What `lifecycle drill` prints.
        text: String,
        /// Where the drill's page is.
        report: String,
    },
    /// It could not be played.
    Failed { words: String },
    /// The page ended it, or this program did.
    Stopped { words: String },
}

impl Log {
    /// Drops the oldest of a kind.
    fn forget(&mut self, is_kind: fn(&What) -> bool) {
        let oldest = self.entries.iter().position(|entry| is_kind(&entry.what));
        if let Some(oldest) = oldest {
            self.entries.remove(oldest);
        }
    }
}

impl Session {
    pub(super) fn new(stop: CancellationToken) -> Self {
        Self {
            started: Instant::now(),
            log: Mutex::default(),
            length: watch::Sender::new(0),
            stop,
        }
    }

    /// Plays it to the end. Leaving this in the middle leaves no process.
    pub(super) async fn play(self: Arc<Self>, told: Told) {
        let progress = self.progress();
        let drill = lifecycle_drill::run(&told.target, &told.script, &told.load, &progress);
        let last = tokio::select! {
            biased;
            () = self.stop.cancelled() => What::Stopped {
                words: "stopped; the process it ran was killed".to_owned(),
            },
            measured = drill => match measured {
                Ok(measured) => self.verdict(measured).unwrap_or_else(|error| What::Failed {
                    words: format!("{error:#}"),
                }),
                Err(error) => What::Failed { words: format!("{error:#}") },
            },
        };
        self.end(last);
    }

    fn progress(self: &Arc<Self>) -> Progress {
        let session = Arc::clone(self);
        Arc::new(move |event| {
            session.push(match event {
                Event::Output(line) => What::Output {
                    line: line.to_owned(),
                },
                Event::Traffic(so_far) => What::Traffic {
                    served: so_far.served,
                    refused: so_far.refused,
                    refused_at_connect: so_far.refused_at_connect,
                    server_error: so_far.server_error,
                    lost: so_far.lost,
                    in_flight: so_far.in_flight,
                },
                event => What::Event {
                    words: event.to_string(),
                },
            });
        })
    }

    fn verdict(&self, measured: Measured) -> anyhow::Result<What> {
        let (passed, findings) = (measured.passed, measured.findings.clone());
        let (html, text) = drill::page_and_text(measured)?;
        let name = random_word()?;
        let report = format!("{REPORTS}{name}");
        self.lock().report = Some(Report { name, html });
        Ok(What::Verdict {
            passed,
            findings,
            text,
            report,
        })
    }

    /// Says something that did not come from the engine.
    pub(super) fn note(&self, words: impl Into<String>) {
        self.push(What::Note {
            words: words.into(),
        });
    }

    pub(super) fn stop(&self) {
        self.stop.cancel();
    }

    pub(super) fn is_over(&self) -> bool {
        self.lock().is_over
    }

    /// The drill's page, where this is its name.
    pub(super) fn report(&self, name: &str) -> Option<String> {
        let log = self.lock();
        let report = log.report.as_ref()?;
        (report.name == name).then(|| report.html.clone())
    }

    /// What has happened after an entry; waits until there is something. `None`: that was all.
    pub(super) async fn after(&self, number: u64) -> Option<Vec<Entry>> {
        let mut length = self.length.subscribe();
        // Nobody sends any more only when the session itself is gone.
        let _ = length.wait_for(|length| *length > number).await;
        let log = self.lock();
        let news = log.entries.iter().filter(|entry| entry.number > number);
        let news: Vec<Entry> = news.cloned().collect();
        (!news.is_empty()).then_some(news)
    }

    fn end(&self, last: What) {
        self.push(last);
        self.lock().is_over = true;
        // Whoever waits behind the last entry is told that there is none.
        self.length.send_replace(u64::MAX);
    }

    fn push(&self, what: What) {
        let mut log = self.lock();
        match what {
            What::Output { .. } => {
                log.lines += 1;
                if log.lines > MOST_LINES {
                    log.lines -= 1;
                    log.forget(|what| matches!(what, What::Output { .. }));
                }
            }
            What::Traffic { .. } => log.forget(|what| matches!(what, What::Traffic { .. })),
            _ => {}
        }
        log.next += 1;
        let number = log.next;
        let at_ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        log.entries.push_back(Entry {
            number,
            at_ms,
            what,
        });
        drop(log);
        // Of two that come at once the later one may be the first here.
        self.length
            .send_modify(|length| *length = number.max(*length));
    }

    fn lock(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
