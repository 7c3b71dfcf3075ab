//! An admission policy: a cluster refuses a workload whose grace period, or whose hook, was lowered under
//! what the plan needs.

use anyhow::{Result, bail};
use lifecycle_manifest::deployed::planned::{self, PlannedHook};
use lifecycle_manifest::duration::{human, seconds_up};
use lifecycle_manifest::platform::{
    ADMISSION_POLICY_BETA_SINCE, ADMISSION_POLICY_SINCE, Controller, Kubernetes, NAME_LABEL,
};
use lifecycle_manifest::{Platform, Timeline};
use minijinja::Value;
use serde::Serialize;

use super::super::files::MARK;
use super::super::{Ask, Sheet, Target, template};
use crate::template;

pub(in crate::generate) static TARGET: Target = Target {
    name: "k8s-policy",
    aliases: &["kubernetes-policy"],
    key: "kubernetes",
    about: "Kubernetes: a `ValidatingAdmissionPolicy` with its binding, which refuses a grace period under the plan's sum",
    files,
    patch: None,
    names: |_| NAMES.map(str::to_owned).to_vec(),
};

const NAMES: [&str; 2] = [
    "validatingadmissionpolicy.yaml",
    "validatingadmissionpolicybinding.yaml",
];

/// The data of both templates. Expressions are CEL.
#[derive(Serialize)]
struct Data<'a> {
    header: Value,
    service: &'a str,
    digest: &'a str,
    name: String,
    api_version: Value,
    namespace: Option<&'a str>,
    group: &'static str,
    resources: String,
    is_this_service: String,
    is_of_this_plan: String,
    variables: Vec<Variable>,
    validations: Vec<Validation>,
}

#[derive(Serialize)]
struct Variable {
    name: Value,
    expression: String,
}

#[derive(Serialize)]
struct Validation {
    why: Value,
    expression: String,
    /// Where the other one cannot be evaluated.
    message: String,
    message_expression: String,
}

fn files(ask: &Ask<'_>) -> Result<Vec<Sheet>> {
    let (kubernetes, line) = ask.platform("kubernetes", Platform::kubernetes)?;
    let data = data(ask, kubernetes, line)?;
    Ok(vec![
        Sheet::new(
            NAMES[0],
            template!("kubernetes/validatingadmissionpolicy.yaml"),
            &data,
        ),
        Sheet::new(
            NAMES[1],
            template!("kubernetes/validatingadmissionpolicybinding.yaml"),
            &data,
        ),
    ])
}

fn data<'a>(ask: &Ask<'a>, kubernetes: &'a Kubernetes, line: &Timeline) -> Result<Data<'a>> {
    let word = |word: &str| Value::from_safe_string(word.to_owned());
    let service = ask.resolved.plan.service.as_str();
    let controller = kubernetes.controller();
    let namespace = kubernetes.namespace.as_ref();
    let namespace = namespace.map(|namespace| namespace.value.as_str());
    let template = match controller {
        Controller::CronJob => "object.spec.jobTemplate.spec.template",
        _ => "object.spec.template",
    };
    let header = format!(
        "{MARK} k8s-policy from lifecycle.yaml; change the manifest and run it again with -o and this directory"
    );
    Ok(Data {
        header: template::comment(&header),
        service,
        digest: &ask.resolved.digest,
        name: match namespace {
            Some(namespace) => format!("lifecycle.{namespace}.{service}"),
            None => format!("lifecycle.{service}"),
        },
        api_version: word(api_version(kubernetes)?),
        namespace,
        group: match controller.finishes() {
            true => "batch",
            false => "apps",
        },
        resources: format!("{}s", controller.kind().to_ascii_lowercase()),
        // By its name, or by its label where the program's container is in it.
        is_this_service: format!(
            "object.metadata.name == {name} || (has(object.metadata.labels) && {label} in \
             object.metadata.labels && object.metadata.labels[{label}] == {name} && \
             {template}.spec.containers.exists(c, c.name == {name}))",
            name = cel(service),
            label = cel(NAME_LABEL),
        ),
        is_of_this_plan: format!(
            "!has({template}.metadata.annotations) || !({key} in {template}.metadata.annotations) || \
             {template}.metadata.annotations[{key}] == {digest}",
            key = cel("lifecycle/plan-digest"),
            digest = cel(&ask.resolved.digest),
        ),
        variables: variables(template, service, kubernetes, line),
        validations: validations(kubernetes, line, service),
    })
}

