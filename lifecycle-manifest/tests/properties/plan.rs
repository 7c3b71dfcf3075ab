//! The order of steps against a model of squares and cubes.

use std::collections::BTreeSet;

use lifecycle_manifest::plan::{On, Plan};
use lifecycle_manifest::{Analysis, rules};
use proptest::prelude::*;

use crate::model::{self, Resource, name};
use crate::yaml::{Style, Yaml, map, text, write};

/// `reach[a][b]`: by what is written, `a` waits for `b`, directly or through others.
fn reach(resources: &[Resource]) -> Vec<Vec<bool>> {
    let count = resources.len();
    let mut reach = vec![vec![false; count]; count];
    for (at, resource) in resources.iter().enumerate() {
        for &other in resource.after.iter().flatten() {
            reach[at][other] = true;
        }
        for &used in &resource.uses {
            reach[used][at] = true;
        }
    }
    for via in 0..count {
        for from in 0..count {
            for to in 0..count {
                reach[from][to] |= reach[from][via] && reach[via][to];
            }
        }
    }
    reach
}

/// What each waits for: what is written; and by default all of earlier phases, which gives way where
/// somebody of an earlier phase waits for it. Such a one is let go in that earlier phase, after those
/// of it that wait for nobody like it.
fn waits(resources: &[Resource]) -> Vec<BTreeSet<usize>> {
    let reach = reach(resources);
    let all = 0..resources.len();
    let effective = |at: usize| {
        all.clone()
            .filter(|&other| other == at || reach[other][at])
            .map(|other| resources[other].phase())
            .min()
            .unwrap_or(0)
    };
    let pulled = |at: usize| effective(at) < resources[at].phase();
    let waits_for_pulled =
        |at: usize| pulled(at) || all.clone().any(|other| reach[at][other] && pulled(other));
    all.clone()
        .map(|at| {
            let mut waits: BTreeSet<usize> = BTreeSet::new();
            waits.extend(resources[at].after.iter().flatten());
            waits.extend(
                all.clone()
                    .filter(|&user| resources[user].uses.contains(&at)),
            );
            if resources[at].after.is_none() {
                let phase = effective(at);
                waits.extend(all.clone().filter(|&other| {
                    let theirs = resources[other].phase();
                    theirs < phase || (pulled(at) && theirs == phase && !waits_for_pulled(other))
                }));
            }
            waits
        })
        .collect()
}

fn analysis(resources: &[Resource]) -> Analysis {
    let tree = map([
        ("lifecycle", Some(text(1))),
        ("service", Some(text("shop"))),
        ("resources", Some(model::resources_tree(resources))),
        ("platforms", Some(Yaml::Map(Vec::new()))),
    ]);
    Analysis::of(&write(&tree, Style::new(Vec::new())).text)
}

/// What each resource of the file waits for in a plan, by its index in the file.
fn planned(plan: &Plan, resources: &[Resource]) -> Vec<BTreeSet<usize>> {
    let file: Vec<usize> = plan
        .steps
        .iter()
        .map(|step| {
            (0..resources.len())
                .find(|&at| name(at) == step.name)
                .expect("a step is a resource")
        })
        .collect();
    let mut waits = vec![BTreeSet::new(); resources.len()];
    for at in 0..plan.steps.len() {
        waits[file[at]] = plan
            .waits_for(at)
            .into_iter()
            .map(|other| file[other])
            .collect();
    }
    waits
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn waits_are_those_of_the_design(resources in model::resources(7)) {
        let reach = reach(&resources);
        let circular = (0..resources.len()).any(|at| reach[at][at]);
        let analysis = analysis(&resources);
        let circles = [rules::find("LC201"), rules::find("LC202")];
        let found = analysis
            .findings
            .iter()
            .any(|finding| circles.contains(&Some(finding.rule)));
        prop_assert_eq!(circular, found, "a circle and its finding go together");
        let Some(resolved) = &analysis.resolved else {
            prop_assert!(circular, "{:?}", analysis.findings);
            return Ok(());
        };
        prop_assert_eq!(planned(&resolved.plan, &resources), waits(&resources));
    }

    #[test]
    fn nothing_gives_way_where_nothing_contradicts(resources in model::resources(7)) {
        let reach = reach(&resources);
        let all = 0..resources.len();
        let contradicts = all.clone().any(|at| {
            all.clone().any(|other| reach[at][other] && resources[at].phase() < resources[other].phase())
        });
        let circular = all.clone().any(|at| reach[at][at]);
        if contradicts || circular {
            return Ok(());
        }
        let analysis = analysis(&resources);
        let plan = &analysis.resolved.as_ref().expect("no circle").plan;
        for (at, waits) in planned(plan, &resources).iter().enumerate() {
            for other in all.clone() {
                let written = resources[at].after.iter().flatten().any(|&after| after == other)
                    || resources[other].uses.contains(&at);
                let default = resources[at].after.is_none()
                    && resources[other].phase() < resources[at].phase();
                prop_assert_eq!(waits.contains(&other), written || default, "{} {}", at, other);
            }
        }
    }

    #[test]
    fn every_step_comes_after_all_it_waits_for(model in model::manifest()) {
        let analysis = Analysis::of(&write(&model::tree(&model), Style::new(Vec::new())).text);
        let resolved = analysis.resolved.as_ref().expect("a readable manifest");
        let plan = &resolved.plan;
        for at in 0..plan.steps.len() {
            for other in plan.waits_for(at) {
                prop_assert!(other < at, "steps stand in the order they can be taken");
                for line in &resolved.timelines {
                    prop_assert!(line.windows[other].end <= line.windows[at].start);
                }
            }
        }
        let mut seen = BTreeSet::new();
        for on in plan.order() {
            prop_assert!(seen.insert(*on), "{on:?} comes twice");
            if let On::Step(step) = on {
                prop_assert!(plan.steps[*step].waits.iter().all(|wait| seen.contains(&wait.on)));
            }
        }
    }
}
