//! The signals by which platforms ask a program to stop.

/// A signal.
///
/// ```
/// use lifecycle_manifest::Analysis;
/// use lifecycle_manifest::platform::Signal;
///
/// let analysis = Analysis::of("\
/// lifecycle: 1
/// service: shop
/// resources:
///   http: { kind: http-server, port: 8080, timeout: 15s }
/// platforms:
///   systemd: {}
///   fly: { grace_period: 30s }
/// ");
/// let timelines = analysis.resolved.unwrap().timelines;
/// let signals: Vec<Signal> = timelines.iter().map(|line| line.terms.signal).collect();
/// assert_eq!(signals, [Signal::Term, Signal::Int]);
/// assert_eq!(Signal::Int.name(), "SIGINT");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Signal {
    /// SIGTERM, what most platforms send.
    #[default]
    #[cfg_attr(feature = "schema", schemars(rename = "SIGTERM"))]
    Term,
    /// SIGINT, what a terminal sends on Ctrl-C.
    #[cfg_attr(feature = "schema", schemars(rename = "SIGINT"))]
    Int,
    /// SIGQUIT.
    #[cfg_attr(feature = "schema", schemars(rename = "SIGQUIT"))]
    Quit,
    /// SIGHUP.
    #[cfg_attr(feature = "schema", schemars(rename = "SIGHUP"))]
    Hup,
    /// SIGUSR1.
    #[cfg_attr(feature = "schema", schemars(rename = "SIGUSR1"))]
    Usr1,
    /// SIGUSR2.
    #[cfg_attr(feature = "schema", schemars(rename = "SIGUSR2"))]
    Usr2,
    /// SIGWINCH, by which some web servers are asked to drain.
    #[cfg_attr(feature = "schema", schemars(rename = "SIGWINCH"))]
    Winch,
    /// SIGSTOP, which no program can take.
    #[cfg_attr(feature = "schema", schemars(rename = "SIGSTOP"))]
    Stop,
    /// SIGKILL, which no program can take.
    #[cfg_attr(feature = "schema", schemars(rename = "SIGKILL"))]
    Kill,
}

impl Signal {
    /// Every signal under its name, for reading a manifest.
    pub(crate) const WORDS: &'static [(&'static str, Self)] = &[
        ("SIGTERM", Self::Term),
        ("SIGINT", Self::Int),
        ("SIGQUIT", Self::Quit),
        ("SIGHUP", Self::Hup),
        ("SIGUSR1", Self::Usr1),
        ("SIGUSR2", Self::Usr2),
        ("SIGWINCH", Self::Winch),
        ("SIGSTOP", Self::Stop),
        ("SIGKILL", Self::Kill),
    ];

    /// Its name: `SIGTERM`.
    pub fn name(self) -> &'static str {
        let named = Self::WORDS.iter().find(|(_, signal)| *signal == self);
        named.map_or("SIGTERM", |(name, _)| name)
    }

    /// The signal that a platform's file names: `SIGTERM`, `TERM`, `sigterm`; `None` for a number and
    /// for what is not here.
    ///
    /// ```
    /// use lifecycle_manifest::platform::Signal;
    /// assert_eq!(Signal::named("SIGINT"), Some(Signal::Int));
    /// assert_eq!(Signal::named("int"), Some(Signal::Int));
    /// assert_eq!(Signal::named("9"), None);
    /// ```
    pub fn named(text: &str) -> Option<Self> {
        let upper = text.to_ascii_uppercase();
        let bare = upper.strip_prefix("SIG").unwrap_or(&upper);
        let is = |(name, _): &&(&str, Self)| name.strip_prefix("SIG") == Some(bare);
        Self::WORDS.iter().find(is).map(|(_, signal)| *signal)
    }

    /// The signal of this number, as container engines take it and `systemctl show` prints it: those that
    /// a stop is asked with, by the numbers of signal(7) on x86 and ARM.
    #[cfg(feature = "deployed")]
    pub(crate) fn numbered(text: &str) -> Option<Self> {
        Some(match text {
            "1" => Self::Hup,
            "2" => Self::Int,
            "3" => Self::Quit,
            "9" => Self::Kill,
            "10" => Self::Usr1,
            "12" => Self::Usr2,
            "15" => Self::Term,
            "19" => Self::Stop,
            "28" => Self::Winch,
            _ => return None,
        })
    }
}
