//! What can be drilled.

use anyhow::ensure;

/// What is drilled, and how it comes to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A program and its arguments, run as they are, without a shell.
    Command(Vec<String>),
    /// A process that runs already, by its id. Nothing is started: it is signalled, measured, and killed
    /// at the end of the grace period as the platform would; before its signal it is left alone
    /// whatever happens to the drill.
    Pid(u32),
}

impl Subject {
    /// What is run, in words for people: the command as it would be typed.
    pub fn words(&self) -> Vec<String> {
        match self {
            Self::Command(words) => words.clone(),
            Self::Pid(pid) => vec!["--pid".to_owned(), pid.to_string()],
        }
    }

    /// It ran before the drill began, and its ports are taken by itself.
    pub(crate) const fn runs_already(&self) -> bool {
        matches!(self, Self::Pid(_))
    }

    /// Refuses what cannot be started at all.
    pub(crate) fn validate(&self) -> anyhow::Result<()> {
        match self {
            Self::Command(words) => ensure!(!words.is_empty(), "there is no command to run"),
            Self::Pid(_) => {}
        }
        Ok(())
    }
}
