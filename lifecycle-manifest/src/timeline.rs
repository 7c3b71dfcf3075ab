//! The timeline: the plan on one platform's clock, and the one place where times are added up.

use std::time::Duration;

use crate::duration::human;
use crate::figure::{Figure, Origin};
use crate::manifest::Manifest;
use crate::plan::{On, Plan};
use crate::platform::{Facts, Platform, Signal, Terms, round_up};

/// The reserve when the manifest does not say, unless a quarter of the work is less.
pub const DEFAULT_RESERVE: Duration = Duration::from_secs(5);

/// A plan on a platform's clock.
///
/// Two clocks run: the grace period's, from the platform's stop to SIGKILL, and the signal's, which
/// begins [`signal_at`](Self::signal_at) later. The windows of the steps are counted from the signal.
///
/// ```
/// use std::time::Duration;
/// use lifecycle_manifest::Analysis;
///
/// let analysis = Analysis::of("\
/// lifecycle: 1
/// service: shop
/// traffic: { settle: 5s }
/// resources:
///   http: { kind: http-server, port: 8080, timeout: 15s }
/// platforms:
///   kubernetes: { grace_period: 30s }
/// ");
/// let line = &analysis.resolved.unwrap().timelines[0];
/// assert_eq!(line.sum(), "5s preStop sleep + 15s http + 250ms unwind + 5s reserve = 25.25s");
/// assert_eq!(line.spare(), Some(Duration::from_millis(4_750)));
/// assert_eq!(line.signal_at(), Duration::from_secs(5));
/// assert_eq!(line.signal_to_kill(), Duration::from_secs(25));
/// ```
#[derive(Debug, Clone)]
pub struct Timeline {
    /// What is true of the platform.
    pub facts: &'static Facts,
    /// The platform's numbers for this manifest.
    pub terms: Terms,
    /// How long the program itself keeps serving after the signal.
    pub app_settle: Figure,
    /// Each step's window, in the order of the plan's steps.
    pub windows: Vec<Window>,
    /// The steps whose windows add up to the longest way through the plan.
    pub longest_path: Vec<usize>,
    /// How long cancelled work has to let go.
    pub unwind: Duration,
    /// Never planned for.
    pub reserve: Figure,
}

/// When a step may run, counted from the signal.
///
/// ```
/// use std::time::Duration;
/// use lifecycle_manifest::Analysis;
///
/// let analysis = Analysis::of("\
/// lifecycle: 1
/// service: shop
/// traffic: { settle: 5s }
/// resources:
///   http: { kind: http-server, port: 8080, timeout: 15s }
///   db: { kind: database, timeout: 2s }
/// platforms:
///   kubernetes: { grace_period: 45s }
/// ");
/// let line = &analysis.resolved.unwrap().timelines[0];
/// let db = &line.windows[1];
/// assert_eq!(db.timeout.term(), "2s db");
/// assert_eq!(db.start, line.windows[0].end);
/// assert_eq!(db.end - db.start, Duration::from_millis(2_250));
/// // The windows are counted from the signal, which comes after the preStop sleep.
/// assert_eq!(line.since_stop(db).0, Duration::from_secs(5) + db.start);
/// ```
#[derive(Debug, Clone)]
pub struct Window {
    /// It begins when all it waits for has ended.
    pub start: Duration,
    /// Its timeout on this platform.
    pub timeout: Figure,
    /// Timeout and unwind have passed.
    pub end: Duration,
}

impl Timeline {
    /// The plan on a platform's clock.
    pub fn new(manifest: &Manifest, plan: &Plan, platform: &Platform) -> Self {
        let common = platform.common();
        let terms = platform.terms(manifest);
        let app_settle = match &common.app_settle {
            Some(written) => Figure::new(
                written.value,
                "settle",
                Origin::Written(written.route.clone()),
            ),
            None => unpaid_settle(&terms),
        };
        let overrides: std::collections::HashMap<&str, Figure> = common
            .timeouts
            .iter()
            .map(|(name, written)| {
                let origin = Origin::Written(written.route.clone());
                (
                    name.as_str(),
                    Figure::new(written.value, name.as_str(), origin),
                )
            })
            .collect();
        let timeouts = plan
            .steps
            .iter()
            .map(|step| match overrides.get(step.name.as_str()) {
                Some(figure) => figure.clone(),
                None => step.timeout.clone(),
            });
        Self::lay_out(
            manifest,
            plan,
            platform.facts(),
            terms,
            app_settle,
            timeouts.collect(),
        )
    }

