//! The picture tells the truth: what `lifecycle_manifest::WhatIf` says of a plan whose steps hang, fail or
//! dawdle is what the runtime does, to the millisecond, with the same exit code.
//!
//! The manifest is written at random and read as every manifest is; the runtime gets the plan that the
//! macro would have written into the program.

use std::cell::Cell;
use std::fmt::Write as _;
use std::io::Write as _;
use std::time::Duration;

use lifecycle::plan::{Kind, Plan, Step};
use lifecycle::testing::{Fault, Terminated, Termination};
use lifecycle::{
    AuditLog, Cache, CriticalSection, Custom, Database, MessageBroker, QueueConsumer, Signal,
    StepOutcome, Task, Telemetry,
};
use lifecycle_manifest::{Analysis, Course, Ending, KILLED, WhatIf};
use proptest::prelude::*;

use super::common::ms;
use super::lowered::lowered;
use super::{holds, on_paused_clock};

/// A resource as the manifest has it, and what it does.
#[derive(Debug, Clone)]
struct Given {
    kind: &'static str,
    timeout: u64,
    best_effort: bool,
    after: Vec<usize>,
    uses: Vec<usize>,
    does: Does,
}

#[derive(Debug, Clone, Copy)]
enum Does {
    AtOnce,
    /// Less or more than its timeout, and not exactly that: then either of two things happens first.
    Slow(u64),
    Fail,
    Panic,
    Hang,
}

#[derive(Debug, Clone)]
struct Service {
    settle: u64,
    unwind: u64,
    /// The platform's entry.
    platform: String,
    /// Further signals, so long after the first: they change nothing.
    again: Vec<u64>,
    resources: Vec<Given>,
}

const KINDS: [&str; 9] = [
    "task",
    "queue-consumer",
    "critical-section",
    "telemetry",
    "audit-log",
    "message-broker",
    "cache",
    "database",
    "custom",
];

/// One of `count` resources. It waits for some before it, and uses some behind it, which wait for it:
/// mostly no circle comes of that. Now and then it uses any, and one may.
fn given(index: usize, count: usize) -> impl Strategy<Value = Given> {
    let some = |from: usize, to: usize| {
        let most = to.saturating_sub(from).min(2);
        proptest::collection::btree_set(from..to.max(from + 1), 0..=most)
    };
    let uses = prop_oneof![9 => some(index + 1, count), 1 => some(0, count)];
    let timeout = prop_oneof![1..50_u64, 100..9_000_u64];
    let kind = proptest::sample::select(&KINDS[..]);
    let all = (
        kind,
        timeout,
        proptest::bool::weighted(0.2),
        some(0, index),
        uses,
    );
    all.prop_flat_map(move |(kind, timeout, best_effort, after, uses)| {
        let named = |set: std::collections::BTreeSet<usize>, end: usize| -> Vec<usize> {
            let others = set.into_iter();
            let others = others.filter(|&other| other < end && other != index);
            others.collect()
        };
        let (after, uses) = (named(after, index), named(uses, count));
        let does = prop_oneof![
            2 => Just(Does::AtOnce),
            2 => (0..timeout).prop_map(Does::Slow),
            1 => (1..5_000_u64).prop_map(move |over| Does::Slow(timeout + over)),
            3 => Just(Does::Hang),
            1 => Just(Does::Fail),
            1 => Just(Does::Panic),
        ];
        does.prop_map(move |does| Given {
            kind,
            timeout,
            best_effort,
            after: after.clone(),
            uses: uses.clone(),
            does,
        })
    })
}

