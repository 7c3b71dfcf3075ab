//! Google Cloud Run.

use super::super::shown::Shown;

pub(in super::super) static SHOWN: Shown = Shown {
    key: "cloud_run",
    always: true,
    grace: None,
    lines: &[],
    describe: None,
};
