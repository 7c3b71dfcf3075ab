//! What a rolling deploy came to: what clients saw of it, and every instance's part in it.
//!
//! Serialised, this is version 1 of the JSON of `drill --rolling`. Times are milliseconds from the moment
//! the deploy began: when the first old instance was asked to stop, or the first new one started.

#![allow(
    clippy::struct_field_names,
    reason = "in JSON a number carries its unit in its name"
)]

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::deploy::Balancing;
use super::router::Fault;
use crate::measured::{Finding, LoadSummary, Planned};
use crate::own_report::OwnReport;
use crate::target::process::Status;
use crate::traffic::tally::{Latency, LostRequest};
use crate::verdict::{Expectations, exits};

/// One rolling deploy.
///
/// ```
/// use lifecycle_drill::rolling::RollingMeasured;
///
/// # let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/formats/1/rolling.json");
/// let rolling: RollingMeasured = serde_json::from_slice(&std::fs::read(file)?)?;
/// assert_eq!(rolling.sentence, "a rolling deploy of 2 replicas lost 0 of 164 requests");
/// assert_eq!(rolling.took_ms, Some(5_172.3));
/// let new = rolling.instances.iter().filter(|it| it.new).count();
/// assert_eq!((new, rolling.instances.len()), (2, 4));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RollingMeasured {
    /// 1.
    pub version: u32,
    /// `rolling`, which a drill of one process is not.
    pub kind: Kind,
    /// No finding is a failure.
    pub passed: bool,
    /// What clients saw, in a sentence: `a rolling deploy of 3 replicas lost 0 of 12,408 requests`.
    pub sentence: String,
    /// The service's name.
    pub service: String,
    /// The platform's key.
    pub platform: String,
    /// The platform's name for people.
    pub platform_label: String,
    /// What was run, before each instance was told its port.
    pub command: Vec<String>,
    /// How far the deploy came.
    pub course: RolloutCourse,
    /// What it was held to.
    pub expected: Expectations,
    /// What was found, failures first.
    pub findings: Vec<Finding>,
    /// How it was to go.
    pub deploy: Deploy,
    /// The signal that asks an instance to stop: `SIGTERM`.
    pub signal: String,
    /// What the script said would happen to each instance.
    pub planned: Planned,
    /// What decided which request came when: the same seed is the same sequence.
    pub seed: u64,
    /// What was sent.
    pub load: LoadSummary,
    /// What clients saw; null when there was no instance to send anything to.
    pub requests: Option<ClientView>,
    /// The requests that instances did not answer, by instance and kind.
    pub losses: Vec<Losses>,
    /// How long it took until every old instance was gone and every new one in use; null when it did not
    /// come to that.
    pub took_ms: Option<f64>,
    /// The instances, old ones first.
    pub instances: Vec<InstanceMeasured>,
    /// What could not be measured, and why, in sentences.
    pub not_measured: Vec<String>,
}

impl RollingMeasured {
    /// Whether an instance that was stopped is to end in this way.
    ///
    /// ```
    /// use lifecycle_drill::{rolling::RollingMeasured, target::process::Status};
    ///
    /// # let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/formats/1/rolling.json");
    /// let mut rolling: RollingMeasured = serde_json::from_slice(&std::fs::read(file)?)?;
    /// assert!(rolling.is_expected(Status::Code(0)));
    /// assert!(!rolling.is_expected(Status::Signal(15)));
    ///
    /// rolling.expected.exit_code = 143; // 128 and the number of SIGTERM
    /// assert!(rolling.is_expected(Status::Signal(15)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn is_expected(&self, status: Status) -> bool {
        is_expected(status, &self.expected)
    }

    /// The instance whose last lines tell the most: the one that held the deploy up, or the first that
    /// did not leave well.
    ///
    /// ```
    /// use lifecycle_drill::rolling::measured::{RollingMeasured, RolloutCourse};
    ///
    /// # let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/formats/1/rolling.json");
    /// let mut rolling: RollingMeasured = serde_json::from_slice(&std::fs::read(file)?)?;
    /// assert_eq!(rolling.spoken(), None); // all left well
    ///
    /// rolling.instances[0].output.push("worker 3 did not stop".to_owned());
    /// rolling.instances[3].output.push("no database".to_owned());
    /// assert_eq!(rolling.spoken().unwrap().number, 1);
    /// rolling.course = RolloutCourse::Stuck { instance: 4 };
    /// assert_eq!(rolling.spoken().unwrap().output, ["no database"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn spoken(&self) -> Option<&InstanceMeasured> {
        let culprit = match self.course {
            RolloutCourse::Stuck { instance } | RolloutCourse::Died { instance, .. } => {
                Some(instance)
            }
            RolloutCourse::Played | RolloutCourse::NeverReady => None,
        };
        let of = |it: &&InstanceMeasured| culprit.is_none_or(|number| it.number == number);
        let mut spoken = self.instances.iter().filter(|it| !it.output.is_empty());
        spoken.find(of)
    }
}

