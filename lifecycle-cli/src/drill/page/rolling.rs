//! A rolling deploy on a page: what clients saw, every instance's part in it, and what was found, in
//! tables.

use lifecycle_drill::rolling::measured::{ClientView, RollingMeasured, Seen};
use lifecycle_drill::words::{grouped, moment};

use super::tables::{Cell, Table};
use super::{Fact, Page, Spoken, findings, groups};
use crate::drill::human::{exit, load};

pub(super) fn of(measured: &RollingMeasured) -> Page {
    let title = format!(
        "Rolling deploy of {} on {}",
        measured.service, measured.platform_label
    );
    let mut page = Page::new(title, measured.passed, format!("{}.", measured.sentence));
    page.facts = [
        ("Service", measured.service.clone()),
        ("Platform", measured.platform_label.clone()),
        ("Program", measured.command.join(" ")),
        ("Balanced by", measured.deploy.balancing.words().to_owned()),
        ("Load", load(&measured.load)),
        ("Seed", measured.seed.to_string()),
    ]
    .map(|(name, value)| Fact { name, value })
    .into();
    page.first_tables = [
        Some(instances(measured)),
        measured.requests.as_ref().map(requests),
        Some(losses(measured)),
    ]
    .into_iter()
    .flatten()
    .filter(|table| !table.rows.is_empty())
    .collect();
    page.finding_groups = groups([("Findings".to_owned(), findings(&measured.findings))]);
    page.remarks.clone_from(&measured.not_measured);
    page.spoken = measured.spoken().map(|it| Spoken {
        heading: format!("Last lines of instance {}", it.number),
        lines: it.output.clone(),
    });
    page
}

fn instances(measured: &RollingMeasured) -> Table {
    let mut table = Table::new(
        "Instances, from the beginning of the deploy",
        &[
            "Instance",
            "Ready",
            "In use",
            "Stop asked",
            "Not in use",
            &measured.signal,
            "Gone",
            "Exit",
            "Taken",
            "Lost",
        ],
    );
    for it in &measured.instances {
        let at = |ms: Option<f64>| Cell::plain(ms.map_or_else(|| "–".to_owned(), moment));
        let name = format!("{}, {}", it.number, if it.new { "new" } else { "old" });
        let bad = |text: String, is_bad: bool| Cell {
            text,
            class: if is_bad { "bad" } else { "" },
        };
        let left_well = it.status.is_none_or(|status| measured.is_expected(status));
        table.rows.push(vec![
            Cell::plain(name),
            at(it.ready_ms),
            at(it.routed_ms),
            at(it.asked_ms),
            at(it.unrouted_ms),
            at(it.signalled_ms),
            at(it.ended_ms),
            bad(exit(it), !left_well),
            Cell::plain(grouped(it.taken)),
            bad(grouped(it.lost), it.lost > 0),
        ]);
    }
    table
}

/// What can become of a request, how often it did, and the class of a number that is not 0.
type Outcome = (&'static str, fn(&Seen) -> u64, &'static str);

fn requests(seen: &ClientView) -> Table {
    let head = ["Outcome", "Before", "During", "After", "All"];
    let mut table = Table::new("What clients saw, by when they sent it", &head);
    let parts = [seen.before, seen.during, seen.after, seen.all()];
    let rows: [Outcome; 7] = [
        ("served", |it| it.served, ""),
        ("of those with 4xx", |it| it.client_error, "warn"),
        ("turned away with 503", |it| it.refused, "warn"),
        ("server error", |it| it.server_error, "bad"),
        ("lost", |it| it.lost, "bad"),
        ("of those never answered", |it| it.lost_unanswered, "bad"),
        ("not sent", |it| it.not_sent, "warn"),
    ];
    for (what, of, class) in rows {
        if of(&seen.all()) == 0 && what != "served" && what != "lost" {
            continue;
        }
        let mut row = vec![Cell::plain(what)];
        row.extend(parts.iter().map(|counts| Cell {
            text: grouped(of(counts)),
            class: if of(counts) > 0 { class } else { "" },
        }));
        table.rows.push(row);
    }
    table
}

fn losses(measured: &RollingMeasured) -> Table {
    let after = format!("First, after its {}", measured.signal);
    let head = ["Instance", "How", "How many", "First", "Last", &after];
    let mut table = Table::new("What the balancer saw go wrong", &head);
    for it in &measured.losses {
        let whom = it.instance.map_or("none".to_owned(), |it| it.to_string());
        let after = it.first_after_signal_ms.map_or("–".to_owned(), moment);
        table.row([
            whom,
            it.how.words().to_owned(),
            grouped(it.count),
            moment(it.first_ms),
            moment(it.last_ms),
            after,
        ]);
    }
    table
}
