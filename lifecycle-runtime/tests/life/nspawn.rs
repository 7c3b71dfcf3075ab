//! A real systemd as the service manager: booted in a container over this machine's own file system.

use std::path::Path;
use std::process::Command;

use crate::running::skipped;

/// One line of `systemctl show` for each `-p`, under the unit's name.
const DRILL: &str = r#"
show() { unit=$1; shift; echo "[$unit]" >>/share/out; systemctl show "$@" "$unit" >>/share/out; }
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
echo "[end]" >>/share/out
systemctl --no-block poweroff --force --force
"#;

/// Mounts go with the mount namespace that this is run in.
const BOOT: &str = r#"
mount -t tmpfs none "$WORK/overlay"
mkdir "$WORK/overlay/upper" "$WORK/overlay/work" "$WORK/overlay/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$WORK/overlay/upper,workdir=$WORK/overlay/work" "$WORK/overlay/root"
cp "$WORK"/units/* "$WORK/overlay/root/etc/systemd/system/"
exec timeout -k 5 60 systemd-nspawn --quiet --register=no --keep-unit --private-network \
    --machine="lifecycle-test-$$" --bind="$WORK/share:/share" --bind-ro="$SUBJECT:/share/subject" \
    --directory="$WORK/overlay/root" --boot systemd.unit=drill.target
"#;

fn unit(name: &str, scenario: &str, more: &str) -> String {
    format!(
        "[Unit]\nDefaultDependencies=no\n[Service]\n\
         ExecStart=/share/subject subject --exact --ignored --nocapture --test-threads=1\n\
         Environment=SCENARIO={scenario}\nStandardOutput=file:/share/{name}\nStandardError=null\n{more}"
    )
}

fn can_mount(work: &Path) -> bool {
    let mount = format!(
        "mount -t tmpfs none '{0}' && mkdir '{0}/u' '{0}/w' '{0}/r' && \
         mount -t overlay overlay -o 'lowerdir=/,upperdir={0}/u,workdir={0}/w' '{0}/r'",
        work.display()
    );
    let tried = Command::new("unshare")
        .args(["--mount", "sh", "-c", &mount])
        .output();
    tried.is_ok_and(|it| it.status.success())
}

#[test]
fn systemd_waits_for_the_plan_and_ends_what_is_wedged() {
    let folder = tempfile::tempdir().unwrap();
    let work = folder.path();
    if Command::new("systemd-nspawn")
        .arg("--version")
        .output()
        .is_err()
    {
        return skipped("a real systemd: there is no systemd-nspawn");
    }
    for name in ["units", "share", "overlay"] {
        std::fs::create_dir(work.join(name)).unwrap();
    }
    if !can_mount(&work.join("overlay")) {
        return skipped("a real systemd: this user may not mount");
    }
    let write = |name: &str, text: &str| std::fs::write(work.join(name), text).unwrap();
    write("share/subject", "");
    write("share/drill", DRILL);
    write(
        "units/drill.service",
        "[Unit]\nDefaultDependencies=no\n[Service]\nType=oneshot\nStandardOutput=null\n\
         ExecStart=/bin/sh /share/drill\n",
    );
    write(
        "units/drill.target",
        "[Unit]\nDefaultDependencies=no\nWants=drill.service\n",
    );
    // Its work is cut at 2 s, and its process is gone a moment later.
    write(
        "units/patient.service",
        &unit("patient", "busy", "Type=notify\nTimeoutStopSec=1s\n"),
    );
    write(
        "units/unheard.service",
        &unit("unheard", "busy", "NotifyAccess=none\nTimeoutStopSec=1s\n"),
    );
    write(
        "units/wedged.service",
        &unit("wedged", "wedged-later", "Type=notify\nWatchdogSec=1s\n"),
    );

    let booted = Command::new("unshare")
        .args(["--mount", "sh", "-euc", BOOT])
        .env("WORK", work)
        .env("SUBJECT", std::env::current_exe().unwrap())
        .output()
        .unwrap();
    let console = String::from_utf8_lossy(&booted.stdout).into_owned()
        + &String::from_utf8_lossy(&booted.stderr);
    let Ok(out) = std::fs::read_to_string(work.join("share/out")) else {
        return skipped(&format!(
            "a real systemd: it does not boot here:\n{console}"
        ));
    };
    assert_eq!(
        out,
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
