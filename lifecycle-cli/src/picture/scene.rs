//! What a picture shows: lanes, bars and moments in milliseconds. No drawing, and no arithmetic beyond
//! putting the numbers of a [`Timeline`] or a [`WhatIf`] beside one another.
//!
//! It is also what `lifecycle plan --format json` prints, version 1: within a version fields are added,
//! never changed or taken away. The doc comments here are its documentation and its JSON Schema.

mod build;
mod lanes;
mod row;

use lifecycle_manifest::{Ending, Phase, Resolved, Timeline};
use schemars::JsonSchema;
use serde::Serialize;

use super::what_if::Cases;

/// What `lifecycle plan --format json` prints. Every time is in milliseconds, and counts from the moment
/// the platform is asked to stop the instance.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Scene {
    /// The version of this document.
    #[schemars(range(min = 1, max = 1))]
    pub(crate) version: u32,
    /// The service's name.
    pub(crate) service: String,
    /// Equal for manifests whose shutdown is the same.
    pub(crate) digest: String,
    /// Where the common scale ends. A SIGKILL that is far away lies beyond it.
    pub(crate) end_ms: u64,
    /// What `--if` asked, each as it was written, such as `hang:orders-db`. Empty: the plan itself, in
    /// which every step takes its whole window.
    pub(crate) what_if: Vec<String>,
    /// One a platform, in the order of the manifest.
    pub(crate) platforms: Vec<Panel>,
}

/// One platform's picture.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Panel {
    /// The platform's key in the manifest.
    pub(crate) platform: &'static str,
    /// Its name in sentences.
    pub(crate) name: &'static str,
    /// The time from the platform's stop to SIGKILL.
    pub(crate) grace_ms: u64,
    /// Where that number comes from, such as `the Kubernetes default`.
    pub(crate) grace_origin: String,
    /// All that must fit inside the grace period, the reserve included.
    pub(crate) needed_ms: u64,
    /// `grace_ms - needed_ms`; negative where it does not fit.
    pub(crate) spare_ms: i64,
    /// The sum in words: `5s preStop sleep + 15s http + 250ms unwind + 5s reserve = 25.25s`.
    pub(crate) sum: String,
    /// The resources whose steps take longest one after another.
    pub(crate) longest_path: Vec<String>,
    /// The moments, in the order of time.
    pub(crate) moments: Vec<Moment>,
    /// The longest way from the stop to SIGKILL, bar after bar, without a gap.
    pub(crate) path: Vec<Bar>,
    /// The lanes, from the top: platform, traffic, drain, flush, close, end.
    pub(crate) lanes: Vec<Lane>,
    /// What comes of it, where `--if` asked.
    pub(crate) ended: Option<Ended>,
}

/// Something that happens at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Moment {
    /// What.
    pub(crate) what: What,
    /// When.
    pub(crate) at_ms: u64,
    /// Its name: `SIGTERM`, `SIGKILL`.
    pub(crate) label: String,
}

/// What happens at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum What {
    /// The signal that asks the program to stop.
    Signal,
    /// The program takes nothing new from here on.
    IntakeStops,
    /// The process is gone: at the latest, or as `--if` asked.
    Exit,
    /// The program's watchdog would end a process that is still there: half the reserve before its end.
    Watchdog,
    /// Whatever is left is killed.
    Kill,
}

/// A row of a picture.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Lane {
    /// Which part of the shutdown it belongs to.
    pub(crate) group: Group,
    /// Its name: a resource's, or `preStop sleep`, `requests`, `reserve`.
    pub(crate) name: String,
    /// The resource's kind.
    pub(crate) kind: Option<&'static str>,
    /// How long it may take, or took, in words.
    pub(crate) takes: String,
    /// What it is, and what it waits for, in a sentence.
    pub(crate) says: String,
    /// It is part of the longest way.
    pub(crate) on_longest_path: bool,
    /// Its timeout or failure does not change the exit code.
    pub(crate) best_effort: bool,
    /// How the step ended, where `--if` asked.
    pub(crate) ending: Option<End>,
    /// What is drawn, from left to right; where `--if` asked, what was planned lies below.
    pub(crate) bars: Vec<Bar>,
}

/// The parts of a shutdown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Group {
    /// What the platform does itself.
    Platform,
    /// Requests that still arrive, and how long they are still taken.
    Traffic,
    /// Work in flight is finished.
    Drain,
    /// What was recorded is sent off.
    Flush,
    /// Clients are closed.
    Close,
    /// What is left before SIGKILL.
    End,
}

