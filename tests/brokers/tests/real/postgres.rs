//! PostgreSQL: a cluster of its own, without TCP. It refuses to run as root.

use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use lifecycle_broker_tests::postgres::SCHEMA;
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::server::{Process, block_on};
use crate::worker::Lease;

pub(crate) struct Server {
    url: String,
    process: Process,
    _folder: TempDir,
}

/// Debian keeps the server's programs out of the PATH, a folder a version.
fn programs() -> Option<PathBuf> {
    let folders = std::fs::read_dir("/usr/lib/postgresql").ok()?;
    let mut found: Vec<PathBuf> = folders
        .filter_map(|entry| Some(entry.ok()?.path().join("bin")))
        .filter(|folder| folder.join("initdb").is_file())
        .collect();
    found.sort();
    found.pop()
}

/// The user and the group that a server runs as; the caller's own, except for root.
fn user() -> Option<(u32, u32)> {
    if !rustix::process::geteuid().is_root() {
        return None;
    }
    let id = |kind| {
        let output = Command::new("id")
            .args([kind, "postgres"])
            .output()
            .unwrap();
        String::from_utf8(output.stdout)
            .unwrap()
            .trim()
            .parse()
            .unwrap()
    };
    Some((id("-u"), id("-g")))
}

fn run_as(program: &Path, user: Option<(u32, u32)>) -> Command {
    let mut command = Command::new(program);
    if let Some((user, group)) = user {
        command.uid(user).gid(group);
    }
    // Where every user may be.
    command.current_dir("/");
    command
}

impl Server {
    pub(crate) fn start() -> Option<Self> {
        let programs = programs()?;
        let user = user();
        let folder = tempfile::tempdir().unwrap();
        if let Some((user, group)) = user {
            chown(folder.path(), Some(user), Some(group)).unwrap();
        }
        let data = folder.path().join("data");
        let made = run_as(&programs.join("initdb"), user)
            .args([
                "--username=test",
                "--auth=trust",
                "--no-sync",
                "--encoding=UTF8",
                "-D",
            ])
            .arg(&data)
            .stdout(Stdio::null())
            .status()
            .unwrap();
        assert!(made.success(), "initdb: {made}");
        let server = Process::spawn(
            run_as(&programs.join("postgres"), user)
                .arg("-D")
                .arg(&data)
                .arg("-k")
                .arg(folder.path())
                .args(["-c", "listen_addresses=", "-c", "fsync=off"]),
        );
        let url = format!(
            "postgres:///postgres?user=test&host={}",
            folder.path().display()
        );
        server.wait_until(|| {
            block_on(async {
                let db = PgPool::connect(&url).await;
                match db {
                    Ok(db) => sqlx::raw_sql(SCHEMA).execute(&db).await.is_ok(),
                    Err(_) => false,
                }
            })
        });
        Some(Self {
            url,
            process: server,
            _folder: folder,
        })
    }

    pub(crate) fn queue(&self, name: &str) -> Queue {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let connecting = PgPoolOptions::new().max_connections(1).connect(&self.url);
        Queue {
            db: runtime.block_on(connecting).unwrap(),
            runtime,
            url: self.url.clone(),
            name: name.to_owned(),
        }
    }

    pub(crate) fn stop(&self) {
        self.process.kill();
    }
}

pub(crate) struct Queue {
    db: PgPool,
    runtime: Runtime,
    url: String,
    name: String,
}

impl Queue {
    /// Takes a job from whoever has it, as a consumer does that finds the claim run out.
    pub(crate) fn steal(&self, id: &str) {
        let sql = "UPDATE jobs SET claimed_by = 'thief', claimed_until = now() + interval '1 hour'
                   WHERE queue = $1 AND id = $2";
        let update = sqlx::query(sql).bind(&self.name).bind(id);
        self.runtime.block_on(update.execute(&self.db)).unwrap();
    }
}

impl crate::Queue for Queue {
    const FAILED_IS_KEPT: bool = true;

    fn environment(&self) -> [(&'static str, String); 2] {
        [("BROKER", "postgres".to_owned()), ("URL", self.url.clone())]
    }

    fn publish(&self, id: &str, body: &str) {
        let sql = "INSERT INTO jobs (id, queue, body) VALUES ($1, $2, $3)";
        let insert = sqlx::query(sql).bind(id).bind(&self.name).bind(body);
        self.runtime.block_on(insert.execute(&self.db)).unwrap();
    }

    fn claim(&self, _: Lease) -> Vec<String> {
        let sql = "UPDATE jobs SET claimed_by = 'second', claimed_until = now() + interval '1 hour'
                   WHERE queue = $1 AND id IN (
                       SELECT id FROM jobs WHERE queue = $1 AND claimed_until <= now()
                       ORDER BY id FOR UPDATE SKIP LOCKED)
                   RETURNING id";
        let query = sqlx::query_scalar(sql).bind(&self.name);
        self.runtime.block_on(query.fetch_all(&self.db)).unwrap()
    }

    fn jobs(&self) -> usize {
        let query = sqlx::query_scalar("SELECT count(*) FROM jobs WHERE queue = $1");
        let count: i64 = self
            .runtime
            .block_on(query.bind(&self.name).fetch_one(&self.db))
            .unwrap();
        usize::try_from(count).unwrap()
    }
}
