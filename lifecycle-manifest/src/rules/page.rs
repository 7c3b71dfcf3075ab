//! A rule's page: its doc comment, taken apart into headings, prose and examples.
//!
//! The examples are manifests that are run: what a rule says of its own example is never typed by
//! hand. Whoever shows a page (`explain`, `rules`, `docs/rules`) reads this.

use super::Rule;
use crate::finding::{Finding, Safety};
use crate::render::{self, Style, Texts};
use crate::{Analysis, Options};

/// What a page must say, and in which order. The optional ones may be left away.
pub const HEADINGS: [(&str, Need); 7] = [
    ("What it finds", Need::Always),
    ("Why it matters", Need::Always),
    (EXAMPLE, Need::Always),
    (INSTEAD, Need::Always),
    ("Options", Need::WhereThereAreAny),
    ("When to allow it", Need::Always),
    ("Source", Need::Always),
];

/// The section whose manifest has a finding of the rule.
pub const EXAMPLE: &str = "Example";

/// The section whose manifest has none.
pub const INSTEAD: &str = "What to write instead";

/// Whether a page may lack a section.
///
/// ```
/// use lifecycle_manifest::rules::page::{HEADINGS, Need};
/// let optional = HEADINGS.iter().filter(|(_, need)| *need == Need::WhereThereAreAny);
/// let titles: Vec<&str> = optional.map(|(title, _)| *title).collect();
/// assert_eq!(titles, ["Options"]);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// It may not.
    Always,
    /// Some rules have nothing to set.
    WhereThereAreAny,
}

/// A rule's documentation.
///
/// ```
/// use lifecycle_manifest::rules::{self, page::Page};
/// let page = Page::of(rules::find("unused-grace").unwrap());
/// assert_eq!(page.summary, "The grace period is far longer than the plan can use.");
/// assert_eq!(page.sections[0].title, "What it finds");
/// assert_eq!(page.sections[1].title, "Why it matters");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// What the rule is about, in one sentence.
    pub summary: String,
    /// The rest, by its headings.
    pub sections: Vec<Section>,
}

/// A heading and what stands below it.
///
/// ```
/// use lifecycle_manifest::rules::{self, page::{Block, Page}};
/// let page = Page::of(rules::find("unused-grace").unwrap());
/// let section = &page.sections[4];
/// assert_eq!(section.title, "Options");
/// assert!(matches!(&section.blocks[..], [Block::Points(points)] if points.len() == 2));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// The heading.
    pub title: String,
    /// What stands below it.
    pub blocks: Vec<Block>,
}

/// A piece of a page.
///
/// ```
/// use lifecycle_manifest::rules::{self, page::{Block, EXAMPLE, Page}};
/// let page = Page::of(rules::find("unused-grace").unwrap());
/// let Block::Code { language, deployed, text } = &page.section(EXAMPLE).unwrap().blocks[0] else {
///     panic!("no example");
/// };
/// assert_eq!((language.as_str(), *deployed), ("yaml", false));
/// assert!(text.starts_with("lifecycle: 1\nservice: shop\n"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Block {
    /// Sentences, one a line.
    Prose(Vec<String>),
    /// Points of a list.
    Points(Vec<String>),
    /// A text as it is.
    Code {
        /// What it is written in.
        language: String,
        /// It is a file that is deployed, not a manifest.
        deployed: bool,
        /// The text.
        text: String,
    },
}

/// The files of an example.
///
/// ```
/// use lifecycle_manifest::rules::page::Sample;
/// let sample = Sample {
///     manifest: Some("lifecycle: 2\nservice: shop\n".to_owned()),
///     deployed: None,
/// };
/// assert_eq!(sample.analyze().findings[0].rule.name, "unsupported-format");
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sample {
    /// The manifest.
    pub manifest: Option<String>,
    /// A deployed file beside it, or alone.
    pub deployed: Option<DeployedSample>,
}

/// A deployed file of an example.
///
/// ```
/// use lifecycle_manifest::rules::{self, page::Page};
/// let page = Page::of(rules::find("grace-drift").unwrap());
/// let deployed = page.example().deployed.unwrap();
/// assert_eq!(deployed.name, "deployed.yaml");
/// assert!(deployed.text.contains("kind: Deployment"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeployedSample {
    /// Its name, whose ending is the language that the page names: `deployed.yaml`.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// What a rule says of its example.
