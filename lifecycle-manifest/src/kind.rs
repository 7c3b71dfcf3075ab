//! Kinds of resources and the phases they are let go in.

/// When a resource is let go, unless `after` or `uses` say otherwise.
///
/// ```
/// use lifecycle_manifest::{Kind, Phase};
///
/// assert_eq!(Phase::ALL.map(Phase::as_str), ["drain", "flush", "close"]);
/// assert!(Phase::Drain < Phase::Close);
/// assert_eq!(Kind::Telemetry.phase(), Phase::Flush);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename_all = "kebab-case"))]
pub enum Phase {
    /// Work in flight is finished: requests, jobs, streams.
    Drain,
    /// What was recorded is sent off: traces, metrics, audit records.
    Flush,
    /// Clients are closed: brokers, caches, databases.
    Close,
}

impl Phase {
    /// All phases, in the order of a shutdown.
    pub const ALL: [Self; 3] = [Self::Drain, Self::Flush, Self::Close];

    /// The name in the manifest.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Drain => "drain",
            Self::Flush => "flush",
            Self::Close => "close",
        }
    }
}

macro_rules! kinds {
    ($($(#[doc = $doc:literal])* $variant:ident = $name:literal in $phase:ident as $type:ident,)*) => {
        /// What kind of resource a service holds.
        ///
        /// ```
        /// use lifecycle_manifest::{Kind, Phase};
        ///
        /// let kind = Kind::QueueConsumer;
        /// assert_eq!((kind.as_str(), kind.phase()), ("queue-consumer", Phase::Drain));
        /// assert!(kind.has_lease() && !kind.takes_traffic());
        /// assert_eq!(Kind::Database.summary(), "A database pool.");
        /// ```
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        #[cfg_attr(feature = "schema", schemars(rename_all = "kebab-case"))]
        pub enum Kind { $($(#[doc = $doc])* $variant,)* }

        impl Kind {
            /// All kinds, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name in the manifest.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// What it is and how it ends, in a sentence.
            pub fn summary(self) -> &'static str {
                match self { $(Self::$variant => concat!($($doc),*).trim(),)* }
            }

            /// The phase it is let go in, unless `phase:` says otherwise.
            pub const fn phase(self) -> Phase {
                match self { $(Self::$variant => Phase::$phase,)* }
            }

            /// The runtime's type for it, which is also the name of the variant in the plan.
            pub const fn runtime_type(self) -> &'static str {
                match self { $(Self::$variant => stringify!($type),)* }
            }

            /// The variant's name, for generated code.
            pub const fn variant(self) -> &'static str {
                match self { $(Self::$variant => stringify!($variant),)* }
            }
        }
    };
}

kinds! {
    /// Answers HTTP requests: readiness falls, the backlog is taken, requests in flight finish.
    HttpServer = "http-server" in Drain as HttpServer,
    /// Answers gRPC calls.
    GrpcServer = "grpc-server" in Drain as GrpcServer,
    /// Holds WebSocket sessions, told to leave and waited for.
    Websocket = "websocket" in Drain as WebSockets,
    /// Holds long responses: server-sent events, long polls.
    Stream = "stream" in Drain as Streams,
    /// Claims jobs from a queue: claims no more, finishes those it holds.
    QueueConsumer = "queue-consumer" in Drain as QueueConsumer,
    /// Starts work by the clock: no new tick, the running one finishes.
    Scheduler = "scheduler" in Drain as Scheduler,
    /// A background task that is asked to stop.
    Task = "task" in Drain as Task,
    /// Transactions and other sections that must be left before the end: nobody new enters, those inside finish.
    CriticalSection = "critical-section" in Drain as CriticalSection,
    /// Work on threads of its own, waited for, and reported where it cannot be ended.
    BlockingWork = "blocking-work" in Drain as BlockingWork,
    /// Another program that this one runs: it gets the signal, is waited for, and killed at its step's end.
    ChildProcess = "child-process" in Drain as ChildProcess,
    /// Traces, metrics and logs still to be sent.
    Telemetry = "telemetry" in Flush as Telemetry,
    /// Audit records still to be written.
    AuditLog = "audit-log" in Flush as AuditLog,
    /// A connection to a message broker.
    MessageBroker = "message-broker" in Close as MessageBroker,
    /// A cache client.
    Cache = "cache" in Close as Cache,
    /// A database pool.
    Database = "database" in Close as Database,
    /// A file, or a lock on one.
    File = "file" in Close as File,
    /// Anything else that must be closed.
    Custom = "custom" in Close as Custom,
}

impl Kind {
    /// Clients reach it through the platform's routing, which needs time to notice that it leaves.
    pub const fn takes_traffic(self) -> bool {
        matches!(
            self,
            Self::HttpServer | Self::GrpcServer | Self::Websocket | Self::Stream
        )
    }

    /// It claims work that stays claimed for a lease.
    pub const fn has_lease(self) -> bool {
        matches!(self, Self::QueueConsumer)
    }

    /// Its clients stay connected until they are told to leave.
    pub const fn has_sessions(self) -> bool {
        matches!(self, Self::Websocket | Self::Stream)
    }

    /// It runs by itself, and can be run again after it has failed.
    pub const fn can_restart(self) -> bool {
        matches!(self, Self::Task | Self::QueueConsumer | Self::ChildProcess)
    }
}
