//! `--scenario`: drills with a fault, one after the other.

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::{Context as _, Result};
use lifecycle_drill::measured::Measured;
use lifecycle_drill::record::NotPlayed;
use lifecycle_drill::scenario::{self, ALL, Ability, Asked, Played};
use lifecycle_drill::{Progress, Script};

use super::Told;
use crate::talk::{clean, say};

/// What `--scenario` takes.
#[derive(Clone, Debug)]
pub(crate) enum Choice {
    /// Every one.
    All,
    /// None: say which there are.
    List,
    /// This one.
    One(Asked),
}

impl std::str::FromStr for Choice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "all" => Ok(Self::All),
            "list" => Ok(Self::List),
            one => one.parse().map(Self::One),
        }
    }
}

/// The scenarios that were asked for, each once; `None` where they are only to be listed.
pub(crate) fn asked(choices: &[Choice]) -> Option<Vec<Asked>> {
    let mut asked: Vec<Asked> = Vec::new();
    for choice in choices {
        let more = match choice {
            Choice::List => return None,
            Choice::One(one) => vec![one.clone()],
            Choice::All => ALL
                .into_iter()
                .map(|scenario| Asked {
                    scenario,
                    argument: None,
                })
                // `all`, and one of them with a resource of its own: the latter is meant.
                .filter(|one| !choices.iter().any(|other| other.is_of(one)))
                .collect(),
        };
        for one in more {
            if asked.iter().all(|it| it.to_string() != one.to_string()) {
                asked.push(one);
            }
        }
    }
    Some(asked)
}

impl Choice {
    /// It names the same scenario.
    fn is_of(&self, asked: &Asked) -> bool {
        matches!(self, Self::One(one) if one.scenario.name == asked.scenario.name)
    }
}

/// Whether any of them is a fault inside the process.
pub(crate) fn need_faults(asked: &[Asked]) -> bool {
    asked
        .iter()
        .any(|one| one.scenario.asks == scenario::Asks::Faults)
}

/// What was played, and what was not.
#[derive(Default)]
pub(crate) struct Rounds {
    /// In the order in which they were asked for.
    pub(crate) played: Vec<Measured>,
    /// What says nothing about this program.
    pub(crate) not_played: Vec<NotPlayed>,
}

/// Plays each. What was played until something went wrong stays in `rounds`.
pub(crate) async fn play(
    asked: &[Asked],
    told: &Told,
    progress: &Progress,
    rounds: &mut Rounds,
) -> Result<()> {
    let Told {
        target,
        script,
        load,
        ..
    } = told;
    let mut ability = None;
    if asked.iter().any(|one| one.scenario.asks.of_the_program()) {
        say!("· asking the program whether it obeys faults");
        let able = Ability::of(target, script, progress).await;
        ability = Some(able.context("the program could not be asked whether it obeys faults")?);
    }
    for one in asked {
        say!("scenario {one}: {}", one.scenario.about);
        let played = scenario::run(one, ability, target, script, load, progress);
        match played.await.with_context(|| format!("scenario {one}"))? {
            Played::Measured(measured) => rounds.played.push(*measured),
            Played::NotApplicable(why) => {
                say!("· not applicable: {}", clean(&why));
                let scenario = one.to_string();
                // What does not apply once never applies.
                if rounds.not_played.iter().all(|it| it.scenario != scenario) {
                    rounds.not_played.push(NotPlayed { scenario, why });
                }
            }
        }
    }
    Ok(())
}

/// `--grace`: SIGKILL comes earlier than the platform's own.
pub(crate) fn shorten(script: &mut Script, grace: Duration) {
    if grace >= script.grace {
        say!(
            "note: {} allows {:?} already; --grace only shortens",
            script.platform_label,
            script.grace
        );
        return;
    }
    script.grace = grace;
    let left = script.signal_to_kill();
    if let Some(deadline) = script.deadline.filter(|deadline| *deadline > left) {
        say!(
            "note: the plan needs {deadline:?} from the signal on, and --grace leaves {left:?}: what takes its \
             whole time ends by SIGKILL"
        );
    }
}

/// Every scenario with what it asks of the program.
pub(crate) fn list() -> String {
    let mut text = String::new();
    for scenario in ALL {
        let name = match scenario.argument {
            Some(argument) => format!("{}[={argument}]", scenario.name),
            None => scenario.name.to_owned(),
        };
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "{name}\n    {}\n    asks for: {}\n    passes: {}",
            scenario.about, scenario.asks, scenario.passes
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(texts: &[&str]) -> Vec<String> {
        let choices: Vec<Choice> = texts.iter().map(|text| text.parse().unwrap()).collect();
        let asked = asked(&choices).unwrap();
        asked.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn all_is_every_scenario_once() {
        assert_eq!(names(&["all"]).len(), ALL.len());
        assert_eq!(names(&["all", "all", "slow-loris"]).len(), ALL.len());
        let named = names(&["all", "hanging-close=orders-db"]);
        assert_eq!(named.len(), ALL.len());
        assert!(named.contains(&"hanging-close=orders-db".to_owned()));
        assert_eq!(
            names(&["hanging-close=a", "hanging-close=b"]),
            ["hanging-close=a", "hanging-close=b"]
        );
        assert!(asked(&[Choice::List]).is_none());
    }

    #[test]
    fn the_list_tells_of_each_what_it_asks_for() {
        let list = list();
        for scenario in ALL {
            assert!(list.contains(scenario.name), "{}", scenario.name);
            assert!(
                list.contains(&scenario.asks.to_string()),
                "{}",
                scenario.name
            );
        }
    }
}