///
/// ```
/// use lifecycle_manifest::Safety;
/// use lifecycle_manifest::rules::{self, page::Page};
/// let rule = rules::find("grace-too-short").unwrap();
/// let shown = Page::of(rule).example().shown(rule).unwrap();
/// assert!(shown.output.starts_with("error[LC101]: shutdown needs "));
/// assert_eq!(shown.fix, Some(Safety::Safe));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// Its findings there, as they are printed.
    pub output: String,
    /// The likeliest way out that is edits.
    pub fix: Option<Safety>,
}

impl Page {
    /// A rule's page.
    ///
    /// ```
    /// use lifecycle_manifest::rules::{ALL, page::{EXAMPLE, INSTEAD, Page}};
    /// for rule in ALL {
    ///     let page = Page::of(rule);
    ///     assert!(page.section(EXAMPLE).is_some() && page.section(INSTEAD).is_some());
    /// }
    /// ```
    pub fn of(rule: &Rule) -> Self {
        Self::read(rule.page)
    }

    fn read(text: &str) -> Self {
        let mut page = Self {
            summary: String::new(),
            sections: Vec::new(),
        };
        // A line of a doc comment begins with the space behind its slashes.
        let mut lines = text
            .lines()
            .map(|line| line.strip_prefix(' ').unwrap_or(line));
        let mut between = true;
        while let Some(line) = lines.next() {
            if let Some(title) = line.strip_prefix("## ") {
                page.sections.push(Section {
                    title: title.to_owned(),
                    blocks: Vec::new(),
                });
            } else if let Some(info) = line.strip_prefix("```") {
                let text: String = lines
                    .by_ref()
                    .take_while(|line| !line.starts_with("```"))
                    .flat_map(|line| [line, "\n"])
                    .collect();
                let mut words = info.split_whitespace();
                page.push(Block::Code {
                    language: words.next().unwrap_or_default().to_owned(),
                    deployed: words.next() == Some("deployed"),
                    text,
                });
            } else if line.is_empty() {
                between = true;
                continue;
            } else {
                page.line(line, between);
            }
            between = false;
        }
        page
    }

    fn push(&mut self, block: Block) {
        if let Some(section) = self.sections.last_mut() {
            section.blocks.push(block);
        }
    }

    /// A line of prose, or a point of a list; `first` where an empty line is above it.
    fn line(&mut self, line: &str, first: bool) {
        let Some(section) = self.sections.last_mut() else {
            if !self.summary.is_empty() {
                self.summary.push(' ');
            }
            self.summary.push_str(line);
            return;
        };
        let blocks = &mut section.blocks;
        match (line.strip_prefix("- "), blocks.last_mut()) {
            (Some(point), Some(Block::Points(points))) => points.push(point.to_owned()),
            (Some(point), _) => blocks.push(Block::Points(vec![point.to_owned()])),
            (None, Some(Block::Prose(lines))) if !first => lines.push(line.to_owned()),
            (None, _) => blocks.push(Block::Prose(vec![line.to_owned()])),
        }
    }

    /// The section with this heading.
    ///
    /// ```
    /// use lifecycle_manifest::rules::{self, page::Page};
    /// let page = Page::of(rules::find("unused-grace").unwrap());
    /// assert_eq!(page.section("Options").unwrap().blocks.len(), 1);
    /// assert_eq!(page.section("Examples"), None);
    /// ```
    pub fn section(&self, title: &str) -> Option<&Section> {
        self.sections.iter().find(|section| section.title == title)
    }

    /// The files that have a finding of the rule.
    ///
    /// ```
    /// use lifecycle_manifest::rules::{self, page::Page};
    /// let rule = rules::find("unused-grace").unwrap();
    /// let findings = Page::of(rule).example().analyze().findings;
    /// assert!(findings.iter().any(|finding| finding.rule == rule));
    /// ```
    pub fn example(&self) -> Sample {
        self.section(EXAMPLE)
            .map_or_else(Sample::default, Sample::of)
    }

