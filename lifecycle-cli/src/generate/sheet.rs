//! A file to be: a template with its data.

use anyhow::{Result, anyhow, bail};
use minijinja::Value;
use serde::Serialize;

use super::files::{File, MARK};
use super::overrides::Overrides;
use crate::talk::legible;
use crate::template::{render_as, try_render};

/// A template of ours.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Template {
    /// Its path below `templates`, without the ending: `kubernetes/service.yaml`.
    pub(crate) name: &'static str,
    pub(crate) source: &'static str,
    /// Text as the file's language has it, so that no value can break out of its place.
    pub(crate) quote: fn(&str) -> String,
}

impl Template {
    /// The same for a language in which JSON's quotes are not understood.
    pub(crate) const fn quoted_by(mut self, quote: fn(&str) -> String) -> Self {
        self.quote = quote;
        self
    }
}

/// The template `templates/NAME.j2`, for YAML and JSON.
macro_rules! template {
    ($name:literal) => {
        $crate::generate::Template {
            name: $name,
            source: include_str!(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/templates/",
                $name,
                ".j2"
            )),
            quote: $crate::template::quote,
        }
    };
}
pub(crate) use template;

/// A file to be.
pub(crate) struct Sheet {
    /// Its path in the output directory.
    pub(crate) path: String,
    pub(crate) template: Template,
    pub(crate) data: Value,
}

impl Sheet {
    pub(crate) fn new(path: impl Into<String>, template: Template, data: impl Serialize) -> Self {
        Self {
            path: path.into(),
            template,
            data: Value::from(minijinja::value::Serde(data)),
        }
    }

    /// With its template, or with what stands in the template's place.
    pub(super) fn render(&self, others: &Overrides) -> Result<File> {
        let Template {
            name,
            source,
            quote,
        } = self.template;
        let ours = render_as(name, source, quote, &self.data)?;
        let Some(other) = others.of(name) else {
            return Ok(File::new(&self.path, ours));
        };
        let shown = legible(&other.path);
        let text = try_render(name, &other.source, quote, &self.data).map_err(|error| {
            anyhow!(
                "the template {shown} does not render: {}\n`lifecycle gen --print-data` shows what it is given",
                error.display_debug_info()
            )
            .context(format!("{error:#}"))
        })?;
        if ours.contains(MARK) && !text.contains(MARK) {
            bail!(
                "the template {shown} does not print `header`: what it makes would be taken for somebody's own \
                 file, and never be written again\nbegin it as the built-in one does, with `{{{{ header }}}}`"
            );
        }
        Ok(File::new(&self.path, text))
    }
}
