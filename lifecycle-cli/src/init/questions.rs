//! The dialogue of `lifecycle init` on a terminal.

use anyhow::{Context as _, Result, bail};
use dialoguer::theme::{ColorfulTheme, SimpleTheme, Theme};
use dialoguer::{Input, MultiSelect};
use lifecycle_manifest::{Kind, Platform, is_label};

use super::draft::USUAL_PORT;
use crate::talk::tell;

/// What a person has answered.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answers {
    pub(super) service: String,
    pub(super) kinds: Vec<Kind>,
    pub(super) port: Option<u16>,
    pub(super) platforms: Vec<&'static str>,
}

/// Asks, with an answer at hand for everything. `None` where the person has turned away.
pub(super) fn ask(service: &str) -> Result<Option<Answers>> {
    let theme: Box<dyn Theme> = match anstream::stderr().current_choice() {
        anstream::ColorChoice::Never => Box::new(SimpleTheme),
        _ => Box::new(ColorfulTheme::default()),
    };
    hear_interrupts()?;
    let answers = dialogue(theme.as_ref(), service);
    dialoguer::console::Term::stderr().show_cursor().ok();
    match answers {
        Err(error) if turned_away(&error) => Ok(None),
        answers => answers,
    }
}

fn turned_away(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        matches!(
            cause.downcast_ref::<dialoguer::Error>(),
            Some(dialoguer::Error::IO(io)) if io.kind() == std::io::ErrorKind::Interrupted
        )
    })
}

/// Ctrl-C in the middle of a question: a list hides the cursor while it is open, and the library ends
/// the process at once, so that a shell would be left without one.
#[cfg(unix)]
fn hear_interrupts() -> Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let mut interrupt = {
        let _within = runtime.enter();
        signal(SignalKind::interrupt())?
    };
    let before = rustix::termios::tcgetattr(std::io::stdin()).ok();
    std::thread::spawn(move || {
        runtime.block_on(interrupt.recv());
        // Where the key was read by a question, that ends by itself.
        std::thread::sleep(std::time::Duration::from_millis(100));
        if let Some(before) = before {
            let now = rustix::termios::OptionalActions::Now;
            rustix::termios::tcsetattr(std::io::stdin(), now, &before).ok();
        }
        dialoguer::console::Term::stderr().show_cursor().ok();
        tell!("\nnothing was written");
        std::process::exit(2);
    });
    Ok(())
}

#[cfg(not(unix))]
#[allow(clippy::unnecessary_wraps, reason = "as on Unix")]
fn hear_interrupts() -> Result<()> {
    Ok(())
}

fn columns() -> usize {
    terminal_size::terminal_size_of(std::io::stderr())
        .map_or(80, |(width, _)| usize::from(width.0))
        .max(40)
}

fn dialogue(theme: &dyn Theme, service: &str) -> Result<Option<Answers>> {
    let service: String = Input::with_theme(theme)
        .with_prompt("What is the service called?")
        .default(service.to_owned())
        .validate_with(|name: &String| match is_label(name) {
            true => Ok(()),
            false => Err("lower-case letters, digits and single `-` between them, a letter first, at most 63"),
        })
        .interact_text()
        .context("could not ask")?;

    let width = Kind::ALL
        .iter()
        .map(|kind| kind.as_str().len())
        .max()
        .unwrap_or(0);
    let kinds: Vec<String> = Kind::ALL
        .iter()
        .map(|kind| {
            let line = format!("{:width$}  {}", kind.as_str(), kind.summary());
            // A line that wraps is not cleared as a whole.
            line.chars().take(columns().saturating_sub(4)).collect()
        })
        .collect();
    let preset: Vec<bool> = Kind::ALL
        .iter()
        .map(|kind| *kind == Kind::HttpServer)
        .collect();
    let chosen = MultiSelect::with_theme(theme)
        .with_prompt("What does it hold? (space marks, enter ends)")
        .items(&kinds)
        .defaults(&preset)
        .report(false)
        .interact_opt()
        .context("could not ask")?;
    let Some(chosen) = chosen else {
        return Ok(None);
    };
    let kinds: Vec<Kind> = chosen
        .iter()
        .filter_map(|&at| Kind::ALL.get(at).copied())
        .collect();
    if kinds.is_empty() {
        bail!("a service that holds nothing has nothing to let go of: mark at least one");
    }

    let port = match kinds.iter().any(|kind| kind.takes_traffic()) {
        false => None,
        true => Some(
            Input::with_theme(theme)
                .with_prompt("Which port does it listen on?")
                .default(USUAL_PORT)
                .validate_with(|port: &u16| match port {
                    0 => Err("a port from 1 to 65535"),
                    _ => Ok(()),
                })
                .interact_text()
                .context("could not ask")?,
        ),
    };

    let names: Vec<&str> = Platform::KEYS
        .iter()
        .filter_map(|key| Some(Platform::facts_of(key)?.name))
        .collect();
    let chosen = MultiSelect::with_theme(theme)
        .with_prompt("Where does it run? (space marks, enter ends)")
        .items(&names)
        .defaults(&[true])
        .report(false)
        .interact_opt()
        .context("could not ask")?;
    Ok(chosen.map(|chosen| Answers {
        service,
        kinds,
        port,
        platforms: chosen
            .iter()
            .filter_map(|&at| Platform::KEYS.get(at).copied())
            .collect(),
    }))
}
