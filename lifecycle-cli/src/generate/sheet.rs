//! A file to be: a template with its data.

use anyhow::Result;
use minijinja::Value;
use serde::Serialize;

use super::files::File;
use crate::template::render_as;

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
    #[allow(dead_code, reason = "for files that are neither YAML nor JSON")]
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
                "/../templates/",
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

    pub(super) fn render(&self) -> Result<File> {
        Ok(File {
            path: self.path.clone(),
            text: render_as(
                self.template.name,
                self.template.source,
                self.template.quote,
                &self.data,
            )?,
        })
    }
}
