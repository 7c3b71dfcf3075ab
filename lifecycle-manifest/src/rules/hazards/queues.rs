//! What is known to go wrong at queues.

use super::Place::Elsewhere;
use super::{Group, found, not_found};

pub(super) static GROUP: Group = Group {
    place: Elsewhere("Queues"),
    hazards: &[
        found(
            "Q-01",
            "A job takes longer than its consumer has to finish it.",
            &["longest-job-outlives-drain"],
        ),
        found(
            "Q-02",
            "A job takes longer than its lease, and nobody renews it.",
            &["lease-expires-at-work"],
        ),
        found(
            "Q-03",
            "A long poll waits while the drain's time runs.",
            &["poll-outlives-drain"],
        ),
        not_found(
            "Q-04",
            "A Kafka client closes with a timeout as long as what is left of the grace period.",
            "The client's own timeout is an argument in the program; its step's timeout bounds it here.",
        ),
        not_found(
            "Q-05",
            "A BullMQ worker is closed without any bound.",
            "The bound is a line of the program; its step's timeout is one here.",
        ),
        found(
            "Q-06",
            "More jobs are claimed at once than can be finished.",
            &["prefetch-outlives-drain"],
        ),
        found(
            "Q-07",
            "A lease ends during the drain, and the job is done twice.",
            &["lease-expires-at-work"],
        ),
    ],
};