/// Whether an instance that was stopped is to end in this way.
pub(super) fn is_expected(status: Status, expected: &Expectations) -> bool {
    exits::exit_code(status) == Some(expected.exit_code)
}

/// Which kind of drill it was.
///
/// ```
/// use lifecycle_drill::rolling::measured::Kind;
///
/// assert_eq!(serde_json::from_str::<Kind>(r#""rolling""#)?, Kind::Rolling);
/// assert!(serde_json::from_str::<Kind>(r#""drill""#).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A rolling deploy.
    #[default]
    Rolling,
}

/// How far a deploy came.
///
/// ```
/// use lifecycle_drill::rolling::measured::RolloutCourse;
/// use lifecycle_drill::target::process::Status;
///
/// let course: RolloutCourse = serde_json::from_str(
///     r#"{ "died": { "instance": 4, "ready": false, "status": { "code": 1 } } }"#,
/// )?;
/// let died = RolloutCourse::Died { instance: 4, ready: false, status: Status::Code(1) };
/// assert_eq!(course, died);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RolloutCourse {
    /// Every instance was replaced.
    Played,
    /// The first instances did not become ready in their time.
    NeverReady,
    /// A new instance did not become ready in its time.
    Stuck {
        /// Which.
        instance: usize,
    },
    /// An instance ended that nobody had signalled.
    Died {
        /// Which.
        instance: usize,
        /// It had been ready.
        ready: bool,
        /// How it ended.
        status: Status,
    },
}

/// How a deploy was to go. Lengths of time in milliseconds.
///
/// ```
/// use lifecycle_drill::rolling::{Balancing, RollingMeasured};
///
/// # let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/formats/1/rolling.json");
/// let rolling: RollingMeasured = serde_json::from_slice(&std::fs::read(file)?)?;
/// let deploy = rolling.deploy;
/// // One at a time, and never fewer than two.
/// assert_eq!((deploy.replicas, deploy.surge, deploy.unavailable), (2, 1, 0));
/// assert_eq!(deploy.balancing, Balancing::Connections);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Deploy {
    /// How many instances serve when nothing happens.
    pub replicas: u32,
    /// How many may be started beside them.
    pub surge: u32,
    /// How many of them may be missing.
    pub unavailable: u32,
    /// A new instance was started only once an old one was gone.
    pub waits_for_the_end: bool,
    /// How requests are handed out.
    pub balancing: Balancing,
    /// How often an instance is asked whether it is ready.
    pub probe_period_ms: f64,
    /// How many bad answers in a row it takes to be not ready.
    pub probe_failures: u32,
    /// How long a new instance must have been ready to count.
    pub min_ready_ms: f64,
    /// How long the balancer takes to learn that an instance is ready, or not any more.
    pub propagation_ms: f64,
}

