//! JUnit XML: what every document of it is made of, so that no text can break out of its place.

use std::borrow::Cow;
use std::io::Write;

use anyhow::Result;
use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesEnd, BytesStart, BytesText, Event};

pub(crate) type Xml<'a> = Writer<&'a mut dyn Write>;

/// Begins a document with the element that holds all suites.
pub(crate) fn document<'a>(out: &'a mut dyn Write, all: BytesStart<'_>) -> Result<Xml<'a>> {
    let mut xml = Writer::new_with_indent(out, b' ', 2);
    xml.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    xml.write_event(Event::Start(all))?;
    Ok(xml)
}

/// Ends it.
pub(crate) fn finish(mut xml: Xml<'_>) -> Result<()> {
    xml.write_event(Event::End(BytesEnd::new("testsuites")))?;
    writeln!(xml.get_mut())?;
    Ok(())
}

pub(crate) fn element(name: &'static str, attributes: &[(&str, &str)]) -> BytesStart<'static> {
    let mut start = BytesStart::new(name);
    for (key, value) in attributes {
        // A reader makes spaces of the line ends in an attribute.
        let value = value.replace(['\n', '\r', '\t'], " ");
        start.push_attribute((*key, &*allowed(&value)));
    }
    start
}

pub(crate) fn counted(start: &mut BytesStart<'_>, tests: usize, failures: usize, errors: usize) {
    for (key, count) in [("tests", tests), ("failures", failures), ("errors", errors)] {
        start.push_attribute((key, count.to_string().as_str()));
    }
}

pub(crate) fn text(xml: &mut Xml<'_>, start: BytesStart<'_>, words: &str) -> Result<()> {
    let end = start.to_end().into_owned();
    xml.write_event(Event::Start(start))?;
    xml.write_event(Event::Text(BytesText::new(&allowed(words))))?;
    xml.write_event(Event::End(end))?;
    Ok(())
}

/// XML 1.0 has no way to write most control characters: they are shown as the replacement character.
fn allowed(text: &str) -> Cow<'_, str> {
    let may_stand = |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{1_0000}'..);
    if text.chars().all(may_stand) {
        return text.into();
    }
    let shown = |c| if may_stand(c) { c } else { '\u{fffd}' };
    text.chars().map(shown).collect::<String>().into()
}
