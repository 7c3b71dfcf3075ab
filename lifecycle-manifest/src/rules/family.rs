//! Families of rules: what the hundreds of a code mean.

/// Rules about one thing.
///
/// ```
/// use lifecycle_manifest::rules;
/// let family = rules::find("grace-too-short").unwrap().family();
/// assert_eq!((family.hundreds, family.title), ("1", "The budget"));
/// ```
#[derive(Debug, PartialEq, Eq)]
pub struct Family {
    /// The first digit of its rules' codes.
    pub hundreds: &'static str,
    /// What they are about.
    pub title: &'static str,
    /// The same in a sentence.
    pub about: &'static str,
}

/// Every family, in the order of the codes.
pub static FAMILIES: &[Family] = &[
    Family {
        hundreds: "0",
        title: "The file",
        about: "What is wrong with the file before it means anything. Most of these cannot be allowed: behind them nothing can be judged.",
    },
    Family {
        hundreds: "1",
        title: "The budget",
        about: "The sum of all that must be done between the platform's stop and SIGKILL, beside the grace period.",
    },
    Family {
        hundreds: "2",
        title: "The order",
        about: "Which step waits for which.",
    },
    Family {
        hundreds: "3",
        title: "Traffic",
        about: "Requests that still arrive, and requests that are still being served.",
    },
    Family {
        hundreds: "4",
        title: "The platform",
        about: "What a platform does to a shutdown beside counting: hooks, sidecars, interruptible nodes, versions.",
    },
    Family {
        hundreds: "5",
        title: "The program",
        about: "What the program itself could not do as written.",
    },
    Family {
        hundreds: "6",
        title: "Queues",
        about: "Messages and jobs that a stop leaves half done, or has done twice.",
    },
    Family {
        hundreds: "7",
        title: "Drift",
        about: "Where a deployed file says something else than the manifest means. Looked for by `check --against`.",
    },
    Family {
        hundreds: "8",
        title: "Deployed files",
        about: "What a deployed file shows by itself. Looked for by `check --against`, with a manifest or without.",
    },
];
