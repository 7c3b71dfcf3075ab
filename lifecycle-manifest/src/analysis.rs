//! Everything that can be said of one manifest: read, resolved, judged by every rule.

#[cfg(feature = "deployed")]
use crate::deployed;
use crate::finding::{Finding, Label, Place, Severity, Side};
use crate::lints::{self, Allowed, Levels};
use crate::manifest::Manifest;
use crate::plan::Plan;
use crate::rules::{self, Context};
use crate::text::{self, Document, Limits, Source};
use crate::timeline::Timeline;
use crate::{digest, read};

/// Everything that can be said of one manifest.
///
/// ```
/// use std::time::Duration;
/// use lifecycle_manifest::Analysis;
///
/// let analysis = Analysis::of("\
/// lifecycle: 1
/// service: shop
/// resources:
///   http: { kind: http-server, port: 8080, timeout: 30s }
/// platforms:
///   kubernetes: { grace_period: 30s }
/// ");
/// assert!(analysis.has_errors());
/// let finding = &analysis.findings[0];
/// assert_eq!(finding.rule.name, "grace-too-short");
/// assert_eq!(analysis.source.slice(analysis.span(&finding.primary.place)), "30s");
/// let resolved = analysis.resolved.unwrap();
/// assert_eq!(resolved.timelines[0].missing(), Duration::from_millis(10_250));
/// ```
#[derive(Debug)]
pub struct Analysis {
    /// The text, without a byte order mark.
    pub source: Source,
    /// The tree; `None` where the text is not YAML.
    pub document: Option<Document>,
    /// What the file means; `None` where too much is missing, or steps wait in a circle.
    pub resolved: Option<Resolved>,
    /// What is wrong with it, in the order of the file.
    pub findings: Vec<Finding>,
    /// What would be, were it not allowed; in the order of the file.
    pub allowed: Vec<Allowed>,
    /// The deployed workloads that it was compared with.
    #[cfg(feature = "deployed")]
    pub compared: Vec<deployed::Compared>,
}

/// What is asked of a manifest beyond its rules' own levels.
///
/// ```
/// use lifecycle_manifest::lints::Selector;
/// use lifecycle_manifest::{Analysis, Level, Levels, Options};
///
/// let text = "\
/// lifecycle: 1
/// service: shop
/// resources:
///   http: { kind: http-server, port: 8080, timeout: 30s }
/// platforms:
///   kubernetes: { grace_period: 30s }
/// ";
/// let levels = Levels(vec![(Selector::All, Level::Allow)]);
/// let analysis = Analysis::with(text, &Options { levels, ..Options::default() });
/// assert!(Analysis::of(text).has_errors());
/// assert!(!analysis.has_errors());
/// assert_eq!(analysis.allowed[0].finding.rule.name, "grace-too-short");
/// ```
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Levels from the command line.
    pub levels: Levels,
    /// What is deployed, to be compared with the manifest.
    #[cfg(feature = "deployed")]
    pub deployed: std::sync::Arc<[deployed::Deployed]>,
    /// There are other manifests beside this one: a deployed workload with another name may be theirs.
    #[cfg(feature = "deployed")]
    pub by_name_only: bool,
}

impl Options {
    /// There is something deployed to look at.
    #[cfg_attr(
        not(feature = "deployed"),
        allow(
            clippy::unused_self,
            reason = "without the feature there is nothing to look at"
        )
    )]
    fn has_deployed(&self) -> bool {
        #[cfg(feature = "deployed")]
        return !self.deployed.is_empty();
        #[cfg(not(feature = "deployed"))]
        false
    }
}

/// A manifest with its plan and the timelines of its platforms.
///
/// ```
/// use lifecycle_manifest::Analysis;
///
/// let analysis = Analysis::of("\
/// lifecycle: 1
/// service: shop
/// resources:
///   http: { kind: http-server, port: 8080, timeout: 15s }
/// platforms:
///   kubernetes: {}
///   heroku: {}
/// ");
/// let resolved = analysis.resolved.unwrap();
/// assert_eq!(resolved.manifest.service.value, "shop");
/// assert_eq!(resolved.plan.steps[0].name, "http");
/// let platforms: Vec<&str> = resolved.timelines.iter().map(|line| line.platform()).collect();
/// assert_eq!(platforms, ["kubernetes", "heroku"]);
/// ```
#[derive(Debug)]
pub struct Resolved {
    /// The file's values.
    pub manifest: Manifest,
    /// The steps in order.
    pub plan: Plan,
    /// One a platform, in the order of the file.
    pub timelines: Vec<Timeline>,
    /// Equal for manifests that mean the same.
    pub digest: String,
}