    /// The same where no step takes longer than so much.
    pub(crate) fn with_steps_within(
        &self,
        manifest: &Manifest,
        plan: &Plan,
        most: Duration,
    ) -> Self {
        let timeouts = self.windows.iter().map(|window| {
            let mut timeout = window.timeout.clone();
            timeout.value = timeout.value.min(most);
            timeout
        });
        Self::lay_out(
            manifest,
            plan,
            self.facts,
            self.terms.clone(),
            self.app_settle.clone(),
            timeouts.collect(),
        )
    }

    fn lay_out(
        manifest: &Manifest,
        plan: &Plan,
        facts: &'static Facts,
        terms: Terms,
        app_settle: Figure,
        timeouts: Vec<Figure>,
    ) -> Self {
        let unwind = plan.unwind.value;
        let (windows, longest_path) = windows(plan, app_settle.value, unwind, timeouts);
        let mut timeline = Self {
            facts,
            terms,
            app_settle,
            windows,
            longest_path,
            unwind,
            reserve: Figure::new(Duration::ZERO, "reserve", Origin::FormatDefault),
        };
        timeline.reserve = match &manifest.budget.reserve {
            Some(written) => Figure::new(
                written.value,
                "reserve",
                Origin::Written(written.route.clone()),
            ),
            None => {
                let quarter = timeline.work() / 4;
                let (value, origin) = match quarter < DEFAULT_RESERVE {
                    true => (
                        quarter,
                        Origin::Derived("a quarter of the work, by default"),
                    ),
                    false => (DEFAULT_RESERVE, Origin::FormatDefault),
                };
                Figure::new(
                    Duration::from_millis(crate::duration::millis(value)),
                    "reserve",
                    origin,
                )
            }
        };
        timeline
    }

    /// The same plan with the numbers of a deployment in place of the manifest's. What the program
    /// itself does stays: that is built into it.
    #[cfg(feature = "deployed")]
    pub(crate) fn deployed(&self, grace: Figure, hook: Option<Figure>) -> Self {
        let mut line = self.clone();
        line.terms.grace = grace;
        line.terms.hook = hook;
        line
    }

