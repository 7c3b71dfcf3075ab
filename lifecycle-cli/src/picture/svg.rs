//! The picture as SVG: one file, light and dark, with nothing to fetch.
//!
//! Everything has its place computed here; the template only writes it down.

mod page;
mod panel;

use anyhow::Result;
use serde::Serialize;

pub(crate) use page::draw;

use super::drawing::Drawing;
use super::scene::Scene;
use super::style;
use crate::template;

const TEMPLATE: &str = include_str!("../../templates/picture/plan.svg.j2");

/// Writes the picture as a file of its own.
pub(crate) fn write(scene: &Scene) -> Result<String> {
    render(scene, "", true)
}

fn render(scene: &Scene, prefix: &str, is_whole: bool) -> Result<String> {
    #[derive(Serialize)]
    struct Data<'a> {
        prefix: &'a str,
        /// `None` in a page that has it.
        style: Option<String>,
        patterns: &'static str,
        drawing: Drawing,
    }
    let data = Data {
        prefix,
        style: is_whole.then(style::resolved),
        patterns: style::PATTERNS,
        drawing: draw(scene),
    };
    template::render_as("picture/plan.svg.j2", TEMPLATE, template::markup, data)
}

/// The same as a part of a page that has the style sheet and [`style::PATTERNS`] already: classes and
/// attributes, no style and no script. `prefix` begins the ids of its title and its description.
pub(crate) fn fragment(scene: &Scene, prefix: &str) -> Result<String> {
    render(scene, prefix, false)
}