    /// The files that have none; what is not written again is the example's.
    ///
    /// ```
    /// use lifecycle_manifest::rules::{self, page::Page};
    /// let rule = rules::find("unused-grace").unwrap();
    /// let findings = Page::of(rule).instead().analyze().findings;
    /// assert!(!findings.iter().any(|finding| finding.rule == rule));
    /// ```
    pub fn instead(&self) -> Sample {
        let own = self
            .section(INSTEAD)
            .map_or_else(Sample::default, Sample::of);
        let example = self.example();
        Sample {
            manifest: own.manifest.or(example.manifest),
            deployed: own.deployed.or(example.deployed),
        }
    }
}

impl Sample {
    fn of(section: &Section) -> Self {
        let mut sample = Self::default();
        for block in &section.blocks {
            match block {
                Block::Code {
                    language,
                    deployed: true,
                    text,
                } => {
                    sample.deployed.get_or_insert_with(|| DeployedSample {
                        name: match language.as_str() {
                            // Highlighted as such; systemd's files have endings of their own.
                            "ini" => "deployed.service".to_owned(),
                            language => format!("deployed.{language}"),
                        },
                        text: text.clone(),
                    });
                }
                Block::Code { text, .. } => {
                    sample.manifest.get_or_insert_with(|| text.clone());
                }
                _ => {}
            }
        }
        sample
    }

    /// Everything that can be said of these files.
    ///
    /// ```
    /// use lifecycle_manifest::rules::{self, page::Page};
    /// let page = Page::of(rules::find("grace-too-short").unwrap());
    /// assert!(page.example().analyze().has_errors());
    /// assert!(!page.instead().analyze().has_errors());
    /// ```
    pub fn analyze(&self) -> Analysis {
        self.analyze_with(&self.options())
    }

    fn analyze_with(&self, options: &Options) -> Analysis {
        match &self.manifest {
            Some(manifest) => Analysis::with(manifest, options),
            #[cfg(feature = "deployed")]
            None => Analysis::of_deployed(options),
            #[cfg(not(feature = "deployed"))]
            None => Analysis::with("", options),
        }
    }