fn service() -> impl Strategy<Value = Service> {
    let grace = prop_oneof![3 => Just(3_600), 1 => 6..40_u64];
    let platform = (grace, 0..13_u32).prop_map(|(grace, which)| match which {
        0 => format!("kubernetes: {{ image: x, grace_period: {grace}s }}"),
        1 => format!("kubernetes: {{ image: x, grace_period: {grace}s, app_settle: 3s }}"),
        2 => format!("docker: {{ image: x, grace_period: {grace}s }}"),
        3 => format!("systemd: {{ grace_period: {grace}s }}"),
        4 => format!("nomad: {{ grace_period: {grace}s }}"),
        5 => format!("compose: {{ image: x, grace_period: {grace}s }}"),
        6 => format!("pm2: {{ grace_period: {grace}s }}"),
        // Those that take no more than this, and those that give what they give.
        7 => format!("ecs: {{ image: x, grace_period: {}s }}", grace.min(120)),
        8 => format!(
            "ecs: {{ image: x, grace_period: {}s, load_balancer: {{ deregistration_delay: 20s }} }}",
            grace.min(120)
        ),
        9 => format!("fly: {{ grace_period: {}s }}", grace.min(300)),
        10 => format!(
            "azure_container_apps: {{ image: x, grace_period: {}s }}",
            grace.min(600)
        ),
        11 => "cloud_run: { image: x }".to_owned(),
        _ => "heroku: {}".to_owned(),
    });
    let resources = (1..9_usize).prop_flat_map(|count| {
        let each = (0..count).map(|index| given(index, count));
        each.collect::<Vec<_>>()
    });
    let again = proptest::collection::vec(1..20_000_u64, 0..3);
    (0..8_000_u64, 1..600_u64, platform, again, resources).prop_map(
        |(settle, unwind, platform, again, resources)| Service {
            settle,
            unwind,
            platform,
            again,
            resources,
        },
    )
}

fn name(index: usize) -> String {
    format!("r{index}")
}

impl Service {
    fn manifest(&self) -> String {
        let mut text = format!(
            "lifecycle: 1\nservice: shop\nbudget: {{ unwind: {}ms }}\ntraffic: {{ settle: {}ms }}\nresources:\n",
            self.unwind, self.settle
        );
        // One that takes traffic, so that the settle time is owed.
        text.push_str("  edge: { kind: stream, timeout: 1s }\n");
        for (index, it) in self.resources.iter().enumerate() {
            let names = |of: &[usize]| of.iter().map(|&other| name(other)).collect::<Vec<_>>();
            let _ = write!(
                text,
                "  {}: {{ kind: {}, timeout: {}ms, best_effort: {}",
                name(index),
                it.kind,
                it.timeout,
                it.best_effort
            );
            if !it.after.is_empty() {
                let _ = write!(text, ", after: [{}]", names(&it.after).join(", "));
            }
            if !it.uses.is_empty() {
                let _ = write!(text, ", uses: [{}]", names(&it.uses).join(", "));
            }
            text.push_str(" }\n");
        }
        let _ = writeln!(text, "platforms:\n  {}", self.platform);
        text
    }

    /// Of the resource called so.
    fn of(&self, name: &str) -> Option<&Given> {
        self.resources
            .get(name.strip_prefix('r')?.parse::<usize>().ok()?)
    }

    fn course(&self, name: &str) -> Course {
        match self.of(name).map(|it| it.does) {
            None | Some(Does::AtOnce) => Course::Takes(Duration::ZERO),
            Some(Does::Slow(time)) => Course::Takes(ms(time)),
            Some(Does::Fail | Does::Panic) => Course::Fails,
            Some(Does::Hang) => Course::Hangs,
        }
    }

    fn run(&self, plan: &Plan) -> Terminated {
        on_paused_clock(async {
            let platform = plan.timelines[0].platform.to_string();
            // What this platform asks with; asked again, by whomever, it stops no sooner.
            let signal = match platform.as_str() {
                "pm2" | "fly" => Signal::Interrupt,
                _ => Signal::Terminate,
            };
            let mut played = Termination::of(plan.clone())
                .platform(platform)
                .signal(signal);
            for &after in &self.again {
                played = played.again(ms(after), Signal::Terminate);
            }
            for step in plan.steps.iter() {
                played = wired(played, step);
                let fault = match self.of(&step.name).map(|it| it.does) {
                    None | Some(Does::AtOnce) => continue,
                    Some(Does::Slow(time)) => Fault::Slow(ms(time)),
                    Some(Does::Fail) => Fault::Fail,
                    Some(Does::Panic) => Fault::Panic,
                    Some(Does::Hang) => Fault::Hang,
                };
                played = played.fault(step.name.to_string(), fault);
            }
            played.run().await
        })
    }
}

