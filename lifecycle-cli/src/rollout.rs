//! What `plan` says of a rollout on Kubernetes, below the timeline of one pod.

use lifecycle_manifest::duration::human;
use lifecycle_manifest::platform::{Controller, Kubernetes};
use lifecycle_manifest::{Platform, Resolved, Rollout, Timeline};

/// Below the pictures: of each platform that rolls out, how long it takes and how much room.
pub(crate) fn below(resolved: &Resolved, lines: &[&Timeline], width: usize) -> Vec<String> {
    let of_kubernetes = |line: &&Timeline| {
        let platform = resolved.manifest.platforms.get(line.platform());
        let kubernetes = platform.and_then(Platform::kubernetes)?;
        Some(words(kubernetes, line))
    };
    let words = lines.iter().filter_map(of_kubernetes).flatten();
    words.flat_map(|words| folded(&words, width)).collect()
}

/// Broken between words, what follows set in.
fn folded(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let at = lines.len() - 1;
        let line = &mut lines[at];
        match line.is_empty() || line.chars().count() + 1 + word.chars().count() <= width {
            true if line.is_empty() => line.push_str(word),
            true => {
                line.push(' ');
                line.push_str(word);
            }
            false => lines.push(format!("  {word}")),
        }
    }
    lines
}

/// A line a thought; none where there is nothing to roll out.
fn words(kubernetes: &Kubernetes, line: &Timeline) -> Vec<String> {
    if let Some(deadline) = kubernetes.job_deadline() {
        let gone = deadline.value + line.grace().value;
        return vec![format!(
            "a run is stopped after {}, and gone after {} at the latest",
            human(deadline.value),
            human(gone)
        )];
    }
    let Some(rollout) = Rollout::of(kubernetes, line) else {
        return Vec::new();
    };
    if rollout.pods == Some(0) {
        return Vec::new();
    }
    let mut lines = vec![takes(&rollout)];
    if rollout.start.is_none() {
        lines.push("how long a pod's start takes, `rollout: { start_time: 20s }` says".to_owned());
    }
    lines.extend(meanwhile(&rollout));
    // Without a start time there is nothing to hold against it.
    if rollout.controller == Controller::Deployment && rollout.start.is_some() {
        lines.push(format!(
            "it has failed after {} without progress, of which a batch takes up to {}",
            human(kubernetes.progress_deadline().value),
            human(rollout.longest_stand())
        ));
    }
    lines.extend(drain(&rollout));
    lines
}

fn takes(rollout: &Rollout) -> String {
    let whose = match rollout.pods {
        None => "on one node".to_owned(),
        Some(1) => "of one pod".to_owned(),
        Some(pods) if rollout.batch >= pods => format!("of {pods} pods, all at once,"),
        Some(pods) if rollout.batch == 1 => format!("of {pods} pods, one by one,"),
        Some(pods) => format!("of {pods} pods, {} at a time,", rollout.batch),
    };
    let starts = match (&rollout.start, rollout.pods) {
        (Some(_), _) => return format!("a rollout {whose} takes up to {}", rollout.sum()),
        (None, Some(1)) => "its start",
        (None, Some(_)) => "their starts",
        (None, None) => "the pods' starts",
    };
    format!(
        "a rollout {whose} takes up to {starts} + {}",
        rollout.terms()
    )
}

/// How many serve, and for how many there must be room.
fn meanwhile(rollout: &Rollout) -> Option<String> {
    let (pods, fewest) = (rollout.pods?, rollout.fewest_ready()?);
    let ready = match fewest {
        0 => "none is ready for a while".to_owned(),
        fewest => format!("at least {fewest} of {pods} are ready"),
    };
    Some(match rollout.most_pods() {
        Some(most) if most > pods => {
            format!("{ready}; there must be room for {most} pods, those that still stop among them")
        }
        Some(most) => format!("{ready}; there are never more than {most}"),
        None => format!(
            "{ready}; up to {} more are started beside them",
            rollout.surge
        ),
    })
}

/// What the generated disruption budget makes of a node that goes.
fn drain(rollout: &Rollout) -> Option<String> {
    let pods = rollout.pods.filter(|pods| *pods > 1)?;
    let start = rollout.start.as_ref()?;
    let wait = match rollout.controller {
        Controller::StatefulSet => start.value + rollout.stop.value,
        _ => start.value,
    };
    let all = wait.saturating_mul(pods - 1) + rollout.stop.value;
    Some(format!(
        "a node with all of them is drained one by one, the next after {}: up to {}",
        human(wait),
        human(all)
    ))
}

#[cfg(test)]
mod tests {
    use lifecycle_manifest::{Analysis, Platform};

    fn words(keys: &str) -> Vec<String> {
        let text = format!(
            "lifecycle: 1\nservice: shop\nresources: {{ jobs: {{ kind: task, timeout: 5s }} }}\n\
             platforms: {{ kubernetes: {{ grace_period: 40s, {keys} }} }}\n"
        );
        let analysis = Analysis::of(&text);
        let resolved = analysis.resolved.unwrap();
        let Some(Platform::Kubernetes(kubernetes)) = resolved.manifest.platforms.get("kubernetes")
        else {
            unreachable!()
        };
        super::words(kubernetes, &resolved.timelines[0])
    }

    #[test]
    fn a_rollout_is_told_with_its_sum_and_the_room_it_needs() {
        assert_eq!(
            words("replicas: 3, rollout: { start_time: 20s, min_ready: 5s }"),
            [
                "a rollout of 3 pods, one by one, takes up to 3 × (20s start time + 5s min ready) + 40s grace period = 115s",
                "at least 3 of 3 are ready; there must be room for 6 pods, those that still stop among them",
                "it has failed after 600s without progress, of which a batch takes up to 25s",
                "a node with all of them is drained one by one, the next after 20s: up to 80s",
            ]
        );
        assert_eq!(
            words("workload: stateful-set, replicas: 2, rollout: { start_time: 20s }"),
            [
                "a rollout of 2 pods, one by one, takes up to 2 × (40s grace period + 20s start time) = 120s",
                "at least 1 of 2 are ready; there are never more than 2",
                "a node with all of them is drained one by one, the next after 60s: up to 100s",
            ]
        );
        assert_eq!(
            words("rollout: { strategy: recreate }")[2],
            "none is ready for a while; there are never more than 2"
        );
    }

    #[test]
    fn what_is_not_known_is_said_not_to_be() {
        assert_eq!(
            words("replicas: 1"),
            [
                "a rollout of one pod takes up to its start + 40s grace period",
                "how long a pod's start takes, `rollout: { start_time: 20s }` says",
                "at least 1 of 1 are ready; up to 1 more are started beside them",
            ]
        );
    }

    #[test]
    fn a_run_ends_with_its_grace_period_after_its_deadline() {
        assert_eq!(
            words("workload: job, job: { deadline: 1h }"),
            ["a run is stopped after 1h, and gone after 1h40s at the latest"]
        );
        assert!(words("workload: job").is_empty());
        assert!(words("replicas: 0").is_empty());
    }
}
