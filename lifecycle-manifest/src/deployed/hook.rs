//! How long a deployed hook takes, as far as its text can tell.

use std::time::Duration;

use super::{Action, Hook};
use crate::manifest::Written;

/// How long a hook takes.
///
/// ```
/// use std::time::Duration;
/// use lifecycle_manifest::deployed::{Deployed, Lasts};
///
/// let lasts = |script: &str| {
///     let pod = format!("\
/// kind: Pod
/// metadata: {{ name: shop }}
/// spec:
///   containers:
///     - name: shop
///       lifecycle: {{ preStop: {{ exec: {{ command: [sh, -c, '{script}'] }} }} }}
/// ");
///     let deployed = Deployed::named("shop.yaml", &pod);
///     deployed.workloads[0].containers[0].pre_stop.as_ref().unwrap().lasts()
/// };
/// let five = Duration::from_secs(5);
/// assert_eq!(lasts("sleep 5"), Lasts::Exactly(five));
/// assert_eq!(lasts("sleep 5; nginx -s quit"), Lasts::AtLeast(five));
/// assert_eq!(lasts("nginx -s quit"), Lasts::Unknown);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lasts {
    /// This long: it sleeps and does nothing else.
    Exactly(Duration),
    /// This long at least: it sleeps and does something else besides.
    AtLeast(Duration),
    /// Nobody can tell from its text.
    Unknown,
}

impl Lasts {
    /// How long at least; nothing where nobody can tell.
    pub fn at_least(self) -> Duration {
        match self {
            Self::Exactly(time) | Self::AtLeast(time) => time,
            Self::Unknown => Duration::ZERO,
        }
    }
}

impl Hook {
    /// How long it takes: a native sleep's time, and what the `sleep`s of a command add up to.
    pub fn lasts(&self) -> Lasts {
        match &self.action {
            Action::Sleep(seconds) => {
                Lasts::Exactly(Duration::from_secs(seconds.value.try_into().unwrap_or(0)))
            }
            Action::Exec(command) => exec(command),
            Action::Http { .. } | Action::Tcp(_) | Action::Unknown => Lasts::Unknown,
        }
    }

    /// The script that a shell is given, or the command's words.
    pub fn words(&self) -> String {
        match &self.action {
            Action::Sleep(seconds) => format!("sleep {}", seconds.value),
            Action::Exec(command) => {
                let words: Vec<&str> = command.iter().map(|word| word.value.as_str()).collect();
                words.join(" ")
            }
            Action::Http { path, .. } => {
                let path = path.as_ref().map_or("/", |path| path.value.as_str());
                format!("GET {path}")
            }
            Action::Tcp(_) => "a TCP connection".to_owned(),
            Action::Unknown => "a hook".to_owned(),
        }
    }
}

/// How long a command takes at most, where its text can tell: a `sleep`, or what coreutils' `timeout`
/// bounds.
pub(super) fn at_most(words: &[String]) -> Option<Duration> {
    let (first, rest) = words.split_first()?;
    if program(first) == "timeout" {
        let time = rest.iter().find(|word| !word.starts_with('-'))?;
        return sleep(&["sleep", time]).filter(|time| !time.is_zero());
    }
    let written = words.iter().map(|word| Written {
        value: word.clone(),
        route: crate::text::Route::root(),
    });
    match exec(&written.collect::<Vec<_>>()) {
        Lasts::Exactly(time) => Some(time),
        Lasts::AtLeast(_) | Lasts::Unknown => None,
    }
}

/// The script that a shell is given; `None` for another command.
pub(crate) fn script(command: &[Written<String>]) -> Option<&str> {
    let words: Vec<&str> = command.iter().map(|word| word.value.as_str()).collect();
    let words = match words.as_slice() {
        [first, rest @ ..] if program(first) == "busybox" => rest,
        words => words,
    };
    let (shell, rest) = words.split_first()?;
    if !SHELLS.contains(&program(shell)) {
        return None;
    }
    // `sh -c SCRIPT`, also as `-ec` and after other options.
    let at = rest
        .iter()
        .position(|word| word.starts_with('-') && !word.starts_with("--") && word.ends_with('c'))?;
    rest.get(at + 1).copied()
}

const SHELLS: [&str; 6] = ["sh", "bash", "ash", "dash", "zsh", "ksh"];

/// The last part of a path.
pub(crate) fn program(word: &str) -> &str {
    word.rsplit('/').next().unwrap_or(word)
}

