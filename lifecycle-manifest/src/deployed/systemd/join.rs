//! Units and their drop-ins in other files.

use std::time::Duration;

use super::super::{Deployed, Workload};
use super::{DROP_IN, GRACE, READER};
use crate::text::Route;

/// Takes from units what drop-ins in other files override. The last drop-in by the name of its file
/// holds, wherever it is.
pub(in super::super) fn join(files: &mut [Deployed]) {
    let mut drop_ins: Vec<(String, usize, usize)> = Vec::new();
    for (file, deployed) in files.iter().enumerate() {
        for (at, workload) in deployed.workloads.iter().enumerate() {
            if workload.platform == READER.platform && workload.kind == DROP_IN {
                let name = deployed.name.rsplit('/').next().unwrap_or(&deployed.name);
                drop_ins.push((name.to_owned(), file, at));
            }
        }
    }
    drop_ins.sort();
    for (order, (_, file, at)) in drop_ins.iter().enumerate() {
        let amending = files[*file].workloads[*at].clone();
        let earlier = &drop_ins[..order];
        let before = |other: usize, index: usize, workload: &Workload| {
            workload.kind != DROP_IN || earlier.iter().any(|it| (it.1, it.2) == (other, index))
        };
        let mut added = None;
        for (other, deployed) in files.iter_mut().enumerate() {
            let mut hidden = Vec::new();
            for (index, workload) in deployed.workloads.iter_mut().enumerate() {
                let same = workload.platform == READER.platform
                    && name(workload) == name(&amending)
                    && before(other, index, workload);
                if same {
                    let outside = override_with(workload, &amending, &mut hidden);
                    added = added.or(outside);
                }
            }
            deployed.odd_routes.extend(hidden);
        }
        let own = files[*file].workloads[*at].containers.first_mut();
        if let (Some(added), Some(own)) = (added, own)
            && let Some(outside) = &mut own.outside
        {
            outside.value += added;
        }
    }
}

fn name(workload: &Workload) -> Option<&str> {
    workload.name.as_ref().map(|name| name.value.as_str())
}

/// Takes away what a drop-in says otherwise, and gives the time of the commands that it adds to.
fn override_with(
    workload: &mut Workload,
    drop_in: &Workload,
    hidden: &mut Vec<Route>,
) -> Option<Duration> {
    let new = drop_in.containers.first()?;
    let container = workload.containers.first_mut()?;
    let (unit, new_unit) = (container.unit.as_mut()?, new.unit.as_ref()?);
    let mut hide = |key: &str, is_said: bool| {
        if is_said {
            hidden.push(unit.section.key(key));
        }
        is_said
    };
    if hide(GRACE, new.grace.is_some() || new_unit.endless.is_some()) {
        container.grace = None;
        unit.endless = None;
    }
    if hide("KillSignal", new.stop_signal.is_some()) {
        container.stop_signal = None;
    }
    if hide("KillMode", new_unit.kill_mode.is_some()) {
        unit.kill_mode = None;
    }
    if hide("Type", new_unit.service_type.is_some()) {
        unit.service_type = None;
    }
    container
        .environment
        .retain(|variable| new.variable(&variable.name.value).is_none());
    let says_stop = !new_unit.exec_stop.is_empty() || new_unit.resets_exec_stop;
    if !hide("ExecStop", says_stop) {
        return None;
    }
    unit.exec_stop.clear();
    let before = container.outside.take()?;
    (!new_unit.resets_exec_stop).then_some(before.value)
}
