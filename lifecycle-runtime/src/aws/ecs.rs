//! Which ECS task this is.

use super::client::Base;
use super::json::strings;

/// The task's ARN; `None`, with a warning, where ECS does not say.
pub(super) fn task() -> Option<String> {
    let asked = ask(std::env::var("ECS_CONTAINER_METADATA_URI_V4").ok());
    match asked {
        Ok(arn) => Some(arn),
        Err(why) => {
            tracing::warn!("ECS could not be asked for the task: {why}");
            None
        }
    }
}

fn ask(endpoint: Option<String>) -> Result<String, String> {
    let endpoint = endpoint
        .filter(|it| !it.is_empty())
        .ok_or("ECS_CONTAINER_METADATA_URI_V4 is not set")?;
    let answer = Base::parse(&endpoint)?.ask("GET", "/task", "")?;
    if answer.status != 200 {
        return Err(format!("the answer is {}", answer.status));
    }
    let members = strings(&answer.body).ok_or("the answer is no object")?;
    let of = |name: &str| {
        let found = members.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.clone())
    };
    let arn = of("TaskARN").ok_or("the answer names no task")?;
    tracing::info!(
        task = arn,
        cluster = of("Cluster"),
        family = of("Family"),
        revision = of("Revision"),
        launch_type = of("LaunchType"),
        zone = of("AvailabilityZone"),
        "an ECS task"
    );
    Ok(arn)
}
