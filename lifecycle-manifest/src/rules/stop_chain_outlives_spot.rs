//! Containers that stop one after another take longer than Spot gives.

#[cfg(feature = "deployed")]
use crate::{
    deployed::View,
    duration::human,
    finding::{Finding, Place, Side},
    platform::SPOT_NOTICE,
};

rule! {
    /// Containers that stop one after another take longer than the Spot notice.
    ///
    /// ## What it finds
    ///
    /// A service on Spot capacity whose task has a chain of `dependsOn` with stop timeouts that add up to more than two minutes.
    ///
    /// ## Why it matters
    ///
    /// A container that others depend on gets its signal when they have stopped, and its own `stopTimeout` begins then. After two minutes everything is killed.
    ///
    /// ## Example
    ///
    /// ```yaml deployed
    /// - family: shop
    ///   requiresCompatibilities: [FARGATE]
    ///   containerDefinitions:
    ///     - { name: shop, stopTimeout: 90, dependsOn: [{ containerName: proxy, condition: START }] }
    ///     - { name: proxy, stopTimeout: 60 }
    /// - serviceName: shop
    ///   taskDefinition: shop
    ///   capacityProviderStrategy: [{ capacityProvider: FARGATE_SPOT, weight: 1 }]
    /// ```
    ///
    /// ## What to write instead
    ///
    /// Stop timeouts that together fit into 120 s.
    ///
    /// ```yaml deployed
    /// - family: shop
    ///   requiresCompatibilities: [FARGATE]
    ///   containerDefinitions:
    ///     - { name: shop, stopTimeout: 90, dependsOn: [{ containerName: proxy, condition: START }] }
    ///     - { name: proxy, stopTimeout: 20 }
    /// - serviceName: shop
    ///   taskDefinition: shop
    ///   capacityProviderStrategy: [{ capacityProvider: FARGATE_SPOT, weight: 1 }]
    /// ```
    ///
    /// ## When to allow it
    ///
    /// When the containers at the end of the chain have nothing to lose.
    ///
    /// ## Source
    ///
    /// ECS agent, `dependencygraph`; re:Post, “fargate-spot-termination-notice”.
    pub(super) RULE = "LC816", "stop-chain-outlives-spot", Error, High
}

#[cfg(feature = "deployed")]
pub(super) fn check(view: &View<'_>, findings: &mut Vec<Finding>) {
    for seen in view
        .workloads
        .iter()
        .filter(|seen| seen.workload.platform == "ecs")
    {
        let Some((file, capacity)) = view.spot_capacity(seen.workload) else {
            continue;
        };
        let chain = seen.workload.stop_chain();
        let total: std::time::Duration = chain.iter().map(|(_, time)| *time).sum();
        let Some((first, _)) = chain.first().filter(|_| total > SPOT_NOTICE) else {
            continue;
        };
        let terms: Vec<String> = chain
            .iter()
            .map(|(container, time)| format!("{} {}", human(*time), container.name()))
            .collect();
        let message = format!(
            "the containers of {} take {} to stop, and Spot capacity gives {}",
            seen.workload.title(),
            human(total),
            human(SPOT_NOTICE)
        );
        let place = match &first.stop_timeout {
            Some(timeout) => Place::Value(timeout.route.clone()),
            None => crate::deployed::container_place(first),
        };
        findings.push(
            seen.finding(&RULE, message, place)
                .label("the first of them; the others wait for it")
                .related_in(
                    Side::Deployed(file),
                    Place::Value(capacity.provider.route.clone()),
                    "Spot capacity",
                )
                .note(format!("sum: {} = {}", terms.join(" + "), human(total)))
                .help("shorten the `stopTimeout`s until they fit together"),
        );
    }
}
