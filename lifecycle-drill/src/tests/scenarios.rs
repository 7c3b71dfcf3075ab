//! Each scenario finds the program that behaves badly in just that way, and lets one pass that does not.
//!
//! The faults inside a process are played in full against the runtime itself in the workspace's `tests`;
//! here a program does worse than it was asked for.

use std::time::Duration;

use super::super::scenario::{self, Ability, Asked, Played};
use super::victim::{self, Way};
use super::{failures, kubernetes, lagging, quiet};
use crate::{Load, Measured, PlannedStep, RequestSpec, Script, Target};

/// As short as a bad program is to be waited for.
fn brief(mut script: Script) -> Script {
    script.grace = Duration::from_secs(3);
    let step = |name: &str| PlannedStep {
        name: name.to_owned(),
        kind: "custom".to_owned(),
        start: Duration::ZERO,
        timeout: Duration::from_secs(1),
        end: Duration::from_secs(1),
    };
    script.steps = vec![step("http"), step("db")];
    script
}

/// What becomes of a scenario; the clients beside the load post to a page that reads what they send.
async fn play(name: &str, target: &Target, script: &Script, ability: Option<Ability>) -> Played {
    let mut load = victim::load();
    load.requests.push(RequestSpec {
        method: "POST".to_owned(),
        body: b"0123456789".to_vec(),
        ..RequestSpec::get("/")
    });
    play_with(name, target, script, &load, ability).await
}

async fn play_with(
    name: &str,
    target: &Target,
    script: &Script,
    load: &Load,
    ability: Option<Ability>,
) -> Played {
    let asked: Asked = name.parse().unwrap();
    let played = scenario::run(&asked, ability, target, script, load, &quiet()).await;
    let played = played.unwrap();
    match &played {
        Played::Measured(measured) => println!("{name}: {measured:#?}"),
        Played::NotApplicable(why) => println!("{name}: not applicable: {why}"),
    }
    played
}

async fn measured(name: &str, way: Way, script: &Script) -> Measured {
    let ability = Some(Ability::Faults);
    match play(name, &victim::target(way), script, ability).await {
        Played::Measured(measured) => *measured,
        Played::NotApplicable(why) => panic!("{name} is not applicable: {why}"),
    }
}

#[tokio::test]
async fn a_polite_process_passes_what_asks_nothing_of_it() {
    for name in [
        "second-signal",
        "stuck-request",
        "slow-loris",
        "idle-keep-alives",
        "endless-download",
        "cpu-starvation",
        "early-sigkill",
    ] {
        let measured = measured(name, Way::Polite, &brief(kubernetes())).await;
        assert_eq!(failures(&measured), [""; 0], "{name}");
        assert!(measured.passed, "{name}");
        assert_eq!(measured.scenario.as_deref(), Some(name));
    }
}

#[tokio::test]
async fn a_second_signal_that_ends_it_at_once_loses_requests() {
    let measured = measured("second-signal", Way::DiesAtSecond, &brief(kubernetes())).await;
    assert_eq!(
        failures(&measured),
        ["request-lost", "exit-before-drain", "exit-not-zero"]
    );
    let cause = &measured.findings[0].cause;
    assert!(cause.contains("for one signal only"), "{cause}");
}

#[tokio::test]
async fn a_signal_is_heeded_or_forgotten_while_it_starts() {
    let script = brief(kubernetes());
    let heeded = measured("signal-during-start", Way::StartsSlowly, &script).await;
    assert_eq!(failures(&heeded), [""; 0]);
    let told = heeded.excused.iter().any(|it| it.contains("in 4 starts"));
    assert!(told, "{:?}", heeded.excused);

    let forgotten = measured("signal-during-start", Way::StartsAnyway, &script).await;
    assert_eq!(
        failures(&forgotten),
        ["sigkill-needed", "ready-after-signal"]
    );
}

#[tokio::test]
async fn what_is_waited_for_without_a_limit_ends_by_sigkill() {
    for (name, way, cause) in [
        ("stuck-request", Way::WaitsForRequests, "without a limit"),
        ("endless-download", Way::WaitsForRequests, "to be taken"),
        ("slow-loris", Way::WaitsForHeads, "half a request"),
        (
            "idle-keep-alives",
            Way::WaitsForIdle,
            "closed by its client",
        ),
    ] {
        // The load's own connections shall not be what is waited for.
        let script = brief(kubernetes());
        let measured = measured(name, way, &script).await;
        assert_eq!(failures(&measured), ["sigkill-needed"], "{name}");
        let said = &measured.findings[0].cause;
        assert!(said.contains(cause), "{name}: {said}");
    }
}

