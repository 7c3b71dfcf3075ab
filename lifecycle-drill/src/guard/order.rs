//! What the drill and its guard say to each other: one JSON document a line.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::target::process::Status;

/// The drill's first word to its guard.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Order {
    /// Which drill this is.
    pub(crate) mark: String,
    /// What to start; `None` where an engine does that.
    pub(crate) start: Option<Start>,
    /// What to undo in the end, in this order.
    pub(crate) undo: Vec<Undo>,
}

/// A process to start, in a group of its own.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Start {
    /// The program and its arguments.
    pub(crate) command: Vec<String>,
    /// Where it runs; where the drill does when `None`.
    pub(crate) directory: Option<PathBuf>,
    /// Variables that it does not inherit.
    pub(crate) without: Vec<String>,
    /// Set beside what it inherits.
    pub(crate) env: Vec<(String, String)>,
    /// How many descriptors it may have, where that is not what it inherits.
    pub(crate) descriptors: Option<u64>,
}

/// A command that removes something from an engine, or puts it back as it was.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Undo {
    /// What it does, for sentences: `the container shop could not be removed`.
    pub(crate) unless: String,
    /// The command.
    pub(crate) command: Vec<String>,
    /// What its failure says when there was nothing to undo; one that is empty fits every failure.
    pub(crate) nothing_to_do: Vec<String>,
}

/// What the drill may say after its order. Last comes the end of the line.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "word", rename_all = "kebab-case")]
pub(crate) enum Further {
    /// Take processor time from the process, until it has ended or the drill is over.
    Starve,
}

/// What the guard says.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "word", rename_all = "kebab-case")]
pub(crate) enum Word {
    /// It guards, and had nothing to start.
    Ready,
    /// The process runs.
    Started {
        /// Its id.
        pid: i32,
    },
    /// The process could not be started.
    Failed {
        /// Why, in a sentence.
        error: String,
    },
    /// The process has ended. It is not reaped before the drill is over.
    Ended {
        /// How.
        status: Status,
    },
    /// Something could not be done, ended or removed.
    Left {
        /// What, in a sentence.
        what: String,
    },
}
