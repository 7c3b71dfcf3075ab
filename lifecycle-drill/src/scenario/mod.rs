//! Drills with a fault: what else may go wrong while a platform ends a process.
//!
//! A scenario is one file here and one line in [`ALL`]. It changes what the engine is told (the script,
//! the process's environment, clients beside the load), and reads what was measured in its own way: what
//! it makes happen itself is no finding, and what it asks for beyond an ordinary stop is one.
//!
//! Faults inside the process go through `LIFECYCLE_FAULTS`, which a program obeys that was built with the
//! runtime's feature `faults`. Of any other program such a scenario is not applicable, and says so.

mod abilities;
pub(crate) mod additions;
mod blocked_executor;
pub(crate) mod clients;
mod cpu_starvation;
mod dependency_gone;
mod early_sigkill;
mod endless_download;
mod full_disk;
mod hanging_close;
mod idle_keep_alives;
mod judgement;
mod panicking_close;
mod resource;
mod second_signal;
mod signal_during_start;
mod slow_loris;
mod stuck_request;
mod trial;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};

use crate::measured::Measured;
use crate::script::{self, Load, RequestSpec, Script, Target};
use crate::{Progress, conduct, uninterrupted};

pub use abilities::Ability;
use additions::{Additions, Aside};
use clients::Client;
use judgement::Judgement;

/// The load need not run for longer before the stop is asked: what a scenario wants is there by then.
const WARM_UP: Duration = Duration::from_secs(1);

/// Something that goes wrong while a platform ends a process.
///
/// ```
/// use lifecycle_drill::scenario::ALL;
///
/// let twice = ALL.into_iter().find(|it| it.name == "second-signal").unwrap();
/// assert_eq!(twice.about, "the stop signal comes a second time, 50ms after the first");
/// assert_eq!(twice.passes, "it goes on with its shutdown: nothing is lost, exit code 0");
/// assert_eq!(twice.argument, None);
/// ```
#[derive(Debug)]
pub struct Scenario {
    /// Its stable name: `hanging-close`.
    pub name: &'static str,
    /// What happens, in a sentence without its end.
    pub about: &'static str,
    /// What a program has to be for it.
    pub asks: Asks,
    /// What the program has to do, in a sentence without its end.
    pub passes: &'static str,
    /// What may be named after `=`, such as `RESOURCE`; `None`: nothing may.
    pub argument: Option<&'static str>,
    /// Changes what the engine is told.
    arrange: fn(&mut Scene) -> Result<(), No>,
    /// Reads what was measured.
    judge: fn(&Scene, &Aside, &mut Judgement<'_>) -> Result<(), No>,
}

/// What a scenario asks of the program.
///
/// ```
/// use lifecycle_drill::scenario::{Asks, ALL};
///
/// assert_eq!(Asks::Http.to_string(), "any program that answers HTTP/1.1");
///
/// let of_any = ALL.into_iter().filter(|scenario| scenario.asks == Asks::Nothing);
/// let names: Vec<_> = of_any.map(|scenario| scenario.name).collect();
/// assert_eq!(names, ["second-signal", "early-sigkill"]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asks {
    /// Nothing: any program, in any language.
    Nothing,
    /// That it answers HTTP/1.1 where the drill sends requests.
    Http,
    /// That the drill starts it, so that it may be given less than it wants.
    Command,
    /// That the drill can start it several times.
    Start,
    /// That it leaves the report of the `lifecycle` runtime.
    Report,
    /// That it was built with the runtime's feature `faults`.
    Faults,
}

impl fmt::Display for Asks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nothing => "any program",
            Self::Http => "any program that answers HTTP/1.1",
            Self::Command | Self::Start => "any program that the drill starts as a command",
            Self::Report => "a program with the lifecycle runtime",
            Self::Faults => "a program with the lifecycle runtime and its feature `faults`",
        })
    }
}