    #[cfg_attr(
        not(feature = "deployed"),
        allow(
            clippy::unused_self,
            reason = "without the feature there is nothing to look at"
        )
    )]
    fn options(&self) -> Options {
        Options {
            #[cfg(feature = "deployed")]
            deployed: self
                .deployed
                .iter()
                .map(|file| crate::deployed::Deployed::named(&file.name, &file.text))
                .collect(),
            ..Options::default()
        }
    }

    /// What a rule says of them; `None` where it says nothing.
    ///
    /// ```
    /// use lifecycle_manifest::rules::{self, page::Page};
    /// let rule = rules::find("unused-grace").unwrap();
    /// let page = Page::of(rule);
    /// let shown = page.example().shown(rule).unwrap();
    /// assert!(shown.output.starts_with("warning[LC105]: "));
    /// assert_eq!(page.instead().shown(rule), None);
    /// ```
    pub fn shown(&self, rule: &Rule) -> Option<Shown> {
        let options = self.options();
        let analysis = self.analyze_with(&options);
        let mut texts = Texts::of(&analysis, "lifecycle.yaml");
        if self.manifest.is_none() {
            texts.manifest = None;
        }
        #[cfg(feature = "deployed")]
        texts
            .deployed
            .extend(options.deployed.iter().map(|file| file.text()));
        let own: Vec<&Finding> = analysis
            .findings
            .iter()
            .filter(|finding| finding.rule == rule)
            .collect();
        let outputs: Vec<String> = own
            .iter()
            .map(|finding| render::finding(&texts, finding, Style::Plain))
            .collect();
        let fix = own
            .iter()
            .find_map(|finding| finding.first_fix(Safety::Unsafe));
        (!own.is_empty()).then(|| Shown {
            output: outputs.join("\n"),
            fix: fix.map(|fix| fix.safety),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fmt::Write as _;

    use super::*;
    use crate::Kind;
    use crate::rules::{self, ALL};

    #[test]
    fn paragraphs_and_points_stay_apart_and_lines_together() {
        let page = Page::read(
            " A page.\n On two lines.\n\n ## What\n\n one\n two\n\n three\n - a\n - b\n",
        );
        let block = |lines: &[&str]| lines.iter().map(ToString::to_string).collect();
        assert_eq!(page.summary, "A page. On two lines.");
        assert_eq!(
            page.sections[0].blocks,
            [
                Block::Prose(block(&["one", "two"])),
                Block::Prose(block(&["three"])),
                Block::Points(block(&["a", "b"])),
            ]
        );
    }

    #[test]
    fn every_page_has_its_headings_in_order_and_something_below_each() {
        let mut faults = String::new();
        for rule in ALL {
            let page = Page::of(rule);
            let there: Vec<&str> = page.sections.iter().map(|s| s.title.as_str()).collect();
            let expected: Vec<&str> = HEADINGS
                .iter()
                .filter(|(title, need)| *need == Need::Always || there.contains(title))
                .map(|(title, _)| *title)
                .collect();
            if there != expected {
                let _ = writeln!(faults, "{}: {there:?}, not {expected:?}", rule.name);
            }
            for section in page.sections.iter().filter(|s| s.blocks.is_empty()) {
                let _ = writeln!(faults, "{}: nothing below “{}”", rule.name, section.title);
            }
            if !page.summary.ends_with('.') || page.summary.len() < 20 {
                let _ = writeln!(faults, "{}: “{}”", rule.name, page.summary);
            }
        }
        assert!(faults.is_empty(), "{faults}");
    }

    #[test]
    fn every_example_fires_its_rule_and_what_to_write_instead_does_not() {
        let mut faults = String::new();
        // Without the feature nothing that is deployed is read.
        let can_run = |rule: &&&Rule| cfg!(feature = "deployed") || !rule.is_about_deployed();
        for rule in ALL.iter().filter(can_run) {
            let page = Page::of(rule);
            if page.example().shown(rule).is_none() {
                let _ = writeln!(faults, "{}: its example has no finding of it", rule.name);
            }
            let section = page.section(INSTEAD);
            if section.map(Sample::of).unwrap_or_default() == Sample::default() {
                let _ = writeln!(faults, "{}: nothing to write instead", rule.name);
            }
            for finding in page.instead().analyze().findings {
                let is_error = finding.severity == crate::Severity::Error;
                if is_error || finding.rule == *rule {
                    let (rule, code) = (rule.name, finding.rule.code);
                    let _ = writeln!(faults, "{rule}: instead has {code}, {}", finding.message);
                }
            }
        }
        assert!(faults.is_empty(), "{faults}");
    }

    #[test]
    fn every_rule_that_a_page_speaks_of_exists() {
        // Words with a hyphen that are not names of rules.
        let mut words: BTreeSet<&str> = Kind::ALL.iter().map(|kind| kind.as_str()).collect();
        words.extend(["unused-noqa", "control-group"]);
        let mut faults = String::new();
        for rule in ALL {
            let page = Page::of(rule);
            for line in prose(&page) {
                let quoted = line.split('`').skip(1).step_by(2);
                let is_name = |word: &&str| {
                    let inner = word.chars().all(|c| c.is_ascii_lowercase() || c == '-');
                    inner && word.contains('-') && !word.starts_with('-')
                };
                let names = quoted.filter(is_name).filter(|word| !words.contains(word));
                let codes = line.match_indices("LC").filter_map(|(at, _)| {
                    let code = line.get(at..at + 5)?;
                    code[2..].parse::<u16>().is_ok().then_some(code)
                });
                for mention in names.chain(codes) {
                    if rules::find(mention).is_none() {
                        let _ = writeln!(faults, "{}: there is no rule {mention}", rule.name);
                    }
                }
            }
        }
        assert!(faults.is_empty(), "{faults}");
    }

    fn prose(page: &Page) -> Vec<&str> {
        let blocks = page.sections.iter().flat_map(|section| &section.blocks);
        let lines = blocks.filter_map(|block| match block {
            Block::Prose(lines) | Block::Points(lines) => Some(lines),
            Block::Code { .. } => None,
        });
        lines
            .flatten()
            .map(String::as_str)
            .chain([page.summary.as_str()])
            .collect()
    }
}