    /// The platform's key.
    pub fn platform(&self) -> &'static str {
        self.facts.key
    }

    /// The platform's grace period.
    pub fn grace(&self) -> &Figure {
        &self.terms.grace
    }

    /// From the platform's stop, where the grace period begins, to the signal.
    pub fn signal_at(&self) -> Duration {
        self.terms
            .hook
            .as_ref()
            .map_or(Duration::ZERO, |hook| hook.value)
    }

    /// From the moment the platform is asked to stop the instance, where a picture begins, to the
    /// signal: what is paid outside of the grace period, and then the hook.
    pub fn stop_to_signal(&self) -> Duration {
        let outside = self.terms.outside.as_ref();
        outside.map_or(Duration::ZERO, |outside| outside.value) + self.signal_at()
    }

    /// A step's begin and end, counted from the moment the platform is asked to stop the instance.
    pub fn since_stop(&self, window: &Window) -> (Duration, Duration) {
        let signal = self.stop_to_signal();
        (signal + window.start, signal + window.end)
    }

    /// From the moment the platform is asked to stop the instance to SIGKILL.
    pub fn stop_to_kill(&self) -> Duration {
        self.stop_to_signal().saturating_sub(self.signal_at()) + self.grace().value
    }

    /// From the signal to SIGKILL: what the hook leaves of the grace period, and never less than the
    /// platform's floor.
    pub fn signal_to_kill(&self) -> Duration {
        let left = self.grace().value.saturating_sub(self.signal_at());
        left.max(self.facts.kill_floor)
    }

    /// From the signal to the end of the last step's window.
    pub fn steps_end(&self) -> Duration {
        self.windows
            .iter()
            .map(|window| window.end)
            .max()
            .unwrap_or(self.app_settle.value)
    }

    /// From the signal to the moment the program's watchdog ends it: half the reserve is left for
    /// the report, half for the platform.
    pub fn deadline(&self) -> Duration {
        self.steps_end() + self.reserve.value / 2
    }

    /// All that must fit inside the grace period but the reserve.
    fn work(&self) -> Duration {
        let sidecars: Duration = self
            .terms
            .sidecars
            .iter()
            .map(|sidecar| sidecar.value)
            .sum();
        self.signal_at() + self.steps_end() + sidecars
    }

    /// All that must fit inside the grace period, the reserve included.
    pub fn needed(&self) -> Duration {
        self.work() + self.reserve.value
    }

    /// From the beginning of the grace period to the end of whatever stops last, on whoever's clock.
    pub(crate) fn until_gone(&self) -> Duration {
        self.needed()
            + self
                .terms
                .after
                .iter()
                .map(|figure| figure.value)
                .sum::<Duration>()
    }

    /// What is left of the grace period; `None` where it does not fit.
    pub fn spare(&self) -> Option<Duration> {
        self.grace().value.checked_sub(self.needed())
    }

    /// What is missing from the grace period; zero where it fits.
    pub fn missing(&self) -> Duration {
        self.needed().saturating_sub(self.grace().value)
    }

    /// The smallest grace period that would do, in the platform's unit; `None` where the platform
    /// does not give that much.
    pub fn smallest_grace(&self) -> Option<Duration> {
        let smallest = round_up(self.needed(), self.facts.unit);
        match &self.terms.cap {
            Some(cap) if cap.fixed || smallest > cap.limit => None,
            _ => Some(smallest),
        }
    }

    /// The platform could still give what is needed if a step had this timeout instead; what is not
    /// bounded can be given.
    pub(crate) fn may_give(&self, step: usize, timeout: Duration) -> bool {
        let more = timeout.saturating_sub(self.windows[step].timeout.value);
        self.terms
            .cap
            .as_ref()
            .is_none_or(|cap| self.needed() + more <= cap.limit)
    }

    /// The terms of [`needed`](Self::needed), in the order of time.
    pub fn terms_of_needed(&self) -> Vec<Figure> {
        let mut terms: Vec<Figure> = self.terms.hook.iter().cloned().collect();
        if !self.app_settle.value.is_zero() {
            terms.push(self.app_settle.clone());
        }
        terms.extend(
            self.longest_path
                .iter()
                .map(|&step| self.windows[step].timeout.clone()),
        );
        terms.extend(self.terms.sidecars.iter().cloned());
        terms.push(self.reserve.clone());
        terms
    }

    /// The sum in words: `5s preStop sleep + 15s http + 250ms unwind + 5s reserve = 25.25s`.
    pub fn sum(&self) -> String {
        let mut terms: Vec<String> = self.terms_of_needed().iter().map(Figure::term).collect();
        if !self.unwind.is_zero() {
            let unwind = match self.longest_path.len() {
                1 => format!("{} unwind", human(self.unwind)),
                count => format!("{count} × {} unwind", human(self.unwind)),
            };
            let after_steps = terms.len() - 1 - self.terms.sidecars.len();
            terms.insert(after_steps, unwind);
        }
        format!("{} = {}", terms.join(" + "), human(self.needed()))
    }

    /// The names of the longest way through the plan.
    pub fn longest_path_names<'p>(&self, plan: &'p Plan) -> Vec<&'p str> {
        self.longest_path
            .iter()
            .map(|&step| plan.steps[step].name.as_str())
            .collect()
    }
}

/// What the platform has not paid of the settle time is the program's to pay.
pub(crate) fn unpaid_settle(terms: &Terms) -> Figure {
    let rest = terms.settle.value.saturating_sub(terms.paid_before_signal);
    let origin = match rest.is_zero() {
        true => Origin::Derived("paid before the signal"),
        false => terms.settle.origin.clone(),
    };
    Figure::new(rest, "settle", origin)
}