/// Every scenario, in the order in which `all` plays them.
pub const ALL: [&Scenario; 13] = [
    &second_signal::SCENARIO,
    &signal_during_start::SCENARIO,
    &stuck_request::SCENARIO,
    &slow_loris::SCENARIO,
    &idle_keep_alives::SCENARIO,
    &endless_download::SCENARIO,
    &hanging_close::SCENARIO,
    &panicking_close::SCENARIO,
    &blocked_executor::SCENARIO,
    &cpu_starvation::SCENARIO,
    &full_disk::SCENARIO,
    &early_sigkill::SCENARIO,
    &dependency_gone::SCENARIO,
];

/// A scenario, as somebody asked for it.
///
/// ```
/// use lifecycle_drill::scenario::Asked;
///
/// let asked: Asked = "hanging-close=orders-db".parse().unwrap();
/// assert_eq!(asked.scenario.name, "hanging-close");
/// assert_eq!(asked.argument.as_deref(), Some("orders-db"));
/// assert!("hanging-clothes".parse::<Asked>().is_err());
/// ```
#[derive(Clone, Debug)]
pub struct Asked {
    /// Which.
    pub scenario: &'static Scenario,
    /// What was named after `=`.
    pub argument: Option<String>,
}

impl FromStr for Asked {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, argument) = match text.split_once('=') {
            Some((name, argument)) => (name, Some(argument.to_owned())),
            None => (text, None),
        };
        let scenario = ALL.into_iter().find(|it| it.name == name).ok_or_else(|| {
            let names: Vec<_> = ALL.iter().map(|it| it.name).collect();
            format!(
                "there is no scenario `{name}`; there are {}",
                names.join(", ")
            )
        })?;
        match (&argument, scenario.argument) {
            (Some(_), None) => Err(format!("`{name}` takes nothing after `=`")),
            (Some(argument), Some(what)) if argument.is_empty() => {
                Err(format!("`{name}=` names no {what}"))
            }
            _ => Ok(Self { scenario, argument }),
        }
    }
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.argument {
            None => f.write_str(self.scenario.name),
            Some(argument) => write!(f, "{}={argument}", self.scenario.name),
        }
    }
}

/// What became of a scenario.
///
/// ```
/// use lifecycle_drill::record::{NotPlayed, Record};
/// use lifecycle_drill::scenario::Played;
///
/// # let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/formats/1/record.json");
/// # let run = Box::new(Record::read(&std::fs::read(file)?)?.first().clone());
/// # let why = "the program leaves no report of the lifecycle runtime".to_owned();
/// # let all = [("hanging-close", Played::Measured(run)), ("full-disk", Played::NotApplicable(why))];
/// let (mut runs, mut not_played) = (Vec::new(), Vec::new());
/// for (scenario, played) in all {
///     match played {
///         Played::Measured(run) => runs.push(*run),
///         Played::NotApplicable(why) => {
///             not_played.push(NotPlayed { scenario: scenario.to_owned(), why });
///         }
///     }
/// }
/// assert_eq!(runs[0].scenario.as_deref(), Some("hanging-close=orders-db"));
/// assert_eq!(not_played[0].scenario, "full-disk");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub enum Played {
    /// It was played.
    Measured(Box<Measured>),
    /// It says nothing about this program; why, in words.
    NotApplicable(String),
}

/// Why a scenario did not come to a result of its own.
enum No {
    /// It says nothing about this program.
    Applicable(String),
    /// It was asked for wrongly, or could not be played.
    Error(anyhow::Error),
}

impl From<anyhow::Error> for No {
    fn from(error: anyhow::Error) -> Self {
        Self::Error(error)
    }
}

/// What the engine is told, for a scenario to change.
struct Scene {
    argument: Option<String>,
    target: Target,
    script: Script,
    load: Load,
    additions: Additions,
    /// The resource whose fault it is.
    resource: Option<String>,
    /// The stop was to be played by an engine, which knows no such fault.
    stop_taken: bool,
}

