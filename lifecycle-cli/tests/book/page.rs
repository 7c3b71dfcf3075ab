//! A page as Markdown has it: its fences, its headings, its links.

use std::ops::Range;
use std::path::{Path, PathBuf};

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

use crate::root;

/// A page of the book, or another Markdown file of the repository.
pub(crate) struct Page {
    /// From the root of the repository.
    pub(crate) path: PathBuf,
    pub(crate) text: String,
}

/// What stands between two fences.
pub(crate) struct Fence {
    /// What follows the opening fence: the language, and words for the tests.
    pub(crate) words: Vec<String>,
    pub(crate) text: String,
    /// Where that text is in the page.
    pub(crate) span: Range<usize>,
}

impl Page {
    pub(crate) fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(root().join(path));
        let text = text.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let text = text.replace("\r\n", "\n");
        Self {
            path: path.to_owned(),
            text,
        }
    }

    /// `docs/tutorial.md:12`.
    pub(crate) fn at(&self, offset: usize) -> String {
        let line = self.text[..offset].matches('\n').count() + 1;
        format!("{}:{line}", self.path.display())
    }

    fn events(&self) -> impl Iterator<Item = (Event<'_>, Range<usize>)> {
        let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH;
        Parser::new_ext(&self.text, options).into_offset_iter()
    }

    pub(crate) fn fences(&self) -> Vec<Fence> {
        let mut fences = Vec::new();
        let mut open: Option<Fence> = None;
        for (event, span) in self.events() {
            match event {
                Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(info))) => {
                    open = Some(Fence {
                        words: info.split_whitespace().map(str::to_owned).collect(),
                        text: String::new(),
                        span: span.end..span.end,
                    });
                }
                Event::Text(text) => {
                    if let Some(fence) = &mut open {
                        if fence.text.is_empty() {
                            fence.span.start = span.start;
                        }
                        fence.text.push_str(&text);
                        fence.span.end = span.end;
                    }
                }
                Event::End(TagEnd::CodeBlock) => fences.extend(open.take()),
                _ => {}
            }
        }
        fences
    }

    /// Where its links and pictures lead, with the place of each.
    pub(crate) fn links(&self) -> Vec<(String, usize)> {
        let mut links = Vec::new();
        for (event, span) in self.events() {
            if let Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) = event {
                links.push((dest_url.to_string(), span.start));
            }
        }
        links
    }

    /// The names by which its headings can be linked to.
    pub(crate) fn anchors(&self) -> Vec<String> {
        let mut anchors: Vec<String> = Vec::new();
        let mut heading: Option<String> = None;
        for (event, _) in self.events() {
            match event {
                Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
                Event::Text(text) | Event::Code(text) => {
                    if let Some(heading) = &mut heading {
                        heading.push_str(&text);
                    }
                }
                Event::End(TagEnd::Heading(_)) => {
                    let name = anchor(&heading.take().unwrap_or_default());
                    let before = anchors.iter().filter(|it| **it == name).count();
                    anchors.push(match before {
                        0 => name,
                        n => format!("{name}-{n}"),
                    });
                }
                _ => {}
            }
        }
        anchors
    }
}

impl Fence {
    pub(crate) fn language(&self) -> &str {
        let first = self.words.first().map_or("", String::as_str);
        first.split(',').next().unwrap_or_default()
    }

    /// The value of `NAME=VALUE` behind the language.
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        let words = self.words.iter().skip(1);
        words
            .filter_map(|word| word.split_once('='))
            .find_map(|(key, value)| (key == name).then_some(value))
    }

    /// What follows this word, up to the end of the line.
    pub(crate) fn after(&self, word: &str) -> Option<String> {
        let at = self.words.iter().position(|it| it == word)?;
        Some(self.words[at + 1..].join(" "))
    }
}

/// How GitHub and mdBook name a heading.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().chars().filter_map(|char| match char {
        ' ' => Some('-'),
        '-' | '_' => Some(char),
        char => char.is_alphanumeric().then_some(char),
    });
    kept.flat_map(char::to_lowercase).collect()
}

/// All Markdown files below a directory of the repository.
pub(crate) fn below(directory: &str) -> Vec<PathBuf> {
    let root = root();
    let walk = ignore::WalkBuilder::new(root.join(directory)).build();
    let mut paths: Vec<PathBuf> = walk
        .map(|entry| entry.unwrap().into_path())
        .filter(|path| path.extension().is_some_and(|it| it == "md"))
        .map(|path| path.strip_prefix(&root).unwrap().to_owned())
        .collect();
    paths.sort();
    paths
}
