//! What a shutdown comes to where steps do other than they should: what runs when, what is given up,
//! when the process is gone and with which exit code, and what SIGKILL would still cut off.
//!
//! The [`Timeline`] says what each step may take; here each has taken something. The rules are the
//! runtime's, and a property test plays both: `lifecycle-runtime/tests/promise/what_if.rs`.

use std::time::Duration;

use crate::kind::Phase;
use crate::plan::{On, Plan};
use crate::timeline::Timeline;

/// How a step takes its end.
///
/// ```
/// use std::time::Duration;
/// use lifecycle_manifest::{Analysis, Course, Ending, WhatIf};
///
/// let analysis = Analysis::of("\
/// lifecycle: 1
/// service: shop
/// resources:
///   db: { kind: database, timeout: 5s }
/// platforms:
///   heroku: {}
/// ");
/// let resolved = analysis.resolved.unwrap();
/// let ends = |course| {
///     let step = WhatIf::of(&resolved.plan, &resolved.timelines[0], &[course]).steps[0];
///     (step.end, step.ending)
/// };
/// let (two, five) = (Duration::from_secs(2), Duration::from_secs(5));
/// assert_eq!(ends(Course::Takes(two)), (two, Ending::Done));
/// assert_eq!(ends(Course::WholeTimeout), (five, Ending::Done));
/// assert_eq!(ends(Course::Takes(2 * five)), (five, Ending::Cancelled));
/// assert_eq!(ends(Course::Fails), (Duration::ZERO, Ending::Failed));
/// assert_eq!(ends(Course::Hangs), (five + resolved.plan.unwind.value, Ending::Abandoned));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Course {
    /// It is done at the last moment of its timeout: the longest that is in order.
    WholeTimeout,
    /// It is done so long after it began. Where that is more than its timeout, it is cancelled then and
    /// lets go at once.
    Takes(Duration),
    /// It ends with an error at once.
    Fails,
    /// It never ends, and ignores its cancellation.
    Hangs,
}

/// How a step ended.
///
/// ```
/// use lifecycle_manifest::{Analysis, Course, Ending, WhatIf};
///
/// let endings = |grace: &str| {
///     let analysis = Analysis::of(&format!("\
/// lifecycle: 1
/// service: shop
/// resources:
///   jobs: {{ kind: queue-consumer, timeout: 10s }}
///   db: {{ kind: database, timeout: 5s }}
/// platforms:
///   kubernetes: {{ grace_period: {grace} }}
/// "));
///     let resolved = analysis.resolved.unwrap();
///     let what_if = WhatIf::of(&resolved.plan, &resolved.timelines[0], &[Course::Hangs]);
///     what_if.steps.iter().map(|step| step.ending).collect::<Vec<_>>()
/// };
/// assert_eq!(endings("30s"), [Ending::Abandoned, Ending::Done]);
/// assert_eq!(endings("12s"), [Ending::Abandoned, Ending::Cut]);
/// assert_eq!(endings("8s"), [Ending::Cut, Ending::NeverBegan]);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ending {
    /// In its time.
    Done,
    /// With an error.
    Failed,
    /// Its timeout passed: it was cancelled, and let go within the unwind.
    Cancelled,
    /// Its timeout passed, and the unwind after it: it was left behind.
    Abandoned,
    /// SIGKILL came while it ran.
    Cut,
    /// SIGKILL came before it began.
    NeverBegan,
}

/// One step, counted from the signal.
///
/// ```
/// use std::time::Duration;
/// use lifecycle_manifest::{Analysis, Course, Ending, Happened, WhatIf};
///
/// let analysis = Analysis::of("\
/// lifecycle: 1
/// service: shop
/// resources:
///   jobs: { kind: queue-consumer, timeout: 10s }
///   db: { kind: database, timeout: 5s }
/// platforms:
///   kubernetes: {}
/// ");
/// let resolved = analysis.resolved.unwrap();
/// let three = Duration::from_secs(3);
/// let courses = [Course::Takes(three), Course::Fails];
/// let what_if = WhatIf::of(&resolved.plan, &resolved.timelines[0], &courses);
/// assert_eq!(what_if.steps, [
///     Happened { start: Duration::ZERO, end: three, ending: Ending::Done },
///     Happened { start: three, end: three, ending: Ending::Failed },
/// ]);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Happened {
    /// It begins when all it waits for has ended.
    pub start: Duration,
    /// It is over, or SIGKILL is there. `start` where it never began.
    pub end: Duration,
    /// How.
    pub ending: Ending,
}

