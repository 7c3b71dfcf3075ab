//! Where things stand: what was written at a place is found at that place.

use lifecycle_manifest::Analysis;
use lifecycle_manifest::text::{Part, Span, Value};
use proptest::prelude::*;

use crate::model;
use crate::yaml::{shuffled, write};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(384))]

    #[test]
    fn a_value_stands_where_it_was_written(
        model in model::manifest(),
        mut order in model::style(),
        style in model::style(),
        mark in any::<bool>(),
    ) {
        let tree = shuffled(&model::tree(&model), &mut order);
        let written = write(&tree, style);
        let text = match mark {
            true => format!("\u{feff}{}", written.text),
            false => written.text.clone(),
        };
        let analysis = Analysis::of(&text);
        let document = analysis.document.as_ref().expect("a readable manifest");
        prop_assert!(analysis.resolved.is_some(), "{:?}\n{}", analysis.findings, text);
        for (route, range) in &written.values {
            let span = document.value_span(route);
            prop_assert_eq!(span, Span::new(range.start, range.end), "{} in\n{}", route, text);
        }
        for (route, range) in &written.keys {
            let span = document.key_span(route);
            prop_assert_eq!(span, Span::new(range.start, range.end), "{} in\n{}", route, text);
        }
        // And the other way: what stands at a byte is what was written there.
        for (route, range) in &written.values {
            let is_scalar = document.get(route).is_some_and(|node| matches!(node.value, Value::Scalar { .. }));
            if is_scalar && !range.is_empty() {
                for at in [range.start, range.end] {
                    let found = document.at(at);
                    prop_assert_eq!(found, Some((route.clone(), Part::Value)), "{} in\n{}", at, text);
                }
            }
        }
        for (route, range) in &written.keys {
            for at in [range.start, range.end] {
                let found = document.at(at);
                prop_assert_eq!(found, Some((route.clone(), Part::Key)), "{} in\n{}", at, text);
            }
        }
        // Lines and columns as an editor counts them.
        for (_, range) in &written.values {
            let before = &written.text[..range.start];
            let position = document.source.position(range.start);
            prop_assert_eq!(position.line, before.matches('\n').count() + 1);
            let line = before.rsplit('\n').next().unwrap_or_default();
            prop_assert_eq!(position.column, line.chars().count() + 1);
        }
    }
}