/// Every step's window, and the longest way through.
fn windows(
    plan: &Plan,
    begin: Duration,
    unwind: Duration,
    timeouts: Vec<Figure>,
) -> (Vec<Window>, Vec<usize>) {
    // For steps and gates alike: when it is over, and the step that made it so late.
    let mut steps: Vec<(Duration, Option<usize>)> = vec![(begin, None); plan.steps.len()];
    let mut gates: Vec<(Duration, Option<usize>)> = vec![(begin, None); plan.gates.len()];
    let mut starts = vec![begin; plan.steps.len()];
    let mut latest_before: Vec<Option<usize>> = vec![None; plan.steps.len()];
    let later = |a: (Duration, Option<usize>), b: (Duration, Option<usize>)| {
        if b.0 > a.0 { b } else { a }
    };
    for on in plan.order() {
        match *on {
            On::Step(step) => {
                let mut start = (begin, None);
                for wait in &plan.steps[step].waits {
                    start = later(
                        start,
                        match wait.on {
                            On::Step(other) => steps[other],
                            On::Gate(gate) => gates[gate],
                        },
                    );
                }
                starts[step] = start.0;
                latest_before[step] = start.1;
                steps[step] = (start.0 + timeouts[step].value + unwind, Some(step));
            }
            On::Gate(gate) => {
                let mut over = (begin, None);
                for &member in &plan.gates[gate].members {
                    over = later(over, steps[member]);
                }
                for &inner in &plan.gates[gate].gates {
                    over = later(over, gates[inner]);
                }
                gates[gate] = over;
            }
        }
    }
    let mut path = Vec::new();
    let mut at = (0..steps.len()).max_by_key(|&step| (steps[step].0, std::cmp::Reverse(step)));
    while let Some(step) = at {
        path.push(step);
        at = latest_before[step];
    }
    path.reverse();
    let windows = timeouts
        .into_iter()
        .enumerate()
        .map(|(step, timeout)| Window {
            start: starts[step],
            timeout,
            end: steps[step].0,
        })
        .collect();
    (windows, path)
}

/// The plan where no platform is named: the program pays the whole settle time, and what it needs is
/// what it has.
///
/// ```
/// use std::time::Duration;
/// use lifecycle_manifest::{Analysis, unmanaged};
///
/// let analysis = Analysis::of("\
/// lifecycle: 1
/// service: shop
/// traffic: { settle: 5s }
/// resources:
///   http: { kind: http-server, port: 8080, timeout: 15s }
/// ");
/// let resolved = analysis.resolved.unwrap();
/// assert!(resolved.timelines.is_empty());
/// let line = unmanaged(&resolved.manifest, &resolved.plan);
/// assert_eq!(line.sum(), "5s settle + 15s http + 250ms unwind + 5s reserve = 25.25s");
/// assert_eq!(line.spare(), Some(Duration::ZERO));
/// ```
pub fn unmanaged(manifest: &Manifest, plan: &Plan) -> Timeline {
    let settle = crate::platform::owed_settle(manifest, true);
    let terms = Terms {
        signal: Signal::Term,
        grace: Figure::new(
            Duration::ZERO,
            "grace period",
            Origin::Derived("what the plan needs"),
        ),
        cap: None,
        outside: None,
        hook: None,
        paid_before_signal: Duration::ZERO,
        routing_lags: true,
        settle: settle.clone(),
        sidecars: Vec::new(),
        after: Vec::new(),
    };
    let timeouts = plan.steps.iter().map(|step| step.timeout.clone()).collect();
    let mut timeline = Timeline::lay_out(manifest, plan, &UNMANAGED, terms, settle, timeouts);
    timeline.terms.grace.value = timeline.needed();
    timeline
}

static UNMANAGED: Facts = Facts {
    key: "unmanaged",
    name: "no platform",
    nicknames: &[],
    default_grace: Duration::ZERO,
    unit: Duration::from_millis(1),
    kill_floor: Duration::ZERO,
    runs_images: true,
    other_names: &[],
};

#[cfg(test)]
mod tests;