/// Plays `script` against `target` under `load`, with what `asked` adds.
///
/// `ability` is what is known of the program from [`Ability::of`]; scenarios that ask for nothing in the
/// program need none. Errors are those of [`run`](crate::run), and an argument that cannot be meant.
///
/// A program that does not link the runtime obeys no fault, and is not started for one:
///
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
/// use lifecycle_drill::scenario::{self, Ability, Asked, Played};
/// use lifecycle_drill::{Endpoint, Load, Progress, Script, Subject, Target};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let target = Target {
///     subject: Subject::Command(vec!["./shop".to_owned()]),
///     directory: None,
///     env: Vec::new(),
///     base: Some(Endpoint::on_port(8080, "/")),
///     finds_port: false,
///     ready: None,
///     live: None,
///     start_timeout: Duration::from_secs(10),
/// };
/// let script = Script::new("shop", "Kubernetes", Duration::from_secs(30));
/// let (load, progress): (_, Progress) = (Load::default(), Arc::new(|_| {}));
///
/// let asked: Asked = "hanging-close=orders-db".parse()?;
/// let ability = Some(Ability::Neither); // as `Ability::of` finds out
/// let played = scenario::run(&asked, ability, &target, &script, &load, &progress).await?;
/// let Played::NotApplicable(why) = played else { panic!("it was played") };
/// assert!(why.ends_with("the program does not link the lifecycle runtime"));
/// # Ok(())
/// # }
/// ```
pub async fn run(
    asked: &Asked,
    ability: Option<Ability>,
    target: &Target,
    script: &Script,
    load: &Load,
    progress: &Progress,
) -> anyhow::Result<Played> {
    script::validate(target, script, load)?;
    let mut scene = Scene {
        argument: asked.argument.clone(),
        target: target.clone(),
        script: script.clone(),
        load: load.clone(),
        additions: Additions::default(),
        resource: None,
        stop_taken: false,
    };
    scene.load.warm_up = scene.load.warm_up.min(WARM_UP);
    let played = Box::pin(async {
        abilities::suffice(asked.scenario.asks, &scene.target.subject, ability)?;
        (asked.scenario.arrange)(&mut scene)?;
        let (mut measured, aside) = match asked.scenario.asks {
            Asks::Start => signal_during_start::play(&mut scene, progress).await?,
            _ => scene.play(progress).await?,
        };
        let mut judgement = Judgement::of(&mut measured);
        (asked.scenario.judge)(&scene, &aside, &mut judgement)?;
        if scene.stop_taken {
            judgement.note(
                "the drill itself sent the signals, in place of the engine, which has no such stop"
                    .to_owned(),
            );
        }
        judgement.close();
        measured.scenario = Some(match (&asked.argument, &scene.resource) {
            (None, Some(resource)) => format!("{asked}={resource}"),
            _ => asked.to_string(),
        });
        Ok::<_, No>(Played::Measured(Box::new(measured)))
    });
    match uninterrupted(async { Ok(played.await) }).await? {
        Ok(played) => Ok(played),
        Err(No::Applicable(why)) => Ok(Played::NotApplicable(why)),
        Err(No::Error(error)) => Err(error),
    }
}

impl Scene {
    async fn play(&self, progress: &Progress) -> anyhow::Result<(Measured, Aside)> {
        conduct::play(
            &self.target,
            &self.script,
            &self.load,
            &self.additions,
            progress,
        )
        .await
    }

    /// The signals of this stop are the drill's, for no engine plays it so.
    const fn take_the_stop(&mut self) {
        self.stop_taken = self.target.subject.take_the_stop();
    }

    /// A request of the load that carries nothing, and goes where the target listens.
    fn plain_request(&self) -> RequestSpec {
        let fits = |spec: &&RequestSpec| {
            spec.protocol == script::Protocol::Http1
                && spec.port.is_none()
                && spec.method == "GET"
                && spec.body.is_empty()
        };
        let plain = self.load.requests.iter().find(fits);
        plain.cloned().unwrap_or_else(|| RequestSpec::get("/"))
    }