/// With a resource of the step's kind that lets go at once.
fn wired(played: Termination, step: &Step) -> Termination {
    let name = step.name.clone();
    match step.kind {
        Kind::Stream => played.with(name, lifecycle::Streams::new()),
        Kind::Task => played.with(
            name,
            Task::new(|stopping| async move { stopping.requested().await }),
        ),
        Kind::QueueConsumer => played.with(
            name,
            QueueConsumer::new(|claims| async move { claims.stopping().await }),
        ),
        Kind::CriticalSection => played.with(name, CriticalSection::new()),
        Kind::Telemetry => played.with(name, Telemetry::new(|| async {})),
        Kind::AuditLog => played.with(name, AuditLog::new(|| async {})),
        Kind::MessageBroker => played.with(name, MessageBroker::new(|| async {})),
        Kind::Cache => played.with(name, Cache::new(|| async {})),
        Kind::Database => played.with(name, Database::new(|| async {})),
        Kind::Custom => played.with(name, Custom::new(|| async {})),
        kind => unreachable!("no manifest here has a {}", kind.as_str()),
    }
}

/// What the runtime did, as SIGKILL would have left it; `None`: all was over by then.
fn cut(
    begin: Duration,
    end: Duration,
    outcome: StepOutcome,
    unwound: Duration,
    kill: Option<Duration>,
) -> Ending {
    match outcome {
        _ if kill.is_some_and(|kill| begin >= kill) => Ending::NeverBegan,
        _ if kill.is_some_and(|kill| end > kill) => Ending::Cut,
        StepOutcome::Done => Ending::Done,
        StepOutcome::Failed | StepOutcome::Panicked => Ending::Failed,
        // What let go when it was cancelled needed none of the unwind.
        StepOutcome::TimedOut if unwound.is_zero() => Ending::Cancelled,
        StepOutcome::TimedOut => Ending::Abandoned,
        other => panic!("a step is {}", other.as_str()),
    }
}

#[test]
fn what_the_picture_says_is_what_the_runtime_does() {
    let accepted = Cell::new(0);
    holds(
        "manifests",
        6000,
        "tests/promise/what_if.seeds",
        &service(),
        |service| {
            let text = service.manifest();
            let analysis = Analysis::of(&text);
            // `after` and `uses` at random may go in circles: such a manifest has no plan.
            prop_assume!(analysis.resolved.is_some());
            let resolved = analysis.resolved.as_ref().expect("looked at just now");
            let line = &resolved.timelines[0];
            let courses: Vec<Course> = resolved
                .plan
                .steps
                .iter()
                .map(|it| service.course(&it.name))
                .collect();

            let said = WhatIf::of(&resolved.plan, line, &courses);
            let did = service.run(&lowered(resolved));

            let kill = said.kill;
            let ends = did.steps.iter().map(|it| it.end.expect("it ended"));
            let last = ends.fold(did.settle, Duration::max);
            let kills = (last > kill).then_some(kill);
            for ((step, said), did) in resolved.plan.steps.iter().zip(&said.steps).zip(&did.steps) {
                let name = &step.name;
                prop_assert_eq!(name, &did.name);
                let (start, end) = (did.start.expect("it began"), did.end.expect("it ended"));
                let unwound = end.saturating_sub(start + did.timeout);
                prop_assert_eq!(said.start, start.min(kill), "{} begins\n{}", name, text);
                prop_assert_eq!(said.end, end.min(kill), "{} ends\n{}", name, text);
                prop_assert_eq!(
                    said.ending,
                    cut(start, end, did.outcome, unwound, kills),
                    "{}\n{}",
                    name,
                    text
                );
            }
            prop_assert_eq!(said.exit.at, last.min(kill), "the exit\n{}", text);
            match kills {
                Some(_) => prop_assert_eq!(said.exit.code, KILLED, "{}", text),
                None => prop_assert_eq!(said.exit.code, did.exit_code(), "{}", text),
            }
            // And the promise: where `check` has no objection, nobody is killed.
            if !analysis.has_errors() {
                prop_assert!(!said.is_killed(), "{}", text);
                accepted.set(accepted.get() + 1);
            }
            Ok(())
        },
    );
    // A generator that `check` objects to all the time would promise nothing.
    let said = writeln!(
        std::io::stderr(),
        "promise: `check` accepts {} of them, and none was killed",
        accepted.get()
    );
    said.expect("standard error");
    assert!(accepted.get() > 0);
}
