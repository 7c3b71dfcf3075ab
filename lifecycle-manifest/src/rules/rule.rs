//! What a rule is, and what it may look at.

use super::{FAMILIES, Family};
use crate::finding::{Confidence, Finding, Severity};
use crate::manifest::Manifest;
use crate::plan::Plan;
use crate::platform::Platform;
use crate::timeline::Timeline;

/// What a rule is: its two names, how bad its findings are, and its page.
///
/// ```
/// use lifecycle_manifest::{Severity, rules};
/// let rule = rules::find("LC101").unwrap();
/// assert_eq!((rule.name, rule.severity), ("grace-too-short", Severity::Error));
/// assert!(rule.can_be_allowed());
/// assert!(rule.url().ends_with("/docs/rules/grace-too-short.md"));
/// ```
#[derive(Debug)]
pub struct Rule {
    /// The stable code, for machines.
    pub code: &'static str,
    /// The name for people; it reads after "allow".
    pub name: &'static str,
    /// How bad its findings are, unless one says otherwise.
    pub severity: Severity,
    /// How sure its findings are, unless one says otherwise.
    pub confidence: Confidence,
    /// The version of this tool that had it first.
    pub since: &'static str,
    /// Its documentation, in Markdown: the rule's doc comment.
    pub page: &'static str,
    /// How it looks for findings in a manifest; `None` for what is found while the file is read, and for
    /// drift, which is looked for in what is deployed.
    pub check: Option<fn(&Context<'_>, &mut Vec<Finding>)>,
}

impl PartialEq for Rule {
    fn eq(&self, other: &Self) -> bool {
        self.code == other.code
    }
}

impl Rule {
    /// Its level can be set, and a finding of it allowed. What is wrong with the file's shape or its
    /// order cannot: there is nothing to go on with.
    pub fn can_be_allowed(&self) -> bool {
        self.check.is_some() || self.severity == Severity::Warning || self.is_about_deployed()
    }

    /// It is about deployed files, and has something to look at only where there are any.
    pub(crate) fn is_about_deployed(&self) -> bool {
        self.code.starts_with("LC7") || self.code.starts_with("LC8")
    }

    /// The first line of the page.
    pub fn summary(&self) -> &'static str {
        self.page.trim_start().lines().next().unwrap_or_default()
    }

    /// Where its page can be read.
    pub fn url(&self) -> String {
        let repository = env!("CARGO_PKG_REPOSITORY");
        format!("{repository}/blob/main/docs/rules/{}.md", self.name)
    }

    /// What it is about, with others; by the hundreds of its code.
    pub fn family(&self) -> &'static Family {
        let hundreds = self.code.get(2..3).unwrap_or_default();
        let own = FAMILIES.iter().find(|family| family.hundreds == hundreds);
        own.unwrap_or(&FAMILIES[0])
    }
}

/// What a rule may look at.
///
/// ```
/// use lifecycle_manifest::Analysis;
/// use lifecycle_manifest::rules::{self, Context};
///
/// let analysis = Analysis::of("\
/// lifecycle: 1
/// service: shop
/// resources:
///   http: { kind: http-server, port: 8080, timeout: 15s }
/// platforms:
///   kubernetes: { grace_period: 10m }
/// ");
/// let resolved = analysis.resolved.unwrap();
/// let context = Context {
///     manifest: &resolved.manifest,
///     plan: &resolved.plan,
///     timelines: &resolved.timelines,
/// };
/// let mut findings = Vec::new();
/// let check = rules::find("unused-grace").unwrap().check.unwrap();
/// check(&context, &mut findings);
/// assert_eq!(findings[0].platform, Some("kubernetes"));
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The file's values.
    pub manifest: &'a Manifest,
    /// The steps in order.
    pub plan: &'a Plan,
    /// The plan on each platform's clock.
    pub timelines: &'a [Timeline],
}

impl<'a> Context<'a> {
    /// A platform's entry with its timeline, where there is one: `context.on(Platform::kubernetes)`.
    pub(super) fn on<T>(&self, of: fn(&Platform) -> Option<&T>) -> Option<(&'a Timeline, &'a T)> {
        self.timelines
            .iter()
            .find_map(|line| Some((line, of(self.entry(line)?)?)))
    }

    pub(super) fn entry(&self, line: &Timeline) -> Option<&'a Platform> {
        self.manifest.platforms.get(line.platform())
    }
}