/// What clients saw of the requests that they sent in one part of a deploy.
///
/// ```
/// use lifecycle_drill::rolling::RollingMeasured;
///
/// # let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/formats/1/rolling.json");
/// let rolling: RollingMeasured = serde_json::from_slice(&std::fs::read(file)?)?;
/// let during = rolling.requests.unwrap().during;
/// assert_eq!((during.served, during.lost), (104, 0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Seen {
    /// Answered with 2xx, 3xx or 4xx.
    pub served: u64,
    /// Of those: answered with 4xx.
    pub client_error: u64,
    /// Turned away by an instance: 503 with `Connection: close` or `Retry-After`.
    pub refused: u64,
    /// Any other 5xx of an instance.
    pub server_error: u64,
    /// Neither answered nor turned away by any instance: the connection was refused, closed or reset, the
    /// answer was cut or did not come, or the balancer answered with a 502 or 503 of its own.
    pub lost: u64,
    /// Of those: no answer within the request's time.
    pub lost_unanswered: u64,
    /// Held back by a bound of the drill, or for want of local ports.
    pub not_sent: u64,
}

impl Seen {
    /// Every request that was sent.
    ///
    /// What the drill itself held back was not sent:
    ///
    /// ```
    /// use lifecycle_drill::rolling::measured::Seen;
    ///
    /// let seen = Seen { served: 100, client_error: 4, lost: 2, not_sent: 7, ..Seen::default() };
    /// assert_eq!(seen.sent(), 102);
    /// ```
    pub const fn sent(&self) -> u64 {
        self.served + self.refused + self.server_error + self.lost
    }

    /// The sums of two parts.
    ///
    /// ```
    /// use lifecycle_drill::rolling::measured::Seen;
    ///
    /// let before = Seen { served: 40, ..Seen::default() };
    /// let during = Seen { served: 102, lost: 2, ..Seen::default() };
    /// assert_eq!(before.plus(during), Seen { served: 142, lost: 2, ..Seen::default() });
    /// ```
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            served: self.served + other.served,
            client_error: self.client_error + other.client_error,
            refused: self.refused + other.refused,
            server_error: self.server_error + other.server_error,
            lost: self.lost + other.lost,
            lost_unanswered: self.lost_unanswered + other.lost_unanswered,
            not_sent: self.not_sent + other.not_sent,
        }
    }
}

/// What clients saw of all requests, by when they were sent.
///
/// ```
/// use lifecycle_drill::rolling::RollingMeasured;
///
/// # let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/formats/1/rolling.json");
/// let rolling: RollingMeasured = serde_json::from_slice(&std::fs::read(file)?)?;
/// let seen = rolling.requests.unwrap();
/// let sent = [seen.before, seen.during, seen.after].map(|part| part.sent());
/// assert_eq!(sent, [40, 104, 20]);
/// let (before, during) = (seen.latency_before.unwrap(), seen.latency_during.unwrap());
/// assert!(during.p99_ms < before.p99_ms); // nobody noticed the deploy
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ClientView {
    /// Before the deploy.
    pub before: Seen,
    /// While instances were replaced.
    pub during: Seen,
    /// In the second after it.
    pub after: Seen,
    /// Latency of the served requests that were sent before the deploy, from the moment each should have
    /// left.
    pub latency_before: Option<Latency>,
    /// Latency of those that were sent from its beginning on.
    pub latency_during: Option<Latency>,
    /// How late the drill itself was with its requests, ninety-nine in a hundred, in milliseconds; part of
    /// every latency above.
    pub behind_p99_ms: f64,
    /// The status of the last server error, if there was one.
    pub last_server_error: Option<u16>,
    /// How many of the server errors came before the deploy began.
    pub server_errors_before: u64,
    /// The load ended before the deploy did, because it had sent as many requests as it may.
    pub ended_early: bool,
    /// The first lost requests, twenty at most.
    pub lost: Vec<LostRequest>,
}

impl ClientView {
    /// Everything.
    ///
    /// ```
    /// use lifecycle_drill::rolling::measured::{ClientView, Seen};
    ///
    /// let view = ClientView {
    ///     before: Seen { served: 40, ..Seen::default() },
    ///     during: Seen { served: 104, refused: 3, ..Seen::default() },
    ///     after: Seen { served: 20, ..Seen::default() },
    ///     ..ClientView::default()
    /// };
    /// assert_eq!(view.all(), Seen { served: 164, refused: 3, ..Seen::default() });
    /// ```
    pub const fn all(&self) -> Seen {
        self.before.plus(self.during).plus(self.after)
    }
}