/// The end of the process.
///
/// ```
/// use std::time::Duration;
/// use lifecycle_manifest::{Analysis, Course, Exit, WhatIf};
///
/// let analysis = Analysis::of("\
/// lifecycle: 1
/// service: shop
/// resources:
///   db: { kind: database, timeout: 5s }
/// platforms:
///   kubernetes: {}
/// ");
/// let resolved = analysis.resolved.unwrap();
/// let exit = |course| WhatIf::of(&resolved.plan, &resolved.timelines[0], &[course]).exit;
/// assert_eq!(exit(Course::WholeTimeout), Exit { at: Duration::from_secs(5), code: 0 });
/// assert_eq!(exit(Course::Hangs), Exit { at: Duration::from_millis(5_250), code: 81 });
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exit {
    /// When, counted from the signal.
    pub at: Duration,
    /// With which code: 0 clean; 80 work was abandoned; 81 all work was done, and something could not be
    /// closed in order; 137 where it did not exit but was killed.
    pub code: u8,
}

/// What comes of a shutdown.
///
/// ```
/// use std::time::Duration;
/// use lifecycle_manifest::{Analysis, Course, KILLED, WhatIf};
///
/// let analysis = Analysis::of("\
/// lifecycle: 1
/// service: shop
/// resources:
///   jobs: { kind: queue-consumer, timeout: 10s }
/// platforms:
///   kubernetes: { grace_period: 8s }
/// ");
/// let resolved = analysis.resolved.unwrap();
/// let play = |course| WhatIf::of(&resolved.plan, &resolved.timelines[0], &[course]);
/// let quick = play(Course::Takes(Duration::from_secs(3)));
/// assert_eq!((quick.exit.code, quick.left()), (0, Duration::from_secs(5)));
/// let slow = play(Course::WholeTimeout);
/// assert!(slow.is_killed());
/// assert_eq!((slow.exit.code, slow.exit.at), (KILLED, Duration::from_secs(8)));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WhatIf {
    /// Each step, in the order of the plan's.
    pub steps: Vec<Happened>,
    /// The end of the process.
    pub exit: Exit,
    /// When SIGKILL comes for whatever is still there, counted from the signal.
    pub kill: Duration,
    /// When the last sidecar is gone, counted from the signal; the process' exit where there is none.
    pub gone: Duration,
}

/// The exit code of a process that was ended by SIGKILL, as shells and platforms show it.
pub const KILLED: u8 = 137;

impl WhatIf {
    /// Plays a plan on a platform's clock, each step by its course. Steps without one, at the end of the
    /// list, take their whole timeout.
    pub fn of(plan: &Plan, line: &Timeline, courses: &[Course]) -> Self {
        let kill = line.signal_to_kill();
        let mut steps = undisturbed(plan, line, courses);
        let exit = steps
            .iter()
            .map(|step| step.end)
            .max()
            .unwrap_or_default()
            .max(line.app_settle.value);
        if exit > kill {
            for step in &mut steps {
                if step.start >= kill {
                    (step.start, step.ending) = (kill, Ending::NeverBegan);
                } else if step.end > kill {
                    step.ending = Ending::Cut;
                }
                step.end = step.end.min(kill);
            }
        }
        let exit = match exit > kill {
            true => Exit {
                at: kill,
                code: KILLED,
            },
            false => Exit {
                at: exit,
                code: code(plan, &steps),
            },
        };
        let sidecars: Duration = line.terms.sidecars.iter().map(|it| it.value).sum();
        Self {
            exit,
            kill,
            gone: (exit.at + sidecars).min(kill.max(exit.at)),
            steps,
        }
    }

    /// The process was ended by SIGKILL.
    pub fn is_killed(&self) -> bool {
        self.exit.code == KILLED
    }

    /// What is left until SIGKILL when all is gone that the platform waits for.
    pub fn left(&self) -> Duration {
        self.kill.saturating_sub(self.gone)
    }
}

