//! How resources come to the executor: each under the name it has in the plan.

use std::borrow::Cow;
use std::sync::Arc;

use crate::plan::{Kind, OnFailure, Plan};
use crate::resource::StartUp;
use crate::work::Work;

/// What `main` returns to be stopped later; `#[lifecycle::main]` generates the implementation.
///
/// By hand, for a plan that was written by hand:
///
/// ```
/// use lifecycle::{Database, Resources, Task, Wiring};
///
/// struct Shop {
///     jobs: Task,
///     orders_db: Database,
/// }
///
/// impl Resources for Shop {
///     fn wire(self, wiring: &mut Wiring) {
///         wiring.add("jobs", self.jobs);
///         wiring.add("orders-db", self.orders_db);
///     }
/// }
/// ```
pub trait Resources {
    /// Hands every resource over under its name in the plan.
    fn wire(self, wiring: &mut Wiring);
}

/// A type that can be wired as a resource, such as [`Database`](crate::Database).
///
/// Implemented by this crate's types only.
///
/// ```
/// use lifecycle::{Lifecycle, Resource};
///
/// /// For a start that wires whatever it is given.
/// fn wired(service: Lifecycle, all: Vec<(&'static str, impl Resource)>) -> Lifecycle {
///     all.into_iter().fold(service, |service, (name, resource)| service.with(name, resource))
/// }
/// ```
pub trait Resource: sealed::IntoPart {}

pub(crate) mod sealed {
    use std::sync::Arc;

    use crate::plan::Kind;
    use crate::resource::StartUp;
    use crate::work::Work;

    /// A resource as the executor sees it.
    pub struct Part {
        pub(crate) kind: Kind,
        pub(crate) work: Arc<dyn Work>,
        pub(crate) startup: StartUp,
        /// Whether it was made to be started again, where that is a matter of how it was made.
        pub(crate) restarts: Option<bool>,
    }

    impl Part {
        pub(crate) fn new(kind: Kind, work: impl Work, startup: StartUp) -> Self {
            Self {
                kind,
                work: Arc::new(work),
                startup,
                restarts: None,
            }
        }

        pub(crate) fn declared(mut self, restarts: bool) -> Self {
            self.restarts = Some(restarts);
            self
        }
    }

    pub trait IntoPart {
        fn into_part(self) -> Part;
    }
}

/// A resource under its step: what the executor runs.
pub(crate) struct Wired {
    pub(crate) work: Arc<dyn Work>,
    pub(crate) startup: StartUp,
}

/// Resources on their way to the executor, each under its name in the plan; `Debug` shows the names.
///
/// ```
/// use lifecycle::{Cache, Wiring};
///
/// let mut wiring = Wiring::default();
/// wiring.add("sessions", Cache::new(|| async {}));
/// assert_eq!(format!("{wiring:?}"), r#"["sessions"]"#);
/// ```
#[derive(Default)]
pub struct Wiring {
    parts: Vec<(Cow<'static, str>, sealed::Part)>,
}

impl Wiring {
    /// Wires `resource` as the one called `name` in the plan.
    pub fn add(&mut self, name: impl Into<Cow<'static, str>>, resource: impl Resource) {
        self.parts.push((name.into(), resource.into_part()));
    }

    /// Wires all that `other` holds as well.
    #[cfg(feature = "testing")]
    pub(crate) fn extend(&mut self, other: Self) {
        self.parts.extend(other.parts);
    }

    /// The resources in the order of the plan's steps.
    pub(crate) fn resolve(self, plan: &Plan) -> Result<Vec<Wired>, WiringError> {
        let mut found: Vec<Option<Wired>> = plan.steps.iter().map(|_| None).collect();
        for (name, part) in self.parts {
            let Some(index) = plan.steps.iter().position(|step| step.name == name) else {
                let known = plan
                    .steps
                    .iter()
                    .map(|step| step.name.to_string())
                    .collect();
                return Err(WiringError::Unknown {
                    name: name.into_owned(),
                    known,
                });
            };
            let wanted = plan.steps[index].kind;
            if part.kind != wanted {
                return Err(WiringError::Kind {
                    name: name.into_owned(),
                    wired: part.kind,
                    wanted,
                });
            }
            let restart = plan.steps[index].on_failure == OnFailure::Restart;
            if part.restarts.is_some_and(|made| made != restart) {
                return Err(WiringError::OnFailure {
                    name: name.into_owned(),
                    restart,
                });
            }
            let wired = Wired {
                work: part.work,
                startup: part.startup,
            };
            if found[index].replace(wired).is_some() {
                return Err(WiringError::Twice {
                    name: name.into_owned(),
                });
            }
        }
        let missing: Vec<String> = plan
            .steps
            .iter()
            .zip(&found)
            .filter(|(_, work)| work.is_none())
            .map(|(step, _)| step.name.to_string())
            .collect();
        if missing.is_empty() {
            Ok(found.into_iter().flatten().collect())
        } else {
            Err(WiringError::Missing { names: missing })
        }
    }
}

impl std::fmt::Debug for Wiring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list()
            .entries(self.parts.iter().map(|(name, _)| name))
            .finish()
    }
}

/// Why wired resources and plan do not fit together. The macro makes each of these a compile error;
/// the builder finds them when it starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum WiringError {
    /// A resource has a name that the plan does not know.
    Unknown {
        /// The name it was wired under.
        name: String,
        /// The names the plan knows.
        known: Vec<String>,
    },
    /// A resource is of another kind than the plan says.
    Kind {
        /// The resource.
        name: String,
        /// The kind that was wired.
        wired: Kind,
        /// The kind the plan says.
        wanted: Kind,
    },
    /// A resource was made to be started again and the plan says that the service stops, or the other
    /// way round.
    OnFailure {
        /// The resource.
        name: String,
        /// What the plan says.
        restart: bool,
    },
    /// Two resources were wired under one name.
    Twice {
        /// The name.
        name: String,
    },
    /// The plan has resources that nothing was wired for.
    Missing {
        /// Their names, in the order of the plan.
        names: Vec<String>,
    },
}

impl std::fmt::Display for WiringError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unknown { name, known } => {
                write!(
                    f,
                    "`{name}` is wired, but the plan has no such resource; it has {}",
                    list(known)
                )
            }
            Self::Kind {
                name,
                wired,
                wanted,
            } => write!(
                f,
                "`{name}` is wired as {}, but the plan says {}",
                wired.as_str(),
                wanted.as_str()
            ),
            Self::OnFailure {
                name,
                restart: true,
            } => write!(
                f,
                "`{name}` is to be started again when it ends badly, but is wired with what runs \
                 only once: make it with `restarting`"
            ),
            Self::OnFailure {
                name,
                restart: false,
            } => write!(
                f,
                "`{name}` is made to be started again when it ends badly, but the plan says that \
                 the service stops then: make it with `new`, or write `on_failure: restart`"
            ),
            Self::Twice { name } => write!(f, "`{name}` is wired twice"),
            Self::Missing { names } => {
                write!(
                    f,
                    "the plan stops {}, but nothing is wired under that name",
                    list(names)
                )
            }
        }
    }
}

impl std::error::Error for WiringError {}

/// `a`, `b` and `c`.
fn list(names: &[String]) -> String {
    let mut text = String::new();
    for (index, name) in names.iter().enumerate() {
        if index > 0 {
            text.push_str(if index + 1 == names.len() {
                " and "
            } else {
                ", "
            });
        }
        text.push('`');
        text.push_str(name);
        text.push('`');
    }
    if text.is_empty() {
        "none".to_owned()
    } else {
        text
    }
}