/// Requests that one instance failed to answer in one way, as the balancer saw them.
///
/// ```
/// use lifecycle_drill::rolling::measured::Losses;
/// use lifecycle_drill::words::{count, moment};
///
/// let losses: Losses = serde_json::from_str(
///     r#"{ "instance": 2, "how": "reset", "count": 3, "first_ms": 5052.2, "last_ms": 5060,
///          "first_after_signal_ms": 0.3 }"#,
/// )?;
/// assert_eq!(
///     format!("{} {}", count(losses.count, "request"), losses.how.words()),
///     "3 requests reset in flight",
/// );
/// assert_eq!(losses.first_after_signal_ms.map(moment).as_deref(), Some("+0.3ms"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Losses {
    /// Which; null when there was none to send them to.
    pub instance: Option<usize>,
    /// In which way.
    pub how: Fault,
    /// How many. By connection, one connection counts once.
    pub count: u64,
    /// When the first was seen.
    pub first_ms: f64,
    /// When the last was seen.
    pub last_ms: f64,
    /// When the first was seen, from the instance's signal; null when it was not signalled.
    pub first_after_signal_ms: Option<f64>,
}

/// One instance's part in the deploy.
///
/// ```
/// use lifecycle_drill::rolling::RollingMeasured;
///
/// # let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/formats/1/rolling.json");
/// let rolling: RollingMeasured = serde_json::from_slice(&std::fs::read(file)?)?;
/// let (old, new) = (&rolling.instances[0], &rolling.instances[2]);
/// assert!(!old.new && new.new);
/// // It was signalled once it got nothing new and had nothing in flight.
/// assert!(old.unrouted_ms < old.signalled_ms);
/// assert_eq!(old.in_flight_at_signal, Some(0));
/// // The new one had been called ready before the old one was asked to stop.
/// assert!(new.ready_ms < old.asked_ms);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct InstanceMeasured {
    /// From 1, in the order in which they were started.
    pub number: usize,
    /// It was started by the deploy.
    pub new: bool,
    /// Where it served.
    pub port: u16,
    /// Where it answered health, when that was elsewhere.
    pub health_port: Option<u16>,
    /// It was started.
    pub started_ms: f64,
    /// A probe of the platform said for the first time that it was ready.
    pub ready_ms: Option<f64>,
    /// The balancer began to send it something.
    pub routed_ms: Option<f64>,
    /// The platform was asked to stop it.
    pub asked_ms: Option<f64>,
    /// The balancer sent it nothing new any more.
    pub unrouted_ms: Option<f64>,
    /// The signal.
    pub signalled_ms: Option<f64>,
    /// SIGKILL.
    pub killed_ms: Option<f64>,
    /// It was gone.
    pub ended_ms: Option<f64>,
    /// Requests that it was sent; connections, where those are what is balanced.
    pub taken: u64,
    /// Requests that it had been sent and had not answered when the signal came.
    pub in_flight_at_signal: Option<usize>,
    /// Connections to it that were open when the signal came.
    pub connections_at_signal: Option<usize>,
    /// How often the platform's probes took it out of use though nobody had asked it to stop.
    pub lapses: u64,
    /// Requests that it did not answer, as the balancer saw them.
    pub lost: u64,
    /// How it ended; null while it ran.
    pub status: Option<Status>,
    /// From the signal to its end.
    pub exit_ms: Option<f64>,
    /// What was left of the grace period then.
    pub left_ms: Option<f64>,
    /// It was still there at the end of the grace period.
    pub sigkill_needed: bool,
    /// Processes of its group that outlived it; null where the system does not tell.
    pub left_behind: Option<usize>,
    /// Its own report.
    pub report: Option<OwnReport>,
    /// The last lines that it wrote, where it did not leave as it should.
    pub output: Vec<String>,
}
