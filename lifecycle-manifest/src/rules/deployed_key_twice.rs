//! A key stands twice in a deployed file.

#[cfg(feature = "deployed")]
use crate::{
    Finding,
    deployed::Deployed,
    finding::{Place, Side},
    text::SyntaxErrorKind,
};

rule! {
    /// A key stands twice in one mapping of a deployed file.
    ///
    /// ## What it finds
    ///
    /// The same key twice in one mapping, such as two `terminationGracePeriodSeconds` in one pod.
    ///
    /// ## Why it matters
    ///
    /// Which of them holds depends on who reads: `kubectl` takes the last or refuses the file, and this tool reads the first.
    ///
    /// ## Example
    ///
    /// ```yaml deployed
    /// apiVersion: v1
    /// kind: Pod
    /// metadata: { name: shop }
    /// spec:
    ///   terminationGracePeriodSeconds: 30
    ///   terminationGracePeriodSeconds: 60
    ///   containers: [{ name: shop }]
    /// ```
    ///
    /// ## What to write instead
    ///
    /// One of the two.
    ///
    /// ```yaml deployed
    /// apiVersion: v1
    /// kind: Pod
    /// metadata: { name: shop }
    /// spec:
    ///   terminationGracePeriodSeconds: 60
    ///   containers: [{ name: shop }]
    /// ```
    ///
    /// ## When to allow it
    ///
    /// Where the key has nothing to do with a shutdown and the file is not yours.
    ///
    /// ## Source
    ///
    /// YAML 1.2, 3.2.1.3: the keys of a mapping are unique.
    pub(super) RULE = "LC802", "deployed-key-twice", Warning, High
}

#[cfg(feature = "deployed")]
pub(super) fn check(file: usize, deployed: &Deployed, findings: &mut Vec<Finding>) {
    for error in &deployed.errors {
        let SyntaxErrorKind::DuplicateKey(key, first) = &error.kind else {
            continue;
        };
        let shown: String = key.chars().take(60).collect();
        let message = format!("`{shown}` stands twice here");
        findings.push(
            Finding::new(&RULE, message, Place::Bytes(error.span))
                .in_deployed(file)
                .label("and here a second time")
                .related_in(Side::Deployed(file), Place::Bytes(*first), "read from here")
                .help("keep one of them"),
        );
    }
}
