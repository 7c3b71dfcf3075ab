//! The dialogue of `lifecycle init` on a terminal.

use anyhow::{Context as _, Result, bail};
use dialoguer::theme::{ColorfulTheme, SimpleTheme, Theme};
use dialoguer::{Input, MultiSelect};
use lifecycle_manifest::{Kind, Platform, is_label};

use super::draft::USUAL_PORT;
use crate::cli::InitPlatform;

/// What a person has answered.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answers {
    pub(super) service: String,
    pub(super) kinds: Vec<Kind>,
    pub(super) port: Option<u16>,
    pub(super) platforms: Vec<InitPlatform>,
}

/// Asks, with an answer at hand for everything. `None` where the person has turned away.
pub(super) fn ask(service: &str) -> Result<Option<Answers>> {
    let theme: Box<dyn Theme> = match anstream::stderr().current_choice() {
        anstream::ColorChoice::Never => Box::new(SimpleTheme),
        _ => Box::new(ColorfulTheme::default()),
    };
    match dialogue(theme.as_ref(), service) {
        Ok(answers) => Ok(answers),
        Err(error) => {
            let turned_away = error.chain().any(|cause| {
                matches!(
                    cause.downcast_ref::<dialoguer::Error>(),
                    Some(dialoguer::Error::IO(io)) if io.kind() == std::io::ErrorKind::Interrupted
                )
            });
            match turned_away {
                true => Ok(None),
                false => Err(error),
            }
        }
    }
}

fn dialogue(theme: &dyn Theme, service: &str) -> Result<Option<Answers>> {
    let service: String = Input::with_theme(theme)
        .with_prompt("What is the service called?")
        .default(service.to_owned())
        .validate_with(|name: &String| match is_label(name) {
            true => Ok(()),
            false => Err("lower-case letters, digits and single `-` between them, a letter first"),
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
        .map(|kind| format!("{:width$}  {}", kind.as_str(), kind.summary()))
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

    let names: Vec<&str> = InitPlatform::ALL
        .iter()
        .filter_map(|platform| Some(Platform::facts_of(platform.key())?.name))
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
            .filter_map(|&at| InitPlatform::ALL.get(at).copied())
            .collect(),
    }))
}
