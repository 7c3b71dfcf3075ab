//! What can be drilled.

use anyhow::ensure;

use super::{Compose, Image, Unit};

/// What is drilled, and how it comes to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A program and its arguments, run as they are, without a shell.
    Command(Vec<String>),
    /// A process that runs already, by its id. Nothing is started: it is signalled, measured, and killed
    /// at the end of the grace period as the platform would; before its signal it is left alone
    /// whatever happens to the drill.
    Pid(u32),
    /// A container image, run through Docker or Podman.
    Image(Image),
    /// A service of a Compose project, which is started beside whatever runs of it already.
    Compose(Compose),
    /// A systemd unit of this machine.
    Unit(Unit),
}

impl Subject {
    /// What is run, in words for people: the command as it would be typed.
    pub fn words(&self) -> Vec<String> {
        match self {
            Self::Command(words) => words.clone(),
            Self::Pid(pid) => vec!["--pid".to_owned(), pid.to_string()],
            Self::Image(image) => {
                let words = ["--image".to_owned(), image.image.clone()];
                words.into_iter().chain(image.arguments.clone()).collect()
            }
            Self::Compose(compose) => {
                let file = compose.file.display().to_string();
                let service = compose.service.iter();
                let service = service.flat_map(|it| ["--compose-service".to_owned(), it.clone()]);
                ["--compose".to_owned(), file]
                    .into_iter()
                    .chain(service)
                    .collect()
            }
            Self::Unit(unit) => vec!["--unit".to_owned(), unit.name.clone()],
        }
    }

    /// Its addresses on this machine are known before it starts, and must be free: those of a container
    /// are its own, and what runs already has taken them.
    pub(crate) const fn takes_ports(&self) -> bool {
        matches!(self, Self::Command(_))
    }

    /// Refuses what cannot be started at all.
    pub(crate) fn validate(&self) -> anyhow::Result<()> {
        match self {
            Self::Command(words) => ensure!(!words.is_empty(), "there is no command to run"),
            Self::Pid(_) | Self::Image(_) | Self::Compose(_) | Self::Unit(_) => {}
        }
        Ok(())
    }
}