/// Every step, were there no SIGKILL.
fn undisturbed(plan: &Plan, line: &Timeline, courses: &[Course]) -> Vec<Happened> {
    let begin = line.app_settle.value;
    let nothing = Happened {
        start: begin,
        end: begin,
        ending: Ending::Done,
    };
    let mut steps = vec![nothing; plan.steps.len()];
    let mut gates = vec![begin; plan.gates.len()];
    for on in plan.order() {
        match *on {
            On::Step(step) => {
                let waits = plan.steps[step].waits.iter().map(|wait| match wait.on {
                    On::Step(other) => steps[other].end,
                    On::Gate(gate) => gates[gate],
                });
                let start = waits.max().unwrap_or(begin);
                let timeout = line.windows[step].timeout.value;
                let course = courses.get(step).copied();
                let (took, ending) =
                    one(course.unwrap_or(Course::WholeTimeout), timeout, line.unwind);
                steps[step] = Happened {
                    start,
                    end: start + took,
                    ending,
                };
            }
            On::Gate(gate) => {
                let members = plan.gates[gate].members.iter().map(|&it| steps[it].end);
                let inner = plan.gates[gate].gates.iter().map(|&it| gates[it]);
                gates[gate] = members.chain(inner).max().unwrap_or(begin);
            }
        }
    }
    steps
}

fn one(course: Course, timeout: Duration, unwind: Duration) -> (Duration, Ending) {
    match course {
        Course::WholeTimeout => (timeout, Ending::Done),
        Course::Takes(time) if time <= timeout => (time, Ending::Done),
        Course::Takes(_) => (timeout, Ending::Cancelled),
        Course::Fails => (Duration::ZERO, Ending::Failed),
        Course::Hangs => (timeout + unwind, Ending::Abandoned),
    }
}

