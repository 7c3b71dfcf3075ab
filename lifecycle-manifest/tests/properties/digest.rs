//! The digest: the same for what means the same, another for what does not.

use lifecycle_manifest::Analysis;
use proptest::prelude::*;

use crate::model::{self, KINDS, Model, PHASES};
use crate::yaml::{Style, Yaml, shuffled, text, write};

fn digest(tree: &Yaml, style: Style) -> String {
    let written = write(tree, style);
    let analysis = Analysis::of(&written.text);
    let resolved = analysis.resolved.as_ref();
    resolved
        .unwrap_or_else(|| panic!("{:?}\n{}", analysis.findings, written.text))
        .digest
        .clone()
}

fn plainly(model: &Model) -> String {
    digest(&model::tree(model), Style::new(Vec::new()))
}

/// The same with every default that does not depend on anything written out.
fn spelt_out(model: &Model) -> Yaml {
    let mut model = model.clone();
    model.unwind.get_or_insert(250);
    for resource in &mut model.resources {
        resource.best_effort.get_or_insert(false);
        resource.phase.get_or_insert(KINDS[resource.kind].1);
    }
    if let Some(kubernetes) = &mut model.kubernetes {
        kubernetes.common.grace.get_or_insert(30_000);
        for (_, native) in &mut kubernetes.sidecars {
            native.get_or_insert(true);
        }
    }
    if let Some(ecs) = &mut model.ecs {
        ecs.common.grace.get_or_insert(30_000);
        ecs.spot.get_or_insert(false);
        if let Some(balancer) = &mut ecs.balancer {
            balancer.delay.get_or_insert(300_000);
        }
    }
    let mut tree = model::tree(&model);
    if let Yaml::Map(entries) = &mut tree {
        entries.push(("drift".to_owned(), text("warn")));
        for (key, value) in &mut *entries {
            let Yaml::Map(inner) = value else { continue };
            match key.as_str() {
                "traffic" => spell_out_health(inner),
                "platforms" => spell_out_platforms(inner, &model),
                _ => {}
            }
        }
    }
    tree
}

fn spell_out_health(traffic: &mut [(String, Yaml)]) {
    for (key, value) in traffic {
        if let (true, Yaml::Map(health)) = (key == "health", value) {
            health.push(("ready".to_owned(), text("/health/ready")));
            health.push(("live".to_owned(), text("/health/live")));
            health.push(("failures".to_owned(), text(1)));
        }
    }
}

fn spell_out_platforms(platforms: &mut [(String, Yaml)], model: &Model) {
    for (key, value) in platforms {
        let Yaml::Map(platform) = value else { continue };
        match key.as_str() {
            "kubernetes" => platform.push(("replicas".to_owned(), text(2))),
            "ecs" if model.ecs.as_ref().is_some_and(|ecs| !ecs.ec2) => {
                platform.push(("launch_type".to_owned(), text("fargate")));
            }
            _ => {}
        }
    }
}

/// A second more, where it is written.
fn second(number: &mut Option<u64>) -> bool {
    number.as_mut().map(|number| *number += 1_000).is_some()
}

/// Every number that decides a shutdown, each changed by itself.
fn changed(model: &Model) -> Vec<(String, Model)> {
    let mut all = Vec::new();
    let mut change = |what: &str, with: &dyn Fn(&mut Model) -> bool| {
        let mut model = model.clone();
        if with(&mut model) {
            all.push((what.to_owned(), model));
        }
    };
    change("reserve", &|m| second(&mut m.reserve));
    change("unwind", &|m| second(&mut m.unwind));
    // Without traffic the settle time decides nothing.
    if model.resources.iter().any(model::Resource::takes_traffic) {
        change("settle", &|m| second(&mut m.settle));
    }
    change("keep_alive", &|m| second(&mut m.keep_alive));
    change("health.period", &|m| second(&mut m.period));
    for at in 0..model.resources.len() {
        change("timeout", &|m| {
            m.resources[at].timeout += 1;
            true
        });
        change("lease", &|m| second(&mut m.resources[at].lease));
        change("best_effort", &|m| {
            let resource = &mut m.resources[at];
            resource.best_effort = Some(!resource.best_effort.unwrap_or(false));
            true
        });
        change("phase", &|m| {
            let resource = &mut m.resources[at];
            resource.phase = Some((resource.phase() + 1) % PHASES.len());
            true
        });
    }
    if model.kubernetes.is_some() {
        let of = |m: &mut Model| m.kubernetes.clone().expect("it is there");
        change("kubernetes.grace_period", &|m| {
            let mut kubernetes = of(m);
            let written = second(&mut kubernetes.common.grace);
            m.kubernetes = Some(kubernetes);
            written
        });
        change("kubernetes.pre_stop", &|m| {
            let mut kubernetes = of(m);
            let written = second(&mut kubernetes.pre_stop);
            m.kubernetes = Some(kubernetes);
            written
        });
        change("kubernetes.app_settle", &|m| {
            let mut kubernetes = of(m);
            let written = second(&mut kubernetes.common.app_settle);
            m.kubernetes = Some(kubernetes);
            written
        });
        change("kubernetes.sidecars", &|m| {
            let mut kubernetes = of(m);
            let native = kubernetes.sidecars.iter_mut().find(|s| s.1 != Some(false));
            let there = native.map(|(timeout, _)| *timeout += 1).is_some();
            m.kubernetes = Some(kubernetes);
            there
        });
        change("kubernetes.timeouts", &|m| {
            let mut kubernetes = of(m);
            let there = kubernetes.common.timeouts.iter_mut().any(second);
            m.kubernetes = Some(kubernetes);
            there
        });
        change("no kubernetes", &|m| {
            m.kubernetes = None;
            true
        });
    }
    if model.ecs.is_some() {
        change("ecs.grace_period", &|m| {
            m.ecs
                .as_mut()
                .is_some_and(|ecs| second(&mut ecs.common.grace))
        });
        change("ecs.deregistration_delay", &|m| {
            m.ecs.as_mut().is_some_and(|ecs| {
                let balancer = ecs.balancer.as_mut();
                ecs.spot != Some(true)
                    && balancer.is_some_and(|balancer| second(&mut balancer.delay))
            })
        });
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn the_same_in_another_style_and_order(
        model in model::manifest(),
        mut order in model::style(),
        style in model::style(),
    ) {
        let tree = model::tree(&model);
        prop_assert_eq!(plainly(&model), digest(&shuffled(&tree, &mut order), style));
    }

    #[test]
    fn the_same_with_defaults_written_out(model in model::manifest(), style in model::style()) {
        prop_assert_eq!(plainly(&model), digest(&spelt_out(&model), style));
    }

    #[test]
    fn another_for_every_number_that_decides(model in model::manifest()) {
        let before = plainly(&model);
        for (what, model) in changed(&model) {
            prop_assert_ne!(&before, &plainly(&model), "{}", what);
        }
    }
}
