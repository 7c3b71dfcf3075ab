//! What can be drilled.

use anyhow::ensure;

use super::{Compose, Image, Unit};
use crate::secrets::masked_line;

/// What is drilled, and how it comes to run.
///
/// ```
/// use lifecycle_drill::{Subject, Unit};
///
/// let unit = Unit { name: "shop.service".to_owned(), stops_itself: true };
/// for (subject, words) in [
///     (Subject::Command(vec!["./shop".to_owned(), "serve".to_owned()]), "./shop serve"),
///     (Subject::Pid(4_711), "--pid 4711"),
///     (Subject::Unit(unit), "--unit shop.service"),
/// ] {
///     assert_eq!(subject.words().join(" "), words);
/// }
/// ```
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
    /// What is run, in words for people: the command as it would be typed, without what looks like a
    /// secret.
    ///
    /// ```
    /// use lifecycle_drill::Subject;
    ///
    /// let command = ["./shop", "--token", "hunter2", "--db=postgres://shop:hunter2@db/orders"];
    /// let subject = Subject::Command(command.map(str::to_owned).to_vec());
    /// assert_eq!(subject.words().join(" "), "./shop --token *** --db=postgres://shop:***@db/orders");
    /// ```
    pub fn words(&self) -> Vec<String> {
        match self {
            Self::Command(words) => masked_line(words),
            Self::Pid(pid) => vec!["--pid".to_owned(), pid.to_string()],
            Self::Image(image) => {
                let words = ["--image".to_owned(), image.image.clone()];
                words
                    .into_iter()
                    .chain(masked_line(&image.arguments))
                    .collect()
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

    /// Leaves the stop to the drill, where the engine was to play it; false where it was the drill's
    /// anyway.
    pub(crate) const fn take_the_stop(&mut self) -> bool {
        let stops_itself = match self {
            Self::Image(image) => &mut image.stops_itself,
            Self::Compose(compose) => &mut compose.stops_itself,
            Self::Unit(unit) => &mut unit.stops_itself,
            Self::Command(_) | Self::Pid(_) => return false,
        };
        std::mem::replace(stops_itself, false)
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
