//! A deployed file is not YAML or JSON.

#[cfg(feature = "deployed")]
use crate::{Finding, deployed::Deployed, finding::Place, text::SyntaxErrorKind};

rule! {
    /// A deployed file is not YAML or JSON.
    ///
    /// ## What it finds
    ///
    /// A document of a deployed file that cannot be read, a template that is not rendered, or a file that is too large. The other documents of the file are read all the same.
    ///
    /// ## Why it matters
    ///
    /// What could not be read was not compared.
    ///
    /// ## Example
    ///
    /// ```yaml deployed
    /// kind: Pod
    /// metadata: { name: shop
    /// spec: { containers: [{ name: shop }] }
    /// ```
    ///
    /// ## What to write instead
    ///
    /// The rendered text: `helm template … | lifecycle check --against -`, `kustomize build … | lifecycle check --against -`.
    ///
    /// ```yaml deployed
    /// kind: Pod
    /// metadata: { name: shop }
    /// spec: { containers: [{ name: shop }] }
    /// ```
    ///
    /// ## When to allow it
    ///
    /// Never: there is nothing to look at.
    ///
    /// ## Source
    ///
    /// YAML 1.2; what `kubectl apply` would refuse as well.
    pub(super) RULE = "LC801", "deployed-file-unreadable", Error, High
}

#[cfg(feature = "deployed")]
pub(super) fn check(file: usize, deployed: &Deployed, findings: &mut Vec<Finding>) {
    for error in &deployed.errors {
        let (message, help) = match &error.kind {
            SyntaxErrorKind::NotYaml(words) => (format!("this is not YAML: {words}"), None),
            SyntaxErrorKind::NotIn(language, words) => {
                (format!("this is not {language}: {words}"), None)
            }
            SyntaxErrorKind::TooLarge(what, help) => {
                (format!("this is not read: {what}"), Some(*help))
            }
            SyntaxErrorKind::Unsupported(what, help) => {
                (format!("{what} is not read"), Some(*help))
            }
            SyntaxErrorKind::DuplicateKey(..) => continue,
        };
        let mut finding = Finding::new(&RULE, message, Place::Bytes(error.span)).in_deployed(file);
        let position = deployed.source().position(error.span.start);
        let near = deployed
            .source()
            .text()
            .lines()
            .skip(position.line.saturating_sub(2));
        if near.take(2).any(|line| line.contains("{{")) {
            finding = finding.help("a template is compared once it is rendered: `helm template … | lifecycle check --against -`");
        } else if let Some(help) = help {
            finding = finding.help(help);
        }
        findings.push(finding);
    }
}
