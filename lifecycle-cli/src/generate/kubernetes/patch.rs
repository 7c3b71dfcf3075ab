//! What concerns termination alone, to lay over files that somebody owns already: a component of
//! Kustomize, and values with a helper for Helm.

use anyhow::Result;
use lifecycle_manifest::Platform;

use super::super::{Ask, Sheet, Target, template};
use super::data::data;
use crate::talk::say;

pub(in crate::generate) static HELM: Target = Target {
    name: "helm",
    aliases: &["k8s-helm"],
    key: "kubernetes",
    about: "Helm: values and a helper template, which refuses a grace period under the plan's sum",
    files: helm,
    patch: None,
    names: |_| HELM_NAMES.map(str::to_owned).to_vec(),
};

const HELM_NAMES: [&str; 2] = ["_lifecycle.tpl", "lifecycle-values.yaml"];

/// A component with its strategic merge patch.
pub(super) fn files(ask: &Ask<'_>) -> Result<Vec<Sheet>> {
    let (kubernetes, line) = ask.platform("kubernetes", Platform::kubernetes)?;
    let data = data(ask, kubernetes, line, "", "k8s --patch");
    let service = &ask.resolved.plan.service;
    say!(
        "note: the patch is for a {} `{service}` whose container is called `{service}` too",
        kubernetes.controller().kind()
    );
    Ok(vec![
        Sheet::new(
            "kustomization.yaml",
            template!("kubernetes/kustomization.yaml"),
            &data,
        ),
        Sheet::new("patch.yaml", template!("kubernetes/patch.yaml"), &data),
    ])
}

fn helm(ask: &Ask<'_>) -> Result<Vec<Sheet>> {
    let (kubernetes, line) = ask.platform("kubernetes", Platform::kubernetes)?;
    let data = data(ask, kubernetes, line, "", "helm");
    Ok(vec![
        Sheet::new(HELM_NAMES[0], template!("kubernetes/_lifecycle.tpl"), &data),
        Sheet::new(HELM_NAMES[1], template!("kubernetes/values.yaml"), &data),
    ])
}
