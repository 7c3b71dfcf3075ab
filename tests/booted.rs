//! A systemd that is booted in a container over this machine's own file system, for tests that have units
//! for it. Included as a module by each, beside `skipped`.

use std::path::Path;
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use tempfile::TempDir;

use super::skipped;

/// Mounts go with the mount namespace that this is run in.
const BOOT: &str = r#"
mount -t tmpfs none "$WORK/overlay"
mkdir "$WORK/overlay/upper" "$WORK/overlay/work" "$WORK/overlay/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$WORK/overlay/upper,workdir=$WORK/overlay/work" "$WORK/overlay/root"
cp -r "$WORK"/units/* "$WORK/overlay/root/etc/systemd/system/"
exec timeout -k 5 60 systemd-nspawn --quiet --register=no --keep-unit --private-network \
    --machine="lifecycle-units-$$" --bind="$WORK/share:/share" "$@" \
    --directory="$WORK/overlay/root" --boot systemd.unit=drill.target
"#;

/// Two systems that boot at once share the machine's control groups, and remove each other's.
static TURN: Mutex<()> = Mutex::new(());

/// A system before it boots: what is in `units` of its folder is among its units, and `share` is its
/// `/share`.
pub(crate) struct System {
    folder: TempDir,
    what: &'static str,
}

/// What is left of a system that is off again.
pub(crate) struct Left {
    /// What its script has written into `/share/log`.
    pub(crate) log: String,
    pub(crate) console: String,
}

impl System {
    /// One that only runs this script, in a unit with these further lines. `None`, and said to be skipped,
    /// where this machine lets nobody boot one.
    pub(crate) fn running(what: &'static str, script: &str, unit: &str) -> Option<Self> {
        let asked = Command::new("systemd-nspawn").arg("--version").output();
        if asked.is_err() {
            skipped(&format!("{what}: there is no systemd-nspawn"));
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        for name in ["units", "share", "overlay"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        if !can_mount(&folder.path().join("overlay")) {
            skipped(&format!("{what}: this user may not mount"));
            return None;
        }
        let system = Self { folder, what };
        system.write("share/drill", script);
        system.write(
            "units/drill.service",
            &format!(
                "[Unit]\nDefaultDependencies=no\n{unit}[Service]\nType=oneshot\nStandardOutput=null\n\
                 ExecStart=/bin/sh /share/drill\n"
            ),
        );
        system.write(
            "units/drill.target",
            "[Unit]\nDefaultDependencies=no\nWants=drill.service\n",
        );
        Some(system)
    }

    /// Its folder on this machine.
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path().join(name), text).unwrap();
    }

    /// Boots it, with these programs in its `/share`, and waits until it is off again. `None`, and said to
    /// be skipped, where it does not come as far as its script.
    pub(crate) fn boot(&self, programs: &[(&str, &Path)]) -> Option<Left> {
        let mut command = Command::new("unshare");
        command
            .args(["--mount", "sh", "-euc", BOOT, "boot"])
            .env("WORK", self.path());
        for (name, program) in programs {
            self.write(&format!("share/{name}"), "");
            command.arg(format!("--bind-ro={}:/share/{name}", program.display()));
        }
        let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let booted = command.output().unwrap();
        let console = String::from_utf8_lossy(&booted.stdout).into_owned()
            + &String::from_utf8_lossy(&booted.stderr);
        let Ok(log) = std::fs::read_to_string(self.path().join("share/log")) else {
            skipped(&format!(
                "{}: systemd does not boot here:\n{console}",
                self.what
            ));
            return None;
        };
        Some(Left { log, console })
    }
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
