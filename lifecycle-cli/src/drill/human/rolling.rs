//! A rolling deploy for people: every instance's part in it, and what clients saw.

use std::fmt::Write as _;

use anstyle::Style;

use lifecycle_drill::rolling::measured::{ClientView, InstanceMeasured, RollingMeasured, Seen};
use lifecycle_drill::target::process::{Status, signal_name};
use lifecycle_drill::words::{count as counted, grouped, moment, span};

use super::requests::figures;
use super::run::{finding, last_of, load, not_measured};
use super::text::{
    BAD, FAINT, GOOD, HEADING, WARN, WIDTH, clean, fitted, line, styled, wrapped_after,
};

/// The whole deploy as text.
pub(in crate::drill) fn rolling(measured: &RollingMeasured) -> String {
    let mut text = String::new();
    heading(&mut text, measured);
    instances(&mut text, measured);
    if let Some(seen) = &measured.requests {
        requests(&mut text, seen);
    }
    losses(&mut text, measured);
    last_lines(&mut text, measured);
    not_measured(&mut text, &measured.not_measured);
    findings(&mut text, measured);
    text
}

fn heading(text: &mut String, measured: &RollingMeasured) {
    let title = format!(
        "{} on {}, a rolling deploy",
        clean(&measured.service),
        clean(&measured.platform_label)
    );
    line(text, &styled(HEADING, &title));
    let mut said = |words: &str| line(text, &format!("  {}", fitted(&clean(words), WIDTH - 2)));
    said(&measured.command.join(" "));
    let deploy = &measured.deploy;
    said(&format!(
        "{}, {} more at a time, {} missing at most{}",
        counted(u64::from(deploy.replicas), "replica"),
        deploy.surge,
        deploy.unavailable,
        match deploy.waits_for_the_end {
            true => ", a new one once an old one is gone",
            false => "",
        }
    ));
    said(&format!("balanced by {}", deploy.balancing.words()));
    let plan = &measured.planned;
    said(&format!(
        "asked every {} whether ready; out of routing {} after the stop, {} {}",
        span(deploy.probe_period_ms),
        span(plan.routing_lag_ms),
        measured.signal,
        match plan.asked_to_signal_ms {
            0.0 => "at once".to_owned(),
            after => format!("after {}", span(after)),
        }
    ));
    said(&load(&measured.load));
    said(&format!("seed {}", measured.seed));
}

/// One row of the table of instances.
fn row(cells: [&str; 8]) -> String {
    let [name, ready, routed, asked, out, signal, gone, exit] = cells;
    let row = format!(
        "  {name:<7}{ready:>9}{routed:>10}{asked:>10}{out:>10}{signal:>10}{gone:>10}  {exit}"
    );
    row.trim_end().to_owned()
}

fn instances(text: &mut String, measured: &RollingMeasured) {
    line(text, "");
    line(
        text,
        &styled(HEADING, "INSTANCES from the beginning of the deploy"),
    );
    let head = row([
        "",
        "ready",
        "in use",
        "asked",
        "unused",
        &measured.signal,
        "gone",
        "exit",
    ]);
    line(text, &styled(FAINT, &head));
    for it in &measured.instances {
        let at = |ms: Option<f64>| ms.map_or_else(|| "-".to_owned(), moment);
        let before = |ms: Option<f64>| match ms {
            // It served before anything was measured.
            Some(ms) if ms < 0.0 && !it.new => "before".to_owned(),
            ms => at(ms),
        };
        let cells = row([
            &format!("{:>2} {}", it.number, if it.new { "new" } else { "old" }),
            &before(it.ready_ms),
            &before(it.routed_ms),
            &at(it.asked_ms),
            &at(it.unrouted_ms),
            &at(it.signalled_ms),
            &at(it.ended_ms),
            &exit(it),
        ]);
        let left_well = it.status.is_none_or(|status| measured.is_expected(status));
        let style = match it.lost == 0 && left_well {
            true => Style::new(),
            false => BAD,
        };
        line(text, &styled(style, &cells));
    }
    let stopped: Vec<_> = measured
        .instances
        .iter()
        .filter_map(|it| {
            let (requests, connections) = (it.in_flight_at_signal?, it.connections_at_signal?);
            Some(format!(
                "{} had {} and {}",
                it.number,
                counted(requests as u64, "request"),
                counted(connections as u64, "connection")
            ))
        })
        .collect();
    if !stopped.is_empty() {
        let label = format!("  in flight at {}: ", measured.signal);
        wrapped_after(text, Style::new(), &label, "    ", &stopped.join(", "));
    }
    if let Some(took) = measured.took_ms {
        line(text, &format!("  over after {}", span(took)));
    }
}

