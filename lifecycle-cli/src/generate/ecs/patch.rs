//! What concerns termination, in the languages in which people keep their infrastructure: a
//! CloudFormation template to lay over one's own, and a Terraform override file, which Terraform lays
//! over by itself.

use anyhow::Result;
use lifecycle_manifest::Platform;
use lifecycle_manifest::duration::seconds_up;
use lifecycle_manifest::platform::{Ecs, LogicalIds};
use serde::Serialize;

use super::{TaskDefinition, task_definition};
use crate::generate::docker::note_probe;
use crate::generate::files::MARK;
use crate::generate::{Ask, Port, Sheet, template};
use crate::template::quote;

/// The data of both templates.
#[derive(Serialize)]
struct Data<'a> {
    #[serde(flatten)]
    definition: TaskDefinition<'a>,
    task_definition_id: String,
    service_id: String,
    target_group_id: String,
    /// Nothing where an autoscaler may have it.
    desired_count: Option<u32>,
    balancer: Option<Balancer>,
    /// What `container_definitions` holds: the containers as a text of JSON.
    containers: String,
}

#[derive(Serialize)]
struct Balancer {
    port: Option<u16>,
    deregistration_delay_seconds: String,
}

/// How a language of templates names its objects.
#[derive(Clone, Copy)]
enum Names {
    CloudFormation,
    Terraform,
}

pub(super) fn sheets(ask: &Ask<'_>) -> Result<Vec<Sheet>> {
    let (ecs, line) = ask.platform("ecs", Platform::ecs)?;
    note_probe("ecs", ecs.health_check.as_ref());
    let service = &ask.resolved.plan.service;
    let data = |names: Names| -> Result<Data<'_>> {
        let definition = TaskDefinition {
            header: format!("{MARK} ecs --patch -o DIRECTORY"),
            ..task_definition(ask, ecs, line)?
        };
        let id = |part: Part| names.of(service, ecs.logical_ids.as_ref(), part);
        let port = ask.resolved.plan.main_port(&ask.resolved.manifest);
        Ok(Data {
            task_definition_id: id(Part::TaskDefinition),
            service_id: id(Part::Service),
            target_group_id: id(Part::TargetGroup),
            desired_count: ecs.desired_count.as_ref().map(|count| count.value),
            balancer: balancer(ecs, port),
            containers: containers(&definition)?,
            definition,
        })
    };
    Ok(vec![
        Sheet::new(
            format!("{service}.cloudformation.json"),
            template!("ecs/cloudformation.json"),
            data(Names::CloudFormation)?,
        ),
        Sheet::new(
            format!("{service}_override.tf.json"),
            template!("ecs/override.tf.json").quoted_by(quoted_for_terraform),
            data(Names::Terraform)?,
        ),
    ])
}

fn balancer(ecs: &Ecs, port: Option<u16>) -> Option<Balancer> {
    let balancer = ecs.load_balancer.as_ref()?;
    Some(Balancer {
        port,
        deregistration_delay_seconds: seconds_up(balancer.deregistration_delay().value).to_string(),
    })
}

/// The container as ECS takes it, in one line.
fn containers(definition: &TaskDefinition<'_>) -> Result<String> {
    let named = |name: &str, value: &str| serde_json::json!({ "name": name, "value": value });
    let variables = definition.common.environment.iter();
    let environment: Vec<_> = variables.map(|it| named(it.name, &it.value)).collect();
    let port = |port: &Port| serde_json::json!({ "name": port.name, "containerPort": port.number, "protocol": "tcp" });
    let mut container = serde_json::json!({
        "name": definition.common.service,
        "image": definition.image,
        "essential": true,
        "stopTimeout": definition.grace_seconds,
        "portMappings": definition.ports.iter().map(port).collect::<Vec<_>>(),
        "environment": environment,
    });
    if let (Some(check), Some(container)) = (&definition.health_check, container.as_object_mut()) {
        let check = serde_json::json!({
            "command": check.command,
            "interval": check.interval,
            "timeout": check.timeout,
            "retries": check.retries,
            "startPeriod": check.start_period,
        });
        container.insert("healthCheck".to_owned(), check);
    }
    Ok(serde_json::to_string(&[container])?)
}

/// Text in a file of Terraform's, where `${` and `%{` begin an expression unless they are doubled.
fn quoted_for_terraform(text: &str) -> String {
    quote(&text.replace("${", "$${").replace("%{", "%%{"))
}

#[derive(Clone, Copy)]
enum Part {
    TaskDefinition,
    Service,
    TargetGroup,
}

impl Names {
    /// The name that the manifest gives, or one made of the service's.
    fn of(self, service: &str, given: Option<&LogicalIds>, part: Part) -> String {
        let given = given.and_then(|ids| match part {
            Part::TaskDefinition => ids.task_definition.as_ref(),
            Part::Service => ids.service.as_ref(),
            Part::TargetGroup => ids.target_group.as_ref(),
        });
        match (self, given) {
            // Letters and digits only.
            (Self::CloudFormation, Some(given)) => given
                .value
                .replace(|c: char| !c.is_ascii_alphanumeric(), ""),
            (Self::Terraform, Some(given)) => given.value.clone(),
            (Self::CloudFormation, None) => {
                let kind = match part {
                    Part::TaskDefinition => "TaskDefinition",
                    Part::Service => "Service",
                    Part::TargetGroup => "TargetGroup",
                };
                format!("{}{kind}", capitals(service))
            }
            (Self::Terraform, None) => service.replace('-', "_"),
        }
    }
}

/// `checkout-api` as `CheckoutApi`.
fn capitals(service: &str) -> String {
    let words = service.split(|c: char| !c.is_ascii_alphanumeric());
    let word = |word: &str| {
        let mut letters = word.chars();
        let first = letters.next().map(|c| c.to_ascii_uppercase());
        first.into_iter().chain(letters).collect::<String>()
    };
    words.map(word).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_has_a_name_in_each_language() {
        let named = |names: Names, service| names.of(service, None, Part::Service);
        for (service, cloudformation, terraform) in [
            ("shop", "ShopService", "shop"),
            ("checkout-api-2", "CheckoutApi2Service", "checkout_api_2"),
        ] {
            assert_eq!(named(Names::CloudFormation, service), cloudformation);
            assert_eq!(named(Names::Terraform, service), terraform);
        }
    }
}
