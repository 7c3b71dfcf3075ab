//! The manifest of a program that has none: what its platform does by default, or what the container,
//! the project or the unit says of its own stop.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use lifecycle_manifest::duration::show;
use lifecycle_manifest::{Platform, platform::Signal};

use super::target;
use crate::cli::DrillArgs;
use crate::input::Input;
use crate::talk::{legible, say};
use lifecycle_drill::{Image, Subject};

/// What it is called where files have their names.
pub(super) const NAME: &str = "<no manifest>";

/// What the thing itself says of how it is stopped.
#[derive(Default)]
struct Own {
    grace: Option<Duration>,
    signal: Option<Signal>,
    kill_mode: Option<String>,
}

pub(super) fn manifest(args: &DrillArgs) -> Result<Input> {
    let key = args
        .platform
        .as_deref()
        .or(target::own_platform(args))
        .unwrap_or("kubernetes");
    let Some(facts) = Platform::facts_of(key) else {
        bail!(
            "there is no platform `{key}`; there are {}",
            Platform::KEYS.join(", ")
        );
    };
    // Only the platform that it was written for goes by what it says.
    let own = match target::own_platform(args) == Some(key) {
        true => own(args, key)?,
        false => Own::default(),
    };
    // Nobody's plan: shares of the grace period, so that it fits.
    let grace = own.grace.unwrap_or(facts.default_grace);
    let settle = show((grace / 6).min(Duration::from_secs(1)));
    let timeout = show((grace / 3).max(Duration::from_millis(1)));
    let mut entry = Vec::new();
    let mut lints = "";
    if key == "kubernetes" {
        entry.push(format!("pre_stop: 0s, app_settle: {settle}"));
    }
    if let Some(grace) = own.grace {
        entry.push(format!("grace_period: {}", show(grace)));
    }
    if let Some(signal) = own.signal {
        let name = match key {
            "systemd" => "kill_signal",
            _ => "stop_signal",
        };
        entry.push(format!("{name}: {}", signal.name()));
        // What the thing asks for is its own affair, whatever this project's runtime handles.
        if signal != Signal::Int {
            lints = "lints: { signal-not-handled: { level: allow, reason: its own } }\n";
        }
    }
    if let Some(mode) = own.kill_mode {
        entry.push(format!("kill_mode: {mode}"));
    }
    let mut text = format!(
        "lifecycle: 1\nservice: {}\ntraffic: {{ settle: {settle} }}\nresources:\n  http: {{ kind: http-server, ",
        service(args)
    );
    if let Some(port) = args.port {
        let _infallible = write!(text, "port: {port}, ");
    }
    let _infallible = write!(
        text,
        "timeout: {timeout} }}\n{lints}platforms:\n  {key}: {{ {} }}\n",
        entry.join(", ")
    );
    say!(
        "note: no lifecycle.yaml: drilled with {} and a settle time of {settle}, and nothing planned \
         before the signal",
        match own.grace {
            Some(grace) => format!("its own {} on {}", show(grace), facts.name),
            None => format!("{}'s defaults", facts.name),
        }
    );
    let options = lifecycle_manifest::Options::default();
    Ok(Input::new(NAME.to_owned(), None, text.as_bytes(), &options))
}

/// A service's name, from whatever is drilled.
fn service(args: &DrillArgs) -> String {
    let stem = |text: &str| {
        let name = Path::new(text).file_stem().unwrap_or_default();
        name.to_string_lossy().into_owned()
    };
    let words = match (
        &args.image,
        &args.compose,
        &args.compose_service,
        &args.unit,
    ) {
        (Some(image), ..) => {
            let last = image.rsplit('/').next().unwrap_or_default();
            last.split([':', '@']).next().unwrap_or_default().to_owned()
        }
        (_, _, Some(service), _) => service.clone(),
        (_, Some(file), ..) => stem(&file.to_string_lossy()),
        (.., Some(unit)) => unit.trim_end_matches(".service").to_owned(),
        _ => args.command.first().map(|it| stem(it)).unwrap_or_default(),
    };
    let name: String = words
        .to_lowercase()
        .chars()
        .take(60)
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .collect();
    match name.trim_matches(|c: char| c == '-' || c.is_ascii_digit()) {
        "" => "program".to_owned(),
        name => name.to_owned(),
    }
}

/// Asks the engine what it would do.
fn own(args: &DrillArgs, platform: &str) -> Result<Own> {
    match target::subject(args, platform, Vec::new()) {
        Subject::Unit(unit) => {
            let properties = unit.properties()?;
            Ok(Own {
                // Infinity is more than any plan; the drill would wait a day for it.
                grace: properties.timeout_stop.filter(|it| !it.is_zero()),
                signal: signal(properties.kill_signal),
                kill_mode: Some(properties.kill_mode).filter(|mode| mode != "none"),
            })
        }
        Subject::Compose(compose) => {
            let settings = compose.settings()?;
            let grace = settings.grace.map(|text| {
                lifecycle_manifest::duration::parse(&text)
                    .map_err(|error| anyhow::anyhow!("{error}"))
                    .with_context(|| format!("stop_grace_period `{text}`"))
            });
            Ok(Own {
                grace: grace.transpose()?,
                signal: settings.signal.and_then(|name| named(&name)),
                kill_mode: None,
            })
        }
        Subject::Image(image) => Ok(Own {
            signal: of_image(&image)?,
            ..Own::default()
        }),
        Subject::Command(_) | Subject::Pid(_) => Ok(Own::default()),
    }
}

/// What an image is to be stopped with, where that is not SIGTERM.
pub(super) fn of_image(image: &Image) -> Result<Option<Signal>> {
    let signal = image.stop_signal(|name| say!("fetching {}", legible(Path::new(name))))?;
    Ok(signal.and_then(|name| named(&name)))
}

const SIGNALS: [(Signal, i32); 7] = [
    (Signal::Term, 15),
    (Signal::Int, 2),
    (Signal::Quit, 3),
    (Signal::Hup, 1),
    (Signal::Usr1, 10),
    (Signal::Usr2, 12),
    (Signal::Winch, 28),
];

/// A signal by its number, unless it is the one that is asked with anyway.
fn signal(number: i32) -> Option<Signal> {
    let all = SIGNALS.into_iter();
    let mut found = all.filter(|(signal, n)| *n == number && *signal != Signal::Term);
    found.next().map(|(signal, _)| signal)
}

/// The same by its name or number, as engines write it.
fn named(name: &str) -> Option<Signal> {
    if let Ok(number) = name.parse() {
        return signal(number);
    }
    let long = format!("SIG{}", name.to_uppercase().trim_start_matches("SIG"));
    let all = SIGNALS.into_iter();
    let mut found = all.filter(|(signal, _)| signal.name() == long && *signal != Signal::Term);
    found.next().map(|(signal, _)| signal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_are_known_as_engines_write_them() {
        assert_eq!(named("SIGQUIT"), Some(Signal::Quit));
        assert_eq!(named("quit"), Some(Signal::Quit));
        assert_eq!(named("3"), Some(Signal::Quit));
        assert_eq!(named("SIGTERM"), None);
        assert_eq!(named("15"), None);
    }
}
