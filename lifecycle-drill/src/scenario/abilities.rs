//! What a program can be asked for: whether it obeys faults, whether it leaves a report.

use lifecycle_manifest::contract;

use super::trial::Trial;
use super::{Asks, No};
use crate::script::{Script, Target};
use crate::target::Subject;
use crate::{Progress, uninterrupted};

/// No fault: a program that obeys faults refuses to start with it, before any code of the service's own.
const QUESTION: &str = "does-it-obey";

/// What a program can be asked for.
///
/// With a report alone there is no fault inside the process:
///
/// ```
/// # use std::sync::Arc;
/// # use std::time::Duration;
/// use lifecycle_drill::scenario::{self, Ability, Asked, Played};
/// # use lifecycle_drill::{Endpoint, Load, Progress, Script, Subject, Target};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let target = Target {
/// #     subject: Subject::Command(vec!["./shop".to_owned()]),
/// #     directory: None,
/// #     env: Vec::new(),
/// #     base: Some(Endpoint::on_port(8080, "/")),
/// #     finds_port: false,
/// #     ready: Some(Endpoint::on_port(8080, "/ready")),
/// #     live: None,
/// #     start_timeout: Duration::from_secs(10),
/// # };
/// # let script = Script::new("shop", "Kubernetes", Duration::from_secs(30));
/// # let (load, progress): (_, Progress) = (Load::default(), Arc::new(|_| {}));
/// let asked: Asked = "hanging-close=orders-db".parse()?;
/// let ability = Some(Ability::Report);
/// let played = scenario::run(&asked, ability, &target, &script, &load, &progress).await?;
/// let Played::NotApplicable(why) = played else { panic!("it was played") };
/// assert!(why.ends_with("build it with `--features lifecycle/faults`"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ability {
    /// It obeys `LIFECYCLE_FAULTS`.
    Faults,
    /// It leaves the report of the `lifecycle` runtime, and was built without faults.
    Report,
    /// Neither: it does not link the runtime.
    Neither,
}

impl Ability {
    /// Finds out, by starting the program once more.
    ///
    /// One that obeys faults ends at once: it refuses the question. Any other starts, is stopped when it is
    /// ready, and has twenty seconds for it.
    ///
    /// Errors: the program does not start, is not ready in its time, or a port is taken.
    pub async fn of(target: &Target, script: &Script, progress: &Progress) -> anyhow::Result<Self> {
        uninterrupted(ask(target, script, progress)).await
    }
}

async fn ask(target: &Target, script: &Script, progress: &Progress) -> anyhow::Result<Ability> {
    let mut target = target.clone();
    let question = (contract::FAULTS.to_owned(), QUESTION.to_owned());
    target.env.push(question);
    let trial = Trial::start(&target, script, progress).await?;
    if trial.ready.is_none() {
        let cause = trial.report().and_then(|report| report.cause);
        return match cause {
            Some(cause) if cause.contains(contract::FAULTS) => Ok(Ability::Faults),
            _ => Err(trial.ended()),
        };
    }
    trial.stop(script).await?;
    Ok(match trial.report() {
        Some(_) => Ability::Report,
        None => Ability::Neither,
    })
}

/// Whether a scenario can be asked of a program.
pub(super) fn suffice(asks: Asks, subject: &Subject, ability: Option<Ability>) -> Result<(), No> {
    let no = |why: &str| Err(No::Applicable(why.to_owned()));
    if asks.starts() && !matches!(subject, Subject::Command(_)) {
        return no("it has to start the program itself, as a command");
    }
    match (asks, ability) {
        (Asks::Nothing | Asks::Http | Asks::Command | Asks::Start, _)
        | (Asks::Report, Some(Ability::Report | Ability::Faults))
        | (Asks::Faults, Some(Ability::Faults)) => Ok(()),
        (Asks::Report, _) => no("the program leaves no report of the lifecycle runtime"),
        (Asks::Faults, Some(Ability::Report)) => no(
            "the program was built without the runtime's feature `faults`; build it with \
             `--features lifecycle/faults`",
        ),
        (Asks::Faults, _) => no(
            "it needs a fault inside the process, and the program does not link the lifecycle runtime",
        ),
    }
}

impl Asks {
    const fn starts(self) -> bool {
        matches!(self, Self::Command | Self::Start) || self.of_the_program()
    }

    /// Whether [`Ability::of`] has to be known.
    ///
    /// ```
    /// use lifecycle_drill::scenario::Asked;
    ///
    /// let asked: Asked = "hanging-close".parse()?;
    /// assert!(asked.scenario.asks.of_the_program()); // it needs a fault inside the process
    /// let asked: Asked = "slow-loris".parse()?;
    /// assert!(!asked.scenario.asks.of_the_program()); // the drill's own clients do it
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn of_the_program(self) -> bool {
        matches!(self, Self::Report | Self::Faults)
    }
}
