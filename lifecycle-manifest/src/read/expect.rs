//! `drill.expect`: what a rehearsal is held to.

use super::{Table, Zero};
use crate::manifest::DrillExpect;

/// More requests than any drill sends.
const MOST: u64 = 1_000_000;

pub(super) fn expect(mut table: Table<'_, '_>) -> DrillExpect {
    let expect = DrillExpect {
        lost: table.number("lost", 0..=MOST),
        server_errors: table.number("server_errors", 0..=MOST),
        refused: table.number("refused", 0..=MOST),
        exit_code: table.number("exit_code", 0..=255),
        exit_within: table.duration("exit_within", Zero::Refused),
        readiness_within: table.duration("readiness_within", Zero::Refused),
        p99: table.duration("p99", Zero::Refused),
    };
    table.finish();
    expect
}
