//! Fixes and allowances, over manifests in every style: a fix changes what it says and nothing else,
//! and an allowance takes away what it names and nothing else.

use lifecycle_manifest::text::{Document, Limits, Node, Route, Segment, Value, parse};
use lifecycle_manifest::{Analysis, Edit, Fix, Place, Safety};
use proptest::prelude::*;

use crate::model;
use crate::yaml::write;

/// A tree without positions.
#[derive(Debug, Clone, PartialEq)]
enum Plain {
    Text(String),
    List(Vec<Plain>),
    Map(Vec<(String, Plain)>),
}

fn plain(node: &Node) -> Plain {
    match &node.value {
        Value::Scalar { text, .. } => Plain::Text(text.clone()),
        Value::Sequence(items) => Plain::List(items.iter().map(plain).collect()),
        Value::Mapping(entries) => Plain::Map(
            entries
                .iter()
                .map(|entry| (entry.key.clone(), plain(&entry.value)))
                .collect(),
        ),
    }
}

/// A scalar, or a flow collection, as it would be read.
fn read(text: &str) -> Plain {
    let (document, _) = parse(text, Limits::default());
    document.map_or(Plain::Text(text.to_owned()), |document| {
        plain(&document.root)
    })
}

fn at<'t>(mut tree: &'t mut Plain, route: &Route) -> Option<&'t mut Plain> {
    for segment in route.segments() {
        tree = match (tree, segment) {
            (Plain::Map(entries), Segment::Key(key)) => {
                &mut entries.iter_mut().find(|(name, _)| **name == **key)?.1
            }
            (Plain::List(items), Segment::Index(index)) => items.get_mut(*index)?,
            _ => return None,
        };
    }
    Some(tree)
}

/// What an edit means for the tree; `None` where this naive reading does not reach.
fn changed(mut tree: Plain, edit: &Edit) -> Option<Plain> {
    match edit {
        Edit::Replace { place, with } => match place {
            Place::Value(route) => *at(&mut tree, route)? = read(with),
            Place::Key(route) => {
                let Plain::Map(entries) = at(&mut tree, &route.parent()?)? else {
                    return None;
                };
                let Segment::Key(old) = route.segments().last()? else {
                    return None;
                };
                entries
                    .iter_mut()
                    .find(|(name, _)| **name == **old)?
                    .0
                    .clone_from(with);
            }
            Place::Bytes(_) => return None,
        },
        Edit::Insert {
            mapping,
            key,
            value,
        } => {
            let node = at(&mut tree, mapping)?;
            if *node == Plain::Text(String::new()) {
                *node = Plain::Map(Vec::new());
            }
            let Plain::Map(entries) = node else {
                return None;
            };
            match entries.iter_mut().find(|(name, _)| **name == **key) {
                Some((_, there)) => *there = read(value),
                None => entries.push((key.clone(), read(value))),
            }
        }
        Edit::Remove { entry } => {
            match (at(&mut tree, &entry.parent()?)?, entry.segments().last()?) {
                (Plain::Map(entries), Segment::Key(old)) => {
                    entries.retain(|(name, _)| **name != **old);
                }
                (Plain::List(items), Segment::Index(old)) => {
                    items.remove(*old);
                }
                _ => return None,
            }
        }
    }
    Some(tree)
}

fn apply(document: &Document, fix: &Fix) -> Option<String> {
    let mut text = document.source.text().to_owned();
    for patch in fix.patches(document)?.iter().rev() {
        text.replace_range(patch.span.range(), &patch.text);
    }
    Some(text)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn a_fix_changes_what_it_says_and_nothing_else(
        model in model::manifest(),
        style in model::style(),
    ) {
        let text = write(&model::tree(&model), style).text;
        let before = Analysis::of(&text);
        let document = before.document.as_ref().expect("a readable manifest");
        for finding in &before.findings {
            for fix in finding.help.iter().filter_map(|help| help.fix.as_ref()) {
                let after = apply(document, fix);
                prop_assert!(after.is_some(), "{:?} has no place in\n{}", fix, text);
                let after = Analysis::of(&after.unwrap_or_default());
                let after_text = after.source.text();
                prop_assert!(after.document.is_some(), "{:?}\n{}\n{}", fix, text, after_text);
                let meant = fix
                    .edits
                    .iter()
                    .try_fold(plain(&document.root), changed);
                let is = after.document.as_ref().map(|document| plain(&document.root));
                prop_assert_eq!(is, meant, "{:?}\n{}\n{}", fix, text, after_text);
                // No advice that the reader or the platform would refuse.
                let refused = |analysis: &Analysis| {
                    let refuses = |code: &str| code < "LC100" || ["LC107", "LC108"].contains(&code);
                    let findings = analysis.findings.iter();
                    findings.filter(|f| refuses(f.rule.code)).count()
                };
                prop_assert!(refused(&after) <= refused(&before), "{:?}\n{}", fix, after_text);
                if fix.safety == Safety::Safe {
                    // One less: a rule may speak of several numbers of one platform.
                    let such = |analysis: &Analysis| {
                        let alike = (finding.rule, finding.platform);
                        let findings = analysis.findings.iter();
                        findings.filter(|it| (it.rule, it.platform) == alike).count()
                    };
                    let less = such(&after) < such(&before);
                    prop_assert!(less, "{}\n{}", finding.message, after_text);
                }
            }
        }
    }

    #[test]
    fn an_allowance_takes_away_what_it_names_and_nothing_else(
        model in model::manifest(),
        style in model::style(),
    ) {
        let text = write(&model::tree(&model), style).text;
        let before = Analysis::of(&text);
        for finding in before.findings.iter().filter(|f| f.rule.can_be_allowed()) {
            let start = before.span(&finding.primary.place).start;
            let line = text[..start].rfind('\n').map_or(0, |at| at + 1);
            let mut allowed = text.clone();
            let comment = format!("# lifecycle: allow({}) it is known\n", finding.rule.name);
            allowed.insert_str(line, &comment);
            let after = Analysis::of(&allowed);
            let said = |analysis: &Analysis| -> Vec<String> {
                let findings = analysis.findings.iter();
                findings.map(|f| format!("{} {:?} {}", f.rule.code, f.platform, f.message)).collect()
            };
            let gone: Vec<String> = after
                .allowed
                .iter()
                .map(|it| &it.finding)
                .map(|f| format!("{} {:?} {}", f.rule.code, f.platform, f.message))
                .collect();
            prop_assert!(!gone.is_empty(), "{}\n{}", finding.message, allowed);
            prop_assert!(after.allowed.iter().all(|it| it.finding.rule == finding.rule));
            let mut both = [said(&after), gone].concat();
            let mut all = said(&before);
            both.sort();
            all.sort();
            prop_assert_eq!(both, all, "{}", allowed);
        }
    }
}
