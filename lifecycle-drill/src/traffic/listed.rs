//! The lost requests that are told one by one: of each kind those that were sent first, which are those that
//! waited longest when all end at once.

use std::time::Instant;

use super::outcome::Lost;
use super::tally::LostRequest;
use crate::stage::millis_between;

/// How many are told, and how many of each kind are kept until then.
const LISTED: usize = 20;

#[derive(Default)]
pub(super) struct Listed(Vec<Entry>);

struct Entry {
    label: String,
    how: Lost,
    sent: Instant,
    ended: Instant,
}

impl Listed {
    pub(super) fn add(&mut self, label: &str, how: Lost, sent: Instant, ended: Instant) {
        let same = self.0.iter_mut().filter(|entry| entry.label == label);
        let mut kept = 0;
        let latest = same.inspect(|_| kept += 1).max_by_key(|entry| entry.sent);
        let entry = Entry {
            label: label.to_owned(),
            how,
            sent,
            ended,
        };
        match latest {
            Some(latest) if kept >= LISTED => {
                if sent < latest.sent {
                    *latest = entry;
                }
            }
            _ => self.0.push(entry),
        }
    }

    /// The first of each kind, then the second of each, as far as there is room; in the order in which they
    /// were sent. Times are told from `zero`.
    pub(super) fn told(&self, zero: Instant) -> Vec<LostRequest> {
        let mut all: Vec<_> = self.0.iter().collect();
        all.sort_by_key(|entry| entry.sent);
        let mut ranked: Vec<(usize, &Entry)> = Vec::new();
        for entry in all {
            let same = ranked.iter().filter(|(_, it)| it.label == entry.label);
            ranked.push((same.count(), entry));
        }
        ranked.sort_by_key(|(rank, entry)| (*rank, entry.sent));
        ranked.truncate(LISTED);
        ranked.sort_by_key(|(_, entry)| entry.sent);
        ranked
            .into_iter()
            .map(|(_, entry)| LostRequest {
                request: entry.label.clone(),
                how: entry.how,
                sent_ms: millis_between(zero, entry.sent),
                ended_ms: millis_between(zero, entry.ended),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_first_of_each_kind_are_told_whatever_order_they_end_in() {
        let zero = Instant::now();
        let at = |ms: u64| zero + Duration::from_millis(ms);
        let mut listed = Listed::default();
        for ms in (0..500).rev() {
            listed.add("GET /many", Lost::Closed, at(ms), at(1_000));
        }
        listed.add("GET /few", Lost::Closed, at(400), at(1_000));
        let told = listed.told(zero);
        assert_eq!(told.len(), LISTED);
        assert_eq!((&*told[0].request, told[0].sent_ms), ("GET /many", 0.0));
        assert_eq!((&*told[18].request, told[18].sent_ms), ("GET /many", 18.0));
        assert_eq!((&*told[19].request, told[19].sent_ms), ("GET /few", 400.0));
    }
}
