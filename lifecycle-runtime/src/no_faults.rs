//! A program that was built without faults: the same face, and nothing behind it.

use std::convert::Infallible;
use std::sync::Arc;

use crate::plan::{Plan, Step};
use crate::work::Work;

/// No faults.
#[derive(Debug, Default)]
pub(crate) struct Faults(());

#[allow(
    clippy::unused_self,
    clippy::unnecessary_wraps,
    reason = "as it is with faults"
)]
impl Faults {
    pub(crate) fn parse(_text: &str, _plan: &Plan) -> Result<Self, Infallible> {
        Ok(Self(()))
    }

    pub(crate) fn names(&self) -> Vec<String> {
        Vec::new()
    }

    pub(crate) fn report_full(&self) -> bool {
        false
    }

    pub(crate) fn put_into(&self, _at: usize, _step: &Step, work: Arc<dyn Work>) -> Arc<dyn Work> {
        work
    }
}
