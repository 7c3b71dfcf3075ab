//! What can be drilled.

use anyhow::ensure;

/// What is drilled, and how it comes to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A program and its arguments, run as they are, without a shell.
    Command(Vec<String>),
}

impl Subject {
    /// What is run, in words for people: the command as it would be typed.
    pub fn words(&self) -> Vec<String> {
        match self {
            Self::Command(words) => words.clone(),
        }
    }

    /// Refuses what cannot be started at all.
    pub(crate) fn validate(&self) -> anyhow::Result<()> {
        match self {
            Self::Command(words) => ensure!(!words.is_empty(), "there is no command to run"),
        }
        Ok(())
    }
}
