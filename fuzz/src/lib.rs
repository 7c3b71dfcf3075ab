//! What a caller does with an answer, asked of every answer.

pub mod grammar;
pub mod service;

use lifecycle_manifest::deployed::Deployed;
use lifecycle_manifest::render::{self, Style, Text, Texts};
use lifecycle_manifest::text::{Document, Node, Source, Span, Value};
use lifecycle_manifest::{Analysis, Finding, Options, Safety};

/// The manifest that deployed files are compared with: every platform, and a hook.
const MANIFEST: &str = include_str!("manifest.yaml");

/// Reads bytes as a manifest and looks at everything that is said of them.
pub fn manifest(bytes: &[u8]) {
    let analysis = Analysis::of_bytes(bytes);
    look_at(&analysis, &Texts::of(&analysis, "lifecycle.yaml"));
    let Some(document) = &analysis.document else {
        return;
    };
    spans_of(document);
    let fixes = analysis.findings.iter();
    let fixes = fixes.filter_map(|it| it.first_fix(Safety::Unsafe)?.patches(document));
    for patches in fixes.take(3) {
        let mut text = analysis.source.text().to_owned();
        for patch in patches.iter().rev() {
            text.replace_range(patch.span.range(), &patch.text);
        }
        let fixed = Analysis::of(&text);
        look_at(&fixed, &Texts::of(&fixed, "lifecycle.yaml"));
    }
}

/// Reads bytes as a deployed file, alone and beside a manifest.
pub fn against(bytes: &[u8]) {
    named("deployed.yaml", &String::from_utf8_lossy(bytes));
}

/// The same with the file's name, which says in what language it is, in the first line.
pub fn against_by_name(bytes: &[u8]) {
    if let Some((name, text)) = String::from_utf8_lossy(bytes).split_once('\n') {
        named(name, text);
    }
}

fn named(name: &str, text: &str) {
    let deployed = Deployed::named(name, text);
    spans_of(&deployed.document);
    let options = Options {
        deployed: [deployed].into(),
        ..Options::default()
    };
    let files = || {
        let files = options.deployed.iter();
        files
            .map(|file| Text {
                name: &file.name,
                source: file.source(),
                document: Some(&file.document),
            })
            .collect::<Vec<_>>()
    };
    let alone = Analysis::of_deployed(&options);
    let texts = Texts {
        manifest: None,
        deployed: files(),
    };
    look_at(&alone, &texts);
    let beside = Analysis::with(MANIFEST, &options);
    let mut texts = Texts::of(&beside, "lifecycle.yaml");
    texts.deployed = files();
    look_at(&beside, &texts);
}

fn look_at(analysis: &Analysis, texts: &Texts<'_>) {
    for finding in &analysis.findings {
        places_of(finding, texts);
    }
    for finding in analysis.findings.iter().take(20) {
        let shown = render::finding(texts, finding, Style::Plain);
        assert!(shown.contains(finding.rule.code));
    }
    if let Some(resolved) = &analysis.resolved {
        for line in &resolved.timelines {
            let path = line.longest_path_names(&resolved.plan);
            assert_eq!(path.len(), line.longest_path.len());
            assert!(line.sum().contains(" = "));
            assert!(line.spare().is_none() || line.missing().is_zero());
        }
    }
}

fn places_of(finding: &Finding, texts: &Texts<'_>) {
    for label in std::iter::once(&finding.primary).chain(&finding.related) {
        let text = texts.side(label.side).expect("a place lies in a text");
        let span = text.span(&label.place);
        in_text(text.source, span);
        let (start, end) = (
            text.source.position(span.start),
            text.source.position(span.end),
        );
        assert!(start <= end);
    }
    let Some(text) = &texts.manifest else {
        return;
    };
    let Some(document) = text.document else {
        return;
    };
    for fix in finding.help.iter().filter_map(|help| help.fix.as_ref()) {
        for patch in fix.patches(document).into_iter().flatten() {
            in_text(text.source, patch.span);
        }
    }
}

fn spans_of(document: &Document) {
    let mut nodes: Vec<&Node> = vec![&document.root];
    while let Some(node) = nodes.pop() {
        in_text(&document.source, node.span);
        match &node.value {
            Value::Scalar { .. } => {}
            Value::Sequence(items) => nodes.extend(items),
            Value::Mapping(entries) => {
                for entry in entries {
                    in_text(&document.source, entry.key_span);
                    let found = entries.entry(&entry.key).expect("a key finds its entry");
                    assert_eq!(found.key_span, entry.key_span);
                    nodes.push(&entry.value);
                }
            }
        }
    }
}

fn in_text(source: &Source, span: Span) {
    let text = source.text();
    assert!(
        span.start <= span.end && span.end <= text.len(),
        "{span:?} of {}",
        text.len()
    );
    assert!(text.is_char_boundary(span.start), "{span:?}");
    assert!(text.is_char_boundary(span.end), "{span:?}");
}