/// What a process that ends by itself makes of its steps.
fn code(plan: &Plan, steps: &[Happened]) -> u8 {
    let codes = plan.steps.iter().zip(steps).map(|(step, happened)| {
        if step.best_effort {
            return 0;
        }
        match (happened.ending, step.phase) {
            (Ending::Done, _) => 0,
            (Ending::Failed, Phase::Flush | Phase::Close) | (_, Phase::Close) => 81,
            _ => 80,
        }
    });
    // 80 says more than 81, and 81 more than 0.
    codes.filter(|&code| code != 0).min().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Analysis;

    const SHOP: &str = "\
lifecycle: 1
service: shop
budget: { reserve: 5s, unwind: 250ms }
traffic: { settle: 5s }
resources:
  http: { kind: http-server, port: 8080, timeout: 15s, uses: [db] }
  jobs: { kind: queue-consumer, timeout: 10s }
  spans: { kind: telemetry, timeout: 2s, best_effort: true }
  db: { kind: database, timeout: 5s }
platforms:
  kubernetes: { grace_period: GRACE }
  heroku: {}
";

    fn played(grace: &str, platform: usize, courses: &[(&str, Course)]) -> (WhatIf, Vec<String>) {
        let analysis = Analysis::of(&SHOP.replace("GRACE", grace));
        let resolved = analysis.resolved.unwrap();
        let plan = &resolved.plan;
        let courses: Vec<Course> = plan
            .steps
            .iter()
            .map(|step| {
                let own = courses.iter().find(|(name, _)| *name == step.name);
                own.map_or(Course::Takes(Duration::ZERO), |(_, course)| *course)
            })
            .collect();
        let names = plan.steps.iter().map(|step| step.name.clone()).collect();
        (
            WhatIf::of(plan, &resolved.timelines[platform], &courses),
            names,
        )
    }

    fn of(played: &(WhatIf, Vec<String>), name: &str) -> (u64, u64, Ending) {
        let at = played.1.iter().position(|it| it == name).unwrap();
        let step = played.0.steps[at];
        let ms = |it: Duration| u64::try_from(it.as_millis()).unwrap();
        (ms(step.start), ms(step.end), step.ending)
    }

    #[test]
    fn a_step_that_hangs_costs_its_window_and_the_others_nothing() {
        let it = played("45s", 0, &[("db", Course::Hangs)]);
        assert_eq!(of(&it, "http"), (0, 0, Ending::Done));
        assert_eq!(of(&it, "db"), (0, 5_250, Ending::Abandoned));
        assert_eq!(it.0.exit.at, Duration::from_millis(5_250));
        assert_eq!(it.0.exit.code, 81);
        // 5 s of the 45 s are the preStop sleep's.
        assert_eq!(it.0.left(), Duration::from_millis(34_750));
    }

    #[test]
    fn the_exit_code_says_the_worst_of_what_counts() {
        let code = |named: &[(&str, Course)]| played("45s", 0, named).0.exit.code;
        assert_eq!(code(&[]), 0);
        assert_eq!(code(&[("http", Course::WholeTimeout)]), 0);
        assert_eq!(code(&[("spans", Course::Hangs)]), 0);
        assert_eq!(code(&[("db", Course::Fails)]), 81);
        assert_eq!(code(&[("jobs", Course::Fails)]), 80);
        assert_eq!(code(&[("jobs", Course::Hangs), ("db", Course::Fails)]), 80);
        assert_eq!(code(&[("jobs", Course::Fails), ("db", Course::Hangs)]), 80);
        let late = Course::Takes(Duration::from_secs(11));
        assert_eq!(code(&[("jobs", late)]), 80);
    }

    #[test]
    fn a_slow_step_is_cancelled_at_its_timeout_and_has_no_need_of_the_unwind() {
        let it = played(
            "45s",
            0,
            &[("jobs", Course::Takes(Duration::from_secs(11)))],
        );
        assert_eq!(of(&it, "jobs"), (0, 10_000, Ending::Cancelled));
        let it = played("45s", 0, &[("jobs", Course::Takes(Duration::from_secs(3)))]);
        assert_eq!(of(&it, "jobs"), (0, 3_000, Ending::Done));
        assert_eq!(of(&it, "db"), (3_000, 3_000, Ending::Done));
    }

    #[test]
    fn sigkill_cuts_what_runs_and_keeps_the_rest_from_beginning() {
        let everything = ["http", "jobs", "spans", "db"].map(|name| (name, Course::Hangs));
        let it = played("12s", 0, &everything);
        assert_eq!(of(&it, "http"), (0, 7_000, Ending::Cut));
        assert_eq!(of(&it, "db"), (7_000, 7_000, Ending::NeverBegan));
        assert!(it.0.is_killed());
        assert_eq!(it.0.exit.code, 137);
        assert_eq!(it.0.left(), Duration::ZERO);
        // Heroku gives 30 s, of which the program settles the first five.
        let it = played("45s", 1, &everything);
        assert_eq!(of(&it, "http"), (5_000, 20_250, Ending::Abandoned));
        assert_eq!(of(&it, "db"), (22_500, 27_750, Ending::Abandoned));
        assert_eq!(it.0.exit.code, 80);
        assert_eq!(it.0.left(), Duration::from_millis(2_250));
    }

    #[test]
    fn where_all_hang_the_end_is_the_end_of_the_plan() {
        let analysis = Analysis::of(&SHOP.replace("GRACE", "45s"));
        let resolved = analysis.resolved.unwrap();
        for line in &resolved.timelines {
            let courses = vec![Course::Hangs; resolved.plan.steps.len()];
            let it = WhatIf::of(&resolved.plan, line, &courses);
            assert_eq!(it.exit.at, line.steps_end());
            for (step, window) in it.steps.iter().zip(&line.windows) {
                assert_eq!((step.start, step.end), (window.start, window.end));
            }
        }
    }
    #[test]
    fn what_ends_at_the_moment_of_sigkill_has_ended_by_itself() {
        // 5 s of the 20 s are the preStop sleep's.
        let it = played("20s", 0, &[("http", Course::WholeTimeout)]);
        assert_eq!(of(&it, "http"), (0, 15_000, Ending::Done));
        assert_eq!(of(&it, "db"), (15_000, 15_000, Ending::Done));
        assert!(!it.0.is_killed());
        assert_eq!((it.0.exit.code, it.0.left()), (0, Duration::ZERO));
        // What would go on is killed, and takes nothing from what has ended.
        let it = played(
            "20s",
            0,
            &[("http", Course::WholeTimeout), ("db", Course::Hangs)],
        );
        assert_eq!(of(&it, "http"), (0, 15_000, Ending::Done));
        assert_eq!(of(&it, "db"), (15_000, 15_000, Ending::NeverBegan));
        assert!(it.0.is_killed());
    }

    #[test]
    fn a_sidecar_is_gone_after_the_program_and_at_sigkill_at_the_latest() {
        let left = |grace: &str| {
            let beside = format!("{grace}, sidecars: [{{ name: proxy, timeout: 4s }}]");
            let it = played(&beside, 0, &[("http", Course::WholeTimeout)]);
            assert_eq!(it.0.exit.at, Duration::from_secs(15), "{grace}");
            it.0.left()
        };
        assert_eq!(left("45s"), Duration::from_secs(21));
        assert_eq!(left("22s"), Duration::ZERO);
    }
}