/// How it ended, in a word or two.
pub(in crate::drill) fn exit(it: &InstanceMeasured) -> String {
    match it.status {
        None => "runs".to_owned(),
        Some(Status::Code(code)) => format!("code {code}"),
        Some(Status::Signal(number)) => signal_name(number),
        Some(Status::Unknown) => "unknown".to_owned(),
    }
}

fn requests(text: &mut String, seen: &ClientView) {
    let columns = [
        ("before", seen.before),
        ("during", seen.during),
        ("after", seen.after),
    ];
    line(text, "");
    let mut head = format!("{:<24}", "CLIENTS SAW, by when sent");
    for (label, _) in columns {
        let _infallible = write!(head, "{label:>14}");
    }
    line(text, &styled(HEADING, &head));
    let all = seen.all();
    let mut outcome = |label: &str, of: fn(&Seen) -> u64, always: bool, style: Style| {
        if !always && of(&all) == 0 {
            return;
        }
        let mut row = format!("  {label:<23}");
        for (_, counts) in &columns {
            let cell = format!("{:>14}", grouped(of(counts)));
            row += &match of(counts) {
                0 => cell,
                _ => styled(style, &cell),
            };
        }
        line(text, &row);
    };
    outcome("served", |seen| seen.served, true, Style::new());
    outcome("  of those 4xx", |seen| seen.client_error, false, WARN);
    outcome("turned away with 503", |seen| seen.refused, false, WARN);
    outcome("server error", |seen| seen.server_error, false, BAD);
    outcome("lost", |seen| seen.lost, true, BAD);
    outcome("  never answered", |seen| seen.lost_unanswered, false, BAD);
    outcome("not sent", |seen| seen.not_sent, false, WARN);
    for (label, latency) in [
        ("latency before", seen.latency_before),
        ("latency since", seen.latency_during),
    ] {
        if let Some(latency) = latency {
            line(text, &format!("  {label:<23}  {}", figures(latency)));
        }
    }
}

/// What the balancer saw go wrong, and with whom.
fn losses(text: &mut String, measured: &RollingMeasured) {
    if measured.losses.is_empty() {
        return;
    }
    line(text, "");
    line(text, &styled(HEADING, "THE BALANCER SAW"));
    for it in &measured.losses {
        let whom = match it.instance {
            None => "nobody".to_owned(),
            Some(number) => format!("instance {number}"),
        };
        let when = match it.first_after_signal_ms {
            Some(after) => format!("from {} after its {}", moment(after), measured.signal),
            None => format!("from {}", moment(it.first_ms)),
        };
        let label = format!("  {whom}: ");
        let words = format!("{} {}, {when}", grouped(it.count), it.how.words());
        wrapped_after(text, BAD, &label, "    ", &words);
    }
}

/// The last lines of the instance that hindered the deploy, or of the first that did not leave well.
fn last_lines(text: &mut String, measured: &RollingMeasured) {
    if let Some(it) = measured.spoken() {
        last_of(text, &format!("instance {}", it.number), &it.output);
    }
}

fn findings(text: &mut String, measured: &RollingMeasured) {
    line(text, "");
    for found in &measured.findings {
        finding(text, found, "");
    }
    if !measured.findings.is_empty() {
        line(text, "");
    }
    let verdict = match measured.passed {
        true => styled(GOOD, "passed"),
        false => styled(BAD, "FAILED"),
    };
    line(text, &format!("{verdict}: {}", measured.sentence));
}