fn exec(command: &[Written<String>]) -> Lasts {
    let Some(script) = script(command) else {
        let words: Vec<&str> = command.iter().map(|word| word.value.as_str()).collect();
        return sleep(&words).map_or(Lasts::Unknown, Lasts::Exactly);
    };
    // What may or may not run, runs again, or runs beside cannot be added up.
    let branches = [
        "||", "if ", "while ", "until ", "for ", "case ", "$(", "`", "trap ",
    ];
    let beside = script.replace("&&", ";").contains('&');
    if beside || branches.iter().any(|branch| script.contains(branch)) {
        return Lasts::Unknown;
    }
    let mut total = Duration::ZERO;
    let mut only_sleeps = true;
    for command in script
        .split([';', '\n', '|'])
        .flat_map(|part| part.split("&&"))
    {
        let words: Vec<&str> = command
            .split_whitespace()
            .map(|word| word.trim_matches(['"', '\'']))
            .skip_while(|word| matches!(*word, "exec" | "{" | "("))
            .collect();
        if words.is_empty() {
            continue;
        }
        match sleep(&words) {
            Some(time) => total = total.saturating_add(time),
            None => only_sleeps = false,
        }
    }
    match (total.is_zero(), only_sleeps) {
        (false, true) => Lasts::Exactly(total),
        (false, false) => Lasts::AtLeast(total),
        (true, _) => Lasts::Unknown,
    }
}

/// `sleep 5`, `/bin/sleep 1m 30s`: as coreutils read it, fractions and units included.
fn sleep(words: &[&str]) -> Option<Duration> {
    let (first, times) = words.split_first()?;
    if program(first) != "sleep" || times.is_empty() {
        return None;
    }
    let mut total = Duration::ZERO;
    for time in times {
        total = total.checked_add(coreutils_time(time)?)?;
    }
    Some(total)
}

/// `5`, `2.5`, `5s`, `1m`, as `sleep` and `timeout` of coreutils read them: a number and one unit.
pub(super) fn coreutils_time(text: &str) -> Option<Duration> {
    let (number, scale) = match text.as_bytes().last()? {
        b's' => (&text[..text.len() - 1], 1.0),
        b'm' => (&text[..text.len() - 1], 60.0),
        b'h' => (&text[..text.len() - 1], 3_600.0),
        b'd' => (&text[..text.len() - 1], 86_400.0),
        _ => (text, 1.0),
    };
    let seconds = number.parse::<f64>().ok()? * scale;
    Duration::try_from_secs_f64(seconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::Route;

    fn lasts(words: &[&str]) -> Lasts {
        let word = |word: &&str| Written {
            value: (*word).to_owned(),
            route: Route::root(),
        };
        exec(&words.iter().map(word).collect::<Vec<_>>())
    }

    #[test]
    fn what_bounds_a_command_bounds_it() {
        let seconds = |it| Some(Duration::from_secs(it));
        for (words, expected) in [
            (&["/bin/sleep", "5"][..], seconds(5)),
            (
                &["/usr/bin/timeout", "--signal=KILL", "5s", "/x", "9"],
                seconds(5),
            ),
            (&["timeout", "2m", "/x"], seconds(120)),
            // 0 switches it off.
            (&["timeout", "0", "/x"], None),
            (&["timeout"], None),
            (&["/x", "5"], None),
            (&[], None),
        ] {
            let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            assert_eq!(at_most(&words), expected, "{words:?}");
        }
    }

    #[test]
    fn sleeps_are_added_up_where_nothing_else_decides() {
        let seconds = Duration::from_secs;
        for (words, expected) in [
            (&["sleep", "15"][..], Lasts::Exactly(seconds(15))),
            (&["/bin/sleep", "1m", "30s"], Lasts::Exactly(seconds(90))),
            (
                &["sleep", "0.5"],
                Lasts::Exactly(Duration::from_millis(500)),
            ),
            (&["/bin/sh", "-c", "sleep 10"], Lasts::Exactly(seconds(10))),
            (
                &["bash", "-ec", "exec sleep 10"],
                Lasts::Exactly(seconds(10)),
            ),
            (
                &["busybox", "sh", "-c", "sleep 3; sleep 4"],
                Lasts::Exactly(seconds(7)),
            ),
            (
                &["sh", "-c", "sleep 5 && nginx -s quit"],
                Lasts::AtLeast(seconds(5)),
            ),
            (
                &["sh", "-c", "nginx -s quit; sleep 5\necho x"],
                Lasts::AtLeast(seconds(5)),
            ),
            (&["sh", "-c", "test -f /x || sleep 5"], Lasts::Unknown),
            (
                &["sh", "-c", "while pgrep x; do sleep 1; done"],
                Lasts::Unknown,
            ),
            (&["sh", "-c", "sleep $DELAY"], Lasts::Unknown),
            (&["sh", "-c", "sleep 5 & wait"], Lasts::Unknown),
            (&["sleep", "-1"], Lasts::Unknown),
            (&["sleep", "inf"], Lasts::Unknown),
            (&["sleep"], Lasts::Unknown),
            (&["/app/drain", "--for", "10s"], Lasts::Unknown),
            (&["sh"], Lasts::Unknown),
            (&[], Lasts::Unknown),
        ] {
            assert_eq!(lasts(words), expected, "{words:?}");
        }
    }
}