impl Analysis {
    /// Reads a manifest and applies every rule to it.
    pub fn of(text: &str) -> Self {
        Self::with(text, &Options::default())
    }

    /// The same with options.
    pub fn with(text: &str, options: &Options) -> Self {
        let source = Source::new(text);
        let (document, errors) = text::parse(source.text(), Limits::default());
        let mut findings: Vec<Finding> = errors.into_iter().map(read::syntax).collect();
        let mut resolved = None;
        let mut allowed = Vec::new();
        #[cfg(feature = "deployed")]
        let mut compared = Vec::new();
        if let Some(document) = &document
            && let Some(manifest) = read::manifest(document, &mut findings)
        {
            let lints = manifest.lints.clone();
            resolved = resolve(manifest, &mut findings);
            #[cfg(feature = "deployed")]
            if let Some(resolved) = resolved.as_ref().filter(|_| options.has_deployed()) {
                let by_name_only = options.by_name_only;
                compared = rules::compare(resolved, &options.deployed, by_name_only, &mut findings);
            }
            // Where the sums were spoilt, rules had no chance to find what is allowed.
            let judged = resolved
                .as_ref()
                .is_some_and(|it| it.timelines.len() == it.manifest.platforms.iter().count());
            let ran = |rule: &rules::Rule| {
                judged && (!rule.is_about_deployed() || options.has_deployed())
            };
            let sifted = lints::sift(document, &lints, &options.levels, findings, ran);
            (findings, allowed) = (sifted.findings, sifted.allowed);
        }
        let mut analysis = Self {
            source,
            document,
            resolved,
            findings,
            allowed,
            #[cfg(feature = "deployed")]
            compared,
        };
        analysis.sort(options);
        analysis
    }

    /// What deployed files show by themselves, without any manifest.
    #[cfg(feature = "deployed")]
    pub fn of_deployed(options: &Options) -> Self {
        let mut findings = Vec::new();
        rules::unreadable(&options.deployed, &mut findings);
        rules::alone(&options.deployed, &mut findings);
        Self::without_manifest(findings, options)
    }

    /// What keeps deployed files from being read whole: beside any number of manifests, to be said
    /// once.
    #[cfg(feature = "deployed")]
    pub fn of_unreadable(options: &Options) -> Self {
        let mut findings = Vec::new();
        rules::unreadable(&options.deployed, &mut findings);
        Self::without_manifest(findings, options)
    }

    #[cfg(feature = "deployed")]
    fn without_manifest(findings: Vec<Finding>, options: &Options) -> Self {
        let document = deployed::empty();
        let sifted = lints::sift(&document, &[], &options.levels, findings, |_| false);
        let mut analysis = Self {
            source: Source::new(""),
            document: None,
            resolved: None,
            findings: sifted.findings,
            allowed: sifted.allowed,
            compared: Vec::new(),
        };
        analysis.sort(options);
        analysis
    }

    /// In the order of the files: the manifest's first.
    fn sort(&mut self, options: &Options) {
        let mut findings = std::mem::take(&mut self.findings);
        let mut allowed = std::mem::take(&mut self.allowed);
        let span = |label: &Label| match label.side {
            Side::Manifest => self.span(&label.place),
            #[cfg(feature = "deployed")]
            Side::Deployed(file) => options
                .deployed
                .get(file)
                .map(|deployed| label.place.span(&deployed.document))
                .unwrap_or_default(),
            #[cfg(not(feature = "deployed"))]
            Side::Deployed(_) => text::Span::default(),
        };
        let key = |finding: &Finding| {
            (
                finding.primary.side,
                span(&finding.primary),
                finding.rule.code,
                finding.platform,
            )
        };
        findings.sort_by_cached_key(key);
        allowed.sort_by_cached_key(|allowed| key(&allowed.finding));
        (self.findings, self.allowed) = (findings, allowed);
        #[cfg(not(feature = "deployed"))]
        let _ = options;
    }

