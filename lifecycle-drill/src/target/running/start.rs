//! How what is drilled comes to run, or is taken hold of.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail, ensure};
use lifecycle_manifest::contract;
use rustix::process::Pid;

use super::{Running, Through};
use crate::guard::{Guard, Order, Start, new_mark};
use crate::script::{Load, Script, Target};
use crate::target::output::Output;
use crate::target::process::{End, Status, hold, status_of_another};
use crate::target::{Subject, compose, container, image, proc, unit};
use crate::{Event, Progress, descriptors};

/// Where the process leaves its own report.
const REPORT: &str = contract::REPORT;
/// Never inherited from the drill's own surroundings: only the script says what these are.
const OWN_VARIABLES: [&str; 4] = [
    contract::PLATFORM,
    contract::DIGEST,
    contract::GRACE,
    REPORT,
];

impl Running {
    /// Starts the target with the script's environment, or takes hold of what runs already.
    pub(crate) async fn start(
        target: &Target,
        script: &Script,
        report: &Path,
        progress: &Progress,
    ) -> anyhow::Result<Self> {
        Self::start_for(target, script, &Load::default(), report, progress).await
    }

    /// The same for a load that names ports of its own, which are to be reached too.
    pub(crate) async fn start_for(
        target: &Target,
        script: &Script,
        load: &Load,
        report: &Path,
        progress: &Progress,
    ) -> anyhow::Result<Self> {
        let loaded = load.ports();
        let running = match &target.subject {
            Subject::Command(words) => Self::command(words, target, script, report, progress)?,
            Subject::Pid(pid) => Self::existing(*pid, script)?,
            Subject::Image(image) => Self::contained(
                image::run_image(image, target, script, &loaded, report, progress).await?,
            ),
            Subject::Compose(compose) => Self::contained(
                compose::up_compose(compose, target, script, &loaded, report, progress).await?,
            ),
            Subject::Unit(unit) => {
                let started = unit::start(unit, progress).await?;
                Self {
                    pid: started.unit.pid,
                    end: started.end,
                    output: started.output,
                    everyone: script.signals_everyone,
                    through: Through::Unit(started.unit),
                    guard: Some(started.guard),
                }
            }
        };
        progress(Event::Started { pid: running.id() });
        Ok(running)
    }

    fn contained(started: container::Started) -> Self {
        Self {
            pid: started.container.pid.unwrap_or_default(),
            end: started.end,
            output: started.output,
            // A container's signal is for its first process.
            everyone: false,
            through: Through::Container(started.container),
            guard: Some(started.guard),
        }
    }

    fn command(
        words: &[String],
        target: &Target,
        script: &Script,
        report: &Path,
        progress: &Progress,
    ) -> anyhow::Result<Self> {
        let report = report
            .to_str()
            .context("the directory for temporary files has a name that is not text")?;
        let env = script.env.iter().chain(&target.env).cloned();
        let order = Order {
            mark: new_mark(),
            start: Some(Start {
                command: words.to_vec(),
                directory: target.directory.clone(),
                without: OWN_VARIABLES.map(str::to_owned).to_vec(),
                env: env
                    .chain([(REPORT.to_owned(), report.to_owned())])
                    .collect(),
                descriptors: descriptors::of_others(),
            }),
            undo: Vec::new(),
        };
        let (guard, begun) = Guard::start(order)?;
        let output = Arc::new(Output::default());
        if let Some(stdout) = begun.stdout {
            output.follow(stdout, progress)?;
        }
        if let Some(stderr) = begun.stderr {
            output.follow(stderr, progress)?;
        }
        // Left unreaped by its guard, so that neither its id nor its group's can belong to anybody
        // else before the drill is over.
        let end = End::watch(hold(begun.pid), move || {
            begun.status.recv().unwrap_or(Status::Unknown).into()
        })?;
        Ok(Self {
            pid: begun.pid,
            end,
            output,
            everyone: script.signals_everyone,
            through: Through::Nothing,
            guard: Some(guard),
        })
    }

    /// A process that somebody else has started: it is signalled and watched, and before its signal
    /// never ended.
    fn existing(pid: u32, script: &Script) -> anyhow::Result<Self> {
        let raw = i32::try_from(pid).ok().filter(|pid| *pid > 1);
        let Some((raw, pid)) = raw.and_then(|raw| Some((raw, Pid::from_raw(raw)?))) else {
            bail!("{pid} is no process id that can be drilled");
        };
        ensure!(
            raw.cast_unsigned() != std::process::id(),
            "process {raw} is this drill itself"
        );
        let held = hold(raw);
        let alive = proc::entry(raw).is_some_and(|entry| !entry.zombie);
        ensure!(alive, "there is no process {raw}");
        rustix::process::test_kill_process(pid)
            .with_context(|| format!("process {raw} may not be signalled by this user"))?;
        ensure!(
            held.is_some(),
            "this system cannot watch a process that is not the drill's own"
        );
        Ok(Self {
            pid: raw,
            end: End::watch(held, move || status_of_another(raw).into())?,
            output: Arc::new(Output::default()),
            everyone: script.signals_everyone,
            through: Through::Nothing,
            guard: None,
        })
    }
}
