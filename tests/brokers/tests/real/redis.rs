//! Redis, on a Unix socket.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::{Mutex, MutexGuard};

use lifecycle_broker_tests::streams::GROUP;
use redis::streams::StreamAutoClaimReply;
use redis::{Client, Connection};
use tempfile::TempDir;

use crate::server::{Process, installed};
use crate::worker::Lease;

pub(crate) struct Server {
    url: String,
    process: Process,
    _folder: TempDir,
}

impl Server {
    pub(crate) fn start() -> Option<Self> {
        if !installed("redis-server") {
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("socket");
        let server = Process::spawn(
            Command::new("redis-server")
                .args(["--port", "0", "--save", "", "--appendonly", "no"])
                .arg("--unixsocket")
                .arg(&socket)
                .arg("--dir")
                .arg(folder.path()),
        );
        let url = format!("unix://{}", socket.display());
        let client = Client::open(url.as_str()).unwrap();
        server.wait_until(|| client.get_connection().is_ok());
        Some(Self {
            url,
            process: server,
            _folder: folder,
        })
    }

    pub(crate) fn queue(&self, name: &str) -> Queue {
        let client = Client::open(self.url.as_str()).unwrap();
        let queue = Queue {
            connection: Mutex::new(client.get_connection().unwrap()),
            url: self.url.clone(),
            key: name.to_owned(),
            entries: Mutex::default(),
        };
        let mut create = redis::cmd("XGROUP");
        create.arg("CREATE").arg(name).arg(GROUP).arg("0");
        let made: () = create.arg("MKSTREAM").query(&mut *queue.redis()).unwrap();
        let () = made;
        queue
    }

    pub(crate) fn stop(&self) {
        self.process.kill();
    }
}

pub(crate) struct Queue {
    connection: Mutex<Connection>,
    url: String,
    key: String,
    /// Ids of the entries of jobs.
    entries: Mutex<BTreeMap<String, String>>,
}

impl Queue {
    fn redis(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap()
    }

    /// Takes a job from whoever has it, as a consumer does who thinks that its consumer is dead.
    pub(crate) fn steal(&self, id: &str) {
        let entry = self.entries.lock().unwrap()[id].clone();
        let mut claim = redis::cmd("XCLAIM");
        claim
            .arg(&self.key)
            .arg(GROUP)
            .arg("thief")
            .arg(0)
            .arg(entry);
        let _: redis::Value = claim.query(&mut *self.redis()).unwrap();
    }
}

impl crate::Queue for Queue {
    const FAILED_IS_KEPT: bool = true;

    fn environment(&self) -> [(&'static str, String); 2] {
        [("BROKER", "redis".to_owned()), ("URL", self.url.clone())]
    }

    fn publish(&self, id: &str, body: &str) {
        let mut add = redis::cmd("XADD");
        add.arg(&self.key)
            .arg("*")
            .arg("id")
            .arg(id)
            .arg("body")
            .arg(body);
        let entry: String = add.query(&mut *self.redis()).unwrap();
        self.entries.lock().unwrap().insert(id.to_owned(), entry);
    }

    fn claim(&self, lease: Lease) -> Vec<String> {
        let mut idle = redis::cmd("XAUTOCLAIM");
        idle.arg(&self.key).arg(GROUP).arg("second");
        let idle: StreamAutoClaimReply = idle
            .arg(lease.millis())
            .arg("0")
            .query(&mut *self.redis())
            .unwrap();
        let mut new = redis::cmd("XREADGROUP");
        new.arg("GROUP").arg(GROUP).arg("second");
        let new: Option<redis::streams::StreamReadReply> = new
            .arg("STREAMS")
            .arg(&self.key)
            .arg(">")
            .query(&mut *self.redis())
            .unwrap();
        let new = new.into_iter().flat_map(|reply| reply.keys);
        let entries = idle.claimed.into_iter().chain(new.flat_map(|key| key.ids));
        entries.map(|entry| entry.get("id").unwrap()).collect()
    }

    fn jobs(&self) -> usize {
        redis::cmd("XLEN")
            .arg(&self.key)
            .query(&mut *self.redis())
            .unwrap()
    }
}