    /// The same for a file's bytes. A manifest is UTF-8; what is not is an error, and is shown as the
    /// replacement character.
    pub fn of_bytes(bytes: &[u8]) -> Self {
        Self::with_bytes(bytes, &Options::default())
    }

    /// A file's bytes, with options.
    pub fn with_bytes(bytes: &[u8], options: &Options) -> Self {
        let Err(error) = std::str::from_utf8(bytes) else {
            return Self::with(&String::from_utf8_lossy(bytes), options);
        };
        let source = Source::new(&String::from_utf8_lossy(bytes));
        let utf16 = bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]);
        let at = match utf16 {
            true => 0,
            // The valid part before the fault is the same in both; a byte order mark has been dropped.
            false => {
                let mark = if bytes.starts_with("\u{feff}".as_bytes()) {
                    3
                } else {
                    0
                };
                error.valid_up_to().saturating_sub(mark)
            }
        };
        Self {
            findings: vec![read::not_utf8(text::Span::new(at, at), utf16)],
            allowed: Vec::new(),
            source,
            document: None,
            resolved: None,
            #[cfg(feature = "deployed")]
            compared: Vec::new(),
        }
    }

    /// Some finding is an error.
    pub fn has_errors(&self) -> bool {
        self.findings
            .iter()
            .any(|finding| finding.severity == Severity::Error)
    }

    /// The bytes of a place.
    pub fn span(&self, place: &Place) -> text::Span {
        match (&self.document, place) {
            (Some(document), place) => place.span(document),
            (None, Place::Bytes(span)) => self.source.clamp_span(*span),
            (None, _) => text::Span::default(),
        }
    }
}

/// Applies the rules to what could be read. A number that could not be read spoils the sums it
/// belongs to, a platform's its own: no verdict is given over half of a sum.
fn resolve(manifest: Manifest, findings: &mut Vec<Finding>) -> Option<Resolved> {
    let spoilt: Vec<Spoilt> = findings.iter().filter_map(Spoilt::by).collect();
    let (plan, cycles) = Plan::resolve(&manifest);
    findings.extend(rules::circles(&manifest, &cycles));
    if spoilt.contains(&Spoilt::Everything) {
        return None;
    }
    let timelines: Vec<Timeline> = manifest
        .platforms
        .iter()
        .filter(|platform| !spoilt.contains(&Spoilt::Platform(platform.key().to_owned())))
        .map(|platform| Timeline::new(&manifest, &plan, platform))
        .collect();
    let digest = digest::digest(&manifest, &plan, &timelines);
    let context = Context {
        manifest: &manifest,
        plan: &plan,
        timelines: &timelines,
    };
    let mut found = Vec::new();
    rules::run(&context, &mut found);
    if !cycles.is_empty() {
        // With a circle's waits left out the sums are too small: what they call too long is too
        // long, what they call waste may not be, and none of them is to be shown as the sum.
        found.retain(|finding| finding.severity == Severity::Error);
        findings.extend(found);
        return None;
    }
    findings.extend(found);
    Some(Resolved {
        manifest,
        plan,
        timelines,
        digest,
    })
}

/// Which sums a fault of the file's shape makes worthless.
#[derive(Debug, PartialEq, Eq)]
enum Spoilt {
    Everything,
    Platform(String),
}

impl Spoilt {
    fn by(finding: &Finding) -> Option<Self> {
        use rules::shape::{BAD_ALLOWANCE, BAD_NAME, KEY_NOT_FOR_KIND, UNKNOWN_KEY, UNKNOWN_RULE};
        // A key that looks like no other was not meant to be a number of ours.
        let harmless = [&BAD_NAME, &KEY_NOT_FOR_KIND, &UNKNOWN_RULE, &BAD_ALLOWANCE]
            .contains(&finding.rule)
            || (finding.rule == &UNKNOWN_KEY && finding.help.is_empty());
        if harmless {
            return None;
        }
        let (Place::Key(route) | Place::Value(route)) = &finding.primary.place else {
            return Some(Self::Everything);
        };
        match route.segments() {
            [text::Segment::Key(first), ..] if &**first == "lints" => None,
            [text::Segment::Key(first), text::Segment::Key(platform), ..]
                if &**first == "platforms" =>
            {
                Some(Self::Platform(platform.to_string()))
            }
            _ => Some(Self::Everything),
        }
    }
}
