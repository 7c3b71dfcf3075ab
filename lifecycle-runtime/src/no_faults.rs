//! A program that was built without faults.

use std::sync::Arc;

use crate::plan::{Plan, Step};
use crate::work::Work;

/// No faults.
#[derive(Debug, Clone, Default)]
pub(crate) struct Faults;

impl Faults {
    #[allow(clippy::unnecessary_wraps, reason = "as it is with faults")]
    pub(crate) fn parse(_text: &str, _plan: &Plan) -> Result<Self, String> {
        Ok(Self)
    }

    #[allow(clippy::unused_self, reason = "as it is with faults")]
    pub(crate) fn names(&self) -> Vec<String> {
        Vec::new()
    }

    pub(crate) const fn report_full(&self) -> bool {
        false
    }

    #[allow(clippy::unused_self, reason = "as it is with faults")]
    pub(crate) fn put_into(&self, _at: usize, _step: &Step, work: Arc<dyn Work>) -> Arc<dyn Work> {
        work
    }
}