impl Group {
    /// The name, as in JSON and as the class of the style sheet.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Platform => "platform",
            Self::Traffic => "traffic",
            Self::Drain => "drain",
            Self::Flush => "flush",
            Self::Close => "close",
            Self::End => "end",
        }
    }

    const fn of(phase: Phase) -> Self {
        match phase {
            Phase::Drain => Self::Drain,
            Phase::Flush => Self::Flush,
            Phase::Close => Self::Close,
        }
    }
}

/// A stretch of time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Bar {
    /// What is drawn.
    pub(crate) shape: Shape,
    /// The part of the shutdown that gives it its hue.
    pub(crate) group: Group,
    /// When it begins.
    pub(crate) start_ms: u64,
    /// When it ends.
    pub(crate) end_ms: u64,
    /// What it is, such as `http`.
    pub(crate) label: String,
}

/// What a bar stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Shape {
    /// Something takes this time.
    Time,
    /// Cancelled work has this long to let go.
    Unwind,
    /// Nothing is planned for this: what is left for the report and for late clocks.
    Reserve,
    /// The platform's grace period: a frame around what must fit.
    Grace,
    /// Left over.
    Spare,
    /// Planned beyond SIGKILL.
    Missing,
    /// What was planned, where `--if` draws what comes of it.
    Planned,
    /// Work that is cut off: its timeout has passed, or SIGKILL comes.
    GivenUp,
    /// Something that ends with an error.
    Failed,
}

impl Shape {
    /// The class of the style sheet.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Time => "time",
            Self::Unwind => "unwind",
            Self::Reserve => "reserve",
            Self::Grace => "grace",
            Self::Spare => "spare",
            Self::Missing => "missing",
            Self::Planned => "planned",
            Self::GivenUp => "given-up",
            Self::Failed => "failed",
        }
    }
}

/// How a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum End {
    /// In its time.
    Done,
    /// With an error.
    Failed,
    /// Its timeout passed: it was cancelled, and let go.
    Cancelled,
    /// Its timeout and the unwind passed: it was left behind.
    Abandoned,
    /// SIGKILL came while it ran.
    Cut,
    /// SIGKILL came before it began.
    NeverBegan,
}

impl End {
    const fn of(ending: Ending) -> Self {
        match ending {
            Ending::Done => Self::Done,
            Ending::Failed => Self::Failed,
            Ending::Cancelled => Self::Cancelled,
            Ending::Abandoned => Self::Abandoned,
            Ending::Cut => Self::Cut,
            Ending::NeverBegan => Self::NeverBegan,
        }
    }
}

/// What comes of a shutdown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Ended {
    /// When the process is gone.
    pub(crate) exit_ms: u64,
    /// Its exit code: 0 clean, 80 work was abandoned, 81 something could not be closed in order, 137 it
    /// was killed.
    pub(crate) exit_code: u8,
    /// From the end of the last sidecar, or of the process where there is none, to SIGKILL.
    pub(crate) left_ms: u64,
    /// The resources whose steps were given up or cut off, or failed.
    pub(crate) lost: Vec<String>,
    /// The same in a sentence.
    pub(crate) words: String,
}

impl Scene {
    /// The plan, or what comes of it, on these timelines.
    pub(crate) fn of(resolved: &Resolved, lines: &[&Timeline], cases: &Cases) -> Self {
        let plan = &resolved.plan;
        let panels = lines.iter().map(|line| {
            let courses = cases.courses(plan);
            build::panel(plan, line, courses.as_deref())
        });
        let platforms: Vec<Panel> = panels.collect();
        Self {
            version: 1,
            service: plan.service.clone(),
            digest: resolved.digest.clone(),
            end_ms: build::end(&platforms),
            what_if: cases.written(),
            platforms,
        }
    }
}

impl Panel {
    /// When this happens.
    pub(crate) fn moment(&self, what: What) -> Option<u64> {
        let moment = self.moments.iter().find(|moment| moment.what == what);
        moment.map(|moment| moment.at_ms)
    }

    /// What the longest way takes from the stop on. What is before the signal belongs to it even where the
    /// grace period has not begun by then.
    pub(crate) fn path_ms(&self) -> u64 {
        let planned = self.path.iter();
        let planned = planned.filter(|bar| !matches!(bar.shape, Shape::Spare | Shape::Missing));
        planned.map(|bar| bar.end_ms - bar.start_ms).sum()
    }

    /// When SIGKILL comes.
    pub(crate) fn kill_ms(&self) -> Option<u64> {
        self.moment(What::Kill)
    }
}
