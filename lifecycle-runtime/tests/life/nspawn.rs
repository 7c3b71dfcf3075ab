//! A real systemd as the service manager: booted in a container over this machine's own file system.

#[path = "../../../tests/booted.rs"]
mod booted;

use crate::running::skipped;
use booted::{Left, System};

/// One line of `systemctl show` for each `-p`, under the unit's name.
const DRILL: &str = r#"
show() { unit=$1; shift; echo "[$unit]" >>/share/log; systemctl show "$@" "$unit" >>/share/log; }
systemctl start patient.service
show patient.service -p ActiveState -p StatusText
systemctl stop patient.service
show patient.service -p Result -p ExecMainStatus
systemctl start unheard.service
until grep -q working /share/unheard; do sleep 0.1; done
systemctl stop unheard.service
show unheard.service -p Result
systemctl start wedged.service
sleep 2
show wedged.service -p ActiveState
for _ in $(seq 100); do systemctl is-active --quiet wedged.service || break; sleep 0.1; done
show wedged.service -p Result
echo "[end]" >>/share/log
systemctl --no-block poweroff --force --force
"#;

fn unit(name: &str, scenario: &str, more: &str) -> String {
    format!(
        "[Unit]\nDefaultDependencies=no\n[Service]\n\
         ExecStart=/share/subject subject --exact --ignored --nocapture --test-threads=1\n\
         Environment=SCENARIO={scenario}\nStandardOutput=file:/share/{name}\nStandardError=null\n{more}"
    )
}

#[test]
fn systemd_waits_for_the_plan_and_ends_what_is_wedged() {
    let Some(system) = System::running("a real systemd", DRILL, "") else {
        return;
    };
    // Its work is cut at 2 s, and its process is gone a moment later.
    system.write(
        "units/patient.service",
        &unit("patient", "busy", "Type=notify\nTimeoutStopSec=1s\n"),
    );
    system.write(
        "units/unheard.service",
        &unit("unheard", "busy", "NotifyAccess=none\nTimeoutStopSec=1s\n"),
    );
    system.write(
        "units/wedged.service",
        &unit("wedged", "wedged-later", "Type=notify\nWatchdogSec=1s\n"),
    );

    let subject = std::env::current_exe().unwrap();
    let Some(Left { log, console }) = system.boot(&[("subject", subject.as_path())]) else {
        return;
    };
    assert_eq!(
        log,
        "\
[patient.service]
StatusText=ready
ActiveState=active
[patient.service]
Result=exit-code
ExecMainStatus=80
[unheard.service]
Result=timeout
[wedged.service]
ActiveState=active
[wedged.service]
Result=watchdog
[end]
",
        "{console}"
    );
}
