//! A rolling deploy of several instances behind a balancer, told by what clients saw of it.
//!
//! The engine starts the instances, puts its load on a small balancer before them, and replaces them as
//! the platform would: new ones get traffic once its probes call them ready, old ones are asked to stop,
//! stay in routing for the time that routing needs to notice, and are signalled and killed by the
//! script. The new ones are the same program: what is rehearsed is the replacing, not the version.
//!
//! What it does not do: the balancer never sends a request a second time that an instance may have had,
//! speaks HTTP/1.1 where it balances by request, and its clients are the load's.

mod balancer;
mod conduct;
mod deploy;
mod instance;
pub mod measured;
mod places;
mod reading;
pub mod router;
mod verdict;

#[cfg(test)]
mod tests;

use anyhow::ensure;

pub use deploy::{Balancing, Rolling};
pub use measured::RollingMeasured;
pub use places::{Place, alone};

use crate::script::{Load, Protocol, Script, Target};
use crate::target::Subject;
use crate::{Progress, uninterrupted};

/// More instances than this are no rehearsal on one machine.
const MOST: u32 = 50;

/// Replaces every instance of `target` under `load`, as `script`'s platform does it and `rolling` says.
///
/// Errors mean that the deploy could not be played: the program cannot be run several times, or not at
/// all, or somebody interrupted it. However it ends, no process is left.
///
/// ```no_run
/// use std::sync::Arc;
/// use std::time::Duration;
/// use lifecycle_drill::rolling::{self, Balancing, Rolling};
/// use lifecycle_drill::{Endpoint, Load, Progress, RequestSpec, Script, Subject, Target};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // First thing in `main`:
/// lifecycle_drill::guard::serve_if_asked();
///
/// let command = ["./shop", "--port", "{port}"].map(str::to_owned);
/// let target = Target {
///     subject: Subject::Command(command.to_vec()),
///     directory: None,
///     env: Vec::new(),
///     base: Some(Endpoint::on_port(8080, "/")),
///     finds_port: false,
///     ready: Some(Endpoint::on_port(8080, "/ready")),
///     live: None,
///     start_timeout: Duration::from_secs(10),
/// };
/// let script = Script {
///     hook: Some(Duration::from_secs(5)),
///     routing_lag: Duration::from_secs(5),
///     ..Script::new("shop", "Kubernetes", Duration::from_secs(30))
/// };
/// let load = Load { requests: vec![RequestSpec::get("/")], ..Load::default() };
/// let one_by_one = Rolling {
///     replicas: 3,
///     surge: 1,
///     unavailable: 0,
///     waits_for_the_end: false,
///     balancing: Balancing::Connections,
///     probe_period: Duration::from_secs(2),
///     probe_failures: 1,
///     min_ready: Duration::ZERO,
///     propagation: Duration::from_secs(1),
///     last_resort: true,
///     holds: Duration::ZERO,
/// };
/// let progress: Progress = Arc::new(|event| eprintln!("{event}"));
///
/// let runtime = tokio::runtime::Runtime::new()?;
/// let deploy = rolling::run(&target, &script, &load, &one_by_one, &progress);
/// let measured = runtime.block_on(deploy)?;
/// assert_eq!(measured.instances.len(), 6);
/// assert!(measured.passed, "{}", measured.sentence);
/// # Ok(())
/// # }
/// ```
pub async fn run(
    target: &Target,
    script: &Script,
    load: &Load,
    rolling: &Rolling,
    progress: &Progress,
) -> anyhow::Result<RollingMeasured> {
    crate::script::validate(target, script, load)?;
    ensure!(
        (1..=MOST).contains(&rolling.replicas) && rolling.surge <= MOST,
        "{} replicas and {} more cannot be played on one machine; 1 to {MOST} can",
        rolling.replicas,
        rolling.surge
    );
    ensure!(
        rolling.surge > 0 || rolling.unavailable > 0,
        "with no instance to spare and none that may be missing, nothing can be replaced"
    );
    ensure!(
        !load.is_empty(),
        "a rolling deploy is told by what clients see, and no request is to be sent"
    );
    ensure!(
        matches!(target.subject, Subject::Command(_)),
        "`{}` is one instance; a rolling deploy starts several, and needs the command",
        target.subject.words().join(" ")
    );
    let load = balanced(load, target, rolling)?;
    let play = conduct::play(target, script, &load, rolling, progress);
    uninterrupted(play).await
}

/// The load as the balancer takes it: all of it at one port, and in what the balancer speaks.
fn balanced(load: &Load, target: &Target, rolling: &Rolling) -> anyhow::Result<Load> {
    let mut load = load.clone();
    let main = target.base.as_ref().map(|base| base.address().port());
    let sessions = load.sessions.iter_mut().map(|session| &mut session.request);
    let requests = load.requests.iter_mut().chain(&mut load.slow);
    for spec in requests.chain(sessions) {
        if let Some(port) = spec.port.take() {
            ensure!(
                Some(port) == main,
                "`{}` goes to port {port}, and one port is balanced: leave it out of this deploy",
                spec.path
            );
        }
        ensure!(
            spec.protocol == Protocol::Http1 || rolling.balancing == Balancing::Connections,
            "`{}` is sent in another protocol than HTTP/1.1, which is all that this balancer of requests \
             speaks: balance connections instead (`--balancer connections`)",
            spec.path
        );
    }
    Ok(load)
}