#[tokio::test]
async fn a_program_that_is_asked_for_faults_and_does_worse_fails() {
    let target = victim::target(Way::FaultsBadly);
    let script = brief(kubernetes());
    let ability = Ability::of(&target, &script, &quiet()).await.unwrap();
    assert_eq!(ability, Ability::Faults);
    for (name, found) in [
        ("hanging-close", &["sigkill-needed"][..]),
        ("panicking-close=db", &["exit-not-zero", "fault-not-told"]),
        ("blocked-executor", &["sigkill-needed"]),
        ("full-disk", &["exit-not-zero"]),
        (
            "dependency-gone",
            &["fault-not-told", "fault-not-told", "fault-not-told"],
        ),
    ] {
        let measured = measured(name, Way::FaultsBadly, &script).await;
        assert_eq!(failures(&measured), found, "{name}");
    }
}

#[tokio::test]
async fn a_shutdown_that_needs_the_whole_machine_fails_on_a_busy_one() {
    let mut script = brief(kubernetes());
    script.grace = Duration::from_millis(2_300);
    let starved = measured("cpu-starvation", Way::Toils, &script).await;
    assert_eq!(failures(&starved), ["sigkill-needed"]);
    let cause = &starved.findings[0].cause;
    assert!(cause.contains("busy machine"), "{cause}");
}

#[tokio::test]
async fn an_early_sigkill_excuses_only_what_it_finds_under_way() {
    let dropped = measured("early-sigkill", Way::DiesAtOnce, &brief(kubernetes())).await;
    assert!(failures(&dropped).contains(&"request-lost"));

    let mut lagging = brief(lagging());
    lagging.routing_lag = Duration::from_secs(1);
    let sat_on = measured("early-sigkill", Way::SitsOn, &lagging).await;
    assert_eq!(failures(&sat_on), ["request-sat-on"]);

    let mut load = victim::load();
    // Longer than what is left: nothing can save them.
    load.slow = vec![RequestSpec::get("/slower")];
    let target = victim::target(Way::WaitsForRequests);
    let played = play_with("early-sigkill", &target, &lagging, &load, None).await;
    let Played::Measured(in_flight) = played else {
        panic!("it is applicable");
    };
    assert_eq!(failures(&in_flight), [""; 0]);
    let warned = in_flight.findings.iter();
    assert!(warned.into_iter().any(|it| it.name == "killed-in-flight"));
}

#[tokio::test]
async fn what_says_nothing_about_a_program_is_not_played_in_silence() {
    let script = brief(kubernetes());
    let target = victim::target(Way::Polite);
    let ability = Ability::of(&target, &script, &quiet()).await.unwrap();
    assert_eq!(ability, Ability::Neither);
    let reporting = Ability::of(&victim::target(Way::Reporting), &script, &quiet()).await;
    assert_eq!(reporting.unwrap(), Ability::Report);

    for (name, ability, why) in [
        (
            "hanging-close",
            Ability::Neither,
            "does not link the lifecycle runtime",
        ),
        (
            "panicking-close",
            Ability::Report,
            "without the runtime's feature",
        ),
        ("full-disk", Ability::Neither, "leaves no report"),
    ] {
        let Played::NotApplicable(said) = play(name, &target, &script, Some(ability)).await else {
            panic!("{name} was played");
        };
        assert!(said.contains(why), "{said}");
    }

    // This page does not wait for what is sent to it.
    let played = play("stuck-request=/early", &target, &script, None).await;
    let answered = |why: &str| why.contains("it was answered: HTTP/1.1 200");
    assert!(matches!(played, Played::NotApplicable(why) if answered(&why)));

    // Nothing is under way, and it leaves before anybody could ask again.
    let mut load = victim::load();
    load.slow.clear();
    load.requests.clear();
    let quick = victim::target(Way::LeavesAtOnce);
    let played = play_with("second-signal", &quick, &script, &load, None).await;
    assert!(matches!(played, Played::NotApplicable(why) if why.contains("had left")));

    // No load, nobody to send half a request to.
    let played = play_with("slow-loris", &target, &script, &Load::default(), None).await;
    assert!(matches!(played, Played::NotApplicable(why) if why.contains("no requests are sent")));
}

#[tokio::test]
async fn an_argument_that_cannot_be_meant_is_an_error() {
    let asked: Asked = "hanging-close=dbs".parse().unwrap();
    let (target, script) = (victim::target(Way::Polite), brief(kubernetes()));
    let ability = Some(Ability::Faults);
    let played = scenario::run(&asked, ability, &target, &script, &victim::load(), &quiet()).await;
    let error = played.unwrap_err().to_string();
    assert_eq!(error, "the plan has no resource `dbs`; it has http, db");
}