    /// Clients beside the load, to a program that answers one.
    fn client(&mut self, client: impl Client + 'static) -> Result<(), No> {
        if self.load.requests.is_empty() {
            let why = "no requests are sent to this program";
            return Err(No::Applicable(why.to_owned()));
        }
        self.additions.client = Some(Arc::new(client));
        Ok(())
    }

    /// A fault for the process, beside those that somebody has asked for already.
    fn fault(&mut self, fault: &str) {
        let name = lifecycle_manifest::contract::FAULTS;
        let mut all = fault.to_owned();
        for (written, value) in &self.target.env {
            if written == name && !value.is_empty() {
                all = format!("{value};{fault}");
            }
        }
        self.target.env.push((name.to_owned(), all));
    }

    /// The resource whose fault it is: the one that was named, or the plan's last step.
    fn choose_resource(&mut self) -> anyhow::Result<String> {
        let known = &self.script.steps;
        let name = match &self.argument {
            Some(name) => {
                let names: Vec<_> = known.iter().map(|step| &*step.name).collect();
                ensure!(
                    known.is_empty() || names.contains(&&**name),
                    "the plan has no resource `{name}`; it has {}",
                    names.join(", ")
                );
                name.clone()
            }
            None => known
                .iter()
                // Of several that may end together, the one that is written last.
                .max_by_key(|step| step.end)
                .map(|step| step.name.clone())
                .context("no plan is known: name the resource after `=`")?,
        };
        self.resource = Some(name.clone());
        Ok(name)
    }
}

/// The head of a request in the bytes of HTTP/1.1, without the empty line at its end.
fn head(spec: &RequestSpec, authority: &str) -> Vec<u8> {
    let mut head = format!(
        "{} {} HTTP/1.1\r\nhost: {authority}\r\nuser-agent: lifecycle-drill\r\n",
        spec.method, spec.path
    );
    for (name, value) in &spec.headers {
        head.extend([name, ": ", value, "\r\n"]);
    }
    head.into_bytes()
}

/// A request without a body in the bytes of HTTP/1.1.
fn whole(spec: &RequestSpec, authority: &str) -> Vec<u8> {
    let mut request = head(spec, authority);
    request.extend(b"\r\n");
    request
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::Subject;

    #[test]
    fn every_scenario_is_told_in_sentences_without_their_ends() {
        for scenario in ALL {
            for text in [scenario.about, scenario.passes] {
                assert!(!text.ends_with('.'), "{}: {text}", scenario.name);
            }
            let asked: Asked = scenario.name.parse().unwrap();
            assert_eq!(asked.to_string(), scenario.name);
        }
        let mut names = ALL.map(|scenario| scenario.name);
        names.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]));
    }

    #[test]
    fn a_stop_that_no_engine_plays_so_is_the_drills() {
        let image = |stops_itself| {
            Subject::Image(crate::target::Image {
                image: "shop".to_owned(),
                arguments: Vec::new(),
                stops_itself,
            })
        };
        for scenario in [&second_signal::SCENARIO, &early_sigkill::SCENARIO] {
            for engines in [true, false] {
                let mut target = crate::tests::victim::target(crate::tests::victim::Way::Polite);
                target.subject = image(engines);
                let grace = Duration::from_secs(30);
                let mut scene = Scene {
                    argument: None,
                    target,
                    script: Script::new("shop", "Docker", grace),
                    load: Load::default(),
                    additions: Additions::default(),
                    resource: None,
                    stop_taken: false,
                };
                assert!((scenario.arrange)(&mut scene).is_ok());
                assert_eq!(scene.target.subject, image(false));
                assert_eq!(scene.stop_taken, engines);
            }
        }
    }

    #[test]
    fn an_argument_is_only_taken_where_it_means_something() {
        let error = |text: &str| text.parse::<Asked>().unwrap_err();
        assert_eq!(
            error("second-signal=3s"),
            "`second-signal` takes nothing after `=`"
        );
        assert_eq!(
            error("hanging-close="),
            "`hanging-close=` names no RESOURCE"
        );
        assert!(error("nothing").starts_with("there is no scenario `nothing`; there are second-"));
    }
}
