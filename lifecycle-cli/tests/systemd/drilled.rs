//! `lifecycle drill --unit` in a booted systemd: systemd is the platform, and the unit is afterwards as
//! it was before.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::Path;

use serde_json::Value;

use super::booted::{Left, System};
use super::nspawn::{HERE, free_port};
use super::subject::arguments;
use super::this_program;

/// Each unit is drilled where it did not run and where it did; at last a drill is killed.
const DRILL: &str = r#"
cd /share
drill() {
    ./lifecycle drill --unit "$1" --port "$2" --no-traffic --warm-up 300ms --format json >"$3.json" 2>"$3.said"
    echo "$3.exit=$?" >>log
    echo "$3.state=$(systemctl is-active "$1.service")" >>log
}
drill drains $DRAINS drains
systemctl start ignores.service
drill ignores $IGNORES ignores
./lifecycle drill --unit drains --port $DRAINS --no-traffic --warm-up 60s >killed.said 2>&1 &
for _ in $(seq 100); do grep -q 'under load' killed.said && break; sleep 0.05; done
echo "killed.before=$(systemctl is-active drains.service)" >>log
kill -9 $!
for _ in $(seq 200); do [ "$(systemctl is-active drains.service)" = inactive ] && break; sleep 0.05; done
echo "killed.after=$(systemctl is-active drains.service)" >>log
echo done=1 >>log
systemctl --no-block poweroff --force --force
"#;

#[test]
fn a_unit_is_drilled_through_systemctl_and_left_as_it_was() {
    let (drains, ignores) = (free_port(), free_port());
    let script = format!("DRAINS={drains}\nIGNORES={ignores}\n{DRILL}");
    // Referred to, as enabled units are, so that systemd remembers how they ended.
    let after = "After=drains.service ignores.service\n";
    let Some(system) = System::running("drills of units", &script, after) else {
        return;
    };
    for (name, port, stop) in [
        (
            "drains",
            drains,
            "ExecStop=/bin/sleep 1\nKillSignal=SIGINT\n",
        ),
        ("ignores", ignores, ""),
    ] {
        let mut unit = format!("{HERE}{name}.out\nType=exec\nTimeoutStopSec=3\n{stop}");
        let _infallible = writeln!(
            unit,
            "ExecStart=/share/subject {} -- {port}",
            arguments(name).join(" ")
        );
        system.write(&format!("units/{name}.service"), &unit);
    }

    let subject = this_program();
    let lifecycle = Path::new(env!("CARGO_BIN_EXE_lifecycle"));
    let programs = [("subject", subject.as_path()), ("lifecycle", lifecycle)];
    let Some(Left { log, console }) = system.boot(&programs) else {
        return;
    };
    let share = system.path().join("share");
    let said = |name: &str| std::fs::read_to_string(share.join(name)).unwrap_or_default();
    let log: HashMap<&str, &str> = log
        .lines()
        .filter_map(|line| line.split_once('='))
        .collect();
    assert_eq!(log.get("done"), Some(&"1"), "{log:?}\n{console}");
    let measured = |name: &str| -> Value {
        serde_json::from_str(&said(&format!("{name}.json")))
            .unwrap_or_else(|_| panic!("{}", said(&format!("{name}.said"))))
    };
    let between = |measured: &Value, from: &str, to: &str| {
        let at = |key: &str| measured["timeline"][key].as_f64();
        at(to).unwrap_or_else(|| panic!("{measured:#}")) - at(from).unwrap()
    };

    // A hook of a second, the unit's own signal, and a second and a half of work.
    let drained = measured("drains");
    assert_eq!(drained["platform"], "systemd");
    assert_eq!(drained["signal"], "SIGINT");
    assert_eq!(drained["planned"]["grace_ms"], 3_000.0);
    assert_eq!(drained["process"]["status"]["code"], 0, "{drained:#}");
    assert_eq!(
        drained["process"]["signalled"]["main"]["reaction"],
        "handles"
    );
    let hook = between(&drained, "asked_ms", "signalled_ms");
    assert!((900.0..4_000.0).contains(&hook), "{hook}");
    let work_done = between(&drained, "signalled_ms", "ended_ms");
    assert!((1_300.0..5_000.0).contains(&work_done), "{work_done}");
    assert_eq!(log["drains.state"], "inactive");

    // systemd's own SIGKILL after its own three seconds; it ran before, and runs again.
    let cut = measured("ignores");
    assert_eq!(cut["process"]["sigkill_needed"], true, "{cut:#}");
    let killed = between(&cut, "signalled_ms", "killed_ms");
    assert!((2_800.0..6_000.0).contains(&killed), "{killed}");
    assert_eq!((log["ignores.exit"], log["ignores.state"]), ("1", "active"));

    assert_eq!(
        (log["killed.before"], log["killed.after"]),
        ("active", "inactive"),
        "{}",
        said("killed.said")
    );
}