fn api_version(kubernetes: &Kubernetes) -> Result<&'static str> {
    match kubernetes.version.as_ref().map(|it| it.value.minor) {
        Some(minor) if minor < ADMISSION_POLICY_BETA_SINCE => bail!(
            "Kubernetes 1.{minor} has no ValidatingAdmissionPolicy: it needs 1.{ADMISSION_POLICY_BETA_SINCE}"
        ),
        Some(minor) if minor < ADMISSION_POLICY_SINCE => Ok("admissionregistration.k8s.io/v1beta1"),
        _ => Ok("admissionregistration.k8s.io/v1"),
    }
}

/// What stands in the pod, with what holds where nothing does.
fn variables(
    template: &str,
    service: &str,
    kubernetes: &Kubernetes,
    line: &Timeline,
) -> Vec<Variable> {
    let variable = |name: &str, expression: String| Variable {
        name: Value::from_safe_string(name.to_owned()),
        expression,
    };
    let default = seconds_up(line.facts.default_grace);
    let mut variables = vec![
        variable("pod", format!("{template}.spec")),
        variable(
            "grace",
            format!(
                "has(variables.pod.terminationGracePeriodSeconds) ? \
                 variables.pod.terminationGracePeriodSeconds : {default}"
            ),
        ),
        variable(
            "origin",
            format!(
                "has(variables.pod.terminationGracePeriodSeconds) ? \"\" : {}",
                cel(" (the Kubernetes default)")
            ),
        ),
    ];
    if planned_sleep(kubernetes, line).is_none() {
        return variables;
    }
    variables.extend([
        // Of the program alone: another container's hook pays for nothing.
        variable(
            "sleeping",
            format!(
                "variables.pod.containers.filter(c, c.name == {} && has(c.lifecycle) && \
                 has(c.lifecycle.preStop) && has(c.lifecycle.preStop.sleep))",
                cel(service)
            ),
        ),
        variable(
            "sleep",
            "size(variables.sleeping) > 0 ? variables.sleeping[0].lifecycle.preStop.sleep.seconds : 0"
                .to_owned(),
        ),
    ]);
    variables
}

/// Seconds of the native sleep that the plan counts on.
fn planned_sleep(kubernetes: &Kubernetes, line: &Timeline) -> Option<u64> {
    match planned::hook(kubernetes, line) {
        Some(PlannedHook::Sleep(seconds)) => Some(seconds),
        _ => None,
    }
}

fn validations(kubernetes: &Kubernetes, line: &Timeline, service: &str) -> Vec<Validation> {
    let sum = line.sum();
    let mut validations = Vec::new();
    let planned = planned_sleep(kubernetes, line);
    let needs = format!("{service} needs {} to stop: {sum}", human(line.needed()));
    let expression = match planned {
        // A longer sleep takes its time from the rest.
        Some(sleep) => {
            let rest = seconds_up(line.needed().saturating_sub(line.signal_at()));
            format!(
                "variables.grace >= {rest} + (variables.sleep > {sleep} ? variables.sleep : {sleep})"
            )
        }
        None => format!("variables.grace >= {}", seconds_up(line.needed())),
    };
    let is_longer = match planned {
        Some(sleep) => format!(
            " + (variables.sleep > {sleep} ? \", with a preStop sleep of \" + string(variables.sleep) + \"s\" : \"\")"
        ),
        None => String::new(),
    };
    validations.push(Validation {
        why: template::comment(&format!("{sum}, and it must fit.")),
        expression,
        message: format!("{needs}; terminationGracePeriodSeconds is less"),
        message_expression: format!(
            "{} + string(variables.grace) + \"s\" + variables.origin{is_longer}",
            cel(&format!("{needs}; terminationGracePeriodSeconds is "))
        ),
    });
    if let Some(sleep) = planned {
        let counts = format!(
            "{service} counts on a preStop sleep of {sleep}s, in which it is taken from routing"
        );
        validations.push(Validation {
            why: template::comment("What the hook does not wait for, nobody waits for."),
            expression: format!("variables.sleep >= {sleep}"),
            message: format!("{counts}; the sleep of its container is shorter, or there is none"),
            message_expression: format!(
                "{} + (size(variables.sleeping) > 0 ? \"its container sleeps \" + string(variables.sleep) + \"s\" : \"its container has none\")",
                cel(&format!("{counts}; "))
            ),
        });
    }
    validations
}

/// Text as a literal of CEL, whose escapes JSON's are too.
fn cel(text: &str) -> String {
    template::quote(text)
}
