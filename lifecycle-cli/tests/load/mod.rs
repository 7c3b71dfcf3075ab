//! Manifests of any size, the same at every run, and what a run of the program costs.

use std::fmt::Write as _;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;

const AFTER: usize = 3;

const USES: usize = 2;

/// A manifest with this many resources and five edges each, three by `after` and two by `uses`.
/// `after` names earlier resources and `uses` later ones, so there is no circle; the first and the
/// last few have fewer.
pub(crate) fn manifest(resources: usize) -> String {
    const KINDS: [&str; 5] = ["task", "queue-consumer", "scheduler", "cache", "database"];
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut text = String::from(
        "# yaml-language-server: $schema=./lifecycle.schema.json\n\
         lifecycle: 1\nservice: checkout-api\n\n\
         budget: { reserve: 5s, unwind: 250ms }\n\
         traffic: { settle: 5s }\n\nresources:\n",
    );
    for at in 0..resources {
        let after = some(&mut random, AFTER, 0, at);
        let uses = some(&mut random, USES, at + 1, resources);
        // Writing to a `String` cannot fail.
        let _ = writeln!(
            text,
            "  {}: {{ kind: {}, timeout: {}s, after: [{}], uses: [{}] }}",
            name(at),
            KINDS[at * KINDS.len() / resources],
            1 + random.below(20),
            after.join(", "),
            uses.join(", "),
        );
    }
    text.push_str(
        "\nplatforms:\n  kubernetes: { grace_period: 1h, image: \"registry.example.com/checkout:1.4.2\" }\n",
    );
    text
}

fn name(at: usize) -> String {
    format!("resource-{at:05}")
}

/// Up to `count` different names of resources in `from..to`.
fn some(random: &mut Random, count: usize, from: usize, to: usize) -> Vec<String> {
    let mut chosen = Vec::new();
    while chosen.len() < count.min(to - from) {
        let one = name(from + random.below(to - from));
        if !chosen.contains(&one) {
            chosen.push(one);
        }
    }
    chosen
}

/// xorshift64: the same numbers on every machine.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % bound as u64).unwrap()
    }
}

/// What one run of a program has cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Cost {
    /// User and system time of all its threads.
    pub(crate) cpu: Duration,
    /// From its start to its end.
    pub(crate) wall: Duration,
}

/// Runs a program to its end, output thrown away. Nothing else may be started meanwhile by this
/// process: the kernel adds the times of all children up.
pub(crate) fn cost(command: &mut Command) -> (Cost, ExitStatus) {
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let (before, begin) = (children(), Instant::now());
    let status = command.status().unwrap();
    let cost = Cost {
        wall: begin.elapsed(),
        cpu: children().saturating_sub(before),
    };
    (cost, status)
}

fn children() -> Duration {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap();
    duration(usage.user_time()) + duration(usage.system_time())
}

fn duration(time: TimeVal) -> Duration {
    let micros = time.tv_sec() * 1_000_000 + time.tv_usec();
    Duration::from_micros(u64::try_from(micros).unwrap())
}
